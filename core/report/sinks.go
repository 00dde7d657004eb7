package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// CSV writes the cases, one row each, for a spreadsheet; times are RFC 3339 and
// headings are English, so that a program can read it too.
func CSV(w io.Writer, views []CaseView) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"case", "severity", "class", "host", "zone", "opened", "updated", "events", "score", "mode", "headline"}}
	for i := range views {
		c, r := &views[i].Case, &views[i].Report
		rows = append(rows, []string{
			c.ID, views[i].severity().String(), c.Class.String(), c.Asset, c.Zone.String(),
			c.Opened.UTC().Format(time.RFC3339), c.Updated.UTC().Format(time.RFC3339), strconv.Itoa(c.Events),
			strconv.Itoa(r.Anomaly.Score), views[i].Decision.Mode, r.Advice.Headline,
		})
	}
	for _, row := range rows {
		for i := range row {
			row[i] = CSVField(row[i])
		}
		if err := out.Write(row); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	out.Flush()
	return out.Error()
}

// Mail writes the advice on one case as the body of a plain mail: lines of at
// most 76 characters, and nothing in it that a mail program makes a link of.
func Mail(w io.Writer, v CaseView, s Style) error {
	var b strings.Builder
	s.Width, s.Colour = 76, false
	if err := Explain(&b, v, s); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "From ") { // which begins a new mail in a mailbox file
			line = ">" + line
		}
		if _, err := io.WriteString(w, linkBreaker.Replace(line)+"\r\n"); err != nil {
			return err
		}
	}
	return nil
}
