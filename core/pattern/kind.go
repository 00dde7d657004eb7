package pattern

// Kind is what a variable of a message looks like.
type Kind uint8

// The kinds a Span can have.
const (
	Number   Kind = iota + 1 // integer, fraction, version, number with a short unit
	Hex                      // 0x1f, or hexadecimal digits with a decimal digit among them
	ID                       // name with a number in it: blk_-17, task_3, sn369
	Address                  // IPv4 or IPv6 address, or a host name with a port or many digits
	MAC                      // hardware address
	UUID                     // 8-4-4-4-12 hexadecimal digits
	Email                    // mail address
	URL                      // what follows scheme://
	Path                     // file path
	Date                     // date, name of a month or a day beside a number
	Time                     // time of day with seconds
	Duration                 // hh:mm, or a number of sec, min, hr
	Size                     // number with B, KB, MiB and the like
	Value                    // true, false, null, root, admin

	endpoint // an Address and the Number of its port
)

// Bytes of a masked text that stand for something else. Control characters of
// the message itself never get there, so none can be forged.
const (
	lastKind   = byte(endpoint)
	anyCode    = 0x1c // variable found by comparing messages
	innerSpace = 0x1d // white space inside quotes: does not end a word
)

var kindWords = [...]string{
	"", "number", "hex", "id", "address", "mac", "uuid", "email", "url", "path",
	"date", "time", "duration", "size", "value",
}

// String returns the kind's word, for instance address; "" for a value that is no kind.
func (k Kind) String() string {
	if int(k) >= len(kindWords) {
		return ""
	}
	return kindWords[k]
}

// Span is one variable of a message: the bytes from Start up to, not including, End.
type Span struct {
	Kind       Kind
	Start, End int
}

// isCode says whether a byte of a masked text stands for a variable.
func isCode(c byte) bool { return c != 0 && (c <= lastKind || c == anyCode) }

// render writes a masked text the way people read it, with <*> for each variable.
func render(dst []byte, masked []byte) []byte {
	for _, c := range masked {
		switch {
		case c == innerSpace:
			dst = append(dst, ' ')
		case c == byte(endpoint):
			dst = append(dst, "<*>:<*>"...)
		case c == byte(Time):
			dst = append(dst, "<*>:<*>:<*>"...)
		case isCode(c):
			dst = append(dst, "<*>"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
