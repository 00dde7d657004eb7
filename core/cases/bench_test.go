package cases

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"penstock/core/event"
	"penstock/core/sift"
)

const (
	plainLine = `Failed password for invalid user operator from 203.0.113.9 port 40022 ssh2`
	alertLine = `{"timestamp":"2026-03-02T08:00:00.621+0000","rule":{"level":5,"description":"sshd: Attempt to login using a non-existent user",` +
		`"id":"5710","mitre":{"id":["T1110.001","T1021.004"],"tactic":["Credential Access","Lateral Movement"],"technique":["Password Guessing","SSH"]},` +
		`"firedtimes":1,"mail":false,"groups":["syslog","sshd","authentication_failed","invalid_login"],"gdpr":["IV_35.7.d","IV_32.2"],` +
		`"gpg13":["7.1"],"hipaa":["164.312.b"],"nist_800_53":["AU.14","AC.7","AU.6"],"pci_dss":["10.2.4","10.2.5","10.6.1"],` +
		`"tsc":["CC6.1","CC6.8","CC7.2","CC7.3"]},"agent":{"id":"003","name":"plant-gw","ip":"192.0.2.3"},"manager":{"name":"manager"},` +
		`"id":"1795187810.399241","full_log":"Mar  2 08:00:00 plant-gw sshd[14824]: ` + plainLine + `","predecoder":{"program_name":"sshd",` +
		`"timestamp":"Mar  2 08:00:00","hostname":"plant-gw"},"decoder":{"parent":"sshd","name":"sshd"},` +
		`"data":{"srcip":"203.0.113.9","srcport":"40022","srcuser":"operator"},"location":"/var/log/auth.log"}`
)

func BenchmarkMaskSecrets(b *testing.B) {
	for _, bench := range []struct{ name, text string }{
		{"line", plainLine},
		{"alert", alertLine},
		{"address", "203.0.113.9"},
		{"secret", "connect user=op password=Tr0ub4dor host=x"},
		{"names", strings.Repeat("password=x1 ", 400)},
		{"phrases", strings.Repeat("username x ", 400)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.text)))
			b.ReportAllocs()
			for b.Loop() {
				MaskSecrets(bench.text)
			}
		})
	}
}

// BenchmarkAdd shows what an event costs that only attaches to a full case, and
// what one costs that opens a case and is captured.
func BenchmarkAdd(b *testing.B) {
	ev := func(i int) *event.Event {
		e := &event.Event{
			Time: start.Add(time.Duration(i) * time.Millisecond), Host: "web1", Asset: "web1", Zone: event.ZoneDMZ,
			Program: "sshd", Message: plainLine, Raw: alertLine, Name: "sshd: Attempt to login using a non-existent user",
		}
		e.Set(event.KeyPeer, "203.0.113.9", event.Observed)
		e.Set(event.KeyUser, "operator", event.Claimed)
		e.Set(event.KeyOutcome, "failure", event.Observed)
		return e
	}
	f := sift.Finding{Template: 1, Evidence: []sift.Evidence{
		{Kind: sift.SignalMatch, Class: event.LoginFailure, Severity: event.Low, Signal: "login.failed", Subject: "203.0.113.9"},
		{Kind: sift.Repeated, Class: event.BruteForce, Severity: event.Medium, Signal: "login.failed", Subject: "203.0.113.9", Count: 20},
	}}
	b.Run("attach", func(b *testing.B) {
		book, fresh := newBook(b, DefaultOptions()), f
		fresh.Fresh = true
		book.Add(ev(0), fresh)
		for i := range 1000 {
			book.Add(ev(i), f)
		}
		e := ev(1000)
		b.ReportAllocs()
		for b.Loop() {
			book.Add(e, f)
		}
	})
	b.Run("open", func(b *testing.B) {
		book, fresh := newBook(b, DefaultOptions()), f
		fresh.Fresh = true
		e, n := ev(0), 0
		b.ReportAllocs()
		for b.Loop() {
			n++
			e.Fields[0].Value = fmt.Sprintf("203.0.%d.%d", n>>8&255, n&255)
			e.Time = e.Time.Add(time.Minute)
			book.Add(e, fresh)
		}
	})
}
