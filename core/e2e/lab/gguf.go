package lab

import (
	"encoding/binary"
	"math"
)

// The tokens of a model: the bytes, three that no text can hold, the phrases.
const (
	startOfText = 256
	endOfTurn   = 258
	firstPhrase = 259
)

// headWidth is that of the only attention head, and of the only feed-forward layer:
// the least there is, as the time for a long prompt is spent there. It says nothing.
const headWidth = 2

// gguf returns the model as a GGUF file of version 3: one-hot embeddings, one
// block whose weights are zero, and an output whose columns are the weights of the
// next token. So what is said depends on the last token alone.
func (m *Model) gguf() []byte {
	vocabulary := firstPhrase + len(m.Phrases)
	width := (vocabulary + 31) / 32 * 32

	embedding, output := make([]float32, width*vocabulary), make([]float32, width*vocabulary)
	// What the norm before the output makes of a one-hot row.
	scale := float32(math.Sqrt(float64(width)))
	for last := range vocabulary {
		embedding[last*width+last] = 1
		for next, weight := range m.weights(last) {
			output[next*width+last] = weight / scale
		}
	}
	zeros := make([]float32, width*headWidth)
	tensors := []tensor{
		{"token_embd.weight", []int{width, vocabulary}, embedding},
		{"output.weight", []int{width, vocabulary}, output},
		{"output_norm.weight", []int{width}, ones(width)},
		{"blk.0.attn_norm.weight", []int{width}, ones(width)},
		{"blk.0.ffn_norm.weight", []int{width}, ones(width)},
		{"blk.0.attn_q.weight", []int{width, headWidth}, zeros},
		{"blk.0.attn_k.weight", []int{width, headWidth}, zeros},
		{"blk.0.attn_v.weight", []int{width, headWidth}, zeros},
		{"blk.0.attn_output.weight", []int{headWidth, width}, zeros},
		{"blk.0.ffn_gate.weight", []int{width, headWidth}, zeros},
		{"blk.0.ffn_up.weight", []int{width, headWidth}, zeros},
		{"blk.0.ffn_down.weight", []int{headWidth, width}, zeros},
	}
	if m.architecture() == Qwen3 {
		tensors = append(tensors,
			tensor{"blk.0.attn_q_norm.weight", []int{headWidth}, ones(headWidth)},
			tensor{"blk.0.attn_k_norm.weight", []int{headWidth}, ones(headWidth)})
	}
	return encode(m.header(vocabulary, width), tensors)
}

func ones(n int) []float32 {
	all := make([]float32, n)
	for i := range all {
		all[i] = 1
	}
	return all
}

// pair is a key of the header and its value.
type pair struct {
	key   string
	value any
}

func (m *Model) header(vocabulary, width int) []pair {
	tokens, types := make([]string, 0, vocabulary), make([]int32, vocabulary)
	for b := range 256 {
		tokens = append(tokens, printable(string([]byte{byte(b)})))
	}
	tokens = append(tokens, "<|endoftext|>", "<|im_start|>", "<|im_end|>")
	for _, phrase := range m.Phrases {
		tokens = append(tokens, printable(phrase))
	}
	const normal, control = 1, 3
	for i := range types {
		types[i] = normal
		if i >= startOfText && i <= endOfTurn {
			types[i] = control
		}
	}
	a := string(m.architecture())
	return []pair{
		{"general.architecture", a},
		{a + ".block_count", uint32(1)},
		{a + ".context_length", uint32(m.context())},
		{a + ".embedding_length", uint32(width)},
		{a + ".feed_forward_length", uint32(headWidth)},
		{a + ".attention.head_count", uint32(1)},
		{a + ".attention.head_count_kv", uint32(1)},
		{a + ".attention.key_length", uint32(headWidth)},
		{a + ".attention.value_length", uint32(headWidth)},
		{a + ".attention.layer_norm_rms_epsilon", float32(1e-6)},
		{a + ".rope.dimension_count", uint32(headWidth)},
		{a + ".rope.freq_base", float32(1e4)}, // without it Ollama's own engine computes no numbers
		{"tokenizer.ggml.model", "gpt2"},
		{"tokenizer.ggml.pre", "default"},
		{"tokenizer.ggml.tokens", tokens},
		{"tokenizer.ggml.token_type", types},
		{"tokenizer.ggml.merges", []string{}}, // so a prompt is read byte by byte
		{"tokenizer.ggml.bos_token_id", uint32(startOfText)},
		{"tokenizer.ggml.eos_token_id", uint32(endOfTurn)},
		{"tokenizer.ggml.add_bos_token", false},
	}
}

// printable writes text in GPT-2's alphabet, where every byte is a character that
// can be seen.
func printable(text string) string {
	var seen []rune
	for i := range len(text) {
		b := rune(text[i])
		switch {
		case b <= ' ':
			b += 0x100
		case b >= 0x7f && b <= 0xa0:
			b += 0x121 - 0x7f
		case b == 0xad:
			b = 0x143
		}
		seen = append(seen, b)
	}
	return string(seen)
}

type tensor struct {
	name string
	dims []int
	data []float32
}

// alignment is that of the tensors' data, in bytes.
const alignment = 32

func encode(header []pair, tensors []tensor) []byte {
	f := file("GGUF")
	f.number(uint32(3), uint64(len(tensors)), uint64(len(header)))
	for _, p := range header {
		f.text(p.key)
		f.value(p.value)
	}
	offset := 0
	for _, t := range tensors {
		f.text(t.name)
		f.number(uint32(len(t.dims)))
		for _, n := range t.dims {
			f.number(uint64(n))
		}
		const float32s = uint32(0)
		f.number(float32s, uint64(offset))
		offset += (4*len(t.data) + alignment - 1) / alignment * alignment
	}
	for _, t := range tensors {
		f.pad()
		f.number(t.data)
	}
	f.pad()
	return f
}

// file is a GGUF file as far as it is written.
type file []byte

// number writes numbers of a fixed size, or slices of them.
func (f *file) number(values ...any) {
	for _, v := range values {
		var err error
		if *f, err = binary.Append(*f, binary.LittleEndian, v); err != nil {
			panic(err) // v is no number
		}
	}
}

func (f *file) text(s string) {
	f.number(uint64(len(s)))
	*f = append(*f, s...)
}

// value writes one of the header's values, its type first.
func (f *file) value(v any) {
	const isUint32, isInt32, isFloat32, isBool, isText, isArray = uint32(4), uint32(5), uint32(6), uint32(7), uint32(8), uint32(9)
	switch v := v.(type) {
	case uint32:
		f.number(isUint32, v)
	case float32:
		f.number(isFloat32, v)
	case bool:
		f.number(isBool, v)
	case string:
		f.number(isText)
		f.text(v)
	case []int32:
		f.number(isArray, isInt32, uint64(len(v)), v)
	case []string:
		f.number(isArray, isText, uint64(len(v)))
		for _, s := range v {
			f.text(s)
		}
	}
}

func (f *file) pad() {
	*f = append(*f, make([]byte, (alignment-len(*f)%alignment)%alignment)...)
}
