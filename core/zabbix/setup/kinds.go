package setup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// kind is one kind of object that setup makes with plain create and update calls.
type kind struct {
	word   string // for a reader, and in references
	method string // of the API, before the dot
	id     string // name of its id
}

var (
	kindHostGroup = kind{"host group", "hostgroup", "groupid"}
	kindRole      = kind{"role", "role", "roleid"}
	kindUserGroup = kind{"user group", "usergroup", "usrgrpid"}
	kindUser      = kind{"user", "user", "userid"}
	kindScript    = kind{"script", "script", "scriptid"}
	kindAction    = kind{"action", "action", "actionid"}
)

// ref names an object of a kind, whether it has an id yet or not.
func (k kind) ref(name string) string { return "@" + k.word + "/" + name }

// object is one object as it should be and as it is. Fields hold strings, lists and
// maps in the form of the API; where that wants an id of another object, they hold
// a reference.
type object struct {
	kind  kind
	name  string
	want  map[string]any
	once  map[string]any // is only given at creation
	have  map[string]any // nil where it is not there
	id    string
	parts []string // for a reader
	clash string   // why an object of that name is not ours
}

// row is an object as the API gives it.
type row = map[string]any

func text(v any) string {
	if s, isText := v.(string); isText {
		return s
	}
	return ""
}

func (s *Setup) list(ctx context.Context, method string, params row) ([]row, error) {
	var rows []row
	if err := s.api.Call(ctx, method, params, &rows); err != nil {
		return nil, err
	}
	return rows, nil
}

// readRefs reads the ids of objects that ours refer to.
func (s *Setup) readRefs(ctx context.Context) error {
	for _, q := range []struct {
		kind   kind
		params row
	}{
		{kindUserGroup, row{"output": []string{"usrgrpid", "name"}}},
		{kindHostGroup, row{"output": []string{"groupid", "name"}, "filter": row{"uuid": groupUUID}}},
		{kindRole, row{"output": []string{"roleid", "name"}, "filter": row{"name": workerName}}},
	} {
		rows, err := s.list(ctx, q.kind.method+".get", q.params)
		if err != nil {
			return err
		}
		for _, r := range rows {
			name := text(r["name"])
			if q.kind == kindHostGroup {
				name = groupName // it may have been renamed
			}
			s.refs[q.kind.ref(name)] = text(r[q.kind.id])
		}
	}
	return nil
}

// named turns an id into a reference, as far as it is known.
func (s *Setup) named(k kind, id string) string {
	for ref, known := range s.refs {
		if known == id && strings.HasPrefix(ref, k.ref("")) {
			return ref
		}
	}
	return k.ref("number " + id)
}

// resolve replaces references by ids. It returns a copy.
func (s *Setup) resolve(v any) (any, error) {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "@") {
			return s.idOf(v)
		}
		return v, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = s.resolve(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case row:
		out := row{}
		for name, value := range v {
			var err error
			if out[name], err = s.resolve(value); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

func (s *Setup) planObjects(p *Plan, objects []*object, kinds ...kind) {
	for _, o := range objects {
		if slices.Contains(kinds, o.kind) {
			s.planObject(p, o)
		}
	}
}

func (s *Setup) planObject(p *Plan, o *object) {
	what := o.kind.word + " " + o.name
	switch {
	case o.clash != "":
		p.add(what, func(context.Context) error {
			return fmt.Errorf("one of that name is there, and setup did not make it: %s; rename it first", o.clash)
		}, Change{Sign: Note, Kind: o.kind.word, Name: o.name, Why: "one of that name is there, and setup did not make it: " + o.clash})
		// Nothing is done at all rather than half of it.
		p.steps = append([]step{p.steps[len(p.steps)-1]}, p.steps[:len(p.steps)-1]...)
		return
	case o.have == nil:
		p.add("create "+what, func(ctx context.Context) error { return s.create(ctx, o) },
			Change{Sign: Create, Kind: o.kind.word, Name: o.name, Parts: o.parts})
		return
	}
	changed := row{}
	var changes []Change
	for _, field := range slices.Sorted(maps.Keys(o.want)) {
		c := Change{Kind: o.kind.word, Name: o.name, Field: field, Old: inWords(o.have[field]), New: inWords(o.want[field])}
		if field == "operations" && canonical(impersonal(o.have[field])) == canonical(impersonal(o.want[field])) {
			c.Old, c.New = peopleOf(o.have), peopleOf(o.want) // nothing else of a long value differs
		}
		switch {
		case canonical(o.have[field]) == canonical(o.want[field]):
			continue
		case s.o.Overwrite || isShipped(o.kind.word+"/"+o.name, field, o.have[field]):
			c.Sign = Alter
			changed[field] = o.want[field]
		default:
			c.Sign = Keep
		}
		changes = append(changes, c)
	}
	if len(changed) == 0 {
		p.add("", nil, changes...)
		return
	}
	p.add("change "+what, func(ctx context.Context) error { return s.update(ctx, o, changed) }, changes...)
}

func (s *Setup) create(ctx context.Context, o *object) error {
	fields := maps.Clone(o.want)
	maps.Copy(fields, o.once)
	params, err := s.params(o, fields)
	if err != nil {
		return err
	}
	var made map[string][]string
	if err := s.api.Call(ctx, o.kind.method+".create", params, &made); err != nil {
		return err
	}
	ids := made[o.kind.id+"s"]
	if len(ids) != 1 {
		return fmt.Errorf("%s.create answered %d ids, want 1", o.kind.method, len(ids))
	}
	s.refs[o.kind.ref(o.name)] = ids[0]
	return nil
}

func (s *Setup) update(ctx context.Context, o *object, fields row) error {
	if o.kind == kindRole { // its rules are one object
		fields = maps.Clone(fields)
		for name, value := range o.have {
			if _, isNew := fields[name]; !isNew && strings.HasPrefix(name, rulePrefix) {
				fields[name] = value
			}
		}
	}
	params, err := s.params(o, fields)
	if err != nil {
		return err
	}
	params[o.kind.id] = o.id
	return s.api.Call(ctx, o.kind.method+".update", params, nil)
}

// params makes fields into what this version's API takes.
func (s *Setup) params(o *object, fields row) (row, error) {
	resolved, err := s.resolve(fields)
	if err != nil {
		return nil, err
	}
	params, rules := row{}, row{}
	for name, value := range resolved.(row) {
		switch rule, isRule := strings.CutPrefix(name, rulePrefix); {
		case isRule && s.known[rule] != nil:
			rules[rule] = statuses(value, s.known[rule])
		case isRule:
			rules[rule] = value
		case name == "rights" && s.version.atLeast(6, 2):
			params["hostgroup_rights"] = value
		default:
			params[name] = value
		}
	}
	if len(rules) > 0 {
		params["rules"] = rules
	}
	return params, nil
}
