package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Version is the protocol's. An answer carries it even when the request's
// version is not known here.
const Version = 1

// Bounds of one request and one answer in bytes, the end of the line left out.
const (
	MaxRequest = 64 << 10
	MaxAnswer  = 8 << 20
)

// The codes of errors. A caller may branch on them; texts are for people.
const (
	CodeVersion    = "version"     // the request's version is not spoken here
	CodeUnknown    = "unknown"     // no such command
	CodeBadRequest = "bad-request" // the request or its arguments have the wrong form
	CodeRefused    = "refused"     // the caller has no right to do this, or policy forbids it
	CodeNotFound   = "not-found"   // what the arguments name is not there
	CodeBusy       = "busy"        // too much at once; it may work later
	CodeFailed     = "failed"      // it was tried and did not work
)

// Error is a request's failure as the caller gets it. A handler that returns
// another error is answered with CodeFailed and that error's text.
type Error struct {
	Code string `json:"code"`           // one of the codes above
	Text string `json:"text"`           // what is wrong, lower case, no full stop
	Hint string `json:"hint,omitempty"` // the next thing to try, or ""
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// request is one line from a client.
type request struct {
	V    int             `json:"v"`
	ID   uint64          `json:"id"` // the client's own; the answer repeats it
	Cmd  string          `json:"cmd"`
	Args json.RawMessage `json:"args"` // an object, or nothing
}

// answer is one line to a client: a result or an error.
type answer struct {
	V      int             `json:"v"`
	ID     uint64          `json:"id"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// parse reads one line. The request it returns with an error holds at least the
// id where that could be read, so that the answer finds its way.
func parse(line []byte) (request, *Error) {
	var r request
	// A later version may have other keys: which version it is comes first, and
	// mistakes of form are told only to those who speak this one.
	var loose struct {
		V  *int   `json:"v"`
		ID uint64 `json:"id"`
	}
	if err := json.Unmarshal(line, &loose); err != nil {
		return r, badRequest(err)
	}
	r.ID = loose.ID
	if loose.V == nil {
		return r, &Error{CodeVersion, `the request names no version ("v")`, knownVersions()}
	}
	if *loose.V != Version {
		return r, &Error{CodeVersion, fmt.Sprintf("version %d is not spoken here", *loose.V), knownVersions()}
	}
	if err := strict(line, &r); err != nil {
		return request{ID: loose.ID}, badRequest(err)
	}
	if r.Cmd == "" {
		return r, &Error{Code: CodeBadRequest, Text: `the request names no command ("cmd")`}
	}
	if r.Args = bytes.TrimSpace(r.Args); string(r.Args) == "null" {
		r.Args = nil
	}
	if len(r.Args) > 0 && r.Args[0] != '{' {
		return r, &Error{Code: CodeBadRequest, Text: `"args" is no object`}
	}
	return r, nil
}

// Decode reads a handler's arguments strictly: an unknown key is an error, no
// arguments leave into as it is. The error is an *Error with CodeBadRequest.
func Decode(args json.RawMessage, into any) error {
	if len(args) == 0 {
		return nil
	}
	if err := strict(args, into); err != nil {
		return &Error{Code: CodeBadRequest, Text: "arguments: " + plain(err)}
	}
	return nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

func badRequest(err error) *Error {
	return &Error{CodeBadRequest, "not a request: " + plain(err), `one line of JSON: {"v":1,"id":1,"cmd":"status","args":{}}`}
}

// plain leaves Go's own words out of what a caller is told.
func plain(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Sprintf("%q cannot be a %s", kind.Field, kind.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func knownVersions() string { return fmt.Sprintf("known version: %d", Version) }

// unknown answers a command that no handler is there for.
func unknown(cmd string, handlers map[string]Handler) *Error {
	const most = 64 // bytes of the command that are repeated
	if len(cmd) > most {
		cmd = strings.ToValidUTF8(cmd[:most], "") + "..."
	}
	known := slices.Sorted(maps.Keys(handlers))
	return &Error{CodeUnknown, fmt.Sprintf("%q is not a command", cmd), "known commands: " + strings.Join(known, ", ")}
}

// encode turns an answer into its line, with its end. A result that is too
// large becomes an error.
func encode(a answer) []byte {
	a.V = Version
	if len(a.Result) > MaxAnswer {
		text := fmt.Sprintf("the answer has %d bytes, more than %d", len(a.Result), MaxAnswer)
		a.Result, a.Error = nil, &Error{CodeFailed, text, "ask for less at a time"}
	}
	line, err := json.Marshal(a)
	if err != nil { // Result is JSON already and the rest is plain: this cannot happen
		line = fmt.Appendf(nil, `{"v":%d,"id":%d,"error":{"code":%q,"text":"encode the answer"}}`, Version, a.ID, CodeFailed)
	}
	return append(line, '\n')
}
