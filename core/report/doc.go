// Package report shows what Penstock found to people: a table and one case in
// full for the terminal, a self-contained HTML file, plain mail and CSV. Each
// of these sinks has one encoder in encode.go, through which every text that
// came from outside passes. The package makes no judgement and reads nothing
// but its input, and its output holds no script and refers to nothing outside.
package report
