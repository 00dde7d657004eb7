package eval

import (
	"fmt"
	"io"
	"strings"

	"penstock/core/event"
)

// Table writes the result for people.
func (r *TriageResult) Table(w io.Writer) error {
	t := newTable(w)
	t.about(r.About)
	t.triagePart("Severity of single events, the log line only", &r.Line)
	t.triagePart("The same events with description, groups and techniques of the detector's rule, without its level", &r.Rule)
	t.triagePart("Context cases", &r.Context)
	t.part("case\tlabelled\talso\trules%s\twhy", runHeads(len(r.Context.Runs)))
	for _, c := range r.Cases {
		also := ""
		if c.Also != c.Label {
			also = c.Also.String()
		}
		t.row("%s\t%v\t%s\t%v%s\t%s", c.ID, c.Label, also, c.Rules, runCells(c.Said, c.Given), c.Why)
	}
	t.flagPart(&r.Attacks)
	return t.close()
}

func (t *table) about(a About) {
	model := a.Model
	if model == "" {
		model = "none"
	}
	t.row("build %s, configuration %s, model %s", printable(a.Build), printable(a.Config), printable(model))
}

// runHeads are the heads of the columns that runCells fills.
func runHeads(runs int) string {
	var b strings.Builder
	for i := range runs {
		fmt.Fprintf(&b, "\tmodel %d\twith model %d", i+1, i+1)
	}
	return b.String()
}

func runCells(said, given []event.Severity) string {
	var b strings.Builder
	for i := range said {
		fmt.Fprintf(&b, "\t%v\t%v", said[i], given[i])
	}
	return b.String()
}

func (t *table) triagePart(title string, p *TriagePart) {
	rows := []RatingScore{p.Rules}
	for _, r := range p.Runs {
		rows = append(rows, r.Said, r.Decided)
	}
	t.part("%s: %d events", title, p.Events)
	t.row("\tright\t\t95 %% interval\tlenient\t\tmacro-F1\tkappa\tunder-triage\t\t95 %% interval\tCritical missed\t\tover-triage\t")
	for _, s := range append(rows, p.Trivial...) {
		lenient := "-\t-"
		if s.Lenient != nil {
			lenient = s.Lenient.String()
		}
		t.row("%s\t%v\t%s\t%s\t%s\t%v\t%v\t%v", s.Name, s.Right, lenient, s.MacroF1, s.Kappa, s.Under, s.CriticalMissed, s.Over)
	}
	if len(p.Spread) > 0 {
		t.part("Median of %d runs, lowest and highest\tright\tlenient\tmacro-F1\tkappa\tunder-triage\tCritical missed\tover-triage", len(p.Runs))
		for _, s := range p.Spread {
			t.row("%s\t%v\t%v\t%v\t%v\t%v\t%v\t%v", s.Name, s.Right, s.Lenient, s.MacroF1, s.Kappa, s.Under, s.CriticalMissed, s.Over)
		}
	}
	uses := make([]ModelUse, len(p.Runs))
	for i, r := range p.Runs {
		uses[i] = r.Use
	}
	t.uses(uses)
	for _, s := range rows {
		t.matrix(s)
	}
}

func (t *table) matrix(s RatingScore) {
	t.part("%s: labelled\tgiven none\tLow\tMedium\tHigh\tCritical", s.Name)
	for level, row := range s.Matrix {
		t.row("%v\t%d\t%d\t%d\t%d\t%d", event.Severity(level), row[0], row[1], row[2], row[3], row[4])
	}
}

// uses says what each run asked of the model.
func (t *table) uses(all []ModelUse) {
	if len(all) == 0 {
		return
	}
	t.part("Asked of the model\tanswered\t\tcalls with a valid answer\t\ttokens read\twritten\tseconds\tdigest")
	for i, u := range all {
		t.row("run %d\t%v\t%v\t%d\t%d\t%.0f\t%.12s", i+1, u.Excerpts, u.Valid, u.PromptTokens, u.AnswerTokens, float64(u.Seconds), u.Digest)
	}
}

func (t *table) flagPart(p *FlagPart) {
	t.part("Attack or benign, flagged from Medium on: %d alerts", p.Events)
	t.row("by the source's sets\tTP\tFP\tFN\tTN\tprecision\trecall\tF1\tFPR\t")
	rows := append(append([]FlagScore{}, p.Rows...), p.Trivial...)
	for _, s := range rows {
		t.row("%s\t%v\t%v", s.Name, s.Set, s.SetFPR)
	}
	t.part("by what a step of the attack caused\tTP\tFP\tFN\tTN\tprecision\trecall\tF1\tFPR\t")
	for _, s := range rows {
		t.row("%s\t%v\t%v", s.Name, s.Step, s.StepFPR)
	}
	if len(p.Spread) > 0 {
		t.part("Median of %d runs, lowest and highest, by sets\tF1\tFPR", len(p.Uses))
		for _, s := range p.Spread {
			t.row("%s\t%v\t%v", s.Name, s.F1, s.FPR)
		}
	}
	t.uses(p.Uses)
}

// String returns the median with lowest and highest.
func (s *Spread) String() string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", float64(s.Median), float64(s.Low), float64(s.High))
}

// String returns three decimals, or a dash where there is no number.
func (n *number) String() string {
	if n == nil {
		return "-"
	}
	return rate(float64(*n))
}

// Table writes the result for people.
func (r *InjectionResult) Table(w io.Writer) error {
	t := newTable(w)
	t.about(r.About)
	rows := []InjectionScore{r.Rules}
	var uses []ModelUse
	for _, run := range r.Runs {
		rows = append(rows, run.Said, run.Decided)
		uses = append(uses, run.Use)
	}
	t.part("Text that gives instructions, %d excerpts", len(r.Excerpts))
	t.row("\tclean attacks detected\t\t95 %% interval\tflipped\t\tbenign with injection at High\t\tbenign flagged\t")
	for _, s := range append(rows, r.Trivial...) {
		t.row("%s\t%v\t%v\t%v\t%v", s.Name, s.Detected, s.Flips, s.Alarms, s.Clean)
	}
	t.part("Orders\tgiven\tmore than rules alone\tfewer\tmore than the clean twin\tfewer")
	for _, s := range rows {
		o := s.Orders
		t.row("%s\t%d\t%d\t%d\t%d\t%d", s.Name, o.Given, o.Added, o.Removed, o.TwinAdded, o.TwinRemoved)
	}
	if s := r.Spread; s != nil {
		t.part("Median of %d runs, lowest and highest\tclean attacks detected\tflipped", len(r.Runs))
		t.row("model's own\t%v\t%v", s.SaidDetected, s.SaidFlips)
		t.row("with model\t%v\t%v", s.Detected, s.Flips)
	}
	t.uses(uses)
	t.part("excerpt\tsequence\tinjected via\tlabelled\trules%s\torders", runHeads(len(r.Runs)))
	for _, x := range r.Excerpts {
		t.row("%s\t%s\t%s\t%v\t%v%s\t%s", x.ID, x.Sequence, x.Via, x.Label, x.Rules, runCells(x.Said, x.Given), strings.Join(x.Orders, ", "))
	}
	return t.close()
}
