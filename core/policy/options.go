package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"penstock/core/action"
	"penstock/core/event"
)

// Options is the section policy of the configuration.
type Options struct {
	Approvers []Approver `yaml:"approvers"`
	// TwoPersons asks for two approvers where the catalogue does: isolating a
	// host, disabling an account.
	TwoPersons bool `yaml:"two_persons"`
	// ApprovalExpiry is how long after its proposal an order can be approved.
	ApprovalExpiry time.Duration `yaml:"approval_expiry"`
	// OrderExpiry is how long after its decision an order may still be sent.
	OrderExpiry time.Duration `yaml:"order_expiry"`
	Limits      Limits        `yaml:"limits"`
	// MinTrust is the least trust of a source whose evidence may name a target.
	MinTrust event.Trust `yaml:"min_trust"`
	// ModelMayAct lets a model's raise from Low to Medium start an action.
	ModelMayAct bool `yaml:"model_may_act"`
	// Containment lists the actions that a Critical case may start by itself.
	Containment []string `yaml:"containment"`
	// StopFile stops all automatic action while it exists; undo goes on.
	StopFile string `yaml:"stop_file"`
}

// Approver is a person who may approve orders.
type Approver struct {
	Name string `yaml:"name"` // user name in Zabbix, as its server sets it
	// Accounts are the person's accounts on hosts: nobody approves on a case
	// about one of them.
	Accounts []string `yaml:"accounts"`
}

// Limits are numbers of orders within an hour, and of raises.
type Limits struct {
	Worker int `yaml:"worker"` // by this worker in all
	Source int `yaml:"source"` // on evidence of one source
	Target int `yaml:"target"` // aimed at one target
	Raises int `yaml:"raises"` // times that a model puts a case above what stood
}

// maxLimit is the highest limit that can be set: beyond it there is none.
const maxLimit = 1000

// DefaultOptions returns the options of an absent section: nobody may approve,
// nothing is contained without a person, few orders an hour.
func DefaultOptions() Options {
	return Options{
		TwoPersons:     true,
		ApprovalExpiry: 4 * time.Hour,
		OrderExpiry:    15 * time.Minute,
		Limits:         Limits{Worker: 20, Source: 10, Target: 3, Raises: 6},
		MinTrust:       event.Authenticated,
	}
}

// Check reports everything that is wrong, each with its path below the section.
func (o *Options) Check(problem func(path, text string)) {
	o.checkApprovers(problem)
	for i, id := range o.Containment {
		path := fmt.Sprintf("containment[%d]", i)
		d, ok := action.Lookup(id)
		switch {
		case !ok:
			problem(path, fmt.Sprintf("%q is not an action", id))
		case !d.Reversible:
			problem(path, fmt.Sprintf("%q cannot be taken back: it always waits for a person", id))
		}
	}
	for _, limit := range []struct {
		path, of string
		value    int
	}{
		{"worker", "orders", o.Limits.Worker},
		{"source", "orders", o.Limits.Source},
		{"target", "orders", o.Limits.Target},
		{"raises", "raises", o.Limits.Raises},
	} {
		if limit.value < 0 || limit.value > maxLimit {
			problem("limits."+limit.path, fmt.Sprintf("%d is not a limit between 0 and %d %s an hour", limit.value, maxLimit, limit.of))
		}
	}
	if o.ApprovalExpiry < time.Minute || o.ApprovalExpiry > 7*24*time.Hour {
		problem("approval_expiry", fmt.Sprintf("%s is not between 1m and 168h", o.ApprovalExpiry))
	}
	if o.OrderExpiry < time.Minute || o.OrderExpiry > time.Hour {
		problem("order_expiry", fmt.Sprintf("%s is not between 1m and 1h", o.OrderExpiry))
	}
	if o.MinTrust == event.Unauthenticated {
		problem("min_trust", `"unauthenticated" would let anybody on the network choose what is blocked (authenticated, local)`)
	}
	if o.StopFile != "" && !strings.HasPrefix(o.StopFile, "/") {
		problem("stop_file", fmt.Sprintf("%q is not an absolute path", o.StopFile))
	}
}

func (o *Options) checkApprovers(problem func(path, text string)) {
	var names []string
	for i, a := range o.Approvers {
		path := fmt.Sprintf("approvers[%d].name", i)
		switch {
		case strings.TrimSpace(a.Name) == "":
			problem(path, "is missing")
		case slices.Contains(names, a.Name):
			problem(path, fmt.Sprintf("%q is listed twice", a.Name))
		}
		names = append(names, a.Name)
	}
}
