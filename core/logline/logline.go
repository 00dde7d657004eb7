// Package logline splits a raw log line into its header and its message: time,
// host, program, process id and level by what the line looks like, never by the
// name of a product. It is hand-written, uses no regular expression and does not
// allocate. It does not judge: whether a time can be true and who may be
// believed is decided elsewhere. It never fails: a line without a header it
// knows is all message.
package logline

import (
	"strings"

	"penstock/core/event"
)

// Formats that Parse tells apart.
const (
	Plain   = "plain"   // no header was recognised
	Syslog  = "syslog"  // month, day, time or RFC 3339 time, then host and tag
	RFC5424 = "rfc5424" // syslog with version 1
	Timed   = "timed"   // a time, then levels, threads and classes
	Access  = "access"  // web access log: address, user, [time], request
	Columns = "columns" // columns around a Unix time
	Kernel  = "kernel"  // [seconds since start]
	Zabbix  = "zabbix"  // PID:YYYYMMDD:HHMMSS.mmm
	JSON    = "json"    // an object, not looked into here
	Pairs   = "pairs"   // key=value
	CEF     = "cef"     // ArcSight common event format, or LEEF
	XML     = "xml"     // an <Event> element
	Cisco   = "cisco"   // %FACILITY-LEVEL-MNEMONIC:
)

// headSize is how far into a line a header can reach: what lies beyond it is
// message, so that a hostile line costs no more than a long one.
const headSize = 1024

// Header is what stands before the message. Its strings are parts of the line.
type Header struct {
	Stamp   Stamp // when, as written
	HasTime bool  // Stamp holds a date
	Host    string
	Program string
	PID     int
	Level   int    // syslog severity, or event.LevelUnknown
	Lead    string // address that stands before the time: the client in web and database logs
	Format  string
	Start   int    // offset of Message in the line
	Message string // the rest, without space around it
}

// parser is the state of one Parse: s is the head of the line.
type parser struct {
	s string
	h *Header
}

// Parse fills h from line. It never fails and does not allocate.
func Parse(line string, h *Header) {
	*h = Header{Level: event.LevelUnknown, Format: Plain}
	p := parser{s: line, h: h}
	if len(line) > headSize {
		p.s = line[:headSize]
	}
	start := p.header()
	h.Start = start + leadingSpace(line[start:])
	end := len(line)
	for end > h.Start && (line[end-1] <= ' ') {
		end--
	}
	h.Message = line[h.Start:end]
}

// header returns the offset at which the message starts.
func (p *parser) header() int {
	i := leadingSpace(p.s)
	if strings.HasPrefix(p.s[i:], "\ufeff") {
		i += len("\ufeff")
	}
	i = p.composePrefix(i)
	if i >= len(p.s) {
		return i
	}
	switch c := p.s[i]; {
	case c == '{':
		p.h.Format = JSON
		return i
	case c == '<':
		if j := p.priority(i); j > i {
			return p.afterPriority(j)
		}
		if strings.HasPrefix(p.s[i:], "<Event") {
			p.h.Format = XML
		}
		return i
	case c == '%':
		return p.cisco(i)
	case c == 'C' && strings.HasPrefix(p.s[i:], "CEF:"), c == 'L' && strings.HasPrefix(p.s[i:], "LEEF:"):
		p.h.Format = CEF
		return i
	case lower(c) >= 'a' && lower(c) <= 'z':
		if j, ok := p.pairs(i); ok {
			return j
		}
	}
	return p.timed(i)
}

// composePrefix skips `name   | `, which docker compose puts before each line.
func (p *parser) composePrefix(i int) int {
	j := i
	for j < len(p.s) && nameByte(p.s[j]) {
		j++
	}
	if j == i || j >= len(p.s) || p.s[j] != ' ' || p.s[i] >= '0' && p.s[i] <= '9' {
		return i
	}
	k := skipSpace(p.s, j)
	if k+1 >= len(p.s) || p.s[k] != '|' || p.s[k+1] != ' ' {
		return i
	}
	p.h.Program = p.s[i:j]
	return skipSpace(p.s, k+1)
}

// priority reads <N>, N up to 191, and returns the offset behind it, or i.
func (p *parser) priority(i int) int {
	n, j := number(p.s, i+1)
	if j == i+1 || j > i+4 || n > 191 || j >= len(p.s) || p.s[j] != '>' {
		return i
	}
	p.h.Level = n & 7
	p.h.Format = Syslog
	return j + 1
}

func (p *parser) afterPriority(i int) int {
	if i+1 < len(p.s) && p.s[i] == '1' && p.s[i+1] == ' ' {
		if j := p.rfc5424(i + 2); j > 0 {
			p.h.Format = RFC5424
			return j
		}
	}
	i = skipSpace(p.s, i)
	if i < len(p.s) && p.s[i] == '{' {
		return i
	}
	if j := p.timed(i); j > i {
		return j
	}
	if j, ok := p.tag(i); ok {
		return p.afterTag(j)
	}
	return i
}

