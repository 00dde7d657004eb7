package pipeline

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"penstock/core/cases"
	"penstock/core/sift"
)

// A model's prose is shown to people who act on it, and whoever writes the logs can
// bend it. So it may say nothing that could be typed, dialled or visited: a
// sentence with a number, an address, a link, a command, a name of a file or
// markup, or one that gives its reader instructions about the verdict, is taken
// out whole. Handles of lines and the host's own name may stand.

// prose returns what is left of a model's text, at most limit bytes.
func (t *talk) prose(text string, limit int) string {
	var kept []string
	for _, s := range sentences(cases.Clean(strings.Join(strings.Fields(text), " "), 4*limit)) {
		if t.harmless(s) {
			kept = append(kept, s)
		}
	}
	for len(kept) > 0 {
		if joined := strings.Join(kept, " "); len(joined) <= limit {
			return joined
		}
		kept = kept[:len(kept)-1]
	}
	return ""
}

// sentences cuts a text behind its full stops, question and exclamation marks,
// where a space follows.
func sentences(text string) []string {
	var all []string
	start := 0
	for i, r := range text {
		end := i + utf8.RuneLen(r)
		if strings.ContainsRune(".!?…", r) && (end == len(text) || text[end] == ' ') {
			all = append(all, strings.TrimSpace(text[start:end]))
			start = end
		}
	}
	if rest := strings.TrimSpace(text[start:]); rest != "" {
		all = append(all, rest)
	}
	return all
}

// harmless says whether a sentence may be shown.
func (t *talk) harmless(sentence string) bool {
	if !strings.ContainsFunc(sentence, unicode.IsLetter) {
		return false
	}
	if _, instructs := sift.Instructs(sentence); instructs {
		return false
	}
	digits := 0
	for word := range strings.FieldsFuncSeq(sentence, func(r rune) bool { return unicode.IsSpace(r) || r == '—' }) {
		word = strings.TrimFunc(word, func(r rune) bool { return strings.ContainsRune(edges, r) })
		if !t.plainWord(word) {
			return false
		}
		if digits++; !slices.Contains(digitWords, strings.ToLower(word)) {
			digits = 0
		}
		if digits == spokenDigits {
			return false
		}
	}
	return true
}

// edges are the marks that may stand before and behind a word.
const edges = ".,;:!?¿¡…()'\"“”„«»‘’–\u00a0"

// plainWord says whether a word is one of a language, a handle of the case or the
// name of its host. Whatever else joins letters may be read as part of a link, a
// path or a command, full stops of other scripts among it.
func (t *talk) plainWord(word string) bool {
	for _, possessive := range []string{"'s", "’s"} {
		word = strings.TrimSuffix(word, possessive)
	}
	switch {
	case word == "", slices.Contains(t.handles, word), t.host != "" && word == t.host, isAbbreviation(word):
		return true
	case word[0] == '-', slices.Contains(commandWords, strings.ToLower(word)):
		return false
	}
	return !strings.ContainsFunc(word, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune("-'’", r)
	})
}

// isAbbreviation says whether a word is single letters with full stops between
// them, as in e.g. and z.B.
func isAbbreviation(word string) bool {
	for part := range strings.SplitSeq(word, ".") {
		r, size := utf8.DecodeRuneInString(part)
		if size != len(part) || !unicode.IsLetter(r) {
			return false
		}
	}
	return true
}

// spokenDigits is how many digits in words, one after the other, are a number to
// dial.
const spokenDigits = 3

var digitWords = []string{
	"zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "hundred", "thousand", "double",
	"cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "cien",
	"null", "eins", "zwei", "zwo", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "hundert",
	"zéro", "un", "deux", "trois", "quatre", "cinq", "sept", "huit", "neuf", "cent",
}

// commandWords are programs that change or fetch something and are no words of a
// language people speak. What a command is made of beside its name, options, paths
// and addresses, is taken out by its form. The list cannot be whole: that is why the
// words of a model stand behind the rules' and are marked.
var commandWords = []string{
	"base64", "bcdedit", "certutil", "chattr", "chmod", "chown", "crontab", "curl", "dd", "doas", "fdisk", "firewall-cmd", "insmod", "iptables",
	"killall", "kubectl", "mkfs", "modprobe", "mshta", "msiexec", "ncat", "netsh", "nft", "passwd", "pkill", "poweroff", "powershell", "pwsh", "reg",
	"regsvr32", "rm", "rmmod", "rundll32", "schtasks", "scp", "setenforce", "shred", "sudo", "sysctl", "systemctl", "taskkill", "tftp", "ufw",
	"useradd", "userdel", "usermod", "visudo", "vssadmin", "wget", "wipefs", "wmic", "xp_cmdshell",
}
