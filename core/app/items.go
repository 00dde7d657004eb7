package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"penstock/core/control"
	"penstock/core/event"
	"penstock/core/report"
	"penstock/core/zabbix"
)

// Further states of a StatusItem, beside StateWorking and StateTroubled.
const (
	StateStale         = "stale"         // the worker answered, but not lately
	StateMissing       = "missing"       // no worker answers
	StateMisconfigured = "misconfigured" // whoever asks does not know which worker to ask
)

// StaleAfter is how old a glance may be before what is shown of it is stale.
const StaleAfter = 30 * time.Second

// Bounds of texts in items, in characters. Names of sources are bounded by the
// configuration.
const (
	itemText     = 255 // a problem, an error: what operational data can hold
	itemHeadline = 200
	itemName     = 128
)

// Items turns what is known of a worker into the values of items, for the plugin
// and for the external check alike. Its zero value is a worker that is missing for
// an unknown reason.
type Items struct {
	Glance *Glance       // nil where the worker has not answered yet
	Age    time.Duration // since the worker answered last; 0 where it never did

	// Problem says why there is no glance, or none that is fresh.
	Problem string
	// Misconfigured says that Problem lies in the configuration of whoever asks.
	Misconfigured bool

	Keeper KeeperItem
}

// KeeperItem says who looks after the worker, and how that went.
type KeeperItem struct {
	Mode        string `json:"mode"`    // service or child
	Running     int    `json:"running"` // 1 where a worker runs
	Deaths      int    `json:"deaths"`  // of the child, since the plugin started
	LastDeath   string `json:"last_death"`
	LastSeconds int64  `json:"last_death_seconds"` // ago; 0 where none died
}

// StatusItem is the value of penstock.status: integers and texts only. Every field is
// there as long as a worker is; without one only those of absentItem are.
type StatusItem struct {
	State      string         `json:"state"`
	OK         int            `json:"ok"` // 1: works, and nothing that stands is High or graver
	Problem    string         `json:"problem"`
	Version    string         `json:"version"`
	Site       string         `json:"site"`
	Worker     string         `json:"worker"`
	Age        int64          `json:"age_seconds"`
	Uptime     int64          `json:"uptime_seconds"`
	PerSecond  int64          `json:"events_per_second"`
	Lines      uint64         `json:"lines"`
	Forwarded  uint64         `json:"forwarded"`
	Attached   uint64         `json:"attached"`
	Suppressed uint64         `json:"suppressed"`
	Open       map[string]int `json:"open"`
	Worst      int            `json:"worst"` // 0 (none) to 4 (Critical)
	Queue      struct {
		Waiting int   `json:"waiting"`
		Oldest  int64 `json:"oldest_seconds"`
	} `json:"queue"`
	Outbox int `json:"outbox"`
	Model  struct {
		State    string `json:"state"` // none, works or fails
		Latency  int64  `json:"latency_ms"`
		Failures int    `json:"failures"`
		Waiting  int    `json:"waiting"`
	} `json:"model"`
	Stopped    int          `json:"stopped"`
	StoppedWhy string       `json:"stopped_why"`
	DryRun     int          `json:"dry_run"`
	DiskFree   int64        `json:"disk_free_bytes"`
	StateBytes int64        `json:"state_bytes"`
	Memory     int64        `json:"memory_bytes"`
	LogHead    string       `json:"log_head"`
	Standing   int          `json:"standing"`
	Keeper     KeeperItem   `json:"keeper"`
	Sources    []SourceItem `json:"sources"`
}

// absentItem is the value of penstock.status without a worker: nobody knows how many
// cases are open then, or whether the stop switch is on. A field that is not there
// leaves the items that depend on it with their last value; zeros would have Zabbix
// resolve the problems that stand.
type absentItem struct {
	State   string     `json:"state"`
	OK      int        `json:"ok"`
	Problem string     `json:"problem"`
	Age     *int64     `json:"age_seconds,omitempty"` // where it has answered before
	Keeper  KeeperItem `json:"keeper"`
}

