package policy

import (
	"slices"
	"strconv"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/sift"
)

// Rule 3: a target is named by evidence. It must be observed, not claimed by the
// author of the text, and come from a source that not everybody can imitate.

// wish is one action that evidence asks for, with its target.
type wish struct {
	params action.Params
	handle string
	line   cases.Line // the evidence that names the target
}

func (w wish) source() string { return w.line.Source }

func (w wish) refusal(def action.Definition, why Reason) Refusal {
	return Refusal{Reason: why, Action: def.ID, Target: w.params.Target(), Handle: w.handle}
}

// targets returns every distinct target that the case's evidence names for the
// action, and what was refused. Only lines whose own evidence is of a class that
// the action answers can name one: what merely stands beside is nobody's guilt.
func targets(def action.Definition, c cases.Case, least event.Trust) ([]wish, []Refusal) {
	if slices.ContainsFunc(c.Evidence, func(e sift.Evidence) bool { return e.Kind == sift.HostMismatch }) {
		return nil, []Refusal{{Reason: HostDisputed, Action: def.ID}}
	}
	var found []wish
	var refused []Refusal
	for _, line := range c.Lines {
		if !supports(line, def) {
			continue
		}
		w, refusal := target(def, line, least)
		if refusal.Reason != Allowed {
			refused = addOnce(refused, refusal)
			continue
		}
		if !slices.ContainsFunc(found, func(x wish) bool { return x.params == w.params }) {
			found = append(found, w)
		}
	}
	if len(found) == 0 && len(refused) == 0 {
		refused = append(refused, Refusal{Reason: TargetMissing, Action: def.ID})
	}
	// What one line does not say, another one may: then nothing was refused.
	refused = slices.DeleteFunc(refused, func(r Refusal) bool {
		return slices.ContainsFunc(found, func(w wish) bool { return r.Target == "" || w.params.Target() == r.Target })
	})
	return found, refused
}

// addOnce leaves out what another line was refused for already.
func addOnce(refused []Refusal, r Refusal) []Refusal {
	same := func(x Refusal) bool { return x.Reason == r.Reason && x.Target == r.Target }
	if slices.ContainsFunc(refused, same) {
		return refused
	}
	return append(refused, r)
}

// target reads the action's target out of one line.
func target(def action.Definition, line cases.Line, least event.Trust) (wish, Refusal) {
	handle := "E" + strconv.Itoa(line.Number)
	refusal := Refusal{Action: def.ID, Handle: handle}
	var text string
	if def.Field != "" {
		refusal.Handle += "." + def.Field
		i := slices.IndexFunc(line.Fields, func(f event.Field) bool { return f.Key == def.Field })
		if i < 0 {
			refusal.Handle, refusal.Reason = handle, TargetMissing
			return wish{}, refusal
		}
		text = line.Fields[i].Value
		refusal.Target = text
		if line.Fields[i].Origin != event.Observed {
			refusal.Reason = TargetClaimed
			return wish{}, refusal
		}
	}
	params, err := def.ParseParams(text)
	if err != nil {
		refusal.Reason = TargetMalformed
		return wish{}, refusal
	}
	refusal.Target = params.Target()
	if line.Trust < least || line.Trust == event.Unauthenticated {
		refusal.Reason = SourceUnauthenticated
		return wish{}, refusal
	}
	return wish{params: params, handle: refusal.Handle, line: line}, Refusal{}
}

func supports(line cases.Line, def action.Definition) bool {
	return slices.ContainsFunc(line.Evidence, func(e sift.Evidence) bool { return def.Answers(e.Class) })
}
