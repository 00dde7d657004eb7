package cases

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/floor"
	"penstock/core/sift"
)

// maxFields bounds the fields that one line keeps.
const maxFields = 32

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
	for _, e := range f.Evidence {
		h.addEvidence(e)
	}
	h.Events++
	h.Updated = later(h.Updated, ev.Time)
	h.addEntities(ev)
	say(b.raise(h), "higher-floor")
	say(h.Revision > 0 && h.Events >= 10*max(h.AtForward, 10), "tenfold")
	say(h.Revision > 0 && ev.Time.Sub(h.Forwarded) >= 24*time.Hour, "day-gone-by")
	h.Instructs = h.Instructs || hasKind(f.Evidence, sift.Instructing) || hasClass(f.Evidence, event.Instruction)
	h.keepLine(ev, f, b.text(f.Template), grade)
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
	if h.Forwards >= limit && !slices.Contains(news, "higher-floor") {
		return false
	}
	h.Forwards++
	return true
}

func onlyNovelty(evidence []sift.Evidence) bool {
	return !slices.ContainsFunc(evidence, func(e sift.Evidence) bool { return e.Class != event.Novelty })
}

// raise computes the floor anew and never lowers it.
func (b *Book) raise(h *held) bool {
	asset, _ := b.site.Resolve(h.Asset, netip.Addr{})
	asset.Zone = h.Zone
	result := b.severity(h, asset)
	h.Class = gravestClass(h.Evidence)
	if result.Severity >= h.Floor {
		h.Confirmed = result.Confirmed || h.Confirmed && result.Severity == h.Floor
	}
	higher := result.Severity > h.Floor && h.Revision > 0
	h.Floor = floor.Raise(h.Floor, result.Severity)
	return higher
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
	i := slices.IndexFunc(*list, func(e Entity) bool { return e.Value == f.Value && e.Origin == f.Origin })
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

// addEvidence keeps one of each distinct piece of evidence, with its highest
// count, gravest first.
func (h *held) addEvidence(e sift.Evidence) {
	for i := range h.Evidence {
		k := &h.Evidence[i]
		if k.Kind == e.Kind && k.Signal == e.Signal && k.Class == e.Class && k.Severity == e.Severity && k.Subject == e.Subject {
			k.Count = max(k.Count, e.Count)
			k.Confirmed = k.Confirmed || e.Confirmed
			return
		}
	}
	if len(h.Evidence) >= maxEvidence && h.Evidence[len(h.Evidence)-1].Severity >= e.Severity {
		return
	}
	e.Signal, e.Technique = strings.Clone(e.Signal), strings.Clone(e.Technique)
	e.Subject = safe(e.Subject)
	h.Evidence = append(h.Evidence, e)
	slices.SortStableFunc(h.Evidence, func(a, b sift.Evidence) int { return -cmp.Compare(a.Severity, b.Severity) })
	h.Evidence = h.Evidence[:min(len(h.Evidence), maxEvidence)]
}

// keepLine captures the event as a numbered line. When there is no room left, a
// graver line takes the place of the least grave, newest one.
func (h *held) keepLine(ev *event.Event, f sift.Finding, template string, grade event.Severity) {
	if len(h.Lines) < MaxLines {
		h.Lines = append(h.Lines, capture(ev, f, template, len(h.Lines)+1))
		h.LineGrades = append(h.LineGrades, grade)
		return
	}
	least := 0
	for i, g := range h.LineGrades {
		if g <= h.LineGrades[least] {
			least = i
		}
	}
	if grade > h.LineGrades[least] {
		h.Lines[least] = capture(ev, f, template, least+1)
		h.LineGrades[least] = grade
	}
}

// capture makes a line of an event: the only place where log text enters a
// case, and so the place where secrets and control characters leave it.
func capture(ev *event.Event, f sift.Finding, template string, number int) Line {
	text := ev.Raw
	if text == "" {
		text = ev.Message
	}
	l := Line{
		Number: number, Seq: ev.Seq, Time: ev.Time, Trust: ev.Trust,
		Host: safe(ev.Host), Source: safe(ev.Source), Program: safe(ev.Program), Name: safe(ev.Name),
		Text: safe(text), Template: safe(template), Evidence: slices.Clone(f.Evidence),
	}
	for i := range l.Evidence {
		e := &l.Evidence[i]
		e.Signal, e.Technique, e.Subject = strings.Clone(e.Signal), strings.Clone(e.Technique), safe(e.Subject)
	}
	for _, field := range ev.Fields[:min(len(ev.Fields), maxFields)] {
		l.Fields = append(l.Fields, event.Field{Key: safe(field.Key), Value: safe(field.Value), Origin: field.Origin})
	}
	return l
}

// safe returns a copy without secrets and control characters, cut to MaxLineText.
// What lies far beyond the cut is not looked at.
func safe(text string) string {
	return strings.Clone(Clean(MaskSecrets(text[:min(len(text), 4*MaxLineText)]), MaxLineText))
}

func grade(evidence []sift.Evidence) event.Severity {
	worst := event.None
	for _, e := range evidence {
		worst = max(worst, e.Severity)
	}
	return worst
}

func gravestClass(evidence []sift.Evidence) event.Class {
	if len(evidence) == 0 {
		return event.ClassNone
	}
	best := evidence[0]
	for _, e := range evidence {
		if e.Severity > best.Severity || e.Severity == best.Severity && best.Class == event.Novelty && e.Class != event.Novelty {
			best = e
		}
	}
	return best.Class
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
