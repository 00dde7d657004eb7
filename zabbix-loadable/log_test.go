package main

import (
	"strings"
	"testing"
	"time"
)

func TestTellerDoublesSignsOfPercent(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"GET /a%20b%s": "GET /a%%20b%%s", "100%": "100%%", "%%": "%%%%", "none": "none",
	} {
		to := newTeller(time.Now)
		to.say(severityInfo, text)
		if got := *(<-to.queue).Message; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	to := newTeller(time.Now) // the bound is of what is read
	to.say(severityInfo, strings.Repeat("%", logBytes+1))
	if got, want := len(*(<-to.queue).Message), 2*logBytes-len("..."); got != want {
		t.Errorf("a long text has %d bytes, want %d", got, want)
	}
}

// TestSeverityOfLine has text of strangers in it, which must not lower a line.
func TestSeverityOfLine(t *testing.T) {
	t.Parallel()

	for line, want := range map[string]uint32{
		`time=2026-01-05T10:00:00.000Z level=INFO msg=x`:                       severityDebug,
		`time=2026-01-05T10:00:00.000Z level=DEBUG msg=x`:                      severityDebug,
		`time=2026-01-05T10:00:00.000Z level=WARN msg="x level=ERROR"`:         severityWarning,
		`time=2026-01-05T10:00:00.000Z level=ERROR msg="x level=INFO"`:         severityError,
		`time=2026-01-05T10:00:00.000Z level=ERROR msg=x err="level=WARN"`:     severityError,
		`time=2026-01-05T10:00:00.000Z level=WARN msg="x time=1 level=INFO"`:   severityWarning,
		`level=WARN msg="the memory of the worker is not bounded: level=INFO"`: severityWarning,
		`penstock: error: read "level=INFO": no such file`:                     severityError,
		`panic: level=WARN`: severityError,
		`time=`:             severityError,
	} {
		if got := severityOfLine(line); got != want {
			t.Errorf("%s: %d, want %d", line, got, want)
		}
	}
}
