package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

func FuzzSaved(f *testing.F) {
	f.Add([]byte(`{"seq":1,"decision":"forward","case":"c","severity":"High","reasons":["a"]}` + "\n"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		v := newVerdicts([]uint64{1, 2, 5})
		if err := Saved(bytes.NewReader(data), "f")(context.Background(), "", nil, v.take); err == nil {
			_ = v.complete()
		}
	})
}

func FuzzStreamEvent(f *testing.F) {
	f.Add([]byte(streamEvent))
	f.Add([]byte(`{"ts":1e400}`))
	f.Add([]byte(`{"seq":18446744073709551615,"ts":-1.5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &streamData{}
		for range 2 {
			if d.event(1, data) != nil {
				return
			}
		}
		t.Errorf("the same event was taken twice: %q", data)
	})
}

// FuzzAlertEvent holds that whatever a detector calls an alert, the program
// under test reads it back, on one line.
func FuzzAlertEvent(f *testing.F) {
	f.Add("scan", "10.0.0.1")
	f.Add("a\nb\"\\", "\x00\xff")
	f.Fuzz(func(t *testing.T, name, ip string) {
		name, ip = strings.ToValidUTF8(name, "?"), strings.ToValidUTF8(ip, "?")
		r := &alertReader{scenario: &scenario{seqs: []uint64{1}, alerts: []alert{{name: name, ip: ip}}}}
		r.render()
		line := bytes.TrimSuffix(r.line, []byte("\n"))
		var e struct{ Name, IP string }
		if err := json.Unmarshal(line, &e); err != nil || e.Name != name || e.IP != ip || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("%q, %q became %s: %v", name, ip, line, err)
		}
	})
}

func FuzzLabels(f *testing.F) {
	f.Add([]byte(toyAlertLabels))
	f.Add([]byte("seq,event_label,instance,severity\n\"1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := writeFiles(t, map[string]string{"a.alerts.csv": toyAlerts, "a.labels.csv": string(data)})
		if s, err := loadScenario(dir, "a"); err == nil {
			score("a", count(s, make([]verdict, len(s.alerts))))
		}
	})
}

func FuzzFolded(f *testing.F) {
	f.Add(" a  <*> <*>\t<*>b ")
	f.Fuzz(func(t *testing.T, template string) {
		once := folded(template)
		if twice := folded(once); twice != once {
			t.Errorf("%q is folded to %q and then to %q", template, once, twice)
		}
	})
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[2Jb\u202e\t\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range printable(s) {
			if !unicode.IsPrint(r) {
				t.Errorf("%q became %q", s, printable(s))
			}
		}
	})
}

// FuzzTriageEvent holds that whatever a detector logged, the program under test
// reads it back from the line and from the alert, and reads no level.
func FuzzTriageEvent(f *testing.F) {
	f.Add([]byte(`{"id":"e","full_log":"a\nb","rule":{"level":12,"mitre":["T1"]}}`))
	f.Add([]byte(`{"id":"e","full_log":"\u0000","decoder":"d"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &triageData{}
		if d.event(1, data) != nil {
			return
		}
		var alert struct {
			FullLog string `json:"full_log"`
			Rule    struct{ Level *int }
		}
		line := d.lines[0].Files[0].Lines[0]
		err := json.Unmarshal([]byte(d.alerts[0].Files[0].Lines[0]), &alert)
		if err != nil || alert.FullLog != line || alert.Rule.Level != nil {
			t.Errorf("%q became %q and %+v: %v", data, line, alert, err)
		}
	})
}

func FuzzExcerpt(f *testing.F) {
	f.Add([]byte(`{"id":"a","files":[{"host":"h","path":"p","lines":["x"]}]}`))
	f.Add([]byte(`{"id":"a","files":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &injectionData{}
		if d.excerpt(1, data) == nil && (d.excerpts[0].ID == "" || len(d.excerpts[0].Files) == 0) {
			t.Errorf("%q became %+v", data, d.excerpts[0])
		}
	})
}
