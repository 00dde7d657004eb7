package sift

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxInstruct is how much of a text Instructs reads, and maxWords how many words
// of it one phrase may start among.
const maxInstruct = maxHead

// step is one of several words, at most gap other words behind the step before.
type step struct {
	gap   int
	words string // separated by spaces
}

// phrase is a way to give an order: its steps in this order. What gives it away
// before its words are looked at is either one of the words of the step with
// number hint, or, where those are too common, one of the pairs.
type phrase struct {
	hint  int
	steps []step
	pairs string // word pairs, separated by |
}

const (
	harmless = "normal benign harmless safe legitimate informational trusted routine nonmalicious benigno benigna " +
		"inofensivo inofensiva legitimo segura seguro harmlos gutartig unbedenklich ungefahrlich legitim benin benigne " +
		"inoffensif inoffensive legitime anodin"
	answers  = "respond with|respond only|respond exactly|respond just|respond as|respond that|reply with|reply only|reply exactly|reply just|reply as|reply that|answer with|answer only|answer exactly|answer just|answer as|answer that"
	notAlert = "t alert|t flag|t escalate|t mention|t investigate|t report|dont alert|dont flag|dont escalate|dont report|dont mention|dont investigate|no alert|no report"
	records  = "log logs line lines entry entries event events activity request requests alert alerts traffic behavior behaviour command commands"
)

