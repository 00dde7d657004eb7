//go:build live

package llm_test

import (
	"testing"
	"time"

	"penstock/core/e2e/lab"
	"penstock/core/fake"
	"penstock/core/llm"
)

// TestAskThroughAWayThatFails puts each fault between the client and a real server,
// alone and with a second server behind it.
func TestAskThroughAWayThatFails(t *testing.T) {
	server := lab.Ollama(t)
	server.Create(t, "calm", calm())
	wantFault(t, newClient(t, nil, server.URL), question("x"), llm.NoFault) // the model is in memory from now on
	other := fake.NewOllama(t)
	for _, tt := range []struct {
		name  string
		fault fake.Fault
		want  llm.Fault
		moves bool // the second server is asked
	}{
		{"- no answer", fake.Fault{Path: "/api/chat", Hang: true}, llm.Timeout, true},
		{"- not even a list of models", fake.Fault{Path: "/api/tags", Hang: true}, llm.Timeout, true},
		{"- a token a second", fake.Fault{Path: "/api/chat", Slow: time.Second}, llm.Timeout, true},
		{"- the connection is closed", fake.Fault{Path: "/api/chat", Drop: true}, llm.Unreachable, true},
		{"- the connection breaks", fake.Fault{Path: "/api/chat", CutAfter: 300}, llm.Unreachable, true},
		{"- no JSON", fake.Fault{Path: "/api/chat", Garbage: true}, llm.Crashed, true},
		{"- no end", fake.Fault{Path: "/api/chat", Endless: true}, llm.Cut, false},
		{"- another host", fake.Fault{Path: "/api/chat", Redirect: other.URL}, llm.Redirected, true},
		{"- another host for the list", fake.Fault{Path: "/api/tags", Redirect: other.URL}, llm.Redirected, true},
		{"- the server behind a proxy is gone", fake.Fault{Status: 502, Text: "<html>Bad Gateway</html>"}, llm.Unreachable, true},
		{"- another digest", fake.Fault{Path: "/api/tags", Digest: fake.Digest}, llm.Replaced, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := fake.NewProxy(t, server.URL)
			pinned := func(o *llm.Options) {
				o.Timeout = 4 * time.Second // the second server answers by then
				o.Digest = server.Create(t, "calm", calm())
			}
			list.Set(tt.fault)
			wantFault(t, newClient(t, pinned, list.URL), question("x"), tt.want)

			both := newClient(t, pinned, list.URL, server.URL)
			want := tt.want
			if tt.moves {
				want = llm.NoFault
			}
			wantFault(t, both, question("x"), want)
			list.Set(fake.Fault{})
			if answer, err := both.Ask(t.Context(), question("x")); err != nil || answer.Endpoint != list.URL {
				t.Errorf("the way is well again: %v, answered at %q", err, answer.Endpoint)
			}
		})
	}
	if paths := other.Paths(); len(paths) != 0 {
		t.Errorf("the other host was asked: %v", paths)
	}
}
