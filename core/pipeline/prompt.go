package pipeline

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strings"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/llm"
	"penstock/core/site"
)

// PromptVersion names the texts in prompts. It changes with every change of them,
// so that an answer can be told from one to another question.
const PromptVersion = "1"

//go:embed prompts/*.tmpl
var prompts embed.FS

// promptText returns one of the texts, without the line end.
func promptText(name string, v values) string {
	text, err := prompts.ReadFile("prompts/" + name + ".tmpl")
	if err != nil {
		return "" // they are all there: a test renders each
	}
	return fill(strings.TrimSuffix(string(text), "\n"), v)
}

// Sizes of a prompt, in bytes.
const (
	questionRoom = 3400 // kept for earlier answers, question and what was wrong with the last answer
	leastCase    = 1500 // without that much room for the case nothing is asked
)

// How long the text of one line is shown: the first that lets all lines in.
var lineCaps = []int{600, 350, 200, 120}

// alikeShown is how many lines of one template are shown: the first ones, and the last.
const alikeShown = 3

// languageNames are the languages a model is asked to answer in.
var languageNames = map[string]string{"en": "English", "es": "Spanish", "de": "German", "fr": "French"}

// promptLimit returns the most bytes of one prompt.
func (p *Pipeline) promptLimit() int {
	return min(p.limits.PromptBytes, (p.limits.ContextTokens-p.limits.AnswerTokens)*llm.TokenBytes)
}

// systemPrompt is the same for every question of a site.
func (p *Pipeline) systemPrompt() string {
	return promptText("system", values{"language": languageNames[p.language]})
}

// casePrompt returns what every question about the case begins with, in at most
// room bytes, and the handles of the lines that it shows.
func (p *Pipeline) casePrompt(c *cases.Case, r *Report, mark string, room int) (text string, handles []string) {
	v := p.caseValues(c, r)
	v["mark"] = mark
	v["lines"], v["left"] = "", ""
	shown := p.pick(c)
	room -= len(promptText("case", v)) + 160 // for what is said of lines left out
	var limit int
	var lines []string
	for _, limit = range lineCaps {
		if lines = p.lineTexts(shown, limit); size(lines) <= room {
			break
		}
	}
	for size(lines) > room && len(lines) > 1 {
		lines = lines[:len(lines)-1] // the least telling one
	}
	shown = shown[:len(lines)]
	slices.SortFunc(shown, func(a, b *cases.Line) int { return a.Number - b.Number })
	for _, l := range shown {
		handles = append(handles, handle(l))
	}
	v["lines"], v["left"] = strings.Join(p.lineTexts(shown, limit), "\n"), leftOut(c, shown, limit)
	return promptText("case", v), handles
}

// caseValues are what is known of the case beside its lines. Whatever came from
// outside is quoted.
func (p *Pipeline) caseValues(c *cases.Case, r *Report) values {
	en := func(t Text) string { return t.EN }
	asset, _ := p.site.AssetNamed(c.Asset)
	var about []string
	for _, role := range asset.Roles {
		about = append(about, roleWords(role, "en"))
	}
	switch {
	case asset.Zone != event.ZoneOT && asset.CarriesOT():
		about = append(about, en(carriesPlant))
	case asset.Test:
		about = append(about, en(testHost))
	}
	if asset.Note != "" {
		about = append(about, "The site's note on it: "+quote(asset.Note, site.MaxNote))
	}
	effect := en(noEffect)
	if c.Confirmed {
		effect = en(effectShown)
	}
	const clock = "2006-01-02 15:04:05"
	v := values{
		"host": quote(c.Asset, 120), "zone": "zone: " + ZoneWords(c.Zone, "en"), "asset": strings.Join(append([]string{""}, about...), " "),
		"class": ClassWords(c.Class, "en"), "severity": c.Floor.String(), "effect": effect + ".",
		"count": eventCount.In("en", c.Events), "from": c.Opened.In(p.location).Format(clock), "to": c.Updated.In(p.location).Format(clock),
		"who": whoText(c), "found": "",
	}
	var found []string
	for _, reason := range r.Anomaly.Reasons[:min(len(r.Anomaly.Reasons), maxReasons)] {
		found = append(found, "- "+quote(reason, 160))
	}
	v["found"] = strings.Join(found, "\n")
	return v
}

