package setup

import (
	"context"
	"slices"
	"strings"
)

// shared returns who else uses what workers share. Other workers are known by their
// tokens; one that logs in as a user of its own, or sends only, by its host.
func (s *Setup) shared(ctx context.Context) ([]Change, error) {
	because := func(what, wayOut string) string {
		if s.o.All {
			return what + "; it is removed nevertheless"
		}
		return "stays, and so do all objects that workers share: " + what + "; " + wayOut
	}
	tokens, err := s.otherWorkers(ctx)
	if err != nil {
		return nil, err
	}
	var notes []Change
	if len(tokens) > 0 {
		notes = append(notes, Change{Sign: Note, Kind: "user", Name: workerName, Why: because(
			"it has the tokens "+strings.Join(tokens, ", "), "remove there first, or delete these tokens, or use --all")})
	}
	all, err := s.readHosts(ctx)
	if err != nil {
		return nil, err
	}
	var known []string // names of hosts that setup links to the template of cases
	for _, h := range all.wanted {
		known = append(known, h.name)
	}
	if id := s.refs[kindHostGroup.ref(groupName)]; id != "" {
		rows, err := s.list(ctx, "host.get", row{"output": []string{"host"}, "groupids": id})
		if err != nil {
			return nil, err
		}
		known = append(known, column(asAny(rows), "host")...)
	}
	for _, f := range s.files {
		found, err := s.list(ctx, "template.get", row{"output": []string{"name"}, "filter": row{"uuid": f.uuid}, "selectHosts": []string{"host"}})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			continue
		}
		if others := s.strange(f, column(found[0]["hosts"], "host"), known); len(others) > 0 {
			notes = append(notes, Change{Sign: Note, Kind: "template", Name: text(found[0]["name"]), Why: because(
				"it is linked to "+few(others)+", and not by this worker's setup", "remove there first, or unlink it, or use --all")})
		}
	}
	return notes, nil
}

// strange returns the hosts of a template that this worker's setup does not link to
// it: it links the template of cases to hosts that it puts into our group, and any
// other to the worker's own host only.
func (s *Setup) strange(f *file, hosts, known []string) []string {
	var others []string
	for _, name := range hosts {
		isLinked := name == s.o.Host || f.cases && slices.Contains(known, name)
		if !isLinked {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return others
}

// otherWorkers returns the names of our user's tokens that are not this worker's.
func (s *Setup) otherWorkers(ctx context.Context) ([]string, error) {
	user := s.refs[kindUser.ref(workerName)]
	if user == "" {
		return nil, nil
	}
	rows, err := s.list(ctx, "token.get", row{"output": []string{"name"}, "userids": user})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range rows {
		if name := text(r["name"]); name != s.tokenName() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
