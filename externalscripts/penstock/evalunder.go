package main

import (
	"context"
	"io"
	"strconv"
	"time"

	"penstock/core/app"
	"penstock/core/eval"
	"penstock/core/event"
	"penstock/core/logline"
	"penstock/core/pattern"
)

// evalMine is the miner under test: what `penstock mine` does.
func evalMine(ctx context.Context, lines []string, content bool) ([]eval.Group, error) {
	miner := pattern.New(mineBounds)
	ids := make([]uint64, len(lines))
	var header logline.Header
	for i, line := range lines {
		if !content {
			logline.Parse(line, &header)
			line = header.Message
		}
		ids[i] = miner.Learn("", line).ID
	}
	groups := make([]eval.Group, len(lines))
	for i, id := range ids {
		id = miner.Final(id)
		groups[i] = eval.Group{ID: strconv.FormatUint(id, 10), Template: miner.Template(id)}
	}
	return groups, ctx.Err()
}

// evalDecide returns the program under test: what `penstock analyze --decisions`
// does with a configuration, with a new engine for each part of the data.
func evalDecide(config string) eval.Decide {
	return func(ctx context.Context, _ string, events io.Reader, emit func(eval.Decision) error) error {
		engine, err := loadEngine(config, "")
		if err != nil {
			return err
		}
		in := app.Input{Stdin: events, Now: time.Now(), Source: engine.SourceOptions}
		_, err = in.EachEvent(ctx, func(ev *event.Event) error {
			o := engine.Handle(ev)
			return emit(eval.Decision{
				Seq: ev.Seq, Decision: o.Decision.String(), Case: o.Case,
				Severity: o.Severity, Class: o.Class.String(), Reasons: o.Reasons,
			})
		})
		return err
	}
}
