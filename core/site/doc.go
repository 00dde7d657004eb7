// Package site knows the place that Penstock watches: its zones and networks,
// its assets and all their names, what must never be a target, known scanners,
// and whom to call. Many names of one host resolve to one asset; a name that
// could be two is never guessed. The package reads no files, asks no network,
// and nothing in it changes after New.
package site
