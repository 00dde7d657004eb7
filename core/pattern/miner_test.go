package pattern

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestMinerGroups(t *testing.T) {
	tests := []struct {
		name     string
		messages []string
		want     []int    // the group of each message, by the first message of the group
		texts    []string // the templates of those groups in order
	}{
		{
			"+ numbers and addresses",
			[]string{
				"login of 7 from 192.0.2.1", "login of 81 from 198.51.100.24",
			},
			[]int{0, 0},
			[]string{"login of <*> from <*>"},
		},
		{
			"+ a verb stays",
			[]string{
				"valve 3 opened by hand", "valve 4 closed by hand", "valve 9 opened by hand",
			},
			[]int{0, 1, 0},
			[]string{"valve <*> opened by hand", "valve <*> closed by hand"},
		},
		{
			"+ names after a word that announces them",
			[]string{
				"closed for user anna now", "closed for user ben now", "closed for user carl now",
			},
			[]int{0, 0, 0},
			[]string{"closed for user <*> now"},
		},
		{
			"+ many words at one place are a variable",
			[]string{
				"pump north is ready to go", "pump south is ready to go", "pump east is ready to go",
				"pump west is ready to go", "pump upper is ready to go", "pump lower is ready to go",
			},
			[]int{0, 0, 0, 0, 0, 0},
			[]string{"pump <*> is ready to go"},
		},
		{
			"+ a list is a list, however long",
			[]string{
				"drop blocks blk_1 blk_2 blk_3", "drop blocks blk_9", "drop blocks blk_9 blk_8",
			},
			[]int{0, 0, 0},
			[]string{"drop blocks <*>"},
		},
		{
			"+ another key is another message",
			[]string{
				"set level=3 ok", "set depth=3 ok",
			},
			[]int{0, 1},
			[]string{"set level=<*> ok", "set depth=<*> ok"},
		},
		{
			"+ a size said twice",
			[]string{
				"sent 12 bytes to it", "sent 1301 bytes (1.27 KB) to it",
			},
			[]int{0, 0},
			[]string{"sent <*> bytes to it"},
		},
		{"+ empty", []string{"", " ", "\x00"}, []int{0, 0, 0}, []string{""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := New(Options{})
			var ids []uint64
			for _, message := range tt.messages {
				ids = append(ids, m.Learn("s", message).ID)
			}
			got, texts := groups(m, ids)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.texts, texts); diff != "" {
				t.Errorf("templates (-want +got):\n%s", diff)
			}
		})
	}
}

// groups numbers each message's group by its first message.
func groups(m *Miner, ids []uint64) (first []int, texts []string) {
	seen := map[uint64]int{}
	for i, id := range ids {
		id = m.Final(id)
		if _, ok := seen[id]; !ok {
			seen[id] = i
			texts = append(texts, m.Template(id))
		}
		first = append(first, seen[id])
	}
	return first, texts
}

