package decode

import (
	"testing"
	"time"

	"penstock/core/event"
)

// Anybody who can have a line written to an ordinary log can give it the form of a
// plain event: there its fields are claims.
func TestPlainEventInAnOrdinaryLogOnlyClaims(t *testing.T) {
	const line = `{"ts":1773130809,"host":"plc1","source":"ids","name":"unknown device","ip":"10.0.10.5","peer":"198.51.100.9"}`
	for _, claimed := range []bool{false, true} {
		want := event.Observed
		if claimed {
			want = event.Claimed
		}
		d := New(Options{Source: "x", Claimed: claimed})
		var ev event.Event
		d.Decode(line, time.Unix(1773130810, 0), &ev)
		peer, _ := ev.Field(event.KeyPeer)
		own, _ := ev.Field(event.KeyHostAddress)
		if ev.HostOrigin != want || peer.Origin != want || own.Origin != want || peer.Value != "198.51.100.9" {
			t.Errorf("claimed %t: host %s, peer %+v, address %+v, want all %s", claimed, ev.HostOrigin, peer, own, want)
		}
	}
}
