package pattern

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"penstock/core/logline"
)

func TestQuality(t *testing.T) {
	dir := os.Getenv("PENSTOCK_DATA")
	if dir == "" {
		t.Skip("PENSTOCK_DATA is not set")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "templates", "*_2k.labels.csv.gz"))
	var sum [4]float64
	for _, f := range files {
		sc := scoreFile(t, f)
		for i := range sum {
			sum[i] += sc[i]
		}
		t.Logf("%-12s GA %.3f FGA %.3f PA %.3f FTA %.3f", strings.TrimSuffix(filepath.Base(f), "_2k.labels.csv.gz"), sc[0], sc[1], sc[2], sc[3])
	}
	n := float64(len(files))
	t.Logf("%-12s GA %.4f FGA %.4f PA %.4f FTA %.4f", "mean", sum[0]/n, sum[1]/n, sum[2]/n, sum[3]/n)
}

var runs = regexp.MustCompile(`<\*>(\s+<\*>)+`)

func norm(s string) string {
	return runs.ReplaceAllString(strings.Join(strings.Fields(s), " "), "<*>")
}

func scoreFile(t *testing.T, path string) [4]float64 {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, _ := gzip.NewReader(bufio.NewReader(f))
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows = rows[1:]
	m := New(Options{})
	ids := make([]uint64, len(rows))
	news := 0
	var raw []string
	if os.Getenv("RAW") != "" {
		f, _ := os.Open(strings.Replace(path, ".labels.csv.gz", ".log.gz", 1))
		z, _ := gzip.NewReader(f)
		all, _ := io.ReadAll(z)
		raw = strings.Split(string(all), "\n")
	}
	for i, r := range rows {
		text, sc := r[1], ""
		if raw != nil {
			var h logline.Header
			logline.Parse(strings.TrimSuffix(raw[i], "\r"), &h)
			text = h.Message
			if os.Getenv("RAW") == "2" {
				sc = h.Program
			}
		}
		x := m.Learn(sc, text)
		ids[i] = x.ID
		if x.New {
			news++
		}
	}
	truth, pred := map[string][]int{}, map[uint64][]int{}
	lines, texts := 0, 0
	tt := map[string][]int{}
	var diff = map[string]int{}
	for i, r := range rows {
		id := m.Final(ids[i])
		truth[r[2]] = append(truth[r[2]], i)
		tt[norm(r[5])] = append(tt[norm(r[5])], i)
		pred[id] = append(pred[id], i)
		if norm(m.Template(id)) == norm(r[5]) {
			texts++
		} else {
			diff[norm(m.Template(id))+"\n      T "+norm(r[5])]++
		}
	}
	same, correct := 0, 0
	var bad []string
	for id, p := range pred {
		tr := truth[rows[p[0]][2]]
		if fmt.Sprint(tr) == fmt.Sprint(p) {
			same++
			lines += len(p)
		} else {
			ev := map[string]int{}
			for _, i := range p {
				ev[rows[i][2]+" "+norm(rows[i][5])]++
			}
			s := fmt.Sprintf("%5d of %d: %s", len(p), len(tr), m.Template(id))
			for e, n := range ev {
				s += fmt.Sprintf("\n      %d %s", n, e)
			}
			bad = append(bad, s)
		}
		tx := tt[norm(m.Template(id))]
		if fmt.Sprint(tx) == fmt.Sprint(p) {
			correct++
		}
	}
	if os.Getenv("SHOW") != "" {
		sort.Sort(sort.Reverse(sort.StringSlice(bad)))
		fmt.Println("=====", path, "new", news)
		for _, b := range bad {
			fmt.Println(b)
		}
		fmt.Println("--- texts")
		var ds []string
		for d, n := range diff {
			ds = append(ds, fmt.Sprintf("%5d %s", n, d))
		}
		sort.Sort(sort.Reverse(sort.StringSlice(ds)))
		for _, d := range ds[:min(len(ds), 40)] {
			fmt.Println(d)
		}
	}
	f1 := func(c, p, t int) float64 { return 2 * float64(c) / float64(p+t) }
	return [4]float64{float64(lines) / 2000, f1(same, len(pred), len(truth)), float64(texts) / 2000, f1(correct, len(pred), len(tt))}
}
