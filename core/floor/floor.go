package floor

import (
	"net/netip"
	"slices"

	"penstock/core/event"
	"penstock/core/sift"
	"penstock/core/site"
)

// Facts is what is known besides evidence and asset.
type Facts struct {
	// Maintenance says that work on the asset was announced for that time.
	Maintenance bool
	// KnownScanner reports whether the address is a scanner of the site; nil
	// knows none. Only observed addresses are asked about.
	KnownScanner func(netip.Addr) bool
}

// Reason is one step on the way to a severity: a closed list, free of language.
type Reason uint8

const (
	GravestEvidence      Reason = iota + 1 // the severity of the gravest piece
	NoveltyOnly                            // nothing but novelty: held at Low
	Unconfirmed                            // held at High: no evidence shows an effect
	SuccessAfterFailures                   // a login that succeeded after it had failed
	SuccessBeatsAttempt                    // an attempt, and a sign of its effect
	ConfirmedEffect                        // an intruder's effect that is certain
	Expected                               // a known scanner or announced work explains part of it
	AssetUp                                // one step up: control network, or critical for the site
	AssetDown                              // one step down: a test or isolated machine
	MeasuredToo                            // one step up: what the host measures is not as it should be either
)

var reasonWords = [...]string{
	"invalid", "gravest-evidence", "novelty-only", "unconfirmed", "success-after-failures",
	"success-beats-attempt", "confirmed-effect", "expected", "asset-up", "asset-down", "measured-too",
}

// String returns the reason's word, for instance success-after-failures.
func (r Reason) String() string {
	if int(r) < len(reasonWords) {
		return reasonWords[r]
	}
	return reasonWords[0]
}

// MarshalText implements encoding.TextMarshaler.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Result is a severity with the way it came about.
type Result struct {
	Severity  event.Severity
	Confirmed bool     // evidence marked confirmed supports the severity
	Reasons   []Reason // in the order of the list of reasons
}

// Severity returns the severity that rules and site give to the evidence: the
// gravest piece, what pieces mean together, and at most one step for the asset.
// What a host measures adds at most one step to that, up to Medium: see measured.
// Critical takes evidence marked confirmed. No evidence gives None.
func Severity(ev []sift.Evidence, a site.Asset, facts Facts) Result {
	metric, ev := split(ev)
	w := weighAll(ev, facts)
	w.together(ev)
	w.place(a)
	w.measured(metric, facts)
	slices.Sort(w.reasons)
	return Result{Severity: w.severity, Confirmed: w.confirmed, Reasons: slices.Compact(w.reasons)}
}

// Raise returns the graver of the two: a case's floor never falls.
func Raise(old, now event.Severity) event.Severity { return max(old, now) }

// weight is the state of one judgement.
type weight struct {
	severity  event.Severity
	plain     event.Severity // what it were without any expectation
	confirmed bool
	novelty   bool // nothing but novelty so far
	reasons   []Reason
}

// weighAll takes the gravest piece; confirmed is kept of pieces that reach it.
func weighAll(ev []sift.Evidence, facts Facts) weight {
	w := weight{novelty: true}
	for _, e := range ev {
		s, reason := weigh(e)
		w.plain = max(w.plain, s)
		if s > event.Low && expected(e, facts) {
			s--
			w.reasons = append(w.reasons, Expected)
		}
		w.novelty = w.novelty && isNovelty(e)
		if reason == Unconfirmed || reason == ConfirmedEffect {
			w.reasons = append(w.reasons, reason)
		}
		if s > w.severity {
			w.severity, w.confirmed = s, false
		}
		if s == w.severity && s > event.None {
			w.confirmed = w.confirmed || isConfirmed(e)
		}
	}
	switch {
	case w.severity == event.None:
	case w.novelty:
		w.reasons = append(w.reasons, NoveltyOnly)
	default:
		w.reasons = append(w.reasons, GravestEvidence)
	}
	return w
}

// weigh is what one piece justifies by itself.
func weigh(e sift.Evidence) (event.Severity, Reason) {
	switch {
	case isNovelty(e):
		return min(e.Severity, event.Low), NoveltyOnly
	case e.Severity >= event.High && isConfirmed(e) && isEffect(e.Class):
		return event.Critical, ConfirmedEffect
	case e.Severity == event.Critical && !isConfirmed(e):
		return event.High, Unconfirmed
	}
	return e.Severity, GravestEvidence
}

