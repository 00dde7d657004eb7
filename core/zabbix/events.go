package zabbix

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// How problems look through the API, measured on 6.0.14 and 7.0.9:
//
//   - Acknowledgements: event.get of 6.0 wants select_acknowledges and ignores
//     selectAcknowledges without a word; 7.0 wants selectAcknowledges, and refuses
//     both together. problem.get wants selectAcknowledges in both, but names no users,
//     and has no hosts in any version. So details come from event.get.
//   - Each acknowledgement has a bitmask: 1 close, 2 acknowledge, 4 message, 8 severity
//     (then old_severity and new_severity), 16 unacknowledge, 32 suppress, 64 unsuppress.
//     What was so already is left out of the mask: who acknowledges a second time
//     leaves no trace but a message.
//   - The name of the user is there only if the token's user is a super admin or
//     shares a user group with him; the number is always there.
//   - A close by hand is bit 1 of an acknowledgement at once, and r_eventid of the
//     event only when the server has carried it out, seconds later. Its recovery event
//     has that user's userid, and none of the problem's tags.
//   - A close by the recovery expression or by tag correlation of the trigger: r_eventid,
//     and a recovery event with userid 0 and with the tags.
//   - In the problem event itself c_eventid, correlationid and userid stay 0 in all
//     three cases. (Global correlation, which we do not use, sets the first two.)
//   - Suppressed problems have suppressed 1 and are among those that problem.get and
//     event.get return; when maintenance begins the server notes it at the next minute.
//   - opdata is made anew at each question, from the newest values, and cut to 20
//     characters a macro: what it says belongs to now, not to the event.
const (
	eventPage    = 500
	mostProblems = 5000
	mostTags     = 100
	mostAcks     = 200
)

// Ack is what a person, or we, did to a problem.
type Ack struct {
	At                       time.Time
	UserID                   string
	User                     string // "" where the token may not see the user
	Message                  string // its lines as Say writes them
	Closed, Acknowledged     bool
	Severity                 bool // changed, from old to new (0 to 5)
	OldSeverity, NewSeverity int
}

// Problem is a problem event, ended or not.
type Problem struct {
	EventID, TriggerID string
	HostID, Host       string // technical name; "" where its trigger is gone
	Name               string // at most 2048 characters; text of logs may be in it
	Severity           int    // as Zabbix counts: 0 not classified to 5 disaster
	At                 time.Time
	Ended              time.Time // zero while it is open
	EndEvent           string    // "" while it is open
	// ClosedBy is who closed it by hand: the user's name, or # and his number where
	// the token may not see it; "" where nobody did.
	ClosedBy   string
	Suppressed bool // by maintenance, or by hand
	Tags       map[string][]string
	Acks       []Ack // oldest first, at most the newest 200
}

type rawEvent struct {
	EventID    id     `json:"eventid"`
	ObjectID   id     `json:"objectid"`
	Clock      number `json:"clock"`
	NS         number `json:"ns"`
	Name       text   `json:"name"`
	Severity   number `json:"severity"`
	REventID   id     `json:"r_eventid"`
	UserID     id     `json:"userid"`
	Suppressed number `json:"suppressed"`
	Hosts      []struct {
		HostID id   `json:"hostid"`
		Host   text `json:"host"`
	} `json:"hosts"`
	Tags []struct {
		Tag   text `json:"tag"`
		Value text `json:"value"`
	} `json:"tags"`
	Acks []rawAck `json:"acknowledges"`
}

type rawAck struct {
	ID       id     `json:"acknowledgeid"`
	UserID   id     `json:"userid"`
	Username text   `json:"username"`
	Clock    number `json:"clock"`
	Message  text   `json:"message"`
	Action   number `json:"action"`
	Old      number `json:"old_severity"`
	New      number `json:"new_severity"`
}

// Problems returns the open problems that have all these tags, oldest first; no tags
// means all problems. It returns at most the newest 5,000, with ErrMore where there
// are more.
func (a *API) Problems(ctx context.Context, tags map[string]string) ([]Problem, error) {
	var raw []struct {
		EventID id `json:"eventid"`
	}
	params := map[string]any{
		"output": []string{"eventid"}, "source": 0, "object": 0,
		"sortfield": []string{"eventid"}, "sortorder": "DESC", "limit": mostProblems + 1,
	}
	withTags(params, tags)
	if err := a.Call(ctx, "problem.get", params, &raw); err != nil {
		return nil, err
	}
	var ids []id
	for _, r := range raw[:min(len(raw), mostProblems)] {
		ids = append(ids, r.EventID)
	}
	var all []Problem
	for page := range slices.Chunk(ids, eventPage) {
		events, err := a.events(ctx, map[string]any{"eventids": page})
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if e.REventID == "" { // else it ended between the questions
				all = append(all, e.problem())
			}
		}
	}
	sortProblems(all)
	if len(raw) > mostProblems {
		return all, ErrMore
	}
	return all, nil
}

