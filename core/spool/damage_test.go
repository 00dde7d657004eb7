package spool

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// written is a folder with one lane and what is in it.
func written(t testing.TB, batches ...[]Record) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir)
	for _, b := range batches {
		mustAppend(t, s, 1, "", b)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, segmentName(1, 1))
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func writeFile(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTornTail cuts the file at every byte of the last block, and writes zeros and
// what was there before behind it, as file systems do.
func TestTornTail(t *testing.T) {
	t.Parallel()

	first, second := records("first", 2, 30), records("second", 2, 30)
	dir, path := written(t, first, second)
	whole := readFile(t, path)
	oneDir, onePath := written(t, first)
	begin := len(readFile(t, onePath))
	if err := os.RemoveAll(oneDir); err != nil {
		t.Fatal(err)
	}
	for size := begin; size < len(whole); size++ {
		for name, tail := range map[string][]byte{
			"":      nil,
			"zeros": make([]byte, len(whole)-size),
			"more":  make([]byte, 10_000),
		} {
			content := append(bytes.Clone(whole[:size]), tail...)
			// A checksum that ends with a zero, as one in 256 does, is whole before it was written.
			headed := bytes.HasPrefix(content, whole[:begin+headerLen])
			if bytes.Equal(content, whole) || name == "more" && headed {
				continue // more than a whole block: it was synced before what follows began
			}
			writeFile(t, path, content)
			s := open(t, dir)
			torn := s.Stats().Torn
			if want := min(1, len(content)-begin); torn != uint64(want) {
				t.Fatalf("cut at %d %s: %d torn", size, name, torn)
			}
			if info, err := os.Stat(path); err != nil || info.Size() != int64(begin) {
				t.Fatalf("cut at %d %s: %d bytes left, %v", size, name, info.Size(), err)
			}
			end := wantRecords(t, s, 1, Position{}, first)
			mustAppend(t, s, 1, "", second)
			wantRecords(t, s, 1, end, second)
			if err := os.Remove(filepath.Join(dir, segmentName(1, 3))); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTornFirstBatch(t *testing.T) {
	t.Parallel()

	all := records("first", 2, 30)
	dir, path := written(t, all)
	whole := readFile(t, path)
	for size := range whole {
		writeFile(t, path, whole[:size])
		s := open(t, dir)
		wantRecords(t, s, 1, Position{})
		mustAppend(t, s, 1, "", all)
		wantRecords(t, s, 1, Position{}, all)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTornLargeBatch has a batch of several blocks lose each of them.
func TestTornLargeBatch(t *testing.T) {
	t.Parallel()

	first, large := records("first", 3, 30), records("large", 1000, 1000)
	dir, path := written(t, first, large)
	whole := readFile(t, path)
	starts := blockStarts(t, path, 1)
	if len(starts) != 5 {
		t.Fatalf("%d blocks", len(starts))
	}
	for i, at := range starts[1:] {
		for name, content := range map[string][]byte{
			"cut":            whole[:at],
			"cut in header":  whole[:at+10],
			"cut in payload": whole[:at+1000],
			"header zeroed":  zeroed(whole, at, 40),
			"payload zeroed": zeroed(whole, at+4096, 4096),
		} {
			writeFile(t, path, content)
			s := open(t, dir)
			if got, want := s.Stats().Torn, i > 0 || name != "cut"; (got == 1) != want {
				t.Fatalf("block %d %s: %d torn", i, name, got)
			}
			wantRecords(t, s, 1, Position{}, first)
		}
	}
}

func zeroed(content []byte, at int64, n int) []byte {
	content = bytes.Clone(content)
	clear(content[at : at+int64(n)])
	return content
}

// blockStarts returns where the blocks of a segment begin.
func blockStarts(t testing.TB, path string, first uint64) []int64 {
	t.Helper()
	file, size, err := openSegment(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := newWalker(file, size, 1, first)
	var starts []int64
	for {
		_, at, skipped, err := w.block()
		if err != nil || skipped {
			return starts
		}
		starts = append(starts, at)
	}
}

// TestEveryFlippedBit flips each bit of the block in the middle: its records are
// counted as lost, those of the other blocks are read.
func TestEveryFlippedBit(t *testing.T) {
	t.Parallel()

	a, b, c := records("a", 2, 30), records("b", 3, 30), records("c", 2, 30)
	dir, path := written(t, a, b, c)
	whole := readFile(t, path)
	starts := blockStarts(t, path, 1)
	for bit := starts[1] * 8; bit < starts[2]*8; bit++ {
		content := bytes.Clone(whole)
		content[bit/8] ^= 1 << (bit % 8)
		writeFile(t, path, content)
		s := open(t, dir)
		got, _, gone, damaged := readAll(t, s, 1, Position{})
		if text := diff(join(a, c), got); text != "" || gone != 0 || damaged != 3 {
			t.Fatalf("bit %d: %d gone, %d damaged (-want +got):\n%s", bit, gone, damaged, text)
		}
		if stats := s.Stats(); stats.Torn != 0 || stats.Damaged[1] != 3 {
			t.Fatalf("bit %d: %+v", bit, stats)
		}
		readAll(t, s, 1, Position{}) // counts nothing twice
		if got := s.Stats().Damaged[1]; got != 3 {
			t.Fatalf("bit %d: counted %d", bit, got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for bit := range starts[0] * 8 { // of the key, which is there twice
		content := bytes.Clone(whole)
		content[bit/8] ^= 1 << (bit % 8)
		writeFile(t, path, content)
		s := open(t, dir)
		wantRecords(t, s, 1, Position{}, a, b, c)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBrokenMiddleSegment damages the second of three segments in many ways. The
// numbers in the names say exactly what is lost.
func TestBrokenMiddleSegment(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	var batches [][]Record
	for _, name := range []string{"a", "b", "c"} {
		s := open(t, dir) // each run begins a segment
		for range 2 {
			batch := records(name, 5, 1000)
			batches = append(batches, batch)
			mustAppend(t, s, 1, "", batch)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, segmentName(1, 11))
	whole := readFile(t, path)
	starts := blockStarts(t, path, 11)
	tests := []struct {
		name    string
		content []byte
		lost    uint64
		want    [][]Record
	}{
		{"- empty", nil, 10, [][]Record{batches[0], batches[1], batches[4], batches[5]}},
		{"- all zeros", make([]byte, len(whole)), 10, [][]Record{batches[0], batches[1], batches[4], batches[5]}},
		{"- the beginning zeroed", zeroed(whole, 0, 40), 10, [][]Record{batches[0], batches[1], batches[4], batches[5]}},
		{"- first block zeroed", zeroed(whole, starts[0], 100), 5, [][]Record{batches[0], batches[1], batches[3], batches[4], batches[5]}},
		{"- second block zeroed", zeroed(whole, starts[1], 100), 5, [][]Record{batches[0], batches[1], batches[2], batches[4], batches[5]}},
		{"- second block cut", whole[:starts[1]+50], 5, [][]Record{batches[0], batches[1], batches[2], batches[4], batches[5]}},
		{"- first block taken out", append(bytes.Clone(whole[:starts[0]]), whole[starts[1]:]...), 5, [][]Record{batches[0], batches[1], batches[3], batches[4], batches[5]}},
		{"- second block twice", append(bytes.Clone(whole), whole[starts[1]:]...), 0, batches},
		{"- rubbish behind", append(bytes.Clone(whole), "rubbish"...), 0, batches},
		{"- swapped", bytes.Join([][]byte{whole[:starts[0]], whole[starts[1]:], whole[starts[0]:starts[1]]}, nil), 5, [][]Record{batches[0], batches[1], batches[3], batches[4], batches[5]}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			writeFile(t, path, tt.content)
			s := open(t, dir)
			got, _, gone, damaged := readAll(t, s, 1, Position{})
			if text := diff(join(tt.want...), got); text != "" || gone != 0 || damaged != tt.lost {
				t.Errorf("%d gone, %d damaged (-want +got):\n%s", gone, damaged, text)
			}
			if s.Stats().Torn != 0 || !bytes.Equal(readFile(t, path), tt.content) {
				t.Error("was cut")
			}
		})
	}
}

// TestLinesCannotPoseAsBlocks damages a block whose payload holds a block of
// another segment: without the segment's key it is not taken for one.
func TestLinesCannotPoseAsBlocks(t *testing.T) {
	t.Parallel()

	forged, _ := appendBlock(nil, header{lane: 1, begins: true, first: 2, at: start.UnixMilli()}, key{1, 2, 3}, records("forged", 1, 50))
	victim := []Record{{Source: "drop", Received: start, Data: append([]byte("line "), forged...)}}
	last := records("last", 1, 10)
	dir, path := written(t, victim, last)
	content := readFile(t, path)
	content[blockStarts(t, path, 1)[0]+9] ^= 1
	writeFile(t, path, content)
	got, _, gone, damaged := readAll(t, open(t, dir), 1, Position{})
	if text := diff(last, got); text != "" || gone != 0 || damaged != 1 {
		t.Errorf("%d gone, %d damaged (-want +got):\n%s", gone, damaged, text)
	}
}

// TestAppendGoesOnAfterAFailedWrite closes the file behind the spool's back.
func TestAppendGoesOnAfterAFailedWrite(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := open(t, dir)
	a, b := records("a", 2, 30), records("b", 2, 30)
	mustAppend(t, s, 1, "", a)
	if err := s.lanes[1].file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(1, "tag", b); err == nil || s.HasTag("tag") {
		t.Fatal("wrote to a closed file")
	}
	// What a cut that failed left behind is void once the next file has begun.
	path := filepath.Join(dir, segmentName(1, 1))
	k, _ := parseKey(readFile(t, path))
	ghost, _ := appendBlock(readFile(t, path), header{lane: 1, begins: true, tag: "ghost", first: 3, at: 1}, k, b)
	mustAppend(t, s, 1, "tag", b)
	wantRecords(t, s, 1, Position{}, a, b)
	writeFile(t, path, ghost)
	wantRecords(t, open(t, dir), 1, Position{}, a, b)
}

// TestDamageBeforeATornTail has the last acknowledged batch damaged and a torn one
// behind it: every run says the same.
func TestDamageBeforeATornTail(t *testing.T) {
	t.Parallel()

	a, b := records("a", 2, 30), records("b", 3, 30)
	dir, path := written(t, a, b, a)
	whole := readFile(t, path)
	starts := blockStarts(t, path, 1)
	for name, content := range map[string][]byte{
		"header cut":  zeroed(whole[:starts[2]+20], starts[1]+100, 1),
		"payload cut": zeroed(whole[:len(whole)-1], starts[1]+100, 1),
	} {
		writeFile(t, path, content)
		for range 3 {
			s := open(t, dir)
			got, end, gone, damaged := readAll(t, s, 1, Position{})
			if text := diff(a, got); text != "" || gone != 0 || damaged != 3 || end.number() != 6 {
				t.Fatalf("%s: %d gone, %d damaged, to %s (-want +got):\n%s", name, gone, damaged, end, text)
			}
		}
	}
}
