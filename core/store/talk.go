package store

import (
	"context"
	"fmt"
)

// saveTalk stores what was said in the place of the talk before, where there is some.
func (t *tx) saveTalk(v *Verdict) error {
	if v.Talk == nil {
		return nil
	}
	if err := t.step("talk"); err != nil {
		return err
	}
	blob, err := t.s.blobs.pack(v.Talk)
	if err != nil {
		return err
	}
	return t.exec(`INSERT INTO talks ("case", revision, saved, body) VALUES (?, ?, ?, ?)
		ON CONFLICT ("case") DO UPDATE SET revision = excluded.revision, saved = excluded.saved, body = excluded.body`,
		v.Case, v.Revision, t.s.now().UnixMilli(), blob)
}

// Talk returns the newest talk of a case and the revision that it is about, and
// whether there is one.
func (s *Store) Talk(ctx context.Context, caseID string) (revision int, talk []byte, found bool, err error) {
	err = s.read(ctx, func(scan func(...any) error) error {
		var blob []byte
		if err := scan(&revision, &blob); err != nil {
			return err
		}
		found = true
		if talk, err = s.blobs.unpack(blob); err != nil {
			return broken("the talk", err)
		}
		return nil
	}, `SELECT revision, body FROM talks WHERE "case" = ?`, caseID)
	if err != nil {
		return 0, nil, false, fmt.Errorf("read what was said about case %s: %w", caseID, err)
	}
	return revision, talk, found, nil
}
