package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func packed(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func messages(t *testing.T, in Input) ([]string, Usage, error) {
	t.Helper()
	var got []string
	usage, err := in.EachEvent(context.Background(), func(ev *event.Event) error {
		got = append(got, fmt.Sprint(ev.Seq, " ", strings.Clone(ev.Message)))
		return nil
	})
	return got, usage, err
}

const (
	early = "2026-03-02T08:00:00Z gw1 app: one\n2026-03-02T08:00:10Z gw1 app: three\n"
	late  = "2026-03-02T08:00:05Z gw1 app: two\n\n2026-03-02T08:00:10Z gw1 app: four\n"
)

func TestEachEventMergesByTime(t *testing.T) {
	in := Input{Paths: []string{write(t, "a.log", early), write(t, "b.log.gz", packed(t, late))}}
	got, usage, err := messages(t, in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1 one", "2 two", "3 three", "4 four"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if usage.Lines != 5 || usage.Bytes == 0 {
		t.Errorf("usage = %+v, want 5 lines and some bytes", usage)
	}
}

func TestEachEventReadsStandardInput(t *testing.T) {
	for _, paths := range [][]string{nil, {Stdin}} {
		got, _, err := messages(t, Input{Paths: paths, Stdin: strings.NewReader(early), Now: time.Now()})
		if err != nil || len(got) != 2 {
			t.Errorf("paths %q: %d events, error %v, want 2, nil", paths, len(got), err)
		}
	}
}

func TestEachEventKeepsTheInputsOwnNumbers(t *testing.T) {
	line := `{"seq":77,"ts":1772438400,"host":"gw1","source":"app","line":"hello there"}` + "\n"
	got, _, err := messages(t, Input{Stdin: strings.NewReader(line), Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"77 hello there"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestEachEventErrors(t *testing.T) {
	broken := packed(t, strings.Repeat(early, 1000))
	tests := []struct {
		name string
		path string
		want string
	}{
		{"- no such file", filepath.Join(t.TempDir(), "none.log"), "no such file or directory"},
		{"- a folder", t.TempDir(), "is a directory; name the files in it"},
		{"- gzip cut short", write(t, "cut.gz", broken[:len(broken)/2]), "unexpected EOF"},
		{"- gzip header only", write(t, "head.gz", "\x1f\x8b"), "unpack gzip"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := messages(t, Input{Paths: []string{test.path}})
			var ie *InputError
			if !errors.As(err, &ie) || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), test.path) != 1 {
				t.Errorf("error = %v, want an InputError with %q that names the path once", err, test.want)
			}
		})
	}
}

func TestEachEventStopsWhenAsked(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in := Input{Stdin: strings.NewReader(strings.Repeat(early, 5000)), Now: time.Now()}
	if _, err := in.EachEvent(ctx, func(*event.Event) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want %v", err, context.Canceled)
	}
	stop := errors.New("enough")
	in.Stdin = strings.NewReader(early)
	if _, err := in.EachEvent(context.Background(), func(*event.Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error = %v, want the function's own", err)
	}
}
