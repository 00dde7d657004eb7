package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/sift"
)

// kindScores say how unusual one piece of evidence of a kind is by itself, 0 to
// 100. A signal or a source's own severity adds severityScore for each step
// above none, confirmed evidence adds confirmedScore, and each further kind in
// the case adds kindScore to the highest of them.
//
//	recovered 0, returned 20, impossible time 25, problem in Zabbix 25, new
//	template 30, odd value 30, odd time 35, new program 40, repeated 50, burst 55,
//	fan-out 60, host mismatch 70, instructing 80, success after failures 85;
//	signal 30 and source severity 20 plus 12 a step
var kindScores = [...]int{
	sift.NewTemplate:    30,
	sift.NewProgram:     40,
	sift.SignalMatch:    30,
	sift.Repeated:       50,
	sift.Burst:          55,
	sift.FanOut:         60,
	sift.SuccessAfter:   85,
	sift.OddTime:        35,
	sift.SourceSeverity: 20,
	sift.Returned:       20,
	sift.HostMismatch:   70,
	sift.ImpossibleTime: 25,
	sift.Instructing:    80,
	sift.Problem:        25,
	sift.OddValue:       30,
	sift.Recovered:      0,
}

const (
	severityScore  = 12
	confirmedScore = 10
	kindScore      = 5
	unusualFrom    = 30 // from this score on a case is called unusual
	maxReasons     = 12
	maxHandles     = 3 // named behind one reason
)

// detect is stage 2: is it unusual here, how much, on which evidence.
func (p *Pipeline) detect(c *cases.Case, s Summary) Anomaly {
	score := score(c.Evidence)
	a := Anomaly{Unusual: score >= unusualFrom, Score: score}
	for _, f := range p.facts(c) {
		text := p.reason(c, &f.evidence, f.lines)
		if len(f.lines) > 0 {
			text += " [" + strings.Join(handles(f.lines, maxHandles), ", ") + "]"
		}
		a.Reasons = append(a.Reasons, text)
		a.Handles = append(a.Handles, handles(f.lines, maxHandles)...)
	}
	slices.SortFunc(a.Handles, func(x, y string) int {
		return slices.Index(s.Handles, x) - slices.Index(s.Handles, y)
	})
	a.Handles = slices.Compact(a.Handles)
	return a
}

// fact is what one reason says: evidence that reads alike but for its count,
// with the highest count and all of its lines.
type fact struct {
	evidence sift.Evidence
	lines    []*cases.Line
}

// facts returns the case's evidence as at most maxReasons facts, gravest first.
// Two signals that count the same attack are one fact to a person.
func (p *Pipeline) facts(c *cases.Case) []*fact {
	var all []*fact
	byText := map[string]*fact{}
	for i := range c.Evidence {
		e := c.Evidence[i]
		lines := linesWith(c.Lines, &e)
		uncounted := e
		uncounted.Count = 0
		text := p.reason(c, &uncounted, lines)
		f := byText[text]
		if f == nil {
			if len(all) == maxReasons {
				continue
			}
			f = &fact{evidence: e}
			byText[text] = f
			all = append(all, f)
		}
		f.evidence.Count = max(f.evidence.Count, e.Count)
		for _, l := range lines {
			if !slices.Contains(f.lines, l) {
				f.lines = append(f.lines, l)
			}
		}
	}
	for _, f := range all {
		slices.SortFunc(f.lines, func(x, y *cases.Line) int { return x.Number - y.Number })
	}
	return all
}

// score returns how unusual the evidence is, 0 to 100.
func score(evidence []sift.Evidence) int {
	highest := 0
	var kinds [len(kindScores)]bool
	for _, e := range evidence {
		if int(e.Kind) >= len(kindScores) {
			continue
		}
		kinds[e.Kind] = true
		n := kindScores[e.Kind]
		if e.Kind == sift.SignalMatch || e.Kind == sift.SourceSeverity {
			n += severityScore * int(e.Severity)
		}
		if e.Confirmed {
			n += confirmedScore
		}
		highest = max(highest, n)
	}
	further := -1
	for _, there := range kinds {
		if there {
			further++
		}
	}
	return min(100, highest+kindScore*max(0, further))
}

// reason returns one piece of evidence as a sentence.
func (p *Pipeline) reason(c *cases.Case, e *sift.Evidence, lines []*cases.Line) string {
	if int(e.Kind) >= len(reasonTexts) {
		return e.Kind.String()
	}
	return p.text(reasonTexts[e.Kind], values{
		"program":  p.programOf(c, lines),
		"host":     p.hostOf(c, lines),
		"title":    capital(p.title(e)),
		"severity": SeverityWord(e.Severity, p.language),
		"signal":   p.say(e.Signal, validProgram),
		"by":       p.by(c, e),
		"events":   p.events(e),
		"failures": failureCount.In(p.language, e.Count),
		"distinct": p.distinct(e),
		"window":   span(e.Window, p.language),
	})
}

// title returns what a signal calls itself, else the words of its class.
func (p *Pipeline) title(e *sift.Evidence) string {
	if title := p.titles[e.Signal]; title != "" {
		return title
	}
	return ClassWords(e.Class, p.language)
}

