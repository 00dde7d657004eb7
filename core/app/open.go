package app

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Sizes of what is looked at to tell text from what is none.
const (
	magicBytes = 10      // a pipe is waited for until it has as many
	sniffBytes = 4 << 10 // as many are looked at where they are there
	leastBytes = 32      // fewer say nothing
)

// ErrTwice means that one run was given the same file twice.
var ErrTwice = errors.New("is named twice: its lines would be counted twice")

// InputError is an input that cannot be read.
type InputError struct {
	Path string
	Err  error
	Hint string // what to try, or ""
	// Partly says that everything else was read, and this input up to the line
	// that Path names.
	Partly bool
}

// Error names the path.
func (e *InputError) Error() string { return fmt.Sprintf("read %s: %v", e.Path, e.Err) }

// Unwrap returns what went wrong.
func (e *InputError) Unwrap() error { return e.Err }

// Text is an opened input. Reading it gives its text: gzip is unpacked, UTF-16
// becomes UTF-8.
type Text struct {
	io.Reader
	file *os.File
	info os.FileInfo // nil for standard input
	raw  *counter
}

// Open opens a path for reading; Stdin stands for the given reader. What is no
// text is refused. A wait for a pipe or a terminal ends when ctx is done. An
// error is an *InputError or ctx's.
func Open(ctx context.Context, path string, stdin io.Reader) (*Text, error) {
	t := &Text{raw: &counter{r: patient{ctx, stdin}}}
	if path != Stdin {
		if err := t.open(ctx, path); err != nil {
			return nil, Explained(ctx, path, err)
		}
	}
	if err := t.sniff(path); err != nil {
		return nil, errors.Join(Explained(ctx, path, err), t.Close())
	}
	return t, ctx.Err()
}

// Close closes the file.
func (t *Text) Close() error {
	if t == nil || t.file == nil {
		return nil
	}
	return t.file.Close()
}

func (t *Text) open(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errors.New("is a directory; name the files in it")
	}
	if info.Mode().IsRegular() {
		t.file, err = os.Open(path)
		t.raw.r = t.file
	} else { // opening a named pipe waits for who writes to it
		t.file, err = await(ctx, func() (*os.File, error) { return os.Open(path) })
		t.raw.r = patient{ctx, t.file}
	}
	t.info = info
	return err
}

// sniff finds out what the input is packed in, and refuses what is no text.
func (t *Text) sniff(path string) error {
	b := bufio.NewReaderSize(t.raw, 64<<10)
	t.Reader = b
	head := peek(b)
	packed := isGzip(head)
	if packed {
		z, err := gzip.NewReader(b)
		if err != nil {
			t.Reader = failing{fmt.Errorf("unpack gzip: %w", err)} // other inputs may be whole
			return nil
		}
		b = bufio.NewReaderSize(z, 64<<10)
		t.Reader = b
		head = peek(b)
	}
	switch kind := unpackable(head, packed); {
	case kind != nil:
		return &InputError{Path: path, Err: errors.New("is " + kind.name), Hint: fmt.Sprintf("it is %s: `%s | penstock analyze -`", kind.name, fmt.Sprintf(kind.command, path))}
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = b.Discard(3) // they are there
	case utf16Order(head) != 0:
		t.Reader = &utf16Reader{r: b, order: utf16Order(head)}
	case !isText(head):
		return &InputError{Path: path, Err: errors.New("is no text"), Hint: "a log with holes can be read as `tr -d '\\000' < FILE | penstock analyze -`"}
	}
	return nil
}

// Explained makes an *InputError of what it is not yet; ctx's error goes before.
func Explained(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var ie *InputError
	if errors.As(err, &ie) {
		return ie
	}
	hint := ""
	switch {
	case errors.Is(err, os.ErrNotExist):
		hint = "check the spelling; several files are named one after the other"
	case errors.Is(err, os.ErrPermission):
		hint = "logs are often readable by group adm only: add yourself to it, or run with sudo"
	case errors.Is(err, syscall.EMFILE):
		hint = "read fewer files at once, or allow more with `ulimit -n`"
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader):
		hint = "it is cut or damaged, as `gzip -t FILE` shows"
	case errors.Is(err, ErrTwice):
		hint = "name each file once"
	}
	return &InputError{Path: path, Err: cause(err), Hint: hint}
}

// cause takes the path off an error that will be given the one that the user knows.
func cause(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}

// peek returns the first bytes without taking them. It waits for magicBytes only,
// so that the first line of a slow pipe is not held up.
func peek(b *bufio.Reader) []byte {
	head, err := b.Peek(magicBytes)
	if err == nil { // an error shows again when lines are read
		head, _ = b.Peek(min(b.Buffered(), sniffBytes))
	}
	return head
}

func isGzip(head []byte) bool { return bytes.HasPrefix(head, []byte("\x1f\x8b")) }

// packing is a form that others unpack.
type packing struct {
	at            int
	magic         string
	name, command string
}

// unpackable recognises what has to be unpacked by another program first.
func unpackable(head []byte, within bool) *packing {
	for _, p := range [...]packing{
		{0, "\xfd7zXZ\x00", "xz", "xz -dc %s"},
		{4, "1AY&SY", "bzip2", "bzip2 -dc %s"},
		{0, "\x28\xb5\x2f\xfd", "zstd", "zstd -dc %s"},
		{0, "\x04\x22\x4d\x18", "lz4", "lz4 -dc %s"},
		{0, "PK\x03\x04", "zip", "unzip -p %s"},
		{0, "LPKSHHRH", "a systemd journal", "journalctl --file %s -o json"},
	} {
		if len(head) > p.at && strings.HasPrefix(string(head[p.at:]), p.magic) {
			if within {
				p.name, p.command = p.name+" within gzip", "gzip -dc %s | "+strings.ReplaceAll(p.command, " %s", "")
			}
			return &p
		}
	}
	if within && isGzip(head) {
		return &packing{name: "gzip within gzip", command: "gzip -dc %s"}
	}
	return nil
}

// isText says whether at most a tenth of the bytes are control characters other
// than those of ordinary logs.
func isText(head []byte) bool {
	control := 0
	for _, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != 0x1b || c == 0x7f {
			control++
		}
	}
	return len(head) < leastBytes || control*10 <= len(head)
}

// failing is a reader that only fails.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// counter counts the bytes read through it.
type counter struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// patient reads what may wait for ever, and stops waiting when ctx is done.
type patient struct {
	ctx context.Context // io.Reader has no room for it
	r   io.Reader
}

// Read implements io.Reader. After ctx is done p is of no more use.
func (p patient) Read(into []byte) (int, error) {
	return await(p.ctx, func() (int, error) { return p.r.Read(into) })
}

// await runs what may wait for ever. When ctx is done first, it is left waiting:
// the process is about to end.
func await[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
