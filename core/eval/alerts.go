package eval

import (
	"context"
	"path/filepath"
	"time"

	"penstock/core/event"
)

// AlertsResult is how the decisions on all scenarios score. Each scenario is
// decided in a fresh state.
type AlertsResult struct {
	Scenarios []AlertsScore `json:"scenarios"`
	Pooled    AlertsScore   `json:"pooled"`
	Trivial   []AlertsScore `json:"trivial"` // pooled; the name is the predictor's
	Steps     []Step        `json:"steps"`   // attack instances of the program's own run

	FalseForwards []Noise `json:"false_forward_samples,omitempty"`
	FalseAttaches []Noise `json:"false_attach_samples,omitempty"`
}

// AlertsScore holds the metrics of alert reduction. Calls are forwards; what is
// called per 1,000 elsewhere is a rate times 1,000.
type AlertsScore struct {
	Name       string        `json:"name"`
	Forwards   Share         `json:"forwards"`
	Attached   Share         `json:"attached"`
	MeanRate   number        `json:"forwards_mean_of_scenarios"`
	WorstHour  int           `json:"forwards_in_worst_hour"`
	Labelled   Recall        `json:"event_labelled_instances"` // primary: a forward of an alert with an event label
	All        Recall        `json:"all_instances"`            // a forward of any alert, also one that only fell into the time
	BySeverity []NamedRecall `json:"by_severity"`              // of the event-labelled ones
	Flags      Confusion     `json:"alerts"`                   // forwards against alerts with an instance
	Duplicates Share         `json:"duplicates_suppressed"`    // read with the recall only
	Delay      Delay         `json:"delay_seconds"`            // first alert of an instance to its first forward
}

// Step is one attack instance: one step of the attack in one scenario.
type Step struct {
	Scenario string         `json:"scenario"`
	Instance string         `json:"instance"`
	Severity event.Severity `json:"severity"`
	Labelled bool           `json:"event_labelled"`
	Alerts   int            `json:"alerts"`
	Forwards int            `json:"forwards"`
	Caused   int            `json:"forwards_event_labelled"` // of alerts that the step itself caused
	Attached int            `json:"attached"`
	Delay    int64          `json:"delay_seconds"` // -1 when never forwarded
	Given    event.Severity `json:"severity_given"`
	First    Example        `json:"first"`
}

// Alerts scores decide on each scenario under o.Dir. A *DataError says that the
// data is not what it should be, a *DecideError that there is nothing to score.
func Alerts(ctx context.Context, o Options, decide Decide) (*AlertsResult, error) {
	dir := filepath.Join(o.Dir, "alerts")
	names, err := find(dir, ".alerts.csv")
	if err != nil {
		return nil, err
	}
	r := &AlertsResult{}
	trivial := trivialPredictors()
	parts := make([][]*tally, len(trivial))
	forwards, attaches := noise{}, noise{}
	var own []*tally
	for _, name := range names {
		s, err := loadScenario(dir, name)
		if err != nil {
			return nil, err
		}
		v, err := decided(ctx, name, s.seqs, s.events(), decide)
		if err != nil {
			return nil, err
		}
		t := count(s, v)
		own = append(own, t)
		r.Scenarios = append(r.Scenarios, score(name, t))
		for i, p := range trivial {
			parts[i] = append(parts[i], count(s, p.decide(s)))
		}
		s.explain(v, forwards, attaches)
	}
	r.Pooled = score("pooled", own...)
	for i, p := range trivial {
		r.Trivial = append(r.Trivial, score(p.name, parts[i]...))
	}
	for _, t := range own {
		r.Steps = append(r.Steps, t.steps...)
	}
	if o.Samples > 0 {
		r.FalseForwards, r.FalseAttaches = forwards.top(o.Samples), attaches.top(o.Samples)
	}
	return r, nil
}

// tally is what one run over one scenario leaves to score.
type tally struct {
	alerts, forwards, attached int
	worstHour                  int
	flags                      Confusion
	steps                      []Step
}

// count goes through a scenario once.
func count(s *scenario, v []verdict) *tally {
	t := &tally{alerts: len(s.alerts)}
	hours := map[int64]int{}
	index := map[string]int{}
	var first []int64
	for i := range s.alerts {
		a := &s.alerts[i]
		t.flags.add(v[i].forward, a.instance != "")
		if v[i].forward {
			t.forwards++
			hour := a.at / int64(time.Hour.Seconds())
			hours[hour]++
			t.worstHour = max(t.worstHour, hours[hour])
		}
		if v[i].attach {
			t.attached++
		}
		if a.instance == "" {
			continue
		}
		n, ok := index[a.instance]
		if !ok {
			n = len(t.steps)
			index[a.instance] = n
			first = append(first, a.at)
			t.steps = append(t.steps, Step{Scenario: s.name, Instance: a.instance, Delay: -1, First: s.example(i)})
		}
		t.steps[n].add(a, v[i], first[n])
	}
	return t
}

func (st *Step) add(a *alert, v verdict, first int64) {
	st.Alerts++
	st.Severity = max(st.Severity, a.severity)
	st.Labelled = st.Labelled || a.step != ""
	if v.attach {
		st.Attached++
	}
	if v.forward {
		if st.Forwards == 0 {
			st.Delay = a.at - first
		}
		st.Forwards++
		if a.step != "" {
			st.Caused++
		}
	}
	if v.forward || v.attach {
		st.Given = max(st.Given, v.severity)
	}
}

// score pools the tallies of one or more scenarios.
func score(name string, parts ...*tally) AlertsScore {
	s := AlertsScore{Name: name}
	var all, labelled []bool
	var delays []float64
	severities := map[event.Severity][]bool{}
	for _, t := range parts {
		s.Forwards = s.Forwards.plus(Share{t.forwards, t.alerts})
		s.Attached = s.Attached.plus(Share{t.attached, t.alerts})
		s.MeanRate += number(float64(t.forwards) / float64(t.alerts) / float64(len(parts)))
		s.WorstHour = max(s.WorstHour, t.worstHour)
		s.Flags = s.Flags.plus(t.flags)
		for _, st := range t.steps {
			hit := st.Forwards > 0
			all = append(all, hit)
			if hit {
				delays = append(delays, float64(st.Delay))
			}
			if st.Labelled {
				labelled = append(labelled, st.Caused > 0)
				severities[st.Severity] = append(severities[st.Severity], st.Caused > 0)
			}
		}
	}
	s.Duplicates = Share{s.Forwards.Of - s.Forwards.Count, s.Forwards.Of}
	s.All, s.Labelled = newRecall(all), newRecall(labelled)
	s.Delay = newDelay(delays)
	s.BySeverity = bySeverity(severities)
	return s
}

// explain adds what was flagged wrongly in one scenario.
func (s *scenario) explain(v []verdict, forwards, attaches noise) {
	for i := range s.alerts {
		if a := &s.alerts[i]; a.instance == "" && (v[i].forward || v[i].attach) {
			forwards.add(v[i].forward, a.name, v[i], s.example(i))
			attaches.add(v[i].attach, a.name, v[i], s.example(i))
		}
	}
}

func (s *scenario) example(i int) Example {
	a := &s.alerts[i]
	return Example{
		Scenario: printable(s.name), Seq: s.seqs[i], Host: printable(a.host), Source: printable(a.detector),
		Text: printable(a.name + " " + a.ip),
	}
}
