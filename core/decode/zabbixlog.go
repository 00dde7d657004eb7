package decode

import (
	"strings"

	"penstock/core/event"
	"penstock/core/logline"
)

// Programs whose own log has no field for the program. What their lines say tells
// them apart where it does; a line that any of them may have written is zabbix.
const (
	zabbixServer = "zabbix_server"
	zabbixProxy  = "zabbix_proxy"
	zabbixAgent  = "zabbix_agentd"
	zabbixAgent2 = "zabbix_agent2"
)

// zabbixProgram returns which program of Zabbix wrote a line of the form
// PID:YYYYMMDD:HHMMSS.mmm, by the line alone, so that a line is always the same
// program's, wherever reading began.
func zabbixProgram(m string) string {
	rest, starting := strings.CutPrefix(m, "Starting Zabbix ")
	if !starting {
		if rest, starting = strings.CutPrefix(m, "Zabbix "); !starting || !strings.Contains(m, " stopped. Zabbix ") {
			rest = m
		}
	}
	for _, known := range [...]struct{ word, process, program string }{
		{"Server", "server #", zabbixServer}, {"Proxy", "proxy #", zabbixProxy}, {"Agent", "agent #", zabbixAgent},
	} {
		if starting && strings.HasPrefix(rest, known.word) || strings.HasPrefix(m, known.process) {
			return known.program
		}
	}
	return programZabbix
}

// isAgent2 says whether a line is one of Zabbix agent 2: the time as Go writes it,
// with microseconds, and words that only the agent has.
func isAgent2(line string) bool {
	if len(line) < 27 || line[4] != '/' || line[7] != '/' || line[19] != '.' || line[26] != ' ' {
		return false
	}
	m := line[27:]
	for _, begin := range [...]string{
		"Starting Zabbix Agent 2", "Zabbix Agent 2 ", "Zabbix Agent2 ", "using plugin '", "Plugin communication protocol version",
		"lowering the plugin ", "Press Ctrl+C", "using configuration file: ",
	} {
		if strings.HasPrefix(m, begin) {
			return true
		}
	}
	return inBrackets(m)
}

// inBrackets says whether a message begins with [NUMBER], the active check client
// that writes it.
func inBrackets(m string) bool {
	n := 1
	for n < len(m) && n < 8 && isDigit(m[n]) {
		n++
	}
	return len(m) > n+1 && m[0] == '[' && n > 1 && m[n] == ']' && m[n+1] == ' '
}

// ownLog names the program of a line of Zabbix's own logs.
func ownLog(ev *event.Event, line string, h *logline.Header) {
	switch {
	case ev.Program != "":
	case h.Format == logline.Zabbix:
		ev.Program = zabbixProgram(h.Message)
	case h.Format == logline.Timed && isAgent2(line):
		ev.Program = zabbixAgent2
	}
}
