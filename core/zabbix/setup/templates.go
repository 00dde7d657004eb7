package setup

import (
	"cmp"
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"penstock/core/zabbix"
)

const keyTransition = zabbix.KeyTransition

// planTemplates compares each template with Zabbix, which does the comparing itself:
// it knows what its version makes of a file of 6.0.
func (s *Setup) planTemplates(ctx context.Context, p *Plan) error {
	for _, f := range s.files {
		if err := s.planTemplate(ctx, p, f); err != nil {
			return fmt.Errorf("compare template %s: %w", f.name, err)
		}
	}
	return nil
}

func (s *Setup) planTemplate(ctx context.Context, p *Plan, f *file) error {
	found, err := s.list(ctx, "template.get", row{
		"output": []string{"templateid", "name"}, "filter": row{"uuid": f.uuid},
		"selectMacros": "extend",
	})
	if err != nil {
		return err
	}
	tree := copyTree(f.tree).(row)
	here, err := newFile(f.path, tree)
	if err != nil {
		return err
	}
	s.setMacros(here, found)
	s.noteSeal(p, here)
	what := "import template " + f.name
	if len(found) == 0 {
		p.add(what, func(ctx context.Context) error { return s.load(ctx, here, true) },
			Change{Sign: Create, Kind: "template", Name: f.name, Parts: []string{strings.Join(f.parts, ", ")}})
		return nil
	}
	s.refs[templateRef(f.name)] = text(found[0]["templateid"])
	diff, err := s.compare(ctx, tree)
	if err != nil {
		return err
	}
	var changes []Change
	if !s.o.Overwrite {
		var kept []Change
		if diff, kept, err = s.keep(ctx, here, diff); err != nil {
			return err
		}
		changes = append(changes, kept...)
	}
	if len(diff) == 0 {
		sortNames(changes)
		p.add("", nil, changes...)
		return nil
	}
	for _, d := range diff {
		changes = append(changes, d.change(Alter, f.name))
	}
	sortNames(changes)
	// Zabbix empties a secret macro when the template itself is imported without the
	// value (measured on 7.0.9); its items and triggers can be imported without it.
	whole := slices.ContainsFunc(diff, func(d difference) bool { return d.uuid == f.uuid })
	m := here.macro(sealMacro)
	if whole && s.o.Seal == "" && s.version.atLeast(7, 0) && sealMark.MatchString(text(m["description"])) {
		p.add("", nil, Change{
			Sign: Note, Kind: "template", Name: f.name,
			Why: "is not imported again: that would take away the seal; set zabbix.seal_file, then run setup again",
		})
		return nil
	}
	p.add(what, func(ctx context.Context) error { return s.load(ctx, here, whole) }, changes...)
	return nil
}

// noteSeal tells what the seal of this site is worth.
func (s *Setup) noteSeal(p *Plan, f *file) {
	m := f.macro(sealMacro)
	if m == nil {
		return
	}
	c := Change{Sign: Note, Kind: "macro", Name: sealMacro}
	switch set := sealMark.MatchString(text(m["description"])); {
	case set && s.o.Seal == "":
		c.Why = "is set, and zabbix.seal_file is not: Zabbix refuses the values of this worker"
	case set && !s.version.atLeast(7, 0):
		c.Why = "is no secret in this version, which cannot use one: whoever may read the template's macros can read it"
	default:
		return
	}
	p.add("", nil, c)
}

func templateRef(name string) string { return "@template/" + name }

// setMacros puts what the site chose into the tree: who may send, and the seal,
// whose value Zabbix never shows again. So a fingerprint of it stands in the
// macro's description.
func (s *Setup) setMacros(f *file, found []row) {
	if m := f.macro(sendMacro); m != nil {
		if s.o.Senders != "" {
			m["value"] = s.o.Senders
		} else if len(found) > 0 {
			if now := macroOf(found[0]["macros"], sendMacro); now != nil {
				m["value"] = now["value"]
			}
		}
	}
	m := f.macro(sealMacro)
	if m == nil {
		return
	}
	var now row
	if len(found) > 0 {
		now = macroOf(found[0]["macros"], sealMacro)
	}
	if s.o.Seal == "" {
		delete(m, "value")
		if now != nil && text(now["type"]) == plainMacro {
			delete(m, "type")
			m["value"] = now["value"]
		}
		m["description"] = text(m["description"]) + sealMark.FindString(text(now["description"]))
		return
	}
	m["description"] = text(m["description"]) + " Set by penstock setup, fingerprint " + fingerprint(s.o.Seal) + "."
	m["value"] = s.o.Seal
	if !s.version.atLeast(7, 0) {
		delete(m, "type") // the preprocessing of 6.0 sees asterisks instead of a secret
	}
}

