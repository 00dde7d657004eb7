package pipeline

import (
	"bytes"
	"encoding/json"
)

// A JSON schema is written out by hand, since a model answers in the order of its
// properties and a Go map has none. Every text and list is bounded: Ollama's
// runner ends at bounds beyond 2,000, and an endless answer costs minutes.

// property is one required property of an answer.
type property struct {
	name   string
	schema string
}

// object returns the schema of an object that has all of these properties and no
// others.
func object(properties ...property) json.RawMessage {
	var b bytes.Buffer
	b.WriteString(`{"type":"object","properties":{`)
	for i, p := range properties {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(literal(p.name) + ":" + p.schema)
	}
	b.WriteString(`},"required":`)
	names := make([]string, len(properties))
	for i, p := range properties {
		names[i] = p.name
	}
	b.WriteString(literal(names) + `,"additionalProperties":false}`)
	return b.Bytes()
}

func textOf(longest int) string { return `{"type":"string","maxLength":` + decimal(longest) + `}` }

// percent is a whole number: of a number with a fraction a model may write an
// exponent without end.
const percent = `{"type":"integer","minimum":0,"maximum":100}`

const truth = `{"type":"boolean"}`

func oneOf(words []string) string { return `{"type":"string","enum":` + literal(words) + `}` }

func someOf(words []string, least, most int) string {
	return `{"type":"array","minItems":` + decimal(least) + `,"maxItems":` + decimal(most) + `,"items":` + oneOf(words) + `}`
}

// literal returns a text or a list of texts as JSON.
func literal[T string | []string](v T) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return `""` // texts always encode
	}
	return string(bytes.TrimSpace(b.Bytes()))
}
