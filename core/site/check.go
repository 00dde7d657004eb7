package site

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
)

const (
	maxNameLength  = 32
	maxAliasLength = 253 // a full DNS name
)

// Check reports everything that is wrong with the options. The path of a
// problem is relative to the section, for instance assets[2].zone.
func (o *Options) Check(problem func(path, text string)) {
	checkWord(problem, "name", o.Name)
	checkWord(problem, "worker", o.Worker)
	if _, err := time.LoadLocation(o.Timezone); err != nil || o.Timezone == "" {
		problem("timezone", fmt.Sprintf("%q is not a time zone (such as Europe/Vienna, UTC or Local)", o.Timezone))
	}
	if !slices.Contains(Languages(), o.Language) {
		problem("language", fmt.Sprintf("%q is not a language (%s)", o.Language, strings.Join(Languages(), ", ")))
	}
	o.checkZones(problem)
	o.checkAssets(problem)
	o.checkProtected(problem)
	for i, n := range o.Blockable {
		checkNarrow(problem, fmt.Sprintf("blockable[%d]", i), n)
	}
	for i, s := range o.KnownScanners {
		path := fmt.Sprintf("known_scanners[%d]", i)
		if !s.Address.IsValid() {
			problem(path+".address", "is missing: the scanner's address or network")
			continue
		}
		checkNarrow(problem, path+".address", s.Address)
	}
	for i := range o.Contacts {
		o.Contacts[i].check(problem, fmt.Sprintf("contacts[%d]", i))
	}
}

func checkWord(problem func(path, text string), path, word string) {
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)
	}
	switch {
	case word == "":
		problem(path, "is missing")
	case len(word) > maxNameLength:
		problem(path, fmt.Sprintf("%.40q is longer than %d characters", word, maxNameLength))
	case strings.IndexFunc(word, func(r rune) bool { return !legal(r) }) >= 0:
		problem(path, fmt.Sprintf("%q may hold only letters a-z, digits, . _ and -, because it is part of case ids", word))
	}
}

// checkNarrow refuses a network that is every address there is.
func checkNarrow(problem func(path, text string), path string, n Network) {
	if n.IsValid() && n.Bits() == 0 {
		problem(path, fmt.Sprintf("%q means every address: name the networks", n))
	}
}

func (o *Options) checkZones(problem func(path, text string)) {
	first := map[netip.Prefix]string{}
	o.Zones.each(func(path string, _ event.Zone, networks []Network) {
		for i, n := range networks {
			here := fmt.Sprintf("%s[%d]", path, i)
			if earlier, ok := first[n.Prefix]; ok {
				problem(here, fmt.Sprintf("%s is there already, as %s", n, earlier))
				continue
			}
			first[n.Prefix] = here
			checkNarrow(problem, here, n)
		}
	})
}

// checkAssets also refuses a name that belongs to two assets: only what is not
// written down, like the short form of a full name, may be ambiguous.
func (o *Options) checkAssets(problem func(path, text string)) {
	owner := map[string]int{}
	claim := func(path, name string, asset int) {
		if len(name) > maxAliasLength {
			problem(path, fmt.Sprintf("%.40q... is longer than %d characters", name, maxAliasLength))
			return
		}
		if strings.Contains(name, "/") {
			problem(path, fmt.Sprintf("%q is not a name or an address: networks belong under zones", name))
			return
		}
		key := canonical(name)
		if key == "" {
			problem(path, "is empty")
			return
		}
		if other, taken := owner[key]; taken && other != asset {
			problem(path, fmt.Sprintf("%q already belongs to asset %q: one name, one asset", name, o.Assets[other].Name))
			return
		}
		owner[key] = asset
	}
	for i := range o.Assets {
		a, path := &o.Assets[i], fmt.Sprintf("assets[%d]", i)
		if a.Name == "" {
			problem(path+".name", "is missing")
		} else {
			claim(path+".name", a.Name, i)
		}
		for j, alias := range a.Aliases {
			claim(fmt.Sprintf("%s.aliases[%d]", path, j), alias, i)
		}
		if len(a.Note) > MaxNote || strings.ContainsAny(a.Note, "\r\n") {
			problem(path+".note", fmt.Sprintf("is longer than one line of %d bytes", MaxNote))
		}
		if a.Critical && a.Test {
			problem(path+".test", "an asset cannot be both critical and test")
		}
	}
}

func (o *Options) checkProtected(problem func(path, text string)) {
	names := newNames(o.Assets)
	for i, host := range o.Protected.Hosts {
		if _, ok := names.find(host); !ok {
			problem(fmt.Sprintf("protected.hosts[%d]", i),
				fmt.Sprintf("%q is no asset's name: list it under assets, or its address under protected.networks", host))
		}
	}
	for i, user := range o.Protected.Users {
		if strings.Contains(strings.TrimSuffix(user, "*"), "*") || strings.TrimSuffix(user, "*") == "" {
			problem(fmt.Sprintf("protected.users[%d]", i),
				fmt.Sprintf("%q is not an account name (* may stand at the end, as in svc-*)", user))
		}
	}
}

func (c *Contact) check(problem func(path, text string), path string) {
	if c.Name == "" {
		problem(path+".name", "is missing")
	}
	if c.Phone == "" && c.Mail == "" {
		problem(path, "needs a phone or a mail: this contact cannot be reached")
	}
	if c.Mail != "" && (strings.Count(c.Mail, "@") != 1 || strings.ContainsAny(c.Mail, " \t\r\n")) {
		problem(path+".mail", fmt.Sprintf("%q is not a mail address", c.Mail))
	}
	digits := strings.IndexFunc(c.Phone, func(r rune) bool { return r >= '0' && r <= '9' })
	if c.Phone != "" && digits < 0 {
		problem(path+".phone", fmt.Sprintf("%q is not a phone number", c.Phone))
	}
}
