package logline

import "strings"

// parse reads a time at i and returns the offset behind it, or 0.
func (s *Stamp) parse(t string, i int) int {
	if i >= len(t) {
		return 0
	}
	c := t[i]
	switch {
	case c >= '0' && c <= '9':
		return s.numeric(t, i)
	case c >= 'A' && c <= 'Z' && i+8 < len(t):
		return s.named(t, i)
	}
	return 0
}

// numeric reads a time that begins with a digit; how many digits there are says
// which form it can be.
func (s *Stamp) numeric(t string, i int) int {
	n := 1
	for i+n < len(t) && isDigit(t[i+n]) && n < 20 {
		n++
	}
	j := i + n
	if n == 10 || n == 13 || n == 16 || n == 19 {
		return s.unixOrZabbix(t, i, n)
	}
	if j >= len(t) {
		return 0
	}
	if t[j] == ':' && n <= 10 && digits(t, j+1, 8) {
		if k := s.zabbix(t, i, j); k > 0 {
			return k
		}
	}
	switch n {
	case 1, 2:
		return s.short(t, i, n)
	case 4:
		return s.yearFirst(t, i)
	case 6:
		s.Year, s.Month, s.Day = 2000+two(t, i), two(t, i+2), two(t, i+4)
		return s.packedClock(t, j)
	case 8:
		s.Year, s.Month, s.Day = four(t, i), two(t, i+4), two(t, i+6)
		return s.packedClock(t, j)
	}
	return 0
}

func (s *Stamp) unixOrZabbix(t string, i, n int) int {
	if j := i + n; n == 10 && j < len(t) && t[j] == ':' {
		if k := s.zabbix(t, i, j); k > 0 {
			return k
		}
	}
	return s.unix(t, i, n)
}

// yearFirst reads 2006-01-02 15:04:05 with any of the usual separators.
func (s *Stamp) yearFirst(t string, i int) int {
	sep := t[i+4]
	s.Year = four(t, i)
	j := i + 5
	if sep == ' ' { // 2006 Jan 02 15:04:05
		if s.Month = month(t, j); s.Month == 0 {
			return 0
		}
		s.Day, j = number(t, skipSpace(t, j+3))
	} else {
		if sep != '-' && sep != '/' && sep != '.' {
			return 0
		}
		s.Month, j = number(t, j)
		if j >= len(t) || t[j] != sep {
			return 0
		}
		k := j + 1
		s.Day, j = number(t, k)
		if j == k || j > k+2 {
			return 0
		}
	}
	return s.clockAfterDate(t, j)
}

// clockAfterDate reads the time of day behind a date.
func (s *Stamp) clockAfterDate(t string, j int) int {
	if j+5 >= len(t) {
		return 0
	}
	switch t[j] {
	case 'T', 't', '_', '-', ':':
		j++
	case ',', ' ':
		j = skipSpace(t, j+1)
		if t[min(j, len(t)-1)] == '-' && j+1 < len(t) && t[j+1] == ' ' {
			j = skipSpace(t, j+1)
		}
	default:
		return 0
	}
	s.shape = shapeDate
	k := s.clock(t, j)
	if k == 0 || !s.valid() {
		return 0
	}
	return k
}

// packedClock reads 150405 or 15:04:05 behind a packed date.
func (s *Stamp) packedClock(t string, j int) int {
	switch t[j] {
	case ' ', '-', 'T', '_', ':':
	default:
		return 0
	}
	s.shape = shapeDate
	k := skipSpace(t, j+1)
	if !digits(t, k, 6) {
		k = s.clock(t, k)
		if k == 0 || !s.valid() {
			return 0
		}
		return k
	}
	s.Hour, s.Minute, s.Second = two(t, k), two(t, k+2), two(t, k+4)
	if !s.valid() || k+6 < len(t) && isDigit(t[k+6]) {
		return 0
	}
	return s.zone(t, s.fraction(t, k+6))
}

// zabbix reads PID:YYYYMMDD:HHMMSS.mmm; j is the offset of the first colon.
func (s *Stamp) zabbix(t string, i, j int) int {
	if !digits(t, j+1, 8) || j+16 > len(t) || t[j+9] != ':' || !digits(t, j+10, 6) {
		return 0
	}
	s.pid, _ = number(t, i)
	s.Year, s.Month, s.Day = four(t, j+1), two(t, j+5), two(t, j+7)
	s.Hour, s.Minute, s.Second = two(t, j+10), two(t, j+12), two(t, j+14)
	if !s.valid() {
		return 0
	}
	s.shape = shapeZabbix
	return s.fraction(t, j+16)
}

