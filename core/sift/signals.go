package sift

import (
	_ "embed"
	"time"

	"penstock/core/event"
)

//go:embed signals.yaml
var defaultSignals []byte

// DefaultSignals returns a copy of the signals file that comes with Penstock.
func DefaultSignals() []byte { return append([]byte(nil), defaultSignals...) }

// SignalsFile is the whole of a signals file, the shipped one or a site's own.
type SignalsFile struct {
	Signals []Signal `yaml:"signals"`
}

// Signal is one entry of the signals file: a known thing to look for, and what
// it means. It is not changed after NewSignals.
type Signal struct {
	ID        string         `yaml:"id"`        // words of a-z and 0-9 joined by - and ., for instance login.failed
	Title     Titles         `yaml:"title"`     // what happened, for people
	Class     event.Class    `yaml:"class"`     // none only where Severity is none
	Severity  event.Severity `yaml:"severity"`  // of one match; none only counts
	Technique string         `yaml:"technique"` // ATT&CK technique id
	Confirmed bool           `yaml:"confirmed"` // shows an effect, not an attempt
	Role      Role           `yaml:"role"`
	Group     string         `yaml:"group"`    // signals of one group share their counters; the id when empty
	Cancels   []string       `yaml:"cancels"`  // for benign: ids, groups or classes whose matches it takes away
	Disabled  bool           `yaml:"disabled"` // in a site's own file: switches the entry off
	Match     []Clause       `yaml:"match"`    // alternatives: one is enough
	Then      []Escalation   `yaml:"then"`     // what repetition makes of it
	Examples  []Example      `yaml:"examples"` // must match
	Counter   []Example      `yaml:"counter"`  // must not match
}

// Titles is one text in the languages that people read.
type Titles struct {
	EN string `yaml:"en"`
	ES string `yaml:"es"`
	DE string `yaml:"de"`
	FR string `yaml:"fr"`
}

// In returns the text in that language (en, es, de, fr), English where there is none.
func (t Titles) In(language string) string {
	text := map[string]string{"es": t.ES, "de": t.DE, "fr": t.FR}[language]
	if text == "" {
		return t.EN
	}
	return text
}

// Clause is a set of conditions that must all hold. At least one of Any, All,
// Name, Fields and Instructs is needed. Texts are compared without regard to
// case, in the line, in the detector's name for it and in what percent escapes
// in the line stand for; Name and NoneName look at the detector's name alone.
//
// Whoever attacks writes part of the line. What takes a match away must
// therefore be something he cannot write: where a hit stands (Except), who logs
// it (NoneProgram, NoneName, NotWeb). None is for entries nothing grave hangs on.
type Clause struct {
	Program     []string            `yaml:"program"`      // globs with *, one of them
	NoneProgram []string            `yaml:"none_program"` // globs with *, none of them
	Source      []string            `yaml:"source"`       // globs with *, one of them
	Format      []string            `yaml:"format"`       // globs with *, one of them
	NotWeb      bool                `yaml:"not_web"`      // not in what a web server says of a request
	Any         []string            `yaml:"any"`          // one of these texts
	With        []string            `yaml:"with"`         // and one of these texts
	All         []string            `yaml:"all"`          // each of these texts
	Except      []string            `yaml:"except"`       // inside these texts, as they were logged, those of any, with and all do not count
	None        []string            `yaml:"none"`         // none of these texts anywhere
	Name        []string            `yaml:"name"`         // one of these texts in the detector's name
	NoneName    []string            `yaml:"none_name"`    // none of these texts in the detector's name
	Fields      map[string][]string `yaml:"fields"`       // field: values, ranges (500-599) or globs
	Regexp      string              `yaml:"regexp"`       // RE2, looked at only when the rest holds
	Instructs   bool                `yaml:"instructs"`    // the line tries to instruct its reader, see Instructs
}

// Escalation says what Count matches of a group within a time make of it. The
// counting is the engine's.
type Escalation struct {
	Count     int            `yaml:"count"`
	Within    time.Duration  `yaml:"within"`
	By        string         `yaml:"by"`       // what they have in common: peer, user, host, or any field; "" is peer, else host
	Distinct  string         `yaml:"distinct"` // count distinct values of this field instead of matches
	Class     event.Class    `yaml:"class"`
	Severity  event.Severity `yaml:"severity"`
	Technique string         `yaml:"technique"`
}

// Example is a line that a signal must or must not match. In YAML it is the bare
// line, or a map where more than the line matters.
type Example struct {
	Line    string            `yaml:"line"`
	Name    string            `yaml:"name"`    // a detector's name
	Program string            `yaml:"program"` // overrides what decoding found
	Fields  map[string]string `yaml:"fields"`  // added to what decoding found
}

// UnmarshalText takes a bare line.
func (e *Example) UnmarshalText(text []byte) error {
	e.Line = string(text)
	return nil
}

// Text returns the line, or the name where there is no line.
func (e Example) Text() string {
	if e.Line == "" {
		return e.Name
	}
	return e.Line
}

// Role says what part a signal plays in a sequence of events.
type Role uint8

const (
	RoleAttempt Role = iota // something was tried
	RoleFailure             // it was tried and refused
	RoleSuccess             // it was done; harmless unless something came before
	RoleEffect              // it had a consequence
	RoleBenign              // known and harmless: takes away other signals' matches
)

var roleWords = event.Words{"attempt", "failure", "success", "effect", "benign"}

// String returns attempt, failure, success, effect or benign.
func (r Role) String() string { return roleWords.Text(int(r)) }

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return roleWords.Marshal("role", int(r)) }

// UnmarshalText accepts the words of String in any case.
func (r *Role) UnmarshalText(text []byte) error {
	i, err := roleWords.Parse("a role", text)
	*r = Role(i)
	return err
}

// Family returns the name under which matches are counted: the group, or the id.
func (s *Signal) Family() string {
	if s.Group != "" {
		return s.Group
	}
	return s.ID
}

// MergeSignals returns the shipped entries with a site's own laid over them by
// id. An own entry replaces the shipped one; without match of its own it keeps
// the shipped one's match, title, examples and, where it states none, its class,
// so that two lines are enough to change a severity or to disable an entry.
func MergeSignals(shipped, own []Signal) []Signal {
	merged := append([]Signal(nil), shipped...)
	at := make(map[string]int, len(merged))
	for i := range merged {
		at[merged[i].ID] = i
	}
	for _, s := range own {
		i, known := at[s.ID]
		if !known {
			at[s.ID] = len(merged)
			merged = append(merged, s)
			continue
		}
		merged[i] = overlay(merged[i], s)
	}
	return merged
}

func overlay(under, over Signal) Signal {
	if len(over.Match) > 0 {
		return over
	}
	result := under
	result.Severity, result.Disabled = over.Severity, over.Disabled
	if over.Class != event.ClassNone {
		result.Class = over.Class
	}
	if over.Technique != "" {
		result.Technique = over.Technique
	}
	if over.Then != nil {
		result.Then = over.Then
	}
	return result
}
