package policy

import "fmt"

// Reason is why something was not done: a closed list, free of language. Texts
// for people are written from it.
type Reason uint8

const (
	Allowed Reason = iota // no reason against it

	RaiseCut         // rule 1: the model asked for more than one step
	RaiseUnconfirmed // rule 1: Critical takes confirmed evidence
	LowerIgnored     // rule 1: the model asked for less than the floor
	ReportOfOther    // rule 1: the report is about another revision or case
	RaiseLimit       // rule 1: the hour has had its raises

	WaitsForPerson // rule 2: of a kind that never starts by itself, or not at this floor

	TargetMissing         // rule 3: no evidence of the class names a target
	TargetClaimed         // rule 3: the author of the text could have written it
	TargetMalformed       // rule 3: what the field holds is no such target
	SourceUnauthenticated // rule 3: only a source that anybody can imitate says so
	HostDisputed          // rule 3: it is not sure which host sent the evidence

	AddressProtected  // rule 4
	UserProtected     // rule 4
	HostProtected     // rule 4
	NoSuccess         // rule 4: failed logins alone never lock an account
	AccountUnknown    // rule 4: nothing is known of the account
	AccountOfSystem   // rule 4: user id below 1000
	AccountOfService  // rule 4
	LastAdministrator // rule 4

	HostInOT             // rule 5: the acting host is in the process network, or carries its traffic
	HostInUnknownZone    // rule 5: the site does not say where the acting host stands
	AddressInOT          // rule 5
	AddressInUnknownZone // rule 5: an address of ours, and the site does not say where
	AddressNotBlockable  // rule 5: a private or shared address that the site does not list as blockable

	Stopped        // rule 6: the stop switch is on
	HostNotAllowed // rule 6: not listed under actions.hosts
	ActionDisabled // rule 6: not listed under actions.enabled
	LimitOfWorker  // rule 6
	LimitOfSource  // rule 6
	LimitOfTarget  // rule 6
	DryRun         // rule 6: the configuration holds all orders back

	NotReversible // rule 7: no automatic action without undo
	OrderInvalid  // rule 7: values, digest or length do not stand
	OrderStale    // rule 7: decided too long ago

	InstructingText // rule 8: text in the case tried to instruct; rules alone decide

	ApproverNotListed  // rule 9
	ApproverIsSubject  // rule 9: the case is about one of the approver's accounts
	ApprovalExpired    // rule 9
	ApprovalOfOther    // rule 9: it names another order
	SecondPersonNeeded // rule 9
)

// reasons gives each reason its word and the number of its rule.
var reasons = [...]struct {
	word string
	rule int
}{
	Allowed:  {"allowed", 0},
	RaiseCut: {"raise-cut", 1}, RaiseUnconfirmed: {"raise-unconfirmed", 1},
	LowerIgnored: {"lower-ignored", 1}, ReportOfOther: {"report-of-other", 1}, RaiseLimit: {"raise-limit", 1},
	WaitsForPerson: {"waits-for-person", 2},
	TargetMissing:  {"target-missing", 3}, TargetClaimed: {"target-claimed", 3},
	TargetMalformed: {"target-malformed", 3}, SourceUnauthenticated: {"source-unauthenticated", 3},
	HostDisputed: {"host-disputed", 3}, AddressProtected: {"address-protected", 4},
	UserProtected: {"user-protected", 4}, HostProtected: {"host-protected", 4}, NoSuccess: {"no-success", 4},
	AccountUnknown: {"account-unknown", 4}, AccountOfSystem: {"account-of-system", 4},
	AccountOfService: {"account-of-service", 4}, LastAdministrator: {"last-administrator", 4},
	HostInOT: {"host-in-ot", 5}, HostInUnknownZone: {"host-in-unknown-zone", 5},
	AddressInOT: {"address-in-ot", 5}, AddressInUnknownZone: {"address-in-unknown-zone", 5}, AddressNotBlockable: {"address-not-blockable", 5},
	Stopped: {"stopped", 6}, HostNotAllowed: {"host-not-allowed", 6}, ActionDisabled: {"action-disabled", 6},
	LimitOfWorker: {"limit-of-worker", 6}, LimitOfSource: {"limit-of-source", 6},
	LimitOfTarget: {"limit-of-target", 6}, DryRun: {"dry-run", 6},
	NotReversible: {"not-reversible", 7}, OrderInvalid: {"order-invalid", 7}, OrderStale: {"order-stale", 7},
	InstructingText:   {"instructing-text", 8},
	ApproverNotListed: {"approver-not-listed", 9}, ApproverIsSubject: {"approver-is-subject", 9},
	ApprovalExpired: {"approval-expired", 9}, ApprovalOfOther: {"approval-of-other", 9},
	SecondPersonNeeded: {"second-person-needed", 9},
}

// Reasons returns all reasons but Allowed, for whoever writes texts for them.
func Reasons() []Reason {
	all := make([]Reason, 0, len(reasons)-1)
	for i := 1; i < len(reasons); i++ {
		all = append(all, Reason(i))
	}
	return all
}

// String returns the reason's word, for instance address-protected.
func (r Reason) String() string {
	if int(r) < len(reasons) {
		return reasons[r].word
	}
	return fmt.Sprintf("invalid(%d)", r)
}

// Rule returns the number of the rule behind the reason, 1 to 9, or 0 for Allowed.
func (r Reason) Rule() int {
	if int(r) < len(reasons) {
		return reasons[r].rule
	}
	return 0
}

// MarshalText implements encoding.TextMarshaler.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Refusal is one thing that was not done, and why.
type Refusal struct {
	Reason Reason
	Action string // id of the definition; "" where it is about no action
	Target string // address, account or process; "" where there is none
	Handle string // the evidence that names the target, for instance "E3.peer"
}
