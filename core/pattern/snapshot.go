package pattern

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
)

// snapshotHead names the format and its version.
const snapshotHead = "penstock pattern 1\n"

// maxSnapshot bounds what Restore reads.
const maxSnapshot = 256 << 20

// Errors of Restore.
var (
	ErrVersion = errors.New("not a pattern snapshot of this version")
	ErrDamaged = errors.New("pattern snapshot is damaged")
)

// castagnoli is the checksum's table.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot writes all that the Miner knows: the same knowledge gives the same
// bytes. Its errors are those of w.
func (m *Miner) Snapshot(w io.Writer) error {
	e := &encoder{buf: []byte(snapshotHead)}
	e.uint(m.clock)
	e.uint(m.lastID)
	e.uint(uint64(len(m.scopes)))
	for _, name := range slices.Sorted(maps.Keys(m.scopes)) {
		e.scope(m.scopes[name])
	}
	e.buf = binary.LittleEndian.AppendUint32(e.buf, crc32.Checksum(e.buf, castagnoli))
	if _, err := w.Write(e.buf); err != nil {
		return fmt.Errorf("write pattern snapshot: %w", err)
	}
	return nil
}

// Restore replaces all that the Miner knows by a snapshot; its Options stay. A
// Miner that goes on after it gives the same groups as one that never stopped.
// On an error, which is ErrVersion, ErrDamaged or one of r, it stays as it was.
func (m *Miner) Restore(r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, maxSnapshot))
	if err != nil {
		return fmt.Errorf("read pattern snapshot: %w", err)
	}
	body, ok := bytes.CutPrefix(data, []byte(snapshotHead))
	if !ok {
		return ErrVersion
	}
	if len(body) < 4 {
		return ErrDamaged
	}
	end := len(data) - 4
	if crc32.Checksum(data[:end], castagnoli) != binary.LittleEndian.Uint32(data[end:]) {
		return ErrDamaged
	}
	fresh := New(m.o)
	d := &decoder{buf: body[:len(body)-4], m: fresh}
	d.miner()
	if d.bad || len(d.buf) > 0 {
		return ErrDamaged
	}
	*m = *fresh
	return nil
}

type encoder struct{ buf []byte }

func (e *encoder) uint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

func (e *encoder) text(s string) {
	e.uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

func (e *encoder) scope(s *scope) {
	e.text(s.name)
	e.uint(s.used)
	e.uint(uint64(s.kept))
	e.uint(uint64(len(s.clusters)))
	number := make(map[*cluster]uint64, len(s.clusters))
	for i, c := range s.clusters {
		number[c] = uint64(i)
		e.cluster(c)
	}
	e.uint(uint64(len(s.terms)))
	for _, key := range slices.Sorted(maps.Keys(s.terms)) {
		e.text(key)
		e.uint(uint64(len(s.terms[key])))
		for _, c := range s.terms[key] {
			e.uint(number[c])
		}
	}
	e.shapes(s.hot)
	e.shapes(s.cold)
}

func (e *encoder) cluster(c *cluster) {
	e.uint(uint64(len(c.places)))
	for i := range c.places {
		p := &c.places[i]
		free := uint64(0)
		if p.free {
			free = 1
		}
		e.uint(free)
		e.uint(uint64(len(p.values)))
		for _, v := range p.values {
			e.text(v)
		}
	}
	e.uint(uint64(len(c.terms)))
	for _, t := range c.terms {
		e.text(t)
	}
	e.uint(uint64(len(c.groups)))
	for _, g := range c.groups {
		e.uint(g.id)
		e.uint(g.count)
		e.uint(g.used)
		e.text(string(g.choice))
		e.uint(uint64(len(g.aliases)))
		for _, id := range g.aliases {
			e.uint(id)
		}
	}
}

func (e *encoder) shapes(shapes map[string]*shape) {
	e.uint(uint64(len(shapes)))
	for _, key := range slices.Sorted(maps.Keys(shapes)) {
		e.text(key)
		e.uint(shapes[key].group.final().id)
	}
}

// decoder reads what encoder wrote. After something impossible bad is set, and
// what it returns is empty.
type decoder struct {
	buf []byte
	m   *Miner
	bad bool
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.buf)
	if n <= 0 {
		d.bad, d.buf = true, nil
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

// count reads how many items follow. Each takes a byte at least.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.buf)) {
		d.bad, d.buf = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	n := d.count()
	s := string(d.buf[:n])
	d.buf = d.buf[n:]
	return s
}

// must marks the snapshot as bad unless the condition holds.
func (d *decoder) must(ok bool) bool {
	if !ok {
		d.bad, d.buf = true, nil
	}
	return ok
}

func (d *decoder) miner() {
	d.m.clock = d.uint()
	d.m.lastID = d.uint()
	for range d.count() {
		s := d.scope()
		d.m.scopes[s.name] = s
		d.m.bytes += s.bytes()
	}
}

func (d *decoder) scope() *scope {
	s := newScope(d.text())
	s.used = d.uint()
	s.kept = int(d.uint())
	for range d.count() {
		c := d.cluster()
		s.clusters = append(s.clusters, c)
		s.live += len(c.groups)
	}
	for range d.count() {
		key := d.text()
		for range d.count() {
			if i := d.uint(); d.must(i < uint64(len(s.clusters))) {
				s.terms[key] = append(s.terms[key], s.clusters[i])
			}
		}
	}
	s.hot, s.hotBytes = d.shapes()
	s.cold, s.coldBytes = d.shapes()
	return s
}

func (d *decoder) cluster() *cluster {
	c := &cluster{}
	for range d.count() {
		p := place{free: d.uint() == 1}
		for range d.count() {
			p.values = append(p.values, d.text())
		}
		d.must(len(p.values) > 0 && len(p.values) <= enoughFirst)
		c.places = append(c.places, p)
	}
	d.must(len(c.places) > 0)
	for range d.count() {
		c.terms = append(c.terms, d.text())
	}
	for range d.count() {
		c.groups = append(c.groups, d.group(c))
	}
	return c
}

func (d *decoder) group(c *cluster) *group {
	g := &group{id: d.uint(), count: d.uint(), used: d.uint(), choice: []byte(d.text()), cluster: c}
	d.must(d.m.groups[g.id] == nil && g.id <= d.m.lastID && len(g.choice) == len(c.places))
	for i, k := range g.choice {
		d.must(i < len(c.places) && int(k) < len(c.places[i].values))
	}
	d.m.groups[g.id] = g
	for range d.count() {
		id := d.uint()
		g.aliases = append(g.aliases, id)
		d.m.groups[id] = &group{id: id, into: g}
	}
	return g
}

func (d *decoder) shapes() (shapes map[string]*shape, size int) {
	shapes = map[string]*shape{}
	for range d.count() {
		e := &shape{masked: d.text()}
		if e.group = d.m.groups[d.uint()]; d.must(e.group != nil && e.group.cluster != nil) {
			shapes[e.masked] = e
			size += shapeBytes + len(e.masked)
		}
	}
	return shapes, size
}
