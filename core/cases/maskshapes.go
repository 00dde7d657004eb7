package cases

import (
	"regexp"
	"slices"
	"strings"
)

// Bounds of what is looked at around a secret, in bytes.
const (
	maxGap    = 3   // white space on each side of = or :
	maxPhrase = 256 // words before a secret
	maxLabel  = 64  // label of a private key
	maxHash   = 24  // name of a hash
	maxKept   = 24  // words that are no secrets
)

// Marks of a private key in text form.
const (
	keyDashes = "-----"
	keyBegin  = "-----BEGIN "
	keyEnd    = "-----END "
)

// role is what a byte may be the beginning of.
type role uint8

const (
	plainByte    role = iota
	inWord            // a letter, digit or _
	inPair            // = and :
	beforeOption      // - and /
	beforeHash        // $ and {
	endOfCommand      // | ; and the end of a line
)

// class is a set of bytes that values are made of, as a bit.
type class uint16

const (
	upperBytes     class = 1 << iota // A-Z 0-9
	hexBytes                         // a-f A-F 0-9
	letterBytes                      // a-z A-Z 0-9
	dashBytes                        // those and _ -
	padBytes                         // those and + / =
	base64Bytes                      // letters, digits, + / =
	bearerBytes                      // letters, digits, . _ ~ + / = -
	optionBytes                      // letters, digits, -
	cryptBytes                       // letters, digits, . / $ = , + _ -
	directoryBytes                   // letters, digits, + / = . $
	bare                             // a value without quotes
	notFirst                         // what no value begins with
	argumentBytes                    // anything but white space and quotes
	deviceBytes                      // anything but white space, quotes, ; and ,
	lineBytes                        // anything but quotes, backslash and the end of a line
)

const (
	digits  = "0123456789"
	hexes   = "abcdefABCDEF" + digits
	uppers  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits
	letters = "abcdefghijklmnopqrstuvwxyz" + uppers
	spaces  = " \t\n\f\r"
)

var roles = func() (table [256]role) {
	for r, set := range map[role]string{
		inWord: letters + "_", inPair: "=:", beforeOption: "-/", beforeHash: "${", endOfCommand: "|;\r\n",
	} {
		for _, c := range []byte(set) {
			table[c] = r
		}
	}
	return table
}()

var classes = func() (table [256]class) {
	for c, set := range map[class]string{
		upperBytes: uppers, hexBytes: hexes, letterBytes: letters, dashBytes: letters + "_-", padBytes: letters + "_-+/=",
		base64Bytes: letters + "+/=", bearerBytes: letters + "._~+/=-", optionBytes: letters + "-",
		cryptBytes: letters + "./$=,+_-", directoryBytes: letters + "+/=.$", notFirst: spaces + `"'&;,<>|\=:`,
	} {
		for _, b := range []byte(set) {
			table[b] |= c
		}
	}
	for c, set := range map[class]string{
		bare: spaces + `"'&;,<>|\`, argumentBytes: spaces + `"'`, deviceBytes: spaces + `"';,`, lineBytes: "\r\n\"'\\",
	} {
		for b := range table {
			if strings.IndexByte(set, byte(b)) < 0 {
				table[b] |= c
			}
		}
	}
	return table
}()

// takes says what of the text behind a phrase is the secret.
type takes uint8

const (
	options     takes = iota // nothing yet: options of a command follow
	argument                 // up to white space or a quote, or quoted
	quoted                   // quoted only
	bracketed                // up to ]
	credentials              // bytes of a class, at least so many
)

// command is a program, as a bit, whose options carry secrets.
type command uint16

const (
	mysql command = 1 << iota
	plink
	curl
	ldap
	snmp
	redis
	smbclient
	freeRDP
	netUse
)

// opener is how a secret, or what stands before one, begins. It begins a word.
// With parts it is a token, with a shape a phrase, else a command.
type opener struct {
	text    string // in lower case but for tokens
	parts   []int  // least bytes of each part of a token, a dot between two
	class   class
	shape   *regexp.Regexp // from the opener's first byte to the secret
	takes   takes
	least   int
	command command
}

// byFirst is what can follow one first byte: a set of second bytes, by their low
// six bits, and the openers themselves.
type byFirst struct {
	second uint64
	list   []opener
}

// bit returns the bit of a byte, without regard to case, in such a set.
func bit(c byte) uint64 { return 1 << ((c | 0x20) & 63) }

// openers is the table of openers by their first byte, in lower case.
var openers = func() (table [256]byFirst) {
	add := func(o opener) {
		t := &table[o.text[0]|0x20]
		t.second |= bit(o.text[1])
		t.list = append(t.list, o)
	}
	for _, o := range tokens {
		add(o)
	}
	for _, o := range phrases {
		add(o)
	}
	for command, names := range map[command]string{
		mysql: "mysql mysqldump mysqladmin mariadb", plink: "plink pscp psftp", curl: "curl",
		ldap: "ldapsearch ldapmodify ldapadd ldapwhoami", snmp: "snmpwalk snmpget snmpset snmpbulkwalk snmpbulkget snmpgetnext",
		redis: "redis-cli", smbclient: "smbclient", freeRDP: "xfreerdp",
	} {
		for name := range strings.FieldsSeq(names) {
			add(opener{text: name, command: command})
		}
	}
	return table
}()

