package intake

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// What stands behind a file's name once it was rotated: .1, -20261001, .2026-10-01,
// .old, and .gz behind any of them; with the date before the extension for
// app-20261001.log. A short number behind a hyphen is none: switch-2 is another
// host than switch.
var (
	rotatedEnd    = regexp.MustCompile(`^(?:(\.\d{1,4})|[.\-_]\d[\dTZW:._\-]{5,}|\.(?:old|prev|bak|save|orig)|[.\-_]\d[\dTZW:._\-]{5,}\.\d{1,4})?(?:\.gz)?$`)
	rotatedMiddle = regexp.MustCompile(`^(?:(\.\d{1,4})|[.\-_]\d[\dTZW:._\-]{5,})(\.[A-Za-z]\w*)(?:\.gz)?$`)
)

// rotation says how a name came from the name that it had before.
type rotation struct {
	base   string
	serial int // of .1, .2 and so on, the highest being the oldest; 0 for none
}

// rotatedFrom returns the name that a file had before it was rotated, where
// isBase knows such a one.
func rotatedFrom(name string, isBase func(string) bool) (rotation, bool) {
	for i := 1; i < len(name); i++ {
		if c := name[i]; c != '.' && c != '-' && c != '_' {
			continue
		}
		base, rest := name[:i], name[i:]
		if m := rotatedEnd.FindStringSubmatch(rest); m != nil && isBase(base) {
			return rotation{base, serialOf(m[1])}, true
		}
		if m := rotatedMiddle.FindStringSubmatch(rest); m != nil && isBase(base+m[2]) {
			return rotation{base + m[2], serialOf(m[1])}, true
		}
	}
	return rotation{}, false
}

// serialOf reads the number of .7; "" is 0.
func serialOf(text string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "."))
	if err != nil {
		return 0
	}
	return n + 1 // some begin with .0
}

// older compares two rotated files by age, the oldest first: by day where their
// names have one, by number where both have one, else by when they were written.
func older(a, b *entry) int {
	if a.day != "" && b.day != "" {
		return cmp.Compare(a.day, b.day)
	}
	if a.serial > 0 && b.serial > 0 {
		return cmp.Compare(b.serial, a.serial)
	}
	return cmp.Or(cmp.Compare(a.mtime, b.mtime), cmp.Compare(a.path, b.path))
}

// familyOf names a file and all that it becomes by rotation, in a cursor's key.
func familyOf(base string) string {
	h := sha256.Sum256([]byte(base))
	return hex.EncodeToString(h[:4])
}
