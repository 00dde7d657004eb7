package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/zabbix"
)

// memory is a store of small values.
type memory map[string]string

func (m memory) Meta(_ context.Context, key string) (string, bool, error) {
	value, found := m[key]
	return value, found, nil
}

func (m memory) SetMeta(_ context.Context, key, value string) error {
	m[key] = value
	return nil
}

// handedOut hands out problems by number, so many at a time.
type handedOut struct{ there, most uint64 }

func (n *handedOut) ProblemLines(_ context.Context, c zabbix.ProblemCursor, _ int) ([][]byte, zabbix.ProblemCursor, bool, error) {
	var lines [][]byte
	for c.Newest < n.there && uint64(len(lines)) < n.most {
		c.Newest++
		lines = append(lines, fmt.Appendf(nil, `{"eventid":%d}`, c.Newest))
	}
	return lines, c, c.Newest < n.there, nil
}

// once is a spool: it knows its tags, and is killed after so many calls.
type once struct {
	tags  map[string]bool
	lines []string
	calls int
	kill  int // the call that stores and does not return; 0 for none
}

var errKilled = errors.New("killed")

func (o *once) put(tag string, lines [][]byte) error {
	o.calls++
	if !o.tags[tag] {
		o.tags[tag] = true
		for _, line := range lines {
			o.lines = append(o.lines, string(line))
		}
	}
	if o.calls == o.kill {
		return errKilled
	}
	return nil
}

