package sift_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"penstock/core/decode"
	"penstock/core/event"
	"penstock/core/sift"
)

func shipped(t testing.TB) []sift.Signal {
	t.Helper()
	var file sift.SignalsFile
	if err := yaml.Unmarshal(sift.DefaultSignals(), &file); err != nil {
		t.Fatal(err)
	}
	return file.Signals
}

func shippedSignals(t testing.TB) *sift.Signals {
	t.Helper()
	signals, err := sift.NewSignals(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	return signals
}

// decodeLine returns a function that decodes lines as a file of its own would be.
func decodeLine() func(string) *event.Event {
	d := decode.New(decode.Options{Source: "test", Location: time.UTC})
	var ev event.Event
	return func(line string) *event.Event {
		d.Decode(line, time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC), &ev)
		return &ev
	}
}

func TestShippedExamples(t *testing.T) {
	run, failures := shippedSignals(t).TestExamples(decodeLine())
	for _, f := range failures {
		t.Errorf("%s: counter example %v: %s\n  matched %v", f.Signal, f.Counter, f.Text, f.Matched)
	}
	if run < 200 {
		t.Errorf("%d examples are too few", run)
	}
}

func TestShippedEntriesHaveAllLanguagesAndExamples(t *testing.T) {
	for _, s := range shipped(t) {
		if s.Title.EN == "" || s.Title.ES == "" || s.Title.DE == "" || s.Title.FR == "" {
			t.Errorf("%s lacks a title in one language", s.ID)
		}
		if len(s.Examples) == 0 || len(s.Counter) == 0 {
			t.Errorf("%s lacks an example or a counter example", s.ID)
		}
	}
}

func ids(hits []*sift.Signal) []string {
	var list []string
	for _, h := range hits {
		list = append(list, h.ID)
	}
	return list
}

var _ = cmp.Diff
