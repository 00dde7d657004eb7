package cases

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/sift"
)

// A secret that the end of what is read cuts in two must not be shown, even
// where masking brings the end into sight.
func TestSafeShowsNoHalfSecret(t *testing.T) {
	const token = "ghp_0123456789abcdef0123456789abcdef0123"
	for before := maxRead - len(token); before <= maxRead; before++ {
		head := "Cookie: " + strings.Repeat("x", before-len("Cookie: \n ")) + "\n "
		got := safe(head + token + strings.Repeat(" and more", 1000))
		if strings.Contains(got, "ghp_") || len(got) > MaxLineText {
			t.Fatalf("a token at byte %d became %q", before, got)
		}
	}
}

// Nor may a secret be shown that stands where only masking brings it into sight.
func TestSafeMasksWhatComesIntoSight(t *testing.T) {
	for before := range 2 * MaxLineText {
		text := strings.Repeat("password=0123456789abcdef ", before/26) + strings.Repeat("-", before%26) + " password=Tr0ub4dor and more"
		if got := safe(text); strings.Contains(got, "Tr0") || strings.Contains(got, "0123") {
			t.Fatalf("a password at byte %d became %q", before, got)
		}
	}
}

// A secret in a command line must not be kept because the audit system wrote the
// line in digits.
func TestCaptureMasksWhatAuditWritesInDigits(t *testing.T) {
	// curl -u x --data password=Tr0ub4dor
	const command = "6375726C202D752078202D2D646174612070617373776F72643D547230756234646F72"
	l := capture(&event.Event{Raw: `type=PROCTITLE msg=audit(1.2:3): proctitle=` + command}, sift.Finding{}, "", 1)
	if diff := cmp.Diff(`type=PROCTITLE msg=audit(1.2:3): proctitle="curl -u x --data password=<secret>"`, l.Text); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestCaptureTakesOnlyWhatIsKept(t *testing.T) {
	b := newBook(t, DefaultOptions())
	asked := 0
	b.text = func(uint64) string { asked++; return "template" }
	for i := range 3 * MaxLines {
		scan(0, "203.0.113.9", uint64(i+1)).add(b)
	}
	if diff := cmp.Diff(MaxLines, asked); diff != "" {
		t.Errorf("captured lines (-want +got):\n%s", diff)
	}
	graver := scan(0, "203.0.113.9", 9)
	graver.severity = event.High
	graver.add(b)
	if diff := cmp.Diff(event.High, b.Cases()[0].Lines[MaxLines-1].Evidence[0].Severity); diff != "" {
		t.Errorf("the newest line's place (-want +got):\n%s", diff)
	}
}

// What is masked or cleaned when it is kept is still the same the next time.
func TestEvidenceOfUncleanSubjectsIsKeptOnce(t *testing.T) {
	b := newBook(t, DefaultOptions())
	for range 3 {
		ev := &event.Event{Time: start, Host: "web1", Asset: "web1", Message: "line"}
		ev.Set(event.KeyUser, "op\x1b[2J", event.Claimed)
		b.Add(ev, sift.Finding{Fresh: true, Evidence: []sift.Evidence{
			{Kind: sift.SignalMatch, Class: event.LoginFailure, Severity: event.Low, Signal: "s", Subject: "op\x1b[2J"},
		}})
	}
	c := b.Cases()[0]
	if diff := cmp.Diff([]int{1, 1, 3}, []int{len(c.Evidence), len(c.Users), c.Users[0].Count}); diff != "" {
		t.Errorf("evidence, users, count (-want +got):\n%s", diff)
	}
}
