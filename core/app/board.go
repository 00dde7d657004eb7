package app

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/core/event"
	"penstock/core/store"
)

// Kinds of notices. One that stands is told once, and once more when it is over.
const (
	NoticeStore    = "store"    // what was found cannot be stored
	NoticeIntake   = "intake"   // a source cannot be read, or lines of it are missing
	NoticeSilence  = "silence"  // a source says nothing any more
	NoticeOverload = "overload" // more comes than can be worked or kept
	NoticeOrder    = "order"    // nobody can say what became of an order
	NoticeStopped  = "stopped"  // nothing starts by itself
	NoticeStart    = "start"
	NoticeLabel    = "label"
	NoticeModel    = "model" // the model does not answer, or is not the one it should be
)

// maxNotices is how many notices memory keeps.
const maxNotices = 200

// board keeps what a person should know of the worker itself: in memory, so that
// it can be told while nothing can be stored, and in the store where that works.
// It may be used by several goroutines at the same time.
type board struct {
	log   *slog.Logger
	now   func() time.Time
	store *store.Store // nil before it is open

	mu       sync.Mutex
	recent   []store.Notice // oldest first
	unstored []store.Notice
	standing map[string]store.Notice // by kind and subject: told and not over
}

func newBoard(log *slog.Logger, now func() time.Time) *board {
	return &board{log: log, now: now, standing: map[string]store.Notice{}}
}

// Tell notes something that happened.
func (b *board) Tell(severity event.Severity, kind, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell(store.Notice{At: b.now(), Severity: severity, Kind: kind, Text: inOneLine(text)})
}

// inOneLine joins the lines that errors.Join makes: a notice is one line.
func inOneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// Stand notes a state that lasts: it is told when it begins, not while it lasts.
func (b *board) Stand(severity event.Severity, kind, subject, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key, text := kind+" "+subject, inOneLine(text)
	if old, ok := b.standing[key]; ok {
		old.Text = text
		b.standing[key] = old
		return
	}
	n := store.Notice{At: b.now(), Severity: severity, Kind: kind, Text: text}
	b.standing[key] = n
	b.tell(n)
}

// Over ends what Stand began, and tells so where it had begun.
func (b *board) Over(kind, subject, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := kind + " " + subject
	if _, ok := b.standing[key]; !ok {
		return
	}
	delete(b.standing, key)
	b.tell(store.Notice{At: b.now(), Severity: event.Low, Kind: kind, Text: text})
}

func (b *board) tell(n store.Notice) {
	level := slog.LevelInfo
	switch {
	case n.Severity >= event.High:
		level = slog.LevelError
	case n.Severity >= event.Medium:
		level = slog.LevelWarn
	}
	b.log.Log(context.Background(), level, "notice", "severity", n.Severity.String(), "kind", n.Kind, "text", n.Text)
	b.recent = append(b.recent, n)
	if len(b.recent) > maxNotices {
		b.recent = b.recent[len(b.recent)-maxNotices:]
	}
	b.unstored = append(b.unstored, n)
	if len(b.unstored) > maxNotices {
		b.unstored = b.unstored[len(b.unstored)-maxNotices:]
	}
}

// Flush stores what is only in memory, as far as that works now.
func (b *board) Flush(ctx context.Context) {
	b.mu.Lock()
	waiting := b.unstored
	b.unstored = nil
	b.mu.Unlock()
	for i, n := range waiting {
		if err := b.store.AddNotice(ctx, n); err != nil {
			b.mu.Lock()
			b.unstored = append(slices.Clone(waiting[i:]), b.unstored...)
			b.mu.Unlock()
			return // what keeps it from being stored is told where it stops more than this
		}
	}
}

// Recent returns the newest notices first, and those that stand.
func (b *board) Recent() (recent, standing []store.Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	recent = slices.Clone(b.recent)
	slices.Reverse(recent)
	for _, n := range b.standing {
		standing = append(standing, n)
	}
	slices.SortFunc(standing, func(x, y store.Notice) int {
		if x.Severity != y.Severity {
			return int(y.Severity) - int(x.Severity)
		}
		return x.At.Compare(y.At)
	})
	return recent, standing
}
