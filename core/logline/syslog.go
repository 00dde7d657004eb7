package logline

import "strings"

// rfc5424 reads what follows `<PRI>1 ` and returns the offset of the message,
// or 0.
func (p *parser) rfc5424(i int) int {
	if i < len(p.s) && p.s[i] == '-' {
		i++
	} else if j := p.stampAt(i); j > 0 {
		i = j
	} else {
		return 0
	}
	var word [4]string // host, program, process id, message id
	for k := range word {
		i = skipSpace(p.s, i)
		end := wordEnd(p.s, i)
		if word[k] = p.s[i:end]; word[k] == "-" {
			word[k] = ""
		}
		i = end
	}
	p.h.Host, p.h.Program = word[0], word[1]
	if n, j := number(word[2], 0); j == len(word[2]) {
		p.h.PID = n
	}
	return p.structured(skipSpace(p.s, i))
}

// structured skips the structured data of RFC 5424 and a byte order mark.
func (p *parser) structured(i int) int {
	if i < len(p.s) && p.s[i] == '-' {
		i++
	}
	for i < len(p.s) && p.s[i] == '[' {
		j := i + 1
		for quoted := false; j < len(p.s) && (quoted || p.s[j] != ']'); j++ {
			switch p.s[j] {
			case '\\':
				j++
			case '"':
				quoted = !quoted
			}
		}
		if j >= len(p.s) {
			return i
		}
		i = j + 1
	}
	i = skipSpace(p.s, i)
	if strings.HasPrefix(p.s[i:], "\ufeff") {
		i += len("\ufeff")
	}
	return i
}

// syslog reads host and tag behind a time with a month's name.
func (p *parser) syslog(i int) int {
	if i < len(p.s) && p.s[i] == ':' { // Cisco ends its time with a colon
		i++
	}
	i = skipSpace(p.s, i)
	if i >= len(p.s) {
		return i
	}
	if p.s[i] == '%' {
		return p.cisco(i)
	}
	end := wordEnd(p.s, i)
	if p.s[i] == '[' || p.s[i] == '{' || p.s[end-1] == ':' || p.s[end-1] == ']' {
		if j, ok := p.noHost(i); ok {
			return j
		}
	}
	p.h.Host = strings.TrimSuffix(p.s[i:end], ":")
	i = skipSpace(p.s, end)
	if strings.HasPrefix(p.s[i:], ": ") {
		i += 2
	} else if strings.HasPrefix(p.s[i:], "-- ") {
		i += 3
	}
	if j, ok := p.tag(i); ok {
		return p.afterTag(j)
	}
	return p.afterTag(i)
}

// noHost reads what stands behind the time where no host does: a level, a
// bracket, a tag.
func (p *parser) noHost(i int) (int, bool) {
	if level, j := levelAt(p.s, i); j > i {
		p.setLevel(level)
		return p.tail(j), true
	}
	if p.s[i] == '[' || p.s[i] == '{' {
		return i, true
	}
	if j, ok := p.tag(i); ok && p.h.Program != "" {
		return p.afterTag(j), true
	}
	return i, false
}

// isoSyslog reads ` host program[pid]: ` behind a numeric date. It says no
// where what follows looks more like the header of an application.
func (p *parser) isoSyslog(i int) (int, bool) {
	if i >= len(p.s) || p.s[i] != ' ' || i+1 >= len(p.s) || p.s[i+1] == ' ' {
		return i, false
	}
	host := i + 1
	end := wordEnd(p.s, host)
	if end == host || end >= len(p.s) || !hostLike(p.s[host:end]) {
		return i, false
	}
	if level, _ := levelAt(p.s, host); level >= 0 {
		return i, false
	}
	next := skipSpace(p.s, end)
	if j, ok := p.tag(next); ok && (p.h.Stamp.HasOffset || p.h.PID > 0) {
		p.h.Host, p.h.Format = p.s[host:end], Syslog
		return p.afterTag(j), true
	}
	p.h.Program, p.h.PID = "", 0
	if p.h.Stamp.HasOffset && (isAddress(p.s[host:end]) || dottedHost(p.s[host:end])) {
		p.h.Host, p.h.Format = p.s[host:end], Syslog
		return next, true
	}
	return i, false
}

