package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"penstock/core/event"
	"penstock/core/report"
	"penstock/core/store"
)

// Status is what the worker says of itself.
type Status struct {
	Version   string         `json:"version"`
	Site      string         `json:"site"`
	Worker    string         `json:"worker"`
	State     string         `json:"state"` // StateWorking or StateTroubled
	Started   time.Time      `json:"started"`
	Born      time.Time      `json:"born"`
	Now       time.Time      `json:"now"`
	PerSecond float64        `json:"events_per_second"`
	Sources   []SourceStatus `json:"sources"`
	Cases     map[string]int `json:"open_cases"`
	Queue     QueueStatus    `json:"queue"`
	Model     *ModelStatus   `json:"model,omitempty"`
	Records   int            `json:"records"` // that are kept
	Outbox    map[string]int `json:"outbox"`
	Head      string         `json:"log_head"` // of the log of records
	Stopped   string         `json:"stopped"`  // why nothing starts by itself; "" where it may
	DryRun    bool           `json:"dry_run"`
	Disk      DiskStatus     `json:"disk"`
	Memory    int64          `json:"memory_bytes"` // resident
	Standing  []store.Notice `json:"standing"`     // what is not as it should be now
	Notices   []store.Notice `json:"notices"`      // newest first
}

// What State says.
const (
	StateWorking  = "working"
	StateTroubled = "troubled" // something that stands is High or graver
)

// SourceStatus is what is known of one source.
type SourceStatus struct {
	Name        string      `json:"name"`
	Kind        string      `json:"kind"`
	Files       int         `json:"files"`
	CaughtUp    bool        `json:"caught_up"`
	BehindBytes int64       `json:"behind_bytes"`
	Newest      time.Time   `json:"newest"` // when its newest line was read
	Silent      bool        `json:"silent"`
	Error       string      `json:"error"`
	Count       store.Count `json:"count"`
}

// QueueStatus is what waits to be worked.
type QueueStatus struct {
	Waiting int       `json:"waiting"`
	Oldest  time.Time `json:"oldest"`
}

// DiskStatus is what the state directory takes and what there is, in bytes.
type DiskStatus struct {
	Free     int64            `json:"free_bytes"`
	Database int64            `json:"database_bytes"`
	Spool    int64            `json:"spool_bytes"`
	Log      int64            `json:"log_bytes"`
	Sift     int64            `json:"sift_bytes"`
	GivenUp  map[string]int64 `json:"given_up,omitempty"` // lines the spool had no room for, by lane
}

// Status returns what the worker says of itself now. It reads no more of the
// store than counts, and what cannot be read is left out.
func (w *Worker) Status(ctx context.Context) Status {
	s := Status{
		Version: w.o.Version, Site: w.engine.Site.Name(), Worker: w.id, State: StateWorking, Started: w.started.UTC(), Born: w.born.UTC(),
		Now: w.now().UTC(), PerSecond: w.rate.value(), Cases: map[string]int{}, Outbox: map[string]int{},
		Model: w.modelStatus(), Head: w.logfile.Head().String(), DryRun: w.o.Config.Actions.DryRun, Disk: w.disk(), Memory: resident(),
	}
	s.Notices, s.Standing = w.board.Recent()
	if len(s.Standing) > 0 && s.Standing[0].Severity >= event.High {
		s.State = StateTroubled
	}
	for severity, n := range w.openCases.Load() {
		s.Cases[event.Severity(severity).String()] = n
	}
	s.Queue.Waiting, s.Queue.Oldest = w.queue.Len()
	for _, sink := range w.sinkNames() {
		if n, err := w.unsent(ctx, sink); err == nil {
			s.Outbox[sink] = n
		}
	}
	if n, err := w.store.RecordCount(ctx); err == nil {
		s.Records = n
	}
	if is, why, err := w.isStopped(ctx); is || err != nil {
		s.Stopped = why
		if err != nil {
			s.Stopped = err.Error()
		}
	}
	s.Sources = w.sourceStatus()
	return s
}

func (w *Worker) sourceStatus() []SourceStatus {
	var all []SourceStatus
	for _, st := range w.reader.States() {
		one := SourceStatus{
			Name: st.Name, Kind: st.Kind.String(), Files: st.Files, CaughtUp: st.CaughtUp, BehindBytes: st.Behind,
			Newest: st.Newest.UTC(), Error: st.Err, Count: w.totals.of(st.Name),
		}
		_, one.Silent = w.silence.of(st.Name)
		all = append(all, one)
	}
	return all
}

