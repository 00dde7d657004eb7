package eval

import (
	"context"
	"errors"
	"strings"
	"testing"
)

const (
	streamHead  = "seq,split,label,class,instance,severity\n"
	streamEvent = `{"seq":1,"ts":"2005-06-09T06:06:17Z","host":"h","source":"s","line":"x"}` + "\n"
)

// TestBadData shows what people read when their copy of the data is not what it should be.
func TestBadData(t *testing.T) {
	stream := func(dir string) error {
		_, err := Stream(t.Context(), Options{Dir: dir}, deciding("-"))
		return err
	}
	alerts := func(dir string) error {
		_, err := Alerts(t.Context(), Options{Dir: dir}, deciding("- - - - - -"))
		return err
	}
	templates := func(dir string) error {
		_, err := Templates(t.Context(), Options{Dir: dir}, func(_ context.Context, lines []string, _ bool) ([]Group, error) {
			return ownGroup(lines), nil
		})
		return err
	}
	const one = "stream/m.jsonl"
	const labels = "stream/m.labels.csv"
	for _, test := range []struct {
		name  string
		run   func(dir string) error
		files map[string]string
		want  string
	}{
		{"- no folder", stream, nil, "stream: no such file or directory"},
		{"- no file", stream, map[string]string{"stream/x": ""}, "stream: no file *.labels.csv or *.labels.csv.gz"},
		{"- two streams", stream, map[string]string{"stream/a.labels.csv": "", "stream/b.labels.csv": ""}, "stream: 2 streams (a and others), want one"},
		{"- labels without data", stream, map[string]string{labels: streamHead}, "m.jsonl: no such file or directory"},
		{"- no JSON", stream, map[string]string{one: "x\n", labels: streamHead}, "m.jsonl:1: not an event: invalid character 'x'"},
		{"- no time", stream, map[string]string{one: `{"seq":1}`, labels: streamHead}, `m.jsonl:1: ts: "" is neither Unix seconds nor RFC 3339`},
		{"- odd time", stream, map[string]string{one: `{"ts":"9 June"}`, labels: streamHead}, `m.jsonl:1: ts: "9 June" is not RFC 3339`},
		{"- order", stream, map[string]string{one: streamEvent + streamEvent, labels: streamHead}, "m.jsonl:2: seq 1 after 1: they must ascend"},
		{"- empty labels", stream, map[string]string{one: streamEvent, labels: ""}, "m.labels.csv:1: no header line"},
		{"- missing column", stream, map[string]string{one: streamEvent, labels: "seq,split,label\n"}, `m.labels.csv:1: no column "class" among seq, split, label`},
		{"- missing cell", stream, map[string]string{one: streamEvent, labels: streamHead + "1,test\n"}, "m.labels.csv:2: wrong number of fields"},
		{"- unknown split", stream, map[string]string{one: streamEvent, labels: streamHead + "1,train,benign,,,none\n"}, `m.labels.csv:2: split: unknown label "train" (warmup, test)`},
		{"- unknown label", stream, map[string]string{one: streamEvent, labels: streamHead + "1,test,bad,,,none\n"}, `m.labels.csv:2: label: unknown label "bad" (attack, benign, context)`},
		{"- unknown severity", stream, map[string]string{one: streamEvent, labels: streamHead + "1,test,attack,c,i,urgent\n"}, `m.labels.csv:2: severity: "urgent" is not a severity (none, Low, Medium, High, Critical)`},
		{"- attack without instance", stream, map[string]string{one: streamEvent, labels: streamHead + "1,test,attack,c,,low\n"}, "m.labels.csv:2: attack line without an instance"},
		{"- attack in warmup", stream, map[string]string{one: streamEvent, labels: streamHead + "1,warmup,attack,c,i,low\n"}, "m.labels.csv:2: attack line in the warmup part"},
		{"- other line", stream, map[string]string{one: streamEvent, labels: streamHead + "2,test,benign,,,none\n"}, `m.labels.csv:2: seq "2" is not the seq of the data's line 1`},
		{"- labels too short", stream, map[string]string{one: streamEvent, labels: streamHead}, "m.labels.csv: 0 labels for 1 lines"},
		{"- broken gzip", stream, map[string]string{one: "\x1f\x8b\x00", labels: streamHead}, "m.jsonl: "},
		{
			"- alert's time", alerts,
			map[string]string{"alerts/a.alerts.csv": "seq,time,detector,name,ip,host\n1,noon,d,n,i,h\n", "alerts/a.labels.csv": ""},
			`a.alerts.csv:2: time: "noon" is not in Unix seconds`,
		},
		{
			"- alert's number", alerts,
			map[string]string{"alerts/a.alerts.csv": "seq,time,detector,name,ip,host\n-1,3,d,n,i,h\n", "alerts/a.labels.csv": ""},
			`a.alerts.csv:2: seq: "-1" is not a number`,
		},
		{
			"- alert's label without instance", alerts,
			map[string]string{"alerts/a.alerts.csv": toyAlerts, "alerts/a.labels.csv": "seq,event_label,instance,severity\n1,scan,,low\n"},
			`a.labels.csv:2: event label "scan" without an instance`,
		},
		{
			"- alert's labels too short", alerts,
			map[string]string{"alerts/a.alerts.csv": toyAlerts, "alerts/a.labels.csv": "seq,event_label,instance,severity\n1,scan,scan,low\n"},
			"a.labels.csv: 1 labels for 6 alerts",
		},
		{
			"- line ids", templates,
			map[string]string{"templates/A.labels.csv": "line_id,content,event_id,event_template_corrected\n2,x,E,x\n", "templates/A.log": "x"},
			`A.labels.csv:2: line_id "2", want 1`,
		},
		{
			"- other log", templates,
			map[string]string{"templates/A.labels.csv": "line_id,content,event_id,event_template_corrected\n1,x,E,x\n", "templates/A.log": "x\ny\n"},
			"A.labels.csv: 1 labels for 2 lines",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.run(writeFiles(t, test.files))
			var bad *DataError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant a DataError with %s", err, test.want)
			}
		})
	}
}

// TestBadDecisions shows what people read when a saved run does not fit the data.
func TestBadDecisions(t *testing.T) {
	dir := toyStreamFiles(t)
	for _, test := range []struct{ name, decisions, want string }{
		{"- no JSON", "nonsense\n", "decide on stream: run.jsonl:1: not a decision"},
		{"- unknown word", `{"seq":1,"decision":"drop"}`, `run.jsonl:1: seq 1: decision: unknown label "drop" (suppress, attach, forward)`},
		{"- unknown event", `{"seq":99,"decision":"suppress"}`, "run.jsonl:1: decision on seq 99, which is not in the data"},
		{"- twice", strings.Repeat(`{"seq":1,"decision":"suppress"}`+"\n", 2), "run.jsonl:2: second decision on seq 1"},
		{"- too few", `{"seq":1,"decision":"suppress"}`, "decide on stream: no decision on seq 2 (there must be one for each of the 11 events)"},
		{"- severity", `{"seq":1,"decision":"forward","severity":"bad"}`, `"bad" is not a severity`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Stream(t.Context(), Options{Dir: dir}, Saved(strings.NewReader(test.decisions), "run.jsonl"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}
