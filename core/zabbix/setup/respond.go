package setup

import (
	"fmt"
	"slices"
)

// Scripts in the menu of a problem. Nothing but the number of the event reaches
// them: names and tags hold words out of logs, and Zabbix pastes macros unescaped.
const (
	scriptApprove = "Penstock: approve"
	scriptReject  = "Penstock: reject"
)

func scriptNames() []string { return []string{scriptApprove, scriptReject} }

func scriptNote(name string) string {
	return mark + " A button on problems of Penstock: it says how to " + scriptWord(name) + ", and does nothing itself."
}

func scriptWord(name string) string {
	if name == scriptReject {
		return "reject"
	}
	return "approve"
}

func isMarkedScript(r row, name string) bool { return text(r["description"]) == scriptNote(name) }

// eventScript returns a script. It is the place of a button: JavaScript that runs in
// the server without a shell, contacts nobody, and says what to do instead.
func eventScript(name, operators string) row {
	word := scriptWord(name)
	return row{
		"name": name, "type": "5", "scope": "4", "timeout": "5s", "menu_path": menuPath,
		"parameters": []any{row{"name": "event", "value": "{EVENT.ID}"}},
		"command": fmt.Sprintf(`var event = JSON.parse(value).event;
if (!/^[0-9]{1,20}$/.test(event)) {
    throw 'Cannot tell which event this is.';
}
return 'Event ' + event + ': nothing was started. Where a message of Penstock on this problem asks for approval, ' +
    'update the problem with the message "%s CODE", with the code of that message.';`, word),
		"usrgrpid": kindUserGroup.ref(operators), "groupid": kindHostGroup.ref(groupName), "host_access": "3",
		"confirmation": fmt.Sprintf("Show how to %s what Penstock proposes for this problem?", word),
		"description":  scriptNote(name),
	}
}

// Actions: who hears of a problem, and when again. A Low case has no problem: it is
// recorded and shown on the dashboard, and nobody is told.
const (
	actionMedium   = "Penstock: tell of Medium"
	actionHigh     = "Penstock: tell of High and remind"
	actionCritical = "Penstock: escalate Critical"
)

func actionNames() []string { return []string{actionMedium, actionHigh, actionCritical} }

// actionMarks are what an action is known by after it was renamed: it has no
// description to carry a mark. Each action has a condition that the tag penstock is
// not its mark, which is always so.
var actionMarks = map[string]string{actionMedium: "setup-medium", actionHigh: "setup-high", actionCritical: "setup-critical"}

func isMarkedAction(r row, name string) bool {
	filter, _ := r["filter"].(row)
	conditions, _ := filter["conditions"].([]any)
	return slices.ContainsFunc(conditions, func(v any) bool {
		c, _ := v.(row)
		return text(c["conditiontype"]) == conditionTagValue && text(c["value2"]) == ourTag && text(c["value"]) == actionMarks[name]
	})
}

// Numbers of the Zabbix API.
const (
	conditionSeverity = "4"
	conditionTag      = "25"
	conditionTagValue = "26"
	isNot             = "1"
	atLeast           = "5"
	atMost            = "6"
	conditionAcked    = "14"
	sendMessage       = "0"
	tellAllInvolved   = "11"
	tellAllOfUpdate   = "12"
)

// action returns one action, and what it does in words. Both kinds of our problems
// get it: cases, and what is wrong with a worker itself.
//
// Zabbix sends a message of an update for everything that is written to a problem,
// to all but the writer; no condition tells the worker from a person. The worker
// writes once to each problem what to do there. By High and Critical that is worth a
// message of its own, and so is who takes it on; by Medium it would double them.
func action(name, operators, escalation string) (row, []string) {
	what := row{
		"name": name, "eventsource": "0", "status": "0", "esc_period": "1h", "pause_suppressed": "1",
		"recovery_operations": []any{row{"operationtype": tellAllInvolved, "opmessage": message("Resolved: {EVENT.NAME}",
			"{EVENT.NAME}\nended {EVENT.RECOVERY.DATE} {EVENT.RECOVERY.TIME} after {EVENT.AGE}.\nHost: {HOST.NAME}\nEvent: {EVENT.ID}")}},
		"update_operations": []any{row{"operationtype": tellAllOfUpdate, "opmessage": message("Updated: {EVENT.NAME}",
			"{USER.FULLNAME} {EVENT.UPDATE.ACTION} {EVENT.UPDATE.DATE} {EVENT.UPDATE.TIME}:\n{EVENT.UPDATE.MESSAGE}\n\n{EVENT.NAME}\nHost: {HOST.NAME}\nEvent: {EVENT.ID}")}},
	}
	told := "what is written to the problem, also by the worker: a message to all who heard of it"
	var parts []string
	switch name {
	case actionMedium:
		what["filter"] = conditions(name, "2", "2")
		what["operations"], what["update_operations"] = []any{send("1", "1", operators, false)}, []any{}
		parts = []string{"severity Warning: one message to user group " + operators}
	case actionHigh:
		what["filter"] = conditions(name, "3", "4")
		what["operations"] = []any{send("1", "1", operators, false), send("2", "9", operators, true)}
		parts = []string{
			"severity Average and High: a message to user group " + operators + " at once",
			"until somebody acknowledges: again every hour, eight times", told,
		}
	case actionCritical:
		what["filter"], what["esc_period"], what["pause_suppressed"] = conditions(name, "5", "5"), "5m", "0"
		operations := []any{send("1", "0", operators, true)}
		parts = []string{
			"severity Disaster, also in a maintenance: a message to user group " + operators + " at once",
			"until somebody acknowledges: again every 5 minutes", told,
		}
		if escalation != "" {
			operations = append(operations, send("4", "0", escalation, true))
			parts = append(parts, "after 15 minutes also to user group "+escalation)
		}
		what["operations"] = operations
	}
	return what, parts
}

func conditions(name, from, to string) row {
	return row{"evaltype": "1", "conditions": []any{
		row{"conditiontype": conditionTag, "operator": "0", "value": ourTag},
		row{"conditiontype": conditionTagValue, "operator": isNot, "value": actionMarks[name], "value2": ourTag},
		row{"conditiontype": conditionSeverity, "operator": atLeast, "value": from},
		row{"conditiontype": conditionSeverity, "operator": atMost, "value": to},
	}}
}

// send returns an operation that sends messages from one step to another; to 0 is
// without end.
func send(from, to, group string, untilAcked bool) row {
	op := row{
		"operationtype": sendMessage, "esc_step_from": from, "esc_step_to": to,
		"opmessage": message("{EVENT.SEVERITY}: {EVENT.NAME}",
			"{EVENT.NAME}\nSeverity: {EVENT.SEVERITY}\nHost: {HOST.NAME}\nSince: {EVENT.DATE} {EVENT.TIME}\n{EVENT.OPDATA}\nEvent: {EVENT.ID}\n\n"+
				"What to do stands in the messages of the problem in Zabbix; where Penstock itself is troubled, in the description of the trigger. "+
				"Acknowledge it when you take it on."),
		"opmessage_grp": []any{row{"usrgrpid": kindUserGroup.ref(group)}},
	}
	if untilAcked {
		op["opconditions"] = []any{row{"conditiontype": conditionAcked, "operator": "0", "value": "0"}}
	}
	return op
}

func message(subject, body string) row {
	return row{"default_msg": "0", "subject": subject, "message": body}
}
