package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree makes what an agent hands over of lines such as Worker=child.
func tree(lines ...string) *option {
	root := &option{Name: name, Line: 1}
	for i, line := range lines {
		key, value, _ := strings.Cut(line, "=")
		leaf := option{Value: base64.StdEncoding.EncodeToString([]byte(value)), Line: i + 1}
		parts := strings.Split(key, ".")
		at := root
		for _, part := range parts {
			n := -1
			for j := range at.Nodes {
				if at.Nodes[j].Name == part {
					n = j
				}
			}
			if n < 0 {
				at.Nodes = append(at.Nodes, option{Name: part, Line: i + 1})
				n = len(at.Nodes) - 1
			}
			at = &at.Nodes[n]
		}
		at.Nodes = append(at.Nodes, leaf)
	}
	return root
}

func TestReadOptions(t *testing.T) {
	t.Parallel()

	child := options{Mode: modeChild, Config: childConfig, StateDir: childState, Socket: childState + "/control.sock", Memory: defaultMemory}
	service := options{Mode: modeService, Socket: serviceSocket, StateDir: childState, Memory: defaultMemory}
	with := func(o options, change func(*options)) options { change(&o); return o }
	for _, tt := range []struct {
		name     string
		root     *option
		want     options
		warnings string // all of them, joined
		err      string
	}{
		{name: "+ nothing", root: nil, want: child},
		{name: "+ the agent's own", root: tree("System.Path=/opt/x", "System.Capacity=5"), want: child},
		{name: "+ service", root: tree("Worker=service"), want: service},
		{name: "+ service elsewhere", root: tree("Worker=service", "Socket=/srv/p.sock"), want: with(service, func(o *options) { o.Socket = "/srv/p.sock" })},
		{
			name: "+ service by its configuration", root: tree("Worker=service", "Config=/etc/penstock/penstock.yaml"),
			want: with(service, func(o *options) { o.Socket, o.Config = "", "/etc/penstock/penstock.yaml" }),
		},
		{
			name: "+ child", root: tree("StateDir=/srv/p", "MemoryLimit=128M"),
			want: with(child, func(o *options) { o.StateDir, o.Socket, o.Memory = "/srv/p", "/srv/p/control.sock", 128<<20 }),
		},
		{name: "+ unknown", root: tree("Wroker=service"), want: child, warnings: "Plugins.Penstock.Wroker is not an option (Worker, Config, Socket, StateDir, MemoryLimit)"},
		{name: "+ unknown with more below", root: tree("Sessions.One.Uri=tcp://a"), want: child, warnings: "Plugins.Penstock.Sessions is not an option"},
		{name: "+ twice", root: &option{Nodes: append(tree("Worker=child").Nodes, tree("Worker=service").Nodes...)}, want: service, warnings: "Plugins.Penstock.Worker is there twice: the last counts"},
		{name: "+ without effect", root: tree("Worker=service", "StateDir=/srv/p"), want: with(service, func(o *options) { o.StateDir = "/srv/p" }), warnings: "Plugins.Penstock.StateDir has no effect with Worker=service"},
		{name: "- a word", root: tree("Worker=both"), err: "Plugins.Penstock.Worker=both: neither service nor child"},
		{name: "- a relative path", root: tree("Config=penstock.yaml"), err: "Plugins.Penstock.Config=penstock.yaml: not an absolute path"},
		{name: "- too little", root: tree("MemoryLimit=1M"), err: "Plugins.Penstock.MemoryLimit=1M: not a size from 64M to 16G"},
		{name: "- no size", root: tree("MemoryLimit=much"), err: "Plugins.Penstock.MemoryLimit=much: not a size from 64M to 16G"},
		{name: "- both", root: tree("Worker=x", "Socket=y"), err: "Plugins.Penstock.Worker=x: neither service nor child; Plugins.Penstock.Socket=y: not an absolute path"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, warnings, err := readOptions(tt.root)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, strings.Join(warnings, "\n")); diff != "" {
				t.Errorf("warnings (-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseBytes(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]int64{"0": 0, "5": 5, "2k": 2048, "3M": 3 << 20, "1G": 1 << 30, "": -1, "G": -1, "9999999999G": -1, "x": -1} {
		got, err := parseBytes(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func FuzzReadOptions(f *testing.F) {
	for _, root := range []*option{tree("Worker=service", "MemoryLimit=128M"), tree("A.B.C=1", "Socket=/x")} {
		text, err := json.Marshal(root)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var root *option
		if json.Unmarshal(text, &root) != nil {
			return
		}
		o, _, err := readOptions(root)
		if err == nil && (o.Memory < leastMemory || o.Mode != modeChild && o.Mode != modeService || o.Mode == modeChild && (o.Config == "" || o.Socket == "")) {
			t.Errorf("options that cannot be used are let through: %+v", o)
		}
	})
}
