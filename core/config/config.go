package config

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/control"
	"penstock/core/intake"
	"penstock/core/llm"
	"penstock/core/logfile"
	"penstock/core/notify"
	"penstock/core/policy"
	"penstock/core/sift"
	"penstock/core/site"
	"penstock/core/spool"
	"penstock/core/store"
	"penstock/core/zabbix"
)

//go:embed config.example.yaml
var example []byte

//go:embed starter.yaml
var starter []byte

// Config is everything that penstock.yaml says, checked, with defaults where it
// says nothing. A new section is a field here, its defaults in Default, and
// nothing else: whatever has a Check method is asked.
type Config struct {
	Site        site.Options    `yaml:"site"`
	Sources     intake.Options  `yaml:"sources"`
	Detect      Detect          `yaml:"detect"`
	Model       llm.Options     `yaml:"model"`
	Policy      policy.Options  `yaml:"policy"`
	Actions     action.Options  `yaml:"actions"`
	Store       store.Options   `yaml:"store"`
	Spool       spool.Options   `yaml:"spool"`
	LogFile     logfile.Options `yaml:"log"`
	Control     control.Options `yaml:"control"`
	Zabbix      zabbix.Options  `yaml:"zabbix"`
	Notify      notify.Options  `yaml:"notify"`
	StateDir    string          `yaml:"state_dir"`    // folder for everything that is kept
	SignalsFile string          `yaml:"signals_file"` // the site's own signals, laid over the shipped ones
}

// Detect holds the knobs of detection. Every figure in docs/evaluation.md was
// measured with their defaults.
type Detect struct {
	Sift  sift.Options  `yaml:"sift"`
	Cases cases.Options `yaml:"cases"`
}

// Default returns the configuration of a site of which nothing is known: no
// sources, no model, dry run, nobody who may approve.
func Default() *Config {
	return &Config{
		Site:     site.DefaultOptions(),
		Detect:   Detect{Sift: sift.DefaultOptions(), Cases: cases.DefaultOptions()},
		Model:    llm.DefaultOptions(),
		Policy:   policy.DefaultOptions(),
		Actions:  action.DefaultOptions(),
		Store:    store.DefaultOptions(),
		Spool:    spool.DefaultOptions(),
		LogFile:  logfile.DefaultOptions(),
		Control:  control.DefaultOptions(),
		Zabbix:   zabbix.DefaultOptions(),
		Notify:   notify.DefaultOptions(),
		StateDir: "/var/lib/penstock",
	}
}

// Example returns a file that shows every section.
func Example() []byte { return append([]byte(nil), example...) }

// Starter returns a short file with comments for the first day.
func Starter() []byte { return append([]byte(nil), starter...) }

// Load reads a configuration file. Paths in it that are relative start at the
// file's own folder. The error is Problems where the file can be read but not
// used.
func Load(path string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c.startPathsAt(filepath.Dir(absolute))
	return c, nil
}

// Parse checks the text of a configuration file over the defaults; name is the
// file's name for messages. The error is Problems.
func Parse(name string, data []byte) (*Config, error) {
	c := Default()
	if err := decodeStrict(name, data, c); err != nil {
		return nil, err
	}
	return c, nil
}

// CheckTogether reports what no section can see by itself. It says nothing
// where the site has problems of its own: they are reported already.
func (c *Config) CheckTogether(problem func(path, text string)) {
	if s, err := site.New(c.Site); err == nil {
		policy.Check(s, c.Actions, c.Policy, problem)
	}
	for i := range c.Sources {
		if c.Sources[i].IsPulled() && c.Zabbix.API.URL == "" {
			problem(fmt.Sprintf("sources[%d].path", i), "is missing: without the folder that the server exports to, problems are read over the API, which zabbix.api.url names")
		}
	}
}

// startPathsAt makes relative paths start at the folder.
func (c *Config) startPathsAt(folder string) {
	paths := []*string{&c.StateDir, &c.SignalsFile}
	for _, field := range reflect.ValueOf(c).Elem().Fields() {
		if s, ok := field.Addr().Interface().(interface{ Paths() []*string }); ok {
			paths = append(paths, s.Paths()...)
		}
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
}

// readFile reads a file that people write: never more than maxFile and a bit.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return data, nil
}
