package main

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"penstock/core/app"
	"penstock/core/config"
)

// option is a node of the tree in which the agent hands over all that its
// configuration files say below Plugins.Penstock. A node has a name and nodes, a
// leaf a value; names that are repeated give leaves that are.
type option struct {
	Name  string   `json:"Name"`
	Nodes []option `json:"Nodes"`
	Value string   `json:"Value"` // base64
	Line  int      `json:"Line"`
}

// Where things are unless the agent's configuration says otherwise.
const (
	childConfig   = "/etc/zabbix/penstock.yaml"
	childState    = "/var/lib/zabbix/penstock"
	serviceSocket = "/run/penstock/control.sock"
	socketName    = "control.sock" // in the state directory of a child
)

// The least, usual and most memory of a child. Below the least it would spend its
// time collecting garbage.
const (
	leastMemory   = 64 << 20
	defaultMemory = 256 << 20
	mostMemory    = 16 << 30
)

// mode is who keeps the worker.
type mode string

const (
	modeChild   mode = "child"
	modeService mode = "service"
)

// options are what the agent's configuration says.
type options struct {
	Mode     mode
	Config   string        // of the worker
	Socket   string        // of the worker
	StateDir string        // of a child
	Memory   int64         // bytes that a child may have
	Timeout  time.Duration // of the agent, which hands it over beside the tree; 0 where it says none
}

// readOptions reads the tree. What is wrong with it is a reason to answer every item
// with it and never one to end: a plugin that refuses its configuration keeps the
// agent from starting. Warnings are about what has no effect.
func readOptions(root *option) (o options, warnings []string, err error) {
	o = options{Mode: modeChild, StateDir: childState, Memory: defaultMemory}
	var problems []string
	set := map[string]bool{}
	if root == nil {
		root = &option{}
	}
	for _, n := range root.Nodes {
		if n.Name == "System" {
			continue // the agent's own
		}
		value, isLeaf := n.leaf()
		if !isLeaf {
			warnings = append(warnings, fmt.Sprintf("Plugins.Penstock.%s is not an option", shorten(n.Name, 100)))
			continue
		}
		known, problem := o.set(n.Name, value)
		switch {
		case !known:
			warnings = append(warnings, fmt.Sprintf("Plugins.Penstock.%s is not an option (Worker, Config, Socket, StateDir, MemoryLimit)", shorten(n.Name, 100)))
		case problem != "":
			problems = append(problems, fmt.Sprintf("Plugins.Penstock.%s=%s: %s", n.Name, shorten(value, 200), problem))
		case set[n.Name]:
			warnings = append(warnings, fmt.Sprintf("Plugins.Penstock.%s is there twice: the last counts", n.Name))
		}
		set[n.Name] = true
	}
	if len(problems) > 0 {
		return o, warnings, fmt.Errorf("%s", strings.Join(problems, "; "))
	}
	return o, append(warnings, o.complete(set)...), nil
}

// leaf returns the value of an option: of the last where it is repeated.
func (o *option) leaf() (string, bool) {
	if len(o.Nodes) == 0 {
		return "", false
	}
	last := o.Nodes[len(o.Nodes)-1]
	if last.Name != "" || len(last.Nodes) > 0 {
		return "", false
	}
	value, err := base64.StdEncoding.DecodeString(last.Value)
	if err != nil {
		return "", false
	}
	return strings.TrimSpace(string(value)), true
}

// set sets one option and says whether there is such a one, and what is wrong with
// its value.
func (o *options) set(name, value string) (known bool, problem string) {
	path := func(to *string) string {
		if !filepath.IsAbs(value) || strings.ContainsRune(value, 0) {
			return "not an absolute path"
		}
		*to = filepath.Clean(value)
		return ""
	}
	switch name {
	case "Worker":
		o.Mode = mode(value)
		if o.Mode != modeChild && o.Mode != modeService {
			return true, "neither service nor child"
		}
		return true, ""
	case "Config":
		return true, path(&o.Config)
	case "Socket":
		return true, path(&o.Socket)
	case "StateDir":
		return true, path(&o.StateDir)
	case "MemoryLimit":
		n, err := parseBytes(value)
		if err != nil || n < leastMemory || n > mostMemory {
			return true, "not a size from 64M to 16G"
		}
		o.Memory = n
		return true, ""
	}
	return false, ""
}

// complete fills in what follows from the rest, and says what has no effect.
func (o *options) complete(set map[string]bool) (warnings []string) {
	if o.Mode == modeChild {
		if o.Config == "" {
			o.Config = childConfig
		}
		if o.Socket == "" {
			o.Socket = filepath.Join(o.StateDir, socketName)
		}
		return nil
	}
	for _, name := range []string{"StateDir", "MemoryLimit"} {
		if set[name] {
			warnings = append(warnings, "Plugins.Penstock."+name+" has no effect with Worker=service")
		}
	}
	if o.Socket == "" && o.Config == "" {
		o.Socket = serviceSocket
	}
	return warnings
}

// findSocket returns where the worker listens. It reads the worker's configuration
// only where nothing else says it.
func (o *options) findSocket() (string, error) {
	if o.Socket != "" {
		return o.Socket, nil
	}
	c, err := config.Load(o.Config)
	if err != nil {
		return "", err
	}
	return app.SocketPath(c), nil
}

// parseBytes reads a size such as 256M.
func parseBytes(text string) (int64, error) {
	shift := 0
	if n := len(text); n > 0 {
		switch text[n-1] {
		case 'K', 'k':
			shift = 10
		case 'M', 'm':
			shift = 20
		case 'G', 'g':
			shift = 30
		}
		if shift > 0 {
			text = text[:n-1]
		}
	}
	n, err := strconv.ParseInt(text, 10, 32) // so that it can be shifted
	if shift == 0 {
		n, err = strconv.ParseInt(text, 10, 64)
	}
	return n << shift, err
}
