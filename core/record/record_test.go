package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/policy"
	"penstock/core/sift"
	"penstock/core/site"
)

func decider(t testing.TB) *policy.Policy {
	t.Helper()
	o := site.DefaultOptions()
	o.Assets = []site.AssetOptions{{Name: "web1", Zone: event.ZoneDMZ}}
	s, err := site.New(o)
	if err != nil {
		t.Fatal(err)
	}
	a := action.DefaultOptions()
	a.Hosts, a.DryRun = []string{"web1"}, false
	p, err := policy.New(s, a, policy.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sampleCase() cases.Case {
	at := time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.FixedZone("", 3600))
	e := sift.Evidence{Kind: sift.SignalMatch, Signal: "sshd-guessing", Class: event.BruteForce, Severity: event.Medium}
	return cases.Case{
		ID: "site-w1-7", Revision: 2, Asset: "web1", Zone: event.ZoneDMZ, Class: event.BruteForce, Floor: event.Medium,
		Opened: at, Updated: at.Add(time.Minute), Events: 41, Evidence: []sift.Evidence{e},
		Peers: []cases.Entity{{Value: "192.0.2.7", Origin: event.Observed, Count: 40}},
		Lines: []cases.Line{{
			Number: 1, Time: at, Source: "auth", Program: "sshd", Trust: event.Local,
			Text: "Failed password for <root> from 192.0.2.7", Evidence: []sift.Evidence{e},
			Fields: []event.Field{{Key: event.KeyPeer, Value: "192.0.2.7", Origin: event.Observed}},
		}},
	}
}

func sampleReport(c cases.Case) pipeline.Report {
	return pipeline.Report{
		Case: c.ID, Revision: c.Revision,
		Summary:    pipeline.Summary{Headline: "Guessing on web1"},
		Anomaly:    pipeline.Anomaly{Unusual: true, Score: 70, Handles: []string{"E1"}, Reasons: []string{"40 failures in a minute"}},
		Assessment: pipeline.Assessment{Severity: event.Medium, Class: event.BruteForce, Techniques: []string{"T1110"}, Confidence: 80},
		Plan:       pipeline.Plan{Proposals: []pipeline.Proposal{{Action: "block-address", Handle: "E1.peer", Target: "192.0.2.7"}}},
		Advice:     pipeline.Advice{Headline: "Look at web1", Steps: []pipeline.Step{{Text: "List logins", Command: "last -n 20"}}},
	}
}

func TestMarshal(t *testing.T) {
	c := sampleCase()
	r := sampleReport(c)
	d := decider(t).Decide(c, r, policy.Facts{Now: c.Updated})
	rec := New(c, r, d).Numbered(9)
	got, err := rec.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"penstock":{"version":1,"seq":9,"case":"site-w1-7","revision":2,"status":"open","asset":"web1","zone":"dmz",` +
		`"class":"brute-force","severity":"Medium","level":2,"floor":"Medium","confirmed":false,"rules_only":false,"mode":"act",` +
		`"dry_run":false,"opened":"2026-03-01T11:00:00.250Z","updated":"2026-03-01T11:01:00.250Z","events":41,"lines":1,` +
		`"summary":"Guessing on web1","who":{"peers":["192.0.2.7"]},` +
		`"anomaly":{"source":"rules","unusual":true,"score":70,"handles":["E1"],"reasons":["40 failures in a minute"]},` +
		`"assessment":{"source":"rules","severity":"Medium","class":"brute-force","confidence":80,"techniques":["T1110"]},` +
		`"plan":{"source":"rules","proposals":["block-address E1.peer 192.0.2.7"]},` +
		`"advice":{"source":"rules","headline":"Look at web1","steps":[{"text":"List logins","command":"last -n 20"}]},` +
		`"orders":[{"action":"block-address","target":"192.0.2.7","host":"web1","seconds":3600,"state":"intended","digest":"` +
		d.Orders()[0].Digest.String() + `"}],` +
		`"evidence":[{"id":"E1","time":"2026-03-01T11:00:00.250Z","source":"auth","program":"sshd",` +
		`"text":"Failed password for <root> from 192.0.2.7","found":"sshd-guessing"}]}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var nested struct{ Cases []Record }
	nested.Cases = []Record{rec}
	if data, err := json.Marshal(nested); err != nil || !strings.Contains(string(data), `{"penstock":{"version":1`) {
		t.Errorf("within another object: %s, %v", data, err)
	}
}

func TestEvidenceShowsTheGravestLines(t *testing.T) {
	c := sampleCase()
	for i := range cases.MaxLines - 1 {
		line := cases.Line{Number: i + 2, Text: "x"}
		if i == 37 {
			line.Evidence = []sift.Evidence{{Kind: sift.SuccessAfter, Severity: event.High}}
		}
		c.Lines = append(c.Lines, line)
	}
	rec := New(c, pipeline.Report{}, policy.Decision{})
	if rec.Evidence[0].ID != "E39" || rec.Evidence[1].ID != "E1" || rec.Lines != cases.MaxLines || !slices.Contains(rec.Cut, "evidence") {
		t.Errorf("%s, %s, %d lines, cut %v", rec.Evidence[0].ID, rec.Evidence[1].ID, rec.Lines, rec.Cut)
	}
}

func TestTextForEverySink(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü 漢":              "plain ü 漢",
		"a\tb\r\nc":              "a b  c",
		"\x1b[31mred\x07\x00":    "[31mred",
		"a\u202eb\u2066c\ufeff":  "abc",
		"a\u2028b":               "ab",
		"\xff\xfe":               "??",
		strings.Repeat("漢", 40):  strings.Repeat("漢", 40),
		strings.Repeat("漢", 41):  strings.Repeat("漢", 39) + "…",
		strings.Repeat("x", 121): strings.Repeat("x", 117) + "…",
		strings.Repeat("x", 120): strings.Repeat("x", 120),
	} {
		if got := text(in, maxWord); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// hostile returns text that is as bad as it gets for JSON, logs and people.
func hostile(t *rapid.T, label string) string {
	unit := rapid.SampledFrom([]string{
		"", "x", `"`, `\`, "<script>", "\x00", "\x1b[2J", "\n", "\u202e", "\u2028", "\xff", "漢", "🙂", `{"penstock":`, "&", "a b ",
	}).Draw(t, label)
	return strings.Repeat(unit, rapid.SampledFrom([]int{1, 3, 100, 5000, 100_000}).Draw(t, label+" times"))
}

func hostileList(t *rapid.T, label string) []string {
	s := hostile(t, label)
	return slices.Repeat([]string{s}, rapid.SampledFrom([]int{0, 1, 7, 200}).Draw(t, label+" items"))
}

func hostileCase(t *rapid.T) cases.Case {
	var entities []cases.Entity
	for _, s := range hostileList(t, "entities") {
		entities = append(entities, cases.Entity{Value: s, Count: 1})
	}
	c := cases.Case{
		ID: "site-w1-1", Asset: "web1", Zone: event.ZoneDMZ, Class: event.BruteForce,
		Floor: event.Severity(rapid.IntRange(0, 4).Draw(t, "floor")), Confirmed: true,
		Peers: entities, Users: entities, Programs: entities, Targets: entities,
		Opened: time.Unix(rapid.Int64().Draw(t, "opened"), 0), Events: rapid.Int().Draw(t, "events"),
	}
	s := hostile(t, "line")
	for i := range rapid.SampledFrom([]int{0, 1, 40, 400}).Draw(t, "lines") {
		c.Lines = append(c.Lines, cases.Line{
			Number: i + 1, Text: s, Source: s, Program: s, Trust: event.Local,
			Evidence: []sift.Evidence{{Kind: sift.SignalMatch, Signal: s, Class: event.BruteForce, Severity: event.Medium}},
			Fields:   []event.Field{{Key: event.KeyPeer, Value: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String(), Origin: event.Observed}},
		})
	}
	return c
}

func hostileReport(t *rapid.T, c cases.Case) pipeline.Report {
	s, list := hostile(t, "text"), hostileList(t, "list")
	r := pipeline.Report{
		Case: c.ID, Summary: pipeline.Summary{Headline: s},
		Anomaly:    pipeline.Anomaly{Score: rapid.Int().Draw(t, "score"), Handles: list, Reasons: list},
		Assessment: pipeline.Assessment{Techniques: list, Reasons: list, Confidence: -7},
		Advice:     pipeline.Advice{Headline: s, What: s, Sure: s, Means: s, Avoid: list, Call: list},
	}
	answered := pipeline.Answered{
		Source: pipeline.Model, Attempts: rapid.Int().Draw(t, "attempts"), Took: time.Duration(rapid.Int64().Draw(t, "took")),
		Fault: llm.Crashed, PromptTokens: math.MaxInt, AnswerTokens: math.MinInt,
	}
	r.Anomaly.Answered, r.Assessment.Answered, r.Plan.Answered, r.Advice.Answered = answered, answered, answered, answered
	r.Model = pipeline.Use{
		State: pipeline.State(rapid.IntRange(0, 5).Draw(t, "state")), Why: s, Name: s, Digest: s, Dissent: true, Ordinary: true,
		Calls: math.MaxInt, PromptTokens: math.MaxInt, AnswerTokens: -1, Took: -1,
	}
	for _, x := range list {
		r.Plan.Proposals = append(r.Plan.Proposals, pipeline.Proposal{Action: x, Handle: x, Target: x})
		r.Advice.Steps = append(r.Advice.Steps, pipeline.Step{Text: x, Command: x})
	}
	return r
}

func TestHostileCaseKeepsEveryBound(t *testing.T) {
	p := decider(t)
	types := map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		c := hostileCase(t)
		r := hostileReport(t, c)
		d := p.Decide(c, r, policy.Facts{})
		data, err := New(c, r, d).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, _ := New(c, r, d).Marshal()
		if !bytes.Equal(data, again) {
			t.Fatal("the same input gave other bytes")
		}
		if len(data) > MaxBytes || !utf8.Valid(data) || !oneLine(data) {
			t.Fatalf("%d bytes, valid %t, one line %t", len(data), utf8.Valid(data), oneLine(data))
		}
		var object map[string]any
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&object); err != nil {
			t.Fatal(err)
		}
		if keys := slices.Collect(maps.Keys(object)); !slices.Equal(keys, []string{"penstock"}) {
			t.Fatalf("keys %v beside ours", keys)
		}
		n := walk(t, "penstock", object["penstock"], types)
		if n > MaxLeaves || n != leaves(data) {
			t.Fatalf("%d leaves, counted as %d", n, leaves(data))
		}
		orders := object["penstock"].(map[string]any)["orders"]
		if want := min(len(d.Orders())+len(d.Pending()), maxOrders); want > 0 && len(orders.([]any)) != want {
			t.Fatalf("%d orders of %d", len(orders.([]any)), want)
		}
	})
}

// walk returns the number of leaves and fails on floats, unprintable text, and a
// field whose type is not what it was in an earlier document.
func walk(t *rapid.T, path string, v any, types map[string]string) int {
	kind := fmt.Sprintf("%T", v)
	if seen, ok := types[path]; ok && seen != kind {
		t.Fatalf("%s: %s, was %s", path, kind, seen)
	}
	types[path] = kind
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			n += walk(t, path+"."+key, value, types)
		}
		return n
	case []any:
		for _, value := range v {
			n += walk(t, path+"[]", value, types)
		}
		return n
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 64); err != nil {
			t.Fatalf("%s: %s is no whole number", path, v)
		}
	case string:
		if len(v) > maxLine+10 || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) {
			t.Fatalf("%s: %d bytes, or characters that are not printed", path, len(v))
		}
	}
	return 1
}

func TestNumbersStayWhatReceiversCanHold(t *testing.T) {
	c := sampleCase()
	c.Events = math.MaxInt
	if got := New(c, pipeline.Report{}, policy.Decision{}).Events; got > 1<<53 {
		t.Errorf("%d is more than a double holds", got)
	}
}

func BenchmarkNew(b *testing.B) {
	c := sampleCase()
	r := sampleReport(c)
	d := decider(b).Decide(c, r, policy.Facts{Now: c.Updated})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(c, r, d).Marshal(); err != nil {
			b.Fatal(err)
		}
	}
}
