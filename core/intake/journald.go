package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"penstock/core/event"
)

// againBytes is the most that one step of the journal may hold that is read again.
const againBytes = 64 << 20

// bootFile holds the id of this boot.
const bootFile = "/proc/sys/kernel/random/boot_id"

// journal reads the journal of this machine through journalctl. Where that is told
// to begin at an entry that is not kept any more it begins with the next one, so
// reading begins at the last entry that was read, not behind it: when another one
// comes first, the journal was vacuumed. With --follow it prints entries of this
// boot only (--merge would also print those of other machines), so what is there
// already is read without.
type journal struct {
	name    string // of the stream
	index   int
	args    []string
	program string
	boot    string // id of this boot, as in a cursor
	env     Env
	status  *status
	send    sender
	cursor  event.Cursor
}

func (r *Reader) newJournal(i int, send sender) *journal {
	s := r.sources[i]
	j := &journal{name: s.Name, index: i, program: r.program, boot: r.boot, env: r.env, status: r.states[i], send: send}
	// Without --all long fields are left out, without --no-tail old entries.
	j.args = []string{"--output=json", "--all", "--quiet", "--no-pager", "--no-tail"}
	if s.Namespace != "" {
		j.args = append(j.args, "--namespace="+s.Namespace)
	}
	return j
}

// journalCursor leaves out what is no cursor of a journal.
func journalCursor(c event.Cursor) event.Cursor {
	if len(c) > maxCursor || !journalCursorForm.MatchString(string(c)) {
		return ""
	}
	return c
}

// child is a journalctl that runs.
type child struct {
	*entries
	cmd       *exec.Cmd
	cancel    context.CancelFunc
	complaint *limited
}

// start prints the journal from an entry on, that one included. The child ends
// with ctx, and must be stopped.
func (j *journal) start(ctx context.Context, from event.Cursor, more ...string) (*child, error) {
	args := append(j.args[:len(j.args):len(j.args)], more...)
	if from != "" {
		args = append(args, "--cursor="+string(from))
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, j.program, args...) //nolint:gosec // no shell, and a cursor has a form that was checked
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 2 * time.Second
	c := &child{cmd: cmd, cancel: cancel, complaint: &limited{}}
	cmd.Stderr = c.complaint
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", j.program, err)
	}
	c.entries = newEntries(out)
	return c, nil
}

// stop ends the child and waits for it. It returns what the child complained of.
func (c *child) stop() error {
	c.cancel()
	err := c.cmd.Wait()
	text := strings.TrimSpace(string(c.complaint.text))
	if text == "" && err != nil {
		text = err.Error()
	}
	return fmt.Errorf("%s ended: %s", c.cmd.Args[0], text)
}

// wait waits for a child that has closed its output. The error is what it
// complained of, nil where it did what it was told.
func (c *child) wait() error {
	err := c.cmd.Wait()
	c.cancel()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", c.cmd.Args[0], err, strings.TrimSpace(string(c.complaint.text)))
	}
	return nil
}

// limited keeps the beginning of what is written to it.
type limited struct{ text []byte }

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	l.text = append(l.text, p[:min(len(p), max(0, 1024-len(l.text)))]...)
	return len(p), nil
}

// run reads what is there and follows the journal until journalctl ends, which is
// an error.
func (j *journal) run(ctx context.Context) error {
	if err := j.print(ctx); err != nil {
		return err
	}
	if !strings.Contains(string(j.cursor), ";b="+j.boot+";") {
		return errors.New("the journal has no entry of this boot yet")
	}
	return j.print(ctx, "--follow")
}

// print runs journalctl from the last entry on until it ends.
func (j *journal) print(ctx context.Context, follow ...string) error {
	c, err := j.start(ctx, j.cursor, follow...)
	if err != nil {
		return err
	}
	// A child that is told to end closes its output, which ends the reading.
	err = j.follow(ctx, c)
	switch {
	case !errors.Is(err, io.EOF):
		_ = c.stop() // it was told to
		return err
	case len(follow) > 0:
		return c.stop()
	}
	return c.wait()
}

// follow hands out what comes.
func (j *journal) follow(ctx context.Context, c *child) error {
	expected := j.cursor
	var text []byte
	var chunk Chunk
	for {
		l, err := c.next()
		if err != nil {
			return err
		}
		first := expected
		expected = ""
		switch first {
		case "":
		case l.cursor:
			j.idle(c)
			continue // it was read before
		default:
			chunk.Gap = GapVacuumed
		}
		text = append(text, l.text...)
		chunk.Lines++
		chunk.Cut += b2i(l.cut)
		chunk.Behind = c.waits()
		if chunk.Behind && len(text) < chunkBytes {
			continue
		}
		chunk.Source, chunk.Stream, chunk.From, chunk.To = j.index, j.name, j.cursor, l.cursor
		chunk.Received, chunk.Text = j.env.received(), string(text)
		if err := j.send(ctx, chunk); err != nil {
			return err
		}
		j.cursor = l.cursor
		text, chunk = text[:0], Chunk{}
		j.idle(c)
	}
}

// idle tells the status how far the reading is.
func (j *journal) idle(c *child) {
	j.status.failed(nil)
	j.status.waits(0, int64(len(c.buf)-c.taken), !c.waits())
}

// journalAgain reads the journal once more. Its child goes on from step to step.
type journalAgain struct {
	journal *journal
	child   *child // nil while none runs
	at      event.Cursor
}

// Close implements io.Closer.
func (a *journalAgain) Close() error {
	if a.child != nil {
		_ = a.child.stop() // it was told to end
		a.child = nil
	}
	return nil
}

func (a *journalAgain) again(ctx context.Context, from, to event.Cursor, do func(string) error) error {
	text, err := a.step(ctx, from, to)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	for len(text) > 0 {
		n := bytes.IndexByte(text[min(len(text)-1, chunkBytes):], '\n') + 1
		n += min(len(text)-1, chunkBytes)
		if err := do(string(text[:n])); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

// step returns all entries behind from, up to and with to.
func (a *journalAgain) step(ctx context.Context, from, to event.Cursor) ([]byte, error) {
	if from != "" && journalCursor(from) == "" || journalCursor(to) == "" {
		return nil, fmt.Errorf("%q, %q are no cursors of a journal", from, to)
	}
	if a.child == nil || a.at != from {
		if err := a.begin(ctx, from); err != nil {
			return nil, err
		}
	}
	var text []byte
	for ctx.Err() == nil {
		l, err := a.child.next()
		if errors.Is(err, io.EOF) || len(text) > againBytes {
			return nil, ErrGone
		}
		if err != nil {
			return nil, err
		}
		text = append(text, l.text...)
		if l.cursor == to {
			a.at = to
			return text, nil
		}
	}
	return nil, ctx.Err()
}

// begin starts a child that prints what is behind from.
func (a *journalAgain) begin(ctx context.Context, from event.Cursor) error {
	if err := a.Close(); err != nil {
		return err
	}
	c, err := a.journal.start(context.WithoutCancel(ctx), from) // it is used for the next steps too
	if err != nil {
		return err
	}
	a.child = c
	if from == "" {
		return nil
	}
	if l, err := c.next(); err != nil || l.cursor != from {
		return ErrGone
	}
	return nil
}
