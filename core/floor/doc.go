// Package floor says how bad a case is by rules and site alone: the severity
// below which nothing may put it. It is pure: the same evidence, asset and facts
// give the same result, the order of the evidence means nothing, and more
// evidence never gives less. It knows no model, keeps nothing and decides no
// response.
package floor
