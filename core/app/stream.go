package app

import (
	"fmt"
	"time"

	"penstock/core/decode"
	"penstock/core/event"
)

const (
	// maxJump is how far ahead of all lines before it a line may be without one
	// that follows soon confirming it.
	maxJump = 24 * time.Hour
	// maxAhead is how many lines are looked at for a time.
	maxAhead = 50
)

// FileUsage is what one input had to give.
type FileUsage struct {
	Path   string // as it was given
	Source string
	Events uint64
	// Impossible counts the lines whose written time cannot be true.
	Impossible uint64
	// Old counts the lines that are not newer than the newest line which an
	// earlier run has seen of the source.
	Old   uint64
	Clock decode.Clock // where the source's next reader goes on
	Err   error        // what ended the reading early, nil at a plain end
}

// stream is one input with the event that comes next.
type stream struct {
	FileUsage
	text     *Text
	lines    *Lines
	decoder  *decode.Decoder
	received time.Time
	seen     time.Time // newest time of the source that an earlier run knew
	order    int
	number   uint64 // of the line
	next     event.Event

	ahead   []string // lines that were looked at and not yet handed out
	looked  event.Event
	untimed bool // there is no time in sight
}

// advance decodes the next line that is not empty, and returns false at the end.
func (s *stream) advance() bool {
	for {
		line, ok := s.line()
		if !ok {
			s.Clock = s.decoder.Clock()
			return false
		}
		if line == "" {
			continue
		}
		before := s.decoder.Clock()
		s.decoder.Decode(line, s.received, &s.next)
		if s.next.Raw == "" {
			continue // nothing to look at
		}
		if timed := isTimed(&s.next); !timed && before.Last.IsZero() {
			s.lead()
		} else if timed && s.next.Time.Sub(before.Newest) > maxJump {
			s.confirm(before)
		}
		s.count()
		return true
	}
}

func isTimed(ev *event.Event) bool { return ev.TimeFrom != event.TimeReceived && !ev.Clamped }

func (s *stream) count() {
	s.Events++
	if s.next.Clamped {
		s.Impossible++
	}
	if !s.seen.IsZero() && isTimed(&s.next) && !s.next.Time.After(s.seen) {
		s.Old++
	}
}

// lead gives a line before the first one with a time the time of that: a banner,
// or the rest of a stack trace that rotation has cut.
func (s *stream) lead() {
	if s.untimed {
		return
	}
	at, i, ok := s.lookAhead(0)
	if !ok {
		s.untimed = true
		return
	}
	if then, _, ok := s.lookAhead(i + 1); ok && then.Before(at.Add(-maxJump)) {
		at = then
	}
	s.next.Time = at
	s.decoder.SetClock(decode.Clock{Last: at})
}

// confirm takes the time from a line that is far ahead of all before it when none
// of the lines that follow soon is as late: one line must not hold back its file,
// or let time pass for others, while a file in which several machines with clocks
// of their own take turns is as it should be. At the end of the input nothing
// speaks against it.
func (s *stream) confirm(before decode.Clock) {
	first, index, ok := s.lookAhead(0)
	if !ok {
		return
	}
	for at := first; ok; at, index, ok = s.lookAhead(index + 1) {
		if !at.Before(s.next.Time.Add(-maxJump)) {
			return
		}
	}
	if before.Newest.IsZero() {
		before.Last = first
	}
	s.next.Time, s.next.Clamped = before.Last, true
	s.decoder.SetClock(before)
}

// lookAhead returns the first time in the lines that come next, from the one with
// that index on, and the index of its line.
func (s *stream) lookAhead(from int) (at time.Time, index int, ok bool) {
	clock := s.decoder.Clock()
	defer s.decoder.SetClock(clock)
	for i := from; i < maxAhead; i++ {
		if i == len(s.ahead) {
			line, ok := s.lines.Next()
			if !ok {
				break
			}
			s.ahead = append(s.ahead, line)
		}
		s.decoder.Decode(s.ahead[i], s.received, &s.looked)
		if isTimed(&s.looked) {
			return s.looked.Time, i, true
		}
	}
	return time.Time{}, 0, false
}

// line returns the next line and false at the end.
func (s *stream) line() (line string, ok bool) {
	if len(s.ahead) > 0 {
		line, s.ahead = s.ahead[0], s.ahead[1:]
	} else if line, ok = s.lines.Next(); !ok {
		return "", false
	}
	s.number++
	return line, true
}

// place names the line behind the last one that was read.
func (s *stream) place() string { return fmt.Sprintf("%s:%d", s.Path, s.number+1) }