// timed looks for a time at the start of the line, or behind a few columns that
// look like a header, and goes on from there.
func (p *parser) timed(i int) int {
	if j := p.stampAt(i); j > 0 {
		return p.afterStamp(i, j)
	}
	if j := p.kernelUptime(i); j > i {
		p.h.Format = Kernel
		p.h.Program = "kernel"
		return j
	}
	if j := p.glog(i); j > i {
		return j
	}
	if j := p.behindColumns(i); j > i {
		return j
	}
	if j, ok := p.levelLead(i); ok {
		return j
	}
	return i
}

// levelLead takes `[info] logger ...` and `WARN: ...` at the start of a line
// without any time.
func (p *parser) levelLead(i int) (int, bool) {
	level, j := levelAt(p.s, i)
	if j == i || p.s[i] != '[' && p.s[j-1] != ':' {
		return i, false
	}
	p.setLevel(level)
	p.h.Format = Timed
	return p.tail(j), true
}

func (p *parser) setLevel(level int) {
	if p.h.Level == event.LevelUnknown {
		p.h.Level = level
	}
}

// stampAt reads a time at i, in brackets or not, and returns the offset behind
// it and its closing bracket, or 0.
func (p *parser) stampAt(i int) int {
	if i >= len(p.s) {
		return 0
	}
	c := p.s[i]
	bracket := byte(0)
	switch c {
	case '[':
		bracket, i = ']', i+1
	case '(':
		bracket, i = ')', i+1
	case '*', '.':
		i++ // Cisco marks times of an unset clock
	}
	var st Stamp
	j := st.parse(p.s, i)
	if j == 0 {
		return 0
	}
	if bracket != 0 {
		// Something short may follow inside the brackets: a process id, a zone.
		k := strings.IndexByte(p.s[j:min(len(p.s), j+24)], bracket)
		if k < 0 || bracket == ')' && k > 0 {
			return 0
		}
		if rest := p.s[j : j+k]; len(rest) > 2 && rest[0] == ' ' && rest[1] == '#' {
			p.h.PID, _ = number(rest, 2)
		}
		j += k + 1
	} else if c != '*' && c != '.' && st.shape == shapeAccess {
		return 0
	}
	p.keep(st)
	return j
}

// keep stores the first time that has a date; later ones repeat it.
func (p *parser) keep(st Stamp) {
	if st.dated() && !p.h.HasTime {
		p.h.Stamp, p.h.HasTime = st, true
		return
	}
	if !p.h.HasTime {
		p.h.Stamp = st
	}
}

// afterStamp goes on behind the first time, which stood at i and ended at j.
func (p *parser) afterStamp(i, j int) int {
	bare := p.s[i] != '[' && p.s[i] != '('
	shape := p.h.Stamp.shape
	if p.h.Format == Plain {
		p.h.Format = Timed
	}
	switch {
	case shape == shapeZabbix:
		p.h.Format, p.h.PID = Zabbix, p.h.Stamp.pid
		return j
	case shape == shapeUnix && bare:
		return p.afterUnix(j)
	case shape == shapeMonth && bare:
		p.h.Format = Syslog
		return p.syslog(j)
	}
	if j < len(p.s) && p.s[j] == '|' {
		return p.pipes(j)
	}
	if bare {
		if k, ok := p.isoSyslog(j); ok {
			return k
		}
	}
	return p.tail(j)
}

// kernelUptime skips `[12345.678901] `.
func (p *parser) kernelUptime(i int) int {
	if i >= len(p.s) || p.s[i] != '[' {
		return i
	}
	_, j := number(p.s, skipSpace(p.s, i+1))
	if j >= len(p.s) || p.s[j] != '.' {
		return i
	}
	_, k := number(p.s, j+1)
	if k-j < 4 || k >= len(p.s) || p.s[k] != ']' {
		return i
	}
	return skipSpace(p.s, k+1)
}

// glog reads `I0102 15:04:05.000000 1234 file.go:12] `.
func (p *parser) glog(i int) int {
	if i+21 > len(p.s) || !digits(p.s, i+1, 4) || p.s[i+5] != ' ' {
		return i
	}
	level, ok := letterLevel(p.s[i])
	if !ok {
		return i
	}
	st := Stamp{Month: two(p.s, i+1), Day: two(p.s, i+3), shape: shapeDate}
	j := st.clock(p.s, i+6)
	if j == 0 || !st.valid() {
		return i
	}
	k := strings.Index(p.s[j:], "] ")
	if k < 0 || k > 80 {
		return i
	}
	p.h.PID, _ = number(p.s, skipSpace(p.s, j))
	p.h.Level, p.h.Format = level, Timed
	p.keep(st)
	return j + k + 2
}

// cisco reads %FACILITY-LEVEL-MNEMONIC: and leaves it in the message, because
// it says better than any template which message it is.
func (p *parser) cisco(i int) int {
	j := i + 1
	for j < len(p.s) && (p.s[j] >= 'A' && p.s[j] <= 'Z' || p.s[j] == '_' || p.s[j] >= '0' && p.s[j] <= '9') {
		j++
	}
	if j == i+1 || j+3 > len(p.s) || p.s[j] != '-' || p.s[j+1] < '0' || p.s[j+1] > '7' || p.s[j+2] != '-' {
		return i
	}
	p.h.Program, p.h.Format = p.s[i+1:j], Cisco
	p.setLevel(int(p.s[j+1] - '0'))
	return i
}
