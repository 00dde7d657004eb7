package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxFile is the most bytes that a file may have: far more than anybody writes,
// and little enough to hold.
const maxFile = 8 << 20

// checker is what a section does that has more to say than its types.
type checker interface {
	Check(problem func(path, text string))
}

// together is what a file does whose parts must fit each other.
type together interface {
	CheckTogether(problem func(path, text string))
}

// decodeStrict reads the one YAML document in data into out, over what out
// holds already, and asks every part of it that can check itself. Name is the
// file's name for messages. The error is Problems.
func decodeStrict[T any](name string, data []byte, out *T) error {
	root, err := parse(name, data)
	if err != nil {
		return err
	}
	d := decoder{file: name}
	d.value(place{line: root.Line}, root, reflect.ValueOf(out).Elem())
	broken := d.paths()
	problem := func(path, text string) {
		if !broken.holds(path) {
			d.problem(place{path, lineOf(root, path)}, "%s", text)
		}
	}
	if !broken[""] {
		check("", reflect.ValueOf(out).Elem(), problem)
	}
	if t, ok := any(out).(together); ok && len(broken) == 0 {
		t.CheckTogether(problem)
	}
	if len(d.problems) > 0 {
		return d.problems.sorted()
	}
	return nil
}

// parse returns the top node of the only document in data.
func parse(name string, data []byte) (*yaml.Node, error) {
	if len(data) > maxFile {
		return nil, Problems{{File: name, Text: fmt.Sprintf("is larger than %d bytes", maxFile)}}
	}
	var document, second yaml.Node
	reader := yaml.NewDecoder(bytes.NewReader(data))
	err := reader.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && document.Content[0].Tag == "!!null" {
		return nil, Problems{{File: name, Line: 1, Text: "the file is empty"}}
	}
	if err != nil {
		return nil, syntaxProblem(name, data, err)
	}
	if err := reader.Decode(&second); err == nil {
		return nil, Problems{{File: name, Line: second.Line, Text: "a second document starts here: a file holds one"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxProblem(name, data, err)
	}
	return document.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntaxProblem turns the YAML reader's message into ours. What it says of a
// tab is true and helps nobody, so the first line that is indented by one is
// looked for.
func syntaxProblem(name string, data []byte, err error) Problems {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if found := yamlLine.FindStringSubmatch(text); found != nil {
		line, _ = strconv.Atoi(found[1])
		text = strings.TrimPrefix(text, found[0])
	}
	if strings.Contains(text, "cannot start any token") {
		for i, l := range strings.Split(string(data), "\n") {
			if strings.HasPrefix(strings.TrimLeft(l, " "), "\t") {
				return Problems{{File: name, Line: i + 1, Text: "the line is indented with a tab: YAML wants spaces"}}
			}
		}
	}
	return Problems{{File: name, Line: line, Text: text}}
}

// check asks every part of v that is a checker, outermost first; the parts of a
// checker are its own business.
func check(path string, v reflect.Value, problem func(path, text string)) {
	if c, ok := v.Addr().Interface().(checker); ok {
		c.Check(func(sub, text string) { problem(join(path, sub), text) })
		return
	}
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		if key := keyOf(v.Type().Field(i)); key != "" {
			check(join(path, key), v.Field(i), problem)
		}
	}
}

// join puts a path and what follows together: a.b, a[0].
func join(path, sub string) string {
	if path == "" || sub == "" || strings.HasPrefix(sub, "[") {
		return path + sub
	}
	return path + "." + sub
}

// lineOf returns the line of what the path names, or of the nearest thing
// around it that is there; an alias is as near as it gets.
func lineOf(n *yaml.Node, path string) int {
	line := n.Line
	for path != "" && n != nil && n.Kind != yaml.AliasNode {
		var at int
		n, at, path = step(n, path)
		if at > 0 {
			line = at
		}
	}
	return line
}

// step follows the first part of the path: an index or a key.
func step(n *yaml.Node, path string) (next *yaml.Node, line int, rest string) {
	if path[0] == '[' {
		index, after, _ := strings.Cut(path[1:], "]")
		i, err := strconv.Atoi(index)
		if err != nil || n.Kind != yaml.SequenceNode || i < 0 || i >= len(n.Content) {
			return nil, 0, ""
		}
		return n.Content[i], n.Content[i].Line, strings.TrimPrefix(after, ".")
	}
	if n.Kind != yaml.MappingNode {
		return nil, 0, ""
	}
	return stepKey(n, path)
}

// stepKey follows the longest key that the path starts with: a key may itself
// hold a dot.
func stepKey(n *yaml.Node, path string) (next *yaml.Node, line int, rest string) {
	longest := -1
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		after, ok := cutPath(path, key.Value)
		if ok && key.Value != "" && len(key.Value) > longest {
			longest = len(key.Value)
			next, line, rest = n.Content[i+1], key.Line, strings.TrimPrefix(after, ".")
		}
	}
	return next, line, rest
}

// cutPath returns what follows start in the path, if start is a whole part of it.
func cutPath(path, start string) (after string, ok bool) {
	after, ok = strings.CutPrefix(path, start)
	return after, ok && (start == "" || after == "" || after[0] == '.' || after[0] == '[')
}

// pathSet holds the paths at which decoding failed, so that nothing is said of
// a value that was never read.
type pathSet map[string]bool

func (s pathSet) holds(path string) bool {
	for p := range s {
		if _, ok := cutPath(path, p); ok {
			return true
		}
	}
	return false
}
