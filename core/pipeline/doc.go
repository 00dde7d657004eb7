// Package pipeline works one case through the five stages: extract, detect,
// assess, solve, advise. Every stage has an answer that rules give without any
// model. It decides nothing and starts nothing: policy reads its report.
package pipeline
