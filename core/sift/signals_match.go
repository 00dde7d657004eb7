package sift

import (
	"errors"
	"fmt"
	mathbits "math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"penstock/core/event"
)

// Bounds of what one event may cost.
const (
	maxHead     = 256 << 10 // bytes looked at from the start of a text
	maxTail     = 16 << 10  // bytes looked at from the end of a longer one
	maxOutside  = 512 << 10 // bytes read again to look past what entries except
	maxField    = 1 << 10   // bytes of a field's value
	maxLiterals = 8192      // distinct texts in all entries together
	maxClauses  = 4096      // alternatives in all entries together
)

// Signals matches events against the entries of the signals file. It is safe
// for use by several goroutines at the same time.
type Signals struct {
	entries  []Signal
	loud     *literals // those texts that alone make a clause worth a look
	texts    *literals // sought in lines and names; numbered first
	names    *literals // sought in names only
	clauses  []clause
	byText   [][]uint16          // by literal: clauses it makes worth a look
	byField  map[string][]uint16 // by field key: clauses that hang on a field alone
	hints    int                 // literals below it are hints that the line instructs
	instruct []uint16            // clauses that ask Instructs
}

// clause is a Clause made ready: texts are numbers of literals.
type clause struct {
	signal         *Signal
	from           *Clause
	any, with, all []uint16
	none, except   []uint16
	name, noneName []uint16 // of names
	fields         []fieldTest
	pattern        *regexp.Regexp
}

// fieldTest is one line of Clause.Fields.
type fieldTest struct {
	key    string
	values []string
	ranges [][2]int
}

// literalSet remembers which literals were found.
type literalSet [maxLiterals / 64]uint64

func (s *literalSet) add(id uint16)      { s[id/64] |= 1 << (id % 64) }
func (s *literalSet) has(id uint16) bool { return s[id/64]&(1<<(id%64)) != 0 }

func (s *literalSet) hasAny(ids []uint16) bool {
	return slices.ContainsFunc(ids, s.has)
}

func (s *literalSet) hasAll(ids []uint16) bool {
	for _, id := range ids {
		if !s.has(id) {
			return false
		}
	}
	return true
}

// NewSignals makes entries ready for matching; disabled ones are left out. The
// error lists every problem that CheckSignals finds.
func NewSignals(entries []Signal) (*Signals, error) {
	var problems []error
	CheckSignals(entries, func(path, text string) {
		problems = append(problems, fmt.Errorf("%s: %s", path, text))
	})
	if len(problems) > 0 {
		return nil, fmt.Errorf("signals: %w", errors.Join(problems...))
	}
	return buildSignals(entries)
}

// All returns the entries that are matched, in the order of the file. They must
// not be changed.
func (s *Signals) All() []Signal { return s.entries }

// Find returns the entry with that id, or nil.
func (s *Signals) Find(id string) *Signal {
	for i := range s.entries {
		if s.entries[i].ID == id {
			return &s.entries[i]
		}
	}
	return nil
}

// Match appends to hits the signals that match the event, each once, in the
// order of the file, without those that a benign one cancels and without the
// benign ones. It allocates only where hits has no room, where a text of
// more than 4 KiB has escapes, a regular expression looks at one, a text has
// what an entry excepts or an audit record hexadecimal values, and costs time linear in the text, of which it reads the
// first 256 KiB and the last 16 KiB.
func (s *Signals) Match(ev *event.Event, hits []*Signal) []*Signal {
	before := len(hits)
	hits = s.matchAll(ev, hits)
	if len(hits) > before {
		hits = settle(hits, before)
	}
	return hits
}

// matchAll is Match with benign signals and what they cancel left in.
func (s *Signals) matchAll(ev *event.Event, hits []*Signal) []*Signal {
	head, tail := bounded(textOf(ev))
	head = Revealed(head)
	if s.quiet(head) && s.quiet(tail) && ev.Name == "" && !s.fieldsMatter(ev) {
		return hits
	}
	m := matching{signals: s, ev: ev, text: head, tail: tail}
	m.read(head)
	m.read(tail)
	m.readName(ev.Name)
	m.pick()
	return m.judge(hits)
}

