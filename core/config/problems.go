package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File string
	Line int    // from 1; 0 when the problem is not at a line
	Path string // the key, for instance site.assets[2].zone; "" for the file as a whole
	Text string
}

// String returns "file:line: path: text", without what is not there.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Path != "" {
		b.WriteString(": " + p.Path)
	}
	b.WriteString(": " + p.Text)
	return b.String()
}

// Problems is everything that is wrong with a file, by line. It is the error
// that the functions of this package return for a file that can be read but not
// used; it is never empty.
type Problems []Problem

// Error returns one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the problems by line, those of one line in the order in which
// they were found, without repetitions.
func (p Problems) sorted() Problems {
	sorted := make(Problems, 0, len(p))
	for _, one := range p {
		if !slices.Contains(sorted, one) {
			sorted = append(sorted, one)
		}
	}
	slices.SortStableFunc(sorted, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return sorted
}
