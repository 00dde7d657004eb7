package cases

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/floor"
	"penstock/core/sift"
)

// maxEvidence bounds the distinct evidence of one case.
const maxEvidence = 60

// grow adds the event to the case and returns what is materially new about it,
// in machine words. No news means that it only attaches.
func (b *Book) grow(h *held, ev *event.Event, f sift.Finding) []string {
	var news []string
	say := func(is bool, word string) {
		if is {
			news = append(news, word)
		}
	}
	say(h.Revision == 0, "opened")
	grade := grade(f.Evidence)
	say(f.Fresh && (h.addMessage(Message{ev.Program, f.Template}) || hasKind(f.Evidence, sift.Returned)), "template-new-to-case")
	say(h.addTechniques(f.Evidence), "new-technique")
	say(h.addTargets(ev), "new-target")
	say(hasKind(f.Evidence, sift.SuccessAfter) && !hasKind(h.Evidence, sift.SuccessAfter), "first-success")
	changed := h.Revision == 0
	for _, e := range f.Evidence {
		changed = h.addEvidence(e) || changed
	}
	h.Events++
	h.Updated = later(h.Updated, ev.Time)
	h.noteMetric(ev, f.Evidence)
	h.addEntities(ev)
	if changed {
		higher, confirmed := b.raise(h)
		say(higher, "higher-floor")
		say(confirmed, "confirmed")
	}
	say(h.Owed && ev.Time.Sub(h.Hour) >= time.Hour, "held-back")
	say(h.Revision > 0 && h.Events >= 10*max(h.AtForward, 10), "tenfold")
	say(h.Revision > 0 && ev.Time.Sub(h.Forwarded) >= 24*time.Hour, "day-gone-by")
	instructs := hasKind(f.Evidence, sift.Instructing) || hasClass(f.Evidence, event.Instruction)
	say(h.Revision > 0 && instructs && !h.Instructs, "first-instruction") // from now on a model has no say
	h.Instructs = h.Instructs || instructs
	b.keepLine(h, ev, f, grade)
	return news
}

// mayForward keeps a case from being revised too often; a higher floor always is.
// Detectors' alerts have been sifted once already, so their novelty is not held
// to the narrower bound.
func (b *Book) mayForward(h *held, ev *event.Event, f sift.Finding, news []string) bool {
	if d := ev.Time.Sub(h.Hour); d >= time.Hour || h.Hour.IsZero() {
		h.Hour, h.Forwards = ev.Time, 0
	}
	limit := b.opts.ForwardsPerHour
	if ev.Name == "" && onlyNovelty(f.Evidence) {
		limit = b.opts.NoveltyPerHour
	}
	if h.Forwards >= limit && !unbounded(news, f.Evidence) {
		h.Owed = true
		return false
	}
	h.Forwards++
	return true
}

// unbounded says whether the news is of a kind that no bound holds back.
func unbounded(news []string, evidence []sift.Evidence) bool {
	return slices.ContainsFunc(news, func(word string) bool {
		return word == "higher-floor" || word == "confirmed" || word == "first-success" || word == "first-instruction" ||
			word == "new-technique" && grade(evidence) >= event.High
	})
}

func onlyNovelty(evidence []sift.Evidence) bool {
	return !slices.ContainsFunc(evidence, func(e sift.Evidence) bool { return e.Class != event.Novelty })
}

// raise computes the floor anew, never lowers it, and says whether it is higher
// and whether it is confirmed now and was not before.
func (b *Book) raise(h *held) (higher, confirmed bool) {
	asset, _ := b.site.Resolve(h.Asset, netip.Addr{})
	asset.Zone = h.Zone
	result := b.severity(h, asset)
	h.Class = gravestClass(h.Evidence)
	before := h.Confirmed
	if result.Severity >= h.Floor {
		h.Confirmed = result.Confirmed || h.Confirmed && result.Severity == h.Floor
	}
	higher = result.Severity > h.Floor && h.Revision > 0
	h.Floor = floor.Raise(h.Floor, result.Severity)
	return higher, h.Confirmed && !before && h.Revision > 0
}

func (h *held) addMessage(m Message) bool {
	if h.Messages[m] || len(h.Messages) >= maxMessages {
		return false
	}
	m.Program = strings.Clone(m.Program)
	h.Messages[m] = true
	return true
}

func (h *held) addTechniques(evidence []sift.Evidence) (news bool) {
	for _, e := range evidence {
		if e.Technique == "" || len(h.Techniques) >= MaxEntities {
			continue
		}
		if at, found := slices.BinarySearch(h.Techniques, e.Technique); !found {
			h.Techniques = slices.Insert(h.Techniques, at, strings.Clone(e.Technique))
			news = true
		}
	}
	return news
}

