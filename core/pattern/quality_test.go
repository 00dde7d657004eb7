package pattern_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"penstock/core/eval"
	"penstock/core/logline"
	"penstock/core/pattern"
)

// TestQualityOnLabelledLogs holds the figures of docs/evaluation.md from below,
// where PENSTOCK_DATA names a folder with labelled data.
func TestQualityOnLabelledLogs(t *testing.T) {
	dir := os.Getenv("PENSTOCK_DATA")
	if dir == "" {
		t.Skip("PENSTOCK_DATA is not set")
	}
	r, err := eval.Templates(t.Context(), eval.Options{Dir: dir}, mine)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Table(os.Stderr); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		name  string
		got   float64
		least float64
	}{
		{"GA of contents", float64(r.Mean.GA), 0.95},
		{"FGA of contents", float64(r.Mean.FGA), 0.93},
		{"PA of contents", float64(r.Mean.PA), 0.89},
		{"FTA of contents", float64(r.Mean.FTA), 0.84},
		{"GA of raw lines", float64(r.MeanRaw.GA), 0.85},
	} {
		if at.got < at.least {
			t.Errorf("%s is %.3f, want at least %.2f", at.name, at.got, at.least)
		}
	}
}

func mine(_ context.Context, lines []string, content bool) ([]eval.Group, error) {
	m := pattern.New(pattern.Options{})
	ids := make([]uint64, len(lines))
	var h logline.Header
	for i, line := range lines {
		if !content {
			logline.Parse(line, &h)
			line = h.Message
		}
		ids[i] = m.Learn("", line).ID
	}
	groups := make([]eval.Group, len(lines))
	for i, id := range ids {
		id = m.Final(id)
		groups[i] = eval.Group{ID: strconv.FormatUint(id, 10), Template: m.Template(id)}
	}
	return groups, nil
}
