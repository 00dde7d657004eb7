package logline

import (
	"time"

	"penstock/core/event"
)

// shape is what a time looked like; it says what is likely to follow.
type shape uint8

const (
	shapeNone   shape = iota
	shapeDate         // a numeric date and a time
	shapeMonth        // Jun 14 15:16:01
	shapeAccess       // 29/Jul/2023:10:26:06 -0700
	shapeUnix         // seconds since 1970
	shapeZabbix       // PID:YYYYMMDD:HHMMSS.mmm
	shapeClock        // a time of day without date
)

// Stamp is a time as it was written. Fields that were not written are zero.
type Stamp struct {
	Year, Month, Day     int
	Hour, Minute, Second int
	Nano                 int

	HasOffset bool  // Offset was written, or Unix is set
	Offset    int   // seconds east of UTC
	Unix      int64 // seconds since 1970, for times written so

	shape shape
	pid   int
}

// Time returns the instant and how it was found. A time without offset is
// taken in loc; without year it takes the latest year that does not put it more
// than a day after received.
func (s *Stamp) Time(loc *time.Location, received time.Time) (time.Time, event.ZoneRule) {
	if s.shape == shapeUnix {
		return time.Unix(s.Unix, int64(s.Nano)).UTC(), event.ZoneExplicit
	}
	if s.HasOffset && s.Year != 0 {
		return s.at(s.Year, time.UTC).Add(-time.Duration(s.Offset) * time.Second), event.ZoneExplicit
	}
	if s.HasOffset {
		loc = time.FixedZone("", s.Offset)
	}
	if s.Year != 0 {
		return s.at(s.Year, loc).UTC(), event.ZoneSource
	}
	limit := received.Add(24 * time.Hour)
	last := limit.Year()
	for year := last; year > last-9; year-- { // a leap day may need up to eight years
		if s.Month == 2 && s.Day == 29 && !leap(year) {
			continue
		}
		if t := s.at(year, loc); !t.After(limit) {
			return t.UTC(), event.ZoneYear
		}
	}
	return s.at(last, loc).UTC(), event.ZoneYear
}

func leap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func (s *Stamp) at(year int, loc *time.Location) time.Time {
	if loc == time.UTC { // time.Date takes several times as long
		return time.Unix(s.seconds(year), int64(s.Nano)).UTC()
	}
	return time.Date(year, time.Month(s.Month), s.Day, s.Hour, s.Minute, s.Second, s.Nano, loc)
}

// seconds counts from 1970 as if the time were UTC, by the days of years that
// begin in March.
func (s *Stamp) seconds(year int) int64 {
	if s.Month <= 2 {
		year--
	}
	era := year / 400
	yearOfEra := year - era*400
	dayOfYear := (153*((s.Month+9)%12)+2)/5 + s.Day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	days := era*146097 + dayOfEra - 719468
	return int64(days)*86400 + int64(s.Hour*3600+s.Minute*60+s.Second)
}

func (s *Stamp) dated() bool { return s.shape == shapeUnix || s.Month != 0 }

func (s *Stamp) valid() bool {
	return s.Month >= 1 && s.Month <= 12 && s.Day >= 1 && s.Day <= 31 &&
		s.Hour < 24 && s.Minute < 60 && s.Second <= 60
}

// ParseStamp reads a time that makes up the whole of text, as in a JSON value.
// It takes every form that Parse takes at the start of a line.
func ParseStamp(text string) (Stamp, bool) {
	var st Stamp
	j := st.parse(text, leadingSpace(text))
	if j == 0 || !st.dated() || skipSpace(text, j) != len(text) {
		return Stamp{}, false
	}
	return st, true
}
