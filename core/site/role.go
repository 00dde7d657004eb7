package site

import "penstock/core/event"

// Role is what an asset does for others. Every role but RoleServer protects the
// asset: it is never the target of an automatic action.
type Role uint8

const (
	RoleServer          Role = iota // serves, and may be contained like any other host
	RoleGateway                     // routes or filters traffic between networks
	RoleNAT                         // many hosts hide behind its address
	RoleVPN                         // remote access ends here
	RoleDNS                         // answers names
	RoleTime                        // gives the time
	RoleDirectory                   // knows the users
	RoleZabbix                      // Zabbix server or proxy
	RoleWazuh                       // Wazuh manager or indexer
	RolePenstock                    // a worker of ours
	RoleRelay                       // passes on other hosts' logs: the name in the line counts, not its address
	RoleSCADA                       // supervises the process
	RoleHistorian                   // keeps the process data
	RoleOperatorStation             // a person steers from here
	RoleController                  // moves something: PLC, RTU, telemetry unit
)

var roleWords = event.Words{
	"server", "gateway", "nat", "vpn", "dns", "time", "directory", "zabbix", "wazuh", "penstock",
	"relay", "scada", "historian", "operator-station", "controller",
}

// String returns the role's word, for instance operator-station.
func (r Role) String() string { return roleWords.Text(int(r)) }

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return roleWords.Marshal("role", int(r)) }

// UnmarshalText accepts the words of String in any case.
func (r *Role) UnmarshalText(text []byte) error {
	i, err := roleWords.Parse("a role", text)
	*r = Role(i)
	return err
}

// protects says whether an asset with this role is never a target.
func (r Role) protects() bool { return r != RoleServer }
