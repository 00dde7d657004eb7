package control

import (
	"fmt"
	"strings"
)

// maxPath is how long the path of a socket can be on Linux, in bytes.
const maxPath = 107

// defaultGroup may read where no group is named and the system has it.
const defaultGroup = "penstock"

// Options is the section control of penstock.yaml.
type Options struct {
	// Socket is where the worker listens; "" leaves the choice to the caller of
	// Listen.
	Socket string `yaml:"socket"`
	// Group is whose members may connect and read. "" is penstock where there is
	// such a group, else nobody but root and the worker's own user.
	Group string `yaml:"group"`
	// AdminGroup is whose members may command too; "" is nobody but root and the
	// worker's own user. They need to be in Group as well, else they cannot
	// connect.
	AdminGroup string `yaml:"admin_group"`
}

// DefaultOptions returns the options of a file that does not name them.
func DefaultOptions() Options { return Options{} }

// Paths returns the options that name files.
func (o *Options) Paths() []*string { return []*string{&o.Socket} }

// Check reports everything that is wrong with the options. Whether the groups
// exist is seen when the worker listens.
func (o *Options) Check(problem func(path, text string)) {
	if len(o.Socket) > maxPath {
		problem("socket", fmt.Sprintf("has %d bytes; the path of a socket has at most %d", len(o.Socket), maxPath))
	}
	for _, g := range []struct{ path, name string }{{"group", o.Group}, {"admin_group", o.AdminGroup}} {
		if g.name != "" && !isGroupName(g.name) {
			problem(g.path, fmt.Sprintf("%q is not the name of a group", g.name))
		}
	}
}

// isGroupName is what the usual tools let a group be called, and a little more:
// directories have names with capitals and points.
func isGroupName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	return len(name) <= 32 && strings.Contains(letters, name[:1]) &&
		strings.Trim(name, letters+"0123456789.-") == ""
}
