package app

import (
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func readLines(t *testing.T, l *Lines) []string {
	t.Helper()
	var got []string
	for line, ok := l.Next(); ok; line, ok = l.Next() {
		got = append(got, line)
	}
	return got
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", MaxLine+10)
	tests := []struct {
		name  string
		input string
		want  []string
		cut   uint64
	}{
		{"+ nothing", "", nil, 0},
		{"+ one line", "a\n", []string{"a"}, 0},
		{"+ no end at the end", "a\nb", []string{"a", "b"}, 0},
		{"+ empty lines", "\n\na\n\n", []string{"", "", "a", ""}, 0},
		{"+ carriage returns", "a\r\nb\r", []string{"a", "b"}, 0},
		{"+ NUL and bad UTF-8", "a\x00\xff\nb\n", []string{"a\x00\xff", "b"}, 0},
		{"- a line too long is cut and the next one is whole", "a\n" + long + "\nb\n", []string{"a", long[:MaxLine], "b"}, 1},
		{"- a line too long at the end", long, []string{long[:MaxLine]}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for how, l := range map[string]*Lines{
				"whole":   NewLines(strings.NewReader(test.input)),
				"halves":  NewLines(iotest.HalfReader(strings.NewReader(test.input))),
				"dataErr": NewLines(iotest.DataErrReader(strings.NewReader(test.input))),
			} {
				if diff := cmp.Diff(test.want, readLines(t, l)); diff != "" {
					t.Errorf("%s: lines (-want +got):\n%s", how, diff[:min(len(diff), 500)])
				}
				if l.Err() != nil || l.Cut() != test.cut {
					t.Errorf("%s: Err() = %v, Cut() = %d, want nil, %d", how, l.Err(), l.Cut(), test.cut)
				}
			}
		})
	}
}

func TestLinesByteByByte(t *testing.T) {
	l := NewLines(iotest.OneByteReader(strings.NewReader("ab\r\n\nc")))
	if diff := cmp.Diff([]string{"ab", "", "c"}, readLines(t, l)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestLinesError(t *testing.T) {
	l := NewLines(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("ab\ncd"))))
	readLines(t, l)
	if l.Err() == nil {
		t.Error("Err() = nil after a reader's error, want the error")
	}
}

func FuzzLines(f *testing.F) {
	f.Add("a\nb\r\n\nc")
	f.Fuzz(func(t *testing.T, input string) {
		var got []string
		l := NewLines(iotest.HalfReader(strings.NewReader(input)))
		for line, ok := l.Next(); ok; line, ok = l.Next() {
			got = append(got, line)
		}
		want := strings.Split(input, "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		for i := range want {
			want[i] = strings.TrimSuffix(want[i], "\r")
		}
		if diff := cmp.Diff(len(want), len(got)); diff != "" {
			t.Fatalf("number of lines (-want +got):\n%s", diff)
		}
		for i := range want {
			if want[i] != got[i] {
				t.Fatalf("line %d: got %q, want %q", i, got[i], want[i])
			}
		}
	})
}
