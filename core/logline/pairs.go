package logline

import "strings"

// pairs recognises a line that begins with key=value pairs and takes time and
// level out of the first ones. Where the time comes first, the message begins
// behind it.
func (p *parser) pairs(i int) (int, bool) {
	start, j := i, i
	var date string
	for n := range 8 {
		key, value, end := Pair(p.s, j)
		if end == 0 {
			if n < 2 {
				return i, false
			}
			break
		}
		next := skipSpace(p.s, end)
		first := start == j
		switch key {
		case "date":
			date = value
			if first {
				start = next
			}
		case "time", "ts", "t", "timestamp":
			if p.pairTime(date, value) && first {
				start = next
			}
		case "msg":
			p.auditTime(value)
		case "level", "lvl", "severity", "pri":
			p.setLevel(LevelOf(value))
		}
		j = next
	}
	p.h.Format = Pairs
	return start, true
}

// pairTime keeps the time in value, or the one in date and value together.
func (p *parser) pairTime(date, value string) bool {
	var st Stamp
	if st.parse(value, 0) == 0 {
		return false
	}
	if st.shape == shapeClock && len(date) >= 10 && digits(date, 0, 4) && digits(date, 5, 2) && digits(date, 8, 2) {
		st.Year, st.Month, st.Day, st.shape = four(date, 0), two(date, 5), two(date, 8), shapeDate
	}
	p.keep(st)
	return p.h.HasTime
}

// auditTime keeps the time in `audit(1684329817.579:2995):`.
func (p *parser) auditTime(value string) {
	const open = "audit("
	var st Stamp
	if strings.HasPrefix(value, open) && st.parse(value, len(open)) > 0 {
		p.h.Program = "audit"
		p.keep(st)
	}
}

// Pair reads one key=value at i. A value may be in double quotes, in which a
// backslash escapes. It returns the offset behind the value, or 0 where there is
// no pair.
func Pair(s string, i int) (key, value string, end int) {
	j := i
	for j < len(s) && j < i+64 && (nameByte(s[j]) || s[j] == '@' || s[j] == '/') {
		j++
	}
	if j == i || j >= len(s) || s[j] != '=' {
		return "", "", 0
	}
	key = s[i:j]
	j++
	if j < len(s) && s[j] == '"' {
		k := j + 1
		for k < len(s) && s[k] != '"' {
			if s[k] == '\\' {
				k++
			}
			k++
		}
		if k >= len(s) {
			return key, s[j+1:], len(s)
		}
		return key, s[j+1 : k], k + 1
	}
	k := wordEnd(s, j)
	return key, strings.TrimSuffix(s[j:k], ","), k
}
