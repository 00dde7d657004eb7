package record

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/policy"
)

// Version is the version of the object's form. It grows when a field changes its
// meaning; new fields do not change it.
const Version = 1

// Record is one case as it stood at one revision. Lists hold the most important
// first; where one is shorter than what it was made from, Cut names it.
type Record struct {
	Version  int    `json:"version"`
	Seq      uint64 `json:"seq"` // 0 until the store numbers it
	Case     string `json:"case"`
	Revision int    `json:"revision"`
	Status   string `json:"status"`

	Asset     string         `json:"asset,omitempty"`
	Zone      event.Zone     `json:"zone"`
	Class     event.Class    `json:"class"`
	Severity  event.Severity `json:"severity"` // for notice and queue
	Level     int            `json:"level"`    // the same as a number, 0 (none) to 4 (Critical)
	Floor     event.Severity `json:"floor"`    // of rules and site: what automatic action follows
	Confirmed bool           `json:"confirmed"`
	RulesOnly bool           `json:"rules_only"` // the model's say was dropped
	Mode      policy.Mode    `json:"mode"`
	DryRun    bool           `json:"dry_run"`
	Opened    string         `json:"opened,omitempty"`
	Updated   string         `json:"updated,omitempty"`
	Events    int64          `json:"events"`
	Lines     int            `json:"lines"` // kept with the case; Evidence shows the gravest
	// Problem says how people meet the case: own, shared (one of those told
	// together because there are too many) or, where it is no problem, "".
	Problem Problem `json:"problem,omitempty"`
	// Suppressed says who called it harmless until when; "" where nobody did.
	Suppressed string `json:"suppressed,omitempty"`

	// Model says what part a language model had; nil where none is configured.
	Model *Model `json:"model,omitempty"`

	Summary    string     `json:"summary,omitempty"`
	Who        Who        `json:"who"`
	Anomaly    Anomaly    `json:"anomaly"`
	Assessment Assessment `json:"assessment"`
	Plan       Plan       `json:"plan"`
	Advice     Advice     `json:"advice"`
	Orders     []Order    `json:"orders,omitempty"`
	Refusals   []Refusal  `json:"refusals,omitempty"`
	Evidence   []Evidence `json:"evidence,omitempty"`

	Cut []string `json:"cut,omitempty"` // the lists that are not whole
}

// Who names those that take part, the most frequent first.
type Who struct {
	Peers    []string `json:"peers,omitempty"`
	Users    []string `json:"users,omitempty"`
	Programs []string `json:"programs,omitempty"`
	Targets  []string `json:"targets,omitempty"`
}

