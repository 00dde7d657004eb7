package zabbix

import (
	"strconv"
	"strings"

	"penstock/core/record"
)

// MaxMessage is how many characters an acknowledgement's message may have.
const MaxMessage = 2048

// messageSteps is how many steps a message names.
const messageSteps = 3

// Message returns what the worker writes to a problem: what happened, how sure that
// is, what to do, and where more stands. It has at most MaxMessage characters.
func Message(r *record.Record) string {
	var lines []string
	add := func(text string, most int) {
		if text = Text(text, most); text != "" {
			lines = append(lines, text)
		}
	}
	a := &r.Advice
	add(a.Headline, 300)
	add(a.What, 500)
	add(a.Sure, 300)
	for i, step := range a.Steps[:min(messageSteps, len(a.Steps))] {
		add(strconv.Itoa(i+1)+". "+step.Text, 260)
	}
	add("penstock explain "+r.Case, 100)
	return sayable(strings.Join(lines, "\n")) // as it is read back
}
