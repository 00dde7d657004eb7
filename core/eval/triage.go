package eval

import (
	"context"
	"fmt"

	"penstock/core/event"
)

// flagged is the severity from which on an event counts as judged an attack: from
// there on somebody, or a measure, acts.
const flagged = event.Medium

// TriageResult is how severities of single events score. Each event is judged
// with nothing learnt before.
type TriageResult struct {
	About
	Line    TriagePart  `json:"log_line"`  // the log line only
	Rule    TriagePart  `json:"with_rule"` // with the detector's description, groups and techniques, never its level
	Context TriagePart  `json:"context"`
	Cases   []CaseGiven `json:"context_cases"`
	Attacks FlagPart    `json:"attack_or_benign"`
}

// TriagePart is the scores on one set of events.
type TriagePart struct {
	Events  int            `json:"events"`
	Rules   RatingScore    `json:"rules"`
	Runs    []TriageRun    `json:"runs,omitempty"`   // with a model, one each
	Spread  []RatingSpread `json:"spread,omitempty"` // over the runs
	Trivial []RatingScore  `json:"trivial"`
}

// TriageRun is one run with a model.
type TriageRun struct {
	Said    RatingScore `json:"said"`    // what the model itself says
	Decided RatingScore `json:"decided"` // what rules make of it
	Use     ModelUse    `json:"use"`
}

// CaseGiven is one context case: they are few, and are read one by one.
type CaseGiven struct {
	ID    string           `json:"id"`
	Label event.Severity   `json:"label"`
	Also  event.Severity   `json:"also_acceptable"` // the label where nothing else is
	Rules event.Severity   `json:"rules"`
	Said  []event.Severity `json:"said,omitempty"` // by run
	Given []event.Severity `json:"decided,omitempty"`
	Why   string           `json:"why"` // of the label
}

// FlagPart scores attack against benign: an event is flagged from Medium on.
type FlagPart struct {
	Events  int          `json:"events"`
	Rows    []FlagScore  `json:"rows"` // the rules, then each run's said and decided
	Spread  []FlagSpread `json:"spread,omitempty"`
	Uses    []ModelUse   `json:"use,omitempty"`
	Trivial []FlagScore  `json:"trivial"`
}

// FlagScore is one row of FlagPart.
type FlagScore struct {
	Name string `json:"name"`
	// Set goes by the source's two sets, as others have published it; of its attack
	// set more than half only fell into the time of an attack.
	Set    Confusion `json:"set"`
	SetFPR Share     `json:"set_fpr"`
	// Step goes by whether an attack step caused the very event.
	Step    Confusion `json:"step"`
	StepFPR Share     `json:"step_fpr"`
}

// FlagSpread is the F1 and false positive rate of FlagScore.Set over several runs.
type FlagSpread struct {
	Name string  `json:"name"`
	F1   *Spread `json:"set_f1"`
	FPR  *Spread `json:"set_fpr"`
}

// Triage scores the judges on the folders triage and wazuh under o.Dir: the rules
// alone, and one run with a model each. A *DataError says that the data is not
// what it should be, a *DecideError that a judge failed.
func Triage(ctx context.Context, o Options, rules Judge, runs ...Judge) (*TriageResult, error) {
	d, err := loadTriage(o.Dir)
	if err != nil {
		return nil, err
	}
	r := &TriageResult{About: o.About}
	if r.Line, _, err = triagePart(ctx, d.labels, d.lines, rules, runs); err != nil {
		return nil, err
	}
	if r.Rule, _, err = triagePart(ctx, d.labels, d.alerts, rules, runs); err != nil {
		return nil, err
	}
	var given [][]Judgement
	if r.Context, given, err = triagePart(ctx, d.contextLabels, d.contexts, rules, runs); err != nil {
		return nil, err
	}
	r.Cases = casesGiven(d, given)
	r.Attacks, err = flagPart(ctx, d, rules, runs)
	return r, err
}

// allJudged returns the judgements of the rules, then those of each run.
func allJudged(ctx context.Context, all []Excerpt, rules Judge, runs []Judge) ([][]Judgement, error) {
	first, err := judged(ctx, all, rules, nil)
	if err != nil {
		return nil, err
	}
	result := [][]Judgement{first}
	for _, run := range runs {
		j, err := judged(ctx, all, run, first)
		if err != nil {
			return nil, err
		}
		result = append(result, j)
	}
	return result, nil
}

