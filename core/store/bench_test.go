package store

import (
	"database/sql"
	"path/filepath"
	"testing"

	"penstock/core/cases"
	"penstock/core/event"
)

// peer is a table in which the same bytes are a row each, in a database with the
// same pragmas: what any store on SQLite has to pay.
func peer(b *testing.B) *sql.DB {
	db, err := sql.Open("sqlite", dsn(filepath.Join(b.TempDir(), "peer.db"), writerPragmas, "_txlock=immediate"))
	check(b, err)
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(b.Context(), "CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
	check(b, err)
	return db
}

func insert(b *testing.B, db *sql.DB, bodies ...[]byte) {
	t, err := db.BeginTx(b.Context(), nil)
	check(b, err)
	for _, body := range bodies {
		_, err := t.ExecContext(b.Context(), "INSERT INTO rows (body) VALUES (?)", body)
		check(b, err)
	}
	check(b, t.Commit())
}

// BenchmarkSaveBatch is T1 with one cursor, one total and one step beside a bare
// insert of the same bytes, and with ten cases and their work.
func BenchmarkSaveBatch(b *testing.B) {
	b.Run("counts", func(b *testing.B) {
		s := openNew(b)
		n := 0
		for b.Loop() {
			n++
			check(b, s.SaveBatch(b.Context(), sampleBatch(n)))
		}
	})
	b.Run("counts/peer", func(b *testing.B) {
		db := peer(b)
		n := 0
		for b.Loop() {
			n++
			batch := sampleBatch(n)
			insert(b, db, seal(appendBatch(nil, &batch, nil)))
		}
	})
	b.Run("10 cases", func(b *testing.B) {
		s := openNew(b)
		n := 0
		for b.Loop() {
			n++
			check(b, s.SaveBatch(b.Context(), batchOf10(n)))
		}
	})
	b.Run("10 cases/peer", func(b *testing.B) {
		db := peer(b)
		s := openNew(b)
		n := 0
		for b.Loop() {
			n++
			batch := batchOf10(n)
			bodies := [][]byte{seal(appendBatch(nil, &batch, nil))}
			for i := range batch.Cases {
				blob, _, err := s.heads.pack(&s.blobs, &batch.Cases[i])
				check(b, err)
				bodies = append(bodies, blob)
			}
			insert(b, db, bodies...)
		}
	})
}

func batchOf10(n int) Batch {
	batch := sampleBatch(n)
	for i := range 10 {
		h := sampleCase(n*10+i, 1, event.Medium)
		batch.Cases, batch.Work = append(batch.Cases, h), append(batch.Work, sampleWork(h))
	}
	return batch
}

// BenchmarkCommit is T2 with one verdict for two sinks, and with ten, beside a bare
// insert of the same records.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"1", 1}, {"10", 10}} {
		b.Run(size.name, func(b *testing.B) {
			s := openNew(b)
			n := 0
			for b.Loop() {
				var all []Verdict
				for range size.n {
					n++
					v := sampleVerdict(cases.HeldState{Case: cases.Case{ID: "plant-w1-1", Revision: n}}, ByRules)
					v.EndsWork = true
					all = append(all, v)
				}
				_, err := s.Commit(b.Context(), all)
				check(b, err)
			}
		})
		b.Run(size.name+"/peer", func(b *testing.B) {
			db := peer(b)
			var packer blobs
			n := 0
			for b.Loop() {
				var bodies [][]byte
				for range size.n {
					n++
					text, err := sampleRecord("plant-w1-1", n).Marshal()
					check(b, err)
					blob, err := packer.pack(text)
					check(b, err)
					bodies = append(bodies, blob)
				}
				insert(b, db, bodies...)
			}
		})
	}
}

// BenchmarkStart is what a worker waits for with 1,000 open and 1,000 closed cases.
func BenchmarkStart(b *testing.B) {
	s := openNew(b)
	for i := range 200 {
		batch := batchOf10(i + 1)
		for j := range batch.Cases {
			if i%2 == 0 {
				batch.Cases[j] = closed(batch.Cases[j])
			}
		}
		check(b, s.SaveBatch(b.Context(), batch))
	}
	for b.Loop() {
		_, err := s.Start(b.Context(), 1000)
		check(b, err)
	}
}
