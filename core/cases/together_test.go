package cases

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/sift"
)

// happening is an event of one host, as sift hands it on.
type happening struct {
	at       time.Duration
	host     string
	peer     string
	problem  string // number of a problem in Zabbix
	over     string // number of a problem in Zabbix that is over
	evidence sift.Evidence
}

func (h happening) add(b *Book) Outcome {
	ev := &event.Event{
		Time: start.Add(h.at), Host: h.host, Asset: h.host, Source: "logs", Program: "nginx", Message: "line", Raw: "line", Level: event.LevelUnknown,
	}
	if h.evidence.Kind.IsMetric() {
		ev.Program, ev.Source = "zabbix", "zabbix"
	}
	ev.Set(event.KeyPeer, h.peer, event.Observed)
	ev.Set(event.KeyProblem, h.problem, event.Observed)
	ev.Set(event.KeyRecovered, h.over, event.Observed)
	evidence := []sift.Evidence{h.evidence}
	return b.Add(ev, sift.Finding{Source: ev.Source, Template: 7, Fresh: h.evidence.Kind != sift.Recovered, Evidence: evidence})
}

func shown(at time.Duration, host, number string) happening {
	return happening{at: at, host: host, problem: number, evidence: sift.Evidence{Kind: sift.Problem, Class: event.Availability, Severity: event.Medium, Origin: event.Observed}}
}

func guess(at time.Duration, host, peer string) happening {
	return happening{at: at, host: host, peer: peer, evidence: sift.Evidence{Kind: sift.Repeated, Class: event.BruteForce, Severity: event.Medium, Subject: peer}}
}

func unheard(at time.Duration, host string) happening {
	return happening{at: at, host: host, evidence: sift.Evidence{Kind: sift.NewTemplate, Class: event.Novelty, Severity: event.Low}}
}

func ended(at time.Duration, number string) happening {
	return happening{at: at, over: number, evidence: sift.Evidence{Kind: sift.Recovered, Class: event.Availability}}
}

