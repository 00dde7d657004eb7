package report

import (
	"slices"
	"strings"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
)

// severity returns what the case is shown as: what policy decided, which is never
// below the floor. What a model says is not it.
func (v *CaseView) severity() event.Severity { return max(v.Case.Floor, v.Decision.Severity) }

// The states of an action that report has words for.
const (
	statusIntended = "intended"
	statusDryRun   = "dry-run"
	statusWaits    = "waits-for-approval"
)

// actions returns the decision's actions in that state.
func (v *CaseView) actions(status string) []Action {
	return slices.DeleteFunc(slices.Clone(v.Decision.Actions), func(a Action) bool { return a.Status != status })
}

// modeWords returns what happens with the case. Where the mode is to act and
// nothing of the catalogue applies, it says so.
func (v *CaseView) modeWords(language string) string {
	switch {
	case v.Decision.Mode == "":
		return label("no-action", language)
	case v.Decision.Mode == "act" && len(v.Decision.Actions) == 0:
		return label("mode-act-none", language)
	}
	return label("mode-"+v.Decision.Mode, language)
}

// words returns the action as people read it.
func (a Action) words(language string) string {
	text := pipeline.ActionWords(a.Name, language)
	if a.Target != "" {
		text += ": " + a.Target
	}
	if a.Host != "" {
		text += " " + label("on", language) + " " + a.Host
	}
	if _, known := labels["status-"+a.Status]; known {
		text += " (" + label("status-"+a.Status, language) + ")"
	} else if a.Status != "" {
		text += " (" + a.Status + ")"
	}
	return text
}

// fieldList returns the fields of one origin as key=value.
func fieldList(fields []event.Field, origin event.Origin) string {
	var parts []string
	for _, f := range fields {
		if f.Origin == origin {
			parts = append(parts, f.Key+"="+f.Value)
		}
	}
	return strings.Join(parts, ", ")
}

// kindList returns the kinds of a line's evidence in words, each once.
func kindList(l *cases.Line, language string) []string {
	var words []string
	seen := map[string]bool{}
	for _, e := range l.Evidence {
		key := "kind-" + e.Kind.String()
		if _, known := labels[key+"-"+e.Distinct]; known {
			key += "-" + e.Distinct
		}
		word := label(key, language)
		if e.Signal != "" {
			word += " " + e.Signal
		}
		if !seen[word] {
			seen[word] = true
			words = append(words, word)
		}
	}
	return words
}

// fillCount puts {count} and {all} into a label.
func fillCount(text string, count, all int, language string) string {
	return strings.NewReplacer("{count}", number(count, language), "{all}", number(all, language)).Replace(text)
}

// number returns a number with its thousands set apart.
func number(n int, language string) string { return pipeline.Number(n, language) }

// zoneName returns the time zone that times are shown in: its name, or what the
// machine calls its own.
func zoneName(place *time.Location, at time.Time) string {
	switch place {
	case nil:
		return "UTC"
	case time.Local:
		return strings.TrimSuffix(at.In(place).Format("UTC-07:00"), "+00:00")
	}
	return place.String()
}

// times returns the time zone of all times, to be written once at the head.
func times(place *time.Location, at time.Time, language string) string {
	return strings.ReplaceAll(label("times", language), "{zone}", zoneName(place, at))
}

// formatWords returns a format as people read it: the name of a product or of a
// standard stays as it is.
func formatWords(format, language string) string {
	if text, known := labels["format-"+format]; known {
		return text.In(language)
	}
	return format
}
