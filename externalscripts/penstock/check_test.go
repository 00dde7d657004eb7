package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/core/app"
	"penstock/core/config"
	"penstock/core/event"
)

// oneValue runs penstock check as Zabbix does: what comes out on either side is the
// value, and an item shows one line.
func oneValue(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out strings.Builder
	code := run(append([]string{"check"}, args...), strings.NewReader(""), &out, &out)
	value, ended := strings.CutSuffix(out.String(), "\n")
	if !ended || value == "" || strings.Contains(value, "\n") {
		t.Errorf("penstock check %q prints %q, want one line", args, out.String())
	}
	return value, code
}

// workerAt starts a worker that has worked a log with a break-in, and returns its
// configuration.
func workerAt(t *testing.T) (file, socket string) {
	t.Helper()
	folder, err := os.MkdirTemp("", "penstock-check-") // short: the path of a socket is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	var log strings.Builder
	now := time.Now().UTC()
	for i := range 60 {
		fmt.Fprintf(&log, "%s gw1 sshd[%d]: Failed password for root from 203.0.113.9 port %d ssh2\n", now.Add(time.Duration(i-61)*time.Second).Format(time.RFC3339), i+1, 50000+i)
	}
	writeText(t, filepath.Join(folder, "gw1.log"), log.String())
	file = filepath.Join(folder, "penstock.yaml")
	writeText(t, file, fmt.Sprintf("state_dir: %s/state\nsources:\n  - {name: gw1, kind: file, trust: local, path: %s/gw1.log}\n", folder, folder))
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	w, err := app.NewWorker(t.Context(), app.WorkerOptions{Config: c, Version: "dev", Log: slog.New(slog.DiscardHandler), Now: time.Now, Alive: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for range 600 {
		if s := w.Status(t.Context()); s.Cases["Medium"] > 0 && s.Queue.Waiting == 0 && s.Records > 0 {
			return file, app.SocketPath(c)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the worker finds no case")
	return "", ""
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCheckAsksTheWorker(t *testing.T) {
	t.Parallel()
	file, socket := workerAt(t)
	var cases struct{ Cases []app.GlanceCase }
	for range 600 { // a Glance is made once a second
		value, _ := oneValue(t, "cases", "--socket", socket)
		if err := json.Unmarshal([]byte(value), &cases); err != nil {
			t.Fatalf("%v in %s", err, value)
		}
		if len(cases.Cases) > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if len(cases.Cases) != 1 || cases.Cases[0].Class != event.BruteForce {
		t.Fatalf("cases %+v", cases)
	}
	id := cases.Cases[0].Case
	tests := []struct {
		name, want string // how the value begins
		args       []string
		code       int
	}{
		{"+ status", `{"state":"working","ok":1,"problem":"","version":"dev"`, []string{"status"}, 0},
		{"+ status with an empty parameter", `{"state":"working"`, []string{"status", ""}, 0},
		{"+ worker", "working", []string{"worker"}, 0},
		{"+ cases of High", `{"cases":[],"more":`, []string{"cases", "High"}, 0},
		{"+ count", "1", []string{"count"}, 0},
		{"+ count of High", "0", []string{"count", "high"}, 0},
		{"+ sources", `[{"name":"gw1","kind":"file","lag_bytes":0,"caught_up":1,"lines":60`, []string{"sources"}, 0},
		{"+ discovery", `[{"{#SOURCE}":"gw1","{#KIND}":"file"}]`, []string{"discovery"}, 0},
		{"+ case", `{"penstock":{"version":1,"seq":`, []string{"case", id}, 0},
		{"- no such case", `Cannot check: there is no case "nope-w1-1"`, []string{"case", "nope-w1-1"}, 1},
		{"- a macro for a case", `Cannot check: there is no case "($X)"`, []string{"case", "{$X}"}, 1},
	}
	for _, tt := range tests {
		for _, from := range [][]string{{"--config", file}, {"--socket", socket}} {
			got, code := oneValue(t, append(tt.args, from...)...)
			if !strings.HasPrefix(got, tt.want) || code != tt.code {
				t.Errorf("%s: %q, code %d, want %q..., code %d", tt.name, got, code, tt.want, tt.code)
			}
		}
	}
}

func TestCheckSaysInOneLineWhatIsWrong(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "penstock-check-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	bad := filepath.Join(folder, "bad.yaml")
	writeText(t, bad, "state_dir: /x\nnonsense: 1\nmore_nonsense: 2\n")
	hung := filepath.Join(folder, "hung.sock")
	l, err := net.Listen("unix", hung)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	nobody := "--socket=" + filepath.Join(folder, "no.sock")
	tests := []struct {
		name, want string
		args       []string
		code       int
	}{
		{"- status without a worker is a value", `{"state":"missing","ok":0,"problem":"connect to ` + folder, []string{"status", nobody}, 0},
		{"- so is worker", "missing: connect to " + folder, []string{"worker", nobody}, 0},
		{"- cases without a worker are none", "Cannot check: connect to " + folder, []string{"cases", nobody}, 1},
		{"- count", "Cannot check: connect to " + folder, []string{"count", nobody}, 1},
		{"- sources", "Cannot check: connect to " + folder, []string{"sources", nobody}, 1},
		{"- discovery keeps what was discovered", "Cannot check: connect to " + folder, []string{"discovery", nobody}, 1},
		{"- case", "Cannot check: connect to " + folder, []string{"case", "a", nobody}, 1},
		{"- a worker that hangs", "missing: the worker does not answer within 200ms", []string{"worker", "--socket", hung, "--within", "200ms"}, 0},
		{"- a bad configuration", `{"state":"misconfigured","ok":0,"problem":"` + bad + `:2: `, []string{"status", "-c", bad}, 0},
		{"- no configuration", "Cannot check: ", []string{"cases", "-c", filepath.Join(folder, "none.yaml")}, 1},
		{"- no value", "Cannot check: no value is named (status, worker, cases, count, sources, discovery, case)", nil, 2},
		{"- an odd value", `Cannot check: "stat(us)" is no value (`, []string{"stat{us}"}, 2},
		{"- an odd severity", `Cannot check: "urgent" is not a severity (none, Low, Medium, High, Critical)`, []string{"cases", "urgent", nobody}, 1},
		{"- too much", `Cannot check: status has too many parameters: ["x"]`, []string{"status", "x"}, 2},
		{"- too little", "Cannot check: case needs a parameter: CASE", []string{"case"}, 2},
		{"- an odd flag", "Cannot check: unknown flag: --nope", []string{"status", "--nope"}, 2},
		{"- an odd time", "Cannot check: invalid argument", []string{"status", "--within", "soon"}, 2},
		{"- no time", "Cannot check: --within 0s is not between 100ms and 1m", []string{"status", "--within", "0s"}, 2},
		{"- a line end", `Cannot check: "a\nb" is no value`, []string{"a\nb"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, code := oneValue(t, tt.args...)
			if !strings.HasPrefix(got, tt.want) || code != tt.code {
				t.Errorf("%q, code %d, want %q..., code %d", got, code, tt.want, tt.code)
			}
		})
	}
}

// SAFETY C1: whoever may make an item in Zabbix names the arguments of an external
// check, and gets at nothing but its values by them.
func TestExternalCheckIsNothingButACheck(t *testing.T) {
	t.Parallel()

	for _, args := range [][]string{
		{"mine", "/etc/passwd"},
		{"analyze", "/etc/passwd"},
		{"init", "/tmp/x"},
		{"work"},
		{"--help"},
		{"--config", "/etc/passwd", "status"},
		{"status", "--config=/etc/passwd"},
		{"-c", "/etc/passwd"},
		{"--", "mine"},
		{"status", "--socket", "/tmp/x"},
		{},
	} {
		var stdout, stderr strings.Builder
		code := run(calledAs(append([]string{"/usr/lib/zabbix/externalscripts/penstock-check"}, args...)), strings.NewReader(""), &stdout, &stderr)
		if code == exitDone || !strings.HasPrefix(stdout.String(), "Cannot check: ") || strings.Count(stdout.String(), "\n") != 1 || stderr.Len() > 0 {
			t.Errorf("%q: exit code %d, %q, %q", args, code, stdout.String(), stderr.String())
		}
	}
	if got := strings.Join(calledAs([]string{"penstock", "check", "status"}), " "); got != "check status" {
		t.Errorf("under its own name: %q", got)
	}
}
