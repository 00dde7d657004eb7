// Package logfile is the record sink that needs nobody else: files of JSON lines,
// each linked to the one before by its hash (record.Chain), so that a record that
// was changed, moved, added or taken out shows, and, to whoever knows a head that
// was published, also an end that was cut off. It decides nothing and sends nothing;
// it never changes a line that was synced.
//
// In its folder are
//
//	records-NUMBER.jsonl   a segment; NUMBER is the chain number of its first record
//	checkpoints            a line for each segment that is finished: where the chain
//	                       stood before and behind it
//
// A segment is finished before the next one begins, and its line is on the disk by
// then. Retention removes the oldest finished segments; their lines stay, so that
// what is left can be verified.
package logfile
