package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/config"
	"penstock/core/event"
)

func newEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := NewEngine(config.Default())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// day is the log of a day: ordinary life, and a break-in in the afternoon.
func day() string {
	var b strings.Builder
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	say := func(format string, args ...any) {
		at = at.Add(20 * time.Second)
		fmt.Fprintf(&b, "%s gw1 "+format+"\n", append([]any{at.Format(time.RFC3339)}, args...)...)
	}
	for i := range 2000 {
		say("dhcpd: DHCPACK on 10.10.0.%d to 52:54:00:12:34:%02x via eth0", i%200, i%200)
		say("CRON[%d]: (root) CMD (run-parts /etc/cron.hourly)", 1000+i)
		if i > 1500 && i < 1540 {
			say("sshd[%d]: Failed password for root from 203.0.113.9 port %d ssh2", 2000+i, 40000+i)
		}
		if i == 1545 {
			say("sshd[4000]: Accepted password for root from 203.0.113.9 port 40999 ssh2")
		}
	}
	return b.String()
}

func decide(t testing.TB, e *Engine, text string) []string {
	t.Helper()
	return decideAt(t, e, time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), text)
}

func decideAt(t testing.TB, e *Engine, now time.Time, text string) []string {
	t.Helper()
	var got []string
	in := Input{Stdin: strings.NewReader(text), Now: now, Source: e.SourceOptions}
	usage, err := in.EachEvent(context.Background(), func(ev *event.Event) error {
		o := e.Handle(ev)
		got = append(got, fmt.Sprint(o.Decision, o.Case, o.Severity, o.Class, o.Reasons))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	e.KeepClocks(usage.Files)
	return got
}

func TestSameInputTwiceGivesTheSameDecisions(t *testing.T) {
	if diff := cmp.Diff(decide(t, newEngine(t), day()), decide(t, newEngine(t), day())); diff != "" {
		t.Errorf("decisions (-first +second):\n%s", diff)
	}
}

func TestSplitInputGivesTheSameDecisions(t *testing.T) {
	text := "-- Journal begins --\n" + strings.ReplaceAll(day(), "port 41530 ssh2\n", "port 41530 ssh2\n  at Pump.run(Pump.java:7)\n  at Pump.main(Pump.java:3)\n")
	whole := decide(t, newEngine(t), text)
	lines := strings.SplitAfter(text, "\n")
	trace := slices.Index(lines, "  at Pump.run(Pump.java:7)\n")
	for _, at := range []int{0, 2, 100, trace, trace + 1, trace + 2, 3050, len(lines) - 1} {
		path := filepath.Join(t.TempDir(), "state")
		first := newEngine(t)
		got := decide(t, first, strings.Join(lines[:at], ""))
		if err := first.Save(path); err != nil {
			t.Fatal(err)
		}
		second := newEngine(t)
		if err := second.Load(path); err != nil {
			t.Fatal(err)
		}
		got = append(got, decide(t, second, strings.Join(lines[at:], ""))...)
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Errorf("split at line %d (-whole +split):\n%s", at, diff)
		}
	}
}

func TestBreakInIsHigh(t *testing.T) {
	e := newEngine(t)
	decide(t, e, day())
	verdicts := e.Verdicts()
	if len(verdicts) == 0 {
		t.Fatal("no case for a break-in")
	}
	v := verdicts[0]
	if v.Case.Floor != event.High || v.Case.Class != event.SuspiciousLogin {
		t.Errorf("the gravest case is %s %s, want High suspicious-login", v.Case.Floor, v.Case.Class)
	}
	if v.Case.Peers[0].Value != "203.0.113.9" || v.Case.Peers[0].Origin != event.Observed {
		t.Errorf("peer = %+v, want 203.0.113.9, observed", v.Case.Peers[0])
	}
	if v.Report.Assessment.Severity != event.High || len(v.Report.Advice.Steps) == 0 {
		t.Errorf("report: severity %s, %d steps, want High and some", v.Report.Assessment.Severity, len(v.Report.Advice.Steps))
	}
	if len(v.Decision.Orders()) > 0 {
		t.Error("an order without any configuration that allows one")
	}
}

func TestLoadRefusesWhatIsNoState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := newEngine(t).Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v, want %v", err, os.ErrNotExist)
	}
	if err := newEngine(t).Save(path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		content []byte
		want    error
	}{
		{"- empty", nil, ErrStateForeign},
		{"- another file", []byte(day()), ErrStateForeign},
		{"- another version", append([]byte("PENSTOCK\x02"), content[len(stateMagic):]...), ErrStateForeign},
		{"- cut", content[:len(content)-1], ErrStateBroken},
		{"- one bit turned", flipped(content), ErrStateBroken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(path, test.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := newEngine(t).Load(path); !errors.Is(err, test.want) {
				t.Errorf("error = %v, want %v", err, test.want)
			}
		})
	}
}

