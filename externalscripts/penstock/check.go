package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/config"
	"penstock/core/control"
	"penstock/core/event"
	"penstock/core/zabbix"
)

// Bounds of an external check. Zabbix waits 3 seconds where nobody set another
// Timeout, and shows a value of an item that is not supported in about 2,000
// characters.
const (
	checkWithin = 2500 * time.Millisecond
	checkError  = 500
)

// errSaid is an error of which standard output already tells: Zabbix mixes standard
// error into the value of an item, and looks at no exit code.
var errSaid = errors.New("said on standard output")

// checkFlags name the worker and how long it has.
type checkFlags struct {
	config, socket string
	within         time.Duration
}

// checkItem is one value that check prints.
type checkItem struct {
	name  string
	param string // what it takes, "" is nothing
	short string
	value func(c *checking, ctx context.Context, param string) (string, error)
}

// checkItems is the table of what `penstock check` knows.
func checkItems() []checkItem {
	return []checkItem{
		{"status", "", "how the worker is, as the plugin's penstock.status", (*checking).status},
		{"worker", "", "the same in a line of words", (*checking).worker},
		{"cases", "[SEVERITY]", "open cases of a severity (Medium) and above", (*checking).cases},
		{"count", "[SEVERITY]", "how many there are", (*checking).count},
		{"sources", "", "what is known of each source", (*checking).sources},
		{"discovery", "", "the sources, for low-level discovery", (*checking).discovery},
		{"case", "CASE", "the newest record of a case", (*checking).oneCase},
	}
}

// newCheck makes `penstock check`.
func newCheck(e *env) *cobra.Command {
	var f checkFlags
	var list strings.Builder
	for _, i := range checkItems() {
		fmt.Fprintf(&list, "  %-18s %s\n", strings.TrimSpace(i.name+" "+i.param), i.short)
	}
	cmd := &cobra.Command{
		Use:   "check VALUE [PARAMETER]",
		Short: "Print one value of the worker, for an external check of Zabbix",
		Long: `Check prints one value in one line, for items of type external check on hosts
without agent 2. What goes wrong is one line too, on standard output: Zabbix takes
whatever a program prints for the value. It answers within the time of --within.

` + list.String(),
		Example: `  penstock check status
  penstock check cases High`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return check(cmd.Context(), e, &f, args)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cannotCheck(e, exitUsage, err) })
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration `file` of the worker; without it "+siteConfig+" where it can be read")
	cmd.Flags().StringVar(&f.socket, "socket", "", "`path` of the worker's socket, instead of a configuration")
	cmd.Flags().DurationVar(&f.within, "within", checkWithin, "how long the worker may take; less than Timeout of the Zabbix server or proxy")
	return cmd
}

// cannotCheck says in one line on standard output what went wrong.
func cannotCheck(e *env, code int, err error) error {
	fmt.Fprintf(e.stdout, "Cannot check: %s\n", zabbix.Text(err.Error(), checkError))
	return exitError{code: code, err: errSaid}
}

func check(ctx context.Context, e *env, f *checkFlags, args []string) error {
	for len(args) > 0 && args[len(args)-1] == "" {
		args = args[:len(args)-1] // penstock-check["cases",""] gives one that is empty
	}
	item, param, err := checkArgs(args)
	if err != nil {
		return cannotCheck(e, exitUsage, err)
	}
	if f.within < 100*time.Millisecond || f.within > time.Minute {
		return cannotCheck(e, exitUsage, fmt.Errorf("--within %s is not between 100ms and 1m", f.within))
	}
	ctx, cancel := context.WithTimeout(ctx, f.within)
	defer cancel()
	c := &checking{flags: f}
	defer c.close()
	value, err := item.value(c, ctx, param)
	if err != nil {
		return cannotCheck(e, exitFailed, err)
	}
	fmt.Fprintln(e.stdout, value)
	return nil
}

