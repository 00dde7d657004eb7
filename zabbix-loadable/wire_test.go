package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorded is one frame between a real agent and a plugin.
type recorded struct {
	Agent, Process, Dir string
	Frame               json.RawMessage
}

func recordedFrames(t testing.TB) (all []recorded) {
	t.Helper()

	file, err := os.Open("testdata/wire.jsonl")
	if err != nil {
		t.Fatalf("open the recorded frames: %v", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("read a recorded frame: %v", err)
		}
		all = append(all, r)
	}
	if len(all) == 0 {
		t.Fatal("there are no recorded frames")
	}
	return all
}

func framed(kind uint32, text []byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, kind)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
	return append(out, text...)
}

func TestReadRequestReadsWhatAgentsSend(t *testing.T) {
	t.Parallel()

	kinds := map[uint32]int{}
	for _, r := range recordedFrames(t) {
		if r.Dir != "agent->plugin" {
			continue
		}
		got, err := readRequest(bytes.NewReader(framed(frameJSON, r.Frame)))
		if err != nil {
			t.Errorf("%s: %v", r.Frame, err)
			continue
		}
		kinds[got.Type]++
		if got.Type == typeRegister && !isKnownVersion(got.Version) {
			t.Errorf("the version of %s is not known: %s", r.Agent, got.Version)
		}
		if got.Type == typeExport && (got.Key == "" || got.ID == 0) {
			t.Errorf("%s was read as %+v", r.Frame, got)
		}
	}
	for _, kind := range []uint32{typeRegister, typeStart, typeTerminate, typeExport, typeConfigure, typeValidate} {
		if kinds[kind] == 0 {
			t.Errorf("no message of kind %d was recorded", kind)
		}
	}
}

// TestFrameWritesWhatAgentsTook compares answers with those that a real agent took.
func TestFrameWritesWhatAgentsTook(t *testing.T) {
	t.Parallel()

	text := func(s string) *string { return &s }
	info := uint32(severityInfo)
	want := map[string]reply{
		`{"id":1,"type":3,"name":"Probe","interfaces":7,"metrics":["probe.echo","Echo the parameters.","probe.num","A number."]}`: {
			ID: 1, Type: typeRegisterResponse, Name: "Probe", Interfaces: canExport | canConfigure | canRun,
			Metrics: []string{"probe.echo", "Echo the parameters.", "probe.num", "A number."},
		},
		`{"id":2,"type":10}`: {ID: 2, Type: typeValidateResponse},
		`{"id":0,"type":1,"severity":0,"message":"started"}`: {Type: typeLog, Severity: &info, Message: text("started")},
		`{"id":3,"type":7,"value":"a|b c||d"}`:               {ID: 3, Type: typeExportResponse, Value: text("a|b c||d")},
		`{"id":4,"type":7,"error":"Too few parameters."}`:    {ID: 4, Type: typeExportResponse, Error: "Too few parameters."},
	}
	seen := 0
	for _, r := range recordedFrames(t) {
		answer, ok := want[string(r.Frame)]
		if r.Dir != "plugin->agent" || !ok {
			continue
		}
		seen++
		out, err := frame(answer)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(generic(t, framed(frameJSON, r.Frame)), generic(t, out)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", r.Frame, diff)
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d answers are among the recorded ones", seen, len(want))
	}
}

func generic(t *testing.T, frame []byte) map[string]any {
	t.Helper()

	if kind, length := binary.LittleEndian.Uint32(frame), binary.LittleEndian.Uint32(frame[4:]); kind != frameJSON || int(length) != len(frame)-frameHead {
		t.Fatalf("the head says %d, %d; the frame has %d bytes", kind, length, len(frame))
	}
	var v map[string]any
	if err := json.Unmarshal(frame[frameHead:], &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestReadRequestGoesOnBehindABadFrame(t *testing.T) {
	t.Parallel()

	good := framed(frameJSON, []byte(`{"id":7,"type":6,"key":"penstock.ping"}`))
	for _, tt := range []struct {
		name string
		bad  []byte
	}{
		{"- another kind", framed(2, []byte("what may this be"))},
		{"- not JSON", framed(frameJSON, []byte("{"))},
		{"- nothing", framed(frameJSON, nil)},
		{"- too long", framed(frameJSON, make([]byte, frameBytes+1))},
		{"- a number too large", framed(frameJSON, []byte(`{"id":-1,"type":6}`))},
		{"- wrong types", framed(frameJSON, []byte(`{"id":"x","parameters":{}}`))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			in := bytes.NewReader(append(tt.bad, good...))
			if _, err := readRequest(in); !errors.Is(err, errFrame) {
				t.Errorf("got %v, want %v", err, errFrame)
			}
			r, err := readRequest(in)
			if err != nil || r.ID != 7 {
				t.Errorf("behind it: %+v, %v", r, err)
			}
		})
	}
	if _, err := readRequest(bytes.NewReader(good[:len(good)-1])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a torn frame: %v", err)
	}
}

// TestAgentTimeout reads what an agent says of itself, and loses nothing else of the
// message where that makes no sense.
func TestAgentTimeout(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name, global string
		want         time.Duration
	}{
		{"+ 6.0 and 7.0", `,"global_options":{"Timeout":4,"SourceIP":""}`, 4 * time.Second},
		{"- none", ``, 0},
		{"- null", `,"global_options":null`, 0},
		{"- no object", `,"global_options":[4]`, 0},
		{"- without it", `,"global_options":{"SourceIP":"x"}`, 0},
		{"- zero", `,"global_options":{"Timeout":0}`, 0},
		{"- less", `,"global_options":{"Timeout":-4}`, 0},
		{"- too much", `,"global_options":{"Timeout":9223372036854775807}`, 0},
		{"- a text", `,"global_options":{"Timeout":"4"}`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			r, err := readRequest(bytes.NewReader(framed(frameJSON, []byte(`{"id":7,"type":8,"private_options":{"Name":"Penstock"}`+tt.global+`}`))))
			if err != nil || r.Private == nil {
				t.Fatalf("got %+v, %v", r, err)
			}
			if got := r.agentTimeout(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func FuzzReadRequest(f *testing.F) {
	for _, r := range recordedFrames(f) {
		f.Add(framed(frameJSON, r.Frame))
	}
	f.Add([]byte{1, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(_ *testing.T, data []byte) {
		in := bytes.NewReader(data)
		for {
			r, err := readRequest(in)
			if err != nil && !errors.Is(err, errFrame) {
				return
			}
			_, _, _ = readOptions(r.Private) // must not panic
			_ = r.agentTimeout()
		}
	})
}