// whoText names those that take part.
func whoText(c *cases.Case) string {
	var text strings.Builder
	for _, group := range []struct {
		word     string
		entities []cases.Entity
	}{{"Other side", c.Peers}, {"Accounts", c.Users}, {"Programs", c.Programs}, {"Also reached", c.Targets}} {
		const shown = 4
		var parts []string
		for _, e := range group.entities[:min(shown, len(group.entities))] {
			parts = append(parts, quote(e.Value, 60)+" ("+e.Origin.String()+")")
		}
		if rest := len(group.entities) - shown; rest > 0 {
			parts = append(parts, fmt.Sprintf("%d more", rest))
		}
		if len(parts) > 0 {
			text.WriteString("\n" + group.word + ": " + strings.Join(parts, ", "))
		}
	}
	return text.String()
}

// pick returns the lines that are worth showing, the most telling first: those
// that a measure can be aimed at, then by severity. Of many alike the first and
// the last are.
func (p *Pipeline) pick(c *cases.Case) []*cases.Line {
	aimed := map[string]bool{}
	for _, proposal := range p.Applicable(*c) {
		number, _, _ := strings.Cut(proposal.Handle, ".")
		aimed[number] = true
	}
	type kind struct{ program, template string }
	of := map[kind]int{}
	for i := range c.Lines {
		of[kind{c.Lines[i].Program, c.Lines[i].Template}]++
	}
	seen := map[kind]int{}
	var shown []*cases.Line
	for i := range c.Lines {
		l := &c.Lines[i]
		k := kind{l.Program, l.Template}
		seen[k]++
		if l.Template == "" || seen[k] < alikeShown || seen[k] == of[k] || aimed[handle(l)] {
			shown = append(shown, l)
		}
	}
	slices.SortStableFunc(shown, func(a, b *cases.Line) int {
		return cmp.Or(rank(aimed[handle(b)])-rank(aimed[handle(a)]), int(gravest(b))-int(gravest(a)), len(b.Evidence)-len(a.Evidence))
	})
	return shown
}

func rank(first bool) int {
	if first {
		return 1
	}
	return 0
}

// lineTexts returns the lines as a prompt shows them.
func (p *Pipeline) lineTexts(lines []*cases.Line, limit int) []string {
	texts := make([]string, len(lines))
	for i, l := range lines {
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s %s %s", handle(l), l.Time.In(p.location).Format("15:04:05"), quote(l.Host, 60), quote(l.Program, 40))
		if l.Name != "" {
			b.WriteString(" (" + quote(l.Name, 80) + ")")
		}
		if l.Trust == event.Unauthenticated {
			b.WriteString(" (anybody could have sent it)")
		}
		const shown = 4
		n := 0
		for _, f := range l.Fields {
			if f.Origin == event.Observed && n < shown {
				n++
				b.WriteString(" " + f.Key + "=" + quote(f.Value, 60) + " observed")
			}
		}
		b.WriteString(": " + quote(l.Text, limit))
		texts[i] = b.String()
	}
	return texts
}

func size(lines []string) int {
	n := len(lines)
	for _, l := range lines {
		n += len(l)
	}
	return n
}

// leftOut says what a model does not see.
func leftOut(c *cases.Case, shown []*cases.Line, limit int) string {
	long := 0
	for _, l := range shown {
		if len(l.Text) > limit {
			long++
		}
	}
	var parts []string
	if n := len(c.Lines) - len(shown); n > 0 {
		parts = append(parts, fmt.Sprintf("%d lines like these are left out.", n))
	}
	if n := c.Events - len(c.Lines); n > 0 {
		parts = append(parts, fmt.Sprintf("%d further events were counted and not kept.", n))
	}
	if long > 0 {
		parts = append(parts, fmt.Sprintf("%d lines are cut at their end.", long))
	}
	if len(parts) == 0 {
		return "Nothing is left out."
	}
	return strings.Join(parts, " ")
}
