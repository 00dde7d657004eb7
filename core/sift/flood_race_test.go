//go:build race && !live

package sift

const flood = 50_000
