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
	closing := byte(0)
	j := i
	switch s[i] {
	case '[':
		closing, j = ']', i+1
	case '(':
		closing, j = ')', i+1
	case '<':
		closing, j = '>', i+1
	}
	start := j
	for j < len(s) && j < start+40 && (lower(s[j])-'a' <= 25 || closing != 0 && (s[j] == ':' || s[j] == '_')) {
		if s[j] == ':' { // [proxy:warn]
			start = j + 1
		}
		j++
	}
	word := s[start:j]
	if closing != 0 {
		for j < len(s) && s[j] == ' ' {
			j++
		}
		if j >= len(s) || s[j] != closing {
			return event.LevelUnknown, i
		}
		j++
	} else if j < len(s) && s[j] != ' ' && s[j] != ':' && s[j] != ',' && s[j] != '\t' && s[j] != '[' && s[j] != '|' {
		return event.LevelUnknown, i
	}
	level := LevelOf(word)
	if len(word) == 1 && closing != 0 {
		level, _ = letterLevel(word[0])
	}
	if level == event.LevelUnknown || closing == 0 && word == "log" {
		return event.LevelUnknown, i
	}
	if closing == 0 && j < len(s) && (s[j] == ':' || s[j] == ',') {
		j++
	}
	return level, j
}
