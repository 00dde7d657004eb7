package site

import (
	"net/netip"

	"penstock/core/event"
)

// Resolve returns the asset that an event comes from, and whether the site
// lists it. Host is what the event calls it: a name, a full name, an address, a
// Wazuh agent's name or id, a Zabbix host's name, or "". Addr is the transport
// address it came from, the zero Addr where there was none.
//
// An address outweighs a name, because the author of a line can write any name.
// Only an asset with the role relay passes on other hosts' names. A name whose
// asset cannot have that address is not believed, and the result is Disputed; a
// name that no asset has disputes nothing. A host that is not listed has the zone of the network its address lies in, else
// zone unknown.
//
// Resolve allocates nothing and takes well under a microsecond, so that it can
// be called for every event. It may be called by several goroutines at once.
func (s *Site) Resolve(host string, addr netip.Addr) (Asset, bool) {
	if !addr.IsValid() {
		return s.byName(host)
	}
	addr = plain(addr)
	at, known := s.names.addrs[addr]
	if known && s.assets[at].Has(RoleRelay) {
		if host == "" {
			return s.assets[at], true
		}
		return s.byName(host)
	}
	named, ok := s.names.find(host)
	if known {
		a := s.assets[at]
		a.Disputed = ok && named != at
		return a, true
	}
	zone := s.networkZone(addr)
	if !ok {
		return Asset{Zone: zone}, false
	}
	if a := s.assets[named]; !s.hasAddrs[named] && (zone == a.Zone || zone == event.ZoneUnknown) {
		return a, true
	}
	return Asset{Zone: zone, Disputed: true}, false
}

// byName resolves a name that nothing contradicts.
func (s *Site) byName(host string) (Asset, bool) {
	if i, ok := s.names.find(host); ok {
		return s.assets[i], true
	}
	if addr, ok := parseAddr(host); ok {
		return Asset{Zone: s.networkZone(addr)}, false
	}
	return Asset{}, false
}

// AssetAt returns the asset that has that address.
func (s *Site) AssetAt(addr netip.Addr) (Asset, bool) {
	i, ok := s.names.addrs[plain(addr)]
	if !ok {
		return Asset{}, false
	}
	return s.assets[i], true
}

// AssetNamed returns the asset of that name or alias, in any case.
func (s *Site) AssetNamed(name string) (Asset, bool) {
	i, ok := s.names.find(name)
	if !ok {
		return Asset{}, false
	}
	return s.assets[i], true
}

// ZoneOf returns the zone an address belongs to: ot if either its network or
// its asset stands there, else the asset's, else the network's, else unknown.
func (s *Site) ZoneOf(addr netip.Addr) event.Zone {
	network := s.networkZone(plain(addr))
	a, ok := s.AssetAt(addr)
	if !ok || network == event.ZoneOT || a.Zone == event.ZoneUnknown {
		return network
	}
	return a.Zone
}

// networkZone returns the zone of the most specific network that holds addr,
// which is plain.
func (s *Site) networkZone(addr netip.Addr) event.Zone {
	for i := range s.zones {
		if s.zones[i].Contains(addr) {
			return s.zones[i].zone
		}
	}
	return event.ZoneUnknown
}
