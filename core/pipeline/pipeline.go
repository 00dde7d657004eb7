package pipeline

import (
	"time"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/llm"
	"penstock/core/sift"
	"penstock/core/site"
)

// Pipeline works cases through the five stages. It does not change after New
// and may be used by several goroutines at the same time.
type Pipeline struct {
	site     *site.Site
	actions  []action.Definition
	playbook *Playbook
	titles   map[string]string // of signals, by id
	language string
	location *time.Location

	model  Asker // nil is none
	limits llm.Options
	mark   func() string
}

// New returns the pipeline of that site, which proposes those actions and gives
// advice from that playbook in the site's language. The signals give reasons
// their titles. The error names everything that is wrong with the playbook.
func New(s *site.Site, actions []action.Definition, book *Playbook, signals []sift.Signal) (*Pipeline, error) {
	if err := book.err(); err != nil {
		return nil, err
	}
	p := &Pipeline{
		site: s, actions: actions, playbook: book, titles: make(map[string]string, len(signals)),
		language: s.Language(), location: s.Timezone(),
	}
	for i := range signals {
		p.titles[signals[i].ID] = signals[i].Title.In(p.language)
	}
	return p, nil
}

// Rules returns the report that rules alone give of a case. It is pure: the same
// case gives the same report, and nothing outside is asked. It takes well under
// a millisecond, so no duration is stated in it.
func (p *Pipeline) Rules(c cases.Case) Report {
	summary := p.extract(&c)
	anomaly := p.detect(&c, summary)
	assessment := p.assess(&c, anomaly)
	plan := p.solve(&c, assessment)
	advice := p.advise(&c, summary, assessment)
	return Report{
		Case: c.ID, Revision: c.Revision,
		Summary: summary, Anomaly: anomaly, Assessment: assessment, Plan: plan, Advice: advice,
	}
}

// text returns a text in the site's language with its values in place.
func (p *Pipeline) text(t Text, v values) string { return fill(t.In(p.language), v) }

// handle returns the handle of a line, for instance E3.
func handle(l *cases.Line) string { return "E" + decimal(l.Number) }
