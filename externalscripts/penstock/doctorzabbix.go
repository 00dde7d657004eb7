package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"time"

	"penstock/core/zabbix"
	"penstock/core/zabbix/setup"
)

// Bounds of what doctor asks of Zabbix.
const (
	zabbixWithin = 30 * time.Second // all questions to the API
	dialWithin   = 5 * time.Second  // one connection
)

const (
	setupHint = "sudo penstock setup zabbix --plan --user Admin; --apply in the place of --plan makes what is missing"
	reachHint = "see whether a Zabbix server or proxy listens there, and whether a firewall lets this machine through"
)

// zabbix looks whether Zabbix can be reached, and whether it allows what the worker
// does there.
func (d *doctor) zabbix(ctx context.Context) {
	o := &d.config.Zabbix
	if o.Host == "" && o.API.URL == "" {
		return
	}
	for _, path := range o.Paths() {
		d.zabbixFile(*path)
	}
	if o.Host != "" && o.Send.Way == zabbix.Sender {
		for _, address := range o.Send.To {
			d.dial(ctx, address, min(o.Send.Timeout, dialWithin))
		}
	}
	if o.API.URL != "" {
		ctx, cancel := context.WithTimeout(ctx, zabbixWithin)
		defer cancel()
		d.zabbixAPI(ctx)
	}
}

// zabbixFile looks whether the worker may read one of the files that are named.
func (d *doctor) zabbixFile(path string) {
	if path == "" {
		return
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		d.tell(fmt.Sprintf("a file that the section zabbix names cannot be looked at: %v", err), "check its path in the configuration; `penstock setup zabbix` writes zabbix.api.token_file")
	case !d.may(path, info, 4):
		d.tell(fmt.Sprintf("%s cannot read %s", d.name, path), "sudo setfacl -m u:%s:r %s", d.name, path)
	}
}

// dial looks whether somebody listens where values are sent.
func (d *doctor) dial(ctx context.Context, address string, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		d.tell(fmt.Sprintf("zabbix.send.to %s cannot be reached: %v", address, err), reachHint)
		return
	}
	_ = conn.Close() // that it came about was the question
}

func (d *doctor) zabbixAPI(ctx context.Context) {
	o := &d.config.Zabbix
	api, err := zabbix.OpenAPI(o.API)
	if err != nil {
		d.tell(err.Error(), "check the section zabbix.api of the configuration")
		return
	}
	defer api.Close()
	version, err := api.Version(ctx)
	if err != nil {
		d.tell(err.Error(), "check zabbix.api.url, and whether the frontend of Zabbix runs; Penstock needs 6.0 or later")
		return
	}
	if o.Send.Way == zabbix.Push && !version.AtLeast(7, 0) {
		d.tell(fmt.Sprintf("zabbix.send.way is push, which Zabbix %s does not know: it came with 7.0", version), "set zabbix.send.way to sender")
	}
	var said *zabbix.APIError
	hosts, err := api.Hosts(ctx)
	if err != nil && !errors.As(err, &said) && !errors.Is(err, zabbix.ErrMore) {
		d.tell(err.Error(), "")
		return
	}
	var there []string
	if said == nil {
		there = d.zabbixHosts(hosts, errors.Is(err, zabbix.ErrMore))
	}
	missing, err := setup.Rights(ctx, api, there...)
	if err != nil {
		d.tell(err.Error(), "")
		return
	}
	d.rights(missing, said)
}

// zabbixHosts looks whether the hosts that the configuration names show cases, and
// returns those that are there. more says that not all hosts are known.
func (d *doctor) zabbixHosts(all []zabbix.HostInfo, more bool) (there []string) {
	o := &d.config.Zabbix
	names := slices.AppendSeq([]string{o.Host}, maps.Values(o.Hosts))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		i := slices.IndexFunc(all, func(h zabbix.HostInfo) bool { return h.Name == name })
		switch {
		case name == "" || i < 0 && more:
			continue
		case i < 0:
			d.tell(fmt.Sprintf("Zabbix has no host with the technical name %q, or the worker's user does not see it", name), setupHint)
			continue
		case !all[i].Takes:
			d.tell(fmt.Sprintf("host %q in Zabbix has no enabled item %s, so that it shows no cases", name, zabbix.KeyTransition), setupHint)
		case !all[i].Monitored:
			d.tell(fmt.Sprintf("host %q is disabled in Zabbix, so that it shows no cases", name), "enable it there")
		}
		there = append(there, name)
	}
	return there
}

// rights tells of each right that is missing; where there is none at all, said tells
// why, which is no matter of rights.
func (d *doctor) rights(missing []setup.Missing, said *zabbix.APIError) {
	lacks := func(right string) bool {
		return slices.ContainsFunc(missing, func(m setup.Missing) bool { return m.Right == right })
	}
	if said != nil && lacks("host.get") && lacks("event.get") && lacks("problem.get") {
		d.tell(fmt.Sprintf("Zabbix lets the worker do nothing: %v", said), "see whether the token is that of a user that is enabled, and has not expired; "+setupHint)
		return
	}
	for _, m := range missing {
		if m.Right == "history.push" && d.config.Zabbix.Send.Way != zabbix.Push {
			continue // it is not used
		}
		d.tell(fmt.Sprintf("Zabbix does not allow the worker %s: it %s", m.Right, m.Why), setupHint)
	}
	if said != nil && len(missing) == 0 {
		d.tell(said.Error(), "")
	}
}
