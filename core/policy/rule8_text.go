package policy

import (
	"slices"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/sift"
)

// Rule 8: log text is data. Where it tries to instruct, the model has no say and
// rules alone decide.

// modelSay reports whether the report holds answers of a model that may count,
// and why they do not where there are some or where none would.
func modelSay(c cases.Case, r pipeline.Report) (bool, Reason) {
	if c.Instructs || slices.ContainsFunc(c.Evidence, instructs) {
		return false, InstructingText
	}
	if r.Assessment.Source != pipeline.Model && r.Plan.Source != pipeline.Model {
		return false, Allowed
	}
	if r.Case != c.ID || r.Revision != c.Revision {
		return false, ReportOfOther
	}
	return true, Allowed
}

func instructs(e sift.Evidence) bool {
	return e.Kind == sift.Instructing || e.Class == event.Instruction
}
