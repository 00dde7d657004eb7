package pattern

import "strings"

// ipv4 returns the end of the dotted address at i, or 0.
func ipv4(s string, i, j int) int {
	for part := 0; ; part++ {
		end, v := i, 0
		for ; end < j && end-i < 4 && is(s[end], isDigit); end++ {
			v = v*10 + int(s[end]-'0')
		}
		if end == i || v > 255 || end-i > 3 {
			return 0
		}
		if part == 3 {
			if end < j && (is(s[end], isLetter|isDigit) || s[end] == '.' && end+1 < j && is(s[end+1], isDigit)) {
				return 0
			}
			return end
		}
		if end >= j || s[end] != '.' {
			return 0
		}
		i = end + 1
	}
}

// ipv6 returns the end of the address at i, or 0. It wants two colons in a row
// or all eight groups.
func ipv6(s string, i, j int) int {
	end, groups, length, double := i, 0, 0, false
	for ; end < j; end++ {
		switch c := s[end]; {
		case is(c, isDigit|isHexLetter):
			if length++; length == 1 {
				groups++
			}
			if groups > 8 {
				return trimColon(end, double, groups-1)
			}
			if length > 4 {
				return 0
			}
		case c == ':':
			double = double || end > i && s[end-1] == ':'
			length = 0
		default:
			if is(c, isLetter) {
				return 0
			}
			return ended(end, double, groups)
		}
	}
	return ended(end, double, groups)
}

func ended(end int, double bool, groups int) int {
	if double && groups > 0 || groups == 8 {
		return end
	}
	return 0
}

// trimColon gives the end before the colon of what would be a ninth group.
func trimColon(at int, double bool, groups int) int {
	if double {
		return 0
	}
	return ended(at-1, false, groups)
}

// clock returns the end of hh:mm:ss, with fraction, or of hh:mm.
func clock(s string, i, j int) (int, Kind) {
	colon := span(s[:j], i, isDigit)
	if colon-i > 2 || !twoDigits(s[:j], colon, ':') {
		return i, 0
	}
	end := colon + 3
	if !twoDigits(s[:j], end, ':') {
		if end == j || !is(s[end], isLetter|isDigit) && s[end] != ':' {
			return end, Duration
		}
		return i, 0
	}
	end += 3
	if end < j && (is(s[end], isLetter|isDigit) || s[end] == ':') {
		return i, 0
	}
	if end+1 < j && s[end] == '.' && is(s[end+1], isDigit) {
		end = span(s[:j], end+1, isDigit)
	}
	return end, Time
}

// twoDigits says whether s has the mark at i and two digits after it.
func twoDigits(s string, i int, mark byte) bool {
	return i+2 < len(s) && s[i] == mark && is(s[i+1], isDigit) && is(s[i+2], isDigit)
}

// date returns the end of yyyy-mm-dd (or with slashes or dots), with what is
// joined to it as the time of day, or 0.
func date(s string, i, j int) int {
	if i+10 > j || s[i] != '1' && s[i] != '2' || span(s[:j], i, isDigit) != i+4 {
		return 0
	}
	mark := s[i+4]
	if mark != '-' && mark != '/' && mark != '.' || !twoDigits(s[:j], i+4, mark) || !twoDigits(s[:j], i+7, mark) {
		return 0
	}
	end := i + 10
	if end < j && is(s[end], isDigit) {
		return 0
	}
	if end+1 < j && (s[end] == 'T' || s[end] == '-') && is(s[end+1], isDigit) {
		for end < j && (is(s[end], isDigit) || strings.IndexByte("T:.Z+-", s[end]) >= 0) {
			end++
		}
	}
	return end
}

// uuid returns the end of 8-4-4-4-12 hexadecimal digits, or 0.
func uuid(s string, i, j int) int {
	const length = 36
	if i+length > j || s[i+8] != '-' {
		return 0
	}
	for k := range length {
		if k == 8 || k == 13 || k == 18 || k == 23 {
			if s[i+k] != '-' {
				return 0
			}
		} else if !is(s[i+k], isDigit|isHexLetter) {
			return 0
		}
	}
	if i+length < j && is(s[i+length], isLetter|isDigit) {
		return 0
	}
	return i + length
}

// mac returns the end of six or more pairs of hexadecimal digits, or 0.
func mac(s string, i, j int) int {
	if i+17 > j || s[i+2] != ':' && s[i+2] != '-' {
		return 0
	}
	mark, pairs, at := s[i+2], 0, i
	for at+2 <= j && is(s[at], isDigit|isHexLetter) && is(s[at+1], isDigit|isHexLetter) {
		pairs++
		at += 2
		if at+2 >= j || s[at] != mark || !is(s[at+1], isDigit|isHexLetter) {
			break
		}
		at++
	}
	if pairs < 6 || at < j && is(s[at], isLetter|isDigit) {
		return 0
	}
	return at
}

// withUnit reads the unit after a number that ends at i. It returns the end
// of number and unit, and Number where there is none.
func withUnit(s string, i int) (int, Kind) {
	start := i
	if start < len(s) && s[start] == ' ' {
		start++
	}
	end := span(s, start, isLetter)
	if end < len(s) && is(s[end], isDigit) {
		return i, Number
	}
	switch s[start:end] {
	case "B", "KB", "MB", "GB", "TB", "kB", "KiB", "MiB", "GiB", "TiB":
		return end, Size
	case "sec", "secs", "min", "mins", "hr", "hrs":
		return end, Duration
	}
	return i, Number
}

// sizeAgain returns the end of " (1.27 KB)" at i, which says again what stands
// before it, or 0.
func sizeAgain(s string, i int) int {
	if i+3 >= len(s) || s[i] != ' ' || s[i+1] != '(' || !is(s[i+2], isDigit) {
		return 0
	}
	end := span(s, i+2, isDigit)
	if end < len(s) && s[end] == '.' {
		end = span(s, end+1, isDigit)
	}
	var kind Kind
	if end, kind = withUnit(s, end); kind != Size || end >= len(s) || s[end] != ')' {
		return 0
	}
	return end + 1
}

// isHex says whether the text is four or more hexadecimal digits with a decimal
// digit and a letter among them, or is written 0x.
func isHex(s string) bool {
	digits := 0
	for i := range len(s) {
		switch {
		case is(s[i], isDigit):
			digits++
		case !is(s[i], isHexLetter):
			return false
		}
	}
	return len(s) >= 4 && digits > 0 && digits < len(s)
}

// isValue knows the words that stand for a value wherever they are.
func isValue(s string) bool {
	switch len(s) {
	case 4:
		return strings.EqualFold(s, "true") || strings.EqualFold(s, "null") || s == "root"
	case 5:
		return strings.EqualFold(s, "false") || s == "admin"
	}
	return false
}

func isMonth(s string) bool {
	switch s {
	case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}

func isDay(s string) bool {
	switch s {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}

// alphabeticEnd says whether the last label of a host name is letters only.
func alphabeticEnd(s string) bool {
	label := s[strings.LastIndexByte(s, '.')+1:]
	return len(label) >= 2 && len(label) <= 6 && span(label, 0, isLetter) == len(label)
}

// isSource says whether the text before a line number names a source file.
func isSource(s string) bool {
	switch s[strings.LastIndexByte(s, '.')+1:] {
	case "java", "go", "py", "c", "cc", "cpp", "h", "rb", "js", "ts", "cs", "php", "rs", "scala":
		return true
	}
	return false
}
