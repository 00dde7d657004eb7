// Package core_test holds the shape of the whole: who may import whom, and
// where each library has its home.
package core_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "penstock"

// all in a row means: may import every package of ours.
const all = "*"

// mayImport says for each package of ours which others its non-test files may
// import. A package without a row fails the test: add one, and say in the
// change why it may know what it wants to know. Paths are below core/ unless
// they start with a slash, which stands for the repository's root.
var mayImport = map[string][]string{
	"event":   {},
	"action":  {"event"},
	"spool":   {},
	"pattern": {},
	"secret":  {},
	"llm":     {"secret"},
	"logline": {"event"},
	"site":    {"event"},
	"floor":   {"event", "site", "sift"},
	"ticket":  {"action"},
	"enforce": {"event", "action", "ticket"},
	"decode":  {"event", "logline"},

	"baseline": {"event", "pattern"},
	"sift":     {"event", "pattern", "baseline", "site"},
	"cases":    {"event", "site", "sift", "floor"},
	"pipeline": {"event", "cases", "site", "action", "llm", "sift"},        // sift: the words of evidence
	"policy":   {"event", "pipeline", "cases", "site", "action", "sift"},   // sift: the words of evidence
	"record":   {"event", "cases", "pipeline", "policy", "action", "sift"}, // likewise

	"respond":      {"event", "policy", "ticket", "enforce", "site", "action"},
	"store":        {"event", "cases", "record", "action"},
	"intake":       {"event", "decode", "spool"},
	"zabbix":       {"event", "decode", "record", "secret"},
	"zabbix/setup": {"zabbix"},
	"wazuh":        {"event", "decode", "record"},
	"elastic":      {"event", "decode", "record"},
	"logfile":      {"record"},
	"control":      {"record"},
	"sdnotify":     {},
	"notify":       {"record", "event", "secret"},
	"report":       {"event", "record", "pipeline", "cases"}, // what a person reads of a case
	"eval":         {"event"},
	"config":       {"event", "site", "action", "sift", "cases", "pipeline", "policy", "llm", "intake", "decode", "baseline", "pattern", "floor", "record", "respond", "zabbix", "wazuh", "elastic", "notify", "enforce", "store", "spool", "logfile", "control"},
	"app":          {all},

	"/externalscripts/penstock": {all},
	"/zabbix-loadable":          {"app", "config", "control", "event", "sdnotify", "/templates"},
	"/wazuh-integration":        {"spool", "action", "ticket", "enforce"},
	"/templates":                {},
	"/mediatypes":               {},
}

// forTests are packages that only tests import.
var forTests = []string{"fake", "e2e"}

// homes says in which packages a library may be imported. Its types do not
// leave them.
var homes = map[string][]string{
	"gopkg.in/yaml.v3":                    {"config"},
	"github.com/ollama/ollama":            {"llm"},
	"github.com/sony/gobreaker":           {"llm"},
	"github.com/elastic/go-elasticsearch": {"elastic"},
	"github.com/go-resty/resty":           {"respond"},
	"github.com/fabiang/go-zabbix":        {"zabbix"},
	"modernc.org/sqlite":                  {"store"},
	"github.com/spf13/cobra":              {"/externalscripts/penstock"},
	"github.com/schollz/progressbar":      {"/externalscripts/penstock"},
	"golang.org/x/term":                   {"/externalscripts/penstock"},
}

// onlyTests are libraries that no program of ours may link.
var onlyTests = []string{
	"github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "pgregory.net/rapid", "testing",
}

// source is one parsed Go file.
type source struct {
	pkg  string // as in mayImport
	path string // below the repository's root
	test bool
	file *ast.File
}

func TestImportsRunDownwardsOnly(t *testing.T) {
	t.Parallel()

	for _, s := range sources(t, "..") {
		allowed, known := mayImport[s.pkg]
		if !known && !slices.Contains(forTests, s.pkg) {
			t.Errorf("%s: package %s has no row in mayImport: add it in DESIGN order", s.path, s.pkg)
			continue
		}
		if s.test || !known {
			continue
		}
		for _, path := range importsOf(s) {
			own, isOwn := strings.CutPrefix(path, module+"/")
			if !isOwn {
				continue
			}
			name := rowOf(own)
			if slices.Contains(forTests, name) {
				t.Errorf("%s: imports %s, which is for tests only", s.path, path)
				continue
			}
			if !slices.Contains(allowed, name) && !slices.Contains(allowed, all) {
				t.Errorf("%s: %s may not import %s (may: %s)", s.path, s.pkg, name, strings.Join(allowed, ", "))
			}
		}
	}
}

