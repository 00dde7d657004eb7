package eval

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMarshalNumbers(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"+ share", Share{2, 3}, `{"count":2,"of":3,"rate":0.666667}`},
		{"+ share of nothing", Share{}, `{"count":0,"of":0,"rate":null}`},
		{"+ confusion", Confusion{1, 1, 2, 3}, `{"tp":1,"fp":1,"fn":2,"tn":3,"precision":0.5,"recall":0.333333,"f1":0.4}`},
		{"+ no flags", Confusion{0, 0, 2, 3}, `{"tp":0,"fp":0,"fn":2,"tn":3,"precision":null,"recall":0,"f1":0}`},
		{"+ matched", Matched{1, 3, 2}, `{"correct":1,"predicted":3,"true":2,"f1":0.4}`},
		{"+ delay", newDelay([]float64{3, 0, 1, 2}), `{"seen":4,"median":1.5,"worst":3}`},
		{"+ no delay", newDelay(nil), `{"seen":0,"median":0,"worst":0}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := json.Marshal(test.value)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, string(got)); d != "" {
				t.Errorf("JSON (-want +got):\n%s", d)
			}
		})
	}
}

func TestBootstrap(t *testing.T) {
	half := make([]bool, 100)
	for i := range 50 {
		half[i] = true
	}
	for _, test := range []struct {
		name             string
		hits             []bool
		lowMin, lowMax   number
		highMin, highMax number
	}{
		{"+ all seen has no width", []bool{true, true}, 1, 1, 1, 1},
		{"+ none seen has no width", []bool{false, false}, 0, 0, 0, 0},
		// The binomial's own interval for 50 of 100 is 0.40 to 0.60.
		{"+ half of a hundred", half, 0.39, 0.42, 0.58, 0.61},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := bootstrap(test.hits)
			if got.Low < test.lowMin || got.Low > test.lowMax || got.High < test.highMin || got.High > test.highMax {
				t.Errorf("interval %v", got)
			}
			if again := bootstrap(test.hits); again != got {
				t.Errorf("second time %v, first %v", again, got)
			}
		})
	}
}
