package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"penstock/core/event"
)

// candidate is one asset to propose: a name, with the addresses it came from.
type candidate struct {
	name      string
	addresses []string
	first     *hostSeen
	events    int
}

// printUnmatched writes entries for site.assets, each name once. Names come out
// of logs, so they are written as quoted strings, which hold anything.
func printUnmatched(w io.Writer, found []*hostSeen) error {
	var b strings.Builder
	proposals, relays := propose(found)
	if len(found) == 0 {
		b.WriteString("# every host in these logs is an asset of the site\n")
	}
	if len(proposals) > 0 {
		fmt.Fprintf(&b, "# %s not listed; check each, then paste it under site: assets:\n", count(len(proposals), "host"))
	}
	for _, relay := range relays {
		fmt.Fprintf(&b, "    # %s sends lines of several hosts: if it passes on logs, list it with roles: [relay]\n", relay)
	}
	for _, h := range found {
		if h.Name == "" && h.Address == "" {
			fmt.Fprintf(&b, "    # %s in %s without a host: say whose they are under sources, with the key host\n",
				count(h.Events, "event"), plainText(h.Source))
		}
		if h.Disputed {
			fmt.Fprintf(&b, "    # %s calls itself %s, which is another asset's name (%s): add the address to that asset, or look who this is\n",
				h.Address, quoted(h.Name), count(h.Events, "event"))
		}
	}
	for _, p := range proposals {
		fmt.Fprintf(&b, "    # %s, first in %s: %s\n", count(p.events, "event"), plainText(p.first.Source), p.first.Example)
		fmt.Fprintf(&b, "    - name: %s\n", quoted(p.name))
		if len(p.addresses) > 0 {
			fmt.Fprintf(&b, "      aliases: [%s]\n", strings.Join(p.addresses, ", "))
		}
		if p.first.Zone == event.ZoneUnknown {
			b.WriteString("      # zone: it, dmz or ot\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// propose joins what has one name, in any case. An address that several names
// came from belongs to none of them: it is returned as a relay.
func propose(found []*hostSeen) (proposals []*candidate, relays []string) {
	names := map[string]map[string]bool{} // address: the names that came from it
	byName := map[string]*candidate{}
	for _, h := range found {
		name := plainText(cmp.Or(h.Name, h.Address))
		key := nameKey(name)
		if h.Disputed || key == "" || strings.Contains(key, "/") {
			continue
		}
		p := byName[key]
		if p == nil {
			p = &candidate{name: name, first: h}
			byName[key] = p
			proposals = append(proposals, p)
		}
		p.events += h.Events
		if h.Address == "" {
			continue
		}
		if names[h.Address] == nil {
			names[h.Address] = map[string]bool{}
		}
		names[h.Address][key] = true
		if address := quoted(h.Address); nameKey(h.Address) != key && !slices.Contains(p.addresses, address) {
			p.addresses = append(p.addresses, address)
		}
	}
	for _, h := range found {
		if len(names[h.Address]) > 1 && !slices.Contains(relays, h.Address) {
			relays = append(relays, h.Address)
		}
	}
	for _, p := range proposals {
		p.addresses = slices.DeleteFunc(p.addresses, func(quotedAddress string) bool {
			return slices.ContainsFunc(relays, func(r string) bool { return quoted(r) == quotedAddress })
		})
	}
	return proposals, relays
}

// nameKey is what two spellings of one name have in common.
func nameKey(name string) string {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Unmap().WithZone("").String()
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

// quoted is text as a quoted string that YAML and JSON read alike.
func quoted(text string) string {
	data, err := json.Marshal(plainText(strings.ToValidUTF8(text, "?")))
	if err != nil {
		return `""`
	}
	return string(data)
}
