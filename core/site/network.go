package site

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"penstock/core/event"
)

// Network is a range of addresses as an administrator writes it: 10.20.0.0/16,
// or 10.20.0.5 for that address alone.
type Network struct{ netip.Prefix }

// UnmarshalText accepts a network or an address, and refuses a network whose
// address has bits beyond its length: it is more often a slip than meant.
func (n *Network) UnmarshalText(text []byte) error {
	s := string(text)
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		n.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return fmt.Errorf("%q is not a network or an address (such as 10.20.0.0/16 or 10.20.0.5)", s)
	}
	if p.Masked() != p {
		return fmt.Errorf("%q is an address inside a network: write %s for the network or %s for the address",
			s, p.Masked(), p.Addr())
	}
	n.Prefix = p
	return nil
}

// MarshalText writes a single address without its length.
func (n Network) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// String returns the network, or the address where it is only one.
func (n Network) String() string {
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.Prefix.String()
}

// plain returns addr in the one form that everything here compares: IPv4
// without its IPv6 mapping, IPv6 without an interface name.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func contains(networks []Network, addr netip.Addr) bool {
	for i := range networks {
		if networks[i].Contains(addr) {
			return true
		}
	}
	return false
}

// zoneNetwork is a network and the zone it belongs to.
type zoneNetwork struct {
	Network
	zone event.Zone
}

// longestFirst orders networks so that the first that contains an address is
// the most specific one.
func longestFirst(z Zones) []zoneNetwork {
	var all []zoneNetwork
	z.each(func(_ string, zone event.Zone, networks []Network) {
		for _, n := range networks {
			all = append(all, zoneNetwork{n, zone})
		}
	})
	slices.SortStableFunc(all, func(a, b zoneNetwork) int { return cmp.Compare(b.Bits(), a.Bits()) })
	return all
}
