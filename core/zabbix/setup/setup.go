package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Caller calls a method of the Zabbix API: a *zabbix.API of somebody who may change
// what setup makes, as a rule a super administrator.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
}

// Settings say what to set up.
type Settings struct {
	// Host is the technical name of the worker's own host, which gets the template of
	// the plugin. It must be there.
	Host string
	// Hosts and Groups name further hosts that show cases: technical names of hosts,
	// names of host groups. AllHosts takes every monitored host.
	Hosts    []string
	Groups   []string
	AllHosts bool
	// TokenFile is where the worker reads its API token, which is written there; "" is
	// a worker that does not use the API, or logs in as a user of its own: then no
	// user is made.
	TokenFile string
	// Owner is who owns a new TokenFile; nil is whoever runs setup.
	Owner *Owner
	// Operators is the user group that gets notices and sees the event scripts,
	// Escalation the one that a Critical reaches too when nobody reacts. "" leaves each
	// object to those whom it has; at first they are "Zabbix administrators" and none.
	Operators, Escalation string
	// Senders is the new value of {$PENSTOCK.SENDERS}: who may send cases. "" leaves it
	// as it is.
	Senders string
	// Seal is the secret that values are sealed with; "" leaves the macro as it is.
	Seal string
	// Overwrite puts back what administrators changed.
	Overwrite bool
	// All lets PlanRemoval remove also what other workers use, and what is linked to
	// hosts that setup did not link.
	All bool

	// Templates holds the template files, */template_*.yaml, and Decode makes one into
	// maps, lists and strings.
	Templates fs.FS
	Decode    func(data []byte) (any, error)
}

// Owner is a user of this machine.
type Owner struct{ UID, GID int }

// Setup plans against one Zabbix. It is not safe for concurrent use.
type Setup struct {
	api     Caller
	o       Settings
	version version
	refs    map[string]string   // what a reference stands for: its id, once there is one
	known   map[string][]string // what a role can be allowed here
	files   []*file
}

type version struct{ major, minor int }

func (v version) atLeast(major, minor int) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

// New reads the template files and connects to nothing.
func New(api Caller, o Settings) (*Setup, error) {
	if o.Host == "" {
		return nil, errors.New("the worker's host in Zabbix is not named")
	}
	files, err := readFiles(o.Templates, o.Decode)
	if err != nil {
		return nil, err
	}
	return &Setup{api: api, o: o, refs: map[string]string{}, files: files}, nil
}

// Plan compares Zabbix with what setup makes. It changes nothing.
func (s *Setup) Plan(ctx context.Context) (*Plan, error) {
	p, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	h, err := s.readHosts(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := s.objects(ctx)
	if err != nil {
		return nil, err
	}
	// The order is that of need: what is referred to comes before what refers to it.
	s.planObjects(p, objects, kindHostGroup)
	if err := s.planTemplates(ctx, p); err != nil {
		return nil, err
	}
	if err := s.planLinks(ctx, p, h); err != nil {
		return nil, err
	}
	if s.o.TokenFile != "" {
		s.planObjects(p, objects, kindRole, kindUserGroup, kindUser)
		if err := s.planApprovers(ctx, p); err != nil {
			return nil, err
		}
		if err := s.planToken(ctx, p); err != nil {
			return nil, err
		}
	}
	s.planObjects(p, objects, kindScript, kindAction)
	return p, nil
}

// begin reads what every plan needs.
func (s *Setup) begin(ctx context.Context) (*Plan, error) {
	v, name, err := s.readVersion(ctx)
	if err != nil {
		return nil, err
	}
	s.version = v
	if err := s.readKnown(ctx); err != nil {
		return nil, err
	}
	if err := s.readRefs(ctx); err != nil {
		return nil, err
	}
	return &Plan{Version: name}, nil
}

// readVersion asks for the version of Zabbix, which everybody may.
func (s *Setup) readVersion(ctx context.Context) (v version, name string, err error) {
	if err := s.api.Call(ctx, "apiinfo.version", nil, &name); err != nil {
		return v, "", err
	}
	major, rest, _ := strings.Cut(name, ".")
	minor, _, _ := strings.Cut(rest, ".")
	var errs [2]error
	v.major, errs[0] = strconv.Atoi(major)
	v.minor, errs[1] = strconv.Atoi(minor)
	if err := errors.Join(errs[:]...); err != nil || !v.atLeast(6, 0) {
		return v, "", fmt.Errorf("%q is not a version of Zabbix from 6.0 on", name)
	}
	return v, name, nil
}

// add appends changes and, where something is to be done, the step that does it.
func (p *Plan) add(what string, do func(context.Context) error, changes ...Change) {
	p.Changes = append(p.Changes, changes...)
	if do != nil {
		p.steps = append(p.steps, step{what, do})
	}
}

// idOf returns the id that a reference stands for.
func (s *Setup) idOf(ref string) (string, error) {
	id := s.refs[ref]
	if id == "" {
		return "", fmt.Errorf("%s does not exist in Zabbix", strings.TrimPrefix(ref, "@"))
	}
	return id, nil
}
