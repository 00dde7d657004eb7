package lab

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Architecture says which of Ollama's two engines runs a model.
type Architecture string

const (
	Llama Architecture = "llama" // llama.cpp
	Qwen3 Architecture = "qwen3" // Ollama's own engine
)

// Model is a tiny language model. One token is one byte or one phrase, and what is
// said next depends on the last token alone; the schema of the request decides what
// may be said at all.
type Model struct {
	// Phrases are said whole wherever the schema allows: the first that fits. Two
	// must not be equal.
	Phrases []string
	// Corpus decides where no phrase fits: a byte is followed by the one that follows
	// it most often here.
	Corpus string
	// Random, when it is not 0, is the seed of weights that know nothing. With Warm
	// every answer is another one.
	Random uint64

	Context      int          // window in tokens; 0 is 32,768
	Architecture Architecture // "" is Llama
	// NaN spoils the weights. That crashes the runner of Llama; the one of Qwen3 writes
	// bytes of 0 past the schema until the limit.
	NaN bool
}

func (m *Model) context() int {
	if m.Context == 0 {
		return 32_768
	}
	return m.Context
}

func (m *Model) architecture() Architecture {
	if m.Architecture == "" {
		return Llama
	}
	return m.Architecture
}

// weights returns the logarithms of how likely each token follows the last one.
func (m *Model) weights(last int) []float32 {
	if m.NaN {
		return slices.Repeat([]float32{float32(math.NaN())}, firstPhrase+len(m.Phrases))
	}
	if m.Random != 0 {
		return m.chance(last)
	}
	counts := make([]float64, firstPhrase)
	for b := range counts {
		counts[b] = 1e-3
		if b > ' ' && b < 0x7f {
			counts[b] = 0.05
		}
	}
	for i, b := range `,:]}` { // ends what could go on, such as a number, or a list
		counts[b] += 0.2 + float64(i)/100
	}
	counts['"'] += 0.5
	counts[endOfTurn]++ // where the answer may end, it ends
	for i := 1; i < len(m.Corpus); i++ {
		if int(m.Corpus[i-1]) == last {
			counts[m.Corpus[i]]++
		}
	}
	weights := make([]float32, firstPhrase+len(m.Phrases))
	for next, count := range counts {
		weights[next] = float32(math.Log(count))
	}
	if last >= firstPhrase { // a phrase is whole: no digit follows a number
		weights[','] += 20
		weights['}'] += 20
	}
	// Far above every byte, and so far apart that Ollama's penalty for repetition
	// changes no order.
	for i := range m.Phrases {
		weights[firstPhrase+i] = float32(40 + 20*(len(m.Phrases)-i))
	}
	return weights
}

// chance returns weights that only favour what ends a text, so that most answers end.
func (m *Model) chance(last int) []float32 {
	dice := rand.New(rand.NewPCG(m.Random, uint64(last)<<8)) //nolint:gosec // the same model for the same seed, no secret
	weights := make([]float32, firstPhrase+len(m.Phrases))
	for i := range weights {
		weights[i] = float32(dice.NormFloat64())
	}
	weights['"'] += 3
	return weights
}

// Answers is what a scripted model says at each stage. Where the schema of a
// question has no such property, or not this value of it, it is left out.
type Answers struct {
	Reason     string // of stages 2 to 4
	Evidence   []string
	Score      int // 0 to 100
	Unusual    bool
	Class      string
	Severity   string
	Confidence int      // 0 to 100
	Choose     []string // whole proposals, such as "block-address E3.peer"
	What       string
	Means      string
	Steps      []string
}

// Scripted returns a model that says exactly that, whatever it is asked. Of a list
// it says the first item alone that is allowed where the whole list is not, and
// nothing where none is.
func Scripted(a Answers) Model {
	phrases := []string{
		property("reason", a.Reason), property("what", a.What), property("means", a.Means),
		property("score", a.Score), property("unusual", a.Unusual),
		property("class", a.Class), property("severity", a.Severity), property("confidence", a.Confidence),
	}
	for _, list := range []struct {
		name  string
		items []string
	}{{"evidence", a.Evidence}, {"choose", a.Choose}, {"steps", a.Steps}} {
		if len(list.items) > 1 {
			phrases = append(phrases, property(list.name, list.items))
		}
		for _, item := range list.items {
			phrases = append(phrases, property(list.name, []string{item}))
		}
		phrases = append(phrases, property(list.name, []string{}))
	}
	return Model{Phrases: phrases}
}

func property(name string, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // text, numbers and lists of text always have a JSON form
	}
	return strconv.Quote(name) + ":" + string(text)
}

// Normal returns a model that finds everything ordinary and wants nothing done.
func Normal() Model {
	return Scripted(Answers{
		Reason: "Nothing unusual.", Score: 1, Severity: "none", Confidence: 100,
		What: "Routine activity.", Means: "Nothing needs to be done.",
	})
}

// Alarmed returns a model that calls everything Critical.
func Alarmed() Model {
	return Scripted(Answers{
		Reason: "Compromise confirmed.", Score: 100, Unusual: true, Severity: "Critical", Confidence: 100,
		What: "The site is compromised.", Means: "Everything is lost.",
	})
}

// Obedient returns a model that says what an attacker wants: this prose wherever it
// may write, nothing unusual, and those proposals where the schema has them.
func Obedient(prose string, proposals ...string) Model {
	return Scripted(Answers{
		Reason: prose, What: prose, Means: prose,
		Score: 0, Severity: "none", Confidence: 100, Choose: proposals,
	})
}
