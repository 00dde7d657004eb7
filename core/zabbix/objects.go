package zabbix

import (
	"context"
	"fmt"
	"slices"
)

// MacroStop is the macro of the worker's host that is its stop switch.
const MacroStop = "{$PENSTOCK.STOP}"

// HostMacro returns the value of a macro that a host itself has, and whether it has a
// value: one that is secret is said to have one, and not which.
func (a *API) HostMacro(ctx context.Context, hostID, macro string) (value string, isSet bool, err error) {
	var macros []struct {
		Macro string  `json:"macro"`
		Value *string `json:"value"`
	}
	err = a.Call(ctx, "usermacro.get", map[string]any{"output": []string{"macro", "value"}, "hostids": []string{hostID}}, &macros)
	for _, m := range macros {
		switch {
		case m.Macro != macro:
		case m.Value == nil:
			return "", true, err
		default:
			return *m.Value, *m.Value != "", err
		}
	}
	return "", false, err
}

// Silenced returns, in words, which triggers of our templates on the hosts are
// disabled, and which items are or refuse what they get, for instance for its seal: what
// they are for would not be seen.
func (a *API) Silenced(ctx context.Context, hostIDs []string) ([]string, error) {
	var triggers []struct {
		Description string `json:"description"`
		Hosts       []struct {
			Host string `json:"host"`
		} `json:"hosts"`
	}
	err := a.Call(ctx, "trigger.get", map[string]any{
		"output": []string{"description"}, "selectHosts": []string{"host"}, "hostids": hostIDs,
		"tags": []map[string]string{{"tag": TagOurs, "value": TagOursCase}}, "filter": map[string]any{"status": "1"}, "limit": 100,
	}, &triggers)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, t := range triggers {
		if len(t.Hosts) == 1 {
			all = append(all, fmt.Sprintf("trigger %q of host %s is disabled", plain(t.Description, 120), plain(t.Hosts[0].Host, 128)))
		}
	}
	var items []struct {
		Key    string `json:"key_"`
		Status string `json:"status"`
		State  string `json:"state"`
		Error  string `json:"error"`
		Hosts  []struct {
			Host string `json:"host"`
		} `json:"hosts"`
	}
	err = a.Call(ctx, "item.get", map[string]any{
		"output": []string{"key_", "status", "state", "error"}, "selectHosts": []string{"host"}, "hostids": hostIDs,
		"filter": map[string]any{"key_": []string{KeyCase, KeyTransition}}, "limit": 1000,
	}, &items)
	for _, i := range items {
		switch {
		case len(i.Hosts) != 1:
		case i.Status == "1":
			all = append(all, fmt.Sprintf("item %s of host %s is disabled", i.Key, plain(i.Hosts[0].Host, 128)))
		case i.State == "1":
			all = append(all, fmt.Sprintf("item %s of host %s refuses values: %s", i.Key, plain(i.Hosts[0].Host, 128), plain(i.Error, 200)))
		}
	}
	return all, err
}

// OwnItems returns the numbers of the items of our templates and the hosts that have
// them, by their keys, which administrators choose and log text does not. It looks at
// 50,000 at most.
func (a *API) OwnItems(ctx context.Context) (ids, hosts []string, err error) {
	var items []struct {
		ID    string `json:"itemid"`
		Hosts []struct {
			Host string `json:"host"`
		} `json:"hosts"`
	}
	err = a.Call(ctx, "item.get", map[string]any{
		"output": []string{"itemid"}, "selectHosts": []string{"host"}, "search": map[string]string{"key_": "penstock."}, "startSearch": true, "limit": 50_000,
	}, &items)
	for _, item := range items {
		ids = append(ids, item.ID)
		for _, h := range item.Hosts {
			hosts = append(hosts, h.Host)
		}
	}
	slices.Sort(hosts)
	return ids, slices.Compact(hosts), err
}

// The tag that marks problems of cases.
const (
	TagOurs     = "penstock"
	TagOursCase = "case"
)