func TestProblemsGetIntoTheSpoolOnce(t *testing.T) {
	t.Parallel()
	for kill := range 4 {
		zabbix := &handedOut{there: 10, most: 4}
		kept, spool := memory{}, &once{tags: map[string]bool{}, kill: kill}
		p := &problemSource{api: zabbix, store: kept}
		err := p.pull(t.Context(), "problems", spool.put)
		if kill > 0 && !errors.Is(err, errKilled) {
			t.Fatalf("killed at call %d: %v", kill, err)
		}
		zabbix.there = 13 // more came meanwhile
		for range 2 {
			if err := (&problemSource{api: zabbix, store: kept}).pull(t.Context(), "problems", spool.put); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		for i := range 13 {
			want = append(want, fmt.Sprintf(`{"eventid":%d}`, i+1))
		}
		if diff := cmp.Diff(want, spool.lines); diff != "" {
			t.Errorf("killed at call %d (-want +got):\n%s", kill, diff)
		}
	}
}

func TestProblemsBeginAnewWhereWhatIsKeptIsBroken(t *testing.T) {
	t.Parallel()
	kept, spool := memory{"zabbix.problems.p": "{"}, &once{tags: map[string]bool{}}
	if err := (&problemSource{api: &handedOut{there: 2, most: 9}, store: kept}).pull(t.Context(), "p", spool.put); err != nil || len(spool.lines) != 2 {
		t.Errorf("%v, lines %q", err, spool.lines)
	}
}

// renumbered is a Zabbix whose database was restored: its cursor has one gap more.
type renumbered struct{ handedOut }

func (r *renumbered) ProblemLines(ctx context.Context, c zabbix.ProblemCursor, most int) ([][]byte, zabbix.ProblemCursor, bool, error) {
	if c.Gaps == 0 {
		return nil, zabbix.ProblemCursor{Newest: 1, Gaps: 1}, true, nil
	}
	return r.handedOut.ProblemLines(ctx, c, most)
}

func TestGapOfProblemsIsToldOnce(t *testing.T) {
	t.Parallel()
	kept, spool := memory{"zabbix.problems.p": `{"cursor":{"newest":900}}`}, &once{tags: map[string]bool{}}
	var told []string
	for range 3 {
		p := &problemSource{api: &renumbered{handedOut{there: 3, most: 9}}, store: kept, tell: func(severity event.Severity, kind, text string) {
			told = append(told, severity.String()+" "+kind+" "+text)
		}}
		if err := p.pull(t.Context(), "p", spool.put); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"Medium intake problems of source p may be missing: the events of Zabbix do not go on from the newest that was read, as after a restored or new database"}
	if diff := cmp.Diff(want, told); diff != "" || len(spool.lines) != 2 {
		t.Errorf("lines %q, told (-want +got):\n%s", spool.lines, diff)
	}
}

// An export of a real server, with a problem of a case of ours among it, and lines
// that only look like ours.
func TestOwnProblemsItemsAndHistoryMakeNoCase(t *testing.T) {
	s := newSite(t)
	folder := t.TempDir()
	s.config.Zabbix.Host = "worker1"
	s.config.Sources = intake.Options{{Name: "zabbix", Kind: intake.KindZabbix, Path: folder, Trust: event.Local}}
	s.now = func() time.Time { return time.Date(2026, 11, 26, 10, 58, 0, 0, time.UTC) }
	problem := func(id int, host, tags string) string {
		return fmt.Sprintf(`{"clock":1795690613,"ns":%d,"value":1,"eventid":%d,"name":"Penstock: case waterworks-w1-7","severity":5,"hosts":[{"host":%q,"name":"x"}],"groups":[],"tags":[%s]}`, id, id, host, tags) + "\n"
	}
	const ours = `{"tag":"penstock","value":"case"},{"tag":"case","value":"waterworks-w1-7"}`
	history := `{"host":{"host":"ot-gw1","name":"x"},"groups":[],"item_tags":[{"tag":"penstock","value":"log"}],"itemid":44524,"name":"Case","clock":1795690620,"ns":1,"value":"Failed password for root from 203.0.113.5 port 4 ssh2","type":4}` + "\n"
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("problems-history-syncer-1.ndjson", problem(101, "ot-gw1", ours)+problem(102, "worker1", `{"tag":"penstock","value":"status"}`)+problem(106, "worker2", `{"tag":"penstock","value":"status"}`))
	put("history-history-syncer-1.ndjson", history)
	r := s.startWith(func(w *Worker) {
		w.setOwnCases(func(id, host string) bool { return id == "waterworks-w1-7" && host == "ot-gw1" })
		w.setOwnItems([]string{"44524"})
		w.setOwnHosts([]string{"Worker2"})
	})
	eventually(t, "all lines read", func() bool { return r.reader.States()[0].Lines == 4 && r.reader.States()[0].CaughtUp })
	forged := problem(103, "db1", ours) + problem(104, "db2", `{"tag":"penstock","value":"status"}`) + problem(105, "db3", `{"tag":"penstock","value":"case"},{"tag":"case","value":"waterworks-w1-8"}`)
	put("problems-task-manager-1.ndjson", forged)
	var found []string
	eventually(t, "three cases", func() bool {
		found = nil
		err := r.do(t.Context(), func() error {
			for _, c := range r.engine.book.Cases() {
				found = append(found, c.Asset+" "+c.Floor.String())
			}
			return nil
		})
		return err == nil && len(found) >= 3
	})
	if diff := cmp.Diff([]string{"db1 Low", "db2 Low", "db3 Low"}, found); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	if err := r.end(); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// The same host is down by what Zabbix measures and speaks of it in its log: one case,
// though the two come by different ways; and maintenance softens it.
func TestMetricAndLogOfOneHostAreOneCase(t *testing.T) {
	for _, maintained := range []bool{false, true} {
		s := newSite(t)
		folder := t.TempDir()
		s.config.Detect.Sift.LearnEvents = 0
		s.config.Sources = append(s.config.Sources, intake.Source{Name: "zabbix", Kind: intake.KindZabbix, Path: folder, Trust: event.Local})
		s.config.Sources[0].Host = "ot-gw1"
		at := time.Date(2026, 11, 26, 10, 58, 0, 0, time.UTC)
		s.now = func() time.Time { return at }
		r := s.startWith(func(w *Worker) {
			if maintained {
				w.setMaintenance([]Maintained{{Host: "ot-gw1", From: at.Add(-time.Hour), Till: at.Add(time.Hour)}})
			}
		})
		line := fmt.Sprintf(`{"clock":%d,"ns":0,"value":1,"eventid":15,"name":"Pump does not answer","severity":4,"hosts":[{"host":"ot-gw1","name":"x"}],"groups":[],"tags":[]}`, at.Unix()-60)
		if err := os.WriteFile(filepath.Join(folder, "problems-history-syncer-1.ndjson"), []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a case", func() bool { return len(r.cases(t)) == 1 })
		s.write("Nov 26 10:57:30 ot-gw1 pumpd[7]: watchdog barks at valve seven\n")
		eventually(t, "the line in it", func() bool { all := r.cases(t); return len(all) > 1 || len(all) == 1 && all[0].Events == 2 })
		all := r.cases(t)
		want := event.Medium
		if maintained {
			want = event.Low
		}
		if len(all) != 1 || all[0].Floor != want || all[0].Class != event.Novelty {
			t.Errorf("in maintenance %v: cases %+v, want one, %s", maintained, all, want)
		}
		if err := r.end(); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

func (r *running) cases(t *testing.T) (all []cases.Case) {
	t.Helper()
	if err := r.do(t.Context(), func() error { all = r.engine.book.Cases(); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// Two sources that go through the spool share its lanes and nothing else: what one may
// say for sure the other may not.
func TestSourcesThatShareALaneHaveDecodersOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	e, err := NewEngine(s.config)
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoders(e, nil)
	line := `{"clock":1795690613,"ns":1,"value":1,"eventid":9,"name":"x","severity":5,"hosts":[{"host":"db1","name":"x"}],"groups":[],"tags":[]}`
	for _, source := range []intake.Source{{Name: "drop", Kind: intake.KindDrop}, {Name: "problems", Kind: intake.KindZabbix}, {Name: "drop", Kind: intake.KindDrop}} {
		var ev event.Event
		d.of(source, "spool/0").Decode(line, time.Unix(1795690700, 0), &ev)
		_, isProblem := ev.Field(event.KeyProblem)
		if want := source.Kind == intake.KindZabbix; isProblem != want || strings.HasPrefix(ev.Raw, "Zabbix problem") != want || ev.Source != source.Name {
			t.Errorf("%s: problem %v, source %q, line %q", source.Name, isProblem, ev.Source, ev.Raw)
		}
	}
	d.forget("spool/0")
	if len(d.byName)+len(d.last) > 0 {
		t.Error("decoders of a stream that ended are kept")
	}
}
