package app

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/store"
)

// oneGlance is of a worker with two sources, three open cases and a failing model.
func oneGlance() *Glance {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	g := &Glance{At: now, More: 2, Status: Status{
		Version: "0.2.0", Site: "valley", Worker: "w1", State: StateWorking, Started: now.Add(-time.Hour), Now: now, PerSecond: 12.6,
		Cases: map[string]int{"Low": 4, "Medium": 2, "Critical": 1}, Outbox: map[string]int{"zabbix": 3, "wazuh": 1}, Head: "abc",
		DryRun: true, Stopped: "paused", Memory: 5, Disk: DiskStatus{Free: 9, Database: 1, Spool: 2, Log: 3, Sift: 4},
		Model: &ModelStatus{MedianMS: 1500, Faults: map[string]int{"timeout": 2, "empty": 1}, Endpoints: []EndpointStatus{{State: "timeout"}}},
		Sources: []SourceStatus{
			{Name: "gw1", Kind: "file", CaughtUp: true, Newest: now.Add(-5 * time.Second), Count: store.Count{Lines: 100, Suppressed: 90, Attached: 7, Forwarded: 3}},
			{Name: "nas", Kind: "journald", BehindBytes: 77, Silent: true, Error: "open {$SECRET}\x1b[2J", Count: store.Count{Lines: 10, Suppressed: 10, Gaps: 1}},
		},
	}}
	g.Status.Queue = QueueStatus{Waiting: 6, Oldest: now.Add(-9 * time.Second)}
	g.Cases = []GlanceCase{
		{Case: "valley-w1-3", Severity: event.Critical, Level: 4, Host: "plc", Headline: "{HOST.CONN} \u202eevil\r\n" + strings.Repeat("a", 900)},
		{Case: "valley-w1-2", Severity: event.Medium, Level: 2, Host: "gw1", Headline: "guesses"},
	}
	return g
}

