package report_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/report"
)

var update = flag.Bool("update", false, "write what this run shows to testdata")

// TestText compares what people read on a terminal, in a mail and in a
// spreadsheet with the files in testdata.
func TestText(t *testing.T) {
	en, de := sample(t, "en"), sample(t, "de")
	style := report.Style{Language: "en", Location: en.Location, Width: 100}
	german := report.Style{Language: "de", Location: de.Location, Width: 100}
	tests := []struct {
		file  string
		write func(io.Writer) error
	}{
		{"table.txt", func(w io.Writer) error { return report.Table(w, en.Cases, style) }},
		{"table.de.txt", func(w io.Writer) error { return report.Table(w, de.Cases, german) }},
		{"explain.txt", func(w io.Writer) error { return report.Explain(w, en.Cases[2], style) }},
		{"explain.de.txt", func(w io.Writer) error { return report.Explain(w, de.Cases[0], german) }},
		{"mail.txt", func(w io.Writer) error { return report.Mail(w, en.Cases[2], style) }},
		{"cases.csv", func(w io.Writer) error { return report.CSV(w, en.Cases) }},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			var got bytes.Buffer
			if err := test.write(&got); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", test.file)
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got)\n%s", test.file, diff)
			}
		})
	}
}

// A11: explaining a case with terminal codes in every field sends none of them.
func TestExplainSendsNoTerminalCodes(t *testing.T) {
	for _, v := range hostile(t).Cases {
		var b bytes.Buffer
		for _, err := range []error{
			report.Explain(&b, v, report.Style{Width: 80}), report.Table(&b, []report.CaseView{v}, report.Style{}),
			report.Mail(&b, v, report.Style{}), report.CSV(&b, []report.CaseView{v}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e\x07") {
			t.Errorf("a code went through:\n%q", b.String())
		}
	}
}

func TestColourOnlyWhenAsked(t *testing.T) {
	in := sample(t, "en")
	var plain, coloured bytes.Buffer
	if err := report.Table(&plain, in.Cases, report.Style{}); err != nil {
		t.Fatal(err)
	}
	if err := report.Table(&coloured, in.Cases, report.Style{Colour: true}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(coloured.String(), "\x1b[1;97;41mCritical\x1b[0m") {
		t.Errorf("plain %q, coloured %q", plain.String(), coloured.String())
	}
}

var errFull = errors.New("no space left")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWritersReturnTheErrorOfWriting(t *testing.T) {
	in := sample(t, "en")
	for name, err := range map[string]error{
		"table":   report.Table(fullDisk{}, in.Cases, report.Style{}),
		"explain": report.Explain(fullDisk{}, in.Cases[0], report.Style{}),
		"mail":    report.Mail(fullDisk{}, in.Cases[0], report.Style{}),
		"csv":     report.CSV(fullDisk{}, in.Cases),
		"json":    report.JSON(fullDisk{}, in.Totals),
		"html":    report.HTML(fullDisk{}, in),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s returns %v", name, err)
		}
	}
}