func token(text string, class class, least int) opener {
	return opener{text: text, class: class, parts: []int{least}}
}

var tokens = []opener{
	{text: "eyJ", class: dashBytes, parts: []int{8, 4, 0}}, // JSON web token
	{text: "SG.", class: dashBytes, parts: []int{16, 16}},
	token("ghp_", letterBytes, 16), token("gho_", letterBytes, 16), token("ghu_", letterBytes, 16),
	token("ghs_", letterBytes, 16), token("ghr_", letterBytes, 16), token("github_pat_", dashBytes, 20),
	token("glpat-", dashBytes, 16), token("gldt-", dashBytes, 16), token("glrt-", dashBytes, 16),
	token("xoxa-", dashBytes, 8), token("xoxb-", dashBytes, 8), token("xoxe-", dashBytes, 8), token("xoxo-", dashBytes, 8),
	token("xoxp-", dashBytes, 8), token("xoxr-", dashBytes, 8), token("xoxs-", dashBytes, 8), token("xapp-", dashBytes, 10),
	token("sk_live_", letterBytes, 10), token("rk_live_", letterBytes, 10), token("pk_live_", letterBytes, 10),
	token("sk_test_", letterBytes, 10), token("rk_test_", letterBytes, 10), token("pk_test_", letterBytes, 10),
	token("whsec_", padBytes, 16), token("sk-", dashBytes, 20), token("AIza", dashBytes, 30), token("ya29.", dashBytes, 20),
	token("npm_", letterBytes, 30), token("pypi-", dashBytes, 30), token("hf_", letterBytes, 20),
	token("dop_v1_", hexBytes, 40), token("shpat_", hexBytes, 20), token("AKIA", upperBytes, 12), token("ASIA", upperBytes, 12),
	token("AGE-SECRET-KEY-1", upperBytes, 20), token("hvs.", dashBytes, 20), token("tskey-", dashBytes, 16),
	token("dckr_pat_", dashBytes, 16), token("lin_api_", letterBytes, 20), token("sntrys_", padBytes, 20),
}

func phrase(text, shape string, t takes) opener {
	return opener{text: text, shape: regexp.MustCompile(`\A(?i:` + shape + `)`), takes: t}
}

func device(text, shape string) opener {
	o := phrase(text, shape+`\s+["']?`, credentials)
	o.class, o.least = deviceBytes, 3
	return o
}

func scheme(text string, class class, least int) opener {
	o := phrase(text, text+`\s+`, credentials)
	o.class, o.least = class, least
	return o
}

func netUseOf(o opener) opener {
	o.command = netUse
	return o
}

var phrases = []opener{
	scheme("bearer", bearerBytes, 16),
	scheme("basic", base64Bytes, 12),
	phrase("sshpass", `sshpass\s+-p\s*`, argument),
	netUseOf(phrase("net", `net1?(?:\.exe)?\s+use\b`, options)),
	phrase("net", `net1?(?:\.exe)?\s+user\s+(?:/add\s+)?[^\s/]+\s+`, argument),
	device("snmp-server", `snmp-server\s+community`),
	device("community", `community\s+string`),
	device("enable", `enable\s+(?:secret|password)(?:\s+level\s+\d+)?(?:\s+\d)?`),
	device("key-string", `key-string(?:\s+\d)?`),
	device("tacacs", `tacacs(?:-server)?\s+(?:host\s+\S+\s+)?key(?:\s+\d)?`),
	device("radius", `radius(?:-server)?\s+(?:host\s+\S+\s+)?key(?:\s+\d)?`),
	device("pre-shared-key", `pre-shared-key(?:\s+address\s+\S+)?(?:\s+key)?`),
	device("username", `username\s+\S+(?:\s+privilege\s+\d+)?\s+(?:secret|password)(?:\s+\d)?`),
	phrase("with password", `with password\s+`, quoted),
	phrase("identified by", `identified by(?:\s+password)?\s+`, quoted),
	phrase("login attempt [", `login attempt \[[^/\]]*/`, bracketed),
}

// commandOption is an option whose argument is a secret.
type commandOption struct {
	command command
	text    string
	gap     *regexp.Regexp // from the option to the secret
}

var (
	noGap     = regexp.MustCompile(`\A`)
	spaceGap  = regexp.MustCompile(`\A\s+`)
	userGap   = regexp.MustCompile(`\A\s+[^\s:]+:`)
	shareGap  = regexp.MustCompile(`\A\s+[^\s%]+%`)
	domainGap = regexp.MustCompile(`\A\S+\s+`)
)

