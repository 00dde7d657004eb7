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
	if !strings.ContainsFunc(sentence, unicode.IsLetter) || strings.ContainsAny(sentence, "`$|\\{}<>‹›=@#*~^_&%[]") || strings.ContainsRune(sentence, utf8.RuneError) {
		return false
	}
	if _, instructs := sift.Instructs(sentence); instructs {
		return false
	}
	for _, word := range strings.Fields(sentence) {
		word = strings.TrimFunc(word, func(r rune) bool {
			return strings.ContainsRune(".,;:!?…()'\"“”„«»‘’", r) || r == '\u00a0'
		})
		if !t.plainWord(word) {
			return false
		}
	}
	return true
}

// plainWord says whether a word is one of a language, a handle of the case or the
// name of its host.
func (t *talk) plainWord(word string) bool {
	for _, possessive := range []string{"'s", "’s"} {
		word = strings.TrimSuffix(word, possessive)
	}
	switch {
	case word == "", slices.Contains(t.handles, word), t.host != "" && word == t.host, isAbbreviation(word):
		return true
	case strings.HasPrefix(word, "-") && word != "-", strings.ContainsAny(word, "./:"):
		return false
	case slices.Contains(commandWords, strings.ToLower(word)):
		return false
	}
	return !strings.ContainsFunc(word, func(r rune) bool { return unicode.IsNumber(r) || unicode.IsSymbol(r) || !unicode.IsGraphic(r) })
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

// commandWords are programs that change or fetch something and are no words of a
// language people speak. What a command is made of beside its name, options, paths
// and addresses, is taken out by its form.
var commandWords = []string{
	"base64", "certutil", "chattr", "chmod", "chown", "crontab", "curl", "dd", "insmod", "iptables", "killall", "mkfs", "modprobe", "mshta",
	"msiexec", "netsh", "nft", "pkill", "powershell", "pwsh", "regsvr32", "rm", "rmmod", "rundll32", "scp", "setenforce", "sudo", "sysctl",
	"systemctl", "ufw", "useradd", "userdel", "usermod", "visudo", "wget", "wmic", "xp_cmdshell",
}