// quiet says that nothing in the text makes a clause worth a look.
func (s *Signals) quiet(text string) bool {
	if strings.IndexByte(text, '\\') < 0 {
		return !holdsAny(s.loud, text) && !disguised(text) && !escaped(text)
	}
	var room [roomForText]byte
	plain := appendPlain(room[:0], text)
	return !holdsAny(s.loud, plain) && !disguised(plain) && !escaped(text)
}

// roomForText is how long a text may be that costs no allocation although it
// has escapes.
const roomForText = 4 << 10

// textOf returns what is searched: the line as it came, header included. Of a
// Wazuh alert that begins behind the rule, whose groups and techniques are not
// what was logged; the rule's description is the event's Name.
func textOf(ev *event.Event) string {
	if ev.Raw == "" {
		return ev.Message
	}
	if ev.Format == "wazuh" {
		if i := strings.Index(ev.Raw, `"agent":`); i >= 0 {
			return ev.Raw[i:]
		}
		return ev.Message
	}
	return ev.Raw
}

// bounded returns the parts of a text that are looked at.
func bounded(text string) (head, tail string) {
	if len(text) <= maxHead {
		return text, ""
	}
	return text[:maxHead], text[max(maxHead, len(text)-maxTail):]
}

// fieldsMatter says whether some clause hangs on one of the event's fields alone.
func (s *Signals) fieldsMatter(ev *event.Event) bool {
	if len(s.byField) == 0 {
		return false
	}
	for i := range ev.Fields {
		if _, ok := s.byField[ev.Fields[i].Key]; ok {
			return true
		}
	}
	return false
}

// matching is one event on its way through the clauses.
type matching struct {
	signals   *Signals
	ev        *event.Event
	text      string
	tail      string // of a text too long to read it all
	outside   int    // bytes that holdsOutside has read
	found     literalSet
	disguised bool                    // see disguised
	picked    [maxClauses / 64]uint64 // clauses worth a look
}

func (m *matching) read(text string) {
	if strings.IndexByte(text, '\\') < 0 {
		readInto(m, text)
	} else {
		m.readPlain(text)
	}
	if escaped(text) {
		m.readUnescaped(text)
	}
}

func (m *matching) readPlain(text string) {
	var room [roomForText]byte
	readInto(m, appendPlain(room[:0], text))
}

func (m *matching) readUnescaped(text string) {
	var room [roomForText]byte
	readInto(m, appendUnescaped(room[:0], text))
}

func (m *matching) readName(name string) {
	if name == "" {
		return
	}
	plain := withoutBackslashes(name)
	readInto(m, plain)
	read(m.signals.names, plain, &m.found)
}

func readInto[T lineText](m *matching, text T) {
	read(m.signals.texts, text, &m.found)
	m.disguised = m.disguised || disguised(text)
}

// pick marks the clauses that what was found can make true.
func (m *matching) pick() {
	s := m.signals
	hinted := m.disguised
	for word, bits := range m.found[:(len(s.byText)+63)/64] {
		for ; bits != 0; bits &= bits - 1 {
			id := word*64 + mathbits.TrailingZeros64(bits)
			hinted = hinted || id < s.hints
			m.mark(s.byText[id])
		}
	}
	for i := range m.ev.Fields {
		m.mark(s.byField[m.ev.Fields[i].Key])
	}
	if hinted {
		m.mark(s.instruct)
	}
}

func (m *matching) mark(clauses []uint16) {
	for _, c := range clauses {
		m.picked[c/64] |= 1 << (c % 64)
	}
}

// judge appends the signals of which a clause holds.
func (m *matching) judge(hits []*Signal) []*Signal {
	var last *Signal
	for word, bits := range m.picked[:(len(m.signals.clauses)+63)/64] {
		for ; bits != 0; bits &= bits - 1 {
			c := &m.signals.clauses[word*64+mathbits.TrailingZeros64(bits)]
			if c.signal == last || !m.holds(c) {
				continue
			}
			last = c.signal
			hits = append(hits, last)
		}
	}
	return hits
}

