package eval

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dataDir returns the folder with the labelled public data, which is not part
// of this repository: see docs/evaluation.md.
func dataDir(t *testing.T) string {
	dir := os.Getenv("PENSTOCK_DATA")
	if dir == "" {
		t.Skip("PENSTOCK_DATA names no folder with the data of docs/evaluation.md")
	}
	return dir
}

// forwardAll reads the events and forwards each.
func forwardAll(_ context.Context, _ string, events io.Reader, emit func(Decision) error) error {
	s := bufio.NewScanner(events)
	for s.Scan() {
		var e struct{ Seq uint64 }
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			return err
		}
		if err := emit(Decision{Seq: e.Seq, Decision: Forward}); err != nil {
			return err
		}
	}
	return s.Err()
}

// TestAlertsReproducesLeadingEdge holds the scorer against figures that were
// measured elsewhere, by another program, on the same data.
func TestAlertsReproducesLeadingEdge(t *testing.T) {
	r, err := Alerts(t.Context(), Options{Dir: dataDir(t)}, forwardAll)
	if err != nil {
		t.Fatal(err)
	}
	type line struct {
		Name                    string
		Forwards, Labelled, All Share
	}
	const alerts = 740684
	want := []line{
		{"flag all", Share{alerts, alerts}, Share{28, 28}, Share{37, 37}},
		{"flag none", Share{0, alerts}, Share{0, 28}, Share{0, 37}},
		{"detector + name, never", Share{313, alerts}, Share{17, 28}, Share{18, 37}},
		{"detector + name, 1 h", Share{3853, alerts}, Share{28, 28}, Share{33, 37}},
		{"detector + name + host, never", Share{860, alerts}, Share{24, 28}, Share{26, 37}},
		{"detector + name + host, 24 h", Share{1681, alerts}, Share{28, 28}, Share{30, 37}},
		{"detector + name + host, 1 h", Share{7379, alerts}, Share{28, 28}, Share{33, 37}},
		{"detector + name + host, 5 min", Share{20705, alerts}, Share{28, 28}, Share{36, 37}},
	}
	var got []line
	for _, s := range r.Trivial {
		got = append(got, line{s.Name, s.Forwards, s.Labelled.Share, s.All.Share})
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("leading edge (-want +got):\n%s", d)
	}
}

// TestStreamReproducesCounts holds the reader against what is known of the
// mixed stream, and forwarding everything against what that must give.
func TestStreamReproducesCounts(t *testing.T) {
	r, err := Stream(t.Context(), Options{Dir: dataDir(t)}, forwardAll)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Score
	got := []Share{s.Instances.Share, s.FalseForward, s.HardForward, s.OtherForward, s.Forwards}
	for _, one := range s.BySeverity {
		got = append(got, one.Recall.Share)
	}
	want := []Share{{421, 421}, {14647, 14647}, {129, 129}, {14518, 14518}, {17212, 17212}, {11, 11}, {122, 122}, {250, 250}, {38, 38}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("forward all (-want +got):\n%s", d)
	}
	if d := cmp.Diff(Confusion{TP: 2206, FP: 14647}, s.Flags); d != "" {
		t.Errorf("lines (-want +got):\n%s", d)
	}
}
