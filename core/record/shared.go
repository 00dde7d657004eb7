package record

import (
	"fmt"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
)

// Problem is how people meet a case.
type Problem string

const (
	ProblemOwn    Problem = "own"    // a problem of its own
	ProblemShared Problem = "shared" // one of those that are told together
)

// Shared returns the record that stands for all cases told together: how many
// there are and how grave the worst is. None are left means that it is closed.
func Shared(id string, revision, count int, worst event.Severity, now time.Time) Record {
	r := Record{
		Version: Version, Case: text(id, maxWord), Revision: revision, Status: cases.Open.String(),
		Severity: worst, Level: int(worst), Floor: worst, Events: int64(max(count, 0)), Updated: instant(now),
		Summary: fmt.Sprintf("%d more cases, the worst %s", count, worst), Problem: ProblemOwn,
	}
	if count == 0 {
		r.Status = cases.Closed.String()
	}
	return r
}
