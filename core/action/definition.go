package action

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
)

// Target is the kind of thing an action is aimed at.
type Target uint8

const (
	TargetNone    Target = iota // nothing but the executing host's own state is read
	TargetAddress               // a network address
	TargetUser                  // an account
	TargetHost                  // the executing host as a whole
	TargetProcess               // one running process
)

var targetWords = [...]string{"none", "address", "user", "host", "process"}

// String returns none, address, user, host or process.
func (t Target) String() string {
	if int(t) < len(targetWords) {
		return targetWords[t]
	}
	return fmt.Sprintf("invalid(%d)", t)
}

// MarshalText implements encoding.TextMarshaler.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Bounds of every expiry, whatever an entry or a configuration says.
const (
	MinExpiry = time.Minute
	MaxExpiry = 7 * 24 * time.Hour
)

// Definition is one entry of the catalogue.
type Definition struct {
	ID      string        // for instance "block-address"
	Title   string        // key of the text that people read, for instance "action.block-address"
	Classes []event.Class // classes of case that it answers
	Target  Target
	// Field is the key of the observed evidence field that gives the target, an
	// event.Key constant. It is "" where the target is the executing host.
	Field string
	// Reversible says that nothing is left of it once Undo has run, or that it
	// only reads and Undo is "". What is not reversible is never automatic.
	Reversible bool
	Undo       string        // what takes it back locally at its expiry, "" where it only reads
	Check      string        // what shows its effect, looked at by us and not told by the route
	Expiry     time.Duration // how long it lasts unless told otherwise
	MaxExpiry  time.Duration // the longest it may be made to last
	TwoPersons bool          // an approval takes two persons
}

// Answers reports whether the action helps against that class of case.
func (d Definition) Answers(c event.Class) bool { return slices.Contains(d.Classes, c) }

// canonical is the entry's part of an order's digest: an approval of an action
// does not hold for another action that took over its name.
func (d Definition) canonical() string {
	return fmt.Sprintf("%s target=%s field=%s reversible=%t undo=%s check=%s max=%d two=%t",
		d.ID, d.Target, d.Field, d.Reversible, d.Undo, d.Check, int64(d.MaxExpiry/time.Second), d.TwoPersons)
}

var (
	fromOutside = []event.Class{
		event.ScanProbe, event.UserEnumeration, event.BruteForce, event.WebAttack,
		event.ExploitAttempt, event.DenialOfService, event.MailAbuse,
	}
	intruder = []event.Class{
		event.SuspiciousLogin, event.Malware, event.Execution, event.PrivilegeChange, event.LateralMovement,
		event.Persistence, event.LogTampering, event.CommandChannel, event.Exfiltration,
	}
	takenAccount = []event.Class{
		event.SuspiciousLogin, event.Execution, event.PrivilegeChange, event.LateralMovement, event.Persistence,
	}
	takenHost = []event.Class{
		event.Malware, event.Execution, event.LateralMovement, event.Persistence,
		event.CommandChannel, event.Exfiltration,
	}
)

// catalogue is the table of all actions, mildest first.
var catalogue = []Definition{
	{
		ID: "collect-evidence", Title: "action.collect-evidence", Classes: intruder,
		Target: TargetNone, Reversible: true, Check: "bundle-written",
		Expiry: 7 * 24 * time.Hour, MaxExpiry: 7 * 24 * time.Hour,
	},
	{
		ID: "snapshot-config", Title: "action.snapshot-config",
		Classes: []event.Class{event.ConfigChange, event.PrivilegeChange, event.Persistence, event.LogTampering},
		Target:  TargetNone, Reversible: true, Check: "snapshot-written",
		Expiry: 7 * 24 * time.Hour, MaxExpiry: 7 * 24 * time.Hour,
	},
	{
		ID: "limit-address", Title: "action.limit-address", Classes: fromOutside,
		Target: TargetAddress, Field: event.KeyPeer, Reversible: true,
		Undo: "unlimit-address", Check: "address-limited", Expiry: time.Hour, MaxExpiry: 24 * time.Hour,
	},
	{
		ID: "block-address", Title: "action.block-address",
		Classes: slices.Concat(fromOutside, []event.Class{event.SuspiciousLogin, event.CommandChannel, event.Exfiltration}),
		Target:  TargetAddress, Field: event.KeyPeer, Reversible: true,
		Undo: "unblock-address", Check: "address-blocked", Expiry: time.Hour, MaxExpiry: 24 * time.Hour,
	},
	{
		ID: "freeze-process", Title: "action.freeze-process",
		Classes: []event.Class{event.Malware, event.Execution, event.CommandChannel, event.Exfiltration},
		Target:  TargetProcess, Field: KeyProcess, Reversible: true,
		Undo: "resume-process", Check: "process-frozen", Expiry: time.Hour, MaxExpiry: 24 * time.Hour,
	},
	{
		ID: "end-session", Title: "action.end-session", Classes: takenAccount,
		Target: TargetUser, Field: event.KeyUser, Reversible: false, // a session does not come back
		Check: "session-gone", Expiry: time.Hour, MaxExpiry: time.Hour,
	},
	{
		ID: "disable-user", Title: "action.disable-user", Classes: takenAccount,
		Target: TargetUser, Field: event.KeyUser, Reversible: true,
		Undo: "enable-user", Check: "user-disabled", Expiry: 4 * time.Hour, MaxExpiry: 24 * time.Hour, TwoPersons: true,
	},
	{
		ID: "isolate-host", Title: "action.isolate-host", Classes: takenHost,
		Target: TargetHost, Reversible: true,
		Undo: "release-host", Check: "host-isolated", Expiry: time.Hour, MaxExpiry: 24 * time.Hour, TwoPersons: true,
	},
}

// Catalogue returns a copy of all definitions, mildest first.
func Catalogue() []Definition {
	all := slices.Clone(catalogue)
	for i := range all {
		all[i].Classes = slices.Clone(all[i].Classes)
	}
	return all
}

// Lookup returns the entry with that id and whether there is one.
func Lookup(id string) (Definition, bool) {
	i := slices.IndexFunc(catalogue, func(d Definition) bool { return d.ID == id })
	if i < 0 {
		return Definition{}, false
	}
	d := catalogue[i]
	d.Classes = slices.Clone(d.Classes)
	return d, true
}

// ids returns the names of all entries for messages.
func ids() string {
	names := make([]string, len(catalogue))
	for i, d := range catalogue {
		names[i] = d.ID
	}
	return strings.Join(names, ", ")
}
