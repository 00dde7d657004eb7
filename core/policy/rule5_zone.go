package policy

import (
	"net/netip"

	"penstock/core/event"
	"penstock/core/site"
)

// Rule 5: in the zones ot and unknown there is no way to act at all, neither for
// the host that would act nor for an address that belongs there or carries
// its traffic.

// plantRoles are hosts of the process network wherever they stand.
var plantRoles = []site.Role{site.RoleSCADA, site.RoleHistorian, site.RoleOperatorStation, site.RoleController}

// actingHost refuses hosts where nothing may be carried out.
func actingHost(host site.Asset) Reason {
	if host.CarriesOT() {
		return HostInOT
	}
	for _, role := range plantRoles {
		if host.Has(role) {
			return HostInOT
		}
	}
	if host.Name == "" || host.Zone != event.ZoneIT && host.Zone != event.ZoneDMZ {
		return HostInUnknownZone
	}
	return Allowed
}

// caseZone refuses a case that its events place where its host is not.
func caseZone(zone event.Zone) Reason {
	switch zone {
	case event.ZoneIT, event.ZoneDMZ:
		return Allowed
	case event.ZoneOT:
		return HostInOT
	}
	return HostInUnknownZone
}

// tunnels are IPv6 networks whose addresses stand for IPv4 ones: what is
// behind them cannot be told.
var tunnels = []netip.Prefix{
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}

// address judges an address as a target by rules 4 and 5. The zero address is
// no target.
func address(s *site.Site, addr netip.Addr, host site.Asset) Reason {
	if addr == (netip.Addr{}) {
		return Allowed
	}
	a, ours := s.AssetAt(addr)
	if s.ZoneOf(addr) == event.ZoneOT || ours && a.CarriesOT() {
		return AddressInOT
	}
	if why := protectedAddress(s, addr, host); why != Allowed {
		return why
	}
	if !s.IsBlockable(addr) || inTunnel(addr) {
		return AddressNotBlockable
	}
	if s.ZoneOf(addr) == event.ZoneUnknown && (ours || addr.IsPrivate()) {
		return AddressInUnknownZone
	}
	return Allowed
}

func inTunnel(addr netip.Addr) bool {
	for _, p := range tunnels {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
