package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"penstock/core/control"
	"penstock/core/event"
)

// item is one key: what it is for, how many parameters it takes, what it answers.
type item struct {
	key         string
	description string // first letter not lower case, last character a full stop
	most        int    // parameters
	answer      func(ctx context.Context, b *board, params []string) (string, error)
}

// items returns the table of keys, and the same as the agent wants to hear it.
func items() (byKey map[string]item, registered []string) {
	all := []item{
		{"penstock.ping", "Returns 1 where the plugin answers.", 0, ping},
		{"penstock.version", "Version of the plugin.", 0, pluginVersion},
		{"penstock.status", "How the worker is, as a JSON object: state, counts, queue, model, disk, sources.", 0, status},
		{"penstock.worker", "How the worker is, in words.", 0, workerInWords},
		{"penstock.sources.discovery", "Sources of the worker for low-level discovery, as a JSON array.", 0, discoverSources},
		{"penstock.sources", "What is known of each source, as a JSON array.", 0, sources},
		{"penstock.cases", "Open cases that are problems, the gravest first, as a JSON object.", 0, listCases},
		{"penstock.cases.count", "Number of open cases of a severity (Low, Medium, High, Critical; default Medium) and above.", 1, countCases},
		{"penstock.case", "The newest record of a case, as a JSON object. The parameter is the case's number.", 1, oneCase},
	}
	byKey = map[string]item{}
	for _, i := range all {
		byKey[i.key] = i
		registered = append(registered, i.key, i.description)
	}
	return byKey, registered
}

// Bounds of what parameters may be, and of the one item that asks the worker.
const (
	mostParam  = 128 // bytes
	caseWithin = time.Second
)

// answerItem answers one item. Errors begin as "Cannot ..." goes on.
func answerItem(ctx context.Context, items map[string]item, b *board, r request) (string, error) {
	i, ok := items[r.Key]
	if !ok {
		return "", fmt.Errorf("answer %q: there is no such key", shorten(r.Key, mostParam))
	}
	params := r.Parameters
	for len(params) > 0 && params[len(params)-1] == "" {
		params = params[:len(params)-1] // key[] has one that is empty
	}
	if len(params) > i.most {
		return "", fmt.Errorf("answer %s: it has at most %d parameters", i.key, i.most)
	}
	for n, p := range params {
		if len(p) > mostParam || shorten(p, mostParam) != p {
			return "", fmt.Errorf("take parameter %d: %q is too long or has odd characters", n+1, shorten(p, mostParam))
		}
	}
	return i.answer(ctx, b, params)
}

func ping(context.Context, *board, []string) (string, error) { return "1", nil }

func pluginVersion(context.Context, *board, []string) (string, error) { return version, nil }

func status(_ context.Context, b *board, _ []string) (string, error) {
	return string(b.look().items().Status()), nil
}

func workerInWords(_ context.Context, b *board, _ []string) (string, error) {
	return b.look().items().Worker(), nil
}

// discoverSources answers from what was known last: names do not age, and an empty
// list would have Zabbix delete what it had discovered.
func discoverSources(_ context.Context, b *board, _ []string) (string, error) {
	v := b.look()
	if !v.have {
		return "", fmt.Errorf("list sources: %s", v.silent())
	}
	return string(v.known().Discovery()), nil
}

func sources(_ context.Context, b *board, _ []string) (string, error) {
	v := b.look()
	if !v.recent() {
		return "", fmt.Errorf("tell of sources: %s", v.silent())
	}
	return string(v.known().Sources()), nil
}

func listCases(_ context.Context, b *board, _ []string) (string, error) {
	v := b.look()
	if !v.recent() {
		return "", fmt.Errorf("list cases: %s", v.silent())
	}
	return string(v.known().Cases(event.Medium)), nil
}

func countCases(_ context.Context, b *board, params []string) (string, error) {
	from := event.Medium
	if len(params) > 0 {
		if err := from.UnmarshalText([]byte(params[0])); err != nil || from < event.Low {
			return "", fmt.Errorf("count cases: %q is not a severity (Low, Medium, High, Critical)", params[0])
		}
	}
	v := b.look()
	if !v.recent() {
		return "", fmt.Errorf("count cases: %s", v.silent())
	}
	return strconv.Itoa(v.known().CaseCount(from)), nil
}

// oneCase asks the worker: a record is too much to hold for every case.
func oneCase(ctx context.Context, b *board, params []string) (string, error) {
	if len(params) == 0 {
		return "", errors.New("find a case: the parameter is missing, the number of a case")
	}
	id := params[0]
	if strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:") != "" {
		return "", fmt.Errorf("find case %q: this is not the number of a case", id)
	}
	if v := b.look(); v.gone() {
		return "", fmt.Errorf("find case %q: %s", id, v.silent())
	}
	ctx, cancel := context.WithTimeout(ctx, caseWithin)
	defer cancel()
	text, err := b.oneCase(ctx, id)
	var refused *control.Error
	switch {
	case errors.As(err, &refused):
		return "", fmt.Errorf("find case %q: %s", id, refused.Text)
	case err != nil:
		return "", fmt.Errorf("find case %q: the worker does not answer in time: %w", id, err)
	}
	return string(text), nil
}
