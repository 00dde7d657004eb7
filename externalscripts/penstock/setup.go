package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"penstock/core/config"
	"penstock/core/report"
	"penstock/core/secret"
	"penstock/core/zabbix"
	"penstock/core/zabbix/setup"
	"penstock/templates"
)

func newSetup(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make in other systems what Penstock needs there",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSetupZabbix(e))
	return cmd
}

// setupFlags are the flags of `penstock setup zabbix`.
type setupFlags struct {
	workerFlags
	login

	plan, apply, remove, json bool
	settings                  setup.Settings
}

func newSetupZabbix(e *env) *cobra.Command {
	var f setupFlags
	cmd := &cobra.Command{
		Use:   "zabbix (--plan | --apply | --remove)",
		Short: "Make host group, templates, worker's user and token, scripts and actions in Zabbix",
		Long: `Setup makes in Zabbix what Penstock needs there: it imports the templates and links
them, makes a host group, a role, a user group and a user for the worker with no
more rights than it needs, writes its API token to zabbix.api.token_file, and makes
event scripts and actions. A Low case has no problem in Zabbix and no action.

--plan shows what --apply would do and changes nothing: + create, ~ change, = kept
because somebody changed it here, - remove, ! not done and why. A second --apply does
nothing. What an administrator changed stays as it is, unless --overwrite is given.
Who gets notices is never changed but by --operators and --escalate-to.

Whoever shall close cases by closing their problems, or stop reminders by an
acknowledgement, must be in user group "Penstock approvers", which setup makes:
Zabbix hides from the worker the names of all others. And policy.approvers must list
the user name in Zabbix, as name or in accounts.

--remove takes away what setup makes, and nothing else: host group, templates with
their history (also where somebody imported them by hand), users, scripts, actions.
While another worker uses them, or a host that setup did not link, only this worker's
token goes, unless --all is given. --plan --remove shows it first.

Setup logs in as an administrator of Zabbix (type Super admin), not as the worker:
with --user (the password is asked for, or read from --password-file), or with
--token-file. The same may stand in PENSTOCK_SETUP_URL, PENSTOCK_SETUP_USER,
PENSTOCK_SETUP_PASSWORD_FILE and PENSTOCK_SETUP_TOKEN_FILE.`,
		Example: `  penstock setup zabbix --plan --user Admin
  sudo penstock setup zabbix --apply --user Admin --password-file admin.password --group "Linux servers"
  sudo penstock setup zabbix --plan --remove --user Admin`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := exclusive(cmd, "plan", "apply"); err != nil {
				return err
			}
			if err := exclusive(cmd, "apply", "remove"); err != nil {
				return err
			}
			if f.settings.All && !f.remove {
				return exitError{exitUsage, errors.New("--all is given without --remove"), "--all-hosts makes all hosts show cases"}
			}
			if !f.plan && !f.apply && !f.remove {
				return exitError{exitUsage, errors.New("neither --plan, --apply nor --remove is given"), "--plan changes nothing"}
			}
			return f.run(cmd.Context(), e)
		},
	}
	f.workerFlags.add(cmd)
	f.login.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.plan, "plan", false, "show what would be done, change nothing")
	flags.BoolVar(&f.apply, "apply", false, "do it")
	flags.BoolVar(&f.remove, "remove", false, "remove what setup makes")
	flags.BoolVar(&f.settings.All, "all", false, "with --remove: also what other workers and hosts use")
	flags.BoolVar(&f.json, "json", false, "print the plan as one JSON object")
	s := &f.settings
	flags.StringArrayVar(&s.Hosts, "host", nil, "a further `host` that shows cases (technical name; may be repeated)")
	flags.StringArrayVar(&s.Groups, "group", nil, "a host `group` whose hosts show cases (may be repeated)")
	flags.BoolVar(&s.AllHosts, "all-hosts", false, "all monitored hosts show cases")
	flags.StringVar(&s.Operators, "operators", "", "user `group` that gets notices and sees the scripts (without it: who is set there, at first Zabbix administrators)")
	flags.StringVar(&s.Escalation, "escalate-to", "", "user `group` that hears of a Critical too that nobody acknowledged for 15 minutes")
	flags.StringVar(&s.Senders, "senders", "", "`addresses` that may send cases, as in {$PENSTOCK.SENDERS}: the worker, as server or proxy sees it")
	flags.BoolVar(&s.Overwrite, "overwrite", false, "put back what was changed in Zabbix")
	return cmd
}

