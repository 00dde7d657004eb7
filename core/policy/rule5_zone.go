package policy

import (
	"net/netip"
	"slices"

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
	if host.CarriesOT() || slices.ContainsFunc(plantRoles, host.Has) {
		return HostInOT
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
// no target. A public address of the site itself is never one, whatever it is:
// half the site may stand behind it.
func address(s *site.Site, addr netip.Addr, host site.Asset) Reason {
	if addr == (netip.Addr{}) {
		return Allowed
	}
	a, listed := s.AssetAt(addr)
	zone := s.ZoneOf(addr)
	if zone == event.ZoneOT || listed && a.CarriesOT() {
		return AddressInOT
	}
	if why := protectedAddress(s, addr, host); why != Allowed {
		return why
	}
	ours := listed || zone != event.ZoneUnknown
	switch {
	case !s.IsBlockable(addr) || inTunnel(addr) || ours && !addr.IsPrivate():
		return AddressNotBlockable
	case zone == event.ZoneUnknown && addr.IsPrivate():
		return AddressInUnknownZone
	}
	return Allowed
}

func inTunnel(addr netip.Addr) bool {
	return slices.ContainsFunc(tunnels, func(p netip.Prefix) bool { return p.Contains(addr) })
}
