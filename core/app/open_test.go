package app

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

func wide(text string, order binary.ByteOrder) string {
	var b bytes.Buffer
	for _, unit := range utf16.Encode([]rune(text)) {
		_ = binary.Write(&b, order, unit) // a buffer takes all
	}
	return b.String()
}

func TestOpenGivesText(t *testing.T) {
	const text = "2026-03-02T08:00:00Z gw1 app: Grüße 😀\r\nzwei\r\n"
	tests := []struct{ name, content, want string }{
		{"+ plain", text, text},
		{"+ empty", "", ""},
		{"+ one byte", "a", "a"},
		{"+ gzip", packed(t, text), text},
		{"+ byte order mark", "\ufeff" + text, text},
		{"+ UTF-16, little end first", wide("\ufeff"+text, binary.LittleEndian), text},
		{"+ UTF-16, big end first", wide("\ufeff"+text, binary.BigEndian), text},
		{"+ UTF-16 without a mark", wide(text, binary.LittleEndian), text},
		{"+ UTF-16 in gzip", packed(t, wide(text, binary.BigEndian)), text},
		{"+ UTF-16, cut and half a pair", wide("\ufeffab", binary.LittleEndian) + "\x3d\xd8a\x00b", "ab\ufffda\ufffd"},
		{"+ Latin-1", "Gr\xfc\xdfe aus der Pumpe, Gr\xfc\xdfe aus der Pumpe", "Gr\xfc\xdfe aus der Pumpe, Gr\xfc\xdfe aus der Pumpe"},
		{"+ colours and a NUL", strings.Repeat("\x1b[31mred\x1b[0m ", 20) + "\x00\n", strings.Repeat("\x1b[31mred\x1b[0m ", 20) + "\x00\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for how, stdin := range map[string]io.Reader{
				"whole": strings.NewReader(test.content), "byte by byte": iotest.OneByteReader(strings.NewReader(test.content)),
			} {
				in, err := Open(context.Background(), Stdin, stdin)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(in)
				if diff := cmp.Diff(test.want, string(got)); diff != "" || err != nil {
					t.Errorf("%s: %v (-want +got):\n%s", how, err, diff)
				}
			}
		})
	}
}

func TestOpenRefusesWhatIsNoText(t *testing.T) {
	tests := []struct{ name, content, err, hint string }{
		{"- xz", "\xfd7zXZ\x00rest", "is xz", "xz -dc FILE | penstock"},
		{"- bzip2", "BZh91AY&SYrest", "is bzip2", "bzip2 -dc FILE"},
		{"- zstd", "\x28\xb5\x2f\xfdrest of it", "is zstd", "zstd -dc FILE"},
		{"- zip", "PK\x03\x04rest of it", "is zip", "unzip -p FILE"},
		{"- gzip in gzip", packed(t, packed(t, early)), "is gzip within gzip", "gzip -dc FILE | penstock"},
		{"- xz in gzip", packed(t, "\xfd7zXZ\x00rest"), "is xz within gzip", "gzip -dc FILE | xz -dc | penstock"},
		{"- a journal", "LPKSHHRH\x00\x00\x00", "is a systemd journal", "journalctl --file FILE -o json"},
		{"- a program", "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60) + "text", "is no text", "tr -d"},
		{"- a hole", strings.Repeat("\x00", 4096) + early, "is no text", "tr -d"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, "x", test.content)
			_, err := Open(context.Background(), path, nil)
			var ie *InputError
			if !errors.As(err, &ie) || err.Error() != "read "+path+": "+test.err {
				t.Fatalf("error = %v, want one that %s %s", err, path, test.err)
			}
			if hint := strings.ReplaceAll(ie.Hint, path, "FILE"); !strings.Contains(hint, test.hint) {
				t.Errorf("hint = %q, want %q in it", hint, test.hint)
			}
		})
	}
}

func TestWaitingEndsWhenAsked(t *testing.T) {
	unwritten, _ := io.Pipe()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]Input{
		"standard input": {Stdin: unwritten},
		"in the midst":   {Stdin: io.MultiReader(strings.NewReader(early), unwritten)},
		"a named pipe":   {Paths: []string{pipe}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			_, err := in.EachEvent(ctx, func(*event.Event) error { return nil })
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v, want %v", err, context.DeadlineExceeded)
			}
		})
	}
	if f, err := os.OpenFile(pipe, os.O_RDWR, 0); err == nil { // lets the one that still waits go
		_ = f.Close()
	}
}

func TestDamageLeavesTheRest(t *testing.T) {
	broken := packed(t, strings.Repeat(early, 1000))
	cut := write(t, "cut.gz", broken[:len(broken)/2])
	in := Input{Paths: []string{cut, write(t, "head.gz", "\x1f\x8b"), write(t, "b.log", late)}, Now: runs}
	got, usage, err := messages(t, in)
	var ie *InputError
	if !errors.As(err, &ie) || !ie.Partly || !strings.Contains(ie.Path, cut+":") || ie.Hint == "" {
		t.Errorf("error = %#v, want one for a line of %s with a hint, marked Partly", err, cut)
	}
	if len(got) == 0 || usage.Files[1].Err == nil || usage.Files[2].Err != nil {
		t.Errorf("%d events, errors %v, %v, want some, one and none", len(got), usage.Files[1].Err, usage.Files[2].Err)
	}
	if all := strings.Join(got, "\n"); !strings.Contains(all, "two") || !strings.Contains(all, "four") {
		t.Error("lines of the whole file are missing")
	}
}

func TestSameFileTwiceIsRefused(t *testing.T) {
	path := write(t, "a.log", early)
	link := filepath.Join(t.TempDir(), "b.log")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, paths := range [][]string{{path, path}, {path, link}, {Stdin, Stdin}} {
		if _, _, err := messages(t, Input{Paths: paths, Stdin: strings.NewReader(early)}); !errors.Is(err, ErrTwice) {
			t.Errorf("%q: error = %v, want %v", paths, err, ErrTwice)
		}
	}
}

func TestOneRunAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	unlock, err := LockState(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockState(path); !errors.Is(err, ErrStateBusy) || !strings.Contains(err.Error(), path+":") {
		t.Errorf("second run: %v, want %v for %s", err, ErrStateBusy, path)
	}
	unlock()
	unlock, err = LockState(path)
	if err != nil {
		t.Fatalf("after the first run: %v", err)
	}
	unlock()
	for _, path := range []string{t.TempDir(), filepath.Join(path, "none", "state")} {
		if _, err := LockState(path); err == nil || !strings.HasPrefix(err.Error(), "write state "+path+": ") {
			t.Errorf("%s: error = %v, want one that names it", path, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00\n\x00"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("a\x00b\x00c\x00d\x00\x00\xd8"))
	f.Fuzz(func(t *testing.T, content []byte) {
		in, err := Open(context.Background(), Stdin, bytes.NewReader(content))
		if err != nil {
			return
		}
		for l := NewLines(in); ; {
			if _, ok := l.Next(); !ok {
				return
			}
		}
	})
}
