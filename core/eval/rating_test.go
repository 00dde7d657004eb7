package eval

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

// toyRatings are ten events; what follows from them was computed by hand.
func toyRatings() []rated {
	const (
		n, l, m, h, c = event.None, event.Low, event.Medium, event.High, event.Critical
	)
	return []rated{
		{n, n, n},
		{n, n, l},
		{l, l, l},
		{l, l, l},
		{l, l, h},
		{m, l, l}, // also acceptable
		{h, h, m},
		{h, h, h},
		{c, c, c},
		{c, c, l},
	}
}

func TestScoreRating(t *testing.T) {
	s := scoreRating("toy", toyRatings())
	for _, tt := range []struct {
		name      string
		want, got any
	}{
		{"right", Share{5, 10}, s.Right.Share},
		{"lenient", &Share{6, 10}, s.Lenient},
		// F1: none 2/3, Low 4/8, Medium 0, High 2/4, Critical 2/3.
		{"macro-F1", number((2./3 + .5 + 0 + .5 + 2./3) / 5), *s.MacroF1},
		// Squared distances: 1 + 4 + 1 + 1 + 9 = 16. By chance, of labelled 2, 3, 1, 2, 2 and given 1, 5, 1, 2, 1: 35.4.
		{"kappa", number(1 - 16/35.4), *s.Kappa},
		{"under-triage", Share{2, 4}, s.Under.Share},
		{"Critical missed", Share{1, 2}, s.CriticalMissed},
		{"over-triage", Share{1, 5}, s.Over},
		{"matrix", Confusing{{1, 1, 0, 0, 0}, {0, 2, 0, 1, 0}, {0, 1, 0, 0, 0}, {0, 0, 1, 1, 0}, {0, 1, 0, 0, 1}}, s.Matrix},
		{"majority", event.Low, s.Matrix.majority()},
	} {
		near := cmp.Comparer(func(a, b number) bool { return math.Abs(float64(a-b)) < 1e-9 })
		if d := cmp.Diff(tt.want, tt.got, near); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

func TestScoreRatingAtTheEdges(t *testing.T) {
	all := func(label, given event.Severity) []rated {
		return []rated{{label, label, given}, {label, label, given}}
	}
	for _, tt := range []struct {
		name        string
		rates       []rated
		f1, kappa   string
		under, over Share
	}{
		{"+ nothing", nil, "null", "null", Share{}, Share{}},
		{"+ one label, all right", all(event.Low, event.Low), "1", "null", Share{}, Share{0, 2}},
		{"- one label, all wrong", all(event.High, event.Low), "0", "0", Share{2, 2}, Share{}},
		{"+ perfect", append(all(event.None, event.None), all(event.Critical, event.Critical)...), "1", "1", Share{0, 2}, Share{0, 2}},
		{"- the wrong way round", append(all(event.None, event.Critical), all(event.Critical, event.None)...), "0", "-1", Share{2, 2}, Share{2, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := scoreRating("", tt.rates)
			want := []any{tt.f1, tt.kappa, tt.under, tt.over}
			got := []any{asJSON(t, s.MacroF1), asJSON(t, s.Kappa), s.Under.Share, s.Over}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("macro-F1, kappa, under-triage, over-triage (-want +got):\n%s", d)
			}
			if s.Lenient != nil {
				t.Error("there is nothing else that is acceptable")
			}
		})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSpread(t *testing.T) {
	value := func(f float64) *number { return rounded(f) }
	for _, tt := range []struct {
		name string
		in   []*number
		want string
	}{
		{"+ three", []*number{value(.5), value(.1), value(.2)}, `{"median":0.2,"low":0.1,"high":0.5}`},
		{"+ two", []*number{value(.5), value(.1)}, `{"median":0.3,"low":0.1,"high":0.5}`},
		{"- one has none", []*number{value(.5), nil}, "null"},
		{"- no run", nil, "null"},
	} {
		if d := cmp.Diff(tt.want, asJSON(t, newSpread(tt.in...))); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}
