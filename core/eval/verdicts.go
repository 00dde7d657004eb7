package eval

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
)

// attachSeen is how long after the last forward of its case an attached line
// counts as seen. Without it one endless case would see everything.
const attachSeen = time.Hour

// verdict is what a decision leaves to score.
type verdict struct {
	made     bool
	forward  bool
	attach   bool
	caseID   string
	class    string
	reasons  string
	severity event.Severity
}

// verdicts gathers the decisions on the events of one part of the data.
type verdicts struct {
	seqs []uint64 // ascending
	all  []verdict
	kept texts
}

func newVerdicts(seqs []uint64) *verdicts {
	return &verdicts{seqs: seqs, all: make([]verdict, len(seqs)), kept: texts{}}
}

// take is the emit function of Decide.
func (v *verdicts) take(d Decision) error {
	i, ok := slices.BinarySearch(v.seqs, d.Seq)
	if !ok {
		return fmt.Errorf("decision on seq %d, which is not in the data", d.Seq)
	}
	if v.all[i].made {
		return fmt.Errorf("second decision on seq %d", d.Seq)
	}
	if err := oneOf("decision", d.Decision, Suppress, Attach, Forward); err != nil {
		return fmt.Errorf("seq %d: %w", d.Seq, err)
	}
	v.all[i] = verdict{
		made:     true,
		forward:  d.Decision == Forward,
		attach:   d.Decision == Attach,
		caseID:   v.kept.keep(d.Case),
		class:    v.kept.keep(d.Class),
		reasons:  v.kept.keep(strings.Join(d.Reasons, "; ")),
		severity: d.Severity,
	}
	return nil
}

// complete returns an error unless there is a decision on each event.
func (v *verdicts) complete() error {
	for i, one := range v.all {
		if !one.made {
			return fmt.Errorf("no decision on seq %d (there must be one for each of the %d events)", v.seqs[i], len(v.seqs))
		}
	}
	return nil
}

// DecideError says that there are no decisions to score: the program under test
// failed, or its decisions do not fit the data.
type DecideError struct {
	Name string // part of the data
	Err  error
}

// Error returns the part of the data and what is wrong.
func (e *DecideError) Error() string { return fmt.Sprintf("decide on %s: %v", e.Name, e.Err) }

// Unwrap returns the error without the part.
func (e *DecideError) Unwrap() error { return e.Err }

// decided lets the program under test decide on the events that events returns.
func decided(ctx context.Context, name string, seqs []uint64, events io.Reader, decide Decide) ([]verdict, error) {
	v := newVerdicts(seqs)
	if err := decide(ctx, name, events, v.take); err != nil {
		return nil, &DecideError{Name: name, Err: err}
	}
	if err := v.complete(); err != nil {
		return nil, &DecideError{Name: name, Err: err}
	}
	return v.all, nil
}

// Saved returns a Decide that gives the decisions of a file that some run has
// written, packed or not. The name stands in errors; it does not read the events.
func Saved(r io.Reader, name string) Decide {
	return func(ctx context.Context, _ string, _ io.Reader, emit func(Decision) error) error {
		r, err := Unpacked(r)
		if err != nil {
			return &DataError{File: name, Err: err}
		}
		return eachLine(r, name, func(number int, text []byte) error {
			if number%4096 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			var d Decision
			if err := json.Unmarshal(text, &d); err != nil {
				return fmt.Errorf("not a decision: %w", err)
			}
			return emit(d)
		})
	}
}

// SavedIn returns a Decide that gives the decisions of the file NAME.jsonl of a
// folder, packed or not, for each name.
func SavedIn(dir string) Decide {
	return func(ctx context.Context, name string, events io.Reader, emit func(Decision) error) error {
		f, err := open(filepath.Join(dir, name+".jsonl"))
		if err != nil {
			return err
		}
		defer f.close()
		return Saved(f, f.path)(ctx, name, events, emit)
	}
}

// checkOrder returns an error where the numbers of events do not ascend.
func checkOrder(seqs []uint64, seq uint64) error {
	if n := len(seqs); n > 0 && cmp.Compare(seqs[n-1], seq) >= 0 {
		return fmt.Errorf("seq %d after %d: they must ascend", seq, seqs[n-1])
	}
	return nil
}
