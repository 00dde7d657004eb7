package zabbix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// wireValue is one value on the wire.
type wireValue struct {
	Host  string `json:"host"`
	Key   string `json:"key"`
	Value string `json:"value"`
	Clock int64  `json:"clock"`
	NS    int    `json:"ns"`
}

// sendBody returns the body of a request.
func sendBody(values []Value) ([]byte, error) {
	body := struct {
		Request string      `json:"request"`
		Data    []wireValue `json:"data"`
	}{"sender data", make([]wireValue, len(values))}
	for i, v := range values {
		clock, ns := wireTime(v.At)
		body.Data[i] = wireValue{wireText(v.Host), wireText(v.Key), wireText(v.Value), clock, ns}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, fmt.Errorf("write values for Zabbix: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// wireText makes text what Zabbix takes whole: UTF-8 without characters of number 0.
func wireText(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(text, "\x00", "\ufffd")
}

// wireTime returns the time as Zabbix takes it, from 1970 to 2038: it refuses values
// with another.
func wireTime(at time.Time) (clock int64, ns int) {
	switch seconds := at.Unix(); {
	case seconds < 0:
		return 0, 0
	case seconds > math.MaxInt32:
		return math.MaxInt32, 0
	default:
		return seconds, at.Nanosecond()
	}
}

// trapperAnswer is what a server or proxy says.
type trapperAnswer struct {
	Response string        `json:"response"`
	Info     string        `json:"info"`
	Redirect *wireRedirect `json:"redirect"`
}

// wireRedirect is what a member of a proxy group says of a host that another watches,
// or of any when it has lost its server.
type wireRedirect struct {
	Address string `json:"address"`
	Reset   bool   `json:"reset"`
}

var countsPattern = regexp.MustCompile(`^processed: (\d{1,9}); failed: (\d{1,9}); total: (\d{1,9});`)

// parseAnswer reads the body of an answer. It is an *UnsureError where it does
// not say what became of the values.
func parseAnswer(address string, body []byte) (trapperAnswer, error) {
	var a trapperAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return trapperAnswer{}, &UnsureError{address, fmt.Errorf("read the answer %s: %w", beginning(body), err)}
	}
	if a.Response == "failed" && a.Redirect != nil && (a.Redirect.Reset || a.Redirect.Address != "") {
		return a, nil
	}
	a.Redirect = nil
	if a.Response != "success" {
		// A server that is stopping says so after it has taken the values.
		return trapperAnswer{}, &UnsureError{address, fmt.Errorf("it answered %s: %s", beginning([]byte(a.Response)), beginning([]byte(a.Info)))}
	}
	return a, nil
}

// counts returns what the answer says of so many values.
func (a trapperAnswer) counts(address string, total int) (Taken, error) {
	m := countsPattern.FindStringSubmatch(a.Info)
	if m == nil {
		return Taken{}, &UnsureError{address, fmt.Errorf("the answer %s counts nothing", beginning([]byte(a.Info)))}
	}
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(m[i+1]); err != nil {
			return Taken{}, &UnsureError{address, errors.New("read the counts: " + err.Error())}
		}
	}
	if n[0]+n[1] != n[2] || n[2] != total {
		return Taken{}, &UnsureError{address, fmt.Errorf("it counted %d processed, %d failed, %d in all, of %d", n[0], n[1], n[2], total)}
	}
	return Taken{Processed: n[0], Failed: n[1]}, nil
}

// beginning shows the beginning of what another end said.
func beginning(text []byte) string {
	if len(text) > mostShownRaw {
		return strconv.Quote(string(text[:mostShownRaw])) + "..."
	}
	return strconv.Quote(string(text))
}
