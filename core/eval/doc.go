// Package eval scores decisions and templates against labelled data: how much
// of what was an attack was seen, how early, and at what price in false alarms.
// What is measured and how stands in docs/evaluation.md.
//
// It is not the program under test: that comes in as a function, is given the
// data and never the labels. It never tunes anything, and it holds no data.
package eval

import (
	"context"
	"io"

	"penstock/core/event"
)

// Group is what a template miner says of one line after the last line.
type Group struct {
	ID       string // lines of one group have the same id
	Template string // text of the group's template, with <*> for each variable
}

// Mine puts each of the lines into a group, in order and with nothing learnt
// before, and returns one Group per line. With content the lines are messages
// without their headers, else they are raw.
type Mine func(ctx context.Context, lines []string, content bool) ([]Group, error)

// Decide reads plain events, one JSON object a line, from the first to the last
// with nothing learnt before, and emits one decision for each in their order. The name
// says which part of the data it is.
type Decide func(ctx context.Context, name string, events io.Reader, emit func(Decision) error) error

// What a decision can be.
const (
	Suppress = "suppress" // counted, goes no further
	Attach   = "attach"   // put into a case that is open
	Forward  = "forward"  // a case opens or changes materially
)

// Decision is one line of `penstock analyze --decisions`.
type Decision struct {
	Seq      uint64         `json:"seq"`
	Decision string         `json:"decision"`
	Case     string         `json:"case,omitempty"`
	Severity event.Severity `json:"severity"`
	Class    string         `json:"class,omitempty"`
	Reasons  []string       `json:"reasons,omitempty"`
}

// Options say what is to be scored and how much of it is shown.
type Options struct {
	Dir     string // folder that holds templates/, stream/, alerts/, triage/, wazuh/ and injection/
	About   About  // is repeated in the result where a model can be asked
	Samples int    // groups of false alarms to list, and whether to list misses; 0 lists none
}
