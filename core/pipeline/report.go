package pipeline

import (
	"time"

	"penstock/core/event"
	"penstock/core/llm"
)

// Source says who gave an answer.
type Source uint8

const (
	Rules Source = iota // the rules' answer: no model was asked, or none gave a valid answer
	Model
)

// Answered is part of every stage's answer.
type Answered struct {
	Source   Source
	Attempts int           // times the model was asked; 0 for the rules alone
	Took     time.Duration // time the model took over it, all attempts together
	// Fault says why the model's answer is not the one that stands, where it was asked.
	Fault        llm.Fault
	PromptTokens int // of all attempts
	AnswerTokens int
}

// Report is what the five stages say of one revision of a case.
type Report struct {
	Case       string // the case's id
	Revision   int
	Summary    Summary
	Anomaly    Anomaly
	Assessment Assessment
	Plan       Plan
	Advice     Advice
	Model      Use
}

// Summary is stage 1: who, what, where and when.
type Summary struct {
	Answered
	Headline string // one line: class, host, who
	Asset    string
	Zone     event.Zone
	From, To time.Time
	Events   int
	Peers    []string // most frequent first
	Users    []string
	Programs []string
	Handles  []string // E1, E2, ... the lines that Lines of the case holds
}

// Anomaly is stage 2: is it unusual here, and how much.
type Anomaly struct {
	Answered
	Unusual bool
	Score   int      // 0 to 100
	Handles []string // the evidence it rests on
	Reasons []string // in the site's language
}

// Assessment is stage 3: how bad.
type Assessment struct {
	Answered
	Severity   event.Severity
	Class      event.Class
	Techniques []string // ATT&CK ids
	Confidence int      // 0 to 100
	Reasons    []string // in the site's language
}

// Plan is stage 4: which applicable actions help, best first.
type Plan struct {
	Answered
	Proposals []Proposal
}

// Proposal is one action of the catalogue aimed at one evidence handle.
type Proposal struct {
	Action string // id of the definition
	Handle string // for instance "E3.peer"
	Target string // the value behind the handle
}

// Advice is stage 5: what the person on duty reads, in the site's language.
type Advice struct {
	Answered
	Headline string
	What     string   // what happened
	Sure     string   // how sure we are, and why
	Means    string   // what it means here, for this asset in this zone
	Steps    []Step   // what to do first, in order
	Avoid    []string // what not to do
	Call     []string // whom to call, from the site's contacts
}

// Step is one thing to do.
type Step struct {
	Text    string
	Command string // a command to type, from the playbook, or ""
}

// String returns rules or model.
func (s Source) String() string {
	if s == Model {
		return "model"
	}
	return "rules"
}

// MarshalText implements encoding.TextMarshaler.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
