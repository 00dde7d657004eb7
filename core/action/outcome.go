package action

import "penstock/core/event"

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

var outcomeWords = event.Words{"intended", "sent", "done", "undone", "refused", "failed", "unknown"}

// String returns intended, sent, done, undone, refused, failed or unknown.
func (o Outcome) String() string { return outcomeWords.Text(int(o)) }

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) { return outcomeWords.Marshal("outcome", int(o)) }

// UnmarshalText accepts the words of String in any case.
func (o *Outcome) UnmarshalText(text []byte) error {
	i, err := outcomeWords.Parse("an outcome", text)
	*o = Outcome(i)
	return err
}

// Ended reports whether nothing of the order is in force any more. Unknown has
// not ended: its effect may be there.
func (o Outcome) Ended() bool { return o == Undone || o == Refused || o == Failed }