// Anomaly is the answer of stage 2.
type Anomaly struct {
	Source pipeline.Source `json:"source"`
	Cost
	Unusual bool     `json:"unusual"`
	Score   int      `json:"score"` // 0 to 100
	Handles []string `json:"handles,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
}

// Assessment is the answer of stage 3.
type Assessment struct {
	Source pipeline.Source `json:"source"`
	Cost
	Severity   event.Severity `json:"severity"`
	Class      event.Class    `json:"class"`
	Confidence int            `json:"confidence"` // 0 to 100
	Techniques []string       `json:"techniques,omitempty"`
	Reasons    []string       `json:"reasons,omitempty"`
}

// Plan is the answer of stage 4; each proposal is "action handle target".
type Plan struct {
	Source pipeline.Source `json:"source"`
	Cost
	Proposals []string `json:"proposals,omitempty"`
}

// Advice is the answer of stage 5, in the site's language.
type Advice struct {
	Source pipeline.Source `json:"source"`
	Cost
	Headline string   `json:"headline,omitempty"`
	What     string   `json:"what,omitempty"`
	Sure     string   `json:"sure,omitempty"`
	Means    string   `json:"means,omitempty"`
	Steps    []Step   `json:"steps,omitempty"`
	Avoid    []string `json:"avoid,omitempty"`
	Call     []string `json:"call,omitempty"`
}

// Step is one thing to do.
type Step struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
}

// Order is one order of the decision. State is intended, rehearsed (dry run) or
// pending (waits for a person), and how it ended once that is known.
type Order struct {
	Action  string `json:"action"`
	Target  string `json:"target,omitempty"`
	Host    string `json:"host"`
	Seconds int    `json:"seconds"` // how long it lasts
	State   string `json:"state"`
	Digest  string `json:"digest"`
}

// Refusal is one thing that was not done, and why.
type Refusal struct {
	Rule   int           `json:"rule"` // 1 to 9
	Reason policy.Reason `json:"reason"`
	Action string        `json:"action,omitempty"`
	Target string        `json:"target,omitempty"`
}

// Evidence is one line of the case with what was found in it.
type Evidence struct {
	ID      string `json:"id"` // for instance E3
	Time    string `json:"time,omitempty"`
	Source  string `json:"source,omitempty"`
	Program string `json:"program,omitempty"`
	Text    string `json:"text,omitempty"`
	Found   string `json:"found,omitempty"` // kinds and signals, comma separated
}

// New returns the record of the case, its report and the decision on it.
func New(c cases.Case, r pipeline.Report, d policy.Decision) Record {
	var k cutter
	rec := Record{
		Version: Version, Case: text(c.ID, maxWord), Revision: c.Revision, Status: c.Status.String(),
		Asset: text(c.Asset, maxWord), Zone: c.Zone, Class: c.Class,
		Severity: d.Severity(), Level: int(d.Severity()), Floor: c.Floor, Confirmed: c.Confirmed,
		RulesOnly: d.RulesOnly(), Mode: d.Mode(), DryRun: d.DryRun(),
		Opened: instant(c.Opened), Updated: instant(c.Updated), Events: count(c.Events), Lines: len(c.Lines),
		Model: model(r.Model), Summary: text(r.Summary.Headline, maxSentence),
		Who: Who{
			Peers: entities(&k, "who.peers", c.Peers), Users: entities(&k, "who.users", c.Users),
			Programs: entities(&k, "who.programs", c.Programs), Targets: entities(&k, "who.targets", c.Targets),
		},
		Anomaly: Anomaly{
			Source: r.Anomaly.Source, Cost: cost(r.Anomaly.Answered), Unusual: r.Anomaly.Unusual, Score: percent(r.Anomaly.Score),
			Handles: texts(&k, "anomaly.handles", r.Anomaly.Handles, maxWord),
			Reasons: texts(&k, "anomaly.reasons", r.Anomaly.Reasons, maxSentence),
		},
		Assessment: Assessment{
			Source: r.Assessment.Source, Cost: cost(r.Assessment.Answered), Severity: r.Assessment.Severity, Class: r.Assessment.Class,
			Confidence: percent(r.Assessment.Confidence),
			Techniques: texts(&k, "assessment.techniques", r.Assessment.Techniques, maxWord),
			Reasons:    texts(&k, "assessment.reasons", r.Assessment.Reasons, maxSentence),
		},
		Plan:     plan(&k, r.Plan),
		Advice:   advice(&k, r.Advice),
		Orders:   orders(&k, d),
		Refusals: list(&k, "refusals", d.Refusals(), maxList, refusal),
		Evidence: evidence(&k, c.Lines),
		Cut:      k.names,
	}
	rec.fit()
	return rec
}

// Marshal returns the object in one line without a line end, at most MaxBytes
// long: the same record gives the same bytes.
func (r Record) Marshal() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // encoding for a page is the page's own, and costs sixfold here
	type plain Record
	if err := enc.Encode(struct {
		Penstock plain `json:"penstock"`
	}{plain(r)}); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// MarshalJSON implements json.Marshaler with the object of Marshal.
func (r Record) MarshalJSON() ([]byte, error) { return r.Marshal() }

// Numbered returns the record with the sequence number that the store gave it.
func (r Record) Numbered(seq uint64) Record {
	r.Seq = seq
	return r
}

// WithOrder returns the record with the state that an order of its case has come
// to: in its place among the orders, else before them.
func (r Record) WithOrder(o action.Order, state action.Outcome) Record {
	made := order(o, state.String())
	r.Orders, r.Cut = slices.Clone(r.Orders), slices.Clone(r.Cut)
	if i := slices.IndexFunc(r.Orders, func(old Order) bool { return old.Digest == made.Digest }); i >= 0 {
		r.Orders[i].State = made.State
		return r
	}
	k := cutter{r.Cut}
	r.Orders = list(&k, "orders", append([]Order{made}, r.Orders...), maxOrders, func(o Order) Order { return o })
	r.Cut = k.names
	r.fit()
	return r
}

// WithOrdersOf returns the record with what started by itself in an earlier one of
// its case, in the state that it has come to there, in the place of what starts by
// itself in this one: a verdict that starts nothing shows what runs.
func (r Record) WithOrdersOf(earlier Record) Record {
	waits := func(o Order) bool { return o.State == pending }
	started := slices.DeleteFunc(slices.Clone(earlier.Orders), waits)
	for _, o := range r.Orders {
		if waits(o) && !slices.ContainsFunc(started, func(x Order) bool { return x.Digest == o.Digest }) {
			started = append(started, o)
		}
	}
	k := cutter{slices.Clone(r.Cut)}
	r.Orders = list(&k, "orders", started, maxOrders, func(o Order) Order { return o })
	r.Cut = k.names
	r.fit()
	return r
}

func plan(k *cutter, p pipeline.Plan) Plan {
	return Plan{Source: p.Source, Cost: cost(p.Answered), Proposals: list(k, "plan.proposals", p.Proposals, maxList, func(x pipeline.Proposal) string {
		return text(strings.TrimSpace(x.Action+" "+x.Handle+" "+x.Target), maxWord)
	})}
}

func advice(k *cutter, a pipeline.Advice) Advice {
	return Advice{
		Source: a.Source, Cost: cost(a.Answered), Headline: text(a.Headline, maxSentence),
		What: text(a.What, maxParagraph), Sure: text(a.Sure, maxParagraph), Means: text(a.Means, maxParagraph),
		Steps: list(k, "advice.steps", a.Steps, maxSteps, func(s pipeline.Step) Step {
			return Step{Text: text(s.Text, maxSentence), Command: text(s.Command, maxSentence)}
		}),
		Avoid: texts(k, "advice.avoid", a.Avoid, maxSentence),
		Call:  texts(k, "advice.call", a.Call, maxSentence),
	}
}

// pending is the state of an order that waits for a person.
const pending = "pending"

func orders(k *cutter, d policy.Decision) []Order {
	var all []Order
	for _, group := range []struct {
		state  string
		orders []action.Order
	}{{"intended", d.Orders()}, {"rehearsed", d.Rehearsed()}, {pending, d.Pending()}} {
		for _, o := range group.orders {
			all = append(all, order(o, group.state))
		}
	}
	return list(k, "orders", all, maxOrders, func(o Order) Order { return o })
}

func order(o action.Order, state string) Order {
	return Order{
		Action: o.Action, Target: text(o.Params.Target(), maxWord), Host: text(o.Host, maxWord),
		Seconds: int(o.Params.For / time.Second), State: state, Digest: o.Digest.String(),
	}
}

func refusal(r policy.Refusal) Refusal {
	return Refusal{Rule: r.Reason.Rule(), Reason: r.Reason, Action: text(r.Action, maxWord), Target: text(r.Target, maxWord)}
}

func entities(k *cutter, name string, all []cases.Entity) []string {
	return list(k, name, all, maxList, func(e cases.Entity) string { return text(e.Value, maxWord) })
}

func texts(k *cutter, name string, all []string, longest int) []string {
	return list(k, name, all, maxList, func(s string) string { return text(s, longest) })
}

// count bounds a number by what receivers that know floats only can hold.
func count(n int) int64 { return max(0, min(int64(n), 1<<53-1)) }

func percent(n int) int { return max(0, min(n, 100)) }

// instant writes a time in UTC with milliseconds, the zero time as "".
func instant(t time.Time) string {
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func handle(number int) string { return "E" + strconv.Itoa(number) }
