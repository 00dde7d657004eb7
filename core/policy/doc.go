// Package policy decides what is done about a case, and is the only place where
// orders come from. Nine rules stand between a case and an order; each has its
// own file, rule1_severity.go to rule9_approval.go, and tests named after what
// it prevents. Nothing a model or the author of a log line wrote can move them.
//
// The package is pure: it reads no clock, file or network, keeps no state
// between calls and carries nothing out. A Policy does not change after New and
// is safe for use by several goroutines at the same time.
package policy
