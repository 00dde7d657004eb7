package sift_test

import (
	"slices"
	"strings"
	"testing"

	"penstock/core/event"
	"penstock/core/sift"
)

// TestNoWordsOfTheAttackersCancel writes everything that takes matches away, of
// this entry and of the benign ones, into each example of every entry that may
// raise an alarm: where somebody who attacks can write it, as it is, escaped, in
// a user agent, in a path.
func TestNoWordsOfTheAttackersCancel(t *testing.T) {
	signals := shippedSignals(t)
	decode := decodeLine()
	var benign []string
	for _, s := range signals.All() {
		if s.Role == sift.RoleBenign {
			benign = append(benign, cancelling(s)...)
		}
	}
	tried := 0
	for _, s := range signals.All() {
		if s.Severity < event.Medium && s.Role != sift.RoleFailure && s.Role != sift.RoleSuccess {
			continue
		}
		for _, e := range s.Examples {
			if e.Line == "" || strings.HasSuffix(e.Line, "}") && !strings.Contains(e.Line, `":"`) {
				continue
			}
			for _, words := range slices.Concat(cancelling(s), benign) {
				for _, line := range withWords(e.Line, words) {
					tried++
					ev := decode(line)
					for key, value := range e.Fields {
						ev.Set(key, value, event.Claimed)
					}
					if hits := signals.Match(ev, nil); !hasID(hits, s.ID) {
						t.Errorf("%s does not match %s", s.ID, line)
					}
				}
			}
		}
	}
	if tried < 2000 {
		t.Errorf("%d lines are too few", tried)
	}
}

// cancelling returns words that take matches away from an entry, and some that
// anyone who reads this file would try.
func cancelling(s sift.Signal) []string {
	words := []string{"http/1.", "GET / HTTP/1.1", "status=200 url=/", "blocked", "read only", "signature", "update", "scan complete"}
	for _, c := range s.Match {
		words = slices.Concat(words, c.Except, c.NoneName)
		if s.Severity >= event.Medium || s.Role == sift.RoleBenign {
			words = append(words, c.None...)
		}
		if s.Role == sift.RoleBenign {
			words = slices.Concat(words, c.Any, c.With, c.All, c.Name)
		}
	}
	return words
}

// withWords returns the line with the words at places of an attacker's own.
func withWords(line, words string) []string {
	if body, ok := strings.CutSuffix(line, "}"); ok && strings.HasPrefix(line, "{") {
		quoted := strings.ReplaceAll(words, `"`, `\"`)
		return []string{
			body + `,"userAgent":"` + quoted + `"}`,
			body + `,"note":"%22` + quoted + `%22"}`,
		}
	}
	return []string{
		line + " " + words,
		line + ` "` + words + `"`,
		line + ` ua="Mozilla/5.0 (` + words + `)"`,
		line + " # " + strings.ReplaceAll(strings.ReplaceAll(words, " ", "%20"), `"`, "%22"),
	}
}
