package config

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

const (
	deepestTree = 100     // levels
	largestTree = 200_000 // values, those that stand in several places counted in each
)

// Tree reads the one YAML document in data into maps (map[string]any), lists ([]any)
// and strings: every other value stays the text that stands in the file. It is for
// files whose form another program checks. Name is the file's for messages, the
// error is Problems.
func Tree(name string, data []byte) (any, error) {
	root, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	g := grower{name: name}
	return g.tree(root, 0)
}

// grower makes a tree of bounded depth and size, whatever aliases do.
type grower struct {
	name   string
	values int
}

func (g *grower) tree(n *yaml.Node, depth int) (any, error) {
	if g.values++; depth > deepestTree || g.values > largestTree {
		return nil, Problems{{File: g.name, Line: n.Line, Text: fmt.Sprintf("is nested more than %d levels deep, or holds more than %d values", deepestTree, largestTree)}}
	}
	switch n.Kind {
	case yaml.AliasNode:
		return g.tree(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, one := range n.Content {
			var err error
			if list[i], err = g.tree(one, depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		fields := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			value, err := g.tree(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			fields[n.Content[i].Value] = value
		}
		return fields, nil
	}
	return n.Value, nil
}
