package pipeline

import (
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
)

// maxValue is the number of runes of one outside value that a sentence shows.
const maxValue = 48

// Strict checks of what may stand in a command. A value that fails is never put
// into one, and stands in quotes in a sentence.

func validAddress(s string) bool { _, err := action.ParseAddress(s); return err == nil }

func validUser(s string) bool { _, err := action.ParseUser(s); return err == nil }

// readableUser accepts account names of directories too, which a sentence can
// show as they are and no command may hold.
func readableUser(s string) bool { return len(s) <= maxValue && made(s, `._-\@$`) }

func validHost(s string) bool {
	return validAddress(s) || len(s) <= 253 && made(s, "._-")
}

func validProgram(s string) bool { return len(s) <= 64 && made(s, "_.@-") }

// validFile accepts absolute paths of plain characters without "..".
func validFile(s string) bool {
	rest, absolute := strings.CutPrefix(s, "/")
	return absolute && len(s) <= 200 && made(rest, "._/+-") && !strings.Contains(s, "..")
}

// made says whether s begins with an ASCII letter, digit, dot or underscore and
// consists of letters, digits and the given others.
func made(s, others string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i == 0 && c != '.' && c != '_', strings.IndexByte(others, c) < 0:
			return false
		}
	}
	return s != ""
}

// clean returns one outside value for a sentence: without characters that are
// not printed or that change direction, in one line, cut to maxValue runes.
func clean(s string) string {
	var b strings.Builder
	n, space := 0, false
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		if n == maxValue {
			b.WriteString("…")
			break
		}
		if unicode.IsSpace(r) || r == utf8.RuneError || !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) {
			space = b.Len() > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			n, space = n+1, false
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// say returns an outside value for a sentence: as it is where valid holds, else
// cleaned and in quotation marks.
func (p *Pipeline) say(s string, valid func(string) bool) string {
	if valid(s) {
		return s
	}
	return p.text(quoted, values{"value": clean(s)})
}

// params are what the playbook's placeholders stand for in one case.
type params struct {
	text    values // for sentences; a key is absent where the case has no value
	command values // for commands; a key is absent where its check fails as well
	address netip.Addr
	windows bool // the lines come from a Windows host
	unnamed bool // the host is a file that names none
}

// params takes the placeholders' values out of a case: the most frequent
// observed address, and the first account, program and file.
func (p *Pipeline) params(c *cases.Case) params {
	out := params{text: values{}, command: values{}, windows: onWindows(c), unnamed: unnamed(c)}
	out.set("host", p.host(c), c.Asset, func(s string) bool { return !out.unnamed && validHost(s) })
	if i := firstObserved(c.Peers); i >= 0 {
		out.address, _ = action.ParseAddress(c.Peers[i].Value)
		text := out.address.String()
		out.set("address", text, text, validAddress)
	}
	if len(c.Users) > 0 {
		out.set("user", p.say(c.Users[0].Value, readableUser), c.Users[0].Value, validUser)
	}
	if len(c.Programs) > 0 && c.Programs[0].Value != "kernel" { // which is no service that one can look at
		out.set("program", p.say(c.Programs[0].Value, validProgram), c.Programs[0].Value, validProgram)
	}
	if file := firstField(c.Lines, event.KeyFile); file != "" {
		out.set("file", p.say(file, validFile), file, validFile)
	}
	return out
}

func (p *params) set(name, text, value string, valid func(string) bool) {
	p.text[name] = text
	if valid(value) {
		p.command[name] = value
	}
}

// host returns the case's host for a sentence.
func (p *Pipeline) host(c *cases.Case) string {
	if c.Asset == "" {
		return p.text(noHost, nil)
	}
	return p.say(c.Asset, validHost)
}

// firstObserved returns the index of the first observed address, or -1.
func firstObserved(entities []cases.Entity) int {
	for i, e := range entities {
		if e.Origin == event.Observed && validAddress(e.Value) {
			return i
		}
	}
	return -1
}

// onWindows says whether the case's programs or accounts are those of Windows.
func onWindows(c *cases.Case) bool {
	for _, program := range c.Programs {
		name := strings.ToLower(program.Value)
		if strings.HasPrefix(name, "microsoft-") || strings.Contains(name, "sysmon") || strings.Contains(name, "wineventlog") {
			return true
		}
	}
	return slices.ContainsFunc(c.Users, func(u cases.Entity) bool { return strings.Contains(u.Value, `\`) })
}

func firstField(lines []cases.Line, key string) string {
	for i := range lines {
		for _, f := range lines[i].Fields {
			if f.Key == key {
				return f.Value
			}
		}
	}
	return ""
}

// list returns the first three entities for a sentence, and how many more there are.
func (p *Pipeline) list(entities []cases.Entity, valid func(string) bool) string {
	const shown = 3
	var parts []string
	for _, e := range entities[:min(shown, len(entities))] {
		parts = append(parts, p.origin(p.say(e.Value, valid), e.Origin, validAddress(e.Value)))
	}
	text := strings.Join(parts, ", ")
	if rest := len(entities) - shown; rest > 0 {
		text = p.text(moreOf, values{"list": text, "count": Number(rest, p.language)})
	}
	return text
}

// origin marks a network address that nobody but the text's author vouches for.
// Names are always claimed and are not marked.
func (p *Pipeline) origin(text string, o event.Origin, isAddress bool) string {
	if o == event.Claimed && isAddress {
		return p.text(claimed, values{"value": text})
	}
	return text
}