// tag reads `program[pid]: ` and its relatives. It stores program and process
// id and returns the offset behind the colon.
func (p *parser) tag(i int) (int, bool) {
	j := i
	for j < len(p.s) && j < i+80 && tagByte(p.s[j]) {
		j++
	}
	if j == i || j >= len(p.s) || p.s[i] == '.' || p.s[i] == '@' || p.s[i] == '+' || p.s[i] == '\\' {
		return i, false
	}
	name := p.s[i:j]
	if p.s[j] == '(' { // sshd(pam_unix)[123]:
		if j = p.bracketEnd(j, ')'); j == 0 {
			return i, false
		}
	}
	pid, bracketed := 0, false
	if j < len(p.s) && p.s[j] == '[' {
		pid, _ = number(p.s, j+1)
		bracketed = true
		if j = p.bracketEnd(j, ']'); j == 0 {
			return i, false
		}
	}
	if j = p.tagEnd(j, bracketed); j == 0 {
		return i, false
	}
	if _, k := number(name, 0); k == len(name) {
		name = "" // a sequence number
	}
	p.h.Program, p.h.PID = name, pid
	return j, true
}

// bracketEnd returns the offset behind the next closing bracket, or 0.
func (p *parser) bracketEnd(i int, closing byte) int {
	k := strings.IndexByte(p.s[i:min(len(p.s), i+40)], closing)
	if k < 0 {
		return 0
	}
	return i + k + 1
}

// tagEnd returns the offset behind the colon that ends a tag at i, or 0.
func (p *parser) tagEnd(i int, bracketed bool) int {
	switch {
	case i >= len(p.s):
		return 0
	case p.s[i] == ' ':
		return p.tagExtra(i+1, bracketed)
	case p.s[i] != ':':
		return 0
	case bracketed || i+1 == len(p.s) || p.s[i+1] == ' ' || p.s[i+1] == '\t':
		return i + 1
	}
	return 0
}

// tagExtra reads what may stand between a program and the colon of its tag, at
// i: a version, a second name in parentheses. Behind a process id the colon may
// be missing. It returns the offset behind all that, or 0.
func (p *parser) tagExtra(i int, bracketed bool) int {
	if i >= len(p.s) {
		return 0
	}
	if c := p.s[i]; c == '(' && bracketed {
		if k := strings.Index(p.s[i:min(len(p.s), i+120)], "): "); k > 0 {
			return i + k + 2
		}
	} else if isDigit(c) {
		k := wordEnd(p.s, i)
		if p.s[k-1] == ':' && strings.Trim(p.s[i:k-1], "0123456789.") == "" {
			return k
		}
	}
	if bracketed {
		return i
	}
	return 0
}

// afterTag skips what programs repeat behind the tag: the kernel's own clock,
// a second time, a level in brackets behind that time.
func (p *parser) afterTag(i int) int {
	i = skipSpace(p.s, i)
	if i >= len(p.s) {
		return i
	}
	switch c := p.s[i]; {
	case c == '%':
		return p.cisco(i)
	case c == '[' && p.h.Program == "kernel":
		return p.kernelUptime(i)
	case isDigit(c) || c == '[' || c == '*' || c == '.':
		if j := p.stampAt(i); j > 0 && p.h.Stamp.shape != shapeUnix {
			program, pid := p.h.Program, p.h.PID
			j = p.tail(j)
			p.h.Program, p.h.PID = program, pid
			return j
		}
	}
	return i
}

func hostLike(word string) bool {
	for i := range len(word) {
		if c := word[i]; !nameByte(c) && c != ':' && c != '/' {
			return false
		}
	}
	return word[len(word)-1] != ':'
}

// dottedHost says whether word looks like host.domain.
func dottedHost(word string) bool {
	dot := strings.IndexByte(word, '.')
	return dot > 0 && dot < len(word)-1 && strings.IndexByte(word, '/') < 0
}
