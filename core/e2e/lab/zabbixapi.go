package lab

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// call asks the API, with a token where there is one. Result may be nil.
func (s *ZabbixServer) call(ctx context.Context, token, method string, params, result any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	question := map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
	if token != "" && !s.atLeast70() {
		question["auth"] = token
	}
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json-rpc")
	if token != "" && s.atLeast70() {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // all was read
	if text, err = io.ReadAll(response.Body); err != nil {
		return err
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message, Data string }
	}
	switch err := json.Unmarshal(text, &answer); {
	case err != nil:
		return fmt.Errorf("%s: %w: %.500s", method, err, text)
	case answer.Error != nil:
		return fmt.Errorf("%s: %s %s", method, answer.Error.Message, answer.Error.Data)
	case result == nil:
		return nil
	}
	return json.Unmarshal(answer.Result, result)
}

// API asks the API as Admin. Result may be nil.
func (s *ZabbixServer) API(t testing.TB, method string, params, result any) {
	t.Helper()

	if err := s.TryAPI(method, params, result); err != nil {
		t.Fatalf("ask the API of Zabbix %s: %v", s.Version, err)
	}
}

// TryAPI does so where the API may say no. Of two that wait for each other's rows
// PostgreSQL ends one, which asks again.
func (s *ZabbixServer) TryAPI(method string, params, result any) error {
	for tries := 1; ; tries++ {
		err := s.call(context.Background(), s.Token, method, params, result)
		if err == nil || tries == 3 || !strings.Contains(err.Error(), "SQL statement execution has failed") {
			return err
		}
	}
}

// Wait asks until the answer is true, for two minutes at most.
func (s *ZabbixServer) Wait(t testing.TB, what string, is func() bool) {
	t.Helper()

	if !within(2*time.Minute, is) {
		t.Fatalf("waited two minutes with Zabbix %s: %s", s.Version, what)
	}
}

// HostOptions say what a host has.
type HostOptions struct {
	Visible    string   // "" is the technical name
	Groups     []string // names; made where they are missing; none is lab
	Templates  []string // technical names
	Proxy      string   // name of the proxy that monitors it; "" is the server
	ProxyGroup string   // id, 7.0 and later
	Agent      string   // address of an agent: the host has an interface
	Tags       map[string]string
	Macros     map[string]string
}

// CreateHost makes a host and returns its id.
func (s *ZabbixServer) CreateHost(t testing.TB, name string, o HostOptions) (id string) {
	t.Helper()

	host := map[string]any{"host": name, "name": o.Visible, "groups": s.groups(t, o.Groups)}
	if o.Visible == "" {
		host["name"] = name
	}
	if o.Agent != "" {
		address, port, _ := strings.Cut(o.Agent, ":")
		host["interfaces"] = []map[string]any{{"type": 1, "main": 1, "useip": 1, "ip": address, "dns": "", "port": port}}
	}
	var templates []map[string]string
	for _, name := range o.Templates {
		templates = append(templates, map[string]string{"templateid": s.TemplateID(t, name)})
	}
	if templates != nil {
		host["templates"] = templates
	}
	switch {
	case o.ProxyGroup != "":
		host["monitored_by"], host["proxy_groupid"] = 2, o.ProxyGroup
	case o.Proxy != "" && s.atLeast70():
		host["monitored_by"], host["proxyid"] = 1, s.proxyID(t, o.Proxy)
	case o.Proxy != "":
		host["proxy_hostid"] = s.proxyID(t, o.Proxy)
	}
	host["tags"] = pairs(o.Tags, "tag")
	host["macros"] = pairs(o.Macros, "macro")
	var made struct{ HostIDs []string }
	s.API(t, "host.create", host, &made)
	return made.HostIDs[0]
}

func pairs(all map[string]string, name string) []map[string]string {
	list := []map[string]string{}
	for k, v := range all {
		list = append(list, map[string]string{name: k, "value": v})
	}
	return list
}

