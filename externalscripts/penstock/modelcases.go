package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"penstock/core/app"
	"penstock/core/config"
	"penstock/core/eval"
	"penstock/core/event"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/site"
)

// rehearsal asks a model about cases that are built in, as a worker would.
type rehearsal struct {
	judge  *judge
	client *llm.Client
}

// newRehearsal makes one with those limits, in the language of the site.
func newRehearsal(client *llm.Client, o llm.Options, language string) (*rehearsal, error) {
	c := config.Default()
	c.Model, c.Site.Language = o, language
	c.Site.Assets = []site.AssetOptions{
		{Name: "gw1", Zone: event.ZoneDMZ, Roles: []site.Role{site.RoleVPN}},
		{Name: "web1", Zone: event.ZoneDMZ, Roles: []site.Role{site.RoleServer}},
		{Name: "adm1", Zone: event.ZoneIT, Roles: []site.Role{site.RoleServer}},
		{Name: "rtu1", Zone: event.ZoneOT, Roles: []site.Role{site.RoleController}},
	}
	engine, err := app.NewEngine(c)
	if err != nil {
		return nil, err
	}
	return &rehearsal{judge: &judge{config: c, engine: engine, now: time.Now()}, client: client}, nil
}

// verdict returns what rules say of the gravest case of an excerpt.
func (r *rehearsal) verdict(x eval.Excerpt) (*app.Engine, app.Verdict, error) {
	engine := r.judge.engine.Fresh()
	for _, ev := range r.judge.events(x) {
		engine.HandleAsNew(&ev)
	}
	verdicts := engine.Verdicts()
	if len(verdicts) == 0 {
		return nil, app.Verdict{}, fmt.Errorf("the built-in case %s makes no case", x.ID)
	}
	return engine, verdicts[0], nil
}

// rehearsed is what became of one case.
type rehearsed struct {
	Name         string           `json:"case"`
	State        pipeline.State   `json:"state"`
	Why          string           `json:"why,omitempty"`
	Ordinary     bool             `json:"ordinary,omitempty"` // the model calls it so, and was asked no further
	SystemBytes  int              `json:"system_bytes"`       // that the questions about all cases began with
	PromptBytes  int              `json:"prompt_bytes"`       // that every question about this one began with
	Calls        int              `json:"calls"`
	PromptTokens int              `json:"prompt_tokens"`
	AnswerTokens int              `json:"answer_tokens"`
	Seconds      float64          `json:"seconds"`
	Load         float64          `json:"load_seconds"` // of them loading the model
	Questions    []questionAnswer `json:"questions"`
}

// questionAnswer is what one question cost. Seconds are without loading the model.
type questionAnswer struct {
	Stage        int     `json:"stage"`
	Attempt      int     `json:"attempt"`
	Valid        bool    `json:"valid"`
	Fault        string  `json:"fault,omitempty"`
	Seconds      float64 `json:"seconds"`
	PromptTokens int     `json:"prompt_tokens"`
	Reading      float64 `json:"reading_seconds"`
	AnswerTokens int     `json:"answer_tokens"`
	Writing      float64 `json:"writing_seconds"`
}

// ask asks about one case. The error is that of ctx, or that there is no case.
func (r *rehearsal) ask(ctx context.Context, x eval.Excerpt) (rehearsed, error) {
	engine, rules, err := r.verdict(x)
	if err != nil {
		return rehearsed{}, err
	}
	w := &witness{model: r.client}
	v, err := engine.Ask(ctx, w, rules)
	u := v.Report.Model
	done := rehearsed{
		Name: x.ID, State: u.State, Why: u.Why, Ordinary: u.Ordinary, SystemBytes: len(u.Talk.System), PromptBytes: len(u.Talk.System) + len(u.Talk.Case),
		Calls: u.Calls, PromptTokens: u.PromptTokens, AnswerTokens: u.AnswerTokens, Seconds: u.Took.Seconds(),
	}
	for i, x := range u.Talk.Exchanges {
		a := w.answers[i]
		done.Load += a.LoadTook.Seconds()
		done.Questions = append(done.Questions, questionAnswer{
			Stage: x.Stage, Attempt: x.Attempt, Valid: x.Fault == "", Fault: x.Fault, Seconds: max(0, (a.Took - a.LoadTook).Seconds()),
			PromptTokens: a.PromptTokens, Reading: a.PromptTook.Seconds(), AnswerTokens: a.AnswerTokens, Writing: a.AnswerTook.Seconds(),
		})
	}
	return done, err
}

