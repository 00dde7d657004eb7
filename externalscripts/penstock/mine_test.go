package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const mineLines = `Nov 21 02:00:01 gw1 pumpd[17]: pump 3 started at 4.5 bar
Nov 21 02:00:02 gw1 pumpd[17]: pump 4 started at 4.75 bar
Nov 21 02:00:09 gw1 pumpd[17]: valve V stuck
`

func TestMine(t *testing.T) {
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "a.log"), filepath.Join(dir, "a.log.gz")
	write(t, plain, []byte(mineLines))
	write(t, packed, zipped(t, mineLines))
	table := "    LINES  TEMPLATE\n        2  pump <*> started at <*> bar\n        1  valve V stuck\n3 lines, 2 templates\n"
	tests := []struct {
		name, stdin    string
		args           []string
		code           int
		stdout, stderr string
	}{
		{name: "+ file", args: []string{plain}, stdout: table},
		{name: "+ gzip", args: []string{packed}, stdout: table},
		{name: "+ stdin", stdin: mineLines, stdout: table},
		{name: "+ stdin packed", stdin: string(zipped(t, mineLines)), args: []string{"-"}, stdout: table},
		{name: "+ empty", stdout: "    LINES  TEMPLATE\n0 lines, 0 templates\n"},
		{name: "+ top", args: []string{"--top", "1", plain}, stdout: strings.Replace(table, "        1  valve V stuck\n", "", 1)},
		{name: "+ quiet", args: []string{"--quiet", plain}},
		{
			name: "+ final template of each line", args: []string{"--jsonl", "--content"}, stdin: "go <up>\r\nuser anna\nuser ben\n",
			stdout: `{"line":1,"group":1,"template":"go <up>"}` + "\n" +
				`{"line":2,"group":2,"template":"user <*>"}` + "\n" + `{"line":3,"group":2,"template":"user <*>"}` + "\n",
		},
		{name: "+ terminal codes", args: []string{"--content", "--top", "1"}, stdin: "a\x1b[31mb\n", stdout: "    LINES  TEMPLATE\n        1  a [<*>\n1 lines, 1 templates\n"},
		{name: "- no such file", args: []string{filepath.Join(dir, "none")}, code: exitInput, stderr: "no such file"},
		{name: "- a folder", args: []string{dir}, code: exitInput, stderr: "is a directory"},
		{name: "- cut gzip", stdin: string(zipped(t, mineLines)[:20]), code: exitInput, stderr: "unexpected EOF"},
		{name: "- two outputs", args: []string{"--jsonl", "--quiet"}, code: exitUsage, stderr: "--jsonl and --quiet cannot be used together"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(append([]string{"mine"}, tt.args...), strings.NewReader(tt.stdin), &stdout, &stderr)
			if code != tt.code || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("exit %d, want %d; stderr %q, want %q", code, tt.code, stderr.String(), tt.stderr)
			}
			if diff := cmp.Diff(tt.stdout, stdout.String()); diff != "" {
				t.Errorf("stdout (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMineTakesAHugeLine(t *testing.T) {
	in := strings.NewReader(strings.Repeat("x 1 ", 10<<20/4) + "\nnext 7\n")
	var stdout, stderr bytes.Buffer
	if code := run([]string{"mine"}, in, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr.String())
	}
	if !strings.Contains(stdout.String(), "next <*>\n2 lines, 2 templates\n") || stdout.Len() > 8<<10 {
		t.Errorf("got %d bytes that end in %q", stdout.Len(), stdout.String()[max(0, stdout.Len()-80):])
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
