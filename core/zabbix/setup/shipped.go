package setup

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// shippedText holds a hash of every value that a release shipped for a field of an
// object, one a line. Lines are only added: `go test -tags live -run Shipped -update`
// in this package does it, after a template or an object has changed.
//
//go:embed shipped.txt
var shippedText string

const hashDigits = 8

// isShipped reports whether a release shipped that value for that field; nil is a
// field that the object lacks.
func isShipped(object, field string, value any) bool {
	h := hashOf(object, field, value)
	lines := len(shippedText) / (hashDigits + 1)
	line := func(i int) string { return shippedText[i*(hashDigits+1) : i*(hashDigits+1)+hashDigits] }
	from, to := 0, lines
	for from < to {
		if middle := (from + to) / 2; line(middle) < h {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from < lines && line(from) == h
}

// people stands for the user groups that a site chose for notices and scripts.
const people = "@user group/*"

// hashOf is the hash of a value as it is shipped, whatever the site's settings made
// of it.
func hashOf(object, field string, value any) string {
	if !strings.HasPrefix(object, kindUser.word+"/") { // its groups are part of what is shipped
		value = impersonal(value)
	}
	sum := sha256.Sum256([]byte(object + "\x00" + field + "\x00" + canonical(value)))
	return hex.EncodeToString(sum[:])[:hashDigits]
}

func impersonal(v any) any {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, kindUserGroup.ref("")) {
			return people
		}
		return sealMark.ReplaceAllString(v, "")
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = impersonal(v[i])
		}
		return out
	case row:
		out := row{}
		for name, value := range v {
			out[name] = impersonal(value)
		}
		if hasRecipients(v) {
			for _, field := range recipients {
				delete(out, field)
			}
			out["opmessage_grp"] = []any{row{"usrgrpid": people}}
		}
		return out
	}
	return v
}

var sealMark = regexp.MustCompile(` Set by penstock setup, fingerprint [0-9a-f]{12}\.$`)

// canonical is the same text for the same value. Fields that are missing, null or
// empty are the same.
func canonical(v any) string {
	if isNothing(v) {
		return ""
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "" // values come from JSON
	}
	return string(data)
}

func isNothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case row:
		return len(v) == 0
	}
	return false
}

// inWords is a value for a reader.
func inWords(v any) string {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "@") {
			_, name, _ := strings.Cut(v, "/")
			return name
		}
		return v
	case []any:
		words := make([]string, len(v))
		for i := range v {
			words[i] = inWords(v[i])
		}
		return strings.Join(words, ", ")
	case row:
		var words []string
		for name, value := range v {
			words = append(words, name+"="+inWords(value))
		}
		slices.Sort(words)
		return "{" + strings.Join(words, " ") + "}"
	}
	return canonical(v)
}