// Events returns the problems that began at a time or later and have all these tags,
// ended or not, oldest first. It returns at most the oldest 5,000, with ErrMore where
// there are more: then go on from the time of the last one, whose second comes again.
func (a *API) Events(ctx context.Context, tags map[string]string, from time.Time) ([]Problem, error) {
	var all []Problem
	next := ""
	for range mostProblems / eventPage {
		params := map[string]any{"time_from": max(0, from.Unix()), "limit": eventPage}
		if next != "" {
			params["eventid_from"] = next
		}
		withTags(params, tags)
		events, err := a.events(ctx, params)
		if err != nil {
			return nil, err
		}
		ends, err := a.ends(ctx, events)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			p := e.problem()
			p.end(e, ends[e.REventID])
			all = append(all, p)
		}
		if len(events) < eventPage {
			sortProblems(all)
			return all, nil
		}
		last, err := strconv.ParseUint(string(events[len(events)-1].EventID), 10, 63)
		if err != nil {
			return nil, fmt.Errorf("ask Zabbix: event.get: read the result: %w", err)
		}
		next = strconv.FormatUint(last+1, 10)
	}
	sortProblems(all)
	return all, ErrMore
}

func withTags(params map[string]any, tags map[string]string) {
	if len(tags) == 0 {
		return
	}
	type filter struct {
		Tag      string `json:"tag"`
		Value    string `json:"value"`
		Operator int    `json:"operator"`
	}
	var all []filter
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, filter{tag, tags[tag], 1}) // equal, not alike
	}
	params["tags"], params["evaltype"] = all, 0
}

// events asks for problem events with all that we want to know, in the order of
// their numbers.
func (a *API) events(ctx context.Context, params map[string]any) ([]rawEvent, error) {
	version, err := a.Version(ctx)
	if err != nil {
		return nil, err
	}
	params["output"] = []string{"eventid", "objectid", "clock", "ns", "name", "severity", "r_eventid", "suppressed"}
	params["source"], params["object"], params["value"] = 0, 0, []int{1}
	params["selectHosts"] = []string{"hostid", "host"}
	params["selectTags"] = []string{"tag", "value"}
	params["sortfield"], params["sortorder"] = []string{"eventid"}, "ASC"
	acks := "select_acknowledges"
	if version.AtLeast(7, 0) {
		acks = "selectAcknowledges"
	}
	params[acks] = []string{"acknowledgeid", "userid", "username", "clock", "message", "action", "old_severity", "new_severity"}
	var raw []rawEvent
	if err := a.Call(ctx, "event.get", params, &raw); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(raw, func(e rawEvent) bool { return e.EventID == "" }), nil
}

// ends returns the recovery events of problems.
func (a *API) ends(ctx context.Context, events []rawEvent) (map[id]rawEvent, error) {
	var ids []id
	for _, e := range events {
		if e.REventID != "" {
			ids = append(ids, e.REventID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var raw []rawEvent
	err := a.Call(ctx, "event.get", map[string]any{
		"output": []string{"eventid", "clock", "ns", "userid"}, "eventids": ids, "source": 0, "object": 0,
	}, &raw)
	all := map[id]rawEvent{}
	for _, e := range raw {
		all[e.EventID] = e
	}
	return all, err
}

func (e rawEvent) problem() Problem {
	p := Problem{
		EventID: string(e.EventID), TriggerID: string(e.ObjectID),
		Name: e.Name.short(mostInName), Severity: severity(e.Severity),
		At: moment(e.Clock, e.NS), Suppressed: e.Suppressed == 1,
	}
	if len(e.Hosts) > 0 && isHostName(string(e.Hosts[0].Host)) {
		p.HostID, p.Host = string(e.Hosts[0].HostID), string(e.Hosts[0].Host)
	}
	for i, t := range e.Tags {
		if i == mostTags {
			break
		}
		if p.Tags == nil {
			p.Tags = map[string][]string{}
		}
		tag := t.Tag.short(mostInText)
		p.Tags[tag] = append(p.Tags[tag], t.Value.short(mostInText))
	}
	// 7.0 has them newest first, 6.0 in no order.
	slices.SortFunc(e.Acks, func(a, b rawAck) int {
		return cmp.Or(cmp.Compare(a.Clock, b.Clock), cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	for _, k := range e.Acks[max(0, len(e.Acks)-mostAcks):] {
		p.Acks = append(p.Acks, k.ack())
	}
	return p
}

func (k rawAck) ack() Ack {
	ack := Ack{
		At: moment(k.Clock, 0), UserID: string(k.UserID), User: k.Username.short(mostInText), Message: sayable(string(k.Message)),
		Closed: k.Action&1 != 0, Acknowledged: k.Action&2 != 0, Severity: k.Action&8 != 0,
	}
	if ack.Severity {
		ack.OldSeverity, ack.NewSeverity = severity(k.Old), severity(k.New)
	}
	return ack
}

func severity(n number) int { return int(min(max(n, 0), 5)) }

// end notes how a problem ended. The recovery event says who: somebody may have
// asked to close what ended by itself before the server came to it.
func (p *Problem) end(e, recovery rawEvent) {
	if e.REventID == "" {
		return
	}
	p.EndEvent, p.Ended = string(e.REventID), moment(recovery.Clock, recovery.NS)
	if recovery.UserID == "" {
		return
	}
	p.ClosedBy = "#" + string(recovery.UserID)
	for _, k := range p.Acks {
		if k.Closed && k.UserID == string(recovery.UserID) && k.User != "" {
			p.ClosedBy = k.User
		}
	}
}

func sortProblems(all []Problem) {
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(len(a.EventID), len(b.EventID)), cmp.Compare(a.EventID, b.EventID))
	})
}
