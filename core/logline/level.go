package logline

import "penstock/core/event"

// syslog severities that level words are mapped to.
const (
	emergency = iota
	alert
	critical
	failure
	warning
	notice
	info
	debug
)

// LevelOf returns the syslog severity that a level word means, in any case, or
// event.LevelUnknown.
func LevelOf(word string) int {
	if len(word) < 3 || len(word) > 13 {
		return event.LevelUnknown
	}
	var buf [13]byte
	for i := range len(word) {
		buf[i] = lower(word[i])
	}
	switch string(buf[:len(word)]) {
	case "trace", "debug", "dbg", "fine", "finer", "finest", "verbose", "trc", "vrb":
		return debug
	case "info", "inf", "information", "informational", "log", "config":
		return info
	case "notice":
		return notice
	case "warn", "warning", "wrn":
		return warning
	case "error", "err", "severe", "failure":
		return failure
	case "crit", "critical", "fatal", "ftl":
		return critical
	case "alert", "panic":
		return alert
	case "emerg", "emergency":
		return emergency
	}
	return event.LevelUnknown
}

// letterLevel returns the severity of a one-letter level.
func letterLevel(c byte) (int, bool) {
	switch c {
	case 'V', 'D', 'T':
		return debug, true
	case 'I':
		return info, true
	case 'N':
		return notice, true
	case 'W':
		return warning, true
	case 'E':
		return failure, true
	case 'C', 'F':
		return critical, true
	}
	return event.LevelUnknown, false
}

// levelAt reads a level at i: `INFO`, `[error]`, `(W)`, `WARNING:`, `module:warn`
// in brackets. It returns the offset behind it, or i.
func levelAt(s string, i int) (int, int) {
	if i >= len(s) {
		return event.LevelUnknown, i
	}
	switch s[i] {
	case '[':
		return bracketLevel(s, i, ']')
	case '(':
		return bracketLevel(s, i, ')')
	case '<':
		return bracketLevel(s, i, '>')
	}
	return bareLevel(s, i)
}

// bareLevel reads a word that a space or a mark ends.
func bareLevel(s string, i int) (int, int) {
	j := i
	for j < len(s) && j < i+14 && lower(s[j])-'a' <= 25 {
		j++
	}
	word := s[i:j]
	if j < len(s) {
		switch s[j] {
		case ' ', ':', ',', '\t', '[', '|':
		default:
			return event.LevelUnknown, i
		}
	}
	level := LevelOf(word)
	if level == event.LevelUnknown || word == "log" {
		return event.LevelUnknown, i
	}
	if j < len(s) && (s[j] == ':' || s[j] == ',') {
		j++
	}
	return level, j
}

// bracketLevel reads a word or a capital letter in brackets, behind the name of
// a module or not.
func bracketLevel(s string, i int, closing byte) (int, int) {
	j, start := i+1, i+1
	for j < len(s) && j < i+40 && (lower(s[j])-'a' <= 25 || s[j] == ':' || s[j] == '_') {
		if s[j] == ':' { // [proxy:warn]
			start = j + 1
		}
		j++
	}
	word := s[start:j]
	j = skipSpace(s, j)
	if j >= len(s) || s[j] != closing {
		return event.LevelUnknown, i
	}
	level := LevelOf(word)
	if len(word) == 1 {
		level, _ = letterLevel(word[0])
	}
	if level == event.LevelUnknown {
		return event.LevelUnknown, i
	}
	return level, j + 1
}
