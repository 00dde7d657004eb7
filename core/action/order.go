package action

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// MaxTicket is the number of characters that the signed form of an order stays
// below: what a Zabbix item key and a command line carry everywhere.
const MaxTicket = 250

// ticketFixed is the number of bytes of a ticket that do not depend on the
// order: signature, key id, hash of the host id, counter, time, length bytes.
const ticketFixed = 64 + 8 + 16 + 8 + 8 + 4

// Digest names an order: what is approved, stored and sent once is the digest.
type Digest [sha256.Size]byte

// String returns the digest in 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Code returns the first ten characters of String, for people to type.
func (d Digest) Code() string { return d.String()[:10] }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 64 hexadecimal digits.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("%.80q is not a digest: want %d hexadecimal digits", text, hex.EncodedLen(len(d)))
	}
	if _, err := hex.Decode(d[:], text); err != nil {
		return fmt.Errorf("%q is not a digest: want hexadecimal digits", text)
	}
	return nil
}

// Order is one decided action on one host. Only policy makes orders; what is
// stored or arrives from elsewhere is judged again before it is used.
type Order struct {
	Action     string // id of the definition
	Params     Params
	Host       string // identity of the host that carries it out
	Case       string // id of the case it answers
	Generation int    // how often this action has ended in this case before
	Digest     Digest
	// Source is the source of the evidence behind it, and Decided when it was
	// decided or approved. Neither is part of the digest: deciding the same again
	// gives the same order.
	Source  string
	Decided time.Time
}

// NewOrder returns the order with its digest. An error says which value does not
// fit the definition, or that the signed form would be too long.
func NewOrder(d Definition, o Order) (Order, error) {
	o.Action = d.ID
	if err := o.check(d); err != nil {
		return Order{}, err
	}
	o.Digest = o.digest(d)
	return o, nil
}

// Check returns why a stored order does not stand under this definition, or nil:
// its values fit and its digest is that of its values.
func (o Order) Check(d Definition) error {
	if o.Action != d.ID {
		return fmt.Errorf("the order names %q, not %q", o.Action, d.ID)
	}
	if err := o.check(d); err != nil {
		return err
	}
	if o.Digest != o.digest(d) {
		return errors.New("the order's digest does not fit its values")
	}
	return nil
}

// TicketSize returns the number of characters that the signed form takes at most.
func (o Order) TicketSize() int {
	n := ticketFixed + len(o.Case) + len(o.Action) + o.Params.size()
	return len("P1") + base64.RawURLEncoding.EncodedLen(n)
}

func (o Order) check(d Definition) error {
	switch {
	case o.Case == "":
		return errors.New("an order belongs to a case")
	case o.Host == "":
		return errors.New("an order names the host that carries it out")
	case o.Generation < 0:
		return errors.New("an order's generation starts at 0")
	case o.TicketSize() >= MaxTicket:
		return fmt.Errorf("the order is too long to be signed: %d characters, fewer than %d fit", o.TicketSize(), MaxTicket)
	}
	return o.Params.Check(d)
}

// digest hashes each part with its length before it, so that no two different
// orders have the same bytes.
func (o Order) digest(d Definition) Digest {
	h := sha256.New()
	for _, part := range []string{
		"penstock-order-1", o.Case, strconv.Itoa(o.Generation), o.Action,
		o.Params.Canonical(), o.Host, d.canonical(),
	} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return Digest(h.Sum(nil))
}