const plainMacro = "0" // type of a macro that everybody may read

// fingerprint tells two secrets apart and does not give one away: guessing costs
// the time of many rounds for each guess.
func fingerprint(secret string) string {
	const rounds, bytes = 200_000, 6
	key, err := pbkdf2.Key(sha256.New, secret, []byte("penstock setup"), rounds, bytes)
	if err != nil {
		return strings.Repeat("0", 2*bytes) // of constants that are in order
	}
	return hex.EncodeToString(key)
}

// rules are those of configuration.import and importcompare.
func (s *Setup) rules() row {
	both := row{"createMissing": true, "updateExisting": true}
	rules := row{}
	for _, name := range []string{"templates", "items", "triggers", "discoveryRules", "valueMaps", "templateDashboards"} {
		rules[name] = both
	}
	groups := "groups"
	if s.version.atLeast(6, 2) {
		groups = "template_groups"
	}
	rules[groups] = row{"createMissing": true}
	return rules
}

// load imports a template: all of it, or only its parts.
func (s *Setup) load(ctx context.Context, f *file, whole bool) error {
	data, err := json.Marshal(f.tree)
	if err != nil {
		return fmt.Errorf("write template %s: %w", f.name, err)
	}
	rules := s.rules()
	rules["templates"] = row{"createMissing": true, "updateExisting": whole}
	if err := s.api.Call(ctx, "configuration.import", row{"format": "json", "rules": rules, "source": string(data)}, nil); err != nil {
		return err
	}
	found, err := s.list(ctx, "template.get", row{"output": []string{"templateid"}, "filter": row{"uuid": f.uuid}})
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("it is not there after the import")
	}
	s.refs[templateRef(f.name)] = text(found[0]["templateid"])
	return nil
}

// difference is one field of one part of a template that Zabbix holds otherwise than
// the file; field "" is a part that Zabbix does not hold.
type difference struct {
	uuid, name, field string
	macro             string // of the template, whose field it is
	before, after     any
}

// object names the part for shipped.txt.
func (d difference) object() string { return d.uuid + d.macro }

func (d difference) change(sign Sign, template string) Change {
	name := template
	if d.name != template {
		name += ": " + d.name
	}
	c := Change{Sign: sign, Kind: "template", Name: name, Field: d.field, Old: inWords(d.before), New: inWords(d.after)}
	if d.macro != "" {
		c.Field = d.macro + " " + d.field
	}
	if d.field == "" {
		c.Sign, c.Old, c.New = Create, "", ""
	}
	return c
}

// compare asks Zabbix in what it differs from a tree.
func (s *Setup) compare(ctx context.Context, tree row) ([]difference, error) {
	data, err := json.Marshal(withoutSecrets(tree))
	if err != nil {
		return nil, fmt.Errorf("write template: %w", err)
	}
	var answer any // an empty list where there is nothing
	if err := s.api.Call(ctx, "configuration.importcompare", row{"format": "json", "rules": s.rules(), "source": string(data)}, &answer); err != nil {
		return nil, err
	}
	var found []difference
	s.gather(answer, &found)
	slices.SortFunc(found, func(a, b difference) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.uuid, b.uuid), cmp.Compare(a.macro, b.macro), cmp.Compare(a.field, b.field))
	})
	return found, nil
}

// withoutSecrets returns a copy without values of secret macros, which Zabbix does
// not compare, and without the seal.
func withoutSecrets(tree row) row {
	out := copyTree(tree).(row)
	for _, e := range entities(out) {
		macros, _ := e["macros"].([]any)
		for _, v := range macros {
			if m, _ := v.(row); text(m["type"]) == "SECRET_TEXT" || text(m["macro"]) == sealMacro {
				delete(m, "value")
			}
		}
	}
	return out
}

// gather walks the answer of importcompare: kinds of parts, in each what is added
// or updated, in each of these the part before and after, and its own parts.
func (s *Setup) gather(v any, found *[]difference) {
	kinds, _ := v.(row)
	for _, v := range kinds {
		sorts, isKind := v.(row)
		if !isKind {
			continue
		}
		added, _ := sorts["added"].([]any)
		for _, v := range added {
			one, _ := v.(row)
			after, _ := one["after"].(row)
			*found = append(*found, difference{uuid: text(after["uuid"]), name: partName(after), after: after})
		}
		updated, _ := sorts["updated"].([]any)
		for _, v := range updated {
			one, _ := v.(row)
			before, _ := one["before"].(row)
			after, _ := one["after"].(row)
			s.fields(before, after, found)
			s.gather(one, found) // "before" and "after" hold no such lists
		}
	}
}

func partName(part row) string { return cmp.Or(text(part["name"]), text(part["macro"])) }

