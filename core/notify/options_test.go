package notify

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	mailed := func(change func(*Options)) Options {
		o := DefaultOptions()
		o.Mail.Relay, o.Mail.From, o.Mail.To = "mail.example:587", "penstock@example.org", []string{"duty@example.org"}
		o.Webhook.URL = "https://duty.example/hook"
		change(&o)
		return o
	}
	tests := []struct {
		name   string
		change func(*Options)
		want   string // "path text; ..."
	}{
		{"+ mail and webhook", func(*Options) {}, ""},
		{"+ no way at all", func(o *Options) { *o = DefaultOptions() }, ""},
		{"+ never again", func(o *Options) { o.Repeat = 0 }, ""},
		{"+ with a log-in", func(o *Options) { o.Mail.User, o.Mail.PasswordFile = "a", "/p" }, ""},
		{"+ http to this machine", func(o *Options) { o.Webhook.URL = "http://127.0.0.1:8080/x?y=z" }, ""},
		{"+ http to a name", func(o *Options) { o.Webhook.URL = "http://duty/x" }, ""}, // judged when it is resolved
		{"- too soon", func(o *Options) { o.After = time.Second }, "after 1s is not between 1m and 24h"},
		{"- too often", func(o *Options) { o.Repeat = time.Minute }, "repeat 1m0s is neither 0 (never again) nor between 5m and 168h"},
		{"- no time", func(o *Options) { o.Timeout = 0 }, "timeout 0s is not between 1s and 1m"},
		{"- no relay", func(o *Options) { o.Mail.Relay = "" }, "mail.relay is missing: without it there is no mail"},
		{"- no port", func(o *Options) { o.Mail.Relay = "mail.example" }, `mail.relay "mail.example" is not a host with a port, such as mail.example:587`},
		{"- commands in the relay", func(o *Options) { o.Mail.Relay = "mail\r\n:25" }, `mail.relay "mail\r\n:25" is not a host with a port, such as mail.example:587`},
		{"- implicit TLS", func(o *Options) { o.Mail.Relay = "mail.example:465" }, "mail.relay port 465 wants TLS from the first byte, which is not spoken here: relays take STARTTLS at 587"},
		{"- a name with the sender", func(o *Options) { o.Mail.From = "P <p@example.org>" }, `mail.from "P <p@example.org>" is not a mail address, such as penstock@example.org`},
		{"- nobody", func(o *Options) { o.Mail.To = nil }, "mail.to lists 0 people, not 1 to 50"},
		{"- a header", func(o *Options) { o.Mail.To[0] = "a@b\r\nBcc: c@d" }, `mail.to[0] "a@b\r\nBcc: c@d" is not a mail address, such as duty@example.org`},
		{"- a quoted part", func(o *Options) { o.Mail.To[0] = `"a b"@c.d` }, `mail.to[0] "\"a b\"@c.d" is not a mail address, such as duty@example.org`},
		{"- a user alone", func(o *Options) { o.Mail.User = "a" }, "mail.password_file and user go together"},
		{"- an open password", func(o *Options) { o.Mail.User, o.Mail.PasswordFile, o.Mail.StartTLS = "a", "/p", Opportunistic }, "mail.starttls is opportunistic: a password is sent only where it is required"},
		{"- certificates nobody looks at", func(o *Options) { o.Mail.CAFile, o.Mail.StartTLS = "/c", Off }, "mail.ca_file has no effect: certificates are looked at where starttls is required"},
		{"- no URL", func(o *Options) { o.Webhook = WebhookOptions{TokenFile: "/t"} }, "webhook.url is missing: without it there is no webhook"},
		{"- no address", func(o *Options) { o.Webhook.URL = "ftp://x/" }, "webhook.url is not an address, such as https://duty.example/penstock"},
		{"- a password in it", func(o *Options) { o.Webhook.URL = "https://a:b@x/" }, "webhook.url holds a password: use token_file"},
		{"- open beyond the site", func(o *Options) { o.Webhook.URL = "http://203.0.113.9/" }, "webhook.url 203.0.113.9 is not a private address: only https may be used"},
		{"- open, in other words", func(o *Options) { o.Webhook.URL = "http://[::ffff:203.0.113.9]/" }, "webhook.url 203.0.113.9 is not a private address: only https may be used"},
		{"- metadata of a cloud", func(o *Options) { o.Webhook.URL = "http://169.254.169.254/" }, "webhook.url 169.254.169.254 is not a private address: only https may be used"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := mailed(tt.change)
			var got []string
			o.Check(func(path, text string) { got = append(got, path+" "+text) })
			if diff := cmp.Diff(tt.want, strings.Join(got, "; ")); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
		})
	}
}

func TestStartTLSWords(t *testing.T) {
	t.Parallel()
	for _, s := range []StartTLS{Required, Opportunistic, Off} {
		text, err := s.MarshalText()
		var back StartTLS
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%s does not come back", s)
		}
	}
	var s StartTLS
	if err := s.UnmarshalText([]byte("yes")); err == nil || err.Error() != `"yes" is not a way to encrypt mail (required, opportunistic, off)` {
		t.Errorf("error = %v", err)
	}
	if DefaultOptions().Mail.StartTLS != Required {
		t.Error("without a word, mail may travel open")
	}
}