var commandOptions = []commandOption{
	{mysql, "-p", noGap},
	{plink, "-pw", spaceGap},
	{ldap, "-w", spaceGap},
	{redis, "-a", spaceGap},
	{snmp, "-c", spaceGap},
	{snmp, "-A", spaceGap},
	{snmp, "-X", spaceGap},
	{curl, "-u", userGap},
	{curl, "--user", userGap},
	{curl, "-U", userGap},
	{curl, "--proxy-user", userGap},
	{smbclient, "-U", shareGap},
	{freeRDP, "/p:", noGap},
	{netUse, "/user:", domainGap},
}

// schemes are what may stand between Authorization: and the secret.
var schemes = []string{"basic", "bearer", "digest", "negotiate", "ntlm", "token", "apikey", "aws4-hmac-sha256"}

// nameKind says how the value after a secret's name is written.
type nameKind uint8

const (
	noName    nameKind = iota
	anywhere           // the name may end a longer one
	wholeName          // the name stands alone, or after _ . or -
	header             // its value runs to the end of the line
)

// name is the name of a secret, in lower case, without _ and -.
type name struct {
	text string
	kind nameKind
}

// byLast is what can stand before one last byte.
type byLast struct {
	second uint64
	list   []name
}

// names is the table of names by their last byte.
var names = func() (table [256]byLast) {
	for kind, list := range map[nameKind]string{
		anywhere: `password passwod passwrd passwd passphrase passcode userpass dbpass authpass privpass encpass pwd secret
			secretkey apikey accesskey accesskeyid privatekey psk tlspskvalue token sessid sessionid zbxsession otp pincode
			authkey encryptionkey signingkey sharedkey accountkey credential community`,
		wholeName: "pass sid sig",
		header:    "authorization xzbxauth cookie cookie2",
	} {
		for text := range strings.FieldsSeq(list) {
			t := &table[text[len(text)-1]]
			t.second |= bit(text[len(text)-2]) | bit('_') | bit('-')
			t.list = append(t.list, name{text, kind})
		}
	}
	return table
}()

// nameBefore says whether the text ends in the name of a secret.
func nameBefore(text string) nameKind {
	if len(text) < 2 {
		return noName
	}
	t := &names[text[len(text)-1]|0x20]
	if t.second&bit(text[len(text)-2]) == 0 {
		return noName
	}
	for _, n := range t.list {
		if n.ends(text) {
			return n.kind
		}
	}
	return noName
}

// ends says whether the text ends in the name, in any case and with a _ or -
// between any two letters.
func (n name) ends(text string) bool {
	i := len(text)
	for k := len(n.text) - 1; k >= 0; k-- {
		if k < len(n.text)-1 && i > 0 && (text[i-1] == '_' || text[i-1] == '-') {
			i--
		}
		if i == 0 || text[i-1]|0x20 != n.text[k] {
			return false
		}
		i--
	}
	return n.kind != wholeName || i == 0 || classes[text[i-1]]&letterBytes == 0
}

// isCrypt says whether the name between two $ is that of a password hash.
func isCrypt(name string) bool {
	switch name {
	case "1", "2a", "2b", "2y", "5", "6", "7", "y", "gy", "apr1", "argon2i", "argon2d", "argon2id", "scrypt":
		return true
	}
	return strings.HasPrefix(name, "pbkdf2")
}

// isDirectoryHash says whether the name between braces is that of a password
// hash as directories write it.
func isDirectoryHash(name string) bool {
	is := func(kind string) bool { return strings.EqualFold(name, kind) }
	return slices.ContainsFunc(directoryHashes, is)
}

var directoryHashes = []string{"SHA", "SHA256", "SHA512", "SSHA", "SSHA256", "SSHA512", "MD5", "SMD5", "CRYPT"}

// keptWords are what follows a secret's name where no secret is meant.
var keptWords = func() map[string]bool {
	words := map[string]bool{}
	for word := range strings.FieldsSeq(Secret + ` auth authentication authenticated authorized authorised authorization authorisation
		for failed failure failures incorrect invalid expired expires changed change updated update check checks mismatch required
		yes no none null true false not is was has ok error wrong missing file reset accepted rejected denied too policy set must
		cannot could login user unknown the a an of rw ro read write via from on and or in port string -`) {
		words[word] = true
	}
	return words
}()

// kept says that a value is no secret: a word of a sentence, marks alone, or a
// folder, where PWD is what a shell or sudo calls the current one.
func kept(before, value string) bool {
	if len(value) > maxKept {
		return strings.HasPrefix(value, "/") && strings.HasSuffix(before, "PWD=")
	}
	word := strings.TrimRight(strings.TrimLeft(value, `"'\({[`), `"'\)].,:;}`)
	return keptWords[strings.ToLower(word)] || strings.Trim(word, "*") == "" && (word != "" || len(value) <= 4) ||
		strings.HasPrefix(value, "/") && strings.HasSuffix(before, "PWD=")
}

func hasPrefixFold(text, lower string) bool {
	if len(text) < len(lower) {
		return false
	}
	for i := range len(lower) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' && c != '\v' }

func isQuote(c byte) bool { return c == '"' || c == '\'' }
