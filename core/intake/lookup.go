package intake

import "slices"

// TakesEvents says whether a plain event in the source is taken at its word: where
// only programs of ours write, or the configuration says so. Into an ordinary log
// anybody may have a line of that form written.
func (s *Source) TakesEvents() bool {
	return s.Format == "event" || s.Kind == KindDrop || s.Kind == KindStdin
}

// Named returns the source with that name.
func (o Options) Named(name string) (Source, bool) {
	i := slices.IndexFunc(o, func(s Source) bool { return s.Name == name })
	if i < 0 {
		return Source{}, false
	}
	return o[i], true
}
