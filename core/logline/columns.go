package logline

import (
	"strings"

	"penstock/core/event"
)

// maxLead is how many columns may stand before the time.
const maxLead = 5

// behindColumns looks for a time behind a few columns that look like a header,
// and returns the offset of the message, or i.
func (p *parser) behindColumns(i int) int {
	j := i
	plain := true // no column so far ends a clause or is prose
	for column := range maxLead {
		end := wordEnd(p.s, j)
		word := p.s[j:end]
		if end >= len(p.s) || !plain {
			return i
		}
		if prose(word) {
			plain = false
		}
		next := skipSpace(p.s, end)
		if next >= len(p.s) {
			return i
		}
		if j2 := p.leadStamp(i, next, column, plain); j2 > 0 {
			return j2
		}
		plain = plain || column == 0 || isDigit(p.s[i])
		j = next
	}
	return i
}

// leadStamp tries a time at next, behind the columns that began at i.
func (p *parser) leadStamp(i, next, column int, plain bool) int {
	c := p.s[next]
	if !isDigit(c) && c != '[' && (c < 'A' || c > 'Z') {
		return 0
	}
	saved := *p.h
	j := p.stampAt(next)
	if j == 0 {
		return 0
	}
	shape := p.h.Stamp.shape
	bare := c != '['
	if !p.h.HasTime || !p.leads(i, column, bare, plain) {
		*p.h = saved
		return 0
	}
	p.lead(i, next)
	if shape == shapeAccess && !bare {
		p.h.Format = Access
		return j
	}
	return p.afterStamp(next, j)
}

// leads says whether the columns from i can stand before a time of the shape
// that was found.
func (p *parser) leads(i, column int, bare, plain bool) bool {
	switch p.h.Stamp.shape {
	case shapeAccess:
		return true
	case shapeUnix:
		return bare && (isDigit(p.s[i]) || p.s[i] == '-' || upper(p.s[i:wordEnd(p.s, i)]))
	case shapeMonth:
		return column <= 1 && (plain || column == 0)
	}
	return column <= 3 && (plain || column == 0)
}

// lead takes what the columns before the time say: an address, a level.
func (p *parser) lead(i, end int) {
	for i < end {
		j := min(wordEnd(p.s, i), end)
		word := unwrap(p.s[i:j])
		if p.h.Lead == "" && isAddress(word) {
			p.h.Lead = word
		}
		if cut := strings.IndexByte(word, '|'); cut > 0 {
			word = word[:cut]
		}
		level := LevelOf(word)
		if len(word) == 1 && j-i > 1 {
			level, _ = letterLevel(word[0])
		}
		if level != event.LevelUnknown {
			p.setLevel(level)
		}
		i = skipSpace(p.s, j)
	}
}

// unwrap takes brackets and punctuation off both ends.
func unwrap(word string) string {
	for word != "" && byteSets[word[0]]&inName == 0 && word[0] != '*' {
		word = word[1:]
	}
	for word != "" && byteSets[word[len(word)-1]]&inName == 0 {
		word = word[:len(word)-1]
	}
	return word
}

// prose says whether a column is a word of a sentence rather than of a header.
func prose(word string) bool {
	if word == "" {
		return false
	}
	last := word[len(word)-1]
	if last == '=' || last == ';' || last == '"' {
		return true
	}
	if len(word) < 2 || LevelOf(word) != event.LevelUnknown {
		return false
	}
	for i := range len(word) {
		if word[i]-'a' > 25 {
			return false
		}
	}
	return true
}

func upper(word string) bool {
	for i := range len(word) {
		if word[i]-'A' > 25 && !isDigit(word[i]) && word[i] != '_' {
			return false
		}
	}
	return word != ""
}

// afterUnix reads the columns behind a Unix time, as clusters write them:
//
//	1117838570 2005.06.03 NODE 2005-06-03-15.42.50.675872 NODE TYPE PART LEVEL message
//	1131566461 2005.11.09 node Nov 9 12:01:01 node/node program[1]: message
//	1114095465 1 message
func (p *parser) afterUnix(i int) int {
	p.h.Format = Columns
	i = skipSpace(p.s, i)
	if !p.shortDate(i) {
		flag := i
		if flag < len(p.s) && p.s[flag] == '-' {
			flag++
		}
		if _, j := number(p.s, flag); j > flag && j < flag+3 && j < len(p.s) && p.s[j] == ' ' {
			return j
		}
		return p.tail(i)
	}
	i = skipSpace(p.s, wordEnd(p.s, i))
	end := wordEnd(p.s, i)
	p.h.Host = p.s[i:end]
	i = skipSpace(p.s, end)
	var st Stamp
	j := st.parse(p.s, i)
	if j == 0 {
		return i
	}
	if st.shape == shapeMonth {
		i = skipSpace(p.s, wordEnd(p.s, skipSpace(p.s, j)))
		if k, ok := p.tag(i); ok {
			return p.afterTag(k)
		}
		return i
	}
	return p.capitals(wordEnd(p.s, skipSpace(p.s, j)))
}

// shortDate says whether a date without time stands at i, as `2005.06.03 `.
func (p *parser) shortDate(i int) bool {
	return digits(p.s, i, 4) && i+10 < len(p.s) && !isDigit(p.s[i+4]) && digits(p.s, i+5, 2) &&
		p.s[i+7] == p.s[i+4] && digits(p.s, i+8, 2) && p.s[i+10] == ' '
}

// capitals skips columns in capitals, the last of which is a level.
func (p *parser) capitals(i int) int {
	for range 4 {
		i = skipSpace(p.s, i)
		end := wordEnd(p.s, i)
		if end >= len(p.s) || !upper(p.s[i:end]) {
			return i
		}
		level := LevelOf(p.s[i:end])
		if level != event.LevelUnknown {
			p.setLevel(level)
			return end
		}
		p.h.Program = p.s[i:end]
		i = end
	}
	return i
}
