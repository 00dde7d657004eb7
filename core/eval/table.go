package eval

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// table writes aligned columns and remembers the first error.
type table struct {
	w   *tabwriter.Writer
	err error
}

func newTable(w io.Writer) *table {
	return &table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.StripEscape)}
}

// row writes one line; cells are separated by tabs.
func (t *table) row(format string, a ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", a...)
	}
}

// part ends the columns so far and starts a new block with a title.
func (t *table) part(format string, a ...any) {
	t.row("")
	if t.err == nil {
		t.err = t.w.Flush()
	}
	t.row(format, a...)
}

func (t *table) close() error {
	if t.err == nil {
		t.err = t.w.Flush()
	}
	return t.err
}

// text of the numbers in tables: counts, then the rate.

func (s Share) String() string { return fmt.Sprintf("%d/%d\t%s", s.Count, s.Of, rate(s.Rate())) }

// perThousand returns the counts and the rate per 1,000.
func (s Share) perThousand() string {
	return fmt.Sprintf("%d/%d\t%s", s.Count, s.Of, thousand(s.Rate()))
}

func thousand(r float64) string {
	if math.IsNaN(r) {
		return "-"
	}
	return fmt.Sprintf("%.2f", r*1000)
}

func (r Recall) String() string {
	if r.Share.Of == 0 {
		return "0/0\t-\t-"
	}
	return fmt.Sprintf("%v\t%.3f to %.3f", r.Share, float64(r.Interval.Low), float64(r.Interval.High))
}

func (c Confusion) String() string {
	return fmt.Sprintf("%d\t%d\t%d\t%d\t%s\t%s\t%s", c.TP, c.FP, c.FN, c.TN, rate(c.Precision()), rate(c.Recall()), rate(c.F1()))
}

func rate(r float64) string {
	if math.IsNaN(r) {
		return "-"
	}
	return fmt.Sprintf("%.3f", r)
}

// Table writes the result for people.
func (r *TemplatesResult) Table(w io.Writer) error {
	t := newTable(w)
	t.row("Templates: the message without its header")
	t.templates(r.Content, r.Mean)
	t.part("Templates: the raw line, as the product sees it (the truth has no header)")
	t.templates(r.Raw, r.MeanRaw)
	t.part("Simple miners, mean on messages\tGA\tFGA\tPA\tFTA")
	for _, one := range r.Trivial {
		t.row("%s\t%s", one.Name, one.Mean)
	}
	t.templateMisses("True groups that were not found, those of most lines first", r.MissedGroups)
	t.templateMisses("Texts that differ, those of most lines first", r.MissedTexts)
	return t.close()
}

func (t *table) templateMisses(title string, all []TemplateMiss) {
	if len(all) == 0 {
		return
	}
	t.part("%s", title)
	t.row("system\twhat\tlines\tgroups\ttrue, and the first mined")
	for _, m := range all {
		t.row("%s\t%s\t%d\t%d\t%s", m.System, m.What, m.Lines, m.Groups, m.True)
		t.row("\t\t\t\t%s", m.Mined)
	}
}

func (t *table) templates(scores []TemplateScore, mean TemplateMean) {
	t.row("system\tGA\tlines\tFGA\tgroups: correct\tpredicted\ttrue\tPA\tlines\tFTA\ttemplates: correct\tpredicted\ttrue")
	for _, s := range scores {
		t.row("%s\t%s\t%d/%d\t%s\t%d\t%d\t%d\t%s\t%d/%d\t%s\t%d\t%d\t%d", s.System,
			rate(s.Grouping.Rate()), s.Grouping.Count, s.Grouping.Of,
			rate(s.Groups.F1()), s.Groups.Correct, s.Groups.Predicted, s.Groups.True,
			rate(s.Parsing.Rate()), s.Parsing.Count, s.Parsing.Of,
			rate(s.Templates.F1()), s.Templates.Correct, s.Templates.Predicted, s.Templates.True)
	}
	t.part("mean of %d systems\tGA\tFGA\tPA\tFTA", len(scores))
	t.row("\t%s", mean)
}

