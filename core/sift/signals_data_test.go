package sift_test

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"penstock/core/event"
	"penstock/core/sift"
)

// TestMeasure prints how the shipped signals do on the labelled data under
// PENSTOCK_DATA: which attack instances have a matching line, and what matches
// of harmless lines.
func TestMeasure(t *testing.T) {
	dir := os.Getenv("PENSTOCK_DATA")
	if dir == "" {
		t.Skip("PENSTOCK_DATA is not set")
	}
	signals := shippedSignals(t)
	measureStream(t, signals, dir)
	measureAlerts(t, signals, dir)
}

// instance is what is known of one attack instance.
type instance struct {
	severity, class, first string
	lines, matched         int
	best                   event.Severity
}

type streamLine struct {
	Seq  int    `json:"seq"`
	Line string `json:"line"`
	Src  string `json:"source"`
}

func measureStream(t *testing.T, signals *sift.Signals, dir string) {
	labels := readLabels(t, filepath.Join(dir, "stream", "mixed.labels.csv.gz"), "seq")
	instances := map[string]*instance{}
	offenders := map[string]int{}
	benign, benignLow, benignNone, hard, hardLow := 0, 0, 0, 0, 0
	decode := decodeLine()
	var hits []*sift.Signal
	readLines(t, filepath.Join(dir, "stream", "mixed.jsonl.gz"), func(text string) {
		var l streamLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		label := labels[fmt.Sprint(l.Seq)]
		hits = signals.Match(decode(text), hits[:0])
		best := worst(hits)
		switch {
		case label["label"] == "attack":
			in := instances[label["instance"]]
			if in == nil {
				in = &instance{severity: label["severity"], class: label["class"], first: l.Line}
				instances[label["instance"]] = in
			}
			in.lines++
			if len(hits) > 0 {
				in.matched++
			}
			in.best = max(in.best, best)
		case label["class"] == "hard-negative":
			hard++
			if best >= event.Low {
				hardLow++
				note(offenders, "hard ", hits, os.Getenv("SHOW_HARD") != "", l.Line)
			}
		case label["label"] == "benign":
			benign++
			if best >= event.Low {
				benignLow++
				note(offenders, "benign ", hits, false, l.Line)
			} else if len(hits) > 0 {
				benignNone++
				note(offenders, "counted ", hits, false, l.Line)
			}
		}
	})
	report(instances)
	fmt.Printf("benign %d: Low+ %d (%.1f per 1,000), counted only %d (%.1f per 1,000); hard negatives %d, Low+ %d\n",
		benign, benignLow, 1000*float64(benignLow)/float64(benign), benignNone, 1000*float64(benignNone)/float64(benign), hard, hardLow)
	for _, k := range byCount(offenders) {
		fmt.Printf("  %5d %s\n", offenders[k], k)
	}
}

func note(offenders map[string]int, kind string, hits []*sift.Signal, show bool, line string) {
	for _, h := range hits {
		offenders[kind+h.ID+" "+h.Severity.String()]++
	}
	if show || os.Getenv("SHOW") != "" && hasID(hits, os.Getenv("SHOW")) {
		fmt.Println(kind, ids(hits), line[:min(len(line), 260)])
	}
}

func hasID(hits []*sift.Signal, id string) bool {
	for _, h := range hits {
		if h.ID == id {
			return true
		}
	}
	return false
}

// report prints per severity how many instances have a match, and those that have none.
func report(instances map[string]*instance) {
	type tally struct{ all, matched, low int }
	by := map[string]*tally{}
	var missed []string
	for name, in := range instances {
		for _, key := range []string{"all", "severity " + in.severity, "class " + in.class} {
			if by[key] == nil {
				by[key] = &tally{}
			}
			by[key].all++
			if in.matched > 0 {
				by[key].matched++
			}
			if in.best >= event.Low {
				by[key].low++
			}
		}
		if in.matched == 0 {
			missed = append(missed, fmt.Sprintf("%s %s %d lines: %s", in.severity, name, in.lines, in.first[:min(300, len(in.first))]))
		}
		if in.best < event.Low && os.Getenv("SHOW_COUNTED") != "" {
			fmt.Println("counted", in.severity, in.class, name, in.matched, "of", in.lines)
		}
	}
	var keys []string
	for k := range by {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		fmt.Printf("%-30s matched %3d of %3d, at Low+ %3d\n", k, by[k].matched, by[k].all, by[k].low)
	}
	sort.Strings(missed)
	for _, m := range missed {
		fmt.Println("missed", m)
	}
}

func measureAlerts(t *testing.T, signals *sift.Signals, dir string) {
	names := map[string]int{}
	attack := map[string]int{}
	for _, scenario := range []string{"fox", "russellmitchell", "santos", "wardbeck"} {
		labels := readLabels(t, filepath.Join(dir, "alerts", scenario+".labels.csv.gz"), "seq")
		for _, row := range readTable(t, filepath.Join(dir, "alerts", scenario+".alerts.csv.gz")) {
			names[row["name"]]++
			if l := labels[row["seq"]]["event_label"]; l != "-" && l != "" {
				attack[row["name"]]++
			}
		}
	}
	var hits []*sift.Signal
	for _, name := range byCount(names) {
		hits = signals.Match(&event.Event{Name: name, Message: name, Level: event.LevelUnknown}, hits[:0])
		if len(hits) > 0 {
			fmt.Printf("alert %6d (%6d attack) %-6s %s %v\n", names[name], attack[name], worst(hits), name, ids(hits))
		}
	}
}

func worst(hits []*sift.Signal) event.Severity {
	best := event.None
	for _, h := range hits {
		best = max(best, h.Severity)
	}
	return best
}

func byCount(m map[string]int) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		return m[keys[i]] > m[keys[j]] || m[keys[i]] == m[keys[j]] && keys[i] < keys[j]
	})
	return keys
}

func readLines(t *testing.T, path string, line func(string)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	s := bufio.NewScanner(z)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		line(s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}

func readTable(t *testing.T, path string) []map[string]string {
	t.Helper()
	var text strings.Builder
	readLines(t, path, func(l string) { text.WriteString(l + "\n") })
	rows, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var table []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, v := range row {
			m[rows[0][i]] = v
		}
		table = append(table, m)
	}
	return table
}

func readLabels(t *testing.T, path, key string) map[string]map[string]string {
	labels := map[string]map[string]string{}
	for _, row := range readTable(t, path) {
		labels[row[key]] = row
	}
	return labels
}
