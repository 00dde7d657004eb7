// Package intake reads the sources that events come from: log files through all
// their rotations, folders of them, the journal, a Wazuh manager's alerts, a drop
// folder and standard input. What it hands over carries a cursor, from which
// reading goes on after a restart without losing or doubling a line. It knows no
// log format (decode does), keeps no cursor itself, and never writes to a source
// but to a drop folder.
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
	// Path is a file, for kind file also a pattern with *; a folder for kinds dir,
	// drop and zabbix; nothing for journald and stdin. A source of kind zabbix
	// without one reads problems over the API.
	Path     string      `yaml:"path"`
	Timezone string      `yaml:"timezone"` // of lines that name none; "" is the site's
	Trust    event.Trust `yaml:"trust"`
	Host     string      `yaml:"host"` // the host of lines that name none
	// Format is what each line is: "" is recognised by its content, "event" is
	// Penstock's own plain event, written by a program that is trusted to know.
	Format    string `yaml:"format"`
	Namespace string `yaml:"namespace"` // of the journal; "" is the machine's own
}

const (
	maxName      = 100 // bytes of a source's name, which is part of each cursor's key
	maxNamespace = 64
)

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
	KindZabbix               // the files that a Zabbix server exports, or its problems over the API
)

var kindNames = [...]string{"none", "file", "dir", "journald", "wazuh", "drop", "stdin", "zabbix"}

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

// needsPath says whether a source of the kind is always somewhere in the file system.
func (k Kind) needsPath() bool { return k != KindJournald && k != KindStdin && k != KindZabbix }

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
		s.checkWords(func(key, text string) { problem(at(key), text) })
		if _, err := time.LoadLocation(s.Timezone); err != nil {
			problem(at("timezone"), fmt.Sprintf("%q is not a time zone (such as Europe/Vienna, UTC or Local)", s.Timezone))
		}
		same := func(e Source) bool { return e.Kind == s.Kind && e.Path == s.Path && e.Namespace == s.Namespace }
		j := slices.IndexFunc(o[:i], same)
		switch {
		case j < 0 || s.Kind == KindNone:
		case s.Path != "":
			problem(at("path"), fmt.Sprintf("%s is read by sources[%d] already", s.Path, j))
		case !s.Kind.needsPath():
			problem(at("kind"), fmt.Sprintf("the same is read by sources[%d] already", j))
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
	case !s.Kind.needsPath() && s.Kind != KindZabbix && s.Path != "":
		problem("path", fmt.Sprintf("a source of kind %s has none", s.Kind))
	case s.Kind == KindFile && badPattern != nil:
		problem("path", fmt.Sprintf("%q is not a pattern", s.Path))
	case s.Kind != KindFile && strings.ContainsAny(s.Path, "*?["):
		problem("path", fmt.Sprintf("%q: only a source of kind file may use a pattern", s.Path))
	}
}

func (s *Source) checkWords(problem func(key, text string)) {
	switch {
	case len(s.Name) > maxName:
		problem("name", fmt.Sprintf("has %d bytes, more than %d", len(s.Name), maxName))
	case strings.HasPrefix(s.Name, spoolStream):
		problem("name", fmt.Sprintf("%q begins with %s, which Penstock itself uses", s.Name, spoolStream))
	}
	if s.Format != "" && s.Format != "event" {
		problem("format", fmt.Sprintf("%q is not a format (event, or nothing: it is recognised)", s.Format))
	}
	switch {
	case s.Namespace == "":
	case s.Kind != KindJournald:
		problem("namespace", "only a source of kind journald has one")
	case !isNamespace(s.Namespace):
		problem("namespace", fmt.Sprintf("%q is not a namespace (letters, digits, -, _ and ., at most %d)", s.Namespace, maxNamespace))
	}
}

// isNamespace says whether a name is one that journald takes.
func isNamespace(name string) bool {
	for _, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return len(name) <= maxNamespace && name[0] != '.' && name[0] != '-'
}

// ForFile returns the source that the file belongs to: the one with that path,
// else one whose pattern or folder holds it.
func (o Options) ForFile(path string) (Source, bool) {
	path = filepath.Clean(path)
	for _, s := range o {
		if s.Path != "" && filepath.Clean(s.Path) == path {
			return s, true
		}
	}
	for _, s := range o {
		matched, err := filepath.Match(s.Path, path)
		inside := (s.Kind == KindDir || s.Kind == KindDrop || s.Kind == KindZabbix) && s.Path != "" && filepath.Clean(s.Path) == filepath.Dir(path)
		if s.Kind == KindFile && matched && err == nil || inside {
			return s, true
		}
	}
	return Source{}, false
}