func (f *setupFlags) run(ctx context.Context, e *env) error {
	c, err := f.load()
	if err != nil {
		return err
	}
	if c.Zabbix.Host == "" {
		return exitError{exitConfig, errors.New("zabbix.host is not set"), "it names the worker's own host in Zabbix"}
	}
	if err := f.complete(&c.Zabbix); err != nil {
		return err
	}
	api, err := f.open(ctx, e, &c.Zabbix.API)
	if err != nil {
		return err
	}
	defer api.Close()
	s, err := setup.New(api, f.settings)
	if err != nil {
		return err
	}
	plan, err := f.planned(ctx, s)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if f.json {
		out := json.NewEncoder(e.stdout)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		err = out.Encode(plan)
	} else {
		err = f.print(e, plan)
	}
	if err != nil || f.plan {
		return err
	}
	return f.carryOut(ctx, e, plan)
}

// complete takes from the configuration what is not a flag.
func (f *setupFlags) complete(o *zabbix.Options) error {
	s := &f.settings
	s.Host = o.Host
	for _, name := range o.Hosts {
		s.Hosts = append(s.Hosts, name)
	}
	if o.API.URL != "" {
		s.TokenFile = o.API.TokenFile
	}
	if o.SealFile != "" {
		seal, err := secret.Read(o.SealFile)
		if err != nil {
			return exitError{exitConfig, err, "zabbix.seal_file names it; `openssl rand -hex 32` makes one"}
		}
		s.Seal = seal.Reveal()
	}
	s.Owner = workerOwner(s.TokenFile)
	s.Templates = templates.FS
	s.Decode = func(data []byte) (any, error) { return config.Tree("template", data) }
	return nil
}

// workerOwner returns who shall own the token: user penstock where root sets up, nil
// where it is whoever does.
func workerOwner(tokenFile string) *setup.Owner {
	if os.Geteuid() != 0 {
		return nil
	}
	if info, err := os.Stat(tokenFile); err == nil {
		return &setup.Owner{UID: int(owner(info)), GID: int(group(info))}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	u, err := user.Lookup("penstock")
	if err != nil {
		return nil
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err1 != nil || err2 != nil {
		return nil
	}
	return &setup.Owner{UID: uid, GID: gid}
}

func (f *setupFlags) planned(ctx context.Context, s *setup.Setup) (*setup.Plan, error) {
	if f.remove {
		return s.PlanRemoval(ctx)
	}
	return s.Plan(ctx)
}

func (f *setupFlags) print(e *env, plan *setup.Plan) error {
	fmt.Fprintf(e.stdout, "Zabbix %s at %s\n\n", report.Terminal(plan.Version), report.Terminal(f.url))
	if err := plan.Write(e.stdout, report.Terminal); err != nil {
		return err
	}
	if len(plan.Changes) > 0 {
		fmt.Fprintln(e.stdout)
	}
	_, err := fmt.Fprintln(e.stdout, plan.Summary())
	if err == nil && f.plan && !plan.Empty() {
		again := "--apply"
		if f.remove {
			again = "--remove"
		}
		fmt.Fprintf(e.stderr, "penstock: hint: nothing was changed; %s without --plan does it\n", again)
	}
	return err
}

func (f *setupFlags) carryOut(ctx context.Context, e *env, plan *setup.Plan) error {
	if plan.Empty() {
		return nil
	}
	if f.remove {
		err := plan.Remove(ctx)
		if errors.Is(err, setup.ErrStays) {
			return exitError{exitFailed, err, "free it in Zabbix, then run it again"}
		}
		if err != nil {
			return err
		}
		said := "it is removed"
		if plan.Count(setup.Note) > 0 {
			said = "what has - above is removed; ! says what else to know"
		}
		fmt.Fprintln(e.stderr, "penstock: note: "+said)
		return nil
	}
	if err := plan.Apply(ctx); err != nil {
		return exitError{exitFailed, err, "mend it and run --apply again: it goes on where it stopped"}
	}
	fmt.Fprintln(e.stderr, "penstock: note: it is done")
	if f.settings.TokenFile != "" {
		fmt.Fprintf(e.stderr, "penstock: hint: `systemctl restart penstock` lets the worker use the token in %s\n", report.Terminal(filepath.Clean(f.settings.TokenFile)))
		fmt.Fprintf(e.stderr, "penstock: hint: add every approver to user group %q in Zabbix, and list each under policy.approvers, with the Zabbix user name as name or in accounts\n",
			setup.ApproversName)
	}
	return nil
}