// SourceItem is one source in penstock.status and penstock.sources.
type SourceItem struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Lag      int64  `json:"lag_bytes"`
	CaughtUp int    `json:"caught_up"`
	Lines    uint64 `json:"lines"`
	Rate     int    `json:"rate"`  // lines a second, over the last minute
	Score    int    `json:"score"` // deviating ones of 1,000 lines, over the last 5 minutes
	Silent   int    `json:"silent"`
	Newest   int64  `json:"newest_seconds"` // ago; 0 where there was no line yet
	Gaps     uint64 `json:"gaps"`
	Error    string `json:"error"`
}

// State returns the word for how the worker is, and in a sentence what is wrong;
// "" where it is working.
func (i Items) State() (state, problem string) {
	switch {
	case i.Misconfigured:
		return StateMisconfigured, plainText(i.Problem, itemText)
	case i.Glance == nil:
		return StateMissing, plainText(orWord(i.Problem, "no worker has answered yet"), itemText)
	case i.Age > StaleAfter:
		why := fmt.Sprintf("the worker last answered %s ago", i.Age.Round(time.Second))
		if i.Problem != "" {
			why += ": " + i.Problem
		}
		return StateStale, plainText(why, itemText)
	}
	s := &i.Glance.Status
	if s.State != StateWorking && len(s.Standing) > 0 {
		return StateTroubled, plainText(s.Standing[0].Text, itemText)
	}
	return s.State, ""
}