func TestStatusItemHasEveryField(t *testing.T) {
	t.Parallel()
	g := oneGlance()
	g.Rates = map[string]SourceRate{"gw1": {Rate: 4, Score: 100}}
	got := Items{Glance: g, Age: 1500 * time.Millisecond, Keeper: KeeperItem{Mode: "child", Running: 1, Deaths: 2, LastDeath: "killed {X}", LastSeconds: 7}}.Status()
	const want = `{"state":"working","ok":1,"problem":"","version":"0.2.0","site":"valley","worker":"w1","age_seconds":1,"uptime_seconds":3600,"events_per_second":13,` +
		`"lines":110,"forwarded":3,"attached":7,"suppressed":100,"open":{"Critical":1,"High":0,"Low":4,"Medium":2},"worst":4,` +
		`"queue":{"waiting":6,"oldest_seconds":9},"outbox":4,"model":{"state":"fails","latency_ms":1500,"failures":3,"waiting":0},` +
		`"stopped":1,"stopped_why":"paused","dry_run":1,"disk_free_bytes":9,"state_bytes":10,"memory_bytes":5,"log_head":"abc","standing":0,` +
		`"keeper":{"mode":"child","running":1,"deaths":2,"last_death":"killed (X)","last_death_seconds":7},"sources":[` +
		`{"name":"gw1","kind":"file","lag_bytes":0,"caught_up":1,"lines":100,"rate":4,"score":100,"silent":0,"newest_seconds":5,"gaps":0,"error":""},` +
		`{"name":"nas","kind":"journald","lag_bytes":77,"caught_up":0,"lines":10,"rate":0,"score":0,"silent":1,"newest_seconds":0,"gaps":1,"error":"open ($SECRET)[2J"}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("status (-want +got)\n%s", diff)
	}
}

// Without a worker nothing is said of what only a worker knows: zeros would resolve
// the problems that stand.
func TestStatusItemWithoutWorkerSaysOnlyWhatIsKnown(t *testing.T) {
	t.Parallel()
	const keeper = `"keeper":{"mode":"service","running":0,"deaths":0,"last_death":"","last_death_seconds":0}}`
	of := KeeperItem{Mode: "service"}
	tests := []struct {
		name  string
		items Items
		want  string
	}{
		{"- never seen", Items{Keeper: of}, `{"state":"missing","ok":0,"problem":"no worker has answered yet",` + keeper},
		{"- gone", Items{Keeper: of, Age: 9 * time.Second, Problem: "no worker is running"}, `{"state":"missing","ok":0,"problem":"no worker is running","age_seconds":9,` + keeper},
		{"- gone just now", Items{Keeper: of, Age: time.Millisecond, Problem: "gone"}, `{"state":"missing","ok":0,"problem":"gone","age_seconds":0,` + keeper},
		{
			"- misconfigured, after a worker was there",
			Items{Glance: oneGlance(), Keeper: of, Age: time.Second, Problem: "line 3", Misconfigured: true},
			`{"state":"misconfigured","ok":0,"problem":"line 3","age_seconds":1,` + keeper,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, string(tt.items.Status())); diff != "" {
				t.Errorf("status (-want +got)\n%s", diff)
			}
		})
	}
}

func TestItemsSayWhatStateTheWorkerIsIn(t *testing.T) {
	t.Parallel()
	troubled := oneGlance()
	troubled.Status.State = StateTroubled
	troubled.Status.Standing = []store.Notice{{Severity: event.High, Text: "the disk is full"}}
	tests := []struct {
		name  string
		items Items
		want  string
	}{
		{"+ works", Items{Glance: oneGlance(), Age: StaleAfter}, "working"},
		{"+ in trouble", Items{Glance: troubled}, "troubled: the disk is full"},
		{"- old", Items{Glance: oneGlance(), Age: StaleAfter + time.Second, Problem: "no worker is running"}, "stale: the worker last answered 31s ago: no worker is running"},
		{"- never seen", Items{}, "missing: no worker has answered yet"},
		{"- missing", Items{Problem: "connect to /run/x: no worker is running"}, "missing: connect to /run/x: no worker is running"},
		{"- misconfigured", Items{Problem: "penstock.yaml:3: no such key {$X}", Misconfigured: true}, "misconfigured: penstock.yaml:3: no such key ($X)"},
		{"- a long reason", Items{Problem: strings.Repeat("ä", 400)}, "missing: " + strings.Repeat("ä", 254) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tt.items.Worker()); diff != "" {
				t.Errorf("worker (-want +got)\n%s", diff)
			}
		})
	}
}

func TestItemsListSourcesAndCases(t *testing.T) {
	t.Parallel()
	with, without := Items{Glance: oneGlance()}, Items{}
	tests := []struct{ name, got, want string }{
		{"+ discovery", string(with.Discovery()), `[{"{#SOURCE}":"gw1","{#KIND}":"file"},{"{#SOURCE}":"nas","{#KIND}":"journald"}]`},
		{"+ discovery of nothing", string(without.Discovery()), `[]`},
		{"+ sources of nothing", string(without.Sources()), `[]`},
		{"+ cases of nothing", string(without.Cases(event.None)), `{"cases":[],"more":0}`},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s = %s, want %s", tt.name, tt.got, tt.want)
		}
	}
	var cases struct {
		Cases []GlanceCase
		More  int
	}
	must(t, json.Unmarshal(with.Cases(event.High), &cases))
	if len(cases.Cases) != 1 || cases.More != 2 || cases.Cases[0].Case != "valley-w1-3" {
		t.Fatalf("cases from High: %+v", cases)
	}
	if h := cases.Cases[0].Headline; strings.ContainsAny(h, "{}\r\n\u202e") || len([]rune(h)) != itemHeadline {
		t.Errorf("headline %q is not encoded", h)
	}
	for from, want := range map[event.Severity]int{event.None: 7, event.Low: 7, event.Medium: 3, event.High: 1, event.Critical: 1} {
		if got := with.CaseCount(from); got != want {
			t.Errorf("CaseCount(%s) = %d, want %d", from, got, want)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	count := func(lines, deviating uint64) []SourceStatus {
		return []SourceStatus{{Name: "gw1", Count: store.Count{Lines: lines, Attached: deviating}}}
	}
	var r Rates
	want := func(what string, rate SourceRate) {
		t.Helper()
		if diff := cmp.Diff(map[string]SourceRate{"gw1": rate}, r.All()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", what, diff)
		}
	}
	r.Look(start, count(1000, 500))
	want("one look", SourceRate{})
	for i := 1; i <= 600; i++ { // 10 a second, one of ten deviates
		r.Look(start.Add(time.Duration(i)*time.Second), count(uint64(1000+10*i), uint64(500+i)))
	}
	want("ten minutes", SourceRate{Rate: 10, Score: 100})
	if n := len(r.all["gw1"]); n > 70 {
		t.Errorf("%d samples are kept", n)
	}
	for i := 601; i <= 660; i++ { // a minute of silence
		r.Look(start.Add(time.Duration(i)*time.Second), count(7000, 1100))
	}
	want("a silent minute", SourceRate{Rate: 0, Score: 100})
	r.Look(start.Add(661*time.Second), count(5, 5))
	want("another state", SourceRate{})
	r.Look(start.Add(662*time.Second), nil)
	if n := len(r.All()); n != 0 {
		t.Errorf("%d sources are remembered that are gone", n)
	}
}

// The worker keeps the rates, so that whoever asks once has them.
func TestGlanceHasRates(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write(attackDay())
	w := s.start()
	eventually(t, "a rate of the source in a glance", func() bool {
		g, err := w.Glance(t.Context())
		must(t, err)
		return g.Rates["gw1"].Rate > 0 && g.Rates["gw1"].Score > 0
	})
	must(t, w.end())
}
