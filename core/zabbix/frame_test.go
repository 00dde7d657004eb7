package zabbix

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// frameOf makes a frame by hand, of any flags and lengths.
func frameOf(flags byte, travels, plain uint64, body []byte) []byte {
	frame := append([]byte("ZBXD"), flags)
	if flags&flagLarge != 0 {
		frame = binary.LittleEndian.AppendUint64(frame, travels)
		return append(binary.LittleEndian.AppendUint64(frame, plain), body...)
	}
	frame = binary.LittleEndian.AppendUint32(frame, uint32(travels))
	return append(binary.LittleEndian.AppendUint32(frame, uint32(plain)), body...)
}

func zlibOf(t testing.TB, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadFrame(t *testing.T) {
	t.Parallel()

	const most = 1000
	body := []byte(`{"response":"success"}`)
	n := uint64(len(body))
	packed := zlibOf(t, body)
	bomb := zlibOf(t, make([]byte, 100_000))
	for _, tt := range []struct {
		name  string
		frame []byte
		want  string
		err   string
	}{
		{"+ plain", frameOf(1, n, 0, body), string(body), ""},
		{"+ plain and large", frameOf(5, n, 0, body), string(body), ""},
		{"+ compressed", frameOf(3, uint64(len(packed)), n, packed), string(body), ""},
		{"+ compressed and large", frameOf(7, uint64(len(packed)), n, packed), string(body), ""},
		{"+ empty", frameOf(1, 0, 0, nil), "", ""},
		{"+ more behind it", frameOf(1, n, 0, append(bytes.Clone(body), "rubbish"...)), string(body), ""},
		{"- nothing", nil, "", "EOF"},
		{"- other protocol", []byte("HTTP/1.1 400 Bad Request\r\n"), "", `not a frame of Zabbix: begins with "HTTP/"`},
		{"- unknown flag", frameOf(9, n, 0, body), "", `begins with "ZBXD\t"`},
		{"- no protocol flag", frameOf(2, n, 0, body), "", `begins with "ZBXD\x02"`},
		{"- ends in the magic", []byte("ZBX"), "", "unexpected EOF"},
		{"- ends before the lengths", []byte("ZBXD\x01"), "", "read the lengths of a frame: unexpected EOF"},
		{"- ends in the lengths", []byte("ZBXD\x01abc"), "", "read the lengths of a frame: unexpected EOF"},
		{"- ends in the body", frameOf(1, n, 0, body[:5]), "", "5 of 22 bytes came: unexpected EOF"},
		{"- long", frameOf(1, most+1, 0, body), "", "1001 bytes, 0 unpacked, at most 1000"},
		{"- so long that it overflows", frameOf(5, 1<<63+5, 0, body), "", "at most 1000"},
		{"- long when unpacked", frameOf(3, uint64(len(packed)), most+1, packed), "", "1001 unpacked, at most 1000"},
		{"- a bomb that says so", frameOf(3, uint64(len(bomb)), 100_000, bomb), "", "100000 unpacked, at most 1000"},
		{"- a bomb that does not", frameOf(3, uint64(len(bomb)), 20, bomb), "", "it said 20 bytes and holds others"},
		{"- shorter than it said", frameOf(3, uint64(len(packed)), n+1, packed), "", "it said 23 bytes and holds others"},
		{"- not compressed", frameOf(3, n, n, body), "", "not a frame of Zabbix: zlib: invalid header"},
		{"- broken within", frameOf(3, uint64(len(packed)), n, append(bytes.Clone(packed[:8]), make([]byte, len(packed)-8)...)), "", "not a frame of Zabbix: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readFrame(bytes.NewReader(tt.frame), most)
			if diff := cmp.Diff(tt.want, string(got)); diff != "" && err == nil {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// TestFramesOfAPackerAreRead packs bodies of all sizes with one packer.
func TestFramesOfAPackerAreRead(t *testing.T) {
	t.Parallel()

	noise := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	p := newPacker()
	for _, body := range [][]byte{nil, []byte("a"), []byte(strings.Repeat("ab", 5<<20)), noise, []byte("b")} {
		frame, err := p.pack(body)
		if err != nil {
			t.Fatal(err)
		}
		if frame[4] != flagProtocol|flagZlib {
			t.Errorf("flags %d", frame[4])
		}
		r := bytes.NewReader(append(bytes.Clone(frame), "next"...))
		got, err := readFrame(r, 16<<20)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes came back as %d, %v", len(body), len(got), err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "next" {
			t.Errorf("behind a frame of %d bytes %d are left, want 4", len(body), len(rest))
		}
	}
}

// FuzzFrame takes any bytes for what a server sends: nothing larger than the most
// comes out of them, and what is read as a frame can be packed and read again.
func FuzzFrame(f *testing.F) {
	body := []byte(`{"response":"success","info":"processed: 1; failed: 0; total: 1; seconds spent: 0.000045"}`)
	packed := zlibOf(f, body)
	f.Add(frameOf(1, uint64(len(body)), 0, body))
	f.Add(frameOf(7, uint64(len(packed)), uint64(len(body)), packed))
	f.Add(frameOf(3, uint64(len(packed)), uint64(len(body)), packed)[:30])
	f.Add([]byte("HTTP/1.1 200 OK\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 16
		got, err := readFrame(bytes.NewReader(data), most)
		if err != nil {
			if got != nil {
				t.Fatalf("%d bytes beside %v", len(got), err)
			}
			return
		}
		if len(got) > most {
			t.Fatalf("%d bytes", len(got))
		}
		frame, err := newPacker().pack(got)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := readFrame(bytes.NewReader(frame), most); err != nil || !bytes.Equal(got, again) {
			t.Fatalf("%q, then %q, %v", got, again, err)
		}
	})
}

// FuzzAnswer takes any bytes for the body of an answer: either it counts all values,
// or it redirects, or nobody is sure.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"response":"success","info":"processed: 1; failed: 1; total: 2; seconds spent: 0.000045"}`), 2)
	f.Add([]byte(`{"response":"success","info":"processed: 99999999999999999999; failed: 1; total: 2; "}`), 2)
	f.Add([]byte(`{"redirect":{"revision":1,"address":"127.0.0.1:32202"},"response":"failed"}`), 1)
	f.Add([]byte(`{"redirect":{"reset":true},"response":"failed"}`), 1)
	f.Add([]byte(`{"response":"failed","info":"cannot parse as a valid JSON object: invalid escape sequence in string at: \"}`), 1)
	f.Add([]byte(`null`), 0)
	f.Fuzz(func(t *testing.T, data []byte, total int) {
		var unsure *UnsureError
		a, err := parseAnswer("server:10051", data)
		if err != nil {
			if !errors.As(err, &unsure) || len(err.Error()) > 2000 {
				t.Fatal(err)
			}
			return
		}
		if a.Redirect != nil {
			if !a.Redirect.Reset && a.Redirect.Address == "" {
				t.Fatal("a redirect to nowhere")
			}
			return
		}
		taken, err := a.counts("server:10051", total)
		if err != nil && !errors.As(err, &unsure) {
			t.Fatal(err)
		}
		if err == nil && (taken.Processed+taken.Failed != total || taken.Processed < 0 || taken.Failed < 0 || taken.Which != nil) {
			t.Fatalf("%+v of %d", taken, total)
		}
	})
}