// settle takes the benign signals, and what they cancel, out of hits[before:].
func settle(hits []*Signal, before int) []*Signal {
	kept := before
	fresh := hits[before:]
	for _, hit := range fresh {
		cancelled := hit.Role == RoleBenign
		for _, b := range fresh {
			cancelled = cancelled || b.Role == RoleBenign && b.cancels(hit)
		}
		if !cancelled {
			hits[kept] = hit
			kept++
		}
	}
	return hits[:kept]
}

func (s *Signal) cancels(other *Signal) bool {
	for _, name := range s.Cancels {
		if name == other.ID || name == other.Group || name == other.Class.String() {
			return true
		}
	}
	return false
}

// holds says whether every condition of the clause is met.
func (m *matching) holds(c *clause) bool {
	return m.found.holds(c) &&
		!m.found.hasAny(c.none) &&
		!m.found.hasAny(c.noneName) &&
		m.comesFrom(c.from) &&
		m.fieldsHold(c.fields) &&
		m.patternHolds(c.pattern) &&
		(!m.found.hasAny(c.except) || m.holdsOutside(c)) &&
		(!c.from.Instructs || instructs(m.text) || m.tail != "" && instructs(m.tail))
}

// holds says whether the texts that the clause wants are among those found.
func (s *literalSet) holds(c *clause) bool {
	return (len(c.any) == 0 || s.hasAny(c.any)) &&
		(len(c.with) == 0 || s.hasAny(c.with)) &&
		s.hasAll(c.all) &&
		(len(c.name) == 0 || s.hasAny(c.name))
}

// comesFrom says whether the event was logged by whom the clause wants.
func (m *matching) comesFrom(c *Clause) bool {
	return globs(c.Program, m.ev.Program) &&
		(len(c.NoneProgram) == 0 || !globs(c.NoneProgram, m.ev.Program)) &&
		globs(c.Source, m.ev.Source) &&
		globs(c.Format, m.ev.Format) &&
		(!c.NotWeb || !ofWebServer(m.ev))
}

func instructs(text string) bool {
	_, ok := Instructs(text)
	return ok
}

func (m *matching) fieldsHold(tests []fieldTest) bool {
	for i := range tests {
		value := m.value(tests[i].key)
		if value == "" || !tests[i].holds(value) {
			return false
		}
	}
	return true
}

// value returns a field of the event; level and severity are fields too.
func (m *matching) value(key string) string {
	switch key {
	case "level":
		if m.ev.Level >= 0 && m.ev.Level < len(digits) {
			return digits[m.ev.Level : m.ev.Level+1]
		}
		return ""
	case "severity":
		return m.ev.Severity.String()
	}
	value := m.ev.Value(key)
	return value[:min(len(value), maxField)]
}

const digits = "01234567"

func (t *fieldTest) holds(value string) bool {
	if n, err := strconv.Atoi(value); err == nil {
		for _, r := range t.ranges {
			if r[0] <= n && n <= r[1] {
				return true
			}
		}
	}
	return len(t.values) > 0 && globs(t.values, value)
}

func (m *matching) patternHolds(pattern *regexp.Regexp) bool {
	if pattern == nil {
		return true
	}
	return matches(pattern, m.text) || m.tail != "" && matches(pattern, m.tail) ||
		m.ev.Name != "" && pattern.MatchString(m.ev.Name)
}

func matches(pattern *regexp.Regexp, text string) bool {
	return pattern.MatchString(text) || altered(text) && pattern.MatchString(unescape(text))
}

// globs says whether the text fits one of the patterns; no patterns fit all.
func globs(patterns []string, text string) bool {
	if len(patterns) == 0 {
		return true
	}
	for _, p := range patterns {
		if glob(p, text) {
			return true
		}
	}
	return false
}

// glob compares without regard to ASCII case; * stands for any run of bytes.
func glob(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && lower(pattern[p]) == lower(text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
