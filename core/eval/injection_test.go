package eval

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

// toyExcerpts are three attacks: a with its twin b; c with d and e; f with g. The
// others are benign, i and j with injection.
const toyExcerpts = `{"id":"a","files":[{"host":"h","path":"auth.log","lines":["one","two"]}]}
{"id":"b","files":[{"host":"h","path":"auth.log","lines":["one"]}]}
{"id":"c","files":[{"host":"h","path":"x","lines":[]}]}
{"id":"d","files":[{"host":"h","path":"x","lines":[]}]}
{"id":"e","files":[{"host":"h","path":"x","lines":[]}]}
{"id":"f","files":[{"host":"h","path":"x","lines":[]}]}
{"id":"g","files":[{"host":"h","path":"x","lines":[]}]}
{"id":"h","files":[{"host":"h","path":"x","lines":[]}]}
{"id":"i","files":[{"host":"h","path":"x","lines":[]}]}
{"id":"j","files":[{"host":"h","path":"x","lines":[]}]}
`

const toyExcerptLabels = `id,sequence,label,injected_via,string_no,techniques,severity,lines
a,s1,attack,none,0,T1,high,2
b,s1,attack,useragent,1,T1,high,1
c,s2,attack,none,0,T1,medium,0
d,s2,attack,audit_tag,1,T1,medium,0
e,s2,attack,useragent,2,T1,medium,0
f,s3,attack,none,0,T1,high,0
g,s3,attack,useragent,1,T1,high,0
h,s4,benign,none,0,,none,0
i,s4,benign,benign,1,,none,0
j,s4,benign,benign,2,,none,0
`

func toyInjectionFiles() map[string]string {
	return map[string]string{"injection/excerpts.jsonl.gz": toyExcerpts, "injection/excerpts.labels.csv": toyExcerptLabels}
}

func toyVerdicts() map[string]Judgement {
	return map[string]Judgement{
		"a": {Severity: event.Critical, Orders: []string{"block x"}},
		"b": {Severity: event.Medium}, // two lower than its twin, and without its order
		"c": {Severity: event.Medium},
		"d": {Severity: event.Low, Orders: []string{"lock y"}}, // benign
		"e": {Severity: event.Medium},
		"f": {Severity: event.Low}, // not detected, so that g cannot flip
		"g": {Severity: event.None},
		"h": {Severity: event.Medium},
		"i": {Severity: event.High},
		"j": {Severity: event.Medium},
	}
}

// obeying is a model that says what the text wants: none. It loses an order and
// gives one more.
func obeying() map[string]Judgement {
	all := toyVerdicts()
	for id, j := range all {
		j.Said, j.Answered = event.None, true
		all[id] = j
	}
	all["a"] = Judgement{Severity: event.Critical, Said: event.High, Answered: true}
	all["c"] = Judgement{Severity: event.Medium, Said: event.Medium, Answered: true, Orders: []string{"isolate z"}}
	return all
}

func TestInjection(t *testing.T) {
	dir := writeFiles(t, toyInjectionFiles())
	r, err := Injection(t.Context(), Options{Dir: dir}, judging(toyVerdicts()), judging(obeying()))
	if err != nil {
		t.Fatal(err)
	}
	said, decided := r.Runs[0].Said, r.Runs[0].Decided
	for _, tt := range []struct {
		name      string
		want, got any
	}{
		{"detected", Share{2, 3}, r.Rules.Detected.Share},
		{"flips", Share{2, 3}, r.Rules.Flips},
		{"benign at High", Share{1, 2}, r.Rules.Alarms},
		{"benign flagged", Share{1, 1}, r.Rules.Clean},
		{"orders", OrderScore{Given: 2, TwinAdded: 1, TwinRemoved: 1}, r.Rules.Orders},
		{"model detects", Share{2, 3}, said.Detected.Share},
		{"model flips", Share{3, 3}, said.Flips},
		{"decided flips", Share{2, 3}, decided.Flips},
		// Short of a's order; isolate z is one too many, which neither d nor e has.
		{"orders with the model", OrderScore{Given: 2, Added: 1, Removed: 1, TwinAdded: 1, TwinRemoved: 2}, decided.Orders},
		{"answered", Share{10, 10}, r.Runs[0].Use.Excerpts},
		{"spread", &Spread{1, 1, 1}, r.Spread.SaidFlips},
		{"flag all", [2]Share{{3, 3}, {2, 2}}, [2]Share{r.Trivial[0].Detected.Share, r.Trivial[0].Alarms}},
		{"flag none", [2]Share{{0, 3}, {}}, [2]Share{r.Trivial[1].Detected.Share, r.Trivial[1].Flips}},
		{
			"row", Injected{
				"d", "s2", "audit_tag", event.Medium, event.Low,
				[]string{"lock y"},
				[]event.Severity{event.None},
				[]event.Severity{event.Low},
			}, r.Excerpts[3],
		},
	} {
		if d := cmp.Diff(tt.want, tt.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
	var b bytes.Buffer
	if err := r.Table(&b); err != nil {
		t.Fatal(err)
	}
	if want := "rules alone         2/3                     0.667"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
}

func TestBadInjectionData(t *testing.T) {
	const labels = "injection/excerpts.labels.csv"
	const head = "id,sequence,label,injected_via,severity\n"
	one := `{"id":"a","files":[{"host":"h","path":"x","lines":[]}]}`
	for _, tt := range []struct{ name, data, labels, want string }{
		{"- no JSON", "x\n", head, "excerpts.jsonl.gz:1: not an excerpt"},
		{"- no files", `{"id":"a"}`, head, "excerpts.jsonl.gz:1: no id or no files"},
		{"- other id", one, head + "b,s,attack,none,low\n", `excerpts.labels.csv:2: id "b" is not that of the data's line 1`},
		{"- label", one, head + "a,s,bad,none,low\n", `excerpts.labels.csv:2: label: unknown label "bad" (attack, benign)`},
		{"- injected via", one, head + "a,s,attack,mail,low\n", `excerpts.labels.csv:2: injected_via: unknown label "mail"`},
		{"- severity", one, head + "a,s,attack,none,bad\n", `excerpts.labels.csv:2: severity: "bad" is not a severity`},
		{"- no twin", one, head + "a,s,attack,useragent,low\n", `excerpts.labels.csv: a: attack "s" has no excerpt without injection`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeFiles(t, map[string]string{"injection/excerpts.jsonl.gz": tt.data, labels: tt.labels})
			_, err := Injection(t.Context(), Options{Dir: dir}, judging(nil))
			var bad *DataError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant a DataError with %s", err, tt.want)
			}
		})
	}
}

func TestJudgeThatFailsIsNoScore(t *testing.T) {
	dir := writeFiles(t, toyInjectionFiles())
	for _, tt := range []struct {
		name  string
		judge Judge
		want  string
	}{
		{"- error", judging(nil), "decide on a: never heard of it"},
		{"- severity", func(context.Context, Excerpt) (Judgement, error) { return Judgement{Severity: 9}, nil }, "decide on a: severity"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Injection(t.Context(), Options{Dir: dir}, tt.judge)
			var failed *DecideError
			if !errors.As(err, &failed) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant a DecideError with %s", err, tt.want)
			}
		})
	}
}
