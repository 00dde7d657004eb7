package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"penstock/core/config"
	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/zabbix"
)

// pullMost is how many events of Zabbix are read at a time.
const pullMost = 200

// problemReader is what a source of problems asks: a *zabbix.API.
type problemReader interface {
	ProblemLines(ctx context.Context, c zabbix.ProblemCursor, most int) (lines [][]byte, next zabbix.ProblemCursor, more bool, err error)
}

// metas keeps small values: a *store.Store.
type metas interface {
	Meta(ctx context.Context, key string) (value string, found bool, err error)
	SetMeta(ctx context.Context, key, value string) error
}

// problemSource reads problems over the API into the spool, for a site where the
// server exports no files. What was read is kept before it goes into the spool, and
// the spool knows its tag: whenever the worker is killed, each line gets there once.
type problemSource struct {
	api   problemReader
	store metas
	tell  func(severity event.Severity, kind, text string) // nil tells nobody
}

// readProblems is what is kept of a source between two pulls.
type readProblems struct {
	Cursor zabbix.ProblemCursor `json:"cursor"`
	Lines  []string             `json:"lines,omitempty"` // on their way into the spool
}

// openPull returns what reads problems for the sources that want them, nil where none
// does, and what ends its session with Zabbix. It tells where problems may be missing.
func openPull(c *config.Config, store metas, tell func(severity event.Severity, kind, text string)) (pull intake.Pull, end func(), err error) {
	if !slices.ContainsFunc(c.Sources, func(s intake.Source) bool { return s.IsPulled() }) {
		return nil, func() {}, nil
	}
	api, err := zabbix.OpenAPI(c.Zabbix.API)
	if err != nil {
		return nil, nil, fmt.Errorf("read problems of Zabbix: %w", err)
	}
	return (&problemSource{api: api, store: store, tell: tell}).pull, api.Close, nil
}

// pull reads what is new since it was called before.
func (p *problemSource) pull(ctx context.Context, source string, put intake.Put) error {
	key := "zabbix.problems." + source
	state, err := p.load(ctx, key)
	if err != nil {
		return err
	}
	for more := true; more && ctx.Err() == nil; {
		if len(state.Lines) > 0 {
			if err := put(tagOfLines(source, state.Lines), bytesOf(state.Lines)); err != nil {
				return err
			}
			state.Lines = nil
			if err := p.save(ctx, key, &state); err != nil {
				return err
			}
		}
		var lines [][]byte
		var next zabbix.ProblemCursor
		if lines, next, more, err = p.api.ProblemLines(ctx, state.Cursor, pullMost); err != nil {
			return err
		}
		for _, line := range lines {
			state.Lines = append(state.Lines, string(line))
		}
		if next.Gaps != state.Cursor.Gaps && p.tell != nil {
			p.tell(event.Medium, NoticeIntake, fmt.Sprintf(
				"problems of source %s may be missing: the events of Zabbix do not go on from the newest that was read, as after a restored or new database", source))
		}
		more = more || len(lines) > 0
		if !more && next.Equal(state.Cursor) {
			return nil
		}
		state.Cursor = next
		if err := p.save(ctx, key, &state); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (p *problemSource) load(ctx context.Context, key string) (state readProblems, err error) {
	text, found, err := p.store.Meta(ctx, key)
	if err != nil || !found {
		return state, err
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil {
		return readProblems{}, nil // it begins anew: what is there now is old
	}
	return state, nil
}

func (p *problemSource) save(ctx context.Context, key string, state *readProblems) error {
	text, err := json.Marshal(state)
	if err != nil {
		return errors.Join(fmt.Errorf("keep %s", key), err)
	}
	return p.store.SetMeta(ctx, key, string(text))
}

// tagOfLines names lines by what they are.
func tagOfLines(source string, lines []string) string {
	h := fnv.New64a()
	for _, line := range lines {
		_, _ = h.Write([]byte(line + "\n")) // a hash never fails
	}
	return fmt.Sprintf("%s:%016x", source, h.Sum64())
}

func bytesOf(lines []string) [][]byte {
	all := make([][]byte, len(lines))
	for i, line := range lines {
		all[i] = []byte(line)
	}
	return all
}
