//go:build live

package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"penstock/core/e2e/lab"
	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/llm"
	"penstock/core/pipeline"
)

// BenchmarkPrefixReuse measures what a server saves because the questions about a
// case begin alike: how long it reads in stage 2, which is the first to show it the
// case, and in stages 3 to 5. Medians are over 20 cases; of a new one it knows
// nothing but what all questions of a site begin with.
func BenchmarkPrefixReuse(b *testing.B) {
	for _, engine := range []lab.Architecture{lab.Llama, lab.Qwen3} {
		b.Run(string(engine), func(b *testing.B) {
			server := lab.Ollama(b)
			model := lab.Scripted(lab.Answers{
				Reason: "It is so.", Evidence: []string{"E1"}, Score: 90, Unusual: true, Severity: event.High.String(), Confidence: 90,
				What: "It happened.", Means: "It matters.", Steps: []string{"S1"},
			})
			model.Architecture = engine
			server.Create(b, fake.Model, model)
			for b.Loop() {
				first, later, prefix := readings(b, server.URL)
				b.ReportMetric(0, "ns/op") // says nothing
				b.ReportMetric(float64(prefix), "prefix-bytes")
				b.ReportMetric(median(first), "stage2-ms")
				b.ReportMetric(median(later), "stage3to5-ms")
				b.ReportMetric(100*median(later)/median(first), "stage3to5-%")
			}
		})
	}
}

// readings asks about 20 cases. It returns how long each question was read, and the
// bytes that the shortest beginning of a case's questions has.
func readings(b *testing.B, url string) (first, later []time.Duration, prefix int) {
	b.Helper()

	o := llm.DefaultOptions()
	o.Endpoints, o.Name, o.PromptBytes = []string{url}, fake.Model, 20_000
	wide(&o)
	client, err := llm.New(o)
	if err != nil {
		b.Fatal(err)
	}
	for n := range uint64(20) {
		mark := func() string { return fmt.Sprintf("%012x", n+1) } // from here on each case is another one
		_, r := ask(b, newPipeline(b, "en").WithModel(client, o, mark), large(rand.New(rand.NewPCG(n, 1))))
		if r.Model.State != pipeline.Answers || r.Model.Calls != 4 {
			b.Fatalf("case %d: %s %s after %d calls\n%s", n, r.Model.State, r.Model.Why, r.Model.Calls, talkOf(&r))
		}
		for _, x := range r.Model.Talk.Exchanges {
			if x.Stage == 2 {
				first = append(first, x.PromptTook)
			} else {
				later = append(later, x.PromptTook)
			}
		}
		if size := len(r.Model.Talk.System) + len(r.Model.Talk.Case); prefix == 0 || size < prefix {
			prefix = size
		}
	}
	if prefix < 15_000 {
		b.Fatalf("questions about a case begin alike for %d bytes only", prefix)
	}
	return first, later, prefix
}

// median returns milliseconds.
func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds()) / 1000
}
