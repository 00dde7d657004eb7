package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// The protocol between agent 2 and a loadable plugin. Every message is a frame: two
// numbers of four bytes, the least significant first, and a JSON object. The first
// number is 1, the second the length of the object. The agent of 6.0 and that of
// 7.0 speak the same; only the version that they name differs.
const (
	frameJSON  = 1
	frameHead  = 8
	frameBytes = 4 << 20 // the most that is read of one; requests have a few hundred
)

// Kinds of messages.
const (
	typeLog              = 1
	typeRegister         = 2
	typeRegisterResponse = 3
	typeStart            = 4
	typeTerminate        = 5
	typeExport           = 6
	typeExportResponse   = 7
	typeConfigure        = 8
	typeValidate         = 9
	typeValidateResponse = 10
)

// What a plugin can do, as bits of a register response.
const (
	canExport    = 1
	canConfigure = 2
	canRun       = 4
)

// Severities of a log message. Those to severityWarning are in the agent's log
// unless it was told to be quieter.
const (
	severityInfo    = 0
	severityError   = 2
	severityWarning = 3
	severityDebug   = 4
)

// knownVersions are those that agents name: 6.0 until at least 6.0.4 and later, 6.2,
// and 6.4 with all that came after.
var knownVersions = []string{"1.0", "6.0.13", "6.2.7", "6.4.0"}

// isKnownVersion says whether an agent of this version was met. Another is
// answered all the same: so far the frames never changed.
func isKnownVersion(version string) bool { return slices.Contains(knownVersions, version) }

// isOldVersion says whether it is an agent of 6.0.
func isOldVersion(version string) bool { return version == "1.0" || strings.HasPrefix(version, "6.0.") }

// request is any message from the agent.
type request struct {
	ID         uint32   `json:"id"`
	Type       uint32   `json:"type"`
	Version    string   `json:"version"`
	Key        string   `json:"key"`
	Parameters []string `json:"parameters"`
	Timeout    int      `json:"timeout"` // seconds; 7.0 and later
	Private    *option  `json:"private_options"`
	// Global is decoded by itself: nothing in it is a reason to lose the rest.
	Global json.RawMessage `json:"global_options"`
}

// agentTimeout returns the Timeout of the agent's configuration, 0 where the message
// has none that makes sense.
func (r request) agentTimeout() time.Duration {
	var global struct {
		Timeout int // seconds
	}
	if err := json.Unmarshal(r.Global, &global); err != nil || global.Timeout < 0 || global.Timeout > int(mostTimeout/time.Second) {
		return 0
	}
	return time.Duration(global.Timeout) * time.Second
}

// reply is any message to the agent. Value is always a text: the agent turns a
// number into one with six places, and an object into one of Go's own form.
type reply struct {
	ID         uint32   `json:"id"`
	Type       uint32   `json:"type"`
	Severity   *uint32  `json:"severity,omitempty"`
	Message    *string  `json:"message,omitempty"`
	Name       string   `json:"name,omitempty"`
	Metrics    []string `json:"metrics,omitempty"`
	Interfaces uint32   `json:"interfaces,omitempty"`
	Value      *string  `json:"value,omitempty"`
	Error      string   `json:"error,omitempty"`
}

// errFrame is met where a frame cannot be understood. The next one can be read.
var errFrame = errors.New("not a message of the agent")

// readRequest reads one frame. After an errFrame the reader stands before the next
// one: a frame that is too long, or of another kind, is skipped by its length.
func readRequest(from io.Reader) (request, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return request{}, err
	}
	kind, length := binary.LittleEndian.Uint32(head[:4]), binary.LittleEndian.Uint32(head[4:])
	if kind != frameJSON || length > frameBytes {
		if _, err := io.CopyN(io.Discard, from, int64(length)); err != nil {
			return request{}, err
		}
		return request{}, fmt.Errorf("%w: kind %d, %d bytes", errFrame, kind, length)
	}
	text, err := io.ReadAll(io.LimitReader(from, int64(length)))
	if err != nil {
		return request{}, err
	}
	if len(text) < int(length) {
		return request{}, io.ErrUnexpectedEOF
	}
	var r request
	if err := json.Unmarshal(text, &r); err != nil {
		return request{}, fmt.Errorf("%w: %w", errFrame, err)
	}
	return r, nil
}

// frame puts a reply into its frame.
func frame(r reply) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the answer to request %d: %w", r.ID, err)
	}
	out := make([]byte, frameHead, frameHead+len(text))
	binary.LittleEndian.PutUint32(out[:4], frameJSON)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(text)))
	return append(out, text...), nil
}

// link is the plugin's end of the connection to the agent.
type link struct {
	mu sync.Mutex // one frame at a time: answers are given by several goroutines
	to io.Writer
}

// send writes one reply. It has no deadline: an agent that stands still for a
// while must find its plugin there when it goes on, or it would end; and one that
// is gone closes the connection, which ends the write.
func (l *link) send(r reply) error {
	text, err := frame(r)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.to.Write(text); err != nil {
		return fmt.Errorf("write to the agent: %w", err)
	}
	return nil
}
