package store

import (
	"bytes"
	"testing"

	"penstock/core/cases"
	"penstock/core/event"
)

// TestShapeOfAnotherVersion reads what a version wrote that knew other fields, beside
// what this one writes.
func TestShapeOfAnotherVersion(t *testing.T) {
	t.Parallel()

	type old struct {
		Number uint64
		Gone   string // a field that this version does not have
		Source string
	}
	var b blobs
	before := shape[old]{id: 7}
	now := shape[cases.HeldState]{id: 8}
	preludes := map[int64][]byte{7: got(before.begin())(t), 8: got(now.begin())(t)}
	oldBlob, _, err := before.pack(&b, &old{Number: 3, Gone: "x", Source: "srv1"})
	check(t, err)
	h := sampleCase(4, 1, event.High)
	newBlob, text, err := now.pack(&b, &h)
	check(t, err)

	reader := shape[cases.HeldState]{}
	for range 2 {
		var have cases.HeldState
		check(t, reader.unpack(&b, preludes, oldBlob, &have))
		wantDiff(t, cases.HeldState{Number: 3, Source: "srv1"}, have)
		have = cases.HeldState{}
		check(t, reader.unpack(&b, preludes, newBlob, &have))
		wantDiff(t, h, have)

		damaged := got(b.pack(text[:len(text)/2]))(t) // leaves the decoder in the middle of a value
		if err := reader.unpack(&b, preludes, damaged, &have); err == nil {
			t.Error("half a case is taken")
		}
	}
	stranger := got(b.pack(append([]byte{9}, text[1:]...)))(t)
	var have cases.HeldState
	if err := reader.unpack(&b, preludes, stranger, &have); err == nil {
		t.Error("a case of an unknown shape is taken")
	}
}

// TestShapesAreStoredOnce opens a store again and again.
func TestShapesAreStoredOnce(t *testing.T) {
	t.Parallel()

	dir := folder(t)
	h := sampleCase(1, 1, event.High)
	var first []byte
	for i := range 3 {
		s := openAt(t, dir, newClock().now)
		if len(s.preludes) != 2 {
			t.Errorf("%d shapes after %d starts", len(s.preludes), i+1)
		}
		blob, _, err := s.heads.pack(&s.blobs, &h)
		check(t, err)
		if i > 0 && !bytes.Equal(first, blob) {
			t.Error("the same case gives other bytes")
		}
		first = blob
		check(t, s.Close())
	}
}
