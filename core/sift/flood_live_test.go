//go:build live

package sift

const flood = 1_000_000
