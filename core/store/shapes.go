package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"sync"
)

// shape packs and unpacks values of one type with encoding/gob. What gob writes
// before the first value, the description of the type as this version of the
// program knows it, is stored once and read once: with every value it would be
// most of what a small case takes and most of the time that a start takes. It may
// be used by several goroutines at the same time.
type shape[T any] struct {
	mu      sync.Mutex
	id      int64 // of the prelude that pack writes with
	out     bytes.Buffer
	encoder *gob.Encoder
	in      bytes.Buffer
	readers map[int64]*gob.Decoder // by the id of a prelude; all read from in
}

// keepShapes stores the preludes of this version where they are not known.
func (s *Store) keepShapes(ctx context.Context) error {
	for _, keep := range []func(context.Context, *Store) error{s.heads.keep, s.bodies.keep} {
		if err := keep(ctx, s); err != nil {
			return fmt.Errorf("store how cases are written: %w", err)
		}
	}
	return s.loadShapes(ctx, s.writer)
}

// loadShapes reads the preludes of all versions that wrote to the database. Nobody
// changes the map afterwards.
func (s *Store) loadShapes(ctx context.Context, q querier) error {
	s.preludes = map[int64][]byte{}
	return each(ctx, q, func(scan func(...any) error) error {
		var id int64
		var blob []byte
		err := scan(&id, &blob)
		if err == nil {
			s.preludes[id], err = unseal(blob)
		}
		if err != nil {
			return broken("how cases are written", err)
		}
		return nil
	}, `SELECT id, prelude FROM shapes`)
}

func (p *shape[T]) keep(ctx context.Context, s *Store) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	prelude, err := p.begin()
	if err != nil {
		return err
	}
	find := `SELECT id FROM shapes WHERE prelude = ?`
	err = s.writer.QueryRowContext(ctx, find, seal(prelude)).Scan(&p.id)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return s.write(ctx, "shapes", func(t *tx) error {
		if err := t.exec(`INSERT INTO shapes (prelude) VALUES (?)`, seal(prelude)); err != nil {
			return err
		}
		return t.get(find, []any{seal(prelude)}, &p.id)
	})
}

// begin makes the encoder anew and returns what it writes before the first value.
func (p *shape[T]) begin() ([]byte, error) {
	p.out.Reset()
	p.encoder = gob.NewEncoder(&p.out)
	var zero T
	if err := p.encoder.Encode(&zero); err != nil {
		return nil, err
	}
	return bytes.Clone(p.out.Bytes()), nil
}

// pack returns the blob of a value, and the bytes it was made of.
func (p *shape[T]) pack(b *blobs, v *T) (blob, text []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.encoder == nil { // an error left it in the middle of a value
		if _, err := p.begin(); err != nil {
			return nil, nil, err
		}
	}
	p.out.Reset()
	if err := p.encoder.Encode(v); err != nil {
		p.encoder = nil
		return nil, nil, err
	}
	text = append(binary.AppendUvarint(nil, uint64(p.id)), p.out.Bytes()...)
	blob, err = b.pack(text)
	return blob, text, err
}

// unpack reads the value of a blob.
func (p *shape[T]) unpack(b *blobs, preludes map[int64][]byte, blob []byte, v *T) error {
	text, err := b.unpack(blob)
	if err != nil {
		return err
	}
	id, n := binary.Uvarint(text)
	if n <= 0 {
		return io.ErrUnexpectedEOF
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	decoder, err := p.reader(int64(id), preludes)
	if err != nil {
		return err
	}
	p.in.Reset()
	p.in.Write(text[n:])
	if err := decoder.Decode(v); err != nil {
		delete(p.readers, int64(id)) // it is in the middle of a value
		return err
	}
	return nil
}

// reader returns a decoder that has read a prelude.
func (p *shape[T]) reader(id int64, preludes map[int64][]byte) (*gob.Decoder, error) {
	if decoder := p.readers[id]; decoder != nil {
		return decoder, nil
	}
	prelude, ok := preludes[id]
	if !ok {
		return nil, fmt.Errorf("how it is written (%d) is not known", id)
	}
	p.in.Reset()
	p.in.Write(prelude)
	decoder := gob.NewDecoder(&p.in)
	var zero T
	if err := decoder.Decode(&zero); err != nil {
		return nil, fmt.Errorf("read how it is written (%d): %w", id, err)
	}
	if p.readers == nil {
		p.readers = map[int64]*gob.Decoder{}
	}
	p.readers[id] = decoder
	return decoder, nil
}
