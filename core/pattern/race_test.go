//go:build race

package pattern

// racing says that the race detector is on, which makes long tests ten times longer.
const racing = true
