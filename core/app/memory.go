package app

import "runtime/debug"

// Memory of a worker: Go may use as much as pays, and turns thrifty before a small
// machine runs out.
const (
	memoryGoal = 64 << 20
	gcPercent  = 50
)

// TuneMemory makes this process, which is a worker's, thrifty from its goal of memory
// on, or from so many bytes on where that is less.
func TuneMemory(most int64) {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(min(memoryGoal, most))
}
