package app

import (
	"penstock/core/decode"
	"penstock/core/event"
	"penstock/core/intake"
)

// decoders turns chunks into events. It is used by one goroutine.
type decoders struct {
	engine *Engine
	clocks map[string]decode.Clock               // where streams stopped before
	byName map[string]map[string]*decode.Decoder // by stream, then by source: several share a lane of the spool
	last   map[string]*decode.Decoder            // by stream: the one that decoded last
	free   chan []event.Event
}

func newDecoders(e *Engine, clocks map[string]decode.Clock) *decoders {
	return &decoders{engine: e, clocks: clocks, byName: map[string]map[string]*decode.Decoder{}, last: map[string]*decode.Decoder{}, free: make(chan []event.Event, 8)}
}

// of returns the decoder of a stream.
func (d *decoders) of(s intake.Source, stream string) *decode.Decoder {
	dec := d.byName[stream][s.Name]
	if dec == nil {
		dec = decode.New(d.engine.liveOptions(s, d.clocks[stream]))
		if d.byName[stream] == nil {
			d.byName[stream] = map[string]*decode.Decoder{}
		}
		d.byName[stream][s.Name] = dec
	}
	if last := d.last[stream]; last != nil && last != dec {
		dec.SetClock(last.Clock()) // the time is the stream's
	}
	d.last[stream] = dec
	return dec
}

// forget drops the decoders of a stream that has come to its end.
func (d *decoders) forget(stream string) {
	delete(d.byName, stream)
	delete(d.last, stream)
}

// room returns an empty list of events, one that was used before where there is one.
func (d *decoders) room() []event.Event {
	select {
	case events := <-d.free:
		return events[:0]
	default:
		return make([]event.Event, 0, parcelEvents)
	}
}

// putBack gives the room of a parcel back.
func (d *decoders) putBack(p *parcel) {
	select {
	case d.free <- p.events:
	default: // there is enough
	}
}

// liveOptions returns how to decode a source that is followed.
func (e *Engine) liveOptions(s intake.Source, clock decode.Clock) decode.Options {
	o := decode.Options{
		Source: s.Name, Trust: s.Trust, Host: s.Host, Location: e.location(s), Clock: clock, Claimed: !s.TakesEvents(),
	}
	if s.Kind == intake.KindZabbix {
		o.Zabbix = e.own.zabbix()
	}
	return o
}