// phrases are ways to address the reader of a log instead of reporting to him.
var phrases = newPhraseBook([]phrase{
	{hint: 0, steps: []step{
		{0, "ignore disregard forget override overlook bypass neglect discard"},
		{3, "previous prior above earlier preceding former foregoing your system all any"},
		{3, "instruction instructions prompt prompts directive directives directions guideline guidelines context"},
	}},
	{hint: 0, steps: []step{
		{0, "ignore disregard forget override neglect discard"},
		{2, "instruction instructions prompt prompts directive directives directions guideline guidelines rules"},
		{1, "above before earlier given previously"},
	}},
	{hint: 0, steps: []step{
		{0, "ignore disregard forget override neglect"},
		{2, "previous prior above earlier preceding your"},
		{2, "rules orders guidance commands training analysis alerts entries"},
	}},
	{hint: 0, steps: []step{{0, "ignore disregard forget"}, {1, "everything anything all"}, {3, "above before earlier previously said told"}}},
	{hint: 0, steps: []step{{0, "please"}, {0, "ignore disregard"}, {3, "this these the following next"}, {2, "alert alerts event attack activity incident intrusion"}}, pairs: "please ignore|please disregard"},
	{hint: 3, steps: []step{{0, "you"}, {1, "are"}, {0, "now"}, {0, "acting dan free operating"}}, pairs: "are now"},
	{hint: 4, steps: []step{{0, "you"}, {1, "are"}, {0, "now"}, {0, "a an my the"}, {2, "assistant model ai llm bot chatbot helper agent"}}, pairs: "are now"},
	{hint: 2, steps: []step{{0, "act behave respond"}, {0, "as"}, {2, "assistant chatbot unrestricted"}}},
	{hint: 0, steps: []step{{0, "pretend"}, {1, "to you that"}, {2, "be are you nothing this"}}},
	{hint: 0, steps: []step{{0, "henceforth"}, {2, "you respond answer ignore treat act"}}},
	{hint: 0, steps: []step{{0, "respond reply answer"}, {2, "with only exactly just that as"}, {4, harmless + " false clean"}}, pairs: answers},
	{hint: 2, steps: []step{
		{0, "classify label mark treat consider report flag categorize categorise judge regard score assess evaluate tag rate deem"},
		{2, "this it these that them all any every everything"},
		{4, harmless},
	}},
	{hint: 0, steps: []step{{0, "classify categorize categorise deem"}, {3, "as"}, {2, harmless + " false low clean none expected ordinary usual known allowed approved planned"}}},
	{hint: 0, steps: []step{{0, "classify categorize categorise"}, {1, "benign benigno benin harmless"}}},
	{hint: 0, steps: []step{{0, "rate score classify mark treat"}, {0, "everything all"}, {2, "0 zero low lowest none " + harmless}}, pairs: "rate everything|rate all|score everything|score all|classify everything|classify all|mark everything|mark all|treat everything|treat all"},
	{hint: 2, steps: []step{{0, "give assign"}, {3, "lowest minimum"}, {1, "rating severity score"}}, pairs: "lowest rating|lowest severity|lowest score|minimum rating|minimum severity|minimum score"},
	{hint: 1, steps: []step{{0, "output return answer"}, {1, "anomaly verdict"}, {0, "false none low " + harmless}}},
	{hint: 1, steps: []step{{0, "correct right"}, {0, "answer verdict severity"}, {4, "is"}, {1, "none low " + harmless}}, pairs: "correct answer|right answer|correct verdict|right verdict|correct severity|right severity"},
	{hint: 0, steps: []step{{0, "your"}, {0, "new real only"}, {0, "task job goal role"}, {0, "is"}}, pairs: "your new|your real|your only"},
	{hint: 2, steps: []step{{0, "analyst assistant model ai llm chatbot"}, {1, "reading"}, {0, "this"}}, pairs: "reading this"},
	{hint: 0, steps: []step{{0, "raise"}, {1, "no"}, {2, "alert alerts alarm ticket incident"}}},
	{hint: 2, steps: []step{{0, "severity verdict classification"}, {4, "is was has"}, {1, "already"}, {0, "decided determined settled agreed"}}, pairs: "already decided|already determined|already settled|already agreed"},
	{hint: 0, steps: []step{{0, "respond reply answer"}, {0, "with only"}, {1, "low none nothing"}}, pairs: answers},
	{hint: 2, steps: []step{{0, "is was"}, {2, "test drill exercise simulation pentest"}, {5, "ignore disregard"}}},
	{hint: 3, steps: []step{{0, "is was"}, {2, "test drill exercise simulation pentest"}, {4, "not dont t no"}, {1, "alert flag escalate investigate report"}}, pairs: notAlert},
	{hint: 1, steps: []step{{0, "not dont t"}, {0, "alert flag escalate mention investigate report"}, {2, "this these"}, {1, records + " incident"}}, pairs: notAlert},
	{hint: 2, steps: []step{
		{0, "authorized authorised approved sanctioned"},
		{3, "penetration pentest redteam test testing exercise"},
		{8, "ignore disregard benign normal harmless"},
	}},
	{hint: 3, steps: []step{{0, "note attention notice instruction instructions important hint"}, {2, "to for"}, {2, "the any an all ai"}, {1, "ai llm gpt chatgpt model assistant classifier copilot"}}, pairs: "to ai|for ai|the ai|any ai|an ai|all ai|to llm|for llm|the llm|any llm|an llm|all llm|chatgpt|assistant|classifier|copilot|to gpt|the model|any model|ai model"},
	{hint: 2, steps: []step{{0, "note attention notice instruction instructions"}, {1, "to for"}, {0, "ai llm chatgpt assistant classifier"}}, pairs: "to ai|for ai|the ai|any ai|an ai|all ai|to llm|for llm|the llm|any llm|an llm|all llm|chatgpt|assistant|classifier|copilot|to gpt|the model|any model|ai model"},
	{hint: 2, steps: []step{{0, "as"}, {0, "an a"}, {0, "ai llm"}, {2, "you i"}, {0, "must should are will shall can cannot need have"}}, pairs: "an ai|a llm|an llm|a ai"},
	{hint: 2, steps: []step{{0, "as"}, {0, "a"}, {1, "language"}, {0, "model"}, {1, "you i"}, {0, "must should are will shall can cannot need have"}}, pairs: "language model"},
	{hint: 1, steps: []step{{0, "new updated real actual"}, {0, "instructions directives"}, {1, "for you are is follow respond"}}},
	{hint: 1, steps: []step{{0, "reveal repeat print show your ignore leak"}, {3, "system"}, {0, "prompt"}}, pairs: "system prompt"},
	{hint: 1, steps: []step{{0, "system"}, {0, "override"}, {2, "you ignore respond mode classify mark treat"}}, pairs: "system override"},
	{hint: 3, steps: []step{{0, "above following preceding these this all previous next other"}, {2, records}, {2, "is are was were"}, {4, "benign harmless legitimate nonmalicious authorized authorised simulated"}}},
	{hint: 2, steps: []step{{0, "set assign change lower reduce keep"}, {0, "the this its your"}, {2, "severity verdict classification"}, {2, "to as at"}, {1, "none low normal benign informational safe minimal"}}, pairs: "severity to|severity as|severity at|verdict to|verdict as|classification to|classification as|severity for|severity of|verdict for|verdict of|classification for|classification of"},
	{hint: 0, steps: []step{{0, "assistant"}, {0, "verdict"}, {1, "benign harmless normal none"}}},

	{hint: 1, steps: []step{{0, "ignora ignore ignorar olvida olvide descarta omite"}, {4, "instrucciones indicaciones ordenes directrices"}}},
	{hint: 2, steps: []step{{0, "ignora ignore olvida olvide"}, {1, "todo"}, {2, "anterior"}}},
	{hint: 0, steps: []step{{0, "responde responda contesta"}, {4, harmless}}, pairs: "responde solo|responde con|responde que|responde unicamente|responde únicamente|responda solo|responda con|responda que|contesta con|contesta que"},
	{hint: 2, steps: []step{{0, "clasifica clasifique marca marque etiqueta considera considere trata trate"}, {6, "como"}, {2, harmless}}},
	{hint: 0, steps: []step{{0, "ahora"}, {0, "eres"}, {0, "un una"}}},
	{hint: 1, steps: []step{{0, "no"}, {1, "alertes alerte informes reportes escales avises"}, {3, "nadie de esto sobre este esta nada al"}}},
	{hint: 1, steps: []step{{0, "es"}, {1, "prueba simulacro"}, {6, "ignora ignore alertes alerte"}}},

	{hint: 0, steps: []step{{0, "ignoriere ignorier ignorieren vergiss missachte verwirf"}, {1, "alle vorherige vorherigen bisherige bisherigen obige obigen fruhere fruheren deine vorige vorigen"}, {3, "anweisungen anweisung instruktionen vorgaben befehle regeln"}}},
	{hint: 2, steps: []step{
		{0, "alle vorherige vorherigen bisherige bisherigen obige obigen fruhere fruheren deine vorige vorigen"},
		{2, "anweisungen anweisung instruktionen vorgaben befehle regeln"},
		{2, "ignorieren ignoriere ignoriert vergessen missachten verwerfen"},
	}},
	{hint: 0, steps: []step{{0, "antworte antworten"}, {4, harmless}}},
	{hint: 2, steps: []step{{0, "stufe klassifiziere bewerte markiere betrachte werte einstufen behandle"}, {6, "als"}, {1, harmless}}},
	{hint: 1, steps: []step{{0, "du"}, {0, "bist"}, {0, "jetzt nun"}, {0, "ein eine kein keine"}}},
	{hint: 2, steps: []step{{0, "ein"}, {1, "test"}, {6, "ignoriere ignorieren alarmieren"}}},
	{hint: 1, steps: []step{{0, "keinen keine nicht"}, {1, "alarm alarmieren"}, {1, "auslosen ausloesen schlagen geben"}}, pairs: "keinen alarm|keine alarm|nicht alarm"},

	{hint: 1, steps: []step{{0, "ignore ignorez ignorer oublie oubliez oublier"}, {4, "consignes instructions directives"}, {2, "precedentes precedente anterieures ci ci-dessus"}}},
	{hint: 2, steps: []step{{0, "ignore ignorez ignorer oublie oubliez oublier"}, {1, "les tes vos"}, {1, "consignes"}}},
	{hint: 0, steps: []step{{0, "reponds repondez repondre"}, {4, harmless}}},
	{hint: 2, steps: []step{{0, "classe classez classer marque marquez considere considerez traite traitez"}, {6, "comme"}, {1, harmless}}},
	{hint: 1, steps: []step{{0, "es etes"}, {0, "maintenant"}, {0, "un une"}}},
	{hint: 1, steps: []step{{0, "ne"}, {1, "signale signalez alerte alertez declenche declenchez"}, {1, "pas rien personne"}, {2, "d ceci cette cet aucune alerte la l"}}},
	{hint: 2, steps: []step{{0, "est"}, {1, "test exercice"}, {6, "ignore ignorez alertez"}}},
})

