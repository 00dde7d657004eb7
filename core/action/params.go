package action

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// KeyProcess is the key of the evidence field that names a process in the form
// of Process.String. Only a look-up of our own sets it: a number in a log line
// says nothing about what runs under it now.
const KeyProcess = "process"

// maxUser is the longest account name, as in useradd(8).
const maxUser = 32

// User is an account name that passed ParseUser.
type User string

// ParseUser returns the name if it is 1 to 32 letters, digits, dots, dashes and
// underscores that begin with a letter or an underscore. Names of directories
// (with @ or \) are refused: no action here may touch them.
func ParseUser(s string) (User, error) {
	if s == "" || len(s) > maxUser {
		return "", fmt.Errorf("%.40q is not an account name: 1 to %d characters", s, maxUser)
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if letter || i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.') {
			continue
		}
		return "", fmt.Errorf("%q is not an account name: character %d", s, i+1)
	}
	return User(s), nil
}

// ParseAddress returns the address that s writes: plain, without port, zone or
// prefix, an IPv4 address in IPv6 dress undressed.
func ParseAddress(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%.60q is not an address", s)
	}
	if a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is an address of one link only", s)
	}
	return a.Unmap(), nil
}

// Process is a running process that cannot be mistaken for a later one with the same number.
type Process struct {
	PID     int
	Started uint64 // start time in clock ticks since boot, as in proc(5)
}

// String returns "pid@started", or "" for no process.
func (p Process) String() string {
	if p == (Process{}) {
		return ""
	}
	return strconv.Itoa(p.PID) + "@" + strconv.FormatUint(p.Started, 10)
}

// ParseProcess reads the form of String. Process 1 and below are refused.
func ParseProcess(s string) (Process, error) {
	pid, started, ok := strings.Cut(s, "@")
	n, err := strconv.ParseInt(pid, 10, 32)
	t, err2 := strconv.ParseUint(started, 10, 64)
	if !ok || err != nil || err2 != nil || n <= 1 {
		return Process{}, fmt.Errorf("%.40q is not a process (pid@started)", s)
	}
	return Process{PID: int(n), Started: t}, nil
}

// Params are the typed values of one order. Of Address, User and Process the one
// that the definition's Target asks for is set, the others are zero.
type Params struct {
	Address netip.Addr
	User    User
	Process Process
	For     time.Duration // how long the effect lasts, whole seconds
}

// ParseParams reads the target's text for that definition and takes its expiry.
// For actions aimed at no address, user or process the text is not read.
func (d Definition) ParseParams(target string) (Params, error) {
	p := Params{For: d.Expiry}
	var err error
	switch d.Target {
	case TargetAddress:
		p.Address, err = ParseAddress(target)
	case TargetUser:
		p.User, err = ParseUser(target)
	case TargetProcess:
		p.Process, err = ParseProcess(target)
	}
	if err != nil {
		return Params{}, fmt.Errorf("target of %s: %w", d.ID, err)
	}
	return p, nil
}

// Check returns why the values do not fit the definition, or nil.
func (p Params) Check(d Definition) error {
	want := Params{For: p.For}
	var valid bool
	switch d.Target {
	case TargetAddress:
		want.Address = p.Address
		valid = p.Address.IsValid() && p.Address == p.Address.Unmap() && p.Address.Zone() == ""
	case TargetUser:
		_, err := ParseUser(string(p.User))
		want.User, valid = p.User, err == nil
	case TargetProcess:
		want.Process, valid = p.Process, p.Process.PID > 1
	default:
		valid = true
	}
	switch {
	case !valid:
		return fmt.Errorf("%s needs its %s", d.ID, d.Target)
	case p != want:
		return fmt.Errorf("%s takes no other value than its %s", d.ID, d.Target)
	case p.For < MinExpiry || p.For > d.MaxExpiry:
		return fmt.Errorf("%s cannot last %s (%s to %s)", d.ID, p.For, MinExpiry, d.MaxExpiry)
	case p.For%time.Second != 0:
		return errors.New("an expiry is whole seconds")
	}
	return nil
}

// Target returns the text of what the order is aimed at: an address, an account,
// a process, or "" for the executing host.
func (p Params) Target() string {
	if p.Address.IsValid() {
		return p.Address.String()
	}
	if p.User != "" {
		return string(p.User)
	}
	return p.Process.String()
}

// Canonical returns the one text of these values: equal values, equal text.
func (p Params) Canonical() string {
	text := "for=" + strconv.FormatInt(int64(p.For/time.Second), 10)
	if p.Address.IsValid() {
		text = "address=" + p.Address.String() + " " + text
	}
	if p.User != "" {
		text = "user=" + string(p.User) + " " + text
	}
	if p.Process != (Process{}) {
		text = "process=" + p.Process.String() + " " + text
	}
	return text
}

// size is the number of bytes these values take in a ticket.
func (p Params) size() int {
	n := 4 // the expiry
	if p.Address.IsValid() {
		n += 1 + p.Address.BitLen()/8
	}
	if p.User != "" {
		n += 1 + len(p.User)
	}
	if p.Process != (Process{}) {
		n += 12
	}
	return n
}
