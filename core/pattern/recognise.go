package pattern

import "strings"

// recognise reads what begins at s[i] and ends at j at the latest. It returns
// where it ends, after i, and what kind of variable it is, or 0 for constant text.
// s[i] begins a run, or follows a joint.
func recognise(s string, i, j int) (int, Kind) {
	c := s[i]
	begins := i == 0 || !is(s[i-1], isLetter|isDigit)
	switch {
	case is(c, isDigit):
		return number(s, i, j)
	case (c == '-' || c == '+') && begins && i+1 < j && is(s[i+1], isDigit):
		return number(s, i+1, j)
	case c == '/' && begins, c == '~' && i+1 < j && s[i+1] == '/', c == '.' && relative(s[i:j]):
		return path(s, i, j)
	case is(c, isLetter):
		return name(s, i, j)
	case c == ':':
		if end := ipv6(s, i, j); end > 0 {
			return end, Address
		}
	case c == '\\' && begins && i+2 < j && s[i+1] == '\\' && is(s[i+2], isLetter|isDigit):
		return j, Path
	}
	return i + 1, 0
}

// number reads what begins with a digit.
func number(s string, i, j int) (int, Kind) {
	end := span(s[:j], i, isDigit)
	if end == j {
		return j, Number
	}
	if c := s[end]; c == '.' || c == ':' || c == '-' || c == '/' || is(c, isHexLetter) {
		if end, kind := shaped(s, i, j); kind != 0 {
			return end, kind
		}
	}
	if is(s[j-1], isDigit) && (i == 0 || is(s[i-1], isSpace|isBreak)) && strings.IndexByte(s[end:j], ':') > 0 {
		if end, kind := whole(s, i, j); kind != 0 { // 163.com:80
			return end, kind
		}
	}
	for end+1 < j && s[end] == '.' && is(s[end+1], isDigit) {
		end = span(s[:j], end+1, isDigit)
	}
	if end < j && is(s[end], isLetter) {
		stop := span(s[:j], end, isLetter|isDigit)
		if isHex(s[i:stop]) || (s[i] == '0' && s[end] == 'x' && end == i+1) {
			return stop, Hex
		}
		return stop, Number // 8001k, 5ms, 2nd
	}
	if end < j && s[end] == '%' {
		end++
	}
	return end, Number
}

// shaped reads what has a fixed shape of digits and marks.
func shaped(s string, i, j int) (int, Kind) {
	if end := ipv4(s, i, j); end > 0 {
		return withPort(s, end, j)
	}
	if end, kind := clock(s, i, j); kind != 0 {
		return end, kind
	}
	if end := date(s, i, j); end > 0 {
		return end, Date
	}
	return hexShaped(s, i, j)
}

// hexShaped reads a UUID, a hardware address or an IPv6 address.
func hexShaped(s string, i, j int) (int, Kind) {
	if end := uuid(s, i, j); end > 0 {
		return end, UUID
	}
	if end := mac(s, i, j); end > 0 {
		return end, MAC
	}
	if end := ipv6(s, i, j); end > 0 {
		if s[i] == '0' && end+1 < j && s[end] == ':' && is(s[end+1], isDigit) {
			return span(s[:j], end+1, isDigit), endpoint
		}
		return end, Address
	}
	return i, 0
}

// name reads what begins with a letter.
func name(s string, i, j int) (int, Kind) {
	if i == 0 || is(s[i-1], isSpace|isBreak) || s[i-1] == '/' {
		if slash := strings.IndexByte(s[i:j], '/') + i; slash > i && ipv4(s, slash+1, j) > 0 && isHost(s[i:slash]) {
			return slash, Address // host/192.0.2.1, as Java writes it
		}
		if end, kind := whole(s, i, j); kind != 0 {
			return end, kind
		}
	}
	if is(s[i], isHexLetter) {
		if end, kind := hexShaped(s, i, j); kind != 0 {
			return end, kind
		}
	}
	if c := s[i] | 0x20; c == 'v' && i+1 < j && is(s[i+1], isDigit) { // a version
		return number(s, i+1, j)
	}
	end, digits, numbered := i, 0, false
	for ; end < j && is(s[end], isLetter|isDigit); end++ {
		if is(s[end], isDigit) {
			digits++
			numbered = numbered || s[end-1] == '_'
		}
	}
	if s[end-1] == '_' && end+1 < j && s[end] == '-' && is(s[end+1], isDigit) { // blk_-17
		return span(s[:j], end+1, isDigit), ID
	}
	switch {
	case digits == 0, end < len(s) && s[end] == '=': // a key
		return end, 0
	case isHex(s[i:end]):
		return end, Hex
	case digits > 1 || numbered:
		return end, ID
	}
	return end, 0 // ssh2, tty1: constant until messages differ in it
}

func isHost(s string) bool {
	for i := range len(s) {
		if !is(s[i], isLetter|isDigit) && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return true
}

// whole reads a mail address, a path with a drive, a relative path or a host
// with a port, each of which takes the run to its end.
func whole(s string, i, j int) (int, Kind) {
	dots, slashes, at, colon, other, digits, dashes := 0, 0, -1, -1, 0, 0, 0
	for k := i; k < j; k++ {
		switch c := s[k]; {
		case c == '.':
			dots++
		case c == '/':
			slashes++
		case c == '@':
			at = k
		case c == ':':
			if colon >= 0 {
				other++
			}
			colon = k
		case is(c, isDigit):
			digits++
		case c == '-':
			dashes++
		case !is(c, isLetter):
			other++
		}
	}
	switch {
	case at > i && dots > 0 && colon < 0 && slashes == 0 && alphabeticEnd(s[at:j]):
		return j, Email
	case colon == i+1 && i+2 < j && (s[i+2] == '\\' || s[i+2] == '/'):
		return j, Path
	case slashes > 1 && dots+digits > 0 && at < 0 && colon < 0:
		return j, Path
	case slashes > 0 || at >= 0 || other > 0:
		return i, 0
	case colon > 0:
		if port := j - colon - 1; port > 0 && port <= 5 && (dots > 0 || dashes > 0 && port > 3) &&
			span(s[:j], colon+1, isDigit) == j && !isSource(s[i:colon]) {
			return j, endpoint
		}
	case dots > 1 && digits > 0 && dashes > 0 && alphabeticEnd(s[i:j]):
		return j, Address
	}
	return i, 0
}

// path reads a path, or an address written after a slash.
func path(s string, i, j int) (int, Kind) {
	if i+1 == j || !is(s[i+1], isLetter|isDigit|isJoint) {
		return i + 1, 0
	}
	if s[i] == '/' {
		if end := ipv4(s, i+1, j); end > 0 {
			return withPort(s, end, j)
		}
		if end := ipv6(s, i+1, j); end > 0 {
			return hexShaped(s, i+1, j)
		}
	}
	for k := i; k < j; k++ {
		if s[k] == ':' {
			return k, Path
		}
	}
	return j, Path
}

func relative(run string) bool {
	return len(run) > 2 && (run[1] == '/' && is(run[2], isLetter|isDigit) || run[1] == '.' && run[2] == '/')
}

func withPort(s string, end, j int) (int, Kind) {
	if end+1 < j && (s[end] == ':' || s[end] == '#') && is(s[end+1], isDigit) {
		return span(s[:j], end+1, isDigit), endpoint
	}
	if end+1 < j && s[end] == '/' && is(s[end+1], isDigit) {
		return span(s[:j], end+1, isDigit), Address
	}
	return end, Address
}
