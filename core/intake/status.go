package intake

import (
	"sync"
	"time"
)

// State is what is known of one source at the moment.
type State struct {
	Name     string
	Kind     Kind
	Files    int       // that are followed, or wait in the folder
	CaughtUp bool      // nothing is known to wait
	Behind   int64     // bytes that are known to wait, packed ones as they are on disk
	Newest   time.Time // when the newest lines were read; zero before the first
	Lines    uint64    // handed over since the start
	Gaps     uint64    // since the start
	Err      string    // what is wrong at the moment, or ""
}

// status is a source's State, shared between the one who reads and those who ask.
type status struct {
	mu     sync.Mutex
	state  State
	chunks uint64 // handed over; guarded by mu
}

// States returns what is known of each source, in the order of Options. It is
// safe for concurrent use.
func (r *Reader) States() []State {
	all := make([]State, len(r.states))
	for i, s := range r.states {
		s.mu.Lock()
		all[i] = s.state
		s.mu.Unlock()
	}
	return all
}

// sent notes a chunk that was taken.
func (s *status) sent(c Chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chunks++
	s.state.Lines += uint64(c.Lines)
	if c.Lines > 0 {
		s.state.Newest = c.Received
	}
	if c.Gap != "" {
		s.state.Gaps++
	}
}

// handed returns how many chunks were taken.
func (s *status) handed() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chunks
}

// failed notes an error, nil for none, and says whether it is another than before.
func (s *status) failed(err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.state.Err != text
	s.state.Err = text
	if err != nil {
		s.state.CaughtUp = false
	}
	return changed
}

// waits notes how much is there.
func (s *status) waits(files int, behind int64, caughtUp bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Files, s.state.Behind, s.state.CaughtUp = files, behind, caughtUp
}

func (s *status) name() string { return s.state.Name }
