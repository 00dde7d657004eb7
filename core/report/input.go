package report

import (
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
)

// Input is all that a report shows. The zero value of every part is allowed and
// shows as nothing; lists are shown in the order given, cases gravest first.
type Input struct {
	Site      string         // the site's name, or ""
	Language  string         // en, es, de or fr; anything else reads as en
	Location  *time.Location // in which times are shown; nil is UTC
	Version   string         // of the program
	Generated time.Time      // when the report was made

	Totals    Totals
	Timeline  *Timeline // nil leaves the picture out
	Sources   []Source
	Hosts     []Host
	Templates []Template // the most frequent ones
	Cases     []CaseView
}

// Totals counts the events of the whole run: Suppressed, Attached and Forwarded
// add up to Events.
type Totals struct {
	Events     int
	Suppressed int    // known and quiet: counted, not shown
	Attached   int    // added to a case without news
	Forwarded  int    // opened a case or changed one materially
	Templates  int    // distinct templates
	NotKept    [5]int // closed cases that are no longer kept, by severity
	Bytes      int64
	From, To   time.Time     // event times
	Took       time.Duration // time the run took
}

// Source is what one source sent.
type Source struct {
	Name     string
	Format   string // the decoder that recognised most of it
	Trust    event.Trust
	Events   int
	Handed   int // attached or forwarded
	From, To time.Time
}

// Host is what was seen of one host.
type Host struct {
	Name   string
	File   bool // the name of a file stands for it: the file names no host
	Zone   event.Zone
	Events int
	Cases  int
	Worst  event.Severity
}

// Template is one message with its variables masked, and how often it came.
type Template struct {
	Text    string
	Program string
	Host    string // or the file, where that names none; "" where it came from several
	Events  int
	First   time.Time
	New     bool // first seen in this run's detection time
}

// CaseView is one case with what the pipeline and policy said of it.
type CaseView struct {
	Case     cases.Case
	Report   pipeline.Report
	Decision Decision
	// TalkOf is the revision that Report.Model.Talk is about where it is an earlier
	// one, else 0.
	TalkOf int
}

// Decision is a policy decision in words, so that a report needs to know
// nothing of policy's types.
type Decision struct {
	Severity event.Severity // None, or below the floor, is the floor
	Mode     string         // log, act, review or escalate
	DryRun   bool           // actions are named only
	Actions  []Action       // what would be, or is, done
	Reasons  []string       // why not more, in the site's language
}

// Action is one decided action in words.
type Action struct {
	Name   string // id of the catalogue entry
	Target string
	Host   string // where it is carried out
	Status string // intended, dry-run or waits-for-approval; other words are shown as they are
}
