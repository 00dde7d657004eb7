package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTree(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, text string
		want       any
		problem    string
	}{
		{"+ every value is text", "a: 1\nb: [yes, 2026-01-01, '0', ~]\nc:\n  - d: |\n      x\n", map[string]any{
			"a": "1", "b": []any{"yes", "2026-01-01", "0", "~"}, "c": []any{map[string]any{"d": "x\n"}},
		}, ""},
		{"+ an alias", "a: &x [1]\nb: *x\n", map[string]any{"a": []any{"1"}, "b": []any{"1"}}, ""},
		{"- an alias of itself", "a: &x [*x]\n", nil, "f.yaml:1: is nested more than 100 levels deep"},
		{"- aliases of aliases", laughs(), nil, "holds more than 200000 values"},
		{"- endless nesting", "a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n", nil, "f.yaml:1: is nested more than 100 levels deep"},
		{"- two documents", "a: 1\n---\nb: 1\n", nil, "a second document starts here"},
		{"- nothing", "", nil, "the file is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			got, err := Tree("f.yaml", []byte(test.text))
			if test.problem != "" {
				if err == nil || !strings.Contains(err.Error(), test.problem) {
					t.Fatalf("error %v, want %q", err, test.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("tree (-want +got)\n%s", diff)
			}
		})
	}
}

// laughs is a small document of 10^9 values.
func laughs() string {
	var text strings.Builder
	text.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&text, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return text.String()
}
