package store

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/record"
	"penstock/core/sift"
)

// noon is when tests begin.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// clock is a wall clock that tests move.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.set(noon)
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) set(t time.Time)         { c.nanos.Store(t.UnixNano()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

func smallOptions() Options {
	o := DefaultOptions()
	o.ReserveBytes = 0
	return o
}

func folder(t testing.TB) string { return filepath.Join(t.TempDir(), "state") }

func openAt(t testing.TB, dir string, now func() time.Time) *Store {
	t.Helper()
	return openWith(t, dir, smallOptions(), now)
}

func openWith(t testing.TB, dir string, o Options, now func() time.Time) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, o, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openNew(t testing.TB) *Store {
	t.Helper()
	return openAt(t, folder(t), newClock().now)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func wantDiff(t testing.TB, want, have any) {
	t.Helper()
	if diff := cmp.Diff(want, have, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// sampleCase is a case with something in every part.
func sampleCase(number, revision int, floor event.Severity) cases.HeldState {
	id := fmt.Sprintf("plant-w1-%d", number)
	h := cases.HeldState{
		Number: uint64(number), Asset: "srv1", Kind: "peer", Value: "203.0.113.7", Source: "srv1", AtForward: 3,
		Hour: noon.Truncate(time.Hour), Forwards: revision, Owed: true,
		Messages:   []cases.Message{{Program: "sshd", Template: 7}, {Program: "su", Template: 1}},
		LineGrades: []event.Severity{event.Low, floor},
	}
	h.Case = cases.Case{
		ID: id, Revision: revision, Status: cases.Open, Asset: "srv1", Zone: event.ZoneIT, Class: event.BruteForce, Floor: floor,
		Confirmed: true, Opened: noon.Add(-time.Minute), Updated: noon.Add(123456789), Forwarded: noon, Events: 12,
		Lines: []cases.Line{
			{Number: 1, Seq: 41, Time: noon, Host: "srv1", Source: "auth", Program: "sshd", Text: "Failed password for root from 203.0.113.7"},
			{
				Number: 2, Seq: 42, Time: noon, Text: "bytes \xff\xfe that are no text", Fields: []event.Field{{Key: event.KeyUser, Value: "root"}},
				Evidence: []sift.Evidence{{Kind: sift.Repeated, Class: event.BruteForce, Severity: floor, Count: 9, Window: time.Minute}},
			},
		},
		Evidence: []sift.Evidence{{Kind: sift.Repeated, Class: event.BruteForce, Severity: floor}}, Techniques: []string{"T1110"},
		Peers: []cases.Entity{{Value: "203.0.113.7", Origin: event.Observed, Count: 12}},
	}
	return h
}

func closed(h cases.HeldState) cases.HeldState {
	h.Case.Status = cases.Closed
	h.Case.Revision++
	h.Dormant = true
	return h
}

func sampleWork(h cases.HeldState) Work {
	return Work{Case: h.Case.ID, Revision: h.Case.Revision, Floor: h.Case.Floor, Source: h.Source, Queued: noon}
}

// sampleBatch is the batch of one chunk of one file.
func sampleBatch(n int) Batch {
	return Batch{
		Steps: []Step{{
			Stream: "auth/1a2b3c", Source: "auth", From: fileCursor(n - 1), To: fileCursor(n), Received: noon.Add(time.Duration(n) * time.Second),
		}},
		Totals: map[string]Count{"auth": {Lines: 1000, Bytes: 120_000, Suppressed: 990, Attached: 8, Forwarded: 2}},
		Book:   cases.State{Counter: uint64(n), Newest: noon.Add(time.Duration(n) * time.Second), Dropped: []uint64{0, 3, 0, 0, 0}},
	}
}

// fileCursor is as long as a real one.
func fileCursor(n int) event.Cursor {
	if n <= 0 {
		return ""
	}
	return event.Cursor(fmt.Sprintf(`{"i":1311768,"o":%d,"h":"%064x","t":"%064x","r":1777895000}`, n*131_072, 77, n))
}

func sampleRecord(caseID string, revision int) record.Record {
	r := record.Record{
		Version: record.Version, Case: caseID, Revision: revision, Status: "open", Asset: "srv1", Zone: event.ZoneIT, Class: event.BruteForce,
		Severity: event.High, Level: 3, Floor: event.Medium, Mode: 2, Events: 12, Lines: 2, Summary: "Many failed logins <from> one address",
		Who:        record.Who{Peers: []string{"203.0.113.7"}},
		Anomaly:    record.Anomaly{Source: 1, Unusual: true, Score: 80, Handles: []string{"E1"}},
		Assessment: record.Assessment{Severity: event.High, Class: event.BruteForce, Confidence: 90, Techniques: []string{"T1110"}},
		Plan:       record.Plan{Source: 1, Proposals: []string{"block-address E1.peer 203.0.113.7"}},
		Advice:     record.Advice{Headline: "Look at srv1", Steps: []record.Step{{Text: "Look", Command: "last"}}},
		Refusals:   []record.Refusal{{Rule: 2, Reason: 6, Action: "block-address"}},
		Evidence:   []record.Evidence{{ID: "E1", Program: "sshd", Text: "Failed password"}},
	}
	return r
}

func sampleVerdict(h cases.HeldState, by string) Verdict {
	return Verdict{
		Case: h.Case.ID, Revision: h.Case.Revision, By: by, Record: sampleRecord(h.Case.ID, h.Case.Revision), Sinks: []string{"log", "zabbix"},
	}
}

// sampleOrder is an order of the catalogue for each kind of target.
func sampleOrder(t testing.TB, caseID string, generation int, target string) action.Order {
	t.Helper()
	kind := action.TargetAddress
	p := action.Params{}
	if user, err := action.ParseUser(target); err == nil {
		kind, p.User = action.TargetUser, user
	} else if process, err := action.ParseProcess(target); err == nil {
		kind, p.Process = action.TargetProcess, process
	} else {
		p.Address = netip.MustParseAddr(target)
	}
	for _, d := range action.Catalogue() {
		if d.Target != kind {
			continue
		}
		p.For = d.Expiry
		o, err := action.NewOrder(d, action.Order{
			Params: p, Host: "srv1", Case: caseID, Generation: generation, Source: "auth", Decided: noon.Add(1),
		})
		check(t, err)
		return o
	}
	t.Fatalf("no action aims at a %s", kind)
	return action.Order{}
}

// contents is everything in a store that a caller can see.
type contents struct {
	Start     Start
	Templates []Template
	Work      []Work
	Outbox    map[string][]uint64
	Records   []record.Record
	Orders    []OrderRow
	Slots     map[string][]string
	Notices   []Notice
	Talks     map[string]string // by case, with the revision
	Snapshot  string            // text of the snapshot that a start begins with
}

func contentsOf(t testing.TB, s *Store) contents {
	t.Helper()
	ctx := t.Context()
	c := contents{Outbox: map[string][]uint64{}, Talks: map[string]string{}}
	c.Start = got(s.Start(ctx, 100))(t)
	c.Templates = got(s.TemplatesSince(ctx, time.Time{}, 100_000))(t)
	c.Work = got(s.Work(ctx))(t)
	for _, sink := range []string{"log", "zabbix"} {
		for _, row := range got(s.Outbox(ctx, sink, 1000))(t) {
			c.Outbox[sink] = append(c.Outbox[sink], row.Seq)
		}
	}
	for _, row := range got(s.Cases(ctx, Filter{}))(t) {
		c.Records = append(c.Records, got(s.Records(ctx, row.ID, 1000))(t)...)
		revision, talk, found, err := s.Talk(ctx, row.ID)
		check(t, err)
		if found {
			c.Talks[row.ID] = fmt.Sprint(revision, ": ", string(talk))
		}
	}
	c.Orders = got(s.Orders(ctx, 1000))(t)
	c.Slots = got(s.Slots(ctx))(t)
	c.Notices = got(s.Notices(ctx, 1000))(t)
	if c.Start.Snapshot != "" {
		f := got(s.OpenSnapshot(c.Start.Snapshot))(t)
		c.Snapshot = string(got(io.ReadAll(f))(t))
		f.Close()
	}
	return c
}

// copyFolder copies a state directory as it lies on the disk, as kill -9 leaves it.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, below), 0o700)
		}
		if filepath.Ext(path) == ".db-shm" { // it lies in memory, and is made anew
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, below), data, 0o600)
	})
}

func writeText(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}
