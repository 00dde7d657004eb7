//go:build race && !live

package pattern

const flood = 50_000