func TestMetricAndLogAnomalyOfOneHostAreOneCase(t *testing.T) {
	t.Parallel()
	const peer, other = "203.0.113.9", "203.0.113.10"
	for _, test := range []struct {
		name string
		all  []happening
		want []string // case, floor and class after each
	}{
		{
			"+ the log first",
			[]happening{unheard(0, "web1"), shown(9*time.Minute, "web1", "1")},
			[]string{"1 Low novelty", "1 Medium novelty"},
		},
		{
			"+ the metric first",
			[]happening{shown(0, "web1", "1"), unheard(9*time.Minute, "web1")},
			[]string{"1 Low availability", "1 Medium novelty"},
		},
		{
			"+ what the attacker does next belongs to it too",
			[]happening{shown(0, "web1", "1"), guess(time.Minute, "web1", peer), guess(50*time.Minute, "web1", peer)},
			[]string{"1 Low availability", "1 Medium brute-force", "1 Medium brute-force"},
		},
		{
			"+ a metric is no reason to call an attack something else",
			[]happening{guess(0, "web1", peer), shown(time.Minute, "web1", "1"), shown(2*time.Minute, "web1", "2")},
			[]string{"1 Medium brute-force", "1 Medium brute-force", "1 Medium brute-force"},
		},
		{
			"+ the gravest of several",
			[]happening{unheard(0, "web1"), guess(0, "web1", peer), shown(time.Minute, "web1", "1")},
			[]string{"1 Low novelty", "2 Medium brute-force", "2 Medium brute-force"},
		},
		{
			"- too far apart",
			[]happening{shown(0, "web1", "1"), guess(11*time.Minute, "web1", peer)},
			[]string{"1 Low availability", "2 Medium brute-force"},
		},
		{
			"- a busy log does not make the minutes longer",
			[]happening{shown(0, "web1", "1"), guess(9*time.Minute, "web1", peer), guess(18*time.Minute, "web1", other)},
			[]string{"1 Low availability", "1 Medium brute-force", "2 Medium brute-force"},
		},
		{
			"- another host",
			[]happening{shown(0, "web1", "1"), guess(time.Minute, "web2", peer)},
			[]string{"1 Low availability", "2 Medium brute-force"},
		},
		{
			"- two attackers without a metric",
			[]happening{guess(0, "web1", peer), guess(time.Minute, "web1", other)},
			[]string{"1 Medium brute-force", "2 Medium brute-force"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(t, DefaultOptions())
			var got []string
			for _, h := range test.all {
				out := h.add(b)
				got = append(got, fmt.Sprintf("%s %s %s", out.Case[len("plant-w1-"):], out.Severity, out.Class))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whoever can cause problems must not be able to gather everybody in one case.
func TestPlacesThatOneCaseTakesInAreBounded(t *testing.T) {
	t.Parallel()
	b := newBook(t, DefaultOptions())
	shown(0, "web1", "1").add(b)
	seen := map[string]bool{}
	for i := range 50 {
		seen[guess(time.Minute, "web1", fmt.Sprintf("203.0.113.%d", i)).add(b).Case] = true
	}
	if len(seen) != 50-maxJoined+1 {
		t.Errorf("%d cases of 50 attackers, want %d", len(seen), 50-maxJoined+1)
	}
	if len(b.joined) != maxJoined {
		t.Errorf("%d places joined, want %d", len(b.joined), maxJoined)
	}
	for _, c := range b.Cases() {
		b.Close(c.ID)
	}
	if len(b.joined) != 0 {
		t.Errorf("%d places are joined to closed cases", len(b.joined))
	}
}

func TestJoinedPlacesOutliveARestart(t *testing.T) {
	t.Parallel()
	b := newBook(t, DefaultOptions())
	shown(0, "web1", "1").add(b)
	first := guess(time.Minute, "web1", "203.0.113.9").add(b)
	restored := newBook(t, DefaultOptions())
	if err := restored.Load(b.State()); err != nil {
		t.Fatal(err)
	}
	if out := guess(30*time.Minute, "web1", "203.0.113.9").add(restored); out.Case != first.Case {
		t.Errorf("case %s after the restart, want %s", out.Case, first.Case)
	}
	if out := ended(31*time.Minute, "1").add(restored); out.Case != first.Case {
		t.Errorf("the end of the problem went to %q, want %s", out.Case, first.Case)
	}
}

func TestRecoveryIsNotedAndClosesNothing(t *testing.T) {
	t.Parallel()
	b := newBook(t, DefaultOptions())
	opened := shown(0, "web1", "15").add(b)
	guess(time.Minute, "web1", "203.0.113.9").add(b)
	before, _ := b.Find(opened.Case)
	if out := ended(2*time.Minute, "99").add(b); out.Decision != Suppress {
		t.Errorf("the end of an unknown problem: %+v", out)
	}
	out := ended(2*time.Minute, "15").add(b)
	after, _ := b.Find(opened.Case)
	want := before
	want.Events, want.Updated = before.Events+1, start.Add(2*time.Minute)
	want.Lines = after.Lines
	if diff := cmp.Diff(want, after); diff != "" || out.Decision != Attach {
		t.Errorf("%s (-want +got):\n%s", out.Decision, diff)
	}
	if last := after.Lines[len(after.Lines)-1]; len(after.Lines) != len(before.Lines)+1 || last.Evidence[0].Kind != sift.Recovered {
		t.Errorf("lines %+v", after.Lines)
	}
}

// SAFETY A9: a maintenance window softens probing and outages, and hides no login, no
// execution, no write to a controller and no cleared log.
func TestMaintenanceSoftensOnlyScansAndOutages(t *testing.T) {
	t.Parallel()
	for _, class := range event.Classes() {
		if class == event.Novelty {
			continue
		}
		b := newBook(t, DefaultOptions())
		b.SetAnnounced(func(asset string, at time.Time) bool { return asset == "web1" && at.Before(start.Add(time.Hour)) })
		e := sift.Evidence{Kind: sift.SignalMatch, Class: class, Severity: event.Medium, Subject: "203.0.113.9"}
		want := event.Medium
		if class == event.ScanProbe || class == event.Availability {
			want = event.Low
		}
		if out := (happening{host: "web1", peer: "203.0.113.9", evidence: e}).add(b); out.Severity != want {
			t.Errorf("%s during maintenance: %s, want %s", class, out.Severity, want)
		}
		if out := (happening{host: "web2", peer: "203.0.113.9", evidence: e}).add(b); out.Severity != event.Medium {
			t.Errorf("%s on another host: %s, want Medium", class, out.Severity)
		}
	}
}

// What was announced stays explained when the work is over, and what comes then is not.
func TestMaintenanceExplainsOnlyItsOwnTime(t *testing.T) {
	t.Parallel()
	b := newBook(t, DefaultOptions())
	b.SetAnnounced(func(_ string, at time.Time) bool { return at.Before(start.Add(30 * time.Minute)) })
	outage := happening{host: "web1", peer: "203.0.113.9", evidence: sift.Evidence{Kind: sift.SignalMatch, Class: event.Availability, Severity: event.Medium}}
	line := happening{at: 40 * time.Minute, host: "web1", peer: "203.0.113.9", evidence: sift.Evidence{Kind: sift.NewTemplate, Class: event.Novelty, Severity: event.Low}}
	outage.add(b)
	if out := line.add(b); out.Severity != event.Low {
		t.Errorf("a new message after the work made it %s, want Low", out.Severity)
	}
	outage.at = 50 * time.Minute
	if out := outage.add(b); out.Severity != event.Medium {
		t.Errorf("an outage after the work made it %s, want Medium", out.Severity)
	}
}
