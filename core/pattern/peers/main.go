// Command peers measures `penstock mine`, and `penstock analyze`, beside other
// template miners written in Go: each as a process of its own on one core, in turns, over the same file, so
// that the ratios mean something on a noisy machine. It is a module of its own:
// what it compares with is no part of the product.
package main

import (
	"bufio"
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	faceair "github.com/faceair/drain"
	"github.com/jaeyo/go-drain3/pkg/drain3"
)

// contender is one program that reads a file: penstock with a subcommand, or this
// program with a function that learns line by line.
type contender struct {
	name     string
	penstock []string
	new      func() (func(line string) error, error)
}

var contenders = []contender{
	{mine, []string{"mine", "--quiet"}, nil},
	{analyze, []string{"analyze", "--quiet"}, nil},
	{"read only", nil, func() (func(string) error, error) { return func(string) error { return nil }, nil }},
	{"go-drain3", nil, func() (func(string) error, error) { return newDrain3() }},
	{"faceair/drain", nil, func() (func(string) error, error) { return newFaceair(), nil }},
	{"go-drain3, masks", nil, func() (func(string) error, error) {
		learn, err := newDrain3()
		return masked(learn), err
	}},
	{"faceair/drain, masks", nil, func() (func(string) error, error) { return masked(newFaceair()), nil }},
}

// The two that the others are compared with: headers, masks and templates alone,
// which is what the peers do without headers, and everything up to the decision.
const (
	mine    = "penstock mine"
	analyze = "penstock analyze"
)

func newDrain3() (func(string) error, error) {
	d, err := drain3.NewDrain(drain3.WithMaxCluster(1 << 30))
	if err != nil {
		return nil, err
	}
	return func(line string) error {
		_, _, err := d.AddLogMessage(line)
		return err
	}, nil
}

func newFaceair() func(string) error {
	d := faceair.New(faceair.DefaultConfig())
	return func(line string) error {
		d.Train(line)
		return nil
	}
}

// masks are the four general ones that both peers are usually given.
var masks = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b`), "<UUID>"},
	{regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`), "<IP>"},
	{regexp.MustCompile(`\b0x[0-9a-fA-F]+\b`), "<HEX>"},
	{regexp.MustCompile(`\b\d+\b`), "<NUM>"},
}

func masked(learn func(string) error) func(string) error {
	return func(line string) error {
		for _, m := range masks {
			line = m.find.ReplaceAllString(line, m.with)
		}
		return learn(line)
	}
}

func main() {
	as := flag.String("as", "", "be this contender, for one run")
	penstock := flag.String("penstock", "penstock", "the `program` penstock")
	rounds := flag.Int("rounds", 5, "how often each contender runs")
	skipMasks := flag.Bool("skip-masks", false, "leave out the slow contenders with masks")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: peers [flags] FILE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	err := error(nil)
	if *as != "" {
		err = be(*as, flag.Arg(0))
	} else {
		err = compare(os.Stdout, *penstock, flag.Arg(0), *rounds, *skipMasks)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers: error:", err)
		os.Exit(1)
	}
}

// be runs one contender over the file.
func be(name, path string) error {
	i := slices.IndexFunc(contenders, func(c contender) bool { return c.name == name && c.new != nil })
	if i < 0 {
		return fmt.Errorf("no contender %q", name)
	}
	learn, err := contenders[i].new()
	if err != nil {
		return err
	}
	_, err = eachLine(path, learn)
	return err
}

func eachLine(path string, do func(string) error) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	r := bufio.NewReaderSize(f, 256<<10)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			n++
			if err := do(strings.TrimRight(line, "\r\n")); err != nil {
				return n, err
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// run is what one process took.
type run struct {
	cpu, wall time.Duration
	peak      int64 // KiB
}

// compare lets the contenders run in turns and prints the medians.
func compare(w io.Writer, penstock, path string, rounds int, skipMasks bool) error {
	lines, err := eachLine(path, func(string) error { return nil })
	if err != nil {
		return err
	}
	if lines == 0 {
		return fmt.Errorf("%s has no lines", path)
	}
	runs := map[string][]run{}
	for range rounds {
		for _, c := range contenders {
			if skipMasks && strings.HasSuffix(c.name, "masks") {
				continue
			}
			r, err := measure(c, penstock, path)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			runs[c.name] = append(runs[c.name], r)
		}
	}
	return table(w, runs, lines, rounds)
}

// measure starts one contender on one core and waits for it.
func measure(c contender, penstock, path string) (run, error) {
	program, args := os.Args[0], []string{"-as", c.name, path}
	if c.new == nil {
		program, args = penstock, append(slices.Clone(c.penstock), path)
	}
	cmd := exec.Command(program, args...) //nolint:gosec // the caller of a benchmark says what it runs
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr // its own output goes nowhere
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return run{}, err
	}
	r := run{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), wall: time.Since(start)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.peak = int64(usage.Maxrss)
	}
	return r, nil
}

func table(w io.Writer, runs map[string][]run, lines, rounds int) error {
	fmt.Fprintf(w, "%d lines, median of %d runs in turns, one core\n\n", lines, rounds)
	fmt.Fprintf(w, "%-21s %7s %7s %12s %9s %9s %9s\n", "program", "CPU s", "wall s", "lines/CPU s", "peak MiB", "mine x", "analyze x")
	cpuOf := func(name string) time.Duration { return median(runs[name], func(r run) time.Duration { return r.cpu }) }
	for _, c := range contenders {
		rs := runs[c.name]
		if len(rs) == 0 {
			continue
		}
		cpu := cpuOf(c.name)
		wall := median(rs, func(r run) time.Duration { return r.wall })
		peak := median(rs, func(r run) int64 { return r.peak })
		faster := func(than string) float64 { return cpu.Seconds() / max(cpuOf(than).Seconds(), 1e-3) }
		fmt.Fprintf(w, "%-21s %7.2f %7.2f %12.0f %9.1f %9.1f %9.1f\n", c.name, cpu.Seconds(), wall.Seconds(),
			float64(lines)/max(cpu.Seconds(), 1e-3), float64(peak)/1024, faster(mine), faster(analyze))
	}
	return nil
}

func median[T cmp.Ordered](rs []run, of func(run) T) T {
	values := make([]T, len(rs))
	for i, r := range rs {
		values[i] = of(r)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
