package zabbix

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/fake"
)

// tableRow is an event of the server that a test stands for.
type tableRow struct {
	id, trigger uint64
	value       int    // 1 for a problem
	end         uint64 // the event that ended it
	name        string
	at          uint64 // seconds; the number where it is 0
}

// eventTable answers event.get and trigger.get as 6.0.14 and 7.0.9 do: numbers as text.
type eventTable struct {
	mu   sync.Mutex
	rows []tableRow
	keys map[uint64]string // of the items of triggers
}

func (e *eventTable) add(rows ...tableRow) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rows = append(e.rows, rows...)
}

func (e *eventTable) drop(id uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rows = slices.DeleteFunc(e.rows, func(r tableRow) bool { return r.id == id })
}

func (e *eventTable) end(id, by uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.rows {
		if e.rows[i].id == id {
			e.rows[i].end = by
		}
	}
}

func (e *eventTable) events(params json.RawMessage) any {
	var p struct {
		IDs   []string `json:"eventids"`
		From  string   `json:"eventid_from"`
		Value []int    `json:"value"`
		Order string   `json:"sortorder"`
		Limit int      `json:"limit"`
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return fake.ZabbixError{Code: -32602, Message: "Invalid params.", Data: err.Error()}
	}
	from, _ := strconv.ParseUint(p.From, 10, 64)
	e.mu.Lock()
	defer e.mu.Unlock()
	rows := slices.Clone(e.rows)
	slices.SortFunc(rows, func(a, b tableRow) int { return int(a.id) - int(b.id) })
	if p.Order == "DESC" {
		slices.Reverse(rows)
	}
	found := []map[string]any{}
	for _, r := range rows {
		id := fmt.Sprint(r.id)
		if r.id < from || p.IDs != nil && !slices.Contains(p.IDs, id) || p.Value != nil && !slices.Contains(p.Value, r.value) {
			continue
		}
		found = append(found, map[string]any{
			"eventid": id, "objectid": fmt.Sprint(r.trigger), "clock": fmt.Sprint(1795690000 + max(r.id, r.at)), "ns": "7", "value": fmt.Sprint(r.value),
			"name": r.name, "severity": "4", "r_eventid": fmt.Sprint(r.end),
			"hosts": []map[string]string{{"hostid": "5", "host": "ot-gw1", "name": "OT gateway 1"}},
			"tags":  []map[string]string{{"tag": "scope", "value": "performance"}},
		})
	}
	if p.Limit > 0 {
		found = found[:min(len(found), p.Limit)]
	}
	return found
}

func (e *eventTable) triggers(params json.RawMessage) any {
	var p struct {
		IDs []string `json:"triggerids"`
	}
	if err := json.Unmarshal(params, &p); err != nil {
		return fake.ZabbixError{Code: -32602, Message: "Invalid params.", Data: err.Error()}
	}
	found := []map[string]any{}
	for _, id := range p.IDs {
		n, _ := strconv.ParseUint(id, 10, 64)
		if key, ok := e.keys[n]; ok {
			found = append(found, map[string]any{"triggerid": id, "items": []map[string]string{{"itemid": "1", "key_": key}}})
		}
	}
	return found
}

// problemReader reads a table step by step.
type problemReader struct {
	t     *testing.T
	api   *API
	at    ProblemCursor
	table *eventTable
}

func newProblemReader(t *testing.T, table *eventTable) *problemReader {
	t.Helper()
	server := fake.NewZabbixAPI(t, "7.0.9")
	server.Answer("event.get", table.events)
	server.Answer("trigger.get", table.triggers)
	r := &problemReader{t: t, api: openAPI(t, withToken(t, server.URL)), table: table}
	if lines, _ := r.read(100); len(lines) > 0 {
		t.Fatalf("what was there before was read: %q", lines)
	}
	return r
}

