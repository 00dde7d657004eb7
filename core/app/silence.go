package app

import (
	"fmt"
	"sync"
	"time"

	"penstock/core/event"
)

// When a source counts as silent: it was followed for a day, and has now said
// nothing for three times its longest silence of before, at least an hour.
const (
	silenceLeast  = time.Hour
	silenceTimes  = 3
	silenceFamily = 24 * time.Hour
)

// silence knows how long sources are wont to say nothing. It may be used by several
// goroutines at the same time.
type silence struct {
	mu  sync.Mutex
	all map[string]*hush
}

// hush is what is known of one source.
type hush struct {
	first, newest time.Time
	longest       time.Duration
	silent        bool
}

func newSilence() *silence { return &silence{all: map[string]*hush{}} }

// look takes what a source says of itself and returns whether that is news: it
// fell silent, or speaks again.
func (s *silence) look(name string, newest, now time.Time) (silent, news bool, since time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.all[name]
	if newest.IsZero() {
		return false, false, 0
	}
	if h == nil {
		h = &hush{first: newest, newest: newest}
		s.all[name] = h
	}
	if newest.After(h.newest) {
		h.longest = max(h.longest, newest.Sub(h.newest))
		h.newest = newest
	}
	since = now.Sub(h.newest)
	silent = h.newest.Sub(h.first) >= silenceFamily && since > max(silenceLeast, silenceTimes*h.longest)
	news = silent != h.silent
	h.silent = silent
	return silent, news, since
}

// of returns when the source was last heard and whether it is silent.
func (s *silence) of(name string) (newest time.Time, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.all[name]; h != nil {
		return h.newest, h.silent
	}
	return time.Time{}, false
}

// lookAtSources tells of sources that cannot be read or have fallen silent.
func (w *Worker) lookAtSources() {
	now := w.now()
	for _, st := range w.reader.States() {
		if st.Err != "" {
			w.board.Stand(event.High, NoticeIntake, st.Name, fmt.Sprintf("source %s cannot be read: %s", st.Name, st.Err))
		} else {
			w.board.Over(NoticeIntake, st.Name, "source "+st.Name+" is read again")
		}
		silent, news, since := w.silence.look(st.Name, st.Newest, now)
		switch {
		case news && silent:
			w.board.Stand(event.High, NoticeSilence, st.Name, fmt.Sprintf("source %s has said nothing for %s, far longer than it is wont to", st.Name, since.Round(time.Minute)))
		case news:
			w.board.Over(NoticeSilence, st.Name, "source "+st.Name+" speaks again")
		}
	}
}