// triagePart judges one set of events. It returns the judgements, the rules' first.
func triagePart(ctx context.Context, labels []triageLabel, events []Excerpt, rules Judge, runs []Judge) (TriagePart, [][]Judgement, error) {
	all, err := allJudged(ctx, events, rules, runs)
	if err != nil {
		return TriagePart{}, nil, err
	}
	p := TriagePart{Events: len(events), Rules: scoreJudged("rules alone", labels, all[0], decidedOf)}
	var said, decided []RatingScore
	for i, j := range all[1:] {
		run := TriageRun{
			Said:    scoreJudged(fmt.Sprintf("model's own, run %d", i+1), labels, j, saidOf),
			Decided: scoreJudged(fmt.Sprintf("with model, run %d", i+1), labels, j, decidedOf),
			Use:     modelUse(j),
		}
		p.Runs = append(p.Runs, run)
		said, decided = append(said, run.Said), append(decided, run.Decided)
	}
	if len(runs) > 0 {
		p.Spread = []RatingSpread{newRatingSpread("model's own", said), newRatingSpread("with model", decided)}
	}
	p.Trivial = trivialRatings(labels, p.Rules.Matrix.majority())
	return p, all, nil
}

func scoreJudged(name string, labels []triageLabel, all []Judgement, given func(Judgement) event.Severity) RatingScore {
	rates := make([]rated, len(all))
	for i, j := range all {
		rates[i] = rated{labels[i].severity, labels[i].also, given(j)}
	}
	return scoreRating(name, rates)
}

// trivialRatings are the predictors that know no event.
func trivialRatings(labels []triageLabel, majority event.Severity) []RatingScore {
	always := func(s event.Severity) RatingScore {
		return scoreJudged(fmt.Sprintf("always %v", s), labels, make([]Judgement, len(labels)), func(Judgement) event.Severity { return s })
	}
	all := []RatingScore{always(event.None), always(event.Critical)}
	if majority != event.None && majority != event.Critical {
		all = append(all, always(majority))
	}
	return all
}

func casesGiven(d *triageData, given [][]Judgement) []CaseGiven {
	var all []CaseGiven
	for i, x := range d.contexts {
		l := d.contextLabels[i]
		c := CaseGiven{ID: printable(x.ID), Label: l.severity, Also: l.also, Rules: given[0][i].Severity, Why: printable(l.why)}
		for _, run := range given[1:] {
			c.Said = append(c.Said, run[i].Said)
			c.Given = append(c.Given, run[i].Severity)
		}
		all = append(all, c)
	}
	return all
}

// flagPart judges alerts of an attack and of quiet times.
func flagPart(ctx context.Context, d *triageData, rules Judge, runs []Judge) (FlagPart, error) {
	all, err := allJudged(ctx, d.attacks, rules, runs)
	if err != nil {
		return FlagPart{}, err
	}
	p := FlagPart{Events: len(d.attacks), Rows: []FlagScore{scoreFlags("rules alone", d.attackLabels, all[0], decidedOf)}}
	var said, decided []FlagScore
	for i, j := range all[1:] {
		said = append(said, scoreFlags(fmt.Sprintf("model's own, run %d", i+1), d.attackLabels, j, saidOf))
		decided = append(decided, scoreFlags(fmt.Sprintf("with model, run %d", i+1), d.attackLabels, j, decidedOf))
		p.Rows = append(p.Rows, said[i], decided[i])
		p.Uses = append(p.Uses, modelUse(j))
	}
	if len(runs) > 0 {
		p.Spread = []FlagSpread{newFlagSpread("model's own", said), newFlagSpread("with model", decided)}
	}
	always := func(s event.Severity) func(Judgement) event.Severity {
		return func(Judgement) event.Severity { return s }
	}
	p.Trivial = []FlagScore{
		scoreFlags("flag all", d.attackLabels, all[0], always(event.Critical)),
		scoreFlags("flag none", d.attackLabels, all[0], always(event.None)),
	}
	return p, nil
}

func scoreFlags(name string, labels []attackLabel, all []Judgement, given func(Judgement) event.Severity) FlagScore {
	s := FlagScore{Name: name}
	for i, j := range all {
		flag := given(j) >= flagged
		s.Set.add(flag, labels[i].set)
		s.Step.add(flag, labels[i].step)
	}
	s.SetFPR, s.StepFPR = s.Set.falsePositives(), s.Step.falsePositives()
	return s
}

// falsePositives returns the share of the benign that were flagged.
func (c Confusion) falsePositives() Share { return Share{c.FP, c.FP + c.TN} }

func newFlagSpread(name string, runs []FlagScore) FlagSpread {
	var f1, fpr []*number
	for _, s := range runs {
		f1 = append(f1, rounded(s.Set.F1()))
		fpr = append(fpr, rounded(s.SetFPR.Rate()))
	}
	return FlagSpread{Name: name, F1: newSpread(f1...), FPR: newSpread(fpr...)}
}
