package logfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"penstock/core/record"
)

// threeSegments is a log of 13 records: 1 to 6, 7 to 12, 13.
func threeSegments(t testing.TB) (dir string, head record.Chain) {
	t.Helper()
	dir = t.TempDir()
	l := mustOpen(t, dir, roomy(), at(start))
	for seq := uint64(1); seq <= 13; seq++ {
		mustWrite(t, l, large(seq, seq))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, l.Head()
}

// edit changes the lines of a file; nil removes it.
func edit(t testing.TB, path string, change func(lines [][]byte) [][]byte) {
	t.Helper()
	lines := bytes.SplitAfter(readFile(t, path), []byte("\n"))
	lines = change(lines[:len(lines)-1])
	if lines != nil {
		writeFile(t, path, bytes.Join(lines, nil))
	} else if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func removed([][]byte) [][]byte { return nil }

func without(i int) func([][]byte) [][]byte {
	return func(lines [][]byte) [][]byte { return append(lines[:i:i], lines[i+1:]...) }
}

func replaced(i int, old, with string) func([][]byte) [][]byte {
	return func(lines [][]byte) [][]byte {
		lines[i] = bytes.Replace(lines[i], []byte(old), []byte(with), 1)
		return lines
	}
}

func TestVerifyFindsWhatWasDone(t *testing.T) {
	t.Parallel()

	const first, second, third = "records-00000001.jsonl", "records-00000007.jsonl", "records-00000013.jsonl"
	tests := []struct {
		name   string
		file   string
		change func([][]byte) [][]byte
		want   string // of Verify
		open   string // of Open; "" where only Verify reads so far
	}{
		{"- changed", first, replaced(2, `"revision":1`, `"revision":2`), first + ":3: was changed: its hash does not fit", ""},
		{"- changed in the last segment", third, replaced(0, `"seq":13`, `"seq":14`), third + ":1: was changed", third + ":1: was changed"},
		{"- taken out", second, without(3), second + ":4: does not follow record 9", ""},
		{"- first taken out", second, without(0), second + ":1: does not follow record 6", ""},
		{"- last of a segment taken out", second, without(5), second + ": ends at record 11, where checkpoints says 12", ""},
		{"- moved", second, func(l [][]byte) [][]byte { l[1], l[2] = l[2], l[1]; return l }, second + ":2: does not follow record 7", ""},
		{"- added", first, func(l [][]byte) [][]byte { return append(l, l[5]) }, first + ":7: does not follow record 6", ""},
		{"- foreign line", first, func(l [][]byte) [][]byte { return append(l, []byte("hello\n")) }, first + ":7: is no record of a chain", ""},
		{"- overlong line", first, func(l [][]byte) [][]byte { return append(l, bytes.Repeat([]byte("x"), 3*maxLine)) }, first + ":7: is longer than any record", ""},
		{"- torn in the middle", first, func(l [][]byte) [][]byte { return append(l, []byte("{")) }, first + ": ends at record 6, where checkpoints says 6", ""},
		{"- segment removed", second, removed, second + ": is missing", second + ": is missing"},
		{"- emptied", first, func([][]byte) [][]byte { return [][]byte{{}} }, first + ": ends at record 0, where checkpoints says 6", ""},
		{"- checkpoints removed", checkpointsName, removed, first + ": is in no line of checkpoints", first + ": is in no line of checkpoints"},
		{"- last checkpoint removed", checkpointsName, without(1), second + ": is in no line of checkpoints", second + ": is in no line of checkpoints"},
		{"- first checkpoint removed", checkpointsName, without(0), first + ": is in no line of checkpoints", first + ": is in no line of checkpoints"},
		{"- checkpoint changed", checkpointsName, replaced(1, `"head":"12:`, `"head":"12:0`), "checkpoints:2: ", "checkpoints:2: "},
		{"- checkpoint contradicts", checkpointsName, replaced(1, `"last":12`, `"last":11`), "checkpoints:2: contradicts itself", "checkpoints:2: contradicts itself"},
		{"- checkpoint twice", checkpointsName, func(l [][]byte) [][]byte { return append(l, l[1]) }, "checkpoints:3: does not follow the line before", "checkpoints:3: does not follow"},
		{"- rubbish in checkpoints", checkpointsName, func(l [][]byte) [][]byte { return append(l, []byte("x\n")) }, "checkpoints:3: is no checkpoint", "checkpoints:3: is no checkpoint"},
		{"- last segment emptied", third, func([][]byte) [][]byte { return [][]byte{{}} }, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			dir, head := threeSegments(t)
			edit(t, filepath.Join(dir, tt.file), tt.change)
			_, err := Verify(dir, "")
			wantError(t, "Verify", err, tt.want)
			if _, err := Verify(dir, head.String()); err == nil {
				t.Error("the head that was published is on the chain")
			}
			l, err := Open(dir, roomy(), at(start))
			wantError(t, "Open", err, tt.open)
			if err == nil {
				_ = l.Close()
			}
		})
	}
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

func TestVerifyAgainstFindsACutTail(t *testing.T) {
	t.Parallel()

	const third = "records-00000013.jsonl"
	dir, head := threeSegments(t)
	if err := os.Remove(filepath.Join(dir, third)); err != nil {
		t.Fatal(err)
	}
	if r := mustVerify(t, dir, ""); r.Last != 12 {
		t.Fatalf("a cut tail shows by its head only: %+v", r)
	}
	_, err := Verify(dir, head.String())
	wantError(t, "Verify", err, "the log ends at record 12, before the head 13:")

	l := mustOpen(t, dir, roomy(), at(start)) // somebody writes another record 13
	mustWrite(t, l, large(14, 15))
	mustVerify(t, dir, "")
	_, err = Verify(dir, head.String())
	wantError(t, "Verify", err, "record 13 is another one than that of the head 13:")

	// Also where whoever cut it knows how to mend the checkpoints.
	edit(t, filepath.Join(dir, checkpointsName), without(1))
	if err := errors.Join(os.Remove(filepath.Join(dir, third)), os.Remove(filepath.Join(dir, "records-00000007.jsonl"))); err != nil {
		t.Fatal(err)
	}
	if r := mustVerify(t, dir, ""); r.Last != 6 {
		t.Fatalf("%+v", r)
	}
	_, err = Verify(dir, head.String())
	wantError(t, "Verify", err, "the log ends at record 6, before the head 13:")
}

func TestVerifyRefusesWhatIsNoHead(t *testing.T) {
	t.Parallel()

	zeros := strings.Repeat("0", 64)
	dir, _ := threeSegments(t)
	for _, text := range []string{"7", ":", "x:" + zeros, "7:" + zeros[1:], "7:" + zeros + "0", "-1:" + zeros} {
		_, err := Verify(dir, text)
		wantError(t, text, err, "is not the head of a chain (NUMBER:HASH)")
	}
	mustVerify(t, dir, "0:"+zeros)
	_, err := Verify(dir, "0:1"+zeros[1:])
	wantError(t, "Verify", err, "record 0 is another one")
	if _, err := Verify(filepath.Join(dir, "none"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func TestVerifyNoticesEveryFlippedBit(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, roomy(), at(start))
	mustWrite(t, l, recs(1, 5))
	path := filepath.Join(dir, segmentName(1))
	whole, head := readFile(t, path), l.Head()
	rapid.Check(t, func(rt *rapid.T) {
		content := bytes.Clone(whole)
		i := rapid.IntRange(0, len(content)-1).Draw(rt, "byte")
		content[i] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		writeFile(t, path, content)
		if r, err := Verify(dir, head.String()); err == nil {
			rt.Fatalf("byte %d: %+v", i, r)
		}
	})
}

func TestVerifyWhileItIsWritten(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, tiny(), at(start))
	mustWrite(t, l, large(1, 1))
	done := make(chan error, 1)
	go func() {
		for seq := uint64(2); seq <= 150; seq++ {
			if err := l.Write(large(seq, seq)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		head := l.Head()
		if _, err := Verify(dir, head.String()); err != nil && !errors.Is(err, ErrNotKept) {
			t.Errorf("against %s: %v", head, err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}

// FuzzVerify takes any bytes for the last segment and for the checkpoints: what
// Verify calls whole and on the published chain is what was written, and Open takes
// what Verify takes.
func FuzzVerify(f *testing.F) {
	dir := f.TempDir()
	l := mustOpen(f, dir, roomy(), at(start))
	mustWrite(f, l, recs(1, 6))
	l.mu.Lock()
	err := l.finish(start)
	l.mu.Unlock()
	if err != nil {
		f.Fatal(err)
	}
	mustWrite(f, l, recs(7, 8))
	firstBytes := readFile(f, filepath.Join(dir, segmentName(1)))
	lastBytes := readFile(f, filepath.Join(dir, segmentName(7)))
	checkpointBytes := readFile(f, filepath.Join(dir, checkpointsName))
	head := l.Head()
	f.Add(lastBytes, checkpointBytes)
	f.Add(lastBytes[:len(lastBytes)-9], checkpointBytes)
	f.Add(lastBytes, checkpointBytes[:20])
	f.Add(append(bytes.Clone(lastBytes), make([]byte, 100)...), checkpointBytes)
	f.Fuzz(func(t *testing.T, last, checkpoints []byte) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, segmentName(1)), firstBytes)
		writeFile(t, filepath.Join(dir, segmentName(7)), last)
		writeFile(t, filepath.Join(dir, checkpointsName), checkpoints)
		r, err := Verify(dir, head.String())
		if err != nil {
			return
		}
		if !bytes.HasPrefix(last, lastBytes) || r.Head.Number < head.Number {
			t.Fatalf("other bytes have the same head: %+v", r)
		}
		l, err := Open(dir, roomy(), at(start))
		if err != nil || l.Head() != r.Head || l.Torn() != r.Torn {
			t.Fatalf("Open: %v, want %+v", err, r)
		}
		_ = l.Close()
	})
}
