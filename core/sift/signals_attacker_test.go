package sift_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"penstock/core/event"
	"penstock/core/sift"
	"penstock/core/site"
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
			for _, line := range withEachWord(e.Line, slices.Concat(cancelling(s), benign)) {
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

// withEachWord returns the line with each of the words at each place; none for
// an example that is no line.
func withEachWord(line string, words []string) (lines []string) {
	if line == "" {
		return nil
	}
	for _, w := range words {
		lines = append(lines, withWords(line, w)...)
	}
	return lines
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

// TestGuessesSpreadOverSendersCountByHost holds that many failed logins are seen
// although no sender and no account comes twice.
func TestGuessesSpreadOverSendersCountByHost(t *testing.T) {
	signals := shippedSignals(t)
	tests := []struct {
		name, line string
		want       event.Class
	}{
		{"other account, other sender", "Nov 21 02:%02d:%02d gw sshd[1]: Failed password for user%[3]d from 198.51.100.%[3]d port 22 ssh2", event.UserEnumeration},
		{"same account, other sender", "Nov 21 02:%02d:%02d gw ftp[1]: login failed from 198.51.100.%d", event.BruteForce},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := site.DefaultOptions()
			o.Name = "plant"
			place, err := site.New(o)
			if err != nil {
				t.Fatal(err)
			}
			s := sift.New(sift.DefaultOptions(), place, signals)
			decode := decodeLine()
			var found []event.Class
			for i := range 40 {
				for _, e := range s.Sift(decode(fmt.Sprintf(tt.line, i/6, i%6*10, i+1))).Evidence {
					if e.Severity >= event.Medium && e.Kind == sift.FanOut {
						found = append(found, e.Class)
					}
				}
			}
			if !slices.Contains(found, tt.want) {
				t.Errorf("40 failed logins are %v, want %v", found, tt.want)
			}
		})
	}
}