// rates reckons how many tokens a second the server reads and writes. From the second case on it knows
// the beginning that the questions about all cases have in common.
func rates(all []rehearsed) (readRate, writeRate float64) {
	var read, reading, written, writing float64
	for i, c := range all {
		for k, q := range c.Questions {
			written += float64(q.AnswerTokens)
			writing += q.Writing
			if k > 0 {
				continue
			}
			fresh := 1.0
			if i > 0 {
				fresh -= float64(c.SystemBytes) / float64(c.PromptBytes)
			}
			read += fresh * float64(q.PromptTokens)
			reading += q.Reading
		}
	}
	return read / max(reading, 0.001), written / max(writing, 0.001)
}

// witness keeps what each answer cost: one for each exchange of a talk.
type witness struct {
	model   pipeline.Asker
	answers []llm.Answer
}

// Ask implements pipeline.Asker.
func (w *witness) Ask(ctx context.Context, r llm.Request) (llm.Answer, error) {
	answer, err := w.model.Ask(ctx, r)
	w.answers = append(w.answers, answer)
	return answer, err
}

// builtinCases returns cases of different kind and size. Each round has other names
// and addresses, so that a server knows no more than the beginning of a question.
func builtinCases(round int) []eval.Excerpt {
	peer := fmt.Sprintf("203.0.113.%d", 10+round%200)
	user := fmt.Sprintf("operator%d", round)
	at := time.Date(2026, 3, 7, 1, 11, 0, 0, time.UTC).Add(time.Duration(round) * time.Hour)
	one := func(id, host string, lines []string) eval.Excerpt {
		return eval.Excerpt{ID: id, Files: []eval.ExcerptFile{{Host: host, Path: host + ".log", Lines: lines}}}
	}
	line := func(seconds int, host, format string, args ...any) string {
		return at.Add(time.Duration(seconds)*time.Second).Format(time.RFC3339) + " " + host + " " + fmt.Sprintf(format, args...)
	}
	var guessed, probed, long []string
	for i := range 14 {
		guessed = append(guessed, line(i*9, "gw1", "sshd[2107]: Failed password for %s from %s port %d ssh2", user, peer, 40000+i*17))
	}
	guessed = append(guessed, line(130, "gw1", "sshd[2107]: Accepted password for %s from %s port 40988 ssh2", user, peer))
	for i := range 30 {
		probed = append(probed, line(i*2, "web1", `nginx: %s - - "GET /download?file=%s%d/etc/passwd HTTP/1.1" 404 153 "-" "Mozilla/5.0"`, peer, strings.Repeat("../", 3+i%5), i))
	}
	for i, command := range longCommands {
		long = append(long, line(i*20, "adm1", "%s: %s : TTY=pts/0 ; PWD=/home/%s ; USER=root ; COMMAND=/usr/bin/%s %s",
			[]string{"sudo", "audit", "shell", "cron"}[i%4], user, user, command, strings.Repeat("--"+command+"-of-"+user+"=/srv/"+command+"/archive ", 16)))
	}
	return []eval.Excerpt{
		one("guessed-password", "gw1", guessed),
		one("secret-read", "adm1", []string{line(0, "adm1", "sudo: %s : TTY=pts/0 ; PWD=/home/%s ; USER=root ; COMMAND=/usr/bin/cat /etc/shadow", user, user)}),
		one("web-probing", "web1", probed),
		one("plant-write", "rtu1", []string{
			line(0, "rtu1", "rtu-poller[812]: plc-1 poll ok fc=3 addr=40001 count=12 rtt=34ms"),
			line(4, "rtu1", "rtu-gateway[813]: modbus write from %s: fc=6 Write Single Register plc-1 addr=40012 value=%d", peer, 900+round),
		}),
		one("long", "adm1", long),
	}
}

// longCommands are words that make messages of different kind.
var longCommands = strings.Fields("tar rsync curl wget openssl base64 xxd dd find grep chmod chown usermod passwd crontab systemctl iptables mount scp sftp")
