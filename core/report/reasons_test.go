package report_test

import (
	"testing"

	"penstock/core/policy"
	"penstock/core/report"
)

func TestEveryReasonHasATextInEveryLanguage(t *testing.T) {
	for _, r := range policy.Reasons() {
		english := report.Reason(r.String(), "en")
		if english == r.String() {
			t.Errorf("reason %s has no text", r)
		}
		for _, language := range []string{"es", "de", "fr"} {
			if text := report.Reason(r.String(), language); text == english || text == "" {
				t.Errorf("reason %s has no text in %s", r, language)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	want := "block 203.0.113.5: not done (the stop switch is on)"
	if got := report.Refused("block 203.0.113.5", policy.Stopped.String(), "en"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
