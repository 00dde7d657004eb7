// Package pattern groups log messages by the constant part they share, their
// template, while they stream past. It masks variables in one pass, keeps its
// memory within fixed bounds for each scope, and can be written to a snapshot
// and read back without any later message getting another group.
//
// It is not for header recognition (that is logline), and says nothing about
// whether a message is good or bad. It never keeps a message, holds no clock and
// uses no randomness: the same input gives the same groups.
package pattern
