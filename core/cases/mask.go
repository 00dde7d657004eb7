package cases

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Secret stands where MaskSecrets found one.
const Secret = "<secret>"

// cutMark stands at the end of a text that Clean has cut.
const cutMark = "…"

// secretShape is one way in which a secret is written. The expression is looked
// for only where one of the texts occurs; its groups are the secrets.
type secretShape struct {
	texts []string // in lower case
	shape *regexp.Regexp
}

// Parts of the expressions below.
const (
	quoted = `(?:\\*"[^"\\]+\\*"|'[^']+')`
	value  = `(?:` + quoted + `|` + Secret + `|[^\s"'&;,<>|\\=:][^\s"'&;,<>|\\]*)`
	equals = `(?:\\*["']?\s{0,3}[=:]+>?\s{0,3})`
	marked = `gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}|gl(?:pat|dt|rt)-[A-Za-z0-9_-]{16,}|` +
		`xox[abeoprs]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{10,}|[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}|` +
		`sk-[A-Za-z0-9_-]{20,}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|` +
		`hf_[A-Za-z0-9]{20,}|dop_v1_[a-f0-9]{40,}|shpat_[a-fA-F0-9]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|` +
		`A(?:KI|SI)A[A-Z0-9]{12,20}|AGE-SECRET-KEY-1[A-Z0-9]{20,}|hvs\.[A-Za-z0-9_-]{20,}|tskey-[A-Za-z0-9-]{16,}|` +
		`dckr_pat_[A-Za-z0-9_-]{16,}|lin_api_[A-Za-z0-9]{20,}|sntrys_[A-Za-z0-9_=+/]{20,}`
	secretName = `[a-z0-9_.-]*(?:passwo?r?d|passwd|passphrase|passcode|userpass|dbpass|pwd|secret|secretkey|api[_-]?key|` +
		`access[_-]?key(?:[_-]?id)?|private[_-]?key|auth[_-]?token|psk|tlspskvalue|token|sess(?:ion)?[_-]?id|phpsessid|` +
		`zbx_session|asp\.net_sessionid|connect\.sid|otp|totp|pin[_-]?code|authkey|authpass|privpass|auth[_-]?key|` +
		`encryption[_-]?key|signing[_-]?key|shared[_-]?key|account[_-]?key|sharedaccesskey|credential|community)|pass|sid|sig|encpass`
	commands = `mysql(?:dump|admin)?\b[^|;\r\n]*?\s-p|mariadb(?:-dump)?\b[^|;\r\n]*?\s-p|sshpass\s+-p\s*|` +
		`plink\b[^|;\r\n]*?\s-pw\s+|curl\b[^|;\r\n]*?\s(?:-u|--user)\s+[^\s:]+:|` +
		`ldap(?:search|modify|add|whoami)\b[^|;\r\n]*?\s-w\s+|snmp(?:walk|get|set|bulkwalk)\b[^|;\r\n]*?\s(?:-c|-A|-X)\s+|` +
		`redis-cli\b[^|;\r\n]*?\s-a\s+|smbclient\b[^|;\r\n]*?\s-U\s+[^\s%]+%|xfreerdp\b[^|;\r\n]*?\s/p:|` +
		`net1?(?:\.exe)?\s+use\b[^|;\r\n]*?/user:\S+\s+|net1?(?:\.exe)?\s+user\s+(?:/add\s+)?[^\s/]+\s+`
	devices = `snmp-server\s+community|community\s+string|enable\s+(?:secret|password)(?:\s+level\s+\d+)?(?:\s+\d)?|` +
		`key-string(?:\s+\d)?|(?:tacacs|radius)(?:-server)?\s+(?:host\s+\S+\s+)?key(?:\s+\d)?|` +
		`pre-shared-key(?:\s+address\s+\S+)?(?:\s+key)?|username\s+\S+(?:\s+privilege\s+\d+)?\s+(?:secret|password)(?:\s+\d)?`
)

