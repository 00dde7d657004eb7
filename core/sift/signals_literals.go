package sift

import (
	"math"
	"strings"
)

// literals finds every one of a set of texts in a line. Letters compare without
// regard to ASCII case, and backslashes are passed over, so that a text is found
// however often JSON has escaped it. It is read only once built.
//
// A line is looked at through a window of four bytes, which moves by two. A table
// of bits, small enough for the processor's cache, says whether a text may be
// known by what the window shows; only then are texts compared, in an ordinary
// line a few times. A long text is known by four bytes and by the four that begin
// one later, so that the window meets one of them: those that are rarest among
// the texts themselves. A short one is known by its first three, whatever stands
// before or behind.
type literals struct {
	texts  []string // in lower case, without backslashes
	first  uint16   // number of texts[0]
	bits   [1 << gramBits / 64]uint64
	chains [1 << chainBits]uint16 // by hash: 1 + the first of places
	places []place
}

// place is where a text has the bytes that it is known by.
type place struct {
	gram uint32 // four bytes, or three
	text uint16
	at   uint8
	next uint16 // 1 + the next of the same chain, 0 at its end
}

const (
	gramBits  = 18 // 32 KiB
	chainBits = 14
	shortText = 4 // longest text that is known by its first three bytes
	threeMask = 1<<24 - 1
)

// newLiterals makes the texts ready of which wanted says so. They are at most
// 8,192, have the numbers from first on, and without backslashes at least minText
// bytes.
func newLiterals(texts []string, first uint16, wanted func(uint16) bool) *literals {
	l := &literals{first: first, texts: make([]string, len(texts))}
	seen := map[string]float64{} // how often three bytes stand in the texts
	for i, text := range texts {
		text = withoutBackslashes(text)
		l.texts[i] = text
		for k := range len(text) - 2 {
			seen[text[k:k+3]]++
		}
	}
	for i, text := range l.texts {
		id := uint16(i)
		switch {
		case !wanted(first + id):
		case len(text) <= shortText:
			l.addShort(id)
		default:
			at := rarest(text, seen)
			l.add(id, at)
			l.add(id, at+1)
		}
	}
	return l
}

func withoutBackslashes(text string) string { return strings.ReplaceAll(text, `\`, "") }

// rarest returns where the five rarest bytes of a text begin.
func rarest(text string, seen map[string]float64) (at int) {
	least := math.Inf(1)
	for i := range len(text) - shortText {
		a, b, c := seen[text[i:i+3]], seen[text[i+1:i+4]], seen[text[i+2:i+5]]
		if common := a*b + b*c; common < least {
			least, at = common, i
		}
	}
	return at
}

func (l *literals) add(id uint16, at int) {
	gram := windowAt(l.texts[id], at)
	l.enter(gram, id, at)
	l.mark(gram)
}

func (l *literals) addShort(id uint16) {
	three := windowAt(l.texts[id], 0) & threeMask
	l.enter(three, id, 0)
	for c := range 256 {
		l.mark(three | foldAll(uint32(c)<<24))
		l.mark(three<<8 | foldAll(uint32(c))&0xff)
	}
}

func (l *literals) mark(gram uint32) {
	bit := hashGram(gram)
	l.bits[bit/64] |= 1 << (bit % 64)
}

func (l *literals) enter(gram uint32, id uint16, at int) {
	head := &l.chains[hashGram(gram)>>(gramBits-chainBits)]
	l.places = append(l.places, place{gram: gram, text: id, at: uint8(at), next: *head})
	*head = uint16(len(l.places))
}

// hashGram spreads bytes over the table; the factor is the golden ratio's.
func hashGram(gram uint32) uint32 { return gram * 0x9e3779b1 >> (32 - gramBits) }

// foldAll makes letters of both cases the same, and some other bytes too.
func foldAll(gram uint32) uint32 { return gram&0x7f7f7f7f | 0x20202020 }

// lineText is a line as it came, or with its escapes taken out.
type lineText interface{ ~string | ~[]byte }

// windowAt returns the four bytes at i, folded, the first one lowest. Behind the
// end stand spaces.
func windowAt[T lineText](line T, i int) uint32 {
	gram := uint32(0)
	for k := range min(4, len(line)-i) {
		gram |= uint32(line[i+k]) << (8 * k)
	}
	return foldAll(gram)
}

// seek returns the first even place from i on at which a text may be known, or
// len(line) or more.
func seek[T lineText](l *literals, line T, i int) int {
	for ; i+4 <= len(line); i += 2 {
		w := line[i : i+4]
		gram := foldAll(uint32(w[0]) | uint32(w[1])<<8 | uint32(w[2])<<16 | uint32(w[3])<<24)
		if bit := hashGram(gram); l.bits[bit/64]>>(bit%64)&1 != 0 {
			return i
		}
	}
	for ; i < len(line); i += 2 {
		if bit := hashGram(windowAt(line, i)); l.bits[bit/64]>>(bit%64)&1 != 0 {
			return i
		}
	}
	return i
}

// holdsAny says whether the line holds one of the texts.
func holdsAny[T lineText](l *literals, line T) bool {
	for i := seek(l, line, 0); i < len(line); i = seek(l, line, i+2) {
		gram := windowAt(line, i)
		if foundAt(l, line, i, gram, nil) || foundAt(l, line, i, gram&threeMask, nil) || foundAt(l, line, i+1, gram>>8, nil) {
			return true
		}
	}
	return false
}

// read adds every text that the line holds to into.
func read[T lineText](l *literals, line T, into *literalSet) {
	for i := seek(l, line, 0); i < len(line); i = seek(l, line, i+2) {
		gram := windowAt(line, i)
		foundAt(l, line, i, gram, into)
		foundAt(l, line, i, gram&threeMask, into)
		foundAt(l, line, i+1, gram>>8, into)
	}
}

// foundAt says whether a text is there that is known by the gram at i. With into
// it goes on to the other ones and adds them all.
func foundAt[T lineText](l *literals, line T, i int, gram uint32, into *literalSet) bool {
	for n := l.chains[hashGram(gram)>>(gramBits-chainBits)]; n > 0; {
		p := &l.places[n-1]
		n = p.next
		if p.gram != gram || into != nil && into.has(l.first+p.text) || !standsAt(line, i-int(p.at), l.texts[p.text]) {
			continue
		}
		if into == nil {
			return true
		}
		into.add(l.first + p.text)
	}
	return false
}

// standsAt says whether the text stands at i in the line.
func standsAt[T lineText](line T, i int, text string) bool {
	if i < 0 || i+len(text) > len(line) {
		return false
	}
	for k := range len(text) {
		if lower(line[i+k]) != text[k] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
