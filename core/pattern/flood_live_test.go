//go:build live

package pattern

const flood = 1_000_000
