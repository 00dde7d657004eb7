package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/site"
)

// From these confidences on the rules say "likely" and "well supported".
const (
	likelyFrom = 40
	strongFrom = 70
)

// advise is stage 5: what the person on duty reads. Commands come from the
// playbook alone, with checked values in place; free text never becomes one.
func (p *Pipeline) advise(c *cases.Case, s Summary, a Assessment) Advice {
	note, zone := p.zoneNote(c)
	entry := p.playbook.entry(a.Class, zone)
	values := p.params(c)
	asset, _ := p.site.AssetNamed(c.Asset)
	return Advice{
		Headline: s.Headline,
		What:     p.what(c, entry, values),
		Sure:     p.sure(a),
		Means:    p.means(entry, note, asset, values),
		Steps:    p.steps(append(slices.Clone(note.Steps), entry.Steps...), c.Zone, values),
		Avoid:    p.avoid(append(slices.Clone(note.Avoid), entry.Avoid...), values),
		Call:     p.call(c, a),
	}
}

// what returns what happened: the playbook's sentence and the case's facts.
func (p *Pipeline) what(c *cases.Case, entry *PlaybookEntry, v params) string {
	sentences := []string{p.sentence(entry.What, v)}
	if !c.Opened.IsZero() {
		sentences = append(sentences, p.when(c))
	}
	for _, fact := range []struct {
		text     Text
		entities []cases.Entity
		valid    func(string) bool
	}{
		{factPeers, c.Peers, validAddress},
		{factUsers, c.Users, readableUser},
		{factPrograms, c.Programs, validProgram},
		{factTargets, c.Targets, validHost},
	} {
		if len(fact.entities) > 0 {
			sentences = append(sentences, p.text(fact.text, values{"list": p.list(fact.entities, fact.valid)}))
		}
	}
	return strings.Join(sentences, " ")
}

// when returns how many events there were and when, in the site's time.
func (p *Pipeline) when(c *cases.Case) string {
	const day, clock = "2006-01-02 15:04:05", "15:04:05"
	from, to := c.Opened.In(p.location), c.Updated.In(p.location)
	v := values{"events": eventCount.In(p.language, c.Events), "from": from.Format(day), "to": to.Format(clock)}
	if !sameDay(from, to) {
		v["to"] = to.Format(day)
	}
	if to.Sub(from) < time.Second {
		return p.text(factOnce, v)
	}
	return p.text(factSpan, v)
}

func sameDay(a, b time.Time) bool {
	y1, m1, d1 := a.Date()
	y2, m2, d2 := b.Date()
	return y1 == y2 && m1 == m2 && d1 == d2
}

// sure returns how sure the rules are, and why.
func (p *Pipeline) sure(a Assessment) string {
	word := sureWeak
	switch {
	case a.Confidence >= strongFrom:
		word = sureStrong
	case a.Confidence >= likelyFrom:
		word = sureLikely
	}
	first := p.text(sureText, values{"word": p.text(word, nil), "confidence": decimal(a.Confidence)})
	return first + " " + strings.Join(a.Reasons, ". ") + "."
}

// means returns what it means here: the class, the zone, the asset's roles.
func (p *Pipeline) means(entry *PlaybookEntry, note ZoneNote, asset site.Asset, v params) string {
	sentences := []string{p.text(entry.Means, v.text)}
	if note.Means.EN != "" {
		sentences = append(sentences, p.sentence(note.Means, v))
	}
	for _, role := range asset.Roles {
		if text := roleWords(role, p.language); text != "" {
			sentences = append(sentences, text)
		}
	}
	add := func(is bool, t Text) {
		if is {
			sentences = append(sentences, p.text(t, v.text))
		}
	}
	add(asset.Zone != event.ZoneOT && asset.CarriesOT(), carriesPlant)
	add(asset.Test, testHost)
	if asset.Note != "" {
		sentences = append(sentences, asset.Note)
	}
	add(v.address.IsValid() && p.site.IsProtected(v.address), safeAddress)
	add(v.address.IsValid() && p.site.IsKnownScanner(v.address), knownScanner)
	return strings.Join(sentences, " ")
}

// steps returns the first things to do that the case has values for.
func (p *Pipeline) steps(ids []string, zone event.Zone, v params) []Step {
	var steps []Step
	var done []string
	if v.unnamed {
		steps = append(steps, Step{Text: p.text(unnamedStep, v.text)})
	}
	for _, id := range ids {
		s := p.playbook.Steps[id]
		if len(steps) == maxShown || slices.Contains(done, id) || !complete(s.EN, v.text) {
			continue
		}
		if len(s.Zones) > 0 && (v.unnamed || !slices.Contains(s.Zones, zone)) {
			continue
		}
		if s.Against && p.site.IsProtected(v.address) {
			continue
		}
		done = append(done, id)
		step := Step{Text: p.text(s.Text(), v.text)}
		command := s.Command
		if v.windows {
			command = s.Windows
		}
		if complete(command, v.command) {
			step.Command = fill(command, v.command)
		}
		steps = append(steps, step)
	}
	return steps
}

