package eval

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

// toyStream is eleven lines: two of warmup, then a brute-force attack b, an
// exploit e of one line, two harmless lines, a rare one and a context line.
// Times are in minutes of the second day.
var toyStream = []struct {
	minute                                  int
	split, label, class, instance, severity string
}{
	{0, "warmup", "benign", "", "", "none"},                    // 1
	{0, "warmup", "benign", hardNegative, "", "none"},          // 2
	{1, "test", "benign", "", "", "none"},                      // 3
	{2, "test", "attack", "brute-force", "b", "medium"},        // 4
	{2, "test", "attack", "brute-force", "b", "medium"},        // 5
	{2, "test", "context", "", "", "none"},                     // 6
	{3, "test", "benign", hardNegative, "", "none"},            // 7
	{60, "test", "attack", "brute-force", "b", "medium"},       // 8
	{62, "test", "attack", "exploit-attempt", "e", "critical"}, // 9
	{63, "test", "benign", "", "", "none"},                     // 10
	{180, "test", "benign", "", "", "none"},                    // 11
}

func toyStreamFiles(t *testing.T) string {
	var data, labels strings.Builder
	labels.WriteString("seq,split,label,class,instance,severity,technique,origin\n")
	for i, l := range toyStream {
		fmt.Fprintf(&data, `{"seq":%d,"ts":%d,"host":"h","source":"sshd","line":"line %d"}`+"\n", i+1, 86400+60*l.minute, i+1)
		fmt.Fprintf(&labels, "%d,%s,%s,%s,%s,%s,,\n", i+1, l.split, l.label, l.class, l.instance, l.severity)
	}
	return writeFiles(t, map[string]string{
		"stream/mixed.jsonl.gz":   data.String(),
		"stream/mixed.labels.csv": labels.String(),
	})
}

// deciding returns a Decide that gives one decision after the other: "-" to
// suppress, "fX" to forward case X, "aX" to attach to it.
func deciding(decisions string) Decide {
	return func(_ context.Context, _ string, events io.Reader, emit func(Decision) error) error {
		if _, err := io.Copy(io.Discard, events); err != nil {
			return err
		}
		for i, word := range strings.Fields(decisions) {
			d := Decision{Seq: uint64(i + 1), Decision: Suppress, Severity: event.High, Case: word[1:], Reasons: []string{"why"}}
			switch word[0] {
			case 'f':
				d.Decision = Forward
			case 'a':
				d.Decision = Attach
			}
			if err := emit(d); err != nil {
				return err
			}
		}
		return nil
	}
}

// toyScore is what a test looks at; what it leaves out is in TestStreamCounts.
type toyScore struct {
	Instances, FalseForward, FalseAttach, Forwards Share
	Flags, Seen                                    Confusion
	Delay                                          Delay
}

func TestStream(t *testing.T) {
	dir := toyStreamFiles(t)
	for _, test := range []struct {
		name, decisions string
		want            toyScore
	}{
		{
			"+ nothing", "- - - - - - - - - - -",
			toyScore{Share{0, 2}, Share{0, 4}, Share{0, 4}, Share{0, 9}, Confusion{0, 0, 4, 4}, Confusion{0, 0, 4, 4}, Delay{}},
		},
		{
			"+ an attach within the hour of its case counts", "f1 - - - a1 - - - - - -",
			toyScore{Share{1, 2}, Share{0, 4}, Share{0, 4}, Share{0, 9}, Confusion{0, 0, 4, 4}, Confusion{1, 0, 3, 4}, Delay{1, 1, 1}},
		},
		{
			"+ an attach at the full hour counts, two minutes later not", "f1 - - - - - - a1 a1 - -",
			toyScore{Share{1, 2}, Share{0, 4}, Share{0, 4}, Share{0, 9}, Confusion{0, 0, 4, 4}, Confusion{1, 0, 3, 4}, Delay{1, 2, 2}},
		},
		{
			"+ a forward renews the hour", "f1 - - f1 - - - a1 a1 - -",
			toyScore{Share{2, 2}, Share{0, 4}, Share{0, 4}, Share{1, 9}, Confusion{1, 0, 3, 4}, Confusion{3, 0, 1, 4}, Delay{2, 0, 0}},
		},
		{
			"- an attach to a case never forwarded", "- - - - - - - - a9 a9 -",
			toyScore{Share{0, 2}, Share{0, 4}, Share{1, 4}, Share{0, 9}, Confusion{0, 0, 4, 4}, Confusion{0, 0, 4, 4}, Delay{}},
		},
		{
			"- warmup and context are not scored, but a context chain costs", "f1 f2 - - - f3 - - - - -",
			toyScore{Share{0, 2}, Share{0, 4}, Share{0, 4}, Share{1, 9}, Confusion{0, 0, 4, 4}, Confusion{0, 0, 4, 4}, Delay{}},
		},
		{
			"- benign lines in a case are false attaches however late", "f1 - f2 - - - f3 - - a3 a3",
			toyScore{Share{0, 2}, Share{2, 4}, Share{2, 4}, Share{2, 9}, Confusion{0, 2, 4, 2}, Confusion{0, 3, 4, 1}, Delay{}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := Stream(t.Context(), Options{Dir: dir}, deciding(test.decisions))
			if err != nil {
				t.Fatal(err)
			}
			s := r.Score
			got := toyScore{s.Instances.Share, s.FalseForward, s.FalseAttach, s.Forwards, s.Flags, s.Seen, s.Delay}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("score (-want +got):\n%s", d)
			}
		})
	}
}

func TestStreamCounts(t *testing.T) {
	r, err := Stream(t.Context(), Options{Dir: toyStreamFiles(t), Samples: 5}, deciding("- - - f1 a1 - f2 - - a2 a2"))
	if err != nil {
		t.Fatal(err)
	}
	s := r.Score
	first := func(seq uint64) Example { return Example{"", seq, "h", "sshd", fmt.Sprintf("line %d", seq)} }
	for _, c := range []struct {
		name      string
		want, got any
	}{
		{"hard negatives", [2]Share{{1, 1}, {0, 1}}, [2]Share{s.HardForward, s.HardAttach}},
		{"other benign", Share{0, 3}, s.OtherForward},
		// Windows with scored lines: minutes 1, 2, 3, 60, 62, 63, 180.
		{"windows forwarded", Confusion{1, 1, 2, 3}, s.WindowFlags},
		{"windows seen", Confusion{1, 2, 2, 2}, s.WindowSeen},
		{"by severity", []Share{{0, 1}, {1, 1}}, []Share{s.BySeverity[0].Recall.Share, s.BySeverity[1].Recall.Share}},
		{"names of severities", []string{"Critical", "Medium"}, []string{s.BySeverity[0].Name, s.BySeverity[1].Name}},
		{"names of classes", []string{"brute-force", "exploit-attempt"}, []string{s.ByClass[0].Name, s.ByClass[1].Name}},
		{"given", []Given{{Label: event.Critical, Missed: 1}, {Label: event.Medium, High: 1}}, s.Given},
		{"missed", []Miss{{"e", "exploit-attempt", event.Critical, 1, first(9)}}, r.Missed},
		{"false forwards", []Noise{{1, "", "why", []Example{first(7)}}}, r.FalseForwards},
		{"false attaches", []Noise{{2, "", "why", []Example{first(10), first(11)}}}, r.FalseAttaches},
		{"flag all", Share{2, 2}, r.Trivial[0].Score.Instances.Share},
		{"flag all, false", Share{4, 4}, r.Trivial[0].Score.FalseForward},
		{"flag none", Share{0, 2}, r.Trivial[1].Score.Instances.Share},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}
