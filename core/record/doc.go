// Package record turns a case, what the five stages said of it and what was
// decided into the one object that every sink gets: the log file, Zabbix, Wazuh,
// Elasticsearch. It is bounded, free of floats, and the same input always gives
// the same bytes. It also links records into a chain of hashes, so that a change
// or a gap shows. It writes no file and sends nothing; the envelope of a sink and
// its encoding for people are the sink's own.
//
// Everything stands under one key, penstock, because receivers mix documents of
// many authors: names there belong to others. No key is made of data, and no
// field changes its type, because the first document of a day fixes it.
package record
