package llm

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"penstock/core/fake"
)

func TestInspect(t *testing.T) {
	server, replaced, without, gone := fake.NewOllama(t), fake.NewOllama(t), fake.NewOllama(t), fake.NewOllama(t)
	server.Put("other:1b", strings.Repeat("ab", 32))
	replaced.Put(fake.Model, strings.Repeat("ab", 32))
	replaced.Put("other:1b", fake.Digest)
	without.Drop(fake.Model)
	gone.Close()
	c := clientOf(t, server.URL, replaced.URL, without.URL, gone.URL)
	other := optionsFor(replaced.URL)
	other.Name = "other:1b"
	for _, c := range []*Client{c, clientWith(t, other, time.Now)} { // so that one is loaded at each
		if _, err := c.Ask(t.Context(), question); err != nil {
			t.Fatal(err)
		}
	}

	seen := c.Inspect(t.Context())
	var faults []Fault
	for i := range seen {
		faults = append(faults, FaultOf(seen[i].Err))
	}
	if diff := cmp.Diff([]Fault{NoFault, Replaced, Missing, Unreachable}, faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	model := Endpoint{
		Version: "0.17.4", Models: []string{fake.Model}, Found: true, ContextLength: 8192,
		ParameterSize: "197K", Quantization: "unknown", Capabilities: []string{"completion"},
	}
	first, second := model, model
	first.URL, first.Digest, first.Models = server.URL, fake.Digest, []string{fake.Model, "other:1b"}
	first.Loaded, first.LoadedContext = true, 8192
	second.URL, second.Digest, second.Models = replaced.URL, strings.Repeat("ab", 32), []string{fake.Model, "other:1b"}
	want := []Endpoint{first, second, {URL: without.URL, Version: "0.17.4"}, {URL: gone.URL}}
	if diff := cmp.Diff(want, seen, cmpopts.IgnoreFields(Endpoint{}, "Err", "Took")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInspectSaysWhatItCanAndNoMore(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault fake.Fault
		found bool
		want  Fault
	}{
		{"+ no details", fake.Fault{Path: "/api/show", Status: 404, Text: `{"error":"x"}`}, true, NoFault},
		{"+ details are garbage", fake.Fault{Path: "/api/show", Garbage: true}, true, NoFault},
		{"+ details without an end", fake.Fault{Path: "/api/show", Endless: true}, true, NoFault},
		{"+ nothing of what is loaded", fake.Fault{Path: "/api/ps", Drop: true}, true, NoFault},
		{"- models without an end", fake.Fault{Path: "/api/tags", Endless: true}, false, Cut},
		{"- digest that is none", fake.Fault{Path: "/api/tags", Digest: "0a\\u001b"}, true, Unreachable},
		{"- no Ollama", fake.Fault{Garbage: true}, false, Unreachable},
		{"- sent elsewhere", fake.Fault{Redirect: "http://198.51.100.1/"}, false, Redirected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := fake.NewProxy(t, fake.NewOllama(t).URL)
			proxy.Set(tt.fault)
			seen := clientWith(t, optionsFor(proxy.URL), time.Now).Inspect(t.Context())
			if len(seen) != 1 || seen[0].Found != tt.found || FaultOf(seen[0].Err) != tt.want {
				t.Errorf("seen = %+v, want found %v and fault %q", seen, tt.found, tt.want)
			}
		})
	}
}
