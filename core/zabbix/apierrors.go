package zabbix

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Codes of errors of the API. It has no others for us: a session that ended, a
// right that is missing and a wrong parameter are told apart by words alone, which
// the frontend translates; so they are never compared.
const (
	CodeApplication = -32500 // also: no such object or no right to it, wrong password, token expired; 7.0: a method that the role lacks
	CodeParams      = -32602 // also: the session ended, token disabled; 6.0: a method that the role lacks
	CodeMethod      = -32601 // this version does not know the method
)

// maxErrorText is the most characters of a text in an error that the server wrote.
const maxErrorText = 2000

// APIError is what the API itself answered instead of a result.
type APIError struct {
	Method        string
	Code          int    // one of the codes above, as a rule
	Message, Data string // of the server, without control characters and secrets of ours
}

// Error names the method, what the server said and its code.
func (e *APIError) Error() string {
	return fmt.Sprintf("%s: %s (code %d)", e.Method, strings.TrimSpace(e.Message+" "+e.Data), e.Code)
}

// errRedirected, errTooLarge and errNoAPI are why there is no answer of the API.
var (
	errRedirected = errors.New("it sends us elsewhere, which is never followed")
	errTooLarge   = errors.New("the answer is larger than allowed")
	errNoAPI      = errors.New("what answers there is not the API of Zabbix")
)

// wireError is a request without an answer of the API.
type wireError struct {
	sent bool // the request may have arrived, and may have been carried out
	err  error
}

func (e *wireError) Error() string { return e.err.Error() }
func (e *wireError) Unwrap() error { return e.err }

// shown makes a text of the server fit for an error: without what a terminal or a
// log obeys, without the secrets, and not longer than most characters.
func shown(text string, most int, secrets ...string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "<secret>")
		}
	}
	return plain(text, most)
}

// plain returns a text with everything that does not print as blanks, cut to most
// characters. Names in Zabbix may hold what a log line holds.
func plain(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n == most {
			break
		}
		n++
		switch {
		case r == utf8.RuneError:
			r = '?'
		case r != ' ' && (unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)):
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}
