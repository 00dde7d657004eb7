package zabbix

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"

	"penstock/core/event"
	"penstock/core/record"
)

// How a problem ends, as the tag end says it.
const (
	EndResolved   = "resolved"   // it was quiet long enough
	EndClosed     = "closed"     // a person closed the case
	EndSuperseded = "superseded" // another severity took its place
	EndWithdrawn  = "withdrawn"  // it is no problem any more: harmless, or told with others
)

// Bounds of a transition and its parts.
const (
	maxTransition = 1000 // bytes
	maxHeadline   = 200  // characters
	maxField      = 120
)

// statusClosed is the word of a case that is over.
const statusClosed = "closed"

// Step is one value to be sent.
type Step struct {
	Key, Value string
	Transition bool // it opens or closes a problem
}

// Plan returns the values that have to be sent, in this order, to the host of next,
// so that Zabbix shows the record, and how the case stands then. now is what was
// shown before, its zero value nothing. host is the one that carries the case; while
// a problem is open that stays the host where it was opened. A problem of another
// severity opens before the one it takes the place of closes. The same input gives
// the same values, and a record older than what is shown gives none.
func Plan(now Shown, r record.Record, host string) (steps []Step, next Shown) {
	if r.Seq < now.Seq {
		return nil, now
	}
	next = Shown{Case: r.Case, Host: host, Asset: r.Asset, Severity: now.Severity, FP: now.FP, Seq: r.Seq}
	if now.Severity != event.None {
		next.Host = now.Host
	}
	if next.FP == "" {
		next.FP = Fingerprint(r)
	}
	steps = append(steps, master(r))

	want := event.None
	if r.Problem == record.ProblemOwn && r.Suppressed == "" && r.Status != statusClosed && r.Severity >= event.Medium {
		want = r.Severity
	}
	if want == now.Severity {
		return steps, next
	}
	next.Severity = want
	if want != event.None {
		steps = append(steps, transition(opening(r, next)))
	}
	if now.Severity != event.None {
		end, _ := Close(now, ending(now, r, want))
		steps = append(steps, end)
	}
	return steps, next
}

// Close returns the value that ends the problem of a case, and how the case stands
// then. end is one of the End words.
func Close(now Shown, end string) (Step, Shown) {
	next := now
	next.Severity = event.None
	return transition(fmt.Sprintf("%s|%s|close|%s", Text(now.Case, maxField), now.Severity, word(end))), next
}

// Fingerprint returns 16 hex digits that are the same for all workers of a site that
// see the same: they stand for the site, the asset, the class and whoever takes part
// most. Workers whose name holds a dash have fingerprints of their own.
func Fingerprint(r record.Record) string {
	site := r.Case // site-worker-number
	for range 2 {
		site = site[:max(0, strings.LastIndexByte(site, '-'))]
	}
	who := ""
	switch {
	case len(r.Who.Peers) > 0:
		who = "peer " + r.Who.Peers[0]
	case len(r.Who.Users) > 0:
		who = "user " + r.Who.Users[0]
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{site, r.Asset, r.Class.String(), who}, "\n")))
	return hex.EncodeToString(sum[:8])
}

// ending says how the problem that is open ends.
func ending(now Shown, r record.Record, want event.Severity) string {
	switch {
	case want != event.None:
		return EndSuperseded
	case r.Suppressed != "" || r.Status != statusClosed:
		return EndWithdrawn
	case now.Severity >= event.High: // these a person closes only
		return EndClosed
	}
	return EndResolved
}

// opening is the value that opens the problem of a case.
func opening(r record.Record, s Shown) string {
	head := strings.Join([]string{
		Text(r.Case, maxField), r.Severity.String(), "open", s.FP, Text(r.Asset, maxField), r.Zone.String(), r.Class.String(), "",
	}, "|")
	return head + within(headline(r), maxTransition-len(head))
}

// moreSuffix ends the id of what stands for all cases that are told together.
const moreSuffix = "-more"

// headline is the line that names the problem. It stays what it was when the problem
// opened, so that it has no number that grows.
func headline(r record.Record) string {
	if strings.HasSuffix(r.Case, moreSuffix) && r.Asset == "" {
		return fmt.Sprintf("More cases than are shown one by one, the worst %s", r.Severity)
	}
	for _, text := range []string{r.Advice.Headline, r.Summary} {
		if text = Text(text, maxHeadline); text != "" {
			return text
		}
	}
	return r.Class.String()
}

func transition(value string) Step { return Step{KeyTransition, value, true} }

// master is the record as the value of its item. It is JSON, in which braces are
// needed; characters that a database may refuse are replaced as Text does.
func master(r record.Record) Step {
	data, err := r.Marshal()
	if err != nil { // its fields are text and numbers: it cannot happen
		data = []byte(`{"penstock":{}}`)
	}
	return Step{Key: KeyCase, Value: strings.Map(func(c rune) rune {
		if c > 0xffff || c == unicode.ReplacementChar {
			return '?'
		}
		return c
	}, string(data))}
}

// word returns the letters of an end, so that a value keeps its form whatever a
// caller hands over.
func word(end string) string {
	end = strings.Map(func(r rune) rune {
		if r < 'a' || r > 'z' {
			return -1
		}
		return r
	}, end)
	if end == "" {
		return EndClosed
	}
	return end[:min(len(end), 40)]
}