func (m TemplateMean) String() string {
	return fmt.Sprintf("%.3f\t%.3f\t%.3f\t%.3f", float64(m.GA), float64(m.FGA), float64(m.PA), float64(m.FTA))
}

// Table writes the result for people.
func (r *StreamResult) Table(w io.Writer) error {
	t := newTable(w)
	s := &r.Score
	t.row("Mixed stream: %d lines in the test part\t\t\t95 %% interval", r.Lines)
	t.row("attack instances seen\t%v", s.Instances)
	for _, one := range s.BySeverity {
		t.row("  %s\t%v", printable(one.Name), one.Recall)
	}
	t.part("By class\t\t\t95 %% interval")
	for _, one := range s.ByClass {
		t.row("  %s\t%v", printable(one.Name), one.Recall)
	}
	t.part("False alarms\tcount\tper 1,000")
	t.row("false forwards of benign lines\t%s", s.FalseForward.perThousand())
	t.row("  hard negatives among them\t%s", s.HardForward.perThousand())
	t.row("  other benign lines\t%s", s.OtherForward.perThousand())
	t.row("false attaches of benign lines\t%s", s.FalseAttach.perThousand())
	t.row("  hard negatives among them\t%s", s.HardAttach.perThousand())
	t.row("forwards of all lines (chains)\t%s", s.Forwards.perThousand())
	t.row("  requests to the model, at most\t%d\t%s", 4*s.Forwards.Count, thousand(4*s.Forwards.Rate()))
	t.part("Flags against labels\tTP\tFP\tFN\tTN\tprecision\trecall\tF1")
	t.row("lines, forwarded\t%v", s.Flags)
	t.row("lines, forwarded or attached within 1 h\t%v", s.Seen)
	t.row("windows of 60 s, forwarded\t%v", s.WindowFlags)
	t.row("windows of 60 s, forwarded or attached\t%v", s.WindowSeen)
	t.part("Lines of an instance before the first one seen\tmedian %g\tworst %g\tof %d seen",
		float64(s.Delay.Median), float64(s.Delay.Worst), s.Delay.Seen)
	t.given(s.Given)
	t.part("Simple predictors\tinstances\trecall\tfalse forwards\tper 1,000\tfalse attaches\tper 1,000\tline F1\twindow F1")
	for _, one := range append([]NamedStream{{"this run", *s}}, r.Trivial...) {
		t.row("%s\t%v\t%s\t%s\t%s\t%s", one.Name, one.Score.Instances.Share, one.Score.FalseForward.perThousand(),
			one.Score.FalseAttach.perThousand(), rate(one.Score.Flags.F1()), rate(one.Score.WindowFlags.F1()))
	}
	t.missed(r.Missed)
	t.noise("False forwards, most frequent first", r.FalseForwards)
	t.noise("False attaches, most frequent first", r.FalseAttaches)
	return t.close()
}

func (t *table) given(all []Given) {
	t.part("Severity of instances: labelled\tgiven Critical\tHigh\tMedium\tLow\tnone\tnot seen")
	for _, g := range all {
		t.row("%v\t%d\t%d\t%d\t%d\t%d\t%d", g.Label, g.Critical, g.High, g.Medium, g.Low, g.None, g.Missed)
	}
}

func (t *table) missed(all []Miss) {
	if len(all) == 0 {
		return
	}
	t.part("Not seen: %d instances", len(all))
	t.row("severity\tclass\tinstance\tlines\tfirst seq\tsource\tfirst line")
	for _, m := range all {
		t.row("%v\t%s\t%s\t%d\t%d\t%s\t%s", m.Severity, printable(m.Class), printable(m.Instance), m.Lines,
			m.First.Seq, m.First.Source, m.First.Text)
	}
}