func (w *Worker) disk() DiskStatus {
	folder := w.o.Config.StateDir
	d := DiskStatus{Database: sizeOf(filepath.Join(folder, "penstock.db*")), Log: sizeOf(filepath.Join(folder, "log", "*")), Sift: sizeOf(filepath.Join(folder, "sift", "*"))}
	stats := w.spool.Stats()
	d.Spool = stats.Bytes
	for lane, n := range stats.GivenUp {
		if n > 0 {
			if d.GivenUp == nil {
				d.GivenUp = map[string]int64{}
			}
			d.GivenUp[event.Severity(lane).String()] = int64(n)
		}
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err == nil {
		d.Free = int64(fs.Bavail) * int64(fs.Bsize)
	}
	return d
}

func sizeOf(pattern string) (sum int64) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return 0
	}
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// resident returns the memory of this process in bytes, as the kernel counts it,
// or what Go has taken where that cannot be read.
func resident() int64 {
	var pages, rss int64
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if _, err := fmt.Sscan(string(text), &pages, &rss); err == nil {
			return rss * int64(os.Getpagesize())
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}

// Text returns the status as people read it.
func (s Status) Text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("penstock %s, site %s, worker %s: %s", s.Version, s.Site, s.Worker, s.State)
	line("  up %s, %.0f events/s, memory %s, disk free %s", s.Now.Sub(s.Started).Round(time.Second), s.PerSecond, mib(s.Memory), mib(s.Disk.Free))
	line("  open cases: Critical %d, High %d, Medium %d, Low %d; waiting to be worked: %d",
		s.Cases["Critical"], s.Cases["High"], s.Cases["Medium"], s.Cases["Low"], s.Queue.Waiting)
	acts := "actions start by themselves where the rules allow it"
	switch {
	case s.Stopped != "":
		acts = "nothing starts by itself: " + s.Stopped
	case s.DryRun:
		acts = "dry run: actions are named and not carried out"
	}
	line("  %s", acts)
	line("  state: database %s, spool %s, log %s, learnt %s", mib(s.Disk.Database), mib(s.Disk.Spool), mib(s.Disk.Log), mib(s.Disk.Sift))
	line("  head of the log: %s", s.Head)
	if s.Model != nil {
		s.Model.text(line)
	}
	line("sources:")
	for _, src := range s.Sources {
		line("  %s", src.text(s.Now))
	}
	if len(s.Sources) == 0 {
		line("  none: add some under sources in the configuration")
	}
	if len(s.Standing) > 0 {
		line("not as it should be:")
		for _, n := range s.Standing {
			line("  %s since %s (%s): %s", n.Severity, n.At.UTC().Format(time.RFC3339), n.Kind, report.Terminal(n.Text))
		}
	}
	if told := s.toldLately(); len(told) > 0 {
		line("told in the last day, the newest first (--json has more):")
		for _, n := range told {
			line("  %s at %s (%s): %s", n.Severity, n.At.UTC().Format(time.RFC3339), n.Kind, report.Terminal(n.Text))
		}
	}
	return b.String()
}

// toldLately returns the newest notices of a day that matter and do not stand: what
// happened once, such as a stranger's close that was undone.
func (s Status) toldLately() (told []store.Notice) {
	const most = 5
	for _, n := range s.Notices {
		// What stands keeps the time at which it was told, and not the words.
		stands := slices.ContainsFunc(s.Standing, func(other store.Notice) bool { return other.Kind == n.Kind && other.At.Equal(n.At) })
		if n.Severity >= event.Medium && !stands && s.Now.Sub(n.At) < 24*time.Hour {
			told = append(told, n)
		}
	}
	return told[:min(len(told), most)]
}

func (s SourceStatus) text(now time.Time) string {
	t := fmt.Sprintf("%s (%s): %d lines, %d forwarded, %d attached", report.Terminal(s.Name), s.Kind, s.Count.Lines, s.Count.Forwarded, s.Count.Attached)
	switch {
	case s.Error != "":
		t += ", error: " + report.Terminal(s.Error)
	case !s.CaughtUp:
		t += fmt.Sprintf(", %s behind", mib(s.BehindBytes))
	case s.Newest.IsZero():
		t += ", nothing yet"
	default:
		t += ", newest " + now.Sub(s.Newest).Round(time.Second).String() + " ago"
	}
	if s.Silent {
		t += ", silent"
	}
	if s.Count.Gaps > 0 {
		t += fmt.Sprintf(", %d gaps", s.Count.Gaps)
	}
	return t
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