func (s *Setup) fields(before, after row, found *[]difference) {
	d := difference{uuid: text(after["uuid"]), name: partName(after)}
	both := maps.Clone(before)
	maps.Copy(both, after)
	for _, field := range slices.Sorted(maps.Keys(both)) {
		d.field, d.before, d.after = field, before[field], after[field]
		if field == "macros" {
			s.macroFields(d, found)
			continue
		}
		if canonical(s.usual(field, d.before)) != canonical(s.usual(field, d.after)) {
			*found = append(*found, d)
		}
	}
}

func (s *Setup) macroFields(d difference, found *[]difference) {
	after, _ := d.after.([]any)
	for _, v := range after {
		want, _ := v.(row)
		have := macroOf(d.before, text(want["macro"]))
		d.macro = text(want["macro"])
		if have == nil {
			*found = append(*found, difference{uuid: d.uuid, name: d.name + " " + d.macro, macro: d.macro, after: want})
			continue
		}
		for _, field := range []string{"description", "type", "value"} {
			one := d
			one.field, one.before, one.after = field, have[field], want[field]
			secret := field == "value" && (text(have["type"]) == "SECRET_TEXT" || text(want["type"]) == "SECRET_TEXT" || d.macro == sealMacro)
			if !secret && canonical(one.before) != canonical(one.after) {
				*found = append(*found, one)
			}
		}
	}
}

// usual replaces a value that a version takes for granted by nothing, since what
// Zabbix makes of a file of 6.0 holds some and what it says of itself does not, and
// sorts lists that it gives in any order (all measured on 6.0.14 and 7.0.9).
func (s *Setup) usual(field string, v any) any {
	switch value := text(v); {
	case field == "type" && value == "ZABBIX_PASSIVE",
		field == "history" && value == "31d" && s.version.atLeast(7, 0),
		field == "lifetime" && value == "7d" && s.version.atLeast(7, 0),
		field == "lifetime" && value == "30d" && !s.version.atLeast(7, 0),
		field == "history" && value == "90d" && !s.version.atLeast(7, 0):
		return nil
	}
	return sorted(field, v)
}

// unordered are the lists without an order of their own.
var unordered = []string{"fields", "lld_macro_paths", "tags", "widgets"}

func sorted(field string, v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = sorted("", v[i])
		}
		if slices.Contains(unordered, field) {
			slices.SortFunc(out, func(a, b any) int { return cmp.Compare(canonical(a), canonical(b)) })
		}
		return out
	case row:
		out := row{}
		for name, value := range v {
			if name == "height" && text(value) == widgetHeight {
				continue
			}
			out[name] = sorted(name, value)
		}
		return out
	}
	return v
}

const widgetHeight = "2" // of a widget that says none

// keep puts what an administrator changed into the tree, so that the import leaves
// it as it is, and returns what is still different.
func (s *Setup) keep(ctx context.Context, f *file, found []difference) (rest []difference, kept []Change, err error) {
	original := copyTree(f.tree).(row)
	var local []difference
	for _, d := range found {
		if d.field == "" || isShipped(d.object(), d.field, s.usual(d.field, d.before)) || s.chosen(d) {
			continue
		}
		local = append(local, d)
		f.set(d)
	}
	if len(local) == 0 {
		return found, nil, nil
	}
	rest, err = s.compare(ctx, f.tree)
	if err != nil { // a form that only this version knows cannot be put into a file of 6.0
		return found, nil, f.adopt(original)
	}
	for _, d := range local {
		same := func(r difference) bool { return r.uuid == d.uuid && r.macro == d.macro && r.field == d.field }
		if !slices.ContainsFunc(rest, same) {
			kept = append(kept, d.change(Keep, f.name))
		}
	}
	return rest, kept, nil
}

// chosen reports whether a difference is what the settings ask for.
func (s *Setup) chosen(d difference) bool {
	return d.macro == sendMacro && d.field == "value" && s.o.Senders != "" ||
		d.macro == sealMacro && d.field == "type" && s.o.Seal != ""
}

// set puts the value that Zabbix holds into the tree.
func (f *file) set(d difference) {
	part := entities(f.tree)[d.uuid]
	if d.macro != "" {
		part = f.macro(d.macro)
	}
	switch {
	case part == nil:
	case d.macro == sealMacro && d.field == "description":
		part[d.field] = sealMark.ReplaceAllString(text(d.before), "") + sealMark.FindString(text(part[d.field]))
	case isNothing(d.before):
		delete(part, d.field)
	default:
		part[d.field] = d.before
	}
}

// adopt makes a tree that of the file.
func (f *file) adopt(tree row) error {
	fresh, err := newFile(f.path, tree)
	if err != nil {
		return err
	}
	*f = *fresh
	return nil
}
