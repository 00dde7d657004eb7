// Package sift decides of every event whether it is known or deviates. It looks
// at the mined template, the baseline, rates and counters and the signals file,
// and answers with evidence, or with none. It never decides how bad a case is
// (floor) nor what belongs together (cases), and no model has a say in it.
package sift