// unix reads seconds, milliseconds, microseconds or nanoseconds since 1970.
func (s *Stamp) unix(t string, i, n int) int {
	v := int64(0)
	for _, c := range []byte(t[i : i+10]) {
		v = v*10 + int64(c-'0')
	}
	if v < 100_000_000 || v > 9_999_999_999 {
		return 0
	}
	s.Unix, s.HasOffset, s.shape = v, true, shapeUnix
	j := i + n
	if n > 10 {
		nano := 0
		for k := range 9 {
			nano *= 10
			if i+10+k < j {
				nano += int(t[i+10+k] - '0')
			}
		}
		s.Nano = nano
	} else {
		j = s.fraction(t, j)
	}
	if j < len(t) && !strings.ContainsRune(" \t]),|:.", rune(t[j])) {
		return 0
	}
	return j
}

// short reads forms that begin with one or two digits.
func (s *Stamp) short(t string, i, n int) int {
	a, _ := number(t, i)
	j := i + n
	sep := t[j]
	switch sep {
	case ':':
		if n == 2 {
			s.shape = shapeClock
			return s.clock(t, i)
		}
		return 0
	case '/', '-', '.', ' ':
	default:
		return 0
	}
	j++
	if m := month(t, j); m > 0 { // 02/Jan/2006:15:04:05, 02-Jan-2006 15:04:05, 02 Jan 2006 15:04:05
		s.Day, s.Month = a, m
		j += 3
		if j+6 > len(t) || t[j] != sep || !digits(t, j+1, 4) {
			return 0
		}
		s.Year = four(t, j+1)
		k := s.clockAfterDate(t, j+5)
		if sep == '/' && k > 0 {
			s.shape = shapeAccess
		}
		return k
	}
	if sep == ' ' || n != 2 && sep != '/' {
		return 0
	}
	b, k := number(t, j)
	if k == j || k > j+2 || k >= len(t) {
		return 0
	}
	if t[k] != sep { // 01-02 15:04:05.000, 01.02 15:04:05
		if t[k] != ' ' || sep == '/' {
			return 0
		}
		s.Month, s.Day = a, b
		return s.clockAfterDate(t, k)
	}
	c, e := number(t, k+1)
	s.threeNumbers(a, b, c, e-k-1)
	return s.clockAfterDate(t, e)
}

// threeNumbers tells year, month and day apart. Where 01/02/03 leaves it open,
// the year comes first; where 01/02/2003 does, the month.
func (s *Stamp) threeNumbers(a, b, c, width int) {
	switch {
	case width == 4 && a > 12:
		s.Day, s.Month, s.Year = a, b, c
	case width == 4:
		s.Month, s.Day, s.Year = a, b, c
	case width != 2:
	case b > 12 && a <= 12:
		s.Month, s.Day, s.Year = a, b, 2000+c
	default:
		s.Year, s.Month, s.Day = 2000+a, b, c
	}
}

// named reads Jan _2 15:04:05, Mon Jan _2 15:04:05 2006 and Mon, 02 Jan 2006 15:04:05.
func (s *Stamp) named(t string, i int) int {
	if weekday(t, i) {
		j := i + 3
		if t[j] == ',' {
			j++
		}
		if t[j] != ' ' {
			return 0
		}
		j = skipSpace(t, j)
		if j < len(t) && isDigit(t[j]) {
			return s.numeric(t, j)
		}
		k := s.monthDay(t, j)
		s.shape = shapeDate
		return k
	}
	return s.monthDay(t, i)
}

func (s *Stamp) monthDay(t string, i int) int {
	m := month(t, i)
	if m == 0 || i+9 >= len(t) || t[i+3] != ' ' {
		return 0
	}
	j := skipSpace(t, i+3)
	day, k := number(t, j)
	if k == j || k > j+2 || k >= len(t) || t[k] != ' ' {
		return 0
	}
	s.Month, s.Day, s.shape = m, day, shapeMonth
	k = skipSpace(t, k)
	if digits(t, k, 4) && k+4 < len(t) && t[k+4] == ' ' {
		s.Year = four(t, k)
		k = skipSpace(t, k+4)
	}
	k = s.clock(t, k)
	if k == 0 || !s.valid() {
		return 0
	}
	if s.Year == 0 && k+5 <= len(t) && t[k] == ' ' && digits(t, k+1, 4) && (k+5 == len(t) || !nameByte(t[k+5])) {
		if y := four(t, k+1); y >= 1970 && y < 2100 {
			s.Year = y
			k += 5
		}
	}
	return k
}

