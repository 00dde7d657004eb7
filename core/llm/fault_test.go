package llm

import "testing"

func TestFaultNamed(t *testing.T) {
	for f := NoFault; f <= Invalid; f++ {
		if got := FaultNamed(f.String()); got != f {
			t.Errorf("%s is read as %s", f, got)
		}
	}
	if got := FaultNamed("severity"); got != NoFault {
		t.Errorf("a word that is none is read as %s", got)
	}
}