// events returns what the evidence counted: "12 failed logins", or the signal's
// title with the number before it.
func (p *Pipeline) events(e *sift.Evidence) string {
	_, named := classCounts[e.Class]
	if title := p.titles[e.Signal]; title != "" && !named {
		return Number(e.Count, p.language) + " × " + title
	}
	return countOf(e.Class, e.Count, p.language)
}

// distinct returns of what evidence counted different ones, with their number.
func (p *Pipeline) distinct(e *sift.Evidence) string {
	text, known := distinctTexts[e.Distinct]
	if !known {
		text = distinctOther
	}
	return p.text(text, values{"count": Number(e.Count, p.language), "field": p.say(e.Distinct, validProgram)})
}

// by returns how a reason names the subject of its evidence, or "".
func (p *Pipeline) by(c *cases.Case, e *sift.Evidence) string {
	same := func(x cases.Entity) bool { return x.Value == e.Subject }
	switch {
	case e.Subject == "":
		return ""
	case validAddress(e.Subject):
		return p.text(byAddress, values{"subject": p.origin(e.Subject, e.Origin, true)})
	case slices.ContainsFunc(c.Users, same):
		return p.text(byUser, values{"subject": p.say(e.Subject, readableUser)})
	case slices.ContainsFunc(c.Programs, same):
		return p.text(byProgram, values{"subject": p.say(e.Subject, validProgram)})
	}
	return p.text(byOther, values{"subject": p.say(e.Subject, validHost)})
}

// programOf returns the program of the evidence's lines, else of the case.
func (p *Pipeline) programOf(c *cases.Case, lines []*cases.Line) string {
	switch {
	case len(lines) > 0 && lines[0].Program != "":
		return p.say(lines[0].Program, validProgram)
	case len(lines) == 0 && len(c.Programs) > 0:
		return p.say(c.Programs[0].Value, validProgram)
	}
	return p.text(noProgram, nil)
}

func (p *Pipeline) hostOf(c *cases.Case, lines []*cases.Line) string {
	if c.Asset == "" && len(lines) > 0 && lines[0].Host != "" {
		return p.say(lines[0].Host, validHost)
	}
	return p.host(c)
}

// linesWith returns the lines that hold this evidence. What counts grows from
// line to line, so counts are not compared.
func linesWith(lines []cases.Line, e *sift.Evidence) []*cases.Line {
	var found []*cases.Line
	for i := range lines {
		for j := range lines[i].Evidence {
			x := &lines[i].Evidence[j]
			if x.Kind == e.Kind && x.Class == e.Class && x.Signal == e.Signal && x.Subject == e.Subject && x.Distinct == e.Distinct {
				found = append(found, &lines[i])
				break
			}
		}
	}
	return found
}

func handles(lines []*cases.Line, most int) []string {
	var out []string
	for _, l := range lines[:min(most, len(lines))] {
		out = append(out, handle(l))
	}
	return out
}

// Bounds of what a model writes in one answer.
const (
	maxReason   = 240 // characters of a reason
	maxEvidence = 5   // handles
)

// detectAnswer is what a model answers in stage 2. Pointers tell what is missing
// from what is zero.
type detectAnswer struct {
	Reason   string   `json:"reason"`
	Evidence []string `json:"evidence"`
	Score    *int     `json:"score"`
	Unusual  *bool    `json:"unusual"`
}

// askDetect asks the model stage 2. The rules' reasons stay; the model's own comes
// after them. Above Low it makes nothing less unusual than the rules do: that it
// wants to is noted.
func (p *Pipeline) askDetect(ctx context.Context, t *talk, c *cases.Case, rules Anomaly) Anomaly {
	a, by, ok := ask(ctx, t, question[detectAnswer]{
		stage: 2, text: promptText("stage2_detect", nil),
		schema: object(
			property{"reason", textOf(maxReason)}, property{"evidence", someOf(t.handles, 1, maxEvidence)},
			property{"score", percent}, property{"unusual", truth},
		),
		check: func(a *detectAnswer) error {
			a.Reason = t.prose(a.Reason, 2*maxReason)
			return errors.Join(checkPercent("score", a.Score), checkWords("evidence", &a.Evidence, t.handles, 1, maxEvidence), checkThere("unusual", a.Unusual != nil))
		},
	})
	rules.Answered = by
	if !ok {
		return rules
	}
	t.ordinary = !*a.Unusual
	if c.Floor > event.Low {
		*a.Unusual, *a.Score = *a.Unusual || rules.Unusual, max(*a.Score, rules.Score)
	}
	rules.Unusual, rules.Score, rules.Handles = *a.Unusual, *a.Score, a.Evidence
	rules.Reasons = p.inModelsWords(rules.Reasons, a.Reason)
	return rules
}

// inModelsWords adds what the model says, marked as its own.
func (p *Pipeline) inModelsWords(all []string, said string) []string {
	if said == "" {
		return all
	}
	return append(slices.Clone(all), p.text(modelSays, values{"text": said}))
}
