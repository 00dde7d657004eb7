// Package intake is about the sources that events come from. At present it
// holds only their options and the check of these: it opens, reads and listens
// to nothing. It knows no log format; decode does.
package intake

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
)

// Options is the section sources of penstock.yaml.
type Options []Source

// Source is one place that events come from.
type Source struct {
	Name string `yaml:"name"` // unique; shown with every event
	Kind Kind   `yaml:"kind"`
	// Path is a file, for kind file also a pattern with *; a folder for kinds dir
	// and drop; nothing for journald and stdin.
	Path     string      `yaml:"path"`
	Timezone string      `yaml:"timezone"` // of lines that name none; "" is the site's
	Trust    event.Trust `yaml:"trust"`
	Host     string      `yaml:"host"` // the host of lines that name none
}

// Kind is what a source is.
type Kind uint8

const (
	KindNone     Kind = iota // not stated, which Check refuses
	KindFile                 // a log file that grows
	KindDir                  // every file of a folder
	KindJournald             // the journal of this machine
	KindWazuh                // a Wazuh manager's alerts.json
	KindDrop                 // a folder that other programs put whole files into
	KindStdin                // standard input
)

var kindNames = [...]string{"none", "file", "dir", "journald", "wazuh", "drop", "stdin"}

// String returns the kind's word, for instance file.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText accepts the words of String in any case, but none.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if Kind(i) != KindNone && strings.EqualFold(name, string(text)) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a kind of source (%s)", text, strings.Join(kindNames[1:], ", "))
}

// needsPath says whether a source of the kind is somewhere in the file system.
func (k Kind) needsPath() bool { return k != KindJournald && k != KindStdin }

// Paths returns the options that name files.
func (o Options) Paths() []*string {
	var all []*string
	for i := range o {
		all = append(all, &o[i].Path)
	}
	return all
}

// Check reports everything that is wrong with the sources. It opens nothing.
func (o Options) Check(problem func(path, text string)) {
	for i := range o {
		at := func(key string) string { return fmt.Sprintf("[%d].%s", i, key) }
		s := &o[i]
		if s.Name == "" {
			problem(at("name"), "is missing")
		} else if j := slices.IndexFunc(o[:i], func(e Source) bool { return e.Name == s.Name }); j >= 0 {
			problem(at("name"), fmt.Sprintf("%q is sources[%d] already", s.Name, j))
		}
		s.checkPath(func(key, text string) { problem(at(key), text) })
		if _, err := time.LoadLocation(s.Timezone); err != nil {
			problem(at("timezone"), fmt.Sprintf("%q is not a time zone (such as Europe/Vienna, UTC or Local)", s.Timezone))
		}
		if s.Kind != KindNone && s.Path != "" {
			same := func(e Source) bool { return e.Kind == s.Kind && e.Path == s.Path }
			if j := slices.IndexFunc(o[:i], same); j >= 0 {
				problem(at("path"), fmt.Sprintf("%s is read by sources[%d] already", s.Path, j))
			}
		}
	}
}

func (s *Source) checkPath(problem func(key, text string)) {
	_, badPattern := filepath.Match(s.Path, "")
	switch {
	case s.Kind == KindNone:
		problem("kind", fmt.Sprintf("is missing (%s)", strings.Join(kindNames[1:], ", ")))
	case s.Kind.needsPath() && s.Path == "":
		problem("path", fmt.Sprintf("is missing: a source of kind %s needs one", s.Kind))
	case !s.Kind.needsPath() && s.Path != "":
		problem("path", fmt.Sprintf("a source of kind %s has none", s.Kind))
	case s.Kind == KindFile && badPattern != nil:
		problem("path", fmt.Sprintf("%q is not a pattern", s.Path))
	case s.Kind != KindFile && strings.ContainsAny(s.Path, "*?["):
		problem("path", fmt.Sprintf("%q: only a source of kind file may use a pattern", s.Path))
	}
}

// ForFile returns the source that the file belongs to: the one with that path,
// else one whose pattern or folder holds it.
func (o Options) ForFile(path string) (Source, bool) {
	path = filepath.Clean(path)
	for _, s := range o {
		if s.Kind.needsPath() && filepath.Clean(s.Path) == path {
			return s, true
		}
	}
	for _, s := range o {
		matched, err := filepath.Match(s.Path, path)
		inside := (s.Kind == KindDir || s.Kind == KindDrop) && filepath.Clean(s.Path) == filepath.Dir(path)
		if s.Kind == KindFile && matched && err == nil || inside {
			return s, true
		}
	}
	return Source{}, false
}
