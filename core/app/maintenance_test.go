package app

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"penstock/core/event"
	"penstock/core/site"
)

func TestMaintenanceIsOfItsHostAndItsTime(t *testing.T) {
	t.Parallel()
	o := site.DefaultOptions()
	o.Assets = []site.AssetOptions{{Name: "gateway", Zone: event.ZoneDMZ, Aliases: []string{"ot-gw1", "192.0.2.1"}}}
	s, err := site.New(o)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	m := newMaintenance(s)
	if m.announced("gateway", at) {
		t.Error("announced before anybody said so")
	}
	m.set([]Maintained{
		{Host: "OT-GW1", From: at, Till: at.Add(time.Hour)},
		{Host: "DB 1", From: at},
		{Host: "db2", From: at.Add(-2 * time.Hour), Till: at.Add(-time.Hour)},
		{Host: "db2", From: at, Till: at.Add(time.Minute)},
	})
	for _, test := range []struct {
		name, asset string
		at          time.Time
		want        bool
	}{
		{"+ the asset that the host is", "gateway", at, true},
		{"+ by an alias", "192.0.2.1", at.Add(59 * time.Minute), true},
		{"- before", "gateway", at.Add(-time.Second), false},
		{"- afterwards", "gateway", at.Add(time.Hour), false},
		{"+ a host that the site does not list", "db 1", at.Add(1000 * time.Hour), true},
		{"+ the second of two", "db2", at, true},
		{"- between the two", "db2", at.Add(-time.Minute), false},
		{"- another host", "db3", at, false},
		{"- no host", "", at, false},
	} {
		if got := m.announced(test.asset, test.at); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	m.set(nil)
	if m.announced("gateway", at) {
		t.Error("announced though Zabbix no longer says so")
	}
}

func TestMaintenanceIsBounded(t *testing.T) {
	t.Parallel()
	s, err := site.New(site.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	m := newMaintenance(s)
	many := make([]Maintained, maxMaintained+5)
	for i := range many {
		many[i].Host = fmt.Sprint("h", i)
	}
	if over := m.set(many); over != 5 || len(m.all) != maxMaintained {
		t.Errorf("%d hosts, %d over", len(m.all), over)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { m.set(many[:10]) })
		all.Go(func() { m.announced("h1", time.Now()) })
	}
	all.Wait()
}
