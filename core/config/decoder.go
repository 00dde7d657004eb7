package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// decoder fills Go values from YAML nodes. It takes the place of yaml.v3's own
// decoding, which stops at the first text that a type refuses and has no paths.
type decoder struct {
	file     string
	problems Problems
	visits   int // values seen, those behind aliases each time
}

// maxVisits is how many values one file may stand for: a few aliases of aliases
// can make millions of a small file.
const maxVisits = 200_000

// maxProblems is how many problems of one file are told at once.
const maxProblems = 1000

// place is where a value stands: its path, and the line of its key.
type place struct {
	path string
	line int
}

var durationType = reflect.TypeFor[time.Duration]()

// problem notes a problem, as long as there is a point in reading more of them.
func (d *decoder) problem(at place, format string, args ...any) {
	if len(d.problems) >= maxProblems {
		return
	}
	d.problems = append(d.problems, Problem{d.file, at.line, at.path, fmt.Sprintf(format, args...)})
}

// paths returns where decoding failed.
func (d *decoder) paths() pathSet {
	set := pathSet{}
	for _, p := range d.problems {
		set[p.Path] = true
	}
	return set
}

// value decodes one node. An empty value keeps what out holds, its default.
func (d *decoder) value(at place, n *yaml.Node, out reflect.Value) {
	d.visits++
	switch {
	case d.visits > maxVisits:
		if d.visits == maxVisits+1 {
			d.problem(place{line: at.line}, "aliases make the file larger than %d values", maxVisits)
		}
		return
	case n.Kind == yaml.AliasNode:
		d.value(at, n.Alias, out)
		return
	case n.Tag == "!!null":
		return
	case strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		d.problem(at, "tags such as %s are not supported", n.Tag)
		return
	}
	if n.Kind == yaml.ScalarNode {
		if t, ok := out.Addr().Interface().(encoding.TextUnmarshaler); ok {
			if err := t.UnmarshalText([]byte(n.Value)); err != nil {
				d.problem(at, "%v", err)
			}
			return
		}
	}
	switch out.Kind() {
	case reflect.Struct:
		d.group(at, n, out)
	case reflect.Slice:
		d.list(at, n, out)
	case reflect.Map:
		d.table(at, n, out)
	case reflect.Pointer:
		fresh := reflect.New(out.Type().Elem())
		d.value(at, n, fresh.Elem())
		out.Set(fresh)
	default:
		d.scalar(at, n, out)
	}
}

// group decodes a mapping with fixed keys.
func (d *decoder) group(at place, n *yaml.Node, out reflect.Value) {
	fields := map[string]int{}
	for i := range out.NumField() {
		if key := keyOf(out.Type().Field(i)); key != "" {
			fields[key] = i
		}
	}
	if _, ok := out.Addr().Interface().(encoding.TextUnmarshaler); ok && len(fields) == 0 {
		d.problem(at, "must be a single value, not %s", what(n))
		return
	}
	d.pairs(at, n, func(key *yaml.Node, here place, value *yaml.Node) {
		i, ok := fields[key.Value]
		if !ok {
			d.problem(here, "%s", unknownKey(key.Value, out.Type()))
			return
		}
		d.value(here, value, out.Field(i))
	})
}

// table decodes a mapping with free keys.
func (d *decoder) table(at place, n *yaml.Node, out reflect.Value) {
	if out.IsNil() {
		out.Set(reflect.MakeMap(out.Type()))
	}
	d.pairs(at, n, func(key *yaml.Node, here place, value *yaml.Node) {
		k, v := reflect.New(out.Type().Key()).Elem(), reflect.New(out.Type().Elem()).Elem()
		before := len(d.problems)
		d.value(here, key, k)
		if value.Tag == "!!null" {
			d.problem(here, "is empty")
		}
		setDefaults(v)
		d.value(here, value, v)
		if len(d.problems) == before {
			out.SetMapIndex(k, v)
		}
	})
}

// pairs visits the keys of a mapping, each once.
func (d *decoder) pairs(at place, n *yaml.Node, visit func(key *yaml.Node, here place, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.problem(at, "must be keys with values, not %s", what(n))
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		here := place{join(at.path, key.Value), key.Line}
		if key.Kind != yaml.ScalarNode {
			d.problem(place{at.path, key.Line}, "a key must be a single word")
			continue
		}
		if line, again := first[key.Value]; again {
			d.problem(here, "is there twice, first in line %d", line)
			continue
		}
		first[key.Value] = key.Line
		visit(key, here, value)
	}
}

// list decodes a sequence, which takes the place of a default one.
func (d *decoder) list(at place, n *yaml.Node, out reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.problem(at, "must be a list, not %s", what(n))
		return
	}
	items := reflect.MakeSlice(out.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		here := place{fmt.Sprintf("%s[%d]", at.path, i), item.Line}
		if item.Tag == "!!null" {
			d.problem(here, "is empty")
		}
		setDefaults(items.Index(i))
		d.value(here, item, items.Index(i))
	}
	out.Set(items)
}

// setDefaults fills in what an element of a list or table holds when its keys
// are absent.
func setDefaults(v reflect.Value) {
	if t, ok := v.Addr().Interface().(interface{ SetDefaults() }); ok {
		t.SetDefaults()
	}
}

// scalar decodes a single value.
func (d *decoder) scalar(at place, n *yaml.Node, out reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.problem(at, "must be a single value, not %s", what(n))
		return
	}
	var err error
	switch out.Kind() {
	case reflect.String:
		out.SetString(n.Value)
	case reflect.Bool:
		err = setBool(out, n.Value)
	case reflect.Int, reflect.Int64:
		err = setInt(out, n.Value)
	case reflect.Uint, reflect.Uint64:
		err = setUint(out, n.Value)
	case reflect.Float64:
		err = setFloat(out, n.Value)
	default:
		err = fmt.Errorf("values of type %s cannot be configured", out.Type())
	}
	if err != nil {
		d.problem(at, "%v", err)
	}
}

func setBool(out reflect.Value, text string) error {
	switch strings.ToLower(text) {
	case "true":
		out.SetBool(true)
	case "false":
		out.SetBool(false)
	default:
		return fmt.Errorf("%q is not true or false", text)
	}
	return nil
}

func setInt(out reflect.Value, text string) error {
	if out.Type() == durationType {
		return setDuration(out, text)
	}
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil || out.OverflowInt(i) {
		return fmt.Errorf("%q is not a whole number, or too large", text)
	}
	out.SetInt(i)
	return nil
}

func setUint(out reflect.Value, text string) error {
	u, err := strconv.ParseUint(text, 10, 64)
	if err != nil || out.OverflowUint(u) {
		return fmt.Errorf("%q is not a whole number from 0, or too large", text)
	}
	out.SetUint(u)
	return nil
}

func setFloat(out reflect.Value, text string) error {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%q is not a number", text)
	}
	out.SetFloat(f)
	return nil
}

// setDuration takes what Go takes, and whole days.
func setDuration(out reflect.Value, text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseInt(days, 10, 32); err == nil && n >= 0 && n <= 36_500 {
			out.SetInt(n * int64(24*time.Hour))
			return nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a duration (such as 90s, 5m, 12h or 7d)", text)
	}
	out.SetInt(int64(d))
	return nil
}

// what names the shape of a node for people.
func what(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}