func TestMinerMatch(t *testing.T) {
	m := New(Options{})
	first := m.Learn("s", "tank 4 at 83 %")
	again := m.Learn("s", "tank 5 at 7 %")
	if !first.New || again.New || first.ID != again.ID {
		t.Errorf("first %+v, again %+v", first, again)
	}
	want := []Span{{Number, 5, 6}, {Number, 10, 11}}
	if diff := cmp.Diff(want, again.Spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	other := m.Learn("t", "tank 4 at 83 %")
	if !other.New || other.ID == first.ID {
		t.Errorf("another scope gave %+v", other)
	}
	if m.Count(first.ID) != 2 || m.Len("s") != 1 || m.Len("none") != 0 || m.Template(99) != "" || m.Count(99) != 0 || m.Final(99) != 99 {
		t.Errorf("count %d, len %d", m.Count(first.ID), m.Len("s"))
	}
}

func TestLearnOfKnownTemplateDoesNotAllocate(t *testing.T) {
	m := New(Options{})
	lines := samples()
	for _, line := range lines {
		m.Learn("s", line)
	}
	i := 0
	got := testing.AllocsPerRun(1000, func() {
		m.Learn("s", lines[i%len(lines)])
		i++
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// novel returns a message like no other.
func novel(r *rand.Rand) string {
	var b strings.Builder
	for range 4 + r.IntN(8) {
		for range 3 + r.IntN(9) {
			b.WriteByte(byte('a' + r.IntN(26)))
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// A8: one scope's flood of novelty costs the others nothing.
func TestFloodOfTemplatesEvictsOnlyItsOwnScope(t *testing.T) {
	before := heap()
	m := New(Options{})
	r := rand.New(rand.NewPCG(1, 2))
	quiet := m.Learn("quiet", "pump 3 stopped by operator").ID
	steady := m.Learn("flood", "heartbeat 0 of the flooded source").ID
	for i := range flood {
		m.Learn("flood", novel(r))
		if i%100 == 0 {
			m.Learn("flood", fmt.Sprintf("heartbeat %d of the flooded source", i))
		}
		if m.bytes > m.o.TotalBytes || m.Len("flood") > m.o.Templates {
			t.Fatalf("%d bytes, %d templates after %d lines", m.bytes, m.Len("flood"), i)
		}
	}
	if kept := heap() - before; kept > 2*uint64(m.o.ScopeBytes) {
		t.Errorf("%d bytes of memory, and %d by our own account", kept, m.bytes)
	}
	if got := m.Learn("quiet", "pump 8 stopped by operator"); got.New || got.ID != quiet {
		t.Errorf("the quiet scope's template is gone: %+v", got)
	}
	if got := m.Learn("flood", "heartbeat 1 of the flooded source"); got.ID != steady {
		t.Errorf("a busy template of the flooded scope is gone: %+v", got)
	}
}

// heap returns how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

func TestFloodOfScopesStaysBounded(t *testing.T) {
	m := New(Options{TotalBytes: 1 << 20, ScopeBytes: 256 << 10})
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 20_000 {
		m.Learn(fmt.Sprint("scope", i), novel(r))
		if m.bytes > m.o.TotalBytes || len(m.scopes) > maxScopes {
			t.Fatalf("%d bytes in %d scopes", m.bytes, len(m.scopes))
		}
	}
}

// script draws messages that are alike enough to be grouped, merged and evicted.
func script(t *rapid.T) []string {
	words := rapid.SampledFrom([]string{
		"pump", "valve", "open", "closed", "user", "anna", "ben", "from", "192.0.2.7", "17", "x=3",
		"a.b.c", "'q r'", "/var/log/x", "READY", "FAILED", "blk_-3", "(n)", "level:low", "<1 sec",
	})
	line := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(words, 1, 6).Draw(t, "words"), " ")
	})
	return rapid.SliceOfN(line, 1, 200).Draw(t, "lines")
}

func small() Options { return Options{Templates: 20, ScopeBytes: 64 << 10, TotalBytes: 100 << 10} }

func scopeOf(i int) string { return [2]string{"a", "b"}[i%3/2] }

func TestSnapshotMakesNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := script(t)
		at := rapid.IntRange(0, len(lines)).Draw(t, "at")
		through, stopped := New(small()), New(small())
		for i, line := range lines {
			if i == at {
				stopped = reload(t, stopped)
			}
			a, b := through.Learn(scopeOf(i), line), stopped.Learn(scopeOf(i), line)
			if diff := cmp.Diff(a, b, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("line %d %q (-through +stopped):\n%s", i, line, diff)
			}
			if x, y := through.Template(a.ID), stopped.Template(a.ID); x != y || x == "" && masks(line) != "" {
				t.Fatalf("templates %q and %q", x, y)
			}
		}
		if !bytes.Equal(snapshot(t, through), snapshot(t, stopped)) {
			t.Fatal("the snapshots differ")
		}
	})
}

func masks(s string) string {
	var m masker
	m.mask(s)
	return string(m.buf)
}

func snapshot(t interface{ Fatal(...any) }, m *Miner) []byte {
	var b bytes.Buffer
	if err := m.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func reload(t interface{ Fatal(...any) }, m *Miner) *Miner {
	data := snapshot(t, m)
	m = New(m.o)
	if err := m.Restore(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestGroupsCoverTheirMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New(Options{})
		total := map[uint64]uint64{}
		var ids []uint64
		for _, line := range script(t) {
			id := m.Learn("s", line).ID
			ids = append(ids, id)
			if again := m.Learn("s", line); again.New || m.Final(again.ID) != m.Final(id) {
				t.Fatalf("%q gave %d, then %+v", line, id, again)
			}
		}
		for _, id := range ids {
			total[m.Final(id)] += 2
		}
		for id, want := range total {
			if got := m.Count(id); got != want {
				t.Fatalf("count of %q is %d, want %d", m.Template(id), got, want)
			}
		}
		for _, id := range m.IDs("s") {
			if total[id] == 0 {
				t.Fatalf("group %d has no line", id)
			}
		}
		if m.Len("s") != len(total) || len(m.IDs("s")) != len(total) {
			t.Fatalf("%d templates, want %d", m.Len("s"), len(total))
		}
	})
}

func TestRestoreRefusesWhatIsNotASnapshot(t *testing.T) {
	m := New(Options{})
	m.Learn("s", "valve 3 opened")
	good := snapshot(t, m)
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for _, tt := range []struct {
		name string
		data []byte
		want error
	}{
		{"- empty", nil, ErrVersion},
		{"- another version", []byte("penstock pattern 9\n...."), ErrVersion},
		{"- cut off", good[:len(good)-1], ErrDamaged},
		{"- one bit flipped", flipped, ErrDamaged},
		{"- head only", good[:len(snapshotHead)], ErrDamaged},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := m.Restore(bytes.NewReader(tt.data)); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if m.Len("s") != 1 {
				t.Error("the miner lost what it knew")
			}
		})
	}
}
