package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/site"
)

const (
	maxHosts   = 10_000 // distinct hosts that are listed; further ones are counted
	maxExample = 100    // bytes of a line that is shown
)

// hostsFlags are the flags of `penstock hosts`.
type hostsFlags struct {
	config          string
	unmatched, json bool
}

func newHosts(e *env) *cobra.Command {
	var f hostsFlags
	cmd := &cobra.Command{
		Use:   "hosts [flags] [FILE...]",
		Short: "List the hosts in logs, and those that the configuration does not know",
		Long: `Hosts reads logs (plain, gzip or standard input) and lists the hosts that they come
from: name, asset, zone and number of events. With --unmatched it lists only those that
no asset of the configuration stands for, as YAML to paste under site.assets.`,
		Example: "  penstock hosts --unmatched --config penstock.yaml /var/log/syslog /var/log/auth.log",
		RunE: func(cmd *cobra.Command, args []string) error {
			return hosts(cmd.Context(), e, f, args)
		},
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration `file`; without it the built-in defaults")
	cmd.Flags().BoolVar(&f.unmatched, "unmatched", false, "only hosts that no asset stands for, as YAML")
	cmd.Flags().BoolVar(&f.json, "json", false, "print a JSON list")
	return cmd
}

func hosts(ctx context.Context, e *env, f hostsFlags, paths []string) error {
	engine, err := loadEngine(f.config, "")
	if err != nil {
		return err
	}
	bar := newProgress(e.stderr)
	defer bar.finish()
	seen := hostList{site: engine.Site, byName: map[hostKey]*hostSeen{}}
	in := app.Input{Paths: paths, Stdin: e.stdin, Now: time.Now(), Source: engine.SourceOptions, Progress: bar.show}
	if _, err := in.EachEvent(ctx, seen.add); err != nil {
		return inputError(err)
	}
	bar.finish()
	language := engine.Language()
	if len(seen.byName) == 0 && !f.unmatched {
		fmt.Fprintf(e.stderr, "penstock: note: %s\n", hostNoEvents.In(language))
	}
	if seen.more > 0 {
		fmt.Fprintf(e.stderr, "penstock: hint: %s came from hosts beyond the first %d\n", count(seen.more, "event"), maxHosts)
	}
	found := seen.sorted(f.unmatched)
	switch {
	case f.json:
		out := json.NewEncoder(e.stdout)
		out.SetIndent("", "  ")
		return out.Encode(found)
	case f.unmatched:
		if len(seen.byName) == 0 {
			_, err := fmt.Fprintf(e.stdout, "# %s\n", hostNoEvents.In(language))
			return err
		}
		return printUnmatched(e.stdout, found, language)
	}
	return printHosts(e.stdout, found, language)
}

// hostKey tells hosts apart: the name in the line and the address it came from.
// Events with neither are told apart by their source.
type hostKey struct {
	name   string
	peer   netip.Addr
	source string
}

// hostSeen is one host as the logs name it.
type hostSeen struct {
	Name     string     `json:"name,omitempty"`
	Address  string     `json:"address,omitempty"` // the transport's
	Asset    string     `json:"asset,omitempty"`   // "" when the site does not list it
	Zone     event.Zone `json:"zone"`
	Disputed bool       `json:"disputed,omitempty"` // the name belongs to another address
	Events   int        `json:"events"`
	Source   string     `json:"source"`  // of the first event
	Example  string     `json:"example"` // the first line, masked and cut
}

// hostList gathers the hosts of events.
type hostList struct {
	site   *site.Site
	byName map[hostKey]*hostSeen
	more   int // events of hosts that are not listed any more
}

func (l *hostList) add(ev *event.Event) error {
	key := hostKey{name: ev.Host, peer: ev.Peer}
	if ev.Host == "" && !ev.Peer.IsValid() {
		key.source = ev.Source
	}
	if h := l.byName[key]; h != nil {
		h.Events++
		return nil
	}
	if len(l.byName) >= maxHosts {
		l.more++
		return nil
	}
	asset, _ := l.site.Resolve(ev.Host, ev.Peer)
	key.name, key.source = strings.Clone(ev.Host), strings.Clone(key.source)
	h := &hostSeen{
		Name: key.name, Asset: asset.Name, Zone: asset.Zone, Disputed: asset.Disputed, Events: 1,
		Source: strings.Clone(ev.Source), Example: cases.Clean(cases.MaskSecrets(cmp.Or(ev.Raw, ev.Name)), maxExample),
	}
	if ev.Peer.IsValid() {
		h.Address = ev.Peer.String()
	}
	l.byName[key] = h
	return nil
}

// sorted returns the hosts, those with most events first.
func (l *hostList) sorted(unmatchedOnly bool) []*hostSeen {
	found := slices.Collect(maps.Values(l.byName))
	if unmatchedOnly {
		found = slices.DeleteFunc(found, func(h *hostSeen) bool { return h.Asset != "" })
	}
	slices.SortFunc(found, func(a, b *hostSeen) int {
		return cmp.Or(-cmp.Compare(a.Events, b.Events), strings.Compare(a.Name, b.Name), strings.Compare(a.Address, b.Address))
	})
	return found
}

func printHosts(w io.Writer, found []*hostSeen, language string) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, h := range found {
		asset := cmp.Or(h.Asset, hostNotListed.In(language))
		if h.Disputed {
			asset += hostDisputed.In(language)
		}
		name := cmp.Or(strings.TrimSpace(plainText(h.Name)+" "+h.Address), say(hostNone, language, "source", plainText(h.Source)))
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", name, asset, pipeline.ZoneWords(h.Zone, language), pipeline.EventCount(h.Events, language))
	}
	return out.Flush()
}

// plainText is text that cannot move a cursor or end a line.
func plainText(text string) string { return cases.Clean(text, maxExample) }
