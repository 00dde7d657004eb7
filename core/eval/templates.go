package eval

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// TemplatesResult is how the templates of a miner score on each system and in
// the mean of the systems.
type TemplatesResult struct {
	Content []TemplateScore `json:"content"` // messages without their headers
	Raw     []TemplateScore `json:"raw"`     // lines as they are
	Mean    TemplateMean    `json:"mean_content"`
	MeanRaw TemplateMean    `json:"mean_raw"`
	Trivial []TrivialMean   `json:"trivial"`

	MissedGroups []TemplateMiss `json:"missed_groups,omitempty"` // on messages
	MissedTexts  []TemplateMiss `json:"missed_texts,omitempty"`  // on messages
}

// TemplateScore holds the metrics of one system.
type TemplateScore struct {
	System    string  `json:"system"`
	Grouping  Share   `json:"ga"`  // lines in a group that is exactly a true one
	Groups    Matched `json:"fga"` // groups that are exactly true ones
	Parsing   Share   `json:"pa"`  // lines whose template text is the true one
	Templates Matched `json:"fta"` // templates with the true text and the true lines
}

// TemplateMean is the mean over systems of each metric.
type TemplateMean struct {
	GA  number `json:"ga"`
	FGA number `json:"fga"`
	PA  number `json:"pa"`
	FTA number `json:"fta"`
}

// TrivialMean is the mean of a miner of one line, on contents.
type TrivialMean struct {
	Name string       `json:"name"`
	Mean TemplateMean `json:"mean"`
}

// system is the lines of one system with their true groups and templates.
type system struct {
	name     string
	raw      []string
	content  []string
	events   []string // original event id: the true group
	template []string // corrected template
}

// Templates scores mine on each system under o.Dir, each in a fresh state, on
// contents and on raw lines. A *DataError says that the data is not what it should be.
func Templates(ctx context.Context, o Options, mine Mine) (*TemplatesResult, error) {
	dir := filepath.Join(o.Dir, "templates")
	names, err := find(dir, ".labels.csv")
	if err != nil {
		return nil, err
	}
	r := &TemplatesResult{}
	var one, each []TemplateScore
	for _, name := range names {
		s, err := loadSystem(dir, name)
		if err != nil {
			return nil, err
		}
		content, err := mined(ctx, s, s.content, true, mine)
		if err != nil {
			return nil, err
		}
		raw, err := mined(ctx, s, s.raw, false, mine)
		if err != nil {
			return nil, err
		}
		r.Content = append(r.Content, scoreTemplates(s, content))
		r.Raw = append(r.Raw, scoreTemplates(s, raw))
		if o.Samples > 0 {
			r.MissedGroups = costliest(append(r.MissedGroups, missedGroups(s, content)...), o.Samples)
			r.MissedTexts = costliest(append(r.MissedTexts, missedTexts(s, content)...), o.Samples)
		}
		one = append(one, scoreTemplates(s, oneGroup(s.content)))
		each = append(each, scoreTemplates(s, ownGroup(s.content)))
	}
	r.Mean, r.MeanRaw = meanTemplates(r.Content), meanTemplates(r.Raw)
	r.Trivial = []TrivialMean{
		{"all lines in one group", meanTemplates(one)},
		{"equal lines in one group", meanTemplates(each)},
	}
	return r, nil
}

// mined returns the groups of a system's lines.
func mined(ctx context.Context, s *system, lines []string, content bool, mine Mine) ([]Group, error) {
	groups, err := mine(ctx, lines, content)
	if err != nil {
		return nil, fmt.Errorf("mine %s: %w", s.name, err)
	}
	if len(groups) != len(lines) {
		return nil, fmt.Errorf("mine %s: %d groups for %d lines", s.name, len(groups), len(lines))
	}
	return groups, nil
}