func (p *Pipeline) avoid(ids []string, v params) []string {
	var texts []string
	for _, id := range ids {
		text := p.sentence(p.playbook.Avoid[id], v)
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// call returns whom to call: the site's contacts for this case, or who should
// be one.
func (p *Pipeline) call(c *cases.Case, a Assessment) []string {
	contacts := p.site.Contacts(c.Zone, a.Severity, a.Class)
	nameless := unnamed(c)
	if nameless { // whoever looks after servers knows whose file it is
		if found := p.site.Contacts(event.ZoneIT, a.Severity, a.Class); len(found) > 0 {
			contacts = found
		}
	}
	var lines []string
	for _, c := range contacts {
		parts := slices.DeleteFunc([]string{c.Name, c.Phone, c.Mail}, func(s string) bool { return s == "" })
		lines = append(lines, strings.Join(parts, ", "))
	}
	if len(lines) > 0 {
		return lines
	}
	if !nameless && (c.Zone == event.ZoneOT || c.Zone == event.ZoneUnknown) {
		return []string{p.text(callProcess, nil)}
	}
	return []string{p.text(callNobody, nil)}
}

// sentence returns a text as a sentence of its own: with a large first letter,
// but a host keeps its name as it is.
func (p *Pipeline) sentence(t Text, v params) string {
	text := p.text(t, v.text)
	_, named := v.command["host"]
	if (named || v.unnamed) && strings.HasPrefix(text, v.text["host"]) {
		return text
	}
	return capital(text)
}

// complete says whether there is a value for each placeholder of the text.
func complete(text string, v values) bool {
	for _, name := range placeholders(text) {
		if _, ok := v[name]; !ok {
			return false
		}
	}
	return true
}

// Bounds of what a model writes for people, in characters.
const (
	maxWhat  = 500
	maxMeans = 400
)

// adviseAnswer is what a model answers in stage 5.
type adviseAnswer struct {
	What  string   `json:"what"`
	Means string   `json:"means"`
	Steps []string `json:"steps"`
}

// askAdvise asks the model stage 5. Its words follow the rules' and are marked as
// its own; of the rules' steps it gives the order and can leave out none. In the
// plant, and where nobody knows whether it is the plant, the rules' order stands:
// there it begins with whoever keeps the water safe.
func (p *Pipeline) askAdvise(ctx context.Context, t *talk, c *cases.Case, rules Advice) Advice {
	ids := make([]string, len(rules.Steps))
	steps := make([]string, len(rules.Steps))
	for i, s := range rules.Steps {
		ids[i] = "S" + decimal(i+1)
		steps[i] = "- " + ids[i] + ": " + quote(s.Text, 200)
	}
	properties := []property{{"what", textOf(maxWhat)}, {"means", textOf(maxMeans)}}
	order := ""
	if c.Zone == event.ZoneOT || c.Zone == event.ZoneUnknown {
		ids = nil
	}
	if len(ids) > 0 {
		order = "\n- steps: the ids of the steps, the most urgent first."
		properties = append(properties, property{"steps", someOf(ids, 1, len(ids))})
	}
	a, by, ok := ask(ctx, t, question[adviseAnswer]{
		stage: 5, schema: object(properties...),
		text: promptText("stage5_advise", values{"mark": t.mark, "steps": strings.Join(steps, "\n"), "order": order, "language": languageNames[p.language]}),
		check: func(a *adviseAnswer) error {
			a.What, a.Means = t.prose(a.What, 2*maxWhat), t.prose(a.Means, 2*maxMeans)
			if a.What == "" {
				return wrongf("no sentence of what may be shown: write without numbers, addresses, links, names of files and commands")
			}
			return checkWords("steps", &a.Steps, ids, min(1, len(ids)), len(ids))
		},
	})
	rules.Answered = by
	if !ok {
		return rules
	}
	rules.What = p.text(andModelSays, values{"rules": rules.What, "text": a.What})
	if a.Means != "" {
		rules.Means = p.text(andModelSays, values{"rules": rules.Means, "text": a.Means})
	}
	if len(ids) > 0 {
		rules.Steps = inOrderOf(rules.Steps, ids, a.Steps)
	}
	return rules
}

// inOrderOf returns all steps, those that were named first.
func inOrderOf(steps []Step, ids, named []string) []Step {
	var first, rest []Step
	for _, id := range named {
		first = append(first, steps[slices.Index(ids, id)])
	}
	for i, s := range steps {
		if !slices.Contains(named, ids[i]) {
			rest = append(rest, s)
		}
	}
	return append(first, rest...)
}
