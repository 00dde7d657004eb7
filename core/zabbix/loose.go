package zabbix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Answers of the API hold numbers as strings, and sometimes not: that differs by
// method and version. The types here take both and nothing else.

// number is a whole number; "" and null are 0.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return err
	}
	if text == "" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no whole number", plain(text, 40))
	}
	*n = number(v)
	return nil
}

// id is the number of an object as text; "" is none, as "0" is in Zabbix.
type id string

// UnmarshalJSON implements json.Unmarshaler.
func (i *id) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return err
	}
	if text != "" && !isID(text) {
		return fmt.Errorf("%q is no id", plain(text, 40))
	}
	*i = id(strings.TrimLeft(text, "0"))
	return nil
}

func isID(text string) bool {
	return text != "" && len(text) <= 20 && strings.Trim(text, "0123456789") == ""
}

// text is one that somebody wrote; it may hold anything.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) error {
	s, err := scalar(data)
	*t = text(s)
	return err
}

// short returns the text as plain text of at most so many characters.
func (t text) short(most int) string { return plain(string(t), most) }

// scalar returns a string or a number of JSON as text, "" for null.
func scalar(data []byte) (string, error) {
	data = bytes.TrimSpace(data)
	switch {
	case bytes.Equal(data, []byte("null")):
		return "", nil
	case len(data) > 0 && data[0] == '"':
		var s string
		err := json.Unmarshal(data, &s)
		return s, err
	case len(data) > 0 && (data[0] == '-' || '0' <= data[0] && data[0] <= '9'):
		return string(data), nil
	}
	return "", fmt.Errorf("%s is neither text nor a number", plain(string(data[:min(len(data), 40)]), 40))
}

const lastClock = 253402300799 // the end of the year 9999, the last that JSON of Go holds

// moment returns a time of Zabbix; 0 is none.
func moment(clock, ns number) time.Time {
	if clock <= 0 || clock > lastClock || ns < 0 || ns > 999_999_999 {
		return time.Time{}
	}
	return time.Unix(int64(clock), int64(ns))
}
