//go:build !race && !live

package sift

// flood is the number of lines in tests of a flood. `make test` runs the full
// number as well.
const flood = 250_000
