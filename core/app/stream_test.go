package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

var runs = time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)

// times returns what happened when, in the order of the merge; "!" marks a time
// that could not be true.
func times(t *testing.T, in Input) ([]string, Usage) {
	t.Helper()
	in.Now = runs
	var got []string
	usage, err := in.EachEvent(context.Background(), func(ev *event.Event) error {
		mark := ""
		if ev.Clamped {
			mark = "!"
		}
		got = append(got, fmt.Sprint(ev.Time.Format("01-02 15:04"), mark, " ", strings.Clone(ev.Message)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, usage
}

func at(clock, text string) string { return "2026-03-" + clock + ":00Z gw1 app: " + text + "\n" }

func TestLinesWithoutABelievableTime(t *testing.T) {
	trace := strings.Repeat("  at main.go:7\n", maxAhead-1)
	tests := []struct {
		name, text string
		want       []string
		impossible uint64
	}{
		{"+ a banner takes the first time", "-- Journal begins at Mon --\n" + at("02T08:00", "a"), []string{"03-02 08:00 -- Journal begins at Mon --", "03-02 08:00 a"}, 0},
		{"+ no time at all is when the file was written", "banner\n", []string{"02-20 00:00 banner"}, 0},
		{"+ a line between takes the one before", at("01T08:00", "a") + "  x\n" + at("01T09:00", "b"), []string{"03-01 08:00 a", "03-01 08:00 x", "03-01 09:00 b"}, 0},
		{"+ a gap of days is believed when the next line confirms it", at("01T08:00", "a") + at("02T18:00", "b") + "  x\n" + at("02T17:59", "c"), []string{"03-01 08:00 a", "03-02 18:00 b", "03-02 18:00 x", "03-02 17:59 c"}, 0},
		{"+ or when nothing follows", at("01T08:00", "a") + at("02T18:00", "b"), []string{"03-01 08:00 a", "03-02 18:00 b"}, 0},
		{"- a lone line far ahead takes the last time", "2026-01-01T08:00:00Z gw1 app: a\n" + at("02T18:00", "forged") + "  x\n2026-01-01T09:00:00Z gw1 app: b\n", []string{"01-01 08:00 a", "01-01 08:00! forged", "01-01 08:00 x", "01-01 09:00 b"}, 1},
		{"- a lone first line far ahead takes the next time", at("02T18:00", "forged") + "2026-01-01T09:00:00Z gw1 app: b\n", []string{"01-01 09:00! forged", "01-01 09:00 b"}, 1},
		{"- a banner before it, too", "banner\n" + at("02T18:00", "forged") + "2026-01-01T09:00:00Z gw1 app: b\n", []string{"01-01 09:00 banner", "01-01 09:00! forged", "01-01 09:00 b"}, 1},
		{"- 2099 at the top", "2099-01-01T00:00:00Z gw1 app: forged\n" + at("01T08:00", "a"), []string{"03-01 08:00! forged", "03-01 08:00 a"}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, "a.log", test.text)
			if err := os.Chtimes(path, time.Time{}, time.Date(2026, 2, 20, 0, 0, 0, 0, time.UTC)); err != nil {
				t.Fatal(err)
			}
			got, usage := times(t, Input{Paths: []string{path}})
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], "   ", " ")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if usage.Files[0].Impossible != test.impossible {
				t.Errorf("%d impossible times, want %d", usage.Files[0].Impossible, test.impossible)
			}
		})
	}
	got, usage := times(t, Input{Stdin: strings.NewReader(trace + at("02T08:00", "a"))})
	if want := "03-02 08:00 "; !strings.HasPrefix(got[0], want) || usage.Lines != maxAhead {
		t.Errorf("a long stack trace at the top: %q of %d lines, want %q", got[0], usage.Lines, want)
	}
}

// One line must not hold back its file while others are read to their ends.
func TestNoLineHoldsItsFileBack(t *testing.T) {
	other := at("01T08:30", "x") + at("02T08:30", "y")
	for name, text := range map[string]string{
		"- without a time": "-- Journal begins --\n" + at("01T08:00", "a") + at("01T09:00", "b"),
		"- months ahead":   at("01T08:00", "a") + at("02T23:00", "forged") + at("01T09:00", "b"),
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := times(t, Input{Paths: []string{write(t, "a.log", text), write(t, "b.log", other)}})
			var order []string
			for _, line := range got {
				if f := strings.Fields(line); len(f[2]) == 1 {
					order = append(order, f[2])
				}
			}
			if diff := cmp.Diff([]string{"a", "x", "b", "y"}, order); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheFilesOwnTimeClampsNothing(t *testing.T) {
	for name, written := range map[string]time.Time{"touched": time.Unix(1, 0), "behind": runs.AddDate(-1, 0, 0), "ahead": runs.AddDate(1, 0, 0)} {
		path := write(t, "a.log", at("02T08:00", "a"))
		if err := os.Chtimes(path, time.Time{}, written); err != nil {
			t.Fatal(err)
		}
		got, _ := times(t, Input{Paths: []string{path}})
		if diff := cmp.Diff([]string{"03-02 08:00 a"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLinesThatAStateHasSeenAreCounted(t *testing.T) {
	e := newEngine(t)
	text := at("01T08:00", "a") + at("01T09:00", "b")
	read := func(text string) FileUsage {
		_, usage := times(t, Input{Stdin: strings.NewReader(text), Source: e.SourceOptions})
		e.KeepClocks(usage.Files)
		return usage.Files[0]
	}
	if f := read(text); f.Old != 0 || f.Events != 2 {
		t.Errorf("first reading: %d of %d lines are old, want 0 of 2", f.Old, f.Events)
	}
	path := filepath.Join(t.TempDir(), "state")
	if err := e.Save(path); err != nil {
		t.Fatal(err)
	}
	e = newEngine(t)
	if err := e.Load(path); err != nil {
		t.Fatal(err)
	}
	if f := read("  x\n" + at("01T09:01", "c")); f.Old != 0 {
		t.Errorf("what follows: %d lines are old, want 0", f.Old)
	}
	if f := read(text); f.Old != 2 {
		t.Errorf("second reading: %d lines are old, want 2", f.Old)
	}
}

func TestClocksAreBounded(t *testing.T) {
	e := newEngine(t)
	for i := range maxClocks + 10 {
		f := FileUsage{Source: fmt.Sprint(i)}
		f.Clock.Newest = runs.Add(time.Duration(i) * time.Second)
		e.KeepClocks([]FileUsage{f})
	}
	if _, old := e.clocks["9"]; len(e.clocks) != maxClocks || old {
		t.Errorf("%d clocks, the oldest among them %v, want %d, false", len(e.clocks), old, maxClocks)
	}
}
