package pipeline

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"penstock/core/event"
)

//go:embed playbook.yaml
var shippedPlaybook []byte

// ShippedPlaybook returns the playbook that Penstock comes with, as YAML for
// config.LoadPlaybook.
func ShippedPlaybook() []byte { return slices.Clone(shippedPlaybook) }

// Bounds of what an entry names and what a person is shown at once.
const (
	minSteps   = 3 // that need no parameter, in each entry
	maxEntry   = 8 // steps of one entry
	maxShown   = 6 // steps shown, those of the zone included
	maxCommand = 160
)

// Playbook is what the person on duty is told to do and not to do about each
// class of case. It is read only after New.
type Playbook struct {
	Steps   map[string]PlaybookStep `yaml:"steps"`
	Avoid   map[string]Text         `yaml:"avoid"`
	Zones   []ZoneNote              `yaml:"zones"`
	Entries []PlaybookEntry         `yaml:"entries"`
}

// PlaybookStep is one thing to do, with an optional command that only reads.
type PlaybookStep struct {
	EN      string `yaml:"en"`
	ES      string `yaml:"es"`
	DE      string `yaml:"de"`
	FR      string `yaml:"fr"`
	Command string `yaml:"command"` // for a shell on the host
	Windows string `yaml:"windows"` // for PowerShell, where the case's lines come from Windows
	// Against marks a step that acts against the address: it is left out for
	// addresses that the site protects.
	Against bool `yaml:"against"`
	// Zones keeps a step to hosts in those zones; none means all.
	Zones []event.Zone `yaml:"zones"`
}

// ZoneNote is what a zone adds to every entry: Steps and Avoid come first.
type ZoneNote struct {
	Zone  event.Zone `yaml:"zone"`
	Means Text       `yaml:"means"`
	Steps []string   `yaml:"steps"`
	Avoid []string   `yaml:"avoid"`
}

// PlaybookEntry is what is known of one class. An entry without Zones holds
// wherever no other entry of the class names the zone.
type PlaybookEntry struct {
	Class event.Class  `yaml:"class"`
	Zones []event.Zone `yaml:"zones"`
	What  Text         `yaml:"what"`
	Means Text         `yaml:"means"`
	Steps []string     `yaml:"steps"`
	Avoid []string     `yaml:"avoid"`
}

// parameters are the placeholders that playbook texts may name.
var parameters = []string{"address", "file", "host", "program", "user"}

// Check reports everything that is wrong with the playbook, by path.
func (p *Playbook) Check(problem func(path, text string)) {
	for _, id := range slices.Sorted(maps.Keys(p.Steps)) {
		p.Steps[id].check(below(problem, "steps."+id))
	}
	for _, id := range slices.Sorted(maps.Keys(p.Avoid)) {
		checkHostOnly(p.Avoid[id], below(problem, "avoid."+id))
	}
	seen := map[event.Class]bool{}
	for i := range p.Entries {
		e := &p.Entries[i]
		path := fmt.Sprintf("entries[%d]", i)
		p.checkEntry(e, below(problem, path))
		if len(e.Zones) == 0 {
			if seen[e.Class] {
				problem(path+".class", fmt.Sprintf("%s has two entries without zones", e.Class))
			}
			seen[e.Class] = true
		}
	}
	for _, c := range event.Classes() {
		if !seen[c] {
			problem("entries", fmt.Sprintf("class %s has no entry without zones", c))
		}
	}
	for i, z := range p.Zones {
		report := below(problem, fmt.Sprintf("zones[%d]", i))
		checkHostOnly(z.Means, below(report, "means"))
		p.checkIDs(z.Steps, z.Avoid, report)
	}
}

// err returns all problems as one error, or nil.
func (p *Playbook) err() error {
	var problems []error
	p.Check(func(path, text string) { problems = append(problems, fmt.Errorf("playbook.%s: %s", path, text)) })
	return errors.Join(problems...)
}

// entry returns the entry for that class in that zone. Only a playbook that
// passed Check has one for every class.
func (p *Playbook) entry(c event.Class, z event.Zone) *PlaybookEntry {
	if c == event.ClassNone {
		c = event.Novelty
	}
	var found *PlaybookEntry
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Class != c {
			continue
		}
		if slices.Contains(e.Zones, z) {
			return e
		}
		if len(e.Zones) == 0 {
			found = e
		}
	}
	return found
}

// zone returns what a zone adds, or an empty note.
func (p *Playbook) zone(z event.Zone) ZoneNote {
	i := slices.IndexFunc(p.Zones, func(n ZoneNote) bool { return n.Zone == z })
	if i < 0 {
		return ZoneNote{}
	}
	return p.Zones[i]
}

// Text returns what the step says.
func (s PlaybookStep) Text() Text { return Text{EN: s.EN, ES: s.ES, DE: s.DE, FR: s.FR} }

func (s PlaybookStep) check(problem func(path, text string)) {
	s.Text().Check(problem)
	for _, name := range placeholders(s.EN) {
		if !slices.Contains(parameters, name) {
			problem("en", fmt.Sprintf("{%s} is not a parameter (%s)", name, strings.Join(parameters, ", ")))
		}
	}
	s.checkCommand("command", s.Command, problem)
	s.checkCommand("windows", s.Windows, problem)
}

func (s PlaybookStep) checkCommand(path, command string, problem func(path, text string)) {
	for _, name := range placeholders(command) {
		if !slices.Contains(placeholders(s.EN), name) {
			problem(path, fmt.Sprintf("{%s} is in the command but not in the text", name))
		}
	}
	if len(command) > maxCommand {
		problem(path, fmt.Sprintf("%d characters are too long, at most %d", len(command), maxCommand))
	}
}

func (p *Playbook) checkEntry(e *PlaybookEntry, problem func(path, text string)) {
	if e.Class == event.ClassNone {
		problem("class", "the class is missing")
	}
	checkHostOnly(e.What, below(problem, "what"))
	checkHostOnly(e.Means, below(problem, "means"))
	p.checkIDs(e.Steps, e.Avoid, problem)
	free := 0
	for _, id := range e.Steps {
		if onlyHost(p.Steps[id].EN) {
			free++
		}
	}
	if free < minSteps || len(e.Steps) > maxEntry {
		problem("steps", fmt.Sprintf("%d steps, %d of them without parameters: at most %d, and at least %d without",
			len(e.Steps), free, maxEntry, minSteps))
	}
	if len(e.Avoid) == 0 {
		problem("avoid", "an entry says what not to do")
	}
}

func (p *Playbook) checkIDs(steps, avoid []string, problem func(path, text string)) {
	for i, id := range steps {
		if _, ok := p.Steps[id]; !ok {
			problem(fmt.Sprintf("steps[%d]", i), fmt.Sprintf("%q is not a step", id))
		}
	}
	for i, id := range avoid {
		if _, ok := p.Avoid[id]; !ok {
			problem(fmt.Sprintf("avoid[%d]", i), fmt.Sprintf("%q is not a thing to avoid", id))
		}
	}
}

// checkHostOnly checks a text that is always shown: it may name the host alone.
func checkHostOnly(t Text, problem func(path, text string)) {
	t.Check(problem)
	if !onlyHost(t.EN) {
		problem("en", "only {host} always has a value")
	}
}

func onlyHost(text string) bool {
	return !slices.ContainsFunc(placeholders(text), func(name string) bool { return name != "host" })
}

// below returns a reporter that puts path before what it is given.
func below(problem func(path, text string), path string) func(path, text string) {
	return func(p, text string) { problem(path+"."+p, text) }
}
