package sift

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"penstock/core/event"
)

// Bounds of one entry, so that a slip in a site's own file costs no speed.
const (
	minText    = 3    // without backslashes; a shorter text would make every line a candidate
	maxText    = 200  // bytes of one text
	maxPattern = 1000 // bytes of one regular expression
)

// Check reports every problem of the file; path names the place, for instance
// signals[3].match[0].any[1].
func (f *SignalsFile) Check(problem func(path, text string)) { CheckSignals(f.Signals, problem) }

// CheckSignals reports every problem of the entries, as SignalsFile.Check does.
func CheckSignals(entries []Signal, problem func(path, text string)) {
	seen := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		at := fmt.Sprintf("signals[%d]", i)
		report := func(path, format string, args ...any) {
			problem(at+path, fmt.Sprintf(format, args...))
		}
		switch {
		case !isID(e.ID):
			report(".id", "%q is not an id (a-z, 0-9, - and .)", e.ID)
		case seen[e.ID]:
			report(".id", "%q is there twice", e.ID)
		}
		seen[e.ID] = true
		e.check(report)
	}
}

func (s *Signal) check(report func(path, format string, args ...any)) {
	if s.Disabled {
		return
	}
	if s.Title.EN == "" {
		report(".title.en", "is missing")
	}
	if s.Severity > event.None && s.Class == event.ClassNone {
		report(".class", "is missing, and severity is not none")
	}
	if s.Technique != "" && !isTechnique(s.Technique) {
		report(".technique", "%q is not an ATT&CK technique such as T1110 or T1110.001", s.Technique)
	}
	if len(s.Cancels) > 0 != (s.Role == RoleBenign) {
		report(".cancels", "goes with role benign, and role benign with cancels")
	}
	if len(s.Match) == 0 {
		report(".match", "is missing")
	}
	for i := range s.Match {
		c := &s.Match[i]
		if len(c.None) > 0 && s.mayAlarm() {
			report(fmt.Sprintf(".match[%d].none", i), "could be written by whoever is to be found: use except, none_program, none_name or not_web where a match may mean Medium or more, or a login")
		}
		if s.Role == RoleBenign && len(c.Program)+len(c.Format)+len(c.Name) == 0 {
			report(fmt.Sprintf(".match[%d]", i), "could be written by whoever is to be found: role benign needs program, format or name")
		}
		c.check(func(path, format string, args ...any) {
			report(fmt.Sprintf(".match[%d]%s", i, path), format, args...)
		})
	}
	for i, e := range s.Then {
		e.check(func(path, format string, args ...any) {
			report(fmt.Sprintf(".then[%d]%s", i, path), format, args...)
		})
	}
}

// mayAlarm says whether a match, its repetition or what it follows may be Medium
// or more.
func (s *Signal) mayAlarm() bool {
	return s.Severity >= event.Medium || s.Role == RoleSuccess ||
		slices.ContainsFunc(s.Then, func(e Escalation) bool { return e.Severity >= event.Medium })
}

func (c *Clause) check(report func(path, format string, args ...any)) {
	if len(c.Any)+len(c.All)+len(c.Name)+len(c.Fields) == 0 && !c.Instructs {
		report("", "needs any, all, name or fields")
	}
	for _, list := range [...]struct {
		name  string
		texts []string
	}{
		{"any", c.Any}, {"with", c.With}, {"all", c.All}, {"except", c.Except}, {"none", c.None}, {"name", c.Name}, {"none_name", c.NoneName},
	} {
		for i, text := range list.texts {
			if len(withoutBackslashes(text)) < minText || len(text) > maxText {
				report(fmt.Sprintf(".%s[%d]", list.name, i), "%q has %d bytes (%d to %d)", text, len(text), minText, maxText)
			}
		}
	}
	for key, values := range c.Fields {
		if len(values) == 0 {
			report(".fields."+key, "has no value")
		}
	}
	if len(c.Regexp) > maxPattern {
		report(".regexp", "has %d bytes (at most %d)", len(c.Regexp), maxPattern)
	} else if _, err := regexp.Compile(c.Regexp); err != nil {
		report(".regexp", "%v", err)
	}
}

func (e *Escalation) check(report func(path, format string, args ...any)) {
	if e.Count < 1 {
		report(".count", "%d is not a count (1 or more)", e.Count)
	}
	if e.Within <= 0 {
		report(".within", "%v is not a time such as 2m", e.Within)
	}
	if e.Severity == event.None || e.Class == event.ClassNone {
		report("", "needs class and severity")
	}
	if e.Technique != "" && !isTechnique(e.Technique) {
		report(".technique", "%q is not an ATT&CK technique such as T1110 or T1110.001", e.Technique)
	}
}

func isID(text string) bool {
	if text == "" || len(text) > 60 {
		return false
	}
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}

// isTechnique accepts T1110, T1110.001 and the T0855 of the ICS matrix.
func isTechnique(text string) bool {
	main, sub, dotted := strings.Cut(text, ".")
	return len(main) == 5 && main[0] == 'T' && isDigits(main[1:]) && (!dotted || len(sub) == 3 && isDigits(sub))
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