// secretShapes are tried in this order; each sees what the ones before have left.
var secretShapes = []secretShape{
	{[]string{"-----begin"}, regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----([^-]+(?:-----END [A-Z0-9 ]*-----)?)`)},
	{[]string{"eyj"}, regexp.MustCompile(`\b(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*)`)},
	{[]string{"://"}, regexp.MustCompile(`://[^\s/:@"']*:([^\s/@"']+)@`)}, // user:secret@host
	{
		[]string{
			"gh", "gl", "xox", "xapp-", "k_live_", "k_test_", "whsec_", "sk-", "aiza", "ya29.", "npm_", "pypi-", "hf_", "dop_v1_",
			"shpat_", "sg.", "akia", "asia", "age-secret-key-", "hvs.", "tskey-", "dckr_pat_", "lin_api_", "sntrys_",
		},
		regexp.MustCompile(`\b(` + marked + `)`),
	},
	{
		[]string{"authorization", "x-zbx-auth"},
		regexp.MustCompile(`(?i)(?:authorization|x-zbx-auth)` + equals + `(?:\\*["'])?(?:(?:Basic|Bearer|Digest|Negotiate|NTLM|Token|ApiKey|AWS4-HMAC-SHA256)\s+)?([^"'\s\\][^"'\r\n\\]*)`),
	},
	{[]string{"bearer ", "basic "}, regexp.MustCompile(`\b(?i:bearer)\s+([A-Za-z0-9._~+/=-]{16,})|\b(?i:basic)\s+([A-Za-z0-9+/]{12,}={0,2})`)},
	{[]string{"cookie"}, regexp.MustCompile(`(?i)(?:set-)?cookie2?\\*["']?\s{0,3}[:=]\s{0,3}(?:\\*["'])?([^"'\s\\][^"'\r\n\\]*)`)},
	{ // hashes as in /etc/shadow
		[]string{"$"},
		regexp.MustCompile(`(\$(?:1|2[aby]|5|6|7|y|gy|apr1|argon2(?:i|d|id)|scrypt|pbkdf2[a-z0-9-]*)\$[A-Za-z0-9./$=,+_-]{8,})`),
	},
	{[]string{"{s", "{md5", "{crypt"}, regexp.MustCompile(`(?i)\{(?:S?SHA(?:256|512)?|S?MD5|CRYPT)\}([A-Za-z0-9+/=.$]{8,})`)},
	{ // the name of a secret, then its value
		[]string{"pass", "pwd", "secret", "token", "key", "psk", "credential", "community", "sess", "sid", "otp", "pin", "sig", "auth"},
		regexp.MustCompile(`(?i)(?:\b|[_.-])(?:` + secretName + `)` + equals + `(` + value + `)`),
	},
	{ // --password x
		[]string{"-"},
		regexp.MustCompile(`(?i)\s--?[a-z0-9-]*(?:password|passwd|passphrase|pass|token|secret|api-?key|auth-?key|psk)(?:\s+|=)(` + value + `)`),
	},
	{
		[]string{"mysql", "mariadb", "sshpass", "plink", "curl", "ldap", "smbclient", "net", "snmp", "xfreerdp", "redis-cli"},
		regexp.MustCompile(`(?i)\b(?:` + commands + `)([^\s/'"][^\s'"]*)`),
	},
	{
		[]string{"community", "enable ", "key-string", "username ", "tacacs", "radius", "pre-shared-key"},
		regexp.MustCompile(`(?i)\b(?:` + devices + `)\s+["']?([^\s"';,]{3,})`),
	},
	{
		[]string{"with password", "identified by", "login attempt ["},
		regexp.MustCompile(`(?i)(?:with password|identified by(?:\s+password)?)\s+(` + quoted + `)|login attempt \[[^/\]]*/([^\]]+)\]`),
	},
}

// keptWords are what follows a secret's name where no secret is meant.
var keptWords = regexp.MustCompile(`(?i)^["'\\([]*(?:<secret>|auth(?:entication|enticated)?|authori[sz](?:ed|ation)|for|failed|failure|failures|` +
	`incorrect|invalid|expired|expires|changed|change|updated|update|check|checks|mismatch|required|yes|no|none|null|true|false|not|is|was|has|` +
	`ok|error|wrong|missing|file|reset|accepted|rejected|denied|too|policy|set|must|cannot|could|login|user|unknown|the|a|an|of|\*+|rw|ro|read|` +
	`write|via|from|on|and|or|in|port|string|-)["'\\)\].,:;]*$`)

// MaskSecrets returns the text with passwords, keys, tokens and the like replaced
// by Secret; the names before them stay. It takes time linear in the text, and
// applied twice it changes nothing more. It knows shapes, not meanings: a secret
// that looks like a word of a sentence stays.
func MaskSecrets(text string) string {
	var lower string
	for i := range secretShapes {
		s := &secretShapes[i]
		if i == 0 || lower == "" {
			lower = asciiLower(text)
		}
		if !containsAny(lower, s.texts) {
			continue
		}
		masked := s.mask(text)
		if masked != text {
			text, lower = masked, ""
		}
	}
	return text
}

func (s *secretShape) mask(text string) string {
	var b strings.Builder
	at := 0
	for _, m := range s.shape.FindAllStringSubmatchIndex(text, -1) {
		for g := 2; g < len(m); g += 2 {
			from, to := m[g], m[g+1]
			if from < at || from == to || kept(text[:from], text[from:to]) {
				continue
			}
			b.WriteString(text[at:from])
			b.WriteString(Secret)
			at = to
		}
	}
	if at == 0 {
		return text
	}
	return b.String() + text[at:]
}

// kept says that a value is no secret: a word of a sentence, or a folder, where
// PWD is what a shell or sudo calls the current one.
func kept(before, value string) bool {
	return len(value) <= 24 && keptWords.MatchString(value) ||
		strings.HasSuffix(before, "PWD=") && strings.HasPrefix(value, "/")
}

func containsAny(text string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// asciiLower lowers A to Z and leaves every byte where it is.
func asciiLower(text string) string {
	for i := range len(text) {
		if 'A' <= text[i] && text[i] <= 'Z' {
			b := []byte(text)
			for k := i; k < len(b); k++ {
				if 'A' <= b[k] && b[k] <= 'Z' {
					b[k] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return text
}

// Clean returns the text fit to be shown and stored: invalid UTF-8 replaced,
// control characters made visible as pictures (U+2400 and on), characters that
// turn the direction of writing or cannot be seen left out, and cut to at most
// limit bytes, on a whole character, with a mark at the end. A limit below four
// bytes leaves nothing of a longer text.
func Clean(text string, limit int) string {
	if len(text) <= limit && isClean(text) {
		return text
	}
	var b strings.Builder
	room := max(limit, 0)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		shown := visible(r)
		if shown == 0 {
			continue
		}
		if b.Len()+utf8.RuneLen(shown) > room {
			return cutBack(b.String(), room)
		}
		b.WriteRune(shown)
	}
	return b.String()
}

// cutBack makes room for the mark at the end of a text that is too long.
func cutBack(text string, room int) string {
	if room < len(cutMark) {
		return ""
	}
	end := min(len(text), room-len(cutMark))
	for end > 0 && end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + cutMark
}

func isClean(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

// visible returns what is shown for a character, or 0 for nothing.
func visible(r rune) rune {
	switch {
	case r < 0x20:
		return 0x2400 + r
	case r == 0x7f:
		return 0x2421
	case 0x80 <= r && r <= 0x9f:
		return utf8.RuneError
	case r == 0xad || r == 0x61c || r == 0x180e || 0x200b <= r && r <= 0x200f || 0x2028 <= r && r <= 0x202e ||
		0x2060 <= r && r <= 0x206f || r == 0xfeff || 0xfff9 <= r && r <= 0xfffb || 0xfe00 <= r && r <= 0xfe0f ||
		0xe0000 <= r && r <= 0xe0fff:
		return 0
	}
	return r
}