// markers are signs that no log writes by itself: they open another speaker's
// turn in what a model reads.
var markers = []string{
	"<|im_start", "<|im_end", "<|system", "<|user|", "<|assistant", "<|endoftext", "<|eot_id", "<|start_header", "<|end_header",
	"<start_of_turn", "<end_of_turn", "[inst]", "[/inst]", "<<sys>>", "<</sys>>", "### instruction", "### system:", "### response:",
	"<|channel", "<|message|", "<|return|", "<think>", "</think>", "</s>", "<system_prompt", "</system_prompt", "begin_of_text|>", "[system](#",
}

// disguises are characters that hide or imitate letters, zero width and full
// width ones, and such as JSON writes them. See disguised for others.
var disguises = []string{
	"\u200b", "\u200c", "\u200d", "\u2060", "\u2061", "\u2062", "\u2063", "\ufeff", "\u180e", "\xef\xbc\xa1",
	"u200b", "u200c", "u200d", "u2060", "ufeff",
}

// disguised says whether the text has a character that hides or imitates a letter
// and takes two bytes, or begins with two that say so: a soft hyphen, a Cyrillic
// or Greek look-alike, a letter in full width, in a circle or of mathematics.
func disguised[T lineText](text T) bool {
	for i := plainASCII(text, 0); i+1 < len(text); i = plainASCII(text, i+1) {
		switch next := text[i+1]; text[i] {
		case 0xc2: // U+00AD
			if next == 0xad {
				return true
			}
		case 0xd0: // а, е, о
			if next == 0xb0 || next == 0xb5 || next == 0xbe {
				return true
			}
		case 0xd1: // р, с, і
			if next == 0x80 || next == 0x81 || next == 0x96 {
				return true
			}
		case 0xc4: // ı
			if next == 0xb1 {
				return true
			}
		case 0xc9: // ɑ, ɡ
			if next == 0x91 || next == 0xa1 {
				return true
			}
		case 0xce, 0xcf: // Greek
			return true
		case 0xe2: // letters in circles
			if next == 0x92 || next == 0x93 {
				return true
			}
		case 0xf0: // mathematical letters
			if next == 0x9d {
				return true
			}
		case 0xef: // U+FF40 to U+FF7F
			if next == 0xbd {
				return true
			}
		}
	}
	return false
}

