package spool

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// FuzzBlock gives any bytes to the parsers, also with checksums that fit, which who
// writes the lines cannot make.
func FuzzBlock(f *testing.F) {
	one, _ := appendBlock(nil, header{lane: 2, begins: true, tag: "t", first: 7, at: 1000}, key{}, records("a", 3, 20))
	f.Add(one)
	f.Add(one[:len(one)-1])
	f.Add(one[headerLen+1:])
	f.Add(appendKey(nil, key{1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseKey(data)
		checkHeader(t, data)
		checkHeader(t, withSums(data))
		for n := range 8 {
			h := header{lane: 1, first: 1, records: n + 1, length: len(data), sum: crc32.Checksum(data, castagnoli)}
			recs, err := parsePayload(data, h)
			if err == nil && (len(recs) != h.records || len(data) < h.records*minRecord) {
				t.Fatalf("%d records from %d bytes, want %d", len(recs), len(data), h.records)
			}
		}
	})
}

// withSums makes the bytes a header as far as that goes.
func withSums(data []byte) []byte {
	if len(data) < headerLen {
		return data
	}
	data = bytes.Clone(data)
	copy(data, blockMagic)
	data[6] = byte(min(int(data[6]), len(data)-headerLen))
	binary.LittleEndian.PutUint32(data[36:], headerSum(data, key{}))
	return data
}

func checkHeader(t *testing.T, data []byte) {
	h, err := parseHeader(data, key{})
	if err != nil {
		return
	}
	if h.lane < 0 || h.lane >= Lanes || h.records < 1 || h.length > maxPayload || h.length < h.records*minRecord || h.end() <= h.first {
		t.Fatalf("beyond its bounds: %+v", h)
	}
	again := make([]byte, h.payloadAt())
	h.put(again, key{})
	if !bytes.Equal(again, data[:len(again)]) {
		t.Fatalf("reads as %+v, which is other bytes", h)
	}
}

// FuzzWalk takes any bytes for a segment: it is cut at the same place again, and
// each record that its headers promise is either read or counted as damaged.
func FuzzWalk(f *testing.F) {
	var whole []byte
	h := header{lane: 1, begins: true, tag: "t", first: 7, at: 1000}
	whole = appendKey(whole, key{})
	for range 3 {
		whole, _ = appendBlock(whole, h, key{}, records("a", 2, 20))
		h.first += 2
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(append(bytes.Clone(whole), "rubbish"...))
	f.Add(zeroed(whole, int64(keyLen), 20))
	f.Add(zeroed(whole, int64(len(whole)-5), 5))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := inspectLast(bytes.NewReader(data), int64(len(data)), 1, 7)
		if err != nil || found.size > int64(len(data)) || found.end < 7 {
			t.Fatalf("%+v, %v", found, err)
		}
		cut := bytes.NewReader(data[:found.size])
		again, err := inspectLast(cut, found.size, 1, 7)
		if err != nil || again.size != found.size || again.end != found.end || len(again.tags) != len(found.tags) {
			t.Fatalf("%+v, then %+v, %v", found, again, err)
		}
		for number := uint64(7); number < found.end; {
			p := part{next: number, end: found.end, budget: 100}
			p.fill(newWalker(cut, found.size, 1, 7), 7)
			if p.next <= number || p.next > found.end || len(p.recs) > 0 && number+uint64(len(p.recs)) != p.next {
				t.Fatalf("from %d to %d with %d records of %d", number, p.next, len(p.recs), found.end)
			}
			number = p.next
			if found.end-number > 1000 {
				return // a header may promise much; one step has shown how it goes
			}
		}
	})
}
