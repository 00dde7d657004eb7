package site

import (
	"penstock/core/event"
)

// Options is the section site of penstock.yaml. It is not changed after New.
type Options struct {
	Name     string `yaml:"name"`     // of the site, in case ids: letters, digits, . _ -, at most 32
	Worker   string `yaml:"worker"`   // of this worker, in case ids, the same alphabet
	Timezone string `yaml:"timezone"` // IANA name, UTC, or Local for the machine's own
	Language string `yaml:"language"` // en, es, de or fr: what people read

	Zones         Zones           `yaml:"zones"`
	Assets        []AssetOptions  `yaml:"assets"`
	Protected     ProtectedThings `yaml:"protected"`
	Blockable     []Network       `yaml:"blockable"` // private networks whose addresses may be blocked
	KnownScanners []Scanner       `yaml:"known_scanners"`
	Contacts      []Contact       `yaml:"contacts"`
}

// Zones are the networks of each zone. A network inside another one counts for
// itself: the most specific decides.
type Zones struct {
	IT  []Network `yaml:"it"`
	DMZ []Network `yaml:"dmz"`
	OT  []Network `yaml:"ot"`
}

func (z Zones) each(visit func(path string, zone event.Zone, networks []Network)) {
	visit("zones.it", event.ZoneIT, z.IT)
	visit("zones.dmz", event.ZoneDMZ, z.DMZ)
	visit("zones.ot", event.ZoneOT, z.OT)
}

// MaxNote is the most bytes of a note on an asset.
const MaxNote = 300

// AssetOptions is one asset as it is written down.
type AssetOptions struct {
	Name     string       `yaml:"name"`
	Aliases  []string     `yaml:"aliases"`  // short names, full names, addresses, Wazuh agent names and ids, Zabbix host names
	Zone     event.Zone   `yaml:"zone"`     // unknown takes the zone of its addresses
	Carries  []event.Zone `yaml:"carries"`  // zones whose traffic passes through it
	Roles    []Role       `yaml:"roles"`    // any but server protects it
	Critical bool         `yaml:"critical"` // safety, control, or the only one of its kind: severity one step up
	Test     bool         `yaml:"test"`     // a test or isolated machine: severity one step down
	Note     string       `yaml:"note"`     // what people and the model are told about it, MaxNote bytes at most
}

// ProtectedThings are never the target of an action, besides what roles protect.
type ProtectedThings struct {
	Networks []Network `yaml:"networks"`
	Hosts    []string  `yaml:"hosts"` // names of assets, or any of their aliases
	Users    []string  `yaml:"users"` // break-glass and service accounts; * at the end stands for anything
}

// Scanner is a known scanner: its probing is expected, anything else is not.
type Scanner struct {
	Address Network `yaml:"address"`
	Note    string  `yaml:"note"` // what it is, and who runs it
}

// Contact is a person or a desk to call. Empty lists mean all.
type Contact struct {
	Name    string         `yaml:"name"`
	Phone   string         `yaml:"phone"`
	Mail    string         `yaml:"mail"`
	Zones   []event.Zone   `yaml:"zones"`
	From    event.Severity `yaml:"from"` // the lowest severity to call for
	Classes []event.Class  `yaml:"classes"`
}

// DefaultOptions returns the options of a site of which nothing is known.
func DefaultOptions() Options {
	return Options{Name: "site", Worker: "w1", Timezone: "Local", Language: "en"}
}

// Languages returns the languages that people can be addressed in.
func Languages() []string { return []string{"en", "es", "de", "fr"} }
