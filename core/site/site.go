package site

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
)

// alwaysProtected are accounts that exist nearly everywhere and whose loss
// locks people out, in the languages in which systems name them.
var alwaysProtected = []string{
	"root", "administrator", "administrador", "administrateur", "system", "zabbix", "wazuh", "penstock",
}

// everywhereProtected are addresses that are no host's own, or every host's.
var everywhereProtected = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("::/127"),
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("ff00::/8"),
}

// sharedSpace is carriers' address space: private like 10.0.0.0/8, though
// netip does not count it in.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// Asset is one host of the site, whatever name an event gave it. The zero value
// is a host that the site does not list. Its slices are shared: read only.
type Asset struct {
	Name      string // the one identity; "" for a host that is not listed
	Zone      event.Zone
	Carries   []event.Zone // zones whose traffic passes through it
	Roles     []Role
	Protected bool // never a target
	Critical  bool // severity one step up
	Test      bool // severity one step down
	Note      string
	// Disputed says that the name in the line is not the name of the address it
	// came from. The address then decided; who sent it may be lying.
	Disputed bool
}

// Has says whether the asset has that role.
func (a Asset) Has(r Role) bool { return slices.Contains(a.Roles, r) }

// CarriesOT says whether traffic of the process network passes through the
// asset, or it stands there itself.
func (a Asset) CarriesOT() bool {
	return a.Zone == event.ZoneOT || slices.Contains(a.Carries, event.ZoneOT)
}

// Site is what is known of the place. It does not change after New and may be
// used by several goroutines at the same time.
type Site struct {
	options  Options
	location *time.Location
	assets   []Asset
	names    *names
	zones    []zoneNetwork // most specific first
	hasAddrs []bool        // by asset: some address of it is listed
	users    map[string]bool
	prefixes []string // protected users that end in *
}

// New returns the site that the options describe, or an error that names
// everything that is wrong with them.
func New(o Options) (*Site, error) {
	var problems []error
	o.Check(func(path, text string) { problems = append(problems, fmt.Errorf("site.%s: %s", path, text)) })
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	location, err := time.LoadLocation(o.Timezone)
	if err != nil {
		return nil, fmt.Errorf("site.timezone: %w", err)
	}
	s := &Site{
		options:  o,
		location: location,
		names:    newNames(o.Assets),
		zones:    longestFirst(o.Zones),
		hasAddrs: make([]bool, len(o.Assets)),
		users:    map[string]bool{},
	}
	for i := range o.Assets {
		s.assets = append(s.assets, s.asset(i))
	}
	for _, host := range o.Protected.Hosts {
		i, _ := s.names.find(host)
		s.assets[i].Protected = true
	}
	for _, user := range append(slices.Clone(alwaysProtected), o.Protected.Users...) {
		s.protectUser(user)
	}
	return s, nil
}

// asset turns what is written down into an Asset: an asset without a zone takes
// that of its addresses if they agree, and one with an address in the process
// network carries that network's traffic whether or not somebody wrote it.
func (s *Site) asset(i int) Asset {
	o := &s.options.Assets[i]
	a := Asset{
		Name: o.Name, Zone: o.Zone, Carries: slices.Clone(o.Carries),
		Roles: o.Roles, Critical: o.Critical, Test: o.Test, Note: o.Note,
		Protected: slices.ContainsFunc(o.Roles, Role.protects),
	}
	var zones []event.Zone
	for _, name := range append([]string{o.Name}, o.Aliases...) {
		if addr, ok := parseAddr(name); ok {
			s.hasAddrs[i] = true
			zones = append(zones, s.networkZone(addr))
			a.Protected = a.Protected || contains(s.options.Protected.Networks, addr)
		}
	}
	zones = slices.Compact(zones)
	if a.Zone == event.ZoneUnknown && len(zones) == 1 {
		a.Zone = zones[0]
	}
	if slices.Contains(zones, event.ZoneOT) && !a.CarriesOT() {
		a.Carries = append(a.Carries, event.ZoneOT)
	}
	return a
}

func (s *Site) protectUser(user string) {
	user = strings.ToLower(user)
	if start, ok := strings.CutSuffix(user, "*"); ok {
		s.prefixes = append(s.prefixes, start)
		return
	}
	s.users[user] = true
}

// Name returns the site's name, the first part of case ids.
func (s *Site) Name() string { return s.options.Name }

// Worker returns the worker's id, the second part of case ids.
func (s *Site) Worker() string { return s.options.Worker }

// Language returns en, es, de or fr: what people of the site read.
func (s *Site) Language() string { return s.options.Language }

// Timezone returns the time zone of the site; it is never nil.
func (s *Site) Timezone() *time.Location { return s.location }

// Contacts returns whom to call about a case of that zone, severity and class,
// in the order of the file. Who is called for zone ot is called for an unknown
// host as well: it may stand there.
func (s *Site) Contacts(zone event.Zone, severity event.Severity, class event.Class) []Contact {
	var found []Contact
	for _, c := range s.options.Contacts {
		here := len(c.Zones) == 0 || slices.Contains(c.Zones, zone) ||
			zone == event.ZoneUnknown && slices.Contains(c.Zones, event.ZoneOT)
		if here && severity >= c.From && (len(c.Classes) == 0 || slices.Contains(c.Classes, class)) {
			found = append(found, c)
		}
	}
	return found
}

// IsKnownScanner says whether probing from addr is expected. That excuses
// scanning and nothing else.
func (s *Site) IsKnownScanner(addr netip.Addr) bool {
	addr = plain(addr)
	for i := range s.options.KnownScanners {
		if s.options.KnownScanners[i].Address.Contains(addr) {
			return true
		}
	}
	return false
}

// IsProtected says whether addr must never be the target of an action: no valid
// address, this machine or every machine, a protected network, a protected
// asset, or the process network.
func (s *Site) IsProtected(addr netip.Addr) bool {
	if !addr.IsValid() {
		return true
	}
	addr = plain(addr)
	for _, p := range everywhereProtected {
		if p.Contains(addr) {
			return true
		}
	}
	if contains(s.options.Protected.Networks, addr) || s.ZoneOf(addr) == event.ZoneOT {
		return true
	}
	a, ok := s.AssetAt(addr)
	return ok && (a.Protected || a.CarriesOT())
}

// IsBlockable says whether addr is of a kind that may be blocked at all: a
// public address, or a private one in a network that the site lists as
// blockable. A protected address may be blockable too: ask IsProtected first.
func (s *Site) IsBlockable(addr netip.Addr) bool {
	if !addr.IsValid() {
		return false
	}
	addr = plain(addr)
	if !addr.IsPrivate() && !sharedSpace.Contains(addr) {
		return addr.IsGlobalUnicast()
	}
	return contains(s.options.Blockable, addr)
}

// IsProtectedUser says whether an account must never be disabled. The name may
// carry a Windows domain in front or a realm behind: the account decides.
// A name that is empty is protected.
func (s *Site) IsProtectedUser(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	if i := strings.LastIndexByte(name, '\\'); i >= 0 {
		name = name[i+1:]
	}
	account, _, _ := strings.Cut(name, "@")
	if account == "" {
		return true
	}
	for _, n := range []string{name, account} {
		if s.users[n] || slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(n, p) }) {
			return true
		}
	}
	return false
}
