package eval

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func groups(pairs ...string) []Group {
	all := make([]Group, len(pairs))
	for i, pair := range pairs {
		all[i].ID, all[i].Template, _ = strings.Cut(pair, "|")
	}
	return all
}

func TestScoreTemplates(t *testing.T) {
	// Four lines in the true groups {1,2} and {3,4}, whose templates are told apart once more.
	s := &system{
		name:     "toy",
		events:   []string{"E1", "E1", "E2", "E2"},
		template: []string{"open <*>", "open <*>", "close <*> <*>", "close <*> <*>"},
	}
	for _, test := range []struct {
		name  string
		mined []Group
		want  TemplateScore
	}{
		{
			"+ one group right, one split, as computed by hand", groups("1|open <*>", "1|open <*>", "2|close a", "3|close b"),
			TemplateScore{"toy", Share{2, 4}, Matched{1, 3, 2}, Share{2, 4}, Matched{1, 3, 2}},
		},
		{
			"+ right groups with the text folded", groups("1|open  <*> ", "1|open  <*> ", "2|close <*>", "2|close <*>"),
			TemplateScore{"toy", Share{4, 4}, Matched{2, 2, 2}, Share{4, 4}, Matched{2, 2, 2}},
		},
		{
			"+ merged groups have no right group, though a text may be right", groups("1|open <*>", "1|open <*>", "1|open <*>", "1|open <*>"),
			TemplateScore{"toy", Share{0, 4}, Matched{0, 1, 2}, Share{2, 4}, Matched{0, 1, 2}},
		},
		{
			"+ a right text on too few lines is no right template", groups("1|open <*>", "2|open b", "3|close <*>", "3|close <*>"),
			TemplateScore{"toy", Share{2, 4}, Matched{1, 3, 2}, Share{3, 4}, Matched{1, 3, 2}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(test.want, scoreTemplates(s, test.mined)); d != "" {
				t.Errorf("score (-want +got):\n%s", d)
			}
		})
	}
}

func TestToyRates(t *testing.T) {
	lines, groups := sameGroups([]string{"a", "a", "b", "c"}, []string{"E1", "E1", "E2", "E2"})
	got := []float64{lines.Rate(), Share{groups.Correct, groups.Predicted}.Rate(), Share{groups.Correct, groups.True}.Rate(), groups.F1()}
	if d := cmp.Diff([]float64{0.5, 1. / 3, 0.5, 0.4}, got); d != "" {
		t.Errorf("GA, precision, recall, FGA (-want +got):\n%s", d)
	}
}

func TestFolded(t *testing.T) {
	for _, test := range []struct{ name, template, want string }{
		{"+ trimmed", "  a b ", "a b"},
		{"+ white space", "a \t b", "a b"},
		{"+ run of variables", "a <*>  <*>\t<*> b", "a <*> b"},
		{"+ run at a word's end", "a=<*> <*> b", "a=<*> b"},
		{"+ run at a word's start", "<*> <*>, b", "<*>, b"},
		{"+ variables that touch stay", "<*><*>", "<*><*>"},
		{"+ variables with text between stay", "<*>:<*> <*>", "<*>:<*>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(test.want, folded(test.template)); d != "" {
				t.Errorf("template (-want +got):\n%s", d)
			}
		})
	}
}

func TestTemplates(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"templates/A_2k.labels.csv": "line_id,content,event_id,event_template_corrected\n1,up 1,E1,up <*>\n2,up 2,E1,up <*>\n",
		"templates/A_2k.log":        "Jan 1 up 1\nJan 1 up 2\n",
		"templates/B_2k.labels.csv": "line_id,content,event_id,event_template_corrected\n1,\"x, y\",E1,\"x, y\"\n",
		"templates/B_2k.log":        "Jan 1 x, y",
	})
	r, err := Templates(t.Context(), Options{Dir: dir}, func(_ context.Context, lines []string, content bool) ([]Group, error) {
		if content {
			return ownGroup(lines), nil
		}
		return oneGroup(lines), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &TemplatesResult{
		Content: []TemplateScore{
			{"A", Share{0, 2}, Matched{0, 2, 1}, Share{0, 2}, Matched{0, 2, 1}},
			{"B", Share{1, 1}, Matched{1, 1, 1}, Share{1, 1}, Matched{1, 1, 1}},
		},
		Raw: []TemplateScore{
			{"A", Share{2, 2}, Matched{1, 1, 1}, Share{0, 2}, Matched{0, 1, 1}},
			{"B", Share{1, 1}, Matched{1, 1, 1}, Share{0, 1}, Matched{0, 1, 1}},
		},
		Mean:    TemplateMean{0.5, 0.5, 0.5, 0.5},
		MeanRaw: TemplateMean{1, 1, 0, 0},
		Trivial: []TrivialMean{
			{"all lines in one group", TemplateMean{1, 1, 0, 0}},
			{"equal lines in one group", TemplateMean{0.5, 0.5, 0.5, 0.5}},
		},
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
}

func TestTemplateMisses(t *testing.T) {
	s := &system{
		name:     "toy",
		events:   []string{"E1", "E1", "E2", "E3", "E3", "E4"},
		template: []string{"open <*>", "open <*>", "a", "b", "b", "c"},
	}
	mined := groups("1|open x", "2|open y", "3|<*>", "3|<*>", "3|<*>", "4|c")
	want := []TemplateMiss{
		{"toy", "merged", 2, 1, "b", "<*>"},
		{"toy", "split", 2, 2, "open <*>", "open x"},
		{"toy", "merged", 1, 1, "a", "<*>"},
	}
	if d := cmp.Diff(want, costliest(missedGroups(s, mined), 9)); d != "" {
		t.Errorf("groups (-want +got):\n%s", d)
	}
	want = []TemplateMiss{
		{"toy", "text", 2, 1, "b", "<*>"},
		{"toy", "text", 1, 1, "a", "<*>"},
	}
	if d := cmp.Diff(want, costliest(missedTexts(s, mined), 2)); d != "" {
		t.Errorf("texts (-want +got):\n%s", d)
	}
}