// checkArgs finds the item that the arguments name.
func checkArgs(args []string) (item checkItem, param string, err error) {
	var names []string
	for _, i := range checkItems() {
		names = append(names, i.name)
		if len(args) == 0 || args[0] != i.name {
			continue
		}
		switch {
		case len(args) > 2 || len(args) == 2 && i.param == "":
			return item, "", fmt.Errorf("%s has too many parameters: %q", i.name, args[1:])
		case len(args) == 1 && i.param != "" && i.param[0] != '[':
			return item, "", fmt.Errorf("%s needs a parameter: %s", i.name, i.param)
		case len(args) == 2:
			return i, args[1], nil
		}
		return i, "", nil
	}
	what := "no value is named"
	if len(args) > 0 {
		what = fmt.Sprintf("%q is no value", args[0])
	}
	return item, "", fmt.Errorf("%s (%s)", what, strings.Join(names, ", "))
}

// checking asks the worker once.
type checking struct {
	flags  *checkFlags
	client *control.Client
}

func (c *checking) close() {
	if c.client != nil {
		_ = c.client.Close() // it was only asked
	}
}

// misconfigured is an error of the configuration, not of the worker.
type misconfigured struct{ error }

// dial connects to the worker.
func (c *checking) dial(ctx context.Context) error {
	path, err := c.flags.path()
	if err != nil {
		return misconfigured{err}
	}
	c.client, err = control.Dial(ctx, path)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: only members of control.group may ask, else those of penstock: usermod -aG penstock zabbix, and restart what runs the check", err)
	}
	return err
}

// path returns where the worker listens. The site's configuration is looked at where
// it can be: user zabbix need not be able to.
func (f *checkFlags) path() (string, error) {
	switch {
	case f.socket != "":
		return f.socket, nil
	case f.config != "":
		c, err := loadConfig(f.config)
		if err != nil {
			return "", err
		}
		return app.SocketPath(c), nil
	}
	if file, err := os.Open(siteConfig); err == nil {
		_ = file.Close() // whether it can be read was the question
		if c, err := loadConfig(siteConfig); err == nil {
			return app.SocketPath(c), nil
		}
	}
	return app.SocketPath(config.Default()), nil
}

// glance asks for everything that most values are made of.
func (c *checking) glance(ctx context.Context) (app.Items, error) {
	items := app.Items{Keeper: app.KeeperItem{Mode: "service"}}
	err := c.dial(ctx)
	if err == nil {
		var g app.Glance
		if err = c.client.Call(ctx, app.CmdGlance, nil, &g); err == nil {
			items.Glance, items.Keeper.Running = &g, 1
			return items, nil
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("the worker does not answer within %s", c.flags.within)
	}
	var bad misconfigured
	items.Problem, items.Misconfigured = err.Error(), errors.As(err, &bad)
	return items, err
}

// status and worker say as a value what is wrong, since that is what they are for.

func (c *checking) status(ctx context.Context, _ string) (string, error) {
	items, _ := c.glance(ctx)
	return string(items.Status()), nil
}

func (c *checking) worker(ctx context.Context, _ string) (string, error) {
	items, _ := c.glance(ctx)
	return items.Worker(), nil
}

// The others fail without a worker: an empty list would say that there are no cases,
// and that all sources are gone.

func (c *checking) cases(ctx context.Context, param string) (string, error) {
	from, err := checkSeverity(param)
	if err != nil {
		return "", err
	}
	items, err := c.glance(ctx)
	return string(items.Cases(from)), err
}

func (c *checking) count(ctx context.Context, param string) (string, error) {
	from, err := checkSeverity(param)
	if err != nil {
		return "", err
	}
	items, err := c.glance(ctx)
	return strconv.Itoa(items.CaseCount(from)), err
}

func checkSeverity(param string) (event.Severity, error) {
	if param == "" {
		return event.Medium, nil
	}
	var s event.Severity
	return s, s.UnmarshalText([]byte(param))
}

func (c *checking) sources(ctx context.Context, _ string) (string, error) {
	items, err := c.glance(ctx)
	return string(items.Sources()), err
}

func (c *checking) discovery(ctx context.Context, _ string) (string, error) {
	items, err := c.glance(ctx)
	return string(items.Discovery()), err
}

func (c *checking) oneCase(ctx context.Context, id string) (string, error) {
	if err := c.dial(ctx); err != nil {
		return "", err
	}
	value, err := app.CaseItem(ctx, c.client, id)
	return string(value), err
}
