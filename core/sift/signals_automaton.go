package sift

import (
	"cmp"
	"slices"
)

// automaton finds every one of a set of literals in one pass over a text, in
// time linear in the text whatever the literals are (Aho and Corasick). Letters
// compare without regard to ASCII case, and backslashes are passed over, so that
// a text is found however often JSON has escaped it. It is read only once built.
//
// The transition table is dense: a state is the offset of its row, a column is
// a class of bytes that no literal tells apart. States that end a literal have
// the highest numbers, so that one comparison per byte finds them.
type automaton struct {
	classes [256]uint8
	next    []uint32
	first   uint32     // lowest state that ends a literal
	width   uint32     // columns of a row
	ends    [][]uint16 // numbers of the literals that end at state first + i*width
	loud    []bool     // whether one of them is worth a look by itself
	depth   []uint8    // by state / width: bytes of the literal's start that the state stands for
}

// passedOver is the class of the byte that changes no state.
const passedOver = 1

// trieNode is a state while the automaton is being built.
type trieNode struct {
	children map[uint8]int // by class
	fail     int
	depth    int
	ends     []uint16
}

// newAutomaton takes at most 65,536 literals, none of them empty. They have the
// numbers from offset on; triggers says which of them are worth a look alone.
func newAutomaton(literals []string, offset uint16, triggers func(uint16) bool) *automaton {
	a := &automaton{}
	a.width = a.classify(literals)
	nodes := a.trie(literals, offset)
	order := failures(nodes)
	a.table(nodes, order)
	a.loud = make([]bool, len(a.ends))
	for i, ends := range a.ends {
		a.loud[i] = slices.ContainsFunc(ends, triggers)
	}
	return a
}

// classify gives each byte that occurs in a literal a class of its own, upper
// and lower case the same one, and all others class 0.
func (a *automaton) classify(literals []string) uint32 {
	count := uint8(1)
	a.classes['\\'] = passedOver
	for _, literal := range literals {
		for i := range len(literal) {
			c := lower(literal[i])
			if a.classes[c] == 0 && c != '\\' {
				count++
				a.classes[c] = count
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.classes[c] = a.classes[c+'a'-'A']
	}
	return uint32(count) + 1
}

func (a *automaton) trie(literals []string, offset uint16) []trieNode {
	nodes := []trieNode{{children: map[uint8]int{}}}
	for id, literal := range literals {
		at := 0
		for i := range len(literal) {
			class := a.classes[literal[i]]
			if class == passedOver {
				continue
			}
			child, ok := nodes[at].children[class]
			if !ok {
				child = len(nodes)
				nodes = append(nodes, trieNode{children: map[uint8]int{}, depth: nodes[at].depth + 1})
				nodes[at].children[class] = child
			}
			at = child
		}
		nodes[at].ends = append(nodes[at].ends, offset+uint16(id))
	}
	return nodes
}

// failures links every state to the longest proper suffix that is a state too,
// collects the literals that end there, and returns the states breadth first.
func failures(nodes []trieNode) []int {
	order := []int{0}
	for k := 0; k < len(order); k++ {
		at := order[k]
		for class, child := range nodes[at].children {
			order = append(order, child)
			if at == 0 {
				continue
			}
			fail := nodes[at].fail
			for {
				if next, ok := nodes[fail].children[class]; ok {
					nodes[child].fail = next
					break
				}
				if fail == 0 {
					break
				}
				fail = nodes[fail].fail
			}
		}
		if at != 0 {
			nodes[at].ends = append(nodes[at].ends, nodes[nodes[at].fail].ends...)
		}
	}
	return order
}

// table numbers the states, those without an end first, each part breadth
// first, and fills the rows in an order in which a state's suffix comes before it.
func (a *automaton) table(nodes []trieNode, order []int) {
	byNumber := slices.Clone(order)
	slices.SortStableFunc(byNumber, func(x, y int) int {
		return cmp.Compare(min(1, len(nodes[x].ends)), min(1, len(nodes[y].ends)))
	})
	state := make([]uint32, len(nodes))
	a.first = uint32(len(nodes)) * a.width
	a.depth = make([]uint8, len(nodes))
	for i, node := range byNumber {
		state[node] = uint32(i) * a.width
		a.depth[i] = uint8(min(nodes[node].depth, 255))
		if ends := nodes[node].ends; len(ends) > 0 {
			a.first = min(a.first, state[node])
			a.ends = append(a.ends, ends)
		}
	}
	a.next = make([]uint32, len(nodes)*int(a.width))
	for _, node := range order {
		row := a.next[state[node] : state[node]+a.width]
		if node != 0 {
			suffix := state[nodes[node].fail]
			copy(row, a.next[suffix:suffix+a.width])
		}
		for class, child := range nodes[node].children {
			row[class] = state[child]
		}
		row[passedOver] = state[node]
	}
}

// step returns the state after one more byte.
func (a *automaton) step(state uint32, c byte) uint32 {
	return a.next[state+uint32(a.classes[c])]
}

// found returns the literals that end at a state which is not below first.
func (a *automaton) found(state uint32) []uint16 { return a.ends[(state-a.first)/a.width] }

// seek runs from state over text[from:] and stops behind the first byte at which
// a literal ends. It returns the state and where it stopped; len(text) with a
// state below first means that none does.
func (a *automaton) seek(state uint32, text string, from int) (uint32, int) {
	next, first := a.next, a.first
	for i := from; i < len(text); i++ {
		state = next[state+uint32(a.classes[text[i]])]
		if state >= first {
			return state, i + 1
		}
	}
	return state, len(text)
}

// quiet says that nothing in the text is worth a look by itself. Each state
// needs the one before, so that the processor waits: both halves of the text at
// once take little longer than one.
func (a *automaton) quiet(text string) bool {
	next, first := a.next, a.first
	half := len(text) / 2
	left, right := text[:half], text[half:]
	l, r := uint32(0), uint32(0)
	for i := 0; i < len(left) && i < len(right); i++ {
		l = next[l+uint32(a.classes[left[i]])]
		r = next[r+uint32(a.classes[right[i]])]
		if l >= first && a.isLoud(l) || r >= first && a.isLoud(r) {
			return false
		}
	}
	for i := half; i < len(right); i++ { // one byte where the length is odd
		if r = a.step(r, right[i]); r >= first && a.isLoud(r) {
			return false
		}
	}
	return a.quietAcross(l, right)
}

// quietAcross goes on from the left half's last state into the right half, as
// far as a literal that began on the left may reach.
func (a *automaton) quietAcross(state uint32, right string) bool {
	read := uint8(0)
	for i := 0; i < len(right) && a.depth[state/a.width] > read; i++ {
		if right[i] == '\\' {
			continue
		}
		read++
		if state = a.step(state, right[i]); state >= a.first && a.isLoud(state) {
			return false
		}
	}
	return true
}

func (a *automaton) isLoud(state uint32) bool { return a.loud[(state-a.first)/a.width] }

// read adds every literal in the text to into.
func (a *automaton) read(text string, into *literalSet) {
	state, at := uint32(0), 0
	for at < len(text) {
		state, at = a.seek(state, text, at)
		if state < a.first {
			return
		}
		for _, id := range a.found(state) {
			into.add(id)
		}
	}
}

// readUnescaped does the same for what the escapes in the text stand for.
func (a *automaton) readUnescaped(text string, into *literalSet) {
	state := uint32(0)
	for i := 0; i < len(text); {
		c, n := unescapeAt(text, i)
		i += n
		if state = a.step(state, c); state < a.first {
			continue
		}
		for _, id := range a.found(state) {
			into.add(id)
		}
	}
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