// place returns the number of the event, with its scenario where there are several.
func (e Example) place() string {
	return strings.TrimPrefix(fmt.Sprintf("%s %d", e.Scenario, e.Seq), " ")
}

func (t *table) noise(title string, all []Noise) {
	if len(all) == 0 {
		return
	}
	t.part("%s", title)
	t.row("count\tseq\thost\tsource\tclass\tline\treasons")
	for _, n := range all {
		for i, e := range n.Examples {
			if i == 0 {
				t.row("%d\t%s\t%s\t%s\t%s\t%s\t%s", n.Count, e.place(), e.Host, e.Source, n.Class, e.Text, n.Reasons)
				continue
			}
			t.row("\t%s\t%s\t\t\t%s\t", e.place(), e.Host, e.Text)
		}
	}
}

// Table writes the result for people.
func (r *AlertsResult) Table(w io.Writer) error {
	t := newTable(w)
	t.row("Alert reduction\tforwards\tper 1,000\tattached\tper 1,000\tworst hour\tevent-labelled\trecall\tall instances\trecall")
	for _, s := range append(r.Scenarios, r.Pooled) {
		t.row("%s\t%s\t%s\t%d\t%v\t%v", s.Name, s.Forwards.perThousand(), s.Attached.perThousand(), s.WorstHour, s.Labelled.Share, s.All.Share)
	}
	p := &r.Pooled
	t.part("mean of scenarios, forwards per 1,000\t%s", thousand(float64(p.MeanRate)))
	t.row("duplicates suppressed (read with the recall)\t%v", p.Duplicates)
	t.part("Instances with a forward, pooled\t\t\t95 %% interval")
	t.row("event-labelled\t%v", p.Labelled)
	for _, one := range p.BySeverity {
		t.row("  %s\t%v", printable(one.Name), one.Recall)
	}
	t.row("all\t%v", p.All)
	t.part("Forwards against alerts of an instance\tTP\tFP\tFN\tTN\tprecision\trecall\tF1")
	for _, s := range append(r.Scenarios, r.Pooled) {
		t.row("%s\t%v", s.Name, s.Flags)
	}
	t.part("Seconds from the first alert of an instance to its first forward\tmedian %g\tworst %g\tof %d seen",
		float64(p.Delay.Median), float64(p.Delay.Worst), p.Delay.Seen)
	t.part("Attack steps\tinstance\tseverity\tevent-labelled\talerts\tforwards\tof its own events\tattached\tdelay s\tgiven")
	for _, st := range r.Steps {
		t.step(st)
	}
	t.part("Simple predictors, pooled\tforwards\tper 1,000\tmean\tworst hour\tevent-labelled\trecall\tall instances\trecall\tprecision")
	for _, s := range append([]AlertsScore{named(*p, "this run")}, r.Trivial...) {
		t.row("%s\t%s\t%s\t%d\t%v\t%v\t%s", s.Name, s.Forwards.perThousand(), thousand(float64(s.MeanRate)), s.WorstHour,
			s.Labelled.Share, s.All.Share, rate(s.Flags.Precision()))
	}
	t.noise("False forwards, most frequent first", r.FalseForwards)
	t.noise("False attaches, most frequent first", r.FalseAttaches)
	return t.close()
}

func named(s AlertsScore, name string) AlertsScore {
	s.Name = name
	return s
}

func (t *table) step(st Step) {
	labelled, delay := "no", "not seen"
	if st.Labelled {
		labelled = "yes"
	}
	if st.Delay >= 0 {
		delay = fmt.Sprint(st.Delay)
	}
	t.row("%s\t%s\t%v\t%s\t%d\t%d\t%d\t%d\t%s\t%v", printable(st.Scenario), printable(st.Instance), st.Severity, labelled, st.Alerts, st.Forwards, st.Caused, st.Attached, delay, st.Given)
}
