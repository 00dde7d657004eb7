package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/notify"
	"penstock/core/record"
	"penstock/core/zabbix"
)

// keyAlarms is under what the store keeps which Critical cases are known since when,
// and when people were told of them past Zabbix.
const keyAlarms = "alarms"

// alarmEvery is how often Critical cases are looked at.
const alarmEvery = 15 * time.Second

// NoticeAlarm is the kind of notices about people who were told past Zabbix.
const NoticeAlarm = "alarm"

// alarmOf is what is known of one Critical case.
type alarmOf struct {
	Since time.Time `json:"since"`
	Told  time.Time `json:"told"`
}

// alarm is the loop that tells people past Zabbix of Critical cases that nobody who
// may has acknowledged (SAFETY C5): Zabbix may be away, silenced, or not looked at.
func (w *Worker) alarm(ctx context.Context) {
	ticker := time.NewTicker(alarmEvery)
	defer ticker.Stop()
	for {
		err := w.alarmOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.board.Stand(event.High, NoticeAlarm, "", fmt.Sprintf("people cannot be told of Critical cases: %v", err))
		default:
			w.board.Over(NoticeAlarm, "", "people can be told of Critical cases again")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// alarmsPer is how many cases people are told of in one round, each with its own
// deadlines: the next round goes on.
const alarmsPer = 5

// alarmOnce tells what is due. What was told is known in memory too, so that a disk
// on which nothing can be stored neither keeps people from being told nor repeats it.
func (w *Worker) alarmOnce(ctx context.Context) error {
	w.alarming.Lock()
	defer w.alarming.Unlock()
	if w.alarms == nil {
		if err := w.loadAlarms(ctx); err != nil {
			return err
		}
	}
	critical, err := w.criticalCases(ctx)
	if err != nil {
		return err
	}
	open := map[string]bool{}
	var failed []error
	tries := 0
	for i := range critical {
		r := &critical[i]
		open[r.Case] = true
		a, known := w.alarms[r.Case]
		if !known || a.Since.After(w.now()) {
			a = alarmOf{Since: w.now()}
		}
		if tries < alarmsPer && w.isAlarmDue(a, r.Case) {
			tries++
			var partly *notify.Error
			err := w.tellPeople(ctx, r, a)
			failed = append(failed, err)
			if err == nil || errors.As(err, &partly) && partly.Told {
				a.Told = w.now()
			}
		}
		w.alarms[r.Case] = a
	}
	maps.DeleteFunc(w.alarms, func(id string, _ alarmOf) bool { return !open[id] })
	return errors.Join(append(failed, w.keepAlarms(ctx))...)
}

// loadAlarms reads what is known. What cannot be read is told again rather than never.
func (w *Worker) loadAlarms(ctx context.Context) error {
	text, _, err := w.store.Meta(ctx, keyAlarms)
	if err != nil {
		return err
	}
	w.alarms = map[string]alarmOf{}
	w.alarmsKept = text
	if err := json.Unmarshal([]byte(text), &w.alarms); text != "" && err != nil {
		w.board.Tell(event.Medium, NoticeAlarm, fmt.Sprintf("which alarms were given cannot be read, and they are given again: %v", err))
		w.alarms = map[string]alarmOf{}
	}
	return nil
}

// isAlarmDue says whether people are to be told of a case now.
func (w *Worker) isAlarmDue(a alarmOf, id string) bool {
	o, now := &w.o.Config.Notify, w.now()
	if w.publisher.acknowledgedBy(id) != "" || now.Sub(a.Since) < o.After {
		return false
	}
	return a.Told.IsZero() || o.Repeat > 0 && now.Sub(a.Told).Abs() >= o.Repeat
}

// criticalCases returns the newest records of the open Critical cases that are
// problems, with the one that stands for those told together.
func (w *Worker) criticalCases(ctx context.Context) ([]record.Record, error) {
	open, err := w.openProblems(ctx)
	return slices.DeleteFunc(open, func(r record.Record) bool { return r.Severity != event.Critical || r.Suppressed != "" }), err
}

func (w *Worker) tellPeople(ctx context.Context, r *record.Record, a alarmOf) error {
	headline := r.Advice.Headline
	if headline == "" {
		headline = r.Summary
	}
	err := w.notifier.Send(ctx, notify.Message{
		ID: fmt.Sprintf("%s-%d-%d", r.Case, a.Since.Unix(), max(0, a.Told.Unix())), Severity: r.Severity, Case: r.Case, Site: w.engine.Site.Name(), Host: r.Asset,
		Headline: headline, Lines: strings.Split(zabbix.Message(r), "\n"), At: w.now(),
	})
	if err != nil {
		return err
	}
	w.board.Tell(event.Medium, NoticeAlarm, fmt.Sprintf("nobody who may has acknowledged case %s: people were told past Zabbix", r.Case))
	return nil
}

// keepAlarms stores what changed.
func (w *Worker) keepAlarms(ctx context.Context) error {
	text, err := json.Marshal(w.alarms)
	if err != nil || string(text) == w.alarmsKept || w.alarmsKept == "" && len(w.alarms) == 0 {
		return err
	}
	if err := w.store.SetMeta(ctx, keyAlarms, string(text)); err != nil {
		return err
	}
	w.alarmsKept = string(text)
	return nil
}
