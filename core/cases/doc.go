// Package cases gathers events that belong together, decides which of them a
// person or a model needs to look at (forward) and which only add to what is
// open (attach), and keeps the life of a case. It never lowers a severity and
// keeps no event it was not given evidence for.
package cases
