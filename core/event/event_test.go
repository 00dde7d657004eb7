package event_test

import (
	"net/netip"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"penstock/core/event"
)

// addrs lets cmp compare addresses, whose fields it cannot see.
var addrs = cmpopts.EquateComparable(netip.Addr{})

func TestFirstFieldStands(t *testing.T) {
	var ev event.Event
	ev.Set(event.KeyPeer, "203.0.113.9", event.Observed)
	ev.Set(event.KeyPeer, "198.51.100.1", event.Claimed)
	ev.Set(event.KeyUser, "", event.Claimed)
	f, ok := ev.Field(event.KeyPeer)
	if !ok || f.Value != "203.0.113.9" || f.Origin != event.Observed {
		t.Errorf("Field() = %+v, %v, want the observed one that was set first", f, ok)
	}
	if _, ok := ev.Field(event.KeyUser); ok {
		t.Error("an empty value became a field")
	}
}

func TestResetKeepsNothing(t *testing.T) {
	ev := event.Event{Seq: 1, Host: "gw1", Message: "x", Clamped: true, Severity: event.High}
	ev.Set(event.KeyUser, "root", event.Claimed)
	ev.Reset()
	if diff := cmp.Diff(event.Event{Level: event.LevelUnknown, Fields: []event.Field{}}, ev, addrs); diff != "" {
		t.Errorf("after Reset (-want +got):\n%s", diff)
	}
}

func TestCloneSharesNoMemory(t *testing.T) {
	buffer := strings.Repeat("x", 100)
	ev := event.Event{Source: buffer[0:5], Host: buffer[5:9], Message: buffer[10:20], Raw: buffer[20:30], Cursor: event.Cursor(buffer[30:40])}
	ev.Set(buffer[40:44], buffer[50:60], event.Observed)
	c := ev.Clone()
	if diff := cmp.Diff(&ev, c, addrs); diff != "" {
		t.Errorf("Clone() (-want +got):\n%s", diff)
	}
	from := uintptr(unsafe.Pointer(unsafe.StringData(buffer)))
	for _, s := range []string{c.Source, c.Host, c.Message, c.Raw, string(c.Cursor), c.Fields[0].Key, c.Fields[0].Value} {
		if at := uintptr(unsafe.Pointer(unsafe.StringData(s))); at >= from && at < from+uintptr(len(buffer)) {
			t.Errorf("%q of the clone lies in the buffer of the original", s)
		}
	}
	ev.Fields[0].Value = "changed"
	if c.Fields[0].Value == "changed" {
		t.Error("the clone shares the original's fields")
	}
}

// word is what every closed list of this package offers.
type word interface {
	String() string
	MarshalText() ([]byte, error)
}

func TestWordsGoThereAndBack(t *testing.T) {
	var all []word
	for s := event.None; s <= event.Critical; s++ {
		all = append(all, s)
	}
	for z := event.ZoneUnknown; z <= event.ZoneOT; z++ {
		all = append(all, z)
	}
	for tr := event.Unauthenticated; tr <= event.Local; tr++ {
		all = append(all, tr)
	}
	for _, c := range event.Classes() {
		all = append(all, c)
	}
	all = append(all, event.ClassNone, event.Claimed, event.Observed)
	for _, w := range all {
		text, err := w.MarshalText()
		if err != nil || string(text) != w.String() {
			t.Errorf("%s: MarshalText() = %q, %v", w, text, err)
		}
		if back := parse(t, w, strings.ToUpper(string(text))); back != w {
			t.Errorf("%s came back as %v", w, back)
		}
	}
}

func parse(t *testing.T, like word, text string) word {
	t.Helper()
	var err error
	var got word
	switch like.(type) {
	case event.Severity:
		var v event.Severity
		err = v.UnmarshalText([]byte(text))
		got = v
	case event.Zone:
		var v event.Zone
		err = v.UnmarshalText([]byte(text))
		got = v
	case event.Trust:
		var v event.Trust
		err = v.UnmarshalText([]byte(text))
		got = v
	case event.Class:
		var v event.Class
		err = v.UnmarshalText([]byte(text))
		got = v
	case event.Origin:
		var v event.Origin
		err = v.UnmarshalText([]byte(text))
		got = v
	}
	if err != nil {
		t.Errorf("UnmarshalText(%q): %v", text, err)
	}
	return got
}

func TestWordsThatAreNone(t *testing.T) {
	var s event.Severity
	if err := s.UnmarshalText([]byte("urgent")); err == nil || err.Error() != `"urgent" is not a severity (none, Low, Medium, High, Critical)` {
		t.Errorf("UnmarshalText(urgent): %v", err)
	}
	if text := event.Severity(77).String(); text != "invalid(77)" {
		t.Errorf("String() of no severity = %q", text)
	}
	if _, err := event.Class(77).MarshalText(); err == nil {
		t.Error("MarshalText() of no class gives no error")
	}
}