// read returns what is new as +NUMBER, and as -NUMBER what is over. The cursor goes
// through JSON, as over a restart.
func (r *problemReader) read(most int) (got []string, more bool) {
	r.t.Helper()
	lines, next, more, err := r.api.ProblemLines(r.t.Context(), r.at, most)
	if err != nil {
		r.t.Fatal(err)
	}
	kept, err := json.Marshal(next)
	if err != nil {
		r.t.Fatal(err)
	}
	r.at = ProblemCursor{}
	if err := json.Unmarshal(kept, &r.at); err != nil {
		r.t.Fatal(err)
	}
	for _, line := range lines {
		var p struct {
			ID    uint64 `json:"eventid"`
			Ended uint64 `json:"p_eventid"`
		}
		if err := json.Unmarshal(line, &p); err != nil {
			r.t.Fatal(err)
		}
		if p.Ended != 0 {
			got = append(got, fmt.Sprintf("-%d", p.Ended))
		} else {
			got = append(got, fmt.Sprintf("+%d", p.ID))
		}
	}
	return got, more
}

func (r *problemReader) want(want ...string) {
	r.t.Helper()
	got, _ := r.read(100)
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("(-want +got):\n%s", diff)
	}
}

func open(id, trigger uint64) tableRow {
	return tableRow{id: id, trigger: trigger, value: 1, name: "Flow too high"}
}

func TestProblemLines(t *testing.T) {
	t.Parallel()
	table := &eventTable{keys: map[uint64]string{1: "flow", 2: "penstock.case.transition", 3: "penstock", 4: "proc.num[penstock.x]"}}
	table.add(open(5, 1))
	r := newProblemReader(t, table)
	r.want()
	table.add(open(6, 1), open(7, 2), open(8, 3), open(9, 4), open(11, 99))
	r.want("+6", "+8", "+9", "+11") // 7 hangs on an item of ours
	r.want()
	table.add(open(10, 1)) // stored late
	table.add(tableRow{id: 12, trigger: 1})
	table.end(6, 12)
	table.end(5, 12) // was there before anybody read
	table.end(7, 12) // is ours
	r.want("+10", "-6")
	r.want()
	table.drop(8) // the trigger was deleted
	table.add(tableRow{id: 13, trigger: 1})
	r.want()
	if diff := cmp.Diff([]uint64{9, 10, 11}, r.at.Open); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	table.add(open(14, 1), tableRow{id: 15, trigger: 1}) // both between two reads
	table.end(14, 15)
	r.want("+14", "-14")
	r.want()
}

