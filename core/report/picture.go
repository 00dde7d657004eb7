package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/pipeline"
)

// Measures of the timeline's picture, in its own units.
const (
	pictureWidth = 960
	left, right  = 44, 12
	caseTop      = 30  // first lane
	laneHeight   = 24  // one case: its number can be read on a phone, at a third of the size
	maxLanes     = 12  // cases drawn, gravest first
	stackHeight  = 110 // events of cases, by severity
	allHeight    = 52  // all events
	gap          = 36
)

// picture is the timeline as the template draws it.
type picture struct {
	Width, Height      int
	Left, Right        int
	StackTop, StackEnd int
	AllTop, AllEnd     int
	Lanes              []lane
	Cases              int // all there are; Lanes draws the gravest
	Bars               []bar
	All                string // path of the area of all events
	Ticks              []tick
	StackMax, AllMax   int // highest value, in events per bucket
	Step               string
}

// lane is one case, drawn from its first to its last event.
type lane struct {
	N, X, Y, W int
	Severity   event.Severity
	LabelX     int // -1 puts the label to the left of the bar
	Anchor     string
	Inside     bool // the label stands in the bar
	Name       string
}

// bar is the events of one severity in one bucket.
type bar struct {
	X, Y, W, H float64
	Severity   event.Severity
	Title      string
}

// tick is one mark on the time axis.
type tick struct {
	X    float64
	Text string
}

// newPicture draws the timeline, or returns nil where there is nothing to draw.
func newPicture(in *Input, shown []shownCase) *picture {
	if in.Timeline == nil || len(in.Timeline.Buckets()) == 0 {
		return nil
	}
	p := &picture{Width: pictureWidth, Left: left, Right: pictureWidth - right, Cases: len(in.Cases)}
	lanes := min(maxLanes, len(shown))
	p.StackTop = caseTop + lanes*laneHeight + gap
	p.StackEnd = p.StackTop + stackHeight
	p.AllTop = p.StackEnd + gap
	p.AllEnd = p.AllTop + allHeight
	p.Height = p.AllEnd + 26

	a := newAxis(in)
	p.lanes(shown[:lanes], a)
	p.stack(in, a)
	p.area(in, a)
	p.Ticks = a.ticks(in.Location)
	p.Step = stepWords(in.Timeline.Width())
	return p
}

// axis turns times into horizontal positions.
type axis struct {
	from  time.Time
	span  time.Duration
	slots int
}

func newAxis(in *Input) axis {
	buckets := in.Timeline.Buckets()
	return axis{
		from:  buckets[0].Start,
		span:  in.Timeline.Width() * time.Duration(len(buckets)),
		slots: len(buckets),
	}
}

func (a axis) x(t time.Time) float64 {
	part := float64(t.Sub(a.from)) / float64(a.span)
	return left + min(1, max(0, part))*(pictureWidth-left-right)
}

// width returns the width of one bucket.
func (a axis) width() float64 { return float64(pictureWidth-left-right) / float64(a.slots) }

// ticks returns about seven marks at round times.
func (a axis) ticks(place *time.Location) []tick {
	if place == nil {
		place = time.UTC
	}
	step, layout := tickStep(a.span)
	start := a.from.In(place)
	day := time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, place)
	var ticks []tick
	for t := day.Add(start.Sub(day).Truncate(step)); t.Before(a.from.Add(a.span)) && len(ticks) < 30; t = t.Add(step) {
		if x := a.x(t); !t.Before(a.from) && x < pictureWidth-right-30 {
			ticks = append(ticks, tick{X: x, Text: t.Format(layout)})
		}
	}
	return ticks
}

// tickStep returns the distance of the marks and how they are written.
func tickStep(span time.Duration) (time.Duration, string) {
	const day = 24 * time.Hour
	for _, s := range []time.Duration{time.Second, 5 * time.Second, 15 * time.Second} {
		if span/s <= 9 {
			return s, "15:04:05"
		}
	}
	for _, s := range []time.Duration{
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour,
	} {
		if span/s <= 9 {
			return s, "15:04"
		}
	}
	for _, s := range []time.Duration{12 * time.Hour, day, 2 * day, 7 * day, 14 * day, 30 * day, 91 * day} {
		if span/s <= 9 {
			return s, "01-02 15:04"
		}
	}
	return max(365*day, (span / 8).Truncate(day)), "2006-01-02"
}

// lanes draws one line for each of the gravest cases.
func (p *picture) lanes(shown []shownCase, a axis) {
	for i, c := range shown {
		x := a.x(c.Case.Opened)
		w := max(8, a.x(c.Case.Updated)-x)
		l := lane{
			N: c.N, X: int(x), Y: caseTop + i*laneHeight, W: int(w), Severity: c.Severity,
			Anchor: fmt.Sprintf("#case-%d", c.N), LabelX: int(x+w) + 6, Name: cut(c.Case.Asset, 30),
		}
		if l.X+l.W > pictureWidth*2/3 {
			l.LabelX, l.Inside = -1, l.X < pictureWidth/4
		}
		p.Lanes = append(p.Lanes, l)
	}
}

// stack draws the events of cases, the gravest at the foot. Heights go by the
// square root, so that one grave event stays visible beside a thousand.
func (p *picture) stack(in *Input, a axis) {
	buckets := in.Timeline.Buckets()
	for _, b := range buckets {
		p.StackMax = max(p.StackMax, b.handed())
	}
	for i, b := range buckets {
		total := b.handed()
		if total == 0 {
			continue
		}
		height := math.Sqrt(float64(total)/float64(p.StackMax)) * stackHeight
		y := float64(p.StackEnd)
		for s := event.Critical; ; s-- {
			if n := b.Handed[s]; n > 0 {
				h := max(1.5, height*float64(n)/float64(total))
				y -= h
				p.Bars = append(p.Bars, bar{
					X: left + float64(i)*a.width(), Y: y, W: max(1.2, a.width()-0.8), H: h, Severity: s,
					Title: fmt.Sprintf("%s  %s: %s", clock(b.Start, in.Location), pipeline.SeverityWord(s, in.Language), number(n, in.Language)),
				})
			}
			if s == event.None {
				break
			}
		}
	}
}

// area draws all events as one shape, by the square root as well.
func (p *picture) area(in *Input, a axis) {
	buckets := in.Timeline.Buckets()
	for _, b := range buckets {
		p.AllMax = max(p.AllMax, b.all())
	}
	var path strings.Builder
	fmt.Fprintf(&path, "M%d %d", left, p.AllEnd)
	for i, b := range buckets {
		y := float64(p.AllEnd)
		if p.AllMax > 0 {
			y -= math.Sqrt(float64(b.all())/float64(p.AllMax)) * allHeight
		}
		x := left + float64(i)*a.width()
		fmt.Fprintf(&path, "L%.1f %.1fL%.1f %.1f", x, y, x+a.width(), y)
	}
	fmt.Fprintf(&path, "L%d %dZ", pictureWidth-right, p.AllEnd)
	p.All = path.String()
}

// handed returns the events of all cases.
func (b *Bucket) handed() int {
	n := 0
	for _, h := range b.Handed {
		n += h
	}
	return n
}

func (b *Bucket) all() int { return b.Suppressed + b.handed() }

// stepWords returns a bucket's width in short.
func stepWords(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("≈ %d h", int(math.Round(d.Hours())))
	case d >= time.Minute:
		return fmt.Sprintf("≈ %d min", int(math.Round(d.Minutes())))
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}