// signs is what several pieces mean together.
type signs struct {
	attempt bool // somebody tried to get in
	entered bool // a login succeeded after it had failed
	effect  bool // a sign that an intruder is at work
	sure    bool // the login is confirmed
	certain bool // an effect, or what an intruder does afterwards, is confirmed
}

func (s *signs) read(e sift.Evidence) {
	if isNovelty(e) || e.Severity == event.None {
		return
	}
	s.attempt = s.attempt || isAttempt(e.Class)
	if e.Kind == sift.SuccessAfter {
		s.entered, s.sure = true, s.sure || isConfirmed(e)
	}
	if e.Severity >= event.Medium && (isEffect(e.Class) || isAftermath(e.Class)) {
		s.effect = s.effect || isEffect(e.Class)
		s.certain = s.certain || isConfirmed(e)
	}
}

// together adds what several pieces mean in one case: success beats attempt, and
// what is certain after somebody got in is a compromise.
func (w *weight) together(ev []sift.Evidence) {
	var s signs
	for _, e := range ev {
		s.read(e)
	}
	if s.entered {
		w.raise(event.High, s.sure, SuccessAfterFailures)
	}
	if s.attempt && s.effect {
		w.raise(event.High, s.certain, SuccessBeatsAttempt)
	}
	if s.entered && s.certain {
		w.raise(event.Critical, true, ConfirmedEffect)
	}
}

// raise takes the severity of pieces together, and what confirms those pieces.
func (w *weight) raise(to event.Severity, confirmed bool, why Reason) {
	if to > w.severity {
		w.severity, w.confirmed = to, false
	}
	if to == w.severity {
		w.confirmed = w.confirmed || confirmed
	}
	w.plain = max(w.plain, to)
	w.reasons = append(w.reasons, why)
}

// place moves the severity by the asset: one step at most, expectation included,
// up from Medium on and to Critical only with confirmed evidence.
func (w *weight) place(a site.Asset) {
	switch {
	case a.Critical || a.Zone == event.ZoneOT:
		if w.severity < event.Medium || w.severity == event.Critical {
			return
		}
		if w.severity == event.High && !w.confirmed {
			w.reasons = append(w.reasons, Unconfirmed)
			return
		}
		w.severity++
		w.reasons = append(w.reasons, AssetUp)
	case a.Test && w.severity > event.Low && w.severity == w.plain:
		w.severity--
		w.reasons = append(w.reasons, AssetDown)
	}
}

// isNovelty reports whether the piece says no more than that it is unusual.
func isNovelty(e sift.Evidence) bool {
	switch e.Kind {
	case sift.NewTemplate, sift.NewProgram, sift.OddTime, sift.Returned:
		return true
	}
	return e.Class == event.Novelty
}

// isConfirmed leaves out what a source merely says of itself.
func isConfirmed(e sift.Evidence) bool { return e.Confirmed && e.Kind != sift.SourceSeverity }

// expected reports whether a known scanner or announced work explains the piece.
// Only probing and outages are ever explained so: never logins, execution,
// writes to controllers or cleared logs.
func expected(e sift.Evidence, facts Facts) bool {
	if !IsExplained(e.Class) {
		return false
	}
	if facts.Maintenance || e.Expected {
		return true
	}
	if facts.KnownScanner == nil || e.Origin != event.Observed {
		return false
	}
	addr, err := netip.ParseAddr(e.Subject)
	return err == nil && facts.KnownScanner(addr.Unmap())
}

// IsExplained names the classes that a known scanner or announced work explains:
// probing and outages, and nothing else.
func IsExplained(c event.Class) bool { return c == event.ScanProbe || c == event.Availability }

// isAttempt names the classes that try to get in.
func isAttempt(c event.Class) bool {
	switch c {
	case event.UserEnumeration, event.BruteForce, event.LoginFailure, event.WebAttack, event.ExploitAttempt:
		return true
	}
	return false
}

// isEffect names the classes that say somebody is in and at work.
func isEffect(c event.Class) bool {
	switch c {
	case event.Malware, event.Execution, event.LateralMovement, event.Persistence,
		event.CommandChannel, event.Exfiltration, event.ProcessControl:
		return true
	}
	return false
}

// isAftermath names the classes that are daily work, unless somebody just got in.
func isAftermath(c event.Class) bool {
	switch c {
	case event.PrivilegeChange, event.LogTampering, event.ConfigChange:
		return true
	}
	return false
}
