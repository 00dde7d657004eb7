// Package action is the list of things Penstock may do to a host, with their
// typed parameters: the catalogue, the order that names one of them, and the
// words for how an order ended. It decides nothing, carries nothing out and does
// no input or output; an entry that is not in the table here cannot be ordered.
package action
