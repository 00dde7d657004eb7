package pattern

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMask(t *testing.T) {
	tests := []struct {
		name, message, want string
		spans               []Span
	}{
		{"+ constant", "ready to go", "ready to go", nil},
		{"+ white space folded", "  a \t b  ", "a b", nil},
		{"+ number", "took 17 ms", "took <*> ms", []Span{{Number, 5, 7}}},
		{"+ sign, fraction, percent", "-1 +2.5 93%", "<*>", []Span{{Number, 0, 2}, {Number, 3, 7}, {Number, 8, 11}}},
		{"+ sign after a mark", "auto=-1", "auto=<*>", []Span{{Number, 5, 7}}},
		{"+ unit in the number", "126908k/129720k free", "<*>/<*> free", []Span{{Number, 0, 7}, {Number, 8, 15}}},
		{"+ hexadecimal", "at 0x1f and 9f4ef63.", "at <*> and <*>.", []Span{{Hex, 3, 7}, {Hex, 12, 19}}},
		{"+ word of hexadecimal letters", "dead face", "dead face", nil},
		{"+ address", "from 192.0.2.1.", "from <*>.", []Span{{Address, 5, 14}}},
		{"+ endpoint", "to /192.0.2.1:443,", "to <*>:<*>,", []Span{{Address, 4, 13}, {Number, 14, 17}}},
		{"+ network", "10.0.0.0/8", "<*>", []Span{{Address, 0, 10}}},
		{"- too large for an address", "300.0.2.1", "<*>", []Span{{Number, 0, 9}}},
		{
			"+ IPv6", "from fe80::1 and ::1 to 2001:db8::17", "from <*> and <*> to <*>",
			[]Span{{Address, 5, 12}, {Address, 17, 20}, {Address, 24, 36}},
		},
		{"+ name with colons", "foo::bar", "foo::bar", nil},
		{"+ hardware address", "mac 00:1a:2b:3c:4d:5e up", "mac <*> up", []Span{{MAC, 4, 21}}},
		{"+ UUID", "id 123e4567-e89b-12d3-a456-426614174000", "id <*>", []Span{{UUID, 3, 39}}},
		{"+ mail", "to <a.b@example.org>", "to <<*>>", []Span{{Email, 4, 19}}},
		{"+ URL", "get https://x.test/a?b=1, then", "get https://<*>, then", []Span{{URL, 12, 24}}},
		{"+ path", "read /var/log/a.log: done", "read <*>: done", []Span{{Path, 5, 19}}},
		{"+ drive", `open C:\temp\a.txt`, "open <*>", []Span{{Path, 5, 18}}},
		{"+ lone slash", "a / b", "a / b", nil},
		{"+ host and port", "plc-1.site.test:502 open", "<*>:<*> open", []Span{{Address, 0, 15}, {Number, 16, 19}}},
		{"+ host with its address", "plc-1.site/192.0.2.1:502", "<*>/<*>:<*>", []Span{{Address, 0, 10}, {Address, 11, 20}, {Number, 21, 24}}},
		{"+ source line", "Main.java:17", "Main.java:<*>", []Span{{Number, 10, 12}}},
		{"+ clock", "at 12:00:01.5", "at <*>:<*>:<*>", []Span{{Time, 3, 13}}},
		{"+ short clock", "lifetime 00:01", "lifetime <*>", []Span{{Duration, 9, 14}}},
		{"+ less than a unit", "lifetime <1 sec", "lifetime <*>", []Span{{Duration, 10, 15}}},
		{"+ date", "on 2026-11-21T02:00:00Z", "on <*>", []Span{{Date, 3, 23}}},
		{"+ date in words", "Sat Nov 21 2026", "<*> <*>", []Span{{Date, 0, 3}, {Date, 4, 7}, {Number, 8, 10}, {Number, 11, 15}}},
		{"+ month that is a verb", "it May rain", "it May rain", nil},
		{"+ size", "size 93.0 B, free 3 GB", "size <*>, free <*>", []Span{{Size, 5, 11}, {Size, 18, 22}}},
		{"+ size said twice", "sent 1301 bytes (1.27 KB)", "sent <*> bytes", []Span{{Number, 5, 9}}},
		{
			"+ id", "block blk_-17 in task_3 on sn369", "block <*> in <*> on <*>",
			[]Span{{ID, 6, 13}, {ID, 17, 23}, {ID, 27, 32}},
		},
		{"+ one digit stays", "ssh2 on tty1", "ssh2 on tty1", nil},
		{"+ key with digits", "r24=7", "r24=<*>", []Span{{Number, 4, 5}}},
		{"+ part of a name", "node-246 core.27323", "node-<*> core.<*>", []Span{{Number, 5, 8}, {Number, 14, 19}}},
		{
			"+ values", "ok=true user root x:False", "ok=<*> user <*> x:<*>",
			[]Span{{Value, 3, 7}, {Value, 13, 17}, {Value, 20, 25}},
		},
		{"+ control characters", "a\x01b\x1c\x7fc", "a b c", nil},
		{"+ not UTF-8", "a \xff\xfe 7", "a \xff\xfe <*>", []Span{{Number, 5, 6}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m masker
			m.mask(tt.message)
			if diff := cmp.Diff(tt.want, tidy(string(render(nil, m.buf)))); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.spans, m.spans); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQuotedTextIsOneWord(t *testing.T) {
	var m masker
	m.mask(`tag="view lock", can't stop`)
	if got := split(nil, string(m.buf)); len(got) != 3 {
		t.Errorf("words %q", got)
	}
}

func TestMaskIsBounded(t *testing.T) {
	var m masker
	m.mask(strings.Repeat("1 x ", 1<<20))
	if len(m.buf) > maxMessage+2 || len(m.spans) != maxSpans {
		t.Errorf("%d bytes, %d spans", len(m.buf), len(m.spans))
	}
	if got := split(nil, string(m.buf)); len(got) != maxWords+1 {
		t.Errorf("%d words", len(got))
	}
}

func FuzzMask(f *testing.F) {
	for _, s := range append(samples(), "a\x1d\"b c\" <1 sec ::1 -", "1.2.3.4:5:6:7::", "C:\\", "x@y.z", "://", "<*>") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, message string) {
		var m masker
		m.mask(message)
		if len(m.buf) > min(len(message), maxMessage)+2 {
			t.Fatalf("%d bytes of %d", len(m.buf), len(message))
		}
		at := 0
		for _, s := range m.spans {
			if s.Kind.String() == "" || s.Start < at || s.End <= s.Start || s.End > len(message) {
				t.Fatalf("span %+v after %d in %d bytes", s, at, len(message))
			}
			at = s.End
		}
		for i, c := range m.buf {
			if c < ' ' && !isCode(c) && c != innerSpace || c == 0x7f {
				t.Fatalf("byte %#x at %d of %q", c, i, m.buf)
			}
		}
		first := string(m.buf)
		if m.mask(message); string(m.buf) != first {
			t.Fatalf("%q, then %q", first, m.buf)
		}
	})
}

func FuzzLearn(f *testing.F) {
	f.Add("a 1\nb 2\na 3\n'x y' z\nk=v\nk=w")
	f.Add(strings.Join(samples(), "\n"))
	f.Fuzz(func(t *testing.T, text string) {
		m := New(small())
		for i, line := range strings.Split(text, "\n") {
			match := m.Learn(scopeOf(i), line)
			if masks(line) != "" && m.Template(match.ID) == "" {
				t.Fatalf("no template for %q", line)
			}
			if m.bytes > m.o.TotalBytes+m.o.ScopeBytes {
				t.Fatalf("%d bytes", m.bytes)
			}
		}
		if again := reload(t, m); string(snapshot(t, again)) != string(snapshot(t, m)) {
			t.Fatal("the snapshot changed on the way")
		}
	})
}

func FuzzRestore(f *testing.F) {
	m := New(small())
	for _, s := range samples() {
		m.Learn("s", s)
	}
	data := snapshot(f, m)
	f.Add(data[len(snapshotHead) : len(data)-4])
	f.Fuzz(func(t *testing.T, body []byte) {
		fresh := New(small())
		d := &decoder{buf: body, m: fresh}
		if d.miner(); d.bad {
			return
		}
		for i, s := range samples() {
			fresh.Learn(scopeOf(i), s)
		}
	})
}
