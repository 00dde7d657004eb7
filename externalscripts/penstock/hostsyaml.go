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
	"penstock/core/pipeline"
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
func printUnmatched(w io.Writer, found []*hostSeen, language string) error {
	var b strings.Builder
	proposals, relays := propose(found)
	note := func(indent string, t pipeline.Text, values ...string) {
		b.WriteString(indent + "# " + say(t, language, values...) + "\n")
	}
	events := func(n int) string { return pipeline.EventCount(n, language) }
	if len(found) == 0 {
		note("", hostAllKnown)
	}
	if len(proposals) > 0 {
		note("", hostToPaste, "count", pipeline.Number(len(proposals), language))
	}
	for _, relay := range relays {
		note("    ", hostRelay, "address", relay)
	}
	for _, h := range found {
		if h.Name == "" && h.Address == "" {
			note("    ", hostOfFile, "events", events(h.Events), "source", plainText(h.Source))
		}
		if h.Disputed {
			note("    ", hostCallsItself, "address", h.Address, "name", quoted(h.Name), "events", events(h.Events))
		}
	}
	for _, p := range proposals {
		note("    ", hostFirstIn, "events", events(p.events), "source", plainText(p.first.Source), "example", p.first.Example)
		fmt.Fprintf(&b, "    - name: %s\n", quoted(p.name))
		if len(p.addresses) > 0 {
			fmt.Fprintf(&b, "      aliases: [%s]\n", strings.Join(p.addresses, ", "))
		}
		if p.first.Zone == event.ZoneUnknown {
			note("      ", hostZone)
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
