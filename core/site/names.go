package site

import (
	"net/netip"
	"strings"
)

// ambiguous marks a short name that stands for more than one asset.
const ambiguous = -1

// names finds assets by any of their names. Keys are canonical: lower case,
// without the dot at the end, addresses in their shortest form.
type names struct {
	exact map[string]int     // names as they were written down
	short map[string]int     // first labels of full names, or ambiguous
	addrs map[netip.Addr]int // addresses
	full  map[string]bool    // first labels of which some asset gives the full name
}

func newNames(assets []AssetOptions) *names {
	n := &names{
		exact: map[string]int{}, short: map[string]int{}, addrs: map[netip.Addr]int{}, full: map[string]bool{},
	}
	for i := range assets {
		n.add(assets[i].Name, i)
		for _, alias := range assets[i].Aliases {
			n.add(alias, i)
		}
	}
	return n
}

func (n *names) add(name string, asset int) {
	key := canonical(name)
	n.exact[key] = asset
	if addr, ok := parseAddr(name); ok {
		n.addrs[addr] = asset
		return
	}
	first, _, dotted := strings.Cut(key, ".")
	if dotted {
		n.full[first] = true
	}
	if other, ok := n.short[first]; ok && other != asset {
		asset = ambiguous
	}
	n.short[first] = asset
}

// find returns the asset that name stands for, in this order: a name that was
// written down; an address; the short form of a full name that was written
// down; and, for a full name nobody wrote down, its short form, as long as that
// is one asset's and no full name is known for it that would contradict.
func (n *names) find(name string) (int, bool) {
	if i, ok := n.exact[name]; ok {
		return i, true
	}
	var room [maxAliasLength + 1]byte
	key, ok := lower(room[:0], name)
	if !ok {
		return 0, false
	}
	if i, ok := n.exact[string(key)]; ok {
		return i, true
	}
	if addr, ok := parseAddr(name); ok {
		i, ok := n.addrs[addr]
		return i, ok
	}
	for dot, c := range key {
		if c != '.' {
			continue
		}
		if n.full[string(key[:dot])] {
			return 0, false
		}
		key = key[:dot]
		break
	}
	i, ok := n.short[string(key)]
	return i, ok && i != ambiguous
}

// lower appends the canonical form of name to room. It is false for what is no
// name: nothing, or more than fits.
func lower(room []byte, name string) ([]byte, bool) {
	if n := len(name); n > 0 && name[n-1] == '.' {
		name = name[:n-1]
	}
	if name == "" || len(name) > cap(room) {
		return nil, false
	}
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		room = append(room, c)
	}
	return room, true
}

func canonical(name string) string {
	if addr, ok := parseAddr(name); ok {
		return addr.String()
	}
	key, _ := lower(make([]byte, 0, len(name)), name)
	return string(key)
}

// parseAddr reads an address without the cost of an error for what is plainly
// a name.
func parseAddr(s string) (netip.Addr, bool) {
	separators := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		case c == '.', c == ':':
			separators++
		default:
			return netip.Addr{}, false
		}
	}
	if separators < 2 {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return plain(addr), true
}