func TestProblemLinesAreThoseOfAnExport(t *testing.T) {
	t.Parallel()
	table := &eventTable{keys: map[uint64]string{1: "flow"}}
	table.add(open(1, 1))
	r := newProblemReader(t, table)
	table.add(open(15, 1), tableRow{id: 20, trigger: 1})
	lines, next, _, err := r.api.ProblemLines(t.Context(), r.at, 10)
	if err != nil {
		t.Fatal(err)
	}
	table.end(15, 20)
	table.add(tableRow{id: 21, trigger: 1})
	over, _, _, err := r.api.ProblemLines(t.Context(), next, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"clock":1795690015,"ns":7,"value":1,"eventid":15,"name":"Flow too high","severity":4,"hosts":[{"host":"ot-gw1","name":"OT gateway 1"}],"groups":[],"tags":[{"tag":"scope","value":"performance"}]}`,
		`{"clock":1795690020,"ns":7,"value":0,"eventid":20,"p_eventid":15}`,
	}
	var got []string
	for _, line := range append(lines, over...) {
		got = append(got, string(line))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProblemsAreReadInPieces(t *testing.T) {
	t.Parallel()
	table := &eventTable{keys: map[uint64]string{1: "flow"}}
	table.add(open(1, 1))
	r := newProblemReader(t, table)
	for i := range uint64(1300) {
		table.add(open(i+2, 1))
	}
	seen := map[string]bool{}
	for more := true; more; {
		var got []string
		got, more = r.read(300)
		if len(got) > 300 {
			t.Fatalf("%d lines at a time", len(got))
		}
		for _, line := range got {
			if seen[line] || !strings.HasPrefix(line, "+") {
				t.Fatalf("%s again", line)
			}
			seen[line] = true
		}
	}
	if len(seen) != 1300 || len(r.at.Recent) > lookBack+1 || len(r.at.Open) != 1300 {
		t.Errorf("%d problems read, %d recent, %d open", len(seen), len(r.at.Recent), len(r.at.Open))
	}
}

// later is a problem of the database that was restored.
func later(id, at uint64) tableRow {
	return tableRow{id: id, trigger: 1, value: 1, name: "Flow too high", at: at}
}

// TestProblemsOfARestoredDatabaseAreRead: its numbers are lower. What came since is
// read, what is old is not, and that something may be missing is noted once.
func TestProblemsOfARestoredDatabaseAreRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		rows []tableRow // of the restored database; 9,000 and all from 8,900 on were read before
		want []string
		gaps int
	}{
		{"+ far below", []tableRow{open(5000, 1), later(5001, 9050), later(5002, 9060)}, []string{"+5001", "+5002"}, 1},
		{"+ far below, and nothing came since", []tableRow{open(5000, 1)}, nil, 1},
		{"+ another database", []tableRow{later(1, 9050), later(2, 9060)}, []string{"+1", "+2"}, 1},
		{"+ a little below, numbers were given again", []tableRow{open(8900, 1), open(8950, 1), later(8951, 9050), later(9000, 9070)}, []string{"+8951", "+9000"}, 1},
		{"+ a little below, and one more number", []tableRow{open(8950, 1), later(8960, 9050), later(9001, 9060)}, []string{"+8960", "+9001"}, 1},
		{"- the newest were deleted with their triggers", []tableRow{open(8900, 1)}, nil, 0},
		{"- the newest were deleted with their triggers, and one came", []tableRow{open(8900, 1), open(9001, 1)}, []string{"+9001"}, 0},
		{"- one was stored late", []tableRow{open(8900, 1), open(8930, 1), open(9000, 1)}, []string{"+8930"}, 0},
		{"- all were cleaned away", nil, nil, 0},
		{"- all were cleaned away, and one came", []tableRow{open(9100, 1)}, []string{"+9100"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := &eventTable{keys: map[uint64]string{1: "flow"}}
			for id := uint64(8900); id <= 9000; id += 10 {
				if id != 8930 {
					table.add(open(id, 1))
				}
			}
			table.add(open(8951, 1))
			r := newProblemReader(t, table)
			table.mu.Lock()
			table.rows = tt.rows
			table.mu.Unlock()
			var got []string
			for range 4 {
				lines, _ := r.read(100)
				got = append(got, lines...)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || r.at.Gaps != tt.gaps {
				t.Errorf("%d gaps, want %d; lines (-want +got):\n%s", r.at.Gaps, tt.gaps, diff)
			}
			table.add(later(9200, 9200))
			r.want("+9200") // and it goes on
			if r.at.Gaps != tt.gaps {
				t.Errorf("%d gaps, want %d", r.at.Gaps, tt.gaps)
			}
		})
	}
}

// TestProblemsThatWereOpenBeforeAGapAreForgotten: their numbers are those of others.
func TestProblemsThatWereOpenBeforeAGapAreForgotten(t *testing.T) {
	t.Parallel()
	table := &eventTable{keys: map[uint64]string{1: "flow"}}
	table.add(open(5000, 1))
	r := newProblemReader(t, table)
	table.add(open(5001, 1))
	r.want("+5001")
	table.mu.Lock()
	table.rows = []tableRow{later(11, 6000)}
	table.mu.Unlock()
	r.want()
	r.want("+11")
	if diff := cmp.Diff([]uint64{11}, r.at.Open); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
}

func TestOpenProblemsAreBounded(t *testing.T) {
	t.Parallel()
	var c ProblemCursor
	for i := range uint64(3 * maxOpen) {
		c.wait(i + 1)
		c.read(i + 1)
	}
	if len(c.Open) != maxOpen || c.Open[0] != 2*maxOpen+1 || len(c.Recent) > lookBack+1 {
		t.Errorf("%d open from %d on, %d recent", len(c.Open), c.Open[0], len(c.Recent))
	}
}

func TestFailedReadMovesNothing(t *testing.T) {
	t.Parallel()
	table := &eventTable{keys: map[uint64]string{1: "flow"}}
	table.add(open(1, 1))
	server := fake.NewZabbixAPI(t, "6.0.14")
	server.Answer("event.get", table.events)
	server.Answer("trigger.get", constant(fake.ZabbixError{Code: -32602, Message: "Invalid params.", Data: "no"}))
	r := &problemReader{t: t, api: openAPI(t, withToken(t, server.URL)), table: table}
	r.read(10)
	table.add(open(2, 1))
	_, next, _, err := r.api.ProblemLines(t.Context(), r.at, 10)
	if err == nil || !next.Equal(r.at) {
		t.Errorf("error %v, cursor %+v, want %+v", err, next, r.at)
	}
}