func TestLibrariesStayInTheirHomes(t *testing.T) {
	t.Parallel()

	for _, s := range sources(t, "..") {
		if s.test || slices.Contains(forTests, s.pkg) {
			continue
		}
		for _, path := range importsOf(s) {
			for _, library := range onlyTests {
				if isBelow(path, library) {
					t.Errorf("%s: imports %s, which is for tests only", s.path, path)
				}
			}
			if strings.HasPrefix(path, module+"/") || !strings.Contains(path, ".") {
				continue // ours or the standard library
			}
			if !slices.Contains(homeOf(path), s.pkg) {
				t.Errorf("%s: %s may not import %s: its home is %q", s.path, s.pkg, path, homeOf(path))
			}
		}
	}
}

func TestNoInitAndNoPackageNamedUtils(t *testing.T) {
	t.Parallel()

	for _, s := range sources(t, "..") {
		if slices.Contains([]string{"util", "utils", "common", "types", "models", "helpers"}, s.file.Name.Name) {
			t.Errorf("%s: package %s says nothing about what is in it", s.path, s.file.Name.Name)
		}
		for _, d := range s.file.Decls {
			f, isFunc := d.(*ast.FuncDecl)
			if isFunc && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: has an init function: make it a value that somebody passes on", s.path)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()

	const enough = 60 // characters: "Package x does y." alone is no description
	longest := map[string]int{}
	for _, s := range sources(t, "..") {
		if s.test {
			continue
		}
		longest[s.pkg] = max(longest[s.pkg], len(s.file.Doc.Text()))
	}
	for pkg, length := range longest {
		if length < enough {
			t.Errorf("package %s: its comment has %d characters; it says what the package is for and what it never does", pkg, length)
		}
	}
}

// TestFilesAndFunctionsStayShort keeps the bounds that a reader can hold in his
// head. Tables, which are data, are not counted as code.
func TestFilesAndFunctionsStayShort(t *testing.T) {
	t.Parallel()

	const maxFile, maxFunc = 500, 80
	fset := token.NewFileSet()
	for _, path := range goFiles(t, "..") {
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			t.Fatalf("parse %s: %v", path, err)
		}
		lines := func(n ast.Node) int { return fset.Position(n.End()).Line - fset.Position(n.Pos()).Line + 1 }
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		if n := fset.File(f.Pos()).LineCount(); n > maxFile {
			t.Errorf("%s: has %d lines, more than %d", path, n, maxFile)
		}
		for _, d := range f.Decls {
			if fn, isFunc := d.(*ast.FuncDecl); isFunc && lines(fn) > maxFunc {
				t.Errorf("%s: %s has %d lines, more than %d", path, fn.Name.Name, lines(fn), maxFunc)
			}
		}
	}
}

// sources parses every Go file of this module below root.
func sources(t *testing.T, root string) []source {
	t.Helper()

	var parsed []source
	fset := token.NewFileSet()
	for _, path := range goFiles(t, root) {
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("parse %s: %v", path, err)
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatalf("make %s relative: %v", path, err)
		}
		below = filepath.ToSlash(below)
		if filepath.ToSlash(filepath.Dir(below)) == "core" {
			continue // this test
		}
		parsed = append(parsed, source{
			pkg:  rowOf(filepath.ToSlash(filepath.Dir(below))),
			path: below,
			test: strings.HasSuffix(path, "_test.go"),
			file: f,
		})
	}
	return parsed
}

// goFiles lists the Go files below root, leaving out modules of their own and
// what is not code of ours.
func goFiles(t *testing.T, root string) []string {
	t.Helper()

	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root {
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			if err == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
		}
		if strings.HasSuffix(path, ".go") {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("list the Go files: %v", err)
	}
	if len(paths) == 0 {
		t.Fatal("found no Go files")
	}
	return paths
}

func importsOf(s source) []string {
	var paths []string
	for _, spec := range s.file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// rowOf turns a folder below the repository's root into the name of its row.
// Folders below core/fake and core/e2e belong to these.
func rowOf(folder string) string {
	name, isCore := strings.CutPrefix(folder, "core/")
	if !isCore {
		return "/" + folder
	}
	if top, _, _ := strings.Cut(name, "/"); slices.Contains(forTests, top) {
		return top
	}
	return name
}

func homeOf(path string) []string {
	for library, home := range homes {
		if isBelow(path, library) {
			return home
		}
	}
	return nil
}

// isBelow reports whether path is the library, a package of it or a later
// major version of it.
func isBelow(path, library string) bool {
	return path == library || strings.HasPrefix(path, library+"/")
}