func (h *held) addTargets(ev *event.Event) bool {
	f, ok := ev.Field(event.KeyTarget)
	if !ok || f.Value == ev.Host {
		return false
	}
	return count(&h.Targets, f)
}

func (h *held) addEntities(ev *event.Event) {
	for _, f := range ev.Fields {
		switch f.Key {
		case event.KeyPeer:
			count(&h.Peers, f)
		case event.KeyUser, event.KeyByUser:
			count(&h.Users, f)
		}
	}
	if ev.Program != "" {
		count(&h.Programs, event.Field{Value: ev.Program, Origin: ev.HostOrigin})
	}
}

// count adds one to the entity and says whether it is new. The list stays
// sorted by count, largest first.
func count(list *[]Entity, f event.Field) bool {
	i := indexOf(*list, f)
	if i < 0 && len(*list) > 0 {
		f.Value = safe(f.Value) // it is listed as it was made safe
		i = indexOf(*list, f)
	}
	if i < 0 {
		if len(*list) >= MaxEntities {
			return false
		}
		*list = append(*list, Entity{Value: safe(f.Value), Origin: f.Origin, Count: 1})
		return true
	}
	(*list)[i].Count++
	for ; i > 0 && (*list)[i-1].Count < (*list)[i].Count; i-- {
		(*list)[i-1], (*list)[i] = (*list)[i], (*list)[i-1]
	}
	return false
}

func indexOf(list []Entity, f event.Field) int {
	return slices.IndexFunc(list, func(e Entity) bool { return e.Value == f.Value && e.Origin == f.Origin })
}

// addEvidence keeps one of each distinct piece of evidence, with its highest
// count, gravest first. It says whether the floor may be another one now.
func (h *held) addEvidence(e sift.Evidence) (changed bool) {
	if found, changed := h.again(e); found {
		return changed
	}
	if len(h.Evidence) >= maxEvidence && h.Evidence[len(h.Evidence)-1].Severity >= e.Severity {
		return false
	}
	e.Signal, e.Technique, e.Subject = strings.Clone(e.Signal), strings.Clone(e.Technique), safe(e.Subject)
	if found, changed := h.again(e); found { // it is listed as it was made safe
		return changed
	}
	at := len(h.Evidence)
	for at > 0 && h.Evidence[at-1].Severity < e.Severity {
		at--
	}
	h.Evidence = slices.Insert(h.Evidence, at, e)
	h.Evidence = h.Evidence[:min(len(h.Evidence), maxEvidence)]
	return true
}

// again counts evidence that the case holds already.
func (h *held) again(e sift.Evidence) (found, changed bool) {
	for i := range h.Evidence {
		k := &h.Evidence[i]
		if k.Kind == e.Kind && k.Class == e.Class && k.Severity == e.Severity && k.Signal == e.Signal && k.Subject == e.Subject && k.Distinct == e.Distinct {
			changed = e.Confirmed && !k.Confirmed || k.Expected && !e.Expected
			k.Count = max(k.Count, e.Count)
			k.Expected = k.Expected && e.Expected
			k.Confirmed = k.Confirmed || e.Confirmed
			return true, changed
		}
	}
	return false, false
}

func grade(evidence []sift.Evidence) event.Severity {
	worst := event.None
	for _, e := range evidence {
		worst = max(worst, e.Severity)
	}
	return worst
}

// gravestClass returns the class of the gravest evidence. Of several the one that
// says most: text that tries to instruct must not hide what happened beside it,
// or it would hold back what is done about that. Nor must what the host measures.
func gravestClass(evidence []sift.Evidence) event.Class {
	if len(evidence) == 0 {
		return event.ClassNone
	}
	best := evidence[0]
	for _, e := range evidence {
		switch {
		case e.Kind.IsMetric() != best.Kind.IsMetric():
			if best.Kind.IsMetric() {
				best = e
			}
		case e.Severity > best.Severity || e.Severity == best.Severity && says(e.Class) > says(best.Class):
			best = e
		}
	}
	return best.Class
}

func says(c event.Class) int {
	switch c {
	case event.Novelty:
		return 0
	case event.Instruction:
		return 1
	}
	return 2
}

func hasKind(evidence []sift.Evidence, k sift.Kind) bool {
	return slices.ContainsFunc(evidence, func(e sift.Evidence) bool { return e.Kind == k })
}

func hasClass(evidence []sift.Evidence, c event.Class) bool {
	return slices.ContainsFunc(evidence, func(e sift.Evidence) bool { return e.Class == c })
}

// words returns the evidence as machine words, for instance signal:login.failed.
func words(evidence []sift.Evidence) []string {
	list := make([]string, len(evidence))
	for i, e := range evidence {
		list[i] = e.Kind.String()
		if e.Signal != "" {
			list[i] += ":" + e.Signal
		}
	}
	return list
}
