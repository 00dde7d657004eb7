package setup

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// recipients are the fields of an operation that say who gets its message. They are
// the site's: setup only sets them where a flag names somebody, or at first.
var recipients = []string{"opmessage_grp", "opmessage_usr"}

// groups returns the user groups for notices: those that are given, else those that
// are there, else the default. Of an escalation that goes to no group it returns the
// default, in whose place keepPeople puts who gets it.
func (s *Setup) groups(objects []*object) (operators, escalation string, err error) {
	operators, escalation = s.present(objects)
	operators, escalation = cmp.Or(s.o.Operators, operators, defaultOperators), cmp.Or(s.o.Escalation, escalation)
	if s.o.Escalation != "" && escalation == operators {
		escalation = ""
	}
	wanted := []string{s.o.Operators, s.o.Escalation}
	if slices.ContainsFunc(objects, func(o *object) bool { return o.have == nil && (o.kind == kindScript || o.kind == kindAction) }) {
		wanted = append(wanted, operators) // for a new one
	}
	for _, name := range wanted {
		if name == ApproversName && s.o.TokenFile != "" {
			continue // it is made before
		}
		if name != "" && s.refs[kindUserGroup.ref(name)] == "" {
			return "", "", fmt.Errorf("user group %q does not exist in Zabbix: name one that gets notices", name)
		}
	}
	return operators, escalation, nil
}

// present returns the groups that actions send to now, the gravest action first.
func (s *Setup) present(objects []*object) (operators, escalation string) {
	for _, o := range slices.Backward(objects) {
		if o.kind != kindAction || o.have == nil {
			continue
		}
		for i, op := range operations(o.have) {
			switch group := firstGroup(op); {
			case i == 0:
				operators = cmp.Or(operators, group)
			case o.name == actionCritical:
				escalation = cmp.Or(escalation, group, defaultOperators)
			}
		}
	}
	return operators, escalation
}

// operations returns the operations of an action in the order of their steps.
func operations(action row) []row {
	list, _ := action["operations"].([]any)
	ops := make([]row, 0, len(list))
	for _, v := range list {
		op, _ := v.(row)
		ops = append(ops, op)
	}
	step := func(op row) int {
		n, _ := strconv.Atoi(text(op["esc_step_from"])) // what is no number comes first
		return n
	}
	slices.SortStableFunc(ops, func(a, b row) int { return cmp.Compare(step(a), step(b)) })
	return ops
}

func firstGroup(op row) string {
	list, _ := op["opmessage_grp"].([]any)
	if len(list) == 0 {
		return ""
	}
	one, _ := list[0].(row)
	_, name, _ := strings.Cut(text(one["usrgrpid"]), "/")
	return name
}

// keepPeople puts who gets notices of an object, and who sees it, into the object as
// it should be, unless a flag names others.
func (s *Setup) keepPeople(o *object) {
	if o.have == nil {
		return
	}
	switch o.kind {
	case kindScript:
		if group := text(o.have["usrgrpid"]); group != "" && s.o.Operators == "" {
			o.want["usrgrpid"] = group
		}
	case kindAction:
		have, ops := operations(o.have), []any{}
		for i, op := range operations(o.want) {
			flag := s.o.Operators
			if o.name == actionCritical && i > 0 {
				flag = s.o.Escalation
			}
			if flag == "" && i < len(have) && hasRecipients(have[i]) {
				op = maps.Clone(op)
				for _, field := range recipients {
					delete(op, field)
					if v := have[i][field]; v != nil {
						op[field] = v
					}
				}
			}
			ops = append(ops, op)
		}
		o.want["operations"] = s.plain(ops)
	}
}

func hasRecipients(op row) bool {
	return slices.ContainsFunc(recipients, func(field string) bool { return !isNothing(op[field]) })
}

// peopleOf returns who gets the messages of an action, for a reader.
func peopleOf(action row) string {
	var all []string
	for _, op := range operations(action) {
		var words []string
		for _, ref := range column(op["opmessage_grp"], "usrgrpid") {
			words = append(words, inWords(ref))
		}
		for _, id := range column(op["opmessage_usr"], "userid") {
			words = append(words, "user number "+id)
		}
		all = append(all, strings.Join(words, " and "))
	}
	return "to " + strings.Join(all, ", then to ")
}

// planApprovers says what setup cannot know: whose names the worker has to see.
func (s *Setup) planApprovers(ctx context.Context, p *Plan) error {
	if id := s.refs[kindUserGroup.ref(ApproversName)]; id != "" {
		rows, err := s.list(ctx, "user.get", row{"output": []string{"username"}, "usrgrpids": id})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rows, func(r row) bool { return text(r["username"]) != workerName }) {
			return nil
		}
	}
	p.add("", nil, Change{
		Sign: Note, Kind: kindUserGroup.word, Name: ApproversName,
		Why: "nobody is in it: add every approver, else the worker does not see who closed or acknowledged a problem, and counts it for nobody's; " +
			"and list each under policy.approvers, with the Zabbix user name as name or in accounts",
	})
	return nil
}
