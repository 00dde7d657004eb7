package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"
)

// Right is what a handler asks of its caller. The zero value is no right and
// held by nobody.
type Right uint8

const (
	Read    Right = iota + 1 // members of Group, and whoever may command
	Command                  // root, the worker's own user, members of AdminGroup
)

// Peer is who is at the other end, by the word of the kernel.
type Peer struct {
	UID uint32
	// User is the name of UID in the system's user file, or "" where that does
	// not have it.
	User string
	// Groups are the names of the process's own group and of those that the
	// system's group file puts the user in; a group without a name is its number.
	Groups []string
}

// peerOf names whom the kernel says connected. Users and groups that are in a
// directory only, and not in the files under /etc, have no name here.
func peerOf(cred *syscall.Ucred) (Peer, error) {
	p := Peer{UID: cred.Uid, Groups: []string{groupName(strconv.FormatUint(uint64(cred.Gid), 10))}}
	u, err := user.LookupId(strconv.FormatUint(uint64(cred.Uid), 10))
	if err != nil {
		return p, nil //nolint:nilerr // a user without a name is one all the same
	}
	p.User = u.Username
	gids, err := u.GroupIds()
	if err != nil {
		return Peer{}, fmt.Errorf("look up the groups of %s: %w", u.Username, err)
	}
	for _, gid := range gids {
		if name := groupName(gid); !slices.Contains(p.Groups, name) {
			p.Groups = append(p.Groups, name)
		}
	}
	return p, nil
}

// credentials asks the kernel who connected.
func credentials(conn *net.UnixConn) (*syscall.Ucred, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("ask who connected: %w", err)
	}
	var cred *syscall.Ucred
	var errCred error
	err = raw.Control(func(fd uintptr) {
		cred, errCred = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err := errors.Join(err, errCred); err != nil {
		return nil, fmt.Errorf("ask who connected: %w", err)
	}
	return cred, nil
}

func groupName(gid string) string {
	if g, err := user.LookupGroupId(gid); err == nil {
		return g.Name
	}
	return gid
}

// access says who has which right.
type access struct {
	self           uint32 // the worker's own user
	readers, admin string // names of groups, "" is none
}

// allows reports whether the peer has the right. The socket's mode has kept
// most strangers out already; it is not relied on, as some file systems have none.
func (a access) allows(p Peer, need Right) bool {
	in := func(group string) bool { return group != "" && slices.Contains(p.Groups, group) }
	commands := p.UID == 0 || p.UID == a.self || in(a.admin)
	switch need {
	case Command:
		return commands
	case Read:
		return commands || in(a.readers)
	}
	return false
}

// refuse tells a peer what it lacks.
func (a access) refuse(cmd string, need Right) *Error {
	group, does := a.readers, "ask"
	if need == Command {
		group, does = a.admin, "command"
	}
	e := &Error{Code: CodeRefused, Text: fmt.Sprintf("you may not %s the worker: %s", does, cmd), Hint: "try it as root"}
	if group != "" {
		e.Hint += ", or as a member of group " + group
	}
	return e
}

// owner returns the access rights that the options ask for and the group that
// the socket is to belong to, or -1 where its mode admits no group.
func owner(o Options) (access, int, error) {
	a := access{self: uint32(os.Geteuid()), admin: o.AdminGroup} // never negative on Linux
	if o.AdminGroup != "" {
		if _, err := user.LookupGroup(o.AdminGroup); err != nil {
			return a, -1, fmt.Errorf("admin_group %q: %w", o.AdminGroup, err)
		}
	}
	name := o.Group
	if name == "" {
		name = defaultGroup
	}
	g, err := user.LookupGroup(name)
	if err != nil && o.Group == "" {
		return a, -1, nil //nolint:nilerr // without the default group the socket is its owner's
	}
	if err != nil {
		return a, -1, fmt.Errorf("group %q: %w", name, err)
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return a, -1, fmt.Errorf("group %q has the number %q: %w", name, g.Gid, err)
	}
	a.readers = name
	return a, gid, nil
}
