package report

import (
	"regexp"
	"testing"

	"penstock/core/sift"
)

func TestEveryLabelIsThereInEveryLanguage(t *testing.T) {
	for key, text := range labels {
		text.Check(func(path, problem string) { t.Errorf("label %s, %s: %s", key, path, problem) })
	}
	for k := sift.Kind(1); k.String() != "invalid"; k++ {
		if _, ok := labels["kind-"+k.String()]; !ok {
			t.Errorf("evidence %s has no label", k)
		}
	}
}

func TestTemplateNamesOnlyLabelsThatAreThere(t *testing.T) {
	for _, found := range regexp.MustCompile(`\{\{(?:t|count) "([^"]+)"`).FindAllStringSubmatch(htmlTemplate, -1) {
		if _, ok := labels[found[1]]; !ok {
			t.Errorf("label %q is missing", found[1])
		}
	}
}