// groups returns host groups by name, and makes those that are missing.
func (s *ZabbixServer) groups(t testing.TB, names []string) (ids []map[string]string) {
	t.Helper()

	if len(names) == 0 {
		names = []string{"lab"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		var there []struct{ GroupID string }
		s.API(t, "hostgroup.get", map[string]any{"output": []string{"groupid"}, "filter": map[string]any{"name": name}}, &there)
		if len(there) == 1 {
			ids = append(ids, map[string]string{"groupid": there[0].GroupID})
			continue
		}
		var made struct{ GroupIDs []string }
		s.API(t, "hostgroup.create", map[string]any{"name": name}, &made)
		ids = append(ids, map[string]string{"groupid": made.GroupIDs[0]})
	}
	return ids
}

// TemplateID returns the id of a template.
func (s *ZabbixServer) TemplateID(t testing.TB, name string) string {
	t.Helper()

	var templates []struct{ TemplateID string }
	s.API(t, "template.get", map[string]any{"output": []string{"templateid"}, "filter": map[string]any{"host": name}}, &templates)
	if len(templates) != 1 {
		t.Fatalf("Zabbix knows %d templates %q", len(templates), name)
	}
	return templates[0].TemplateID
}

// CreateItem makes an item and returns its id. More holds further properties, as
// item.create names them; a type that asks an agent takes the host's interface.
func (s *ZabbixServer) CreateItem(t testing.TB, hostID, key string, more map[string]any) (id string) {
	t.Helper()

	item := map[string]any{"hostid": hostID, "key_": key, "name": key, "type": TrapperItem, "value_type": TextValue}
	maps.Copy(item, more)
	if kind := item["type"]; kind == PassiveItem || kind == ExternalItem {
		var interfaces []struct{ InterfaceID string }
		s.API(t, "hostinterface.get", map[string]any{"output": []string{"interfaceid"}, "hostids": []string{hostID}}, &interfaces)
		if len(interfaces) > 0 {
			item["interfaceid"] = interfaces[0].InterfaceID
		}
	}
	if item["type"] != TrapperItem && item["type"] != DependentItem && item["delay"] == nil {
		item["delay"] = "1s"
	}
	var made struct{ ItemIDs []string }
	s.API(t, "item.create", item, &made)
	return made.ItemIDs[0]
}

// Types of items and of their values, as the API counts them.
const (
	PassiveItem   = 0
	TrapperItem   = 2
	ActiveItem    = 7
	ExternalItem  = 10
	DependentItem = 18

	FloatValue     = 0
	CharacterValue = 1
	UnsignedValue  = 3
	TextValue      = 4
)

// Sample is one value of an item's history.
type Sample struct {
	Clock int `json:",string"`
	NS    int `json:",string"`
	Value string
}

// History returns the values of an item, the oldest first.
func (s *ZabbixServer) History(t testing.TB, itemID string) (all []Sample) {
	t.Helper()

	var items []struct {
		ValueType string `json:"value_type"`
	}
	s.API(t, "item.get", map[string]any{"output": []string{"value_type"}, "itemids": []string{itemID}}, &items)
	if len(items) != 1 {
		t.Fatalf("Zabbix has %d items %s", len(items), itemID)
	}
	s.API(t, "history.get", map[string]any{
		"output": "extend", "history": items[0].ValueType, "itemids": []string{itemID}, "sortfield": "clock",
	}, &all)
	slices.SortStableFunc(all, func(a, b Sample) int { return cmp.Or(a.Clock-b.Clock, a.NS-b.NS) })
	return all
}

// WaitValue waits until the newest value of an item is that one.
func (s *ZabbixServer) WaitValue(t testing.TB, itemID, want string) {
	t.Helper()

	var all []Sample
	if !within(2*time.Minute, func() bool {
		all = s.History(t, itemID)
		return len(all) > 0 && all[len(all)-1].Value == want
	}) {
		var items []struct{ Error, State string }
		s.API(t, "item.get", map[string]any{"output": []string{"error", "state"}, "itemids": []string{itemID}}, &items)
		t.Fatalf("item %s never had the value %q: %d values, %.500v; %v", itemID, want, len(all), all, items)
	}
}

// Import imports a template or another object of that YAML, makes what is missing
// and updates what is there, and deletes what the file does not have any more.
func (s *ZabbixServer) Import(t testing.TB, yaml string) {
	t.Helper()

	if err := s.TryImport(yaml); err != nil {
		t.Fatalf("import into Zabbix %s: %v", s.Version, err)
	}
}

// TryImport does so where the file may be bad.
func (s *ZabbixServer) TryImport(yaml string) error {
	both := map[string]bool{"createMissing": true, "updateExisting": true}
	all := map[string]bool{"createMissing": true, "updateExisting": true, "deleteMissing": true}
	rules := map[string]any{
		"hosts": both, "templates": both, "items": all, "triggers": all, "graphs": all, "discoveryRules": all, "valueMaps": all,
		"templateDashboards": all, "templateLinkage": map[string]bool{"createMissing": true}, "mediaTypes": both,
	}
	if s.atLeast70() {
		rules["template_groups"], rules["host_groups"] = both, both
	} else {
		rules["groups"] = both
	}
	return s.TryAPI("configuration.import", map[string]any{"format": "yaml", "source": yaml, "rules": rules}, nil)
}

// Value is one value for the trapper port. Clock 0 is now, as the server sees it.
type Value struct {
	Host  string `json:"host"`
	Key   string `json:"key"`
	Value string `json:"value"`
	Clock int64  `json:"clock,omitempty"`
	NS    int    `json:"ns,omitempty"`
}

// Counts are what the trapper port says became of values.
type Counts struct{ Processed, Failed, Total int }

// Send hands values to the server, from one of this machine's addresses (127.0.0.2
// is another than 127.0.0.1 to the server), or any where from is nil.
func (s *ZabbixServer) Send(t testing.TB, from net.IP, values ...Value) Counts {
	t.Helper()

	return s.SendTo(t, s.Trapper, from, values...)
}

// SendTo hands values to that address.
func (s *ZabbixServer) SendTo(t testing.TB, address string, from net.IP, values ...Value) Counts {
	t.Helper()

	counts, err := send(address, from, values)
	if err != nil {
		t.Fatalf("send to %s: %v", address, err)
	}
	return counts
}

// ExecuteNow has Zabbix ask for an item, or run a rule of discovery, at once.
func (s *ZabbixServer) ExecuteNow(t testing.TB, itemID string) {
	t.Helper()

	s.API(t, "task.create", []map[string]any{{"type": 6, "request": map[string]string{"itemid": itemID}}}, nil)
}

// Settle returns when the server knows all hosts, items and triggers that were made
// before. A proxy may know them earlier, and the server then drops what it gets of them.
func (s *ZabbixServer) Settle(t testing.TB) {
	t.Helper()

	name := fmt.Sprintf("settle-%d", shared.names.Add(1))
	id := s.CreateHost(t, name, HostOptions{})
	s.CreateItem(t, id, "known", nil)
	s.API(t, "trigger.create", map[string]any{"description": name, "expression": fmt.Sprintf(`last(/%s/known)="x"`, name)}, nil)
	// Whoever has read this host, its item and its trigger has read all older ones.
	s.Wait(t, "the server knows a new trigger", func() bool {
		if _, err := send(s.Trapper, nil, []Value{{Host: name, Key: "known", Value: "x"}}); err != nil {
			return false
		}
		var open []json.RawMessage
		s.API(t, "problem.get", map[string]any{"output": []string{"eventid"}, "hostids": []string{id}}, &open)
		return len(open) > 0
	})
	s.API(t, "host.delete", []string{id}, nil)
}

// Deliver hands values to that address until all are taken: a host or an item that
// was just made is not known at once. Values that were taken are sent again.
func (s *ZabbixServer) Deliver(t testing.TB, address string, values ...Value) {
	t.Helper()

	if address != s.Trapper {
		s.Settle(t)
	}
	var last any
	if !within(2*time.Minute, func() bool {
		counts, err := send(address, nil, values)
		last = fmt.Sprint(counts, err)
		return err == nil && counts.Processed == len(values)
	}) {
		t.Fatalf("%s never took %d values: %v", address, len(values), last)
	}
}

func send(address string, from net.IP, values []Value) (n Counts, err error) {
	text, err := exchange(address, from, map[string]any{"request": "sender data", "data": values})
	if err != nil {
		return n, err
	}
	var answer struct{ Response, Info string }
	if err := json.Unmarshal(text, &answer); err != nil || answer.Response != "success" {
		return n, errors.Join(fmt.Errorf("the answer is %.500s", text), err)
	}
	_, err = fmt.Sscanf(answer.Info, "processed: %d; failed: %d; total: %d", &n.Processed, &n.Failed, &n.Total)
	return n, err
}

// exchange sends a request to a trapper port, and returns the answer.
func exchange(address string, from net.IP, request any) ([]byte, error) {
	way := net.Dialer{Timeout: patience}
	if from != nil {
		way.LocalAddr = &net.TCPAddr{IP: from}
	}
	c, err := way.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // all was read
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.SetDeadline(time.Now().Add(patience)), write(c, frame(body))); err != nil {
		return nil, err
	}
	return readFrame(c)
}

func write(w io.Writer, text []byte) error {
	_, err := w.Write(text)
	return err
}

// frame puts Zabbix's header before a body.
func frame(body []byte) []byte {
	header := binary.LittleEndian.AppendUint32([]byte("ZBXD\x01"), uint32(len(body)))
	return append(append(header, 0, 0, 0, 0), body...)
}

// readFrame reads a plain frame.
func readFrame(r io.Reader) ([]byte, error) {
	header := make([]byte, 13)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(header, []byte("ZBXD\x01")) {
		return nil, fmt.Errorf("the answer starts with %q", header)
	}
	body := make([]byte, binary.LittleEndian.Uint32(header[5:]))
	_, err := io.ReadFull(r, body)
	return body, err
}
