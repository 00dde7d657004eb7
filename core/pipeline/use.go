package pipeline

import (
	"fmt"
	"time"
)

// State says what part a model has in a report.
type State uint8

const (
	NoModel  State = iota // none is configured
	Waiting               // it is being asked; the rules' verdict stands until it answers
	NotAsked              // Use.Why says why
	Answers               // every stage that was asked has a valid answer
	Partly                // some have
	Failed                // none has
)

var stateWords = [...]string{"", "waiting", "not-asked", "answered", "partly", "failed"}

// String returns the state's word, "" for NoModel.
func (s State) String() string {
	if int(s) < len(stateWords) {
		return stateWords[s]
	}
	return fmt.Sprintf("state(%d)", s)
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Use is what was asked of a model about one revision of a case, and what it cost.
type Use struct {
	State    State
	Why      string // what kept it from answering: a fault's word, or one of the Why constants
	Name     string
	Digest   string // SHA-256 of the model that answered
	Endpoint string // that answered last
	// Dissent says that the model calls ordinary, or less grave, what rules do not.
	// Where it is ordinary to it, Low or two steps less grave, its words are not shown.
	Dissent      bool
	Ordinary     bool // it called the case ordinary and rules do not object: it was asked no further
	Calls        int
	PromptTokens int
	AnswerTokens int
	Took         time.Duration
	Talk         Talk
}

// Why a model is not asked, beside the faults of package llm.
const (
	WhyInstructs = "instructing-text" // text in the case tries to instruct whoever reads it
	WhyRecords   = "records"          // the case has had its records of the hour
	WhyQueue     = "queue"            // too many cases wait for the model
	WhySeverity  = "severity"         // rules find nothing, or the case is closed
)

// Talk is what was said, word for word. Its texts are as hostile as the logs they
// quote.
type Talk struct {
	Prompts   string // version of the prompts
	System    string // the beginning of every question
	Case      string // what follows it in each question about this case
	Exchanges []Exchange
}

// Exchange is one question, after System and Case, and its answer.
type Exchange struct {
	Stage        int // 2 to 5
	Attempt      int // from 1
	Question     string
	Answer       string // as it came, "" where there was none
	Fault        string // what is wrong with it, in words; "" where it stands
	PromptTokens int
	AnswerTokens int
	Took         time.Duration
	PromptTook   time.Duration // reading the question
}
