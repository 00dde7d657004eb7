package action

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Options is the section actions of the configuration.
type Options struct {
	// DryRun decides and records orders but sends none.
	DryRun bool `yaml:"dry_run"`
	// Enabled lists the ids that may be ordered at all, the preferred ones first.
	Enabled []string `yaml:"enabled"`
	// Hosts lists the assets that may carry an order out; none means no order.
	Hosts []string `yaml:"hosts"`
	// Expiry sets how long an action lasts, by id; absent ids keep the catalogue's.
	Expiry map[string]time.Duration `yaml:"expiry"`
}

// DefaultOptions returns the options of an absent section: dry run, the mild
// reversible actions enabled, no host that may carry one out.
func DefaultOptions() Options {
	return Options{
		DryRun:  true,
		Enabled: []string{"block-address", "limit-address", "snapshot-config", "collect-evidence"},
	}
}

// Check reports everything that is wrong, each with its path below the section.
// Whether the hosts exist is checked by policy, which knows the site.
func (o *Options) Check(problem func(path, text string)) {
	for i, id := range o.Enabled {
		path := fmt.Sprintf("enabled[%d]", i)
		if _, ok := Lookup(id); !ok {
			problem(path, fmt.Sprintf("%q is not an action (%s)", id, ids()))
		} else if slices.Contains(o.Enabled[:i], id) {
			problem(path, fmt.Sprintf("%q is listed twice", id))
		}
	}
	for i, host := range o.Hosts {
		if host == "" {
			problem(fmt.Sprintf("hosts[%d]", i), "the name of an asset is missing")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(o.Expiry)) {
		path := "expiry." + id
		d, ok := Lookup(id)
		if !ok {
			problem(path, fmt.Sprintf("%q is not an action (%s)", id, ids()))
			continue
		}
		if text := checkExpiry(o.Expiry[id], d.MaxExpiry); text != "" {
			problem(path, text)
		}
	}
}

// Definitions returns the enabled entries of the catalogue with the configured
// expiries, in the order of Enabled: where several would do, the first is taken.
func (o *Options) Definitions() []Definition {
	var all []Definition
	for _, id := range o.Enabled {
		d, ok := Lookup(id)
		if !ok {
			continue
		}
		if expiry, ok := o.Expiry[id]; ok {
			d.Expiry = expiry
		}
		all = append(all, d)
	}
	return all
}

func checkExpiry(expiry, longest time.Duration) string {
	if expiry < MinExpiry || expiry > longest {
		return fmt.Sprintf("%s is not an expiry between %s and %s", expiry, MinExpiry, longest)
	}
	if expiry%time.Second != 0 {
		return fmt.Sprintf("%s is not whole seconds", expiry)
	}
	return ""
}
