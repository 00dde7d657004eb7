package event

import (
	"fmt"
	"strings"
)

// Severity is how bad something is, after the rubric in docs/evaluation.md.
// Severities compare with < and >.
type Severity uint8

const (
	None     Severity = iota // no security or operating relevance
	Low                      // failed, blocked or background activity
	Medium                   // an active attack without success, or a fault that wants action soon
	High                     // probable success, privilege change, loss of view
	Critical                 // confirmed compromise, unauthorised control, destruction
)

var severityWords = Words{"none", "Low", "Medium", "High", "Critical"}

// String returns the word people read: none, Low, Medium, High or Critical.
func (s Severity) String() string { return severityWords.Text(int(s)) }

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return severityWords.Marshal("severity", int(s)) }

// UnmarshalText accepts the words of String in any case.
func (s *Severity) UnmarshalText(text []byte) error {
	i, err := severityWords.Parse("a severity", text)
	*s = Severity(i)
	return err
}

// Zone is where in the site an asset stands.
type Zone uint8

const (
	ZoneUnknown Zone = iota // a host that the site does not list: treated like ot by whatever acts
	ZoneIT
	ZoneDMZ
	ZoneOT // controllers, operator stations, anything that moves water
)

var zoneWords = Words{"unknown", "it", "dmz", "ot"}

// String returns unknown, it, dmz or ot.
func (z Zone) String() string { return zoneWords.Text(int(z)) }

// MarshalText implements encoding.TextMarshaler.
func (z Zone) MarshalText() ([]byte, error) { return zoneWords.Marshal("zone", int(z)) }

// UnmarshalText accepts the words of String in any case.
func (z *Zone) UnmarshalText(text []byte) error {
	i, err := zoneWords.Parse("a zone", text)
	*z = Zone(i)
	return err
}

// Trust says how sure we are that an event comes from where it says.
type Trust uint8

const (
	Unauthenticated Trust = iota // UDP syslog and the like: never enough for an automatic action
	Authenticated                // the transport proved who sent it
	Local                        // read on this machine, from a file or the journal
)

var trustWords = Words{"unauthenticated", "authenticated", "local"}

// String returns unauthenticated, authenticated or local.
func (t Trust) String() string { return trustWords.Text(int(t)) }

// MarshalText implements encoding.TextMarshaler.
func (t Trust) MarshalText() ([]byte, error) { return trustWords.Marshal("trust", int(t)) }

// UnmarshalText accepts the words of String in any case.
func (t *Trust) UnmarshalText(text []byte) error {
	i, err := trustWords.Parse("a trust", text)
	*t = Trust(i)
	return err
}

// Class is what kind of thing a case is about: a closed list.
type Class uint8

const (
	ClassNone       Class = iota
	Novelty               // a message never seen from this program, or a rate out of the ordinary
	ScanProbe             // looking for what is there
	UserEnumeration       // trying out account names
	BruteForce            // repeated failed logins
	LoginFailure          // single failed logins
	SuspiciousLogin       // a success that follows failures, or comes from an unusual place
	WebAttack             // hostile web requests
	ExploitAttempt        // use of a known weakness, no sign of success
	DenialOfService       // exhaustion by volume
	MailAbuse             // spam, relaying
	PolicyViolation       // forbidden but not hostile by itself: blocked traffic, denied access
	Malware               // malicious code found
	Execution             // commands or code run by an intruder
	PrivilegeChange       // more rights, new accounts, changed groups
	LateralMovement       // from one host of the site to the next
	Persistence           // something planted to stay
	LogTampering          // logs cleared, audit stopped, detectors switched off
	CommandChannel        // a host that talks to its attacker
	Exfiltration          // data leaving
	ProcessControl        // writes to controllers, changed set points, changed logic
	Instruction           // text that tries to instruct a reader or a model
	Forgery               // something that pretends to be ours, or another host's
	ConfigChange          // changed settings, packages, rules
	Fault                 // a broken disk, program or supply
	Availability          // something stopped, or fell silent
)

var classWords = Words{
	"none", "novelty", "scan-probe", "user-enumeration", "brute-force", "login-failure",
	"suspicious-login", "web-attack", "exploit-attempt", "denial-of-service", "mail-abuse",
	"policy-violation", "malware", "execution", "privilege-change", "lateral-movement",
	"persistence", "log-tampering", "command-channel", "exfiltration", "process-control",
	"instruction", "forgery", "config-change", "fault", "availability",
}

// String returns the class's word, for instance brute-force.
func (c Class) String() string { return classWords.Text(int(c)) }

// MarshalText implements encoding.TextMarshaler.
func (c Class) MarshalText() ([]byte, error) { return classWords.Marshal("class", int(c)) }

// UnmarshalText accepts the words of String in any case.
func (c *Class) UnmarshalText(text []byte) error {
	i, err := classWords.Parse("a class", text)
	*c = Class(i)
	return err
}

// Classes returns all classes but ClassNone, in the order of the list.
func Classes() []Class {
	all := make([]Class, 0, len(classWords)-1)
	for i := 1; i < len(classWords); i++ {
		all = append(all, Class(i))
	}
	return all
}

var originWords = Words{"claimed", "observed"}

// String returns claimed or observed.
func (o Origin) String() string { return originWords.Text(int(o)) }

// MarshalText implements encoding.TextMarshaler.
func (o Origin) MarshalText() ([]byte, error) { return originWords.Marshal("origin", int(o)) }

// UnmarshalText accepts the words of String in any case.
func (o *Origin) UnmarshalText(text []byte) error {
	i, err := originWords.Parse("an origin", text)
	*o = Origin(i)
	return err
}

// Words is the closed list of one enumeration, indexed by its values, for the
// enumerations of this and other packages.
type Words []string

// Text returns the word of a value, or one that says that there is none.
func (w Words) Text(i int) string {
	if i < len(w) {
		return w[i]
	}
	return fmt.Sprintf("invalid(%d)", i)
}

// Marshal returns the word of a value as MarshalText does; what names the
// enumeration in its error.
func (w Words) Marshal(what string, i int) ([]byte, error) {
	if i >= len(w) {
		return nil, fmt.Errorf("%d is not a %s", i, what)
	}
	return []byte(w[i]), nil
}

// Parse returns the value of a word in any case; what, with its article, names
// the enumeration in its error.
func (w Words) Parse(what string, text []byte) (int, error) {
	for i, word := range w {
		if strings.EqualFold(word, string(text)) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is not %s (%s)", text, what, strings.Join(w, ", "))
}
