package report

import (
	"strings"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
)

// severity returns what the case is shown as: what the pipeline says, which is
// never below the floor.
func (v *CaseView) severity() event.Severity {
	return max(v.Case.Floor, v.Report.Assessment.Severity)
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
		word := label("kind-"+e.Kind.String(), language)
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
