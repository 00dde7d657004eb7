package policy

import (
	"net/netip"
	"slices"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/sift"
	"penstock/core/site"
)

// Rule 4: protected networks, hosts and users are never targets.

// firstPersonUID is the first user id of people; those below belong to the system.
const firstPersonUID = 1000

// protectedHost refuses to isolate a protected host or to touch what runs on it.
// Filtering an address on it is no action against it.
func protectedHost(def action.Definition, host site.Asset) Reason {
	if host.Protected && (def.Target == action.TargetHost || def.Target == action.TargetProcess) {
		return HostProtected
	}
	return Allowed
}

// protectedAddress refuses protected addresses and the acting host's own ones.
func protectedAddress(s *site.Site, addr netip.Addr, host site.Asset) Reason {
	if s.IsProtected(addr) {
		return AddressProtected
	}
	if a, ok := s.AssetAt(addr); ok && a.Name == host.Name {
		return AddressProtected
	}
	return Allowed
}

// account refuses accounts that must not be locked. Of an account that our own
// look-up does not know nothing is assumed.
func account(s *site.Site, user action.User, known map[action.User]Account) Reason {
	if user == "" {
		return Allowed
	}
	if s.IsProtectedUser(string(user)) {
		return UserProtected
	}
	a, ok := known[user]
	switch {
	case !ok:
		return AccountUnknown
	case a.UID < firstPersonUID:
		return AccountOfSystem
	case a.Service:
		return AccountOfService
	case a.Administrator && a.Administrators <= 1:
		return LastAdministrator
	}
	return Allowed
}

// entered refuses an account on failed logins alone: the line that names it must
// show that somebody got in with it.
func entered(line cases.Line) Reason {
	after := func(e sift.Evidence) bool { return e.Kind == sift.SuccessAfter }
	success := func(f event.Field) bool {
		return f.Key == event.KeyOutcome && f.Value == "success" && f.Origin == event.Observed
	}
	if slices.ContainsFunc(line.Evidence, after) || slices.ContainsFunc(line.Fields, success) {
		return Allowed
	}
	return NoSuccess
}
