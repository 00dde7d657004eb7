package main

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/report"
)

// TestComparisonKnowsEventsByTheirText holds that a configuration which reads
// another time out of the lines, and so another order, is compared line by line.
func TestComparisonKnowsEventsByTheirText(t *testing.T) {
	quiet, grave := cases.Outcome{}, cases.Outcome{Decision: cases.Forward, Severity: event.High}
	tests := []struct {
		name          string
		first, second string // one letter per event; a capital is grave
		differ        int
		changes       string
	}{
		{"+ the same", "abcd", "abcd", 0, ""},
		{"+ another order", "aBcd", "cdaB", 0, ""},
		{"+ the same line twice", "aab", "baa", 0, ""},
		{"- one is grave", "abcd", "abCd", 1, "suppress>forward"},
		{"- one is grave, in another order", "abcd", "Cdab", 1, "suppress>forward"},
		{"- one is no longer grave", "abCd", "dcba", 1, "forward>suppress"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := comparison{seed: maphash.MakeSeed()}
			feed := func(letters string, each func(*event.Event, cases.Outcome)) {
				for i, letter := range letters {
					out := quiet
					if letter < 'a' {
						out = grave
					}
					line := strings.ToLower(string(letter))
					each(&event.Event{Seq: uint64(i + 1), Raw: line, Message: line}, out)
				}
			}
			feed(test.first, c.first)
			feed(test.second, c.second)
			got := c.result()
			var changes []string
			for change := range got.Changes {
				changes = append(changes, change.Here.Decision.String()+">"+change.There.Decision.String())
			}
			if got.Differ != test.differ || strings.Join(changes, " ") != test.changes {
				t.Errorf("%d differ: %v, want %d: %s", got.Differ, changes, test.differ, test.changes)
			}
		})
	}
}

func TestShownEventHasNoSecret(t *testing.T) {
	got := shown(&event.Event{Seq: 7, Asset: "gw1", Message: "login password=hunter2horse done\x1b[31m"})
	if strings.Contains(got.Text, "hunter2horse") || strings.Contains(got.Text, "\x1b") {
		t.Errorf("it shows %q", got.Text)
	}
	if diff := cmp.Diff(report.EventDifference{Seq: 7, Host: "gw1"}, report.EventDifference{Seq: got.Seq, Host: got.Host}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestKeepIsBounded(t *testing.T) {
	var kept bytes.Buffer
	if err := keep(t.Context(), &kept, strings.NewReader("four"), 4); err != nil || kept.String() != "four" {
		t.Errorf("kept %q, %v", kept.String(), err)
	}
	err := keep(t.Context(), &kept, strings.NewReader("five!"), 4)
	var ee exitError
	if !errors.As(err, &ee) || ee.code != exitInput || ee.hint == "" {
		t.Errorf("too much gives %v, want exit code %d with a hint", err, exitInput)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := keep(stopped, &kept, strings.NewReader("x"), 4); !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped run gives %v", err)
	}
}