// clock reads 15:04:05, 15.04.05, fractions, AM or PM, and the zone behind it.
func (s *Stamp) clock(t string, i int) int {
	hour, j := number(t, i)
	if j == i || j > i+2 || j+6 > len(t) || t[j] != ':' && t[j] != '.' {
		return 0
	}
	sep := t[j]
	if !digits(t, j+1, 2) || t[j+3] != sep || !digits(t, j+4, 2) {
		return 0
	}
	s.Hour, s.Minute, s.Second = hour, two(t, j+1), two(t, j+4)
	if hour > 23 || s.Minute > 59 || s.Second > 60 {
		return 0
	}
	k := s.fraction(t, j+6)
	if k+2 < len(t) && t[k] == ' ' && t[k+2] == 'M' {
		if t[k+1] == 'P' && s.Hour < 12 {
			s.Hour += 12
		} else if t[k+1] == 'A' && s.Hour == 12 {
			s.Hour = 0
		}
		if t[k+1] == 'P' || t[k+1] == 'A' {
			k += 3
		}
	}
	return s.zone(t, k)
}

// fraction reads up to nine digits behind a dot or comma, or three behind a colon.
func (s *Stamp) fraction(t string, i int) int {
	if i+1 >= len(t) || !isDigit(t[i+1]) {
		return i
	}
	if c := t[i]; c != '.' && c != ',' && (c != ':' || !digits(t, i+1, 3)) {
		return i
	}
	nano, scale, j := 0, 100_000_000, i+1
	for ; j < len(t) && isDigit(t[j]); j++ {
		nano += int(t[j]-'0') * scale
		scale /= 10
	}
	s.Nano = nano
	return j
}

// zone reads an offset or the name of a zone. Of names only UTC and GMT are
// believed to say which offset they mean.
func (s *Stamp) zone(t string, i int) int {
	if i >= len(t) {
		return i
	}
	j := i
	if t[j] == ' ' {
		j++
	}
	if j >= len(t) {
		return i
	}
	switch c := t[j]; {
	case c == 'Z' && j == i && (j+1 == len(t) || !nameByte(t[j+1])):
		s.HasOffset = true
		return j + 1
	case c == '+' || c == '-':
		return s.offset(t, i, j)
	case c >= 'A' && c <= 'Z' && j > i:
		k := j
		for k < len(t) && t[k] >= 'A' && t[k] <= 'Z' {
			k++
		}
		if k < len(t) && nameByte(t[k]) {
			return i
		}
		switch t[j:k] {
		case "UTC", "GMT":
			s.HasOffset = true
			return k
		case "CET", "CEST", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "BST", "IST",
			"JST", "MSK", "WET", "WEST", "EET", "EEST":
			return k
		}
	}
	return i
}

// offset reads +02:00, +0200 or +02 at j; i is where the time ended.
func (s *Stamp) offset(t string, i, j int) int {
	if !digits(t, j+1, 2) {
		return i
	}
	hours, minutes, k := two(t, j+1), 0, j+3
	switch {
	case digits(t, k, 2):
		minutes, k = two(t, k), k+2
	case k < len(t) && t[k] == ':' && digits(t, k+1, 2):
		minutes, k = two(t, k+1), k+3
	case j > i:
		return i // ` -02` is as likely a number
	}
	if hours > 14 || minutes > 59 || k < len(t) && isDigit(t[k]) {
		return i
	}
	s.Offset = hours*3600 + minutes*60
	if t[j] == '-' {
		s.Offset = -s.Offset
	}
	s.HasOffset = true
	return k
}

// month returns 1 to 12 for the English month name at i, or 0.
func month(t string, i int) int {
	if i+3 > len(t) {
		return 0
	}
	switch t[i : i+3] {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

func weekday(t string, i int) bool {
	switch t[i : i+3] {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}
