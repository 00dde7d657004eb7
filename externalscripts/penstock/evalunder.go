package main

import (
	"context"
	"io"
	"time"

	"penstock/core/app"
	"penstock/core/eval"
	"penstock/core/event"
)

// evalMine returns the miner under test, or nil where the build has none.
func evalMine() eval.Mine { return nil }

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