func flipped(content []byte) []byte {
	c := append([]byte(nil), content...)
	c[len(c)-5] ^= 1
	return c
}

func TestSaveKeepsTheOldStateWhenItCannotWrite(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "state")
	e := newEngine(t)
	if err := e.Save(path); err != nil {
		t.Fatal(err)
	}
	if err := e.Save(filepath.Join(folder, "none", "state")); err == nil {
		t.Error("saved into a folder that does not exist")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v, want mode 0600", info, err)
	}
	if rest, _ := filepath.Glob(filepath.Join(folder, ".state*")); len(rest) > 0 {
		t.Errorf("temporary files are left: %v", rest)
	}
}

// A10: lines from the years 1970 and 2099 close no case and reset no bound.
func TestImpossibleTimesCloseNoCase(t *testing.T) {
	e := newEngine(t)
	text := day()
	decide(t, e, text)
	before := e.Verdicts()
	decide(t, e, "2099-01-01T00:00:00Z gw1 dhcpd: DHCPACK on 10.10.0.1 to 52:54:00:12:34:01 via eth0\n"+
		"1970-01-01T00:00:00Z gw1 dhcpd: DHCPACK on 10.10.0.1 to 52:54:00:12:34:01 via eth0\n")
	for _, v := range before {
		now, ok := e.book.Find(v.Case.ID)
		if !ok || now.Status != v.Case.Status {
			t.Errorf("case %s went from %s to %s", v.Case.ID, v.Case.Status, now.Status)
		}
	}
	for _, v := range e.Verdicts() {
		if year := v.Case.Updated.Year(); year != 2026 {
			t.Errorf("case %s was updated in %d", v.Case.ID, year)
		}
	}
}

// A10: a line dated months ahead, though not after the run, lets no time pass for
// the lines around it.
func TestALoneLineMonthsAheadLetsNoTimePass(t *testing.T) {
	const forged = "2026-09-01T00:00:00Z gw1 dhcpd: DHCPACK on 10.10.0.1 to 52:54:00:12:34:01 via eth0\n"
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	lines := strings.SplitAfter(day(), "\n")
	honest, fooled := newEngine(t), newEngine(t)
	want := decideAt(t, honest, now, strings.Join(lines, ""))
	for _, at := range []int{3020, 1000, 0} {
		lines = slices.Insert(lines, at, forged)
	}
	got := decideAt(t, fooled, now, strings.Join(lines, ""))
	if !strings.Contains(got[0], "impossible-time") { // once is enough of it
		t.Errorf("the forged line is %s", got[0])
	}
	if len(got) != len(want)+3 {
		t.Errorf("%d decisions, want %d", len(got), len(want)+3)
	}
	for _, v := range honest.Verdicts() {
		if !slices.ContainsFunc(fooled.Verdicts(), func(f Verdict) bool {
			return f.Case.Class == v.Case.Class && f.Case.Status == v.Case.Status && f.Case.Updated.Equal(v.Case.Updated)
		}) {
			t.Errorf("no case like %s (%s, %s)", v.Case.ID, v.Case.Class, v.Case.Status)
		}
	}
}

func TestCollectorAddsUp(t *testing.T) {
	e := newEngine(t)
	var c Collector
	in := Input{Stdin: strings.NewReader(day()), Now: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), Source: e.SourceOptions}
	_, err := in.EachEvent(context.Background(), func(ev *event.Event) error {
		c.Add(ev, e.Handle(ev))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Report(e, e.Verdicts())
	sum := got.Totals.Suppressed + got.Totals.Attached + got.Totals.Forwarded
	if got.Totals.Events != sum || sum == 0 {
		t.Errorf("events = %d, of which %d were decided", got.Totals.Events, sum)
	}
	if len(got.Sources) != 1 || len(got.Hosts) != 1 || got.Hosts[0].Worst != event.High || len(got.Templates) == 0 {
		t.Errorf("sources %v, hosts %v, %d templates", got.Sources, got.Hosts, len(got.Templates))
	}
	if got.Cases[0].Decision.Mode != "review" {
		t.Errorf("mode of the gravest case = %s, want review", got.Cases[0].Decision.Mode)
	}
}

func BenchmarkRules(b *testing.B) {
	e := newEngine(b)
	decide(b, e, day())
	c := e.book.Cases()[0]
	for b.Loop() {
		e.judge(c)
	}
}
