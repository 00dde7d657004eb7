package eval

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

const (
	toyAlerts = "seq,time,detector,name,ip,host,short\n" +
		"1,3000,IDS,scan,10.0.0.1,web,S\n" +
		"2,3599,IDS,scan,10.0.0.1,web,S\n" +
		"3,3600,IDS,\"new, odd\",10.0.0.1,web,N\n" +
		"4,3700,IDS,scan,10.0.0.2,db,S\n" +
		"5,7199,IDS,shell,10.0.0.2,db,X\n" +
		"6,7300,IDS,scan,10.0.0.1,web,S\n"
	toyAlertLabels = "seq,time_label,event_label,instance,severity\n" +
		"1,scan,scan,scan,low\n" +
		"2,scan,-,scan,low\n" +
		"3,false_positive,-,,none\n" +
		"4,false_positive,-,,none\n" +
		"5,shell,-,shell,critical\n" +
		"6,false_positive,scan,scan,low\n"
)

func toyAlertFiles(t *testing.T) string {
	return writeFiles(t, map[string]string{
		"alerts/a.alerts.csv.gz": toyAlerts, "alerts/a.labels.csv": toyAlertLabels,
		"alerts/b.alerts.csv": toyAlerts, "alerts/b.labels.csv.gz": toyAlertLabels,
	})
}

func TestAlerts(t *testing.T) {
	byScenario := map[string]string{
		"a": "- f1 f2 - - f1", // sees the scan, first by an alert that only fell into its time
		"b": "f1 a1 - - a1 -", // an attach is no call
	}
	r, err := Alerts(t.Context(), Options{Dir: toyAlertFiles(t)}, func(ctx context.Context, name string, events io.Reader, emit func(Decision) error) error {
		return deciding(byScenario[name])(ctx, name, events, emit)
	})
	if err != nil {
		t.Fatal(err)
	}
	p := r.Pooled
	scan := func(scenario string) Example { return Example{scenario, 1, "web", "IDS", "scan 10.0.0.1"} }
	shell := func(scenario string) Example { return Example{scenario, 5, "db", "IDS", "shell 10.0.0.2"} }
	for _, c := range []struct {
		name      string
		want, got any
	}{
		{"forwards", Share{4, 12}, p.Forwards},
		{"attached", Share{2, 12}, p.Attached},
		{"duplicates", Share{8, 12}, p.Duplicates},
		{"mean", number((3./6 + 1./6) / 2), p.MeanRate},
		// Scenario a: seq 2 in the first hour, 3 in the second, 6 in the third.
		{"worst hour", 1, p.WorstHour},
		{"event-labelled", Share{2, 2}, p.Labelled.Share},
		{"all", Share{2, 4}, p.All.Share},
		{"flags", Confusion{3, 1, 5, 3}, p.Flags},
		{"delay", Delay{2, 299.5, 599}, p.Delay},
		{"steps", []Step{
			{"a", "scan", event.Low, true, 3, 2, 1, 0, 599, event.High, scan("a")},
			{"a", "shell", event.Critical, false, 1, 0, 0, 0, -1, event.None, shell("a")},
			{"b", "scan", event.Low, true, 3, 1, 1, 1, 0, event.High, scan("b")},
			{"b", "shell", event.Critical, false, 1, 0, 0, 1, -1, event.High, shell("b")},
		}, r.Steps},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestAlertsPrimaryWantsAnAlertOfTheStep(t *testing.T) {
	s := decideToy(t, "- f1 - - - -")
	if d := cmp.Diff([2]Share{{0, 1}, {1, 2}}, [2]Share{s.Labelled.Share, s.All.Share}); d != "" {
		t.Errorf("event-labelled and all instances (-want +got):\n%s", d)
	}
}

func decideToy(t *testing.T, decisions string) AlertsScore {
	t.Helper()
	dir := writeFiles(t, map[string]string{"alerts/a.alerts.csv": toyAlerts, "alerts/a.labels.csv": toyAlertLabels})
	r, err := Alerts(t.Context(), Options{Dir: dir}, deciding(decisions))
	if err != nil {
		t.Fatal(err)
	}
	return r.Pooled
}

func TestLeadingEdge(t *testing.T) {
	dir := writeFiles(t, map[string]string{"alerts/a.alerts.csv": toyAlerts, "alerts/a.labels.csv": toyAlertLabels})
	s, err := loadScenario(dir+"/alerts", "a")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"flag all":                      "ffffff",
		"flag none":                     "------",
		"detector + name, never":        "f-f-f-",
		"detector + name, 1 h":          "f-f-ff",
		"detector + name + host, never": "f-fff-",
		"detector + name + host, 24 h":  "f-fff-",
		"detector + name + host, 1 h":   "f-ffff",
		"detector + name + host, 5 min": "ffffff",
	}
	got := map[string]string{}
	for _, p := range trivialPredictors() {
		var text []byte
		for _, v := range p.decide(s) {
			text = append(text, map[bool]byte{true: 'f', false: '-'}[v.forward])
		}
		got[p.name] = string(text)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("forwards (-want +got):\n%s", d)
	}
}

func TestAlertsAsPlainEvents(t *testing.T) {
	dir := toyAlertFiles(t)
	s, err := loadScenario(dir+"/alerts", "a")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, s.events(), make([]byte, 7)); err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(got.Bytes(), []byte("\n"))
	want := `{"seq":1,"ts":3000,"host":"web","source":"IDS","name":"scan","ip":"10.0.0.1"}`
	if d := cmp.Diff(want, string(first)); d != "" {
		t.Errorf("first event (-want +got):\n%s", d)
	}
	if n := bytes.Count(got.Bytes(), []byte("\n")); n != 6 {
		t.Errorf("%d events, want 6", n)
	}
}
