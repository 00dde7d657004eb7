package eval

import (
	"context"
	"io"
	"strings"
	"testing"
)

// TestTables looks for rows as people read them.
func TestTables(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"templates/A_2k.labels.csv": "line_id,content,event_id,event_template_corrected\n1,up 1,E1,up <*>\n2,up 2,E1,up <*>\n",
		"templates/A_2k.log":        "Jan 1 up 1\nJan 1 up 2\n",
		"alerts/a.alerts.csv":       toyAlerts,
		"alerts/a.labels.csv":       toyAlertLabels,
	})
	o := Options{Dir: dir, Samples: 3}
	templates, err := Templates(t.Context(), o, func(_ context.Context, lines []string, _ bool) ([]Group, error) {
		return ownGroup(lines), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	alerts, err := Alerts(t.Context(), o, deciding("f1 - f1 a1 - -"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		result interface{ Table(w io.Writer) error }
		want   []string
	}{
		{"+ templates", templates, []string{
			"A 0.000 0/2 0.000 0 2 1 0.000 0/2 0.000 0 2 1",
			"all lines in one group 1.000 1.000 0.000 0.000",
			"A split 2 2 up <*>",
			"A text 1 1 up <*>",
		}},
		{"+ alerts", alerts, []string{
			"pooled 2/6 333.33 1/6 166.67 1 1/1 1.000 1/2 0.500",
			"event-labelled 1/1 1.000 1.000 to 1.000",
			"a scan Low yes 3 1 1 0 0 High",
			"a shell Critical no 1 0 0 0 not seen none",
			"flag none 0/6 0.00 0.00 0 0/1 0.000 0/2 0.000 -",
			"1 a 3 web IDS new, odd 10.0.0.1 why",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			if err := test.result.Table(&b); err != nil {
				t.Fatal(err)
			}
			got := folded(strings.ReplaceAll(b.String(), "\n", " | "))
			for _, want := range test.want {
				if !strings.Contains(got, "| "+want+" |") {
					t.Errorf("no row %q in\n%s", want, b.String())
				}
			}
		})
	}
}