func orWord(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// Status returns the value of penstock.status.
func (i Items) Status() []byte {
	state, problem := i.State()
	keeper := i.Keeper
	keeper.LastDeath = plainText(keeper.LastDeath, itemText)
	if i.Glance == nil || state == StateMisconfigured {
		absent := absentItem{State: state, Problem: problem, Keeper: keeper}
		if i.Age > 0 {
			age := seconds(i.Age)
			absent.Age = &age
		}
		return encode(absent)
	}
	s := StatusItem{State: state, OK: number(state == StateWorking), Problem: problem, Open: map[string]int{}, Keeper: keeper, Sources: i.sources()}
	for severity := event.Low; severity <= event.Critical; severity++ {
		s.Open[severity.String()] = 0
	}
	s.Model.State = "none"
	s.fill(&i.Glance.Status, i.Age)
	return encode(s)
}

// fill takes over what the worker says of itself.
func (s *StatusItem) fill(st *Status, age time.Duration) {
	s.Version, s.Site, s.Worker = st.Version, plainText(st.Site, itemName), plainText(st.Worker, itemName)
	s.Age, s.Uptime, s.PerSecond = seconds(age), seconds(st.Now.Sub(st.Started)), int64(st.PerSecond+0.5)
	for _, src := range st.Sources {
		s.Lines += src.Count.Lines
		s.Forwarded += src.Count.Forwarded
		s.Attached += src.Count.Attached
		s.Suppressed += src.Count.Suppressed
	}
	for severity := event.Low; severity <= event.Critical; severity++ {
		if n := st.Cases[severity.String()]; n > 0 {
			s.Open[severity.String()], s.Worst = n, int(severity)
		}
	}
	s.Queue.Waiting, s.Queue.Oldest = st.Queue.Waiting, since(st.Queue.Oldest, st.Now)
	for _, n := range st.Outbox {
		s.Outbox += n
	}
	if m := st.Model; m != nil {
		s.Model.State, s.Model.Latency, s.Model.Waiting = m.word(), m.MedianMS, m.Waiting.Waiting
		for _, n := range m.Faults {
			s.Model.Failures += n
		}
	}
	s.Stopped, s.StoppedWhy, s.DryRun = number(st.Stopped != ""), plainText(st.Stopped, itemText), number(st.DryRun)
	s.DiskFree, s.Memory = st.Disk.Free, st.Memory
	s.StateBytes = st.Disk.Database + st.Disk.Spool + st.Disk.Log + st.Disk.Sift
	s.LogHead, s.Standing = st.Head, len(st.Standing)
}

// word says in a word whether the model answers: it fails where no server's last
// answer was one, and works as long as nobody asked.
func (m *ModelStatus) word() string {
	for _, e := range m.Endpoints {
		if e.State == "ok" || e.State == "unused" {
			return "works"
		}
	}
	return "fails"
}

func (i Items) sources() []SourceItem {
	all := []SourceItem{} // an empty list, not null
	if i.Glance == nil {
		return all
	}
	for _, src := range i.Glance.Status.Sources {
		rate := i.Glance.Rates[src.Name]
		all = append(all, SourceItem{
			Name: src.Name, Kind: src.Kind, Lag: src.BehindBytes, CaughtUp: number(src.CaughtUp), Lines: src.Count.Lines,
			Rate: rate.Rate, Score: rate.Score, Silent: number(src.Silent), Newest: since(src.Newest, i.Glance.Status.Now),
			Gaps: src.Count.Gaps, Error: plainText(src.Error, itemText),
		})
	}
	return all
}

// Sources returns the value of penstock.sources, a list.
func (i Items) Sources() []byte { return encode(i.sources()) }

// Discovery returns the value of penstock.sources.discovery: for each source its
// name and kind as low-level discovery wants them.
func (i Items) Discovery() []byte {
	type found struct {
		Source string `json:"{#SOURCE}"`
		Kind   string `json:"{#KIND}"`
	}
	all := []found{}
	for _, src := range i.sources() {
		all = append(all, found{src.Name, src.Kind})
	}
	return encode(all)
}

// Cases returns the value of penstock.cases: the open cases of that severity and
// above, the gravest first, and how many more there are of any severity.
func (i Items) Cases(from event.Severity) []byte {
	value := struct {
		Cases []GlanceCase `json:"cases"`
		More  int          `json:"more"`
	}{Cases: []GlanceCase{}}
	if i.Glance != nil {
		value.More = i.Glance.More
		for _, c := range i.Glance.Cases {
			if c.Severity < from {
				continue
			}
			c.Host, c.Headline = plainText(c.Host, itemName), plainText(c.Headline, itemHeadline)
			value.Cases = append(value.Cases, c)
		}
	}
	return encode(value)
}

// CaseCount returns how many cases of that severity and above are open.
func (i Items) CaseCount(from event.Severity) int {
	if i.Glance == nil {
		return 0
	}
	n := 0
	for severity := max(from, event.Low); severity <= event.Critical; severity++ {
		n += i.Glance.Status.Cases[severity.String()]
	}
	return n
}

// Worker returns the value of penstock.worker: the state, and what is wrong.
func (i Items) Worker() string {
	state, problem := i.State()
	if problem == "" {
		return state
	}
	return state + ": " + problem
}

// CaseItem asks the worker for the record of a case, the value of penstock.case.
// The error is a *control.Error with control.CodeNotFound where there is no such
// case.
func CaseItem(ctx context.Context, client *control.Client, id string) ([]byte, error) {
	var a struct {
		Record json.RawMessage `json:"record"`
	}
	if err := client.Call(ctx, CmdCase, CaseQuery{Case: id}, &a); err != nil {
		return nil, err
	}
	return encode(a.Record), nil
}

// encode returns one line of JSON without its end, in which nothing hides.
func encode(value any) []byte {
	var b bytes.Buffer
	if err := report.JSON(&b, value); err != nil { // of no type that is given here
		return []byte("{}")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// plainText returns text for an item, in at most so many characters: what others
// wrote must not be taken for a macro.
func plainText(text string, most int) string { return zabbix.Text(text, most) }

func number(is bool) int {
	if is {
		return 1
	}
	return 0
}

// seconds counts whole seconds, none where clocks went back.
func seconds(d time.Duration) int64 { return max(0, int64(d/time.Second)) }

// since returns the seconds from a time on, 0 for the zero time.
func since(then, now time.Time) int64 {
	if then.IsZero() {
		return 0
	}
	return seconds(now.Sub(then))
}