// plainASCII returns the first place from i on at which a byte is not ASCII, or
// len(text).
func plainASCII[T lineText](text T, i int) int {
	for ; i+8 <= len(text); i += 8 {
		if w := text[i : i+8]; (w[0]|w[1]|w[2]|w[3]|w[4]|w[5]|w[6]|w[7])&0x80 != 0 {
			break
		}
	}
	for i < len(text) && text[i] < 0x80 {
		i++
	}
	return i
}

// withAccents are hints as they are written, where their folded form differs.
var withAccents = []string{
	"réponds", "répondez", "répondre", "bénin", "légitim", "legítim", "órdenes", "ungefährlich",
}

// unhide takes out invisible characters as JSON writes them.
var unhide = strings.NewReplacer(`\u200b`, "", `\u200c`, "", `\u200d`, "", `\u2060`, "", `\ufeff`, "", `\u00ad`, "")

// instructHints returns texts of which every text that Instructs finds contains
// one, if it is not disguised: words, markers and disguises.
func instructHints() []string {
	hints := append([]string(nil), markers...)
	for _, marker := range markers { // as a URL writes it
		if plus := strings.ReplaceAll(marker, " ", "+"); plus != marker {
			hints = append(hints, plus)
		}
	}
	hints = append(append(hints, disguises...), withAccents...)
	return append(hints, phrases.hints...)
}

// Instructs says whether a text tries to instruct a reader or a model, and with
// which words. It sees through case, other separators than spaces, percent and
// backslash escapes, invisible characters and letters that look like Latin ones.
// It costs time linear in the text, of which it reads the first 256 KiB.
func Instructs(text string) (found string, ok bool) {
	text = text[:min(len(text), maxInstruct)]
	plain := text
	if strings.Contains(text, `\u`) {
		plain = unhide.Replace(text)
	}
	plain = unescape(plain)
	if marker := markerIn(plain); marker != "" {
		return marker, true
	}
	words := strings.Fields(foldWords(plain))
	for i := range words {
		for _, p := range phrases.byWord[words[i]] {
			if end := p.match(words, i); end > 0 {
				return strings.Join(words[i:end], " "), true
			}
		}
	}
	return "", false
}

func markerIn(text string) string {
	if !strings.ContainsAny(text, "<[#|") {
		return ""
	}
	text = strings.ToLower(text)
	for _, marker := range markers {
		if strings.Contains(text, marker) {
			return marker
		}
	}
	return ""
}

