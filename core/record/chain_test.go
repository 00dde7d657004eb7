package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"penstock/core/pipeline"
	"penstock/core/policy"
)

func chainOf(t testing.TB, n int) ([]byte, Chain) {
	t.Helper()
	var lines []byte
	var head Chain
	c := sampleCase()
	for i := range n {
		var err error
		lines, head, err = head.Append(lines, New(c, pipeline.Report{}, policy.Decision{}).Numbered(uint64(i+1)))
		if err != nil {
			t.Fatal(err)
		}
	}
	return lines, head
}

func TestChainVerifies(t *testing.T) {
	lines, head := chainOf(t, 5)
	got, err := Chain{}.Verify(lines)
	if err != nil || got != head || head.Number != 5 || !strings.HasPrefix(head.String(), "5:") {
		t.Fatalf("got %s, %v, want %s", got, err, head)
	}
	for line := range bytes.Lines(lines) {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(line, &object); err != nil || len(object) != 2 {
			t.Errorf("%v: %s", err, line)
		}
	}
	half := bytes.IndexByte(lines, '\n') + 1
	middle, err := Chain{}.Verify(lines[:half])
	if err != nil {
		t.Fatal(err)
	}
	if got, err := middle.Verify(lines[half:]); err != nil || got != head {
		t.Errorf("in two parts: %s, %v", got, err)
	}
}

func TestChainShowsWhatWasDone(t *testing.T) {
	lines, head := chainOf(t, 4)
	split := bytes.SplitAfter(lines, []byte("\n"))[:4]
	join := func(order ...int) []byte {
		var out []byte
		for _, i := range order {
			out = append(out, split[i]...)
		}
		return out
	}
	other, _ := chainOf(t, 1)
	tests := []struct {
		name  string
		lines []byte
		want  string
	}{
		{"- changed", bytes.Replace(lines, []byte(`"seq":2`), []byte(`"seq":7`), 1), "line 2: was changed"},
		{"- taken out", join(0, 2, 3), "line 2: does not follow record 1"},
		{"- the first taken out", join(1, 2, 3), "line 1: does not follow record 0"},
		{"- swapped", join(0, 2, 1, 3), "line 2: does not follow record 1"},
		{"- twice", join(0, 1, 1, 2, 3), "line 3: does not follow record 2"},
		{"- from another chain", append(join(0), other...), "line 2: does not follow record 1"},
		{"- foreign line", append(join(0, 1), "hello\n"...), "line 3: is no record of a chain"},
		{"- empty line", append(join(0), "\n"...), "line 2: is no record of a chain"},
		{"- torn", lines[:len(lines)-9], ErrTorn.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Chain{}.Verify(tt.lines)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if got, err := (Chain{}).Verify(join(0, 1, 2)); err != nil || got == head {
		t.Errorf("a cut tail shows by its head only: %s, %v", got, err)
	}
}

func TestChainNoticesEveryFlippedBit(t *testing.T) {
	lines, head := chainOf(t, 3)
	rapid.Check(t, func(t *rapid.T) {
		bad := bytes.Clone(lines)
		i := rapid.IntRange(0, len(bad)-1).Draw(t, "byte")
		bad[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := (Chain{}).Verify(bad); err == nil && got == head {
			t.Fatalf("byte %d", i)
		}
	})
}

func FuzzVerify(f *testing.F) {
	lines, head := chainOf(f, 3)
	f.Add(lines)
	f.Add(lines[:len(lines)/2])
	f.Add([]byte("\n\n"))
	f.Add([]byte(`","hash":"` + strings.Repeat("0", hexLen) + "\"}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Chain{}.Verify(data)
		if err == nil && got == head && !bytes.Equal(data, lines) {
			t.Fatal("other bytes have the same head")
		}
		if errors.Is(err, ErrTorn) && len(data) > 0 && data[len(data)-1] == '\n' {
			t.Fatal("torn, yet it ends a line")
		}
	})
}
