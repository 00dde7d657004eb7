// Command zabbix-agent2-plugin-penstock is a loadable plugin of Zabbix agent 2: it
// answers items from what the Penstock worker knows, and, where it is told to, keeps
// a worker of its own as a child process. A plugin that ends takes the agent with
// it, so this one ends only when the agent says so or is gone, recovers from
// whatever goes wrong inside it, and leaves all that can go wrong beyond recovery to
// the child. It never waits for a model, never acts on a host, and never prints.
package main

import (
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // a bare machine may lack the time zones that penstock.yaml names
)

// version is set by the build.
var version = "dev"

// Exit codes. With exitConfig the child says that trying again is in vain until its
// configuration changes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 3
)

const usage = `usage: zabbix-agent2-plugin-penstock SOCKET true|false

Zabbix agent 2 starts this program where its configuration names it:
  Plugins.Penstock.System.Path=/usr/sbin/zabbix-agent2-plugin/zabbix-agent2-plugin-penstock
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout))
}

// run picks the role. The agent gives the path of a socket, and whether it only
// wants to know what the plugin can do.
func run(args []string, stdout io.Writer) int {
	switch {
	case len(args) > 0 && args[0] == workerFlag:
		return runWorker(args[1:], os.Stderr)
	case len(args) == 2 && args[0] != "" && args[0][0] != '-' && (args[1] == "true" || args[1] == "false"):
		silence()
		return serve(args[0], args[1] == "true")
	case len(args) == 1 && (args[0] == "-V" || args[0] == "--version"):
		fmt.Fprintf(stdout, "zabbix-agent2-plugin-penstock %s\n", version)
		return exitDone
	case len(args) == 1 && (args[0] == "-h" || args[0] == "--help"):
		fmt.Fprint(stdout, usage)
		return exitDone
	}
	return exitUsage
}
