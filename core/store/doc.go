// Package store keeps what the worker must not lose: how far each source is
// read, the cases, the records and orders that follow from them, and what still
// waits to be handed to a sink. It is one SQLite database in the state directory,
// the files of the sift state beside it, and a lock, so that one worker has a
// state directory to itself.
//
// What it writes belongs to one of a few transactions, each whole or not at all:
// T1 (SaveBatch), T2 and T3 (Commit), T4 (MarkSent, EndOrder), T5 (Acknowledge)
// and the snapshot. Each may be repeated after an error of which nobody knows
// whether it came before or after the commit, and has its effect once.
//
// It is made for SD cards: T1 writes one page of 4 KiB when nothing but counts
// and cursors changed, texts are compressed, and those that did not change are
// not written again. It judges nothing, sends nothing and never deletes an open
// case, a waiting revision or an order in force.
package store
