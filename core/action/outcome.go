package action

import "fmt"

// Outcome is how far an order has come.
type Outcome uint8

const (
	Intended Outcome = iota // decided and stored, nothing sent
	Sent                    // handed to a route, no answer yet
	Done                    // carried out, and the check saw its effect
	Undone                  // taken back, by a person or at its expiry
	Refused                 // the target host or a second look refused it
	Failed                  // tried without effect
	Unknown                 // nobody can say whether it took effect; never sent again
)

var outcomeWords = [...]string{"intended", "sent", "done", "undone", "refused", "failed", "unknown"}

// String returns intended, sent, done, undone, refused, failed or unknown.
func (o Outcome) String() string {
	if int(o) < len(outcomeWords) {
		return outcomeWords[o]
	}
	return fmt.Sprintf("invalid(%d)", o)
}

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText accepts the words of String.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, word := range outcomeWords {
		if word == string(text) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not an outcome", text)
}

// Ended reports whether nothing of the order is in force any more. Unknown has
// not ended: its effect may be there.
func (o Outcome) Ended() bool { return o == Undone || o == Refused || o == Failed }