// phraseBook finds phrases by their first word.
type phraseBook struct {
	byWord map[string][]*readyPhrase
	hints  []string
}

type readyPhrase struct {
	gaps []int
	sets []map[string]bool
}

func newPhraseBook(list []phrase) *phraseBook {
	book := &phraseBook{byWord: map[string][]*readyPhrase{}}
	hinted := map[string]bool{}
	for _, p := range list {
		ready := &readyPhrase{}
		for i, s := range p.steps {
			set := map[string]bool{}
			for word := range strings.FieldsSeq(s.words) {
				set[word] = true
				if i == 0 {
					book.byWord[word] = append(book.byWord[word], ready)
				}
				if i == p.hint && p.pairs == "" {
					hinted[word] = true
				}
			}
			ready.gaps = append(ready.gaps, s.gap)
			ready.sets = append(ready.sets, set)
		}
		for pair := range strings.SplitSeq(p.pairs, "|") {
			for _, separator := range [...]string{" ", "_", "-", "+"} {
				hinted[strings.ReplaceAll(pair, " ", separator)] = true
			}
		}
	}
	delete(hinted, "")
	book.hints = slices.Sorted(maps.Keys(hinted))
	return book
}

// match returns the end of the phrase that starts at words[at], or 0. A step
// takes the first word that fits; the gaps are a handful of words each.
func (p *readyPhrase) match(words []string, at int) int {
	return p.from(words, at+1, 1)
}

func (p *readyPhrase) from(words []string, at, number int) int {
	if number == len(p.sets) {
		return at
	}
	for i := at; i <= at+p.gaps[number] && i < len(words); i++ {
		if p.sets[number][words[i]] {
			if end := p.from(words, i+1, number+1); end > 0 {
				return end
			}
		}
	}
	return 0
}

// foldWords returns the words of a text in lower case with one space between
// them: accents dropped, invisible characters left out, anything else a space.
func foldWords(text string) string {
	dst := make([]byte, 0, len(text))
	space := true
	for i := 0; i < len(text); {
		r, n := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[i:])
		}
		i += n
		c := foldRune(r)
		switch {
		case c == invisible:
		case c != ' ':
			dst = append(dst, c)
			space = false
		case !space:
			dst = append(dst, ' ')
			space = true
		}
	}
	return string(dst)
}

const invisible = 0

// foldRune returns a lower-case letter or digit, a space, or invisible.
func foldRune(r rune) byte {
	switch {
	case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
		return byte(r)
	case 'A' <= r && r <= 'Z':
		return byte(r) + 'a' - 'A'
	case r < 0x80:
		return ' '
	case 0xff21 <= r && r <= 0xff3a: // full width
		return byte(r-0xff21) + 'a'
	case 0xff41 <= r && r <= 0xff5a:
		return byte(r-0xff41) + 'a'
	case 0x1d400 <= r && r <= 0x1d6a3: // mathematical: thirteen alphabets, large and small
		return byte((r-0x1d400)%26) + 'a'
	case 0x1d7ce <= r && r <= 0x1d7ff:
		return byte((r-0x1d7ce)%10) + '0'
	case 0x24b6 <= r && r <= 0x24e9: // in a circle
		return byte((r-0x24b6)%26) + 'a'
	case r == 0xad || r == 0x180e || 0x200b <= r && r <= 0x200f || 0x202a <= r && r <= 0x202e ||
		0x2060 <= r && r <= 0x2064 || r == 0xfeff || 0x300 <= r && r <= 0x36f || 0xe0000 <= r && r <= 0xe007f:
		return invisible
	}
	if i := strings.IndexRune(accented, r); i >= 0 {
		return plainLetters[utf8.RuneCountInString(accented[:i])]
	}
	return ' '
}

// Letters with accents, Cyrillic and Greek look-alikes, and what they are read as.
const (
	accented     = "àáâãäåçèéêëìíîïñòóôõöùúûüýÿÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝßаеорсхуіѕԁӏАЕОРСХУІјһαεγηικνορστυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɑɡ"
	plainLetters = "aaaaaaceeeeiiiinooooouuuuyyaaaaaaceeeeiiiinooooouuuuysaeopcxyisdlaeopcxyijhaeynikvopotuxwabezhikmnoptyxiag"
)
