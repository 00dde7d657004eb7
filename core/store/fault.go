package store

// SetFault makes the Store call f before each step of what it writes, and after
// its commit: "T1.begin", "T1.cursors" and so on up to "T1.commit" and "T1.after".
// An error of f ends the call with it as if the process had died there: before the
// commit nothing is stored, after it everything is. It is for tests; nil takes it
// away. Safe for concurrent use.
func (s *Store) SetFault(f func(step string) error) {
	if f == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&f)
}

func (s *Store) at(step string) error {
	if f := s.fault.Load(); f != nil {
		return (*f)(step)
	}
	return nil
}