// loadSystem reads the labels and the raw log of one system.
func loadSystem(dir, name string) (*system, error) {
	s := &system{name: strings.TrimSuffix(name, "_2k")}
	columns := []string{"line_id", "content", "event_id", "event_template_corrected"}
	labels := filepath.Join(dir, name+".labels.csv")
	err := readCSV(labels, columns, func(_ int, v []string) error {
		if v[0] != strconv.Itoa(len(s.content)+1) {
			return fmt.Errorf("line_id %q, want %d", v[0], len(s.content)+1)
		}
		s.content = append(s.content, strings.Clone(v[1]))
		s.events = append(s.events, strings.Clone(v[2]))
		s.template = append(s.template, strings.Clone(v[3]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = readLines(filepath.Join(dir, name+".log"), func(_ int, text []byte) error {
		s.raw = append(s.raw, string(text))
		return nil
	})
	if err == nil && len(s.raw) != len(s.content) {
		err = &DataError{File: labels, Err: fmt.Errorf("%d labels for %d lines", len(s.content), len(s.raw))}
	}
	return s, err
}

// scoreTemplates compares the groups of a system's lines with the truth.
func scoreTemplates(s *system, mined []Group) TemplateScore {
	ids := make([]string, len(mined))
	texts := make([]string, len(mined))
	truth := make([]string, len(mined))
	for i, g := range mined {
		ids[i] = g.ID
		texts[i] = folded(g.Template)
		truth[i] = folded(s.template[i])
	}
	score := TemplateScore{System: s.name}
	score.Grouping, score.Groups = sameGroups(ids, s.events)
	score.Parsing, score.Templates = sameTexts(texts, truth)
	return score
}

// sameGroups counts the lines in, and the number of, predicted groups that hold
// exactly the lines of a true group.
func sameGroups(predicted, truth []string) (Share, Matched) {
	lines := Share{Of: len(truth)}
	of, sizes := sets(predicted), sets(truth)
	groups := Matched{Predicted: len(of), True: len(sizes)}
	for _, set := range of {
		if exact(set, truth, sizes) {
			groups.Correct++
			lines.Count += len(set)
		}
	}
	return lines, groups
}

// sameTexts counts the lines with the true text, and the texts that cover
// exactly the lines that they should.
func sameTexts(predicted, truth []string) (Share, Matched) {
	var lines Share
	for i := range truth {
		lines.add(predicted[i] == truth[i])
	}
	of, sizes := sets(predicted), sets(truth)
	templates := Matched{Predicted: len(of), True: len(sizes)}
	for text, set := range of {
		if truth[set[0]] == text && exact(set, truth, sizes) {
			templates.Correct++
		}
	}
	return lines, templates
}

// sets returns the lines of each name.
func sets(names []string) map[string][]int {
	all := map[string][]int{}
	for i, name := range names {
		all[name] = append(all[name], i)
	}
	return all
}

// exact reports whether the lines of set are all the lines of one true group.
func exact(set []int, truth []string, sizes map[string][]int) bool {
	name := truth[set[0]]
	if len(sizes[name]) != len(set) {
		return false
	}
	for _, i := range set {
		if truth[i] != name {
			return false
		}
	}
	return true
}

var variableRun = regexp.MustCompile(`<\*>(?: <\*>)+`)

// folded returns a template as it is compared: trimmed, white space folded, and
// variables with only white space between them folded into one.
func folded(template string) string {
	return variableRun.ReplaceAllString(strings.Join(strings.Fields(template), " "), "<*>")
}

func meanTemplates(scores []TemplateScore) TemplateMean {
	var m TemplateMean
	n := number(len(scores))
	for _, s := range scores {
		m.GA += number(s.Grouping.Rate()) / n
		m.FGA += number(s.Groups.F1()) / n
		m.PA += number(s.Parsing.Rate()) / n
		m.FTA += number(s.Templates.F1()) / n
	}
	return m
}

// oneGroup puts all lines into one group with nothing but a variable.
func oneGroup(lines []string) []Group {
	all := make([]Group, len(lines))
	for i := range all {
		all[i] = Group{ID: "1", Template: "<*>"}
	}
	return all
}

// ownGroup takes each text as its own template.
func ownGroup(lines []string) []Group {
	all := make([]Group, len(lines))
	for i, line := range lines {
		all[i] = Group{ID: line, Template: line}
	}
	return all
}
