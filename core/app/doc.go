// Package app joins the parts: it reads inputs, drives events through decode,
// sift and cases, and cases through pipeline and policy. It makes no judgement
// of its own; what it decides is order, bounds and when to stop.
package app
