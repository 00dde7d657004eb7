package main

import (
	"errors"
	"io/fs"
	"time"

	"penstock/core/app"
	"penstock/core/control"
)

// view is what is known of the worker at one moment.
type view struct {
	now    time.Time
	have   bool // the worker has answered at least once
	at     time.Time
	glance app.Glance
	fault  error // of the last try to ask it
	socket string
	broken error // what is wrong with the plugin's options
	mode   mode
	kept   kept
}

// items returns what items are made of. Where no worker is there are no counts
// either: what it said before is not how things are.
func (v view) items() app.Items {
	i := v.known()
	i.Problem, i.Misconfigured = v.why()
	if v.gone() {
		i.Glance = nil
	}
	return i
}

// known is items of what the worker said last, whatever became of it since.
func (v view) known() app.Items {
	i := app.Items{Keeper: app.KeeperItem{
		Mode: string(v.mode), Deaths: v.kept.Deaths, LastDeath: v.kept.LastDeath,
	}}
	if v.have {
		i.Glance, i.Age = &v.glance, v.now.Sub(v.at)
	}
	if v.mode == modeChild && v.kept.Running || v.mode != modeChild && v.have && !v.gone() {
		i.Keeper.Running = 1
	}
	if !v.kept.DiedAt.IsZero() {
		i.Keeper.LastSeconds = max(0, int64(v.now.Sub(v.kept.DiedAt)/time.Second))
	}
	return i
}

// recent says whether what is known is of now. Of a worker that is gone nothing is.
func (v view) recent() bool {
	return !v.gone() && v.now.Sub(v.at) <= app.StaleAfter
}

// gone tells a worker that is not there, or does not let itself be asked, from one
// that is slow.
func (v view) gone() bool {
	var refused *control.Error
	return v.broken != nil || !v.have || v.mode == modeChild && !v.kept.Running ||
		errors.Is(v.fault, control.ErrNotRunning) || errors.Is(v.fault, fs.ErrPermission) || errors.As(v.fault, &refused)
}

// why says what is wrong, or "", and whether a configuration is at fault.
func (v view) why() (problem string, misconfigured bool) {
	var config *configError
	switch {
	case v.broken != nil:
		return v.broken.Error(), true
	case v.mode == modeChild && !v.kept.Running:
		return v.kept.Problem, v.kept.Misconfigured
	case v.mode == modeChild && !v.have && errors.Is(v.fault, control.ErrNotRunning):
		return "the worker is starting", false
	case errors.As(v.fault, &config):
		return config.Error(), true
	case v.fault != nil:
		return problemOf(v.fault, v.socket), false
	case !v.have:
		return "the worker has not answered yet", false
	}
	return "", false
}

// silent says why there is no answer that is of now.
func (v view) silent() string {
	_, problem := v.items().State()
	return problem
}
