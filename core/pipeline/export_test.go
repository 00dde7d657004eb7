package pipeline

import "maps"

// Texts returns every text of the package that is not in the playbook, by a
// name for messages.
func Texts() map[string]Text {
	all := map[string]Text{}
	addTable(all, "class", classTexts[:])
	addTable(all, "severity", severityTexts[:])
	addTable(all, "zone", zoneTexts[:])
	addTable(all, "role", roleTexts[1:])
	addTable(all, "reason", reasonTexts[1:])
	maps.Copy(all, actionTexts)
	addTable(all, "phrase", []Text{
		byAddress, byUser, byProgram, byOther, claimed, quoted, noHost, noProgram, moreOf,
		floorReason, effectShown, noEffect, peerObserved, weakSource, severalKinds, modelSilenced,
		headlineText, factOnce, factSpan, factPeers, factUsers, factPrograms, factTargets,
		sureText, sureWeak, sureLikely, sureStrong, carriesPlant, testHost, safeAddress, knownScanner,
		callProcess, callNobody, distinctOther, unnamedMeans, unnamedStep,
	})
	for field, t := range distinctTexts {
		all["distinct "+field] = t
	}
	counts := []Counted{failedLogins, eventCount, failureCount, secondCount, minuteCount, hourCount, dayCount}
	for _, c := range classCounts {
		counts = append(counts, c)
	}
	for _, c := range counts {
		all["one of "+c.Many.EN], all["many of "+c.Many.EN] = c.One, c.Many
	}
	return all
}

func addTable(all map[string]Text, name string, table []Text) {
	for i, t := range table {
		all[name+" "+decimal(i)] = t
	}
}

// For tests of the small functions.
var (
	Clean        = clean
	Fill         = func(text string, v map[string]string) string { return fill(text, v) }
	Span         = span
	Grouped      = Number
	Score        = score
	ValidHost    = validHost
	ValidProgram = validProgram
	ValidFile    = validFile
	ValidUser    = validUser
)

// KindScores and ReasonKinds are the lengths of the tables indexed by sift.Kind.
var KindScores, ReasonKinds = len(kindScores), len(reasonTexts)

// Quote is what stands of an outside text in a prompt.
var Quote = quote

// Prose is what is left of a model's text in a case of that host and these handles.
func Prose(text string, limit int, host string, handles ...string) string {
	return (&talk{host: host, handles: handles}).prose(text, limit)
}
