// Package spool keeps what was handed over and has no file of its own (dropped
// files, standard input) until it was worked on: append-only segment files, one
// lane for each severity, one fsync for each batch. A batch is stored wholly or not
// at all, and what Append acknowledged is read back once and in order, also after a
// power cut. It is bounded by size and age: what is least severe is given up first,
// and every record that is missing is counted. It parses no record, sends nothing
// and starts no goroutine; at most one Spool may use a folder at a time, which its
// owner sees to.
//
// The files are named LANE-NUMBER.seg. A lane numbers its records from 1 on, and
// NUMBER is the number of the file's first record, so that whatever is missing
// between two files is known to the record. A lane that ever had a record keeps at
// least one file, if only an empty one, because its name carries the numbering on.
package spool
