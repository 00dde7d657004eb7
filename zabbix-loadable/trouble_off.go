//go:build !trouble

package main

// makeTrouble makes none: builds with the tag trouble, for tests, do.
func makeTrouble(string) {}
