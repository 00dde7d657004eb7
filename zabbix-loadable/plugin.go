package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// name is what the agent's configuration calls the plugin: Plugins.Penstock.
const name = "Penstock"

// Patience with the agent.
const (
	connectWithin = 3 * time.Second // as long as the agent waits by default
	// What follows ends the registration process by itself, which keeps the agent of
	// 7.0 from waiting for it for ever. The working process may be idle for hours.
	registerIdle  = 4 * time.Second
	registerError = 200 * time.Millisecond
)

// mostExports is how many items are answered at a time. Further ones wait in the
// connection.
const mostExports = 64

// plugin is one process between the agent and the worker.
type plugin struct {
	link   *link
	teller *teller
	log    *slog.Logger
	items  map[string]item
	desc   []string // keys with their descriptions, as they are registered

	stay    func(agent int, args []string) // linger
	exports chan struct{}                  // one for each item that is being answered
	running sync.WaitGroup

	mu     sync.Mutex
	set    bool // configured
	board  *board
	stop   context.CancelFunc
	keeper *keeper
}

// serve connects to the agent and does what it asks until it is over. It returns the
// exit code.
func serve(socket string, registering bool) int {
	conn, err := net.DialTimeout("unix", socket, connectWithin)
	if err != nil {
		return exitFailed
	}
	defer func() { _ = conn.Close() }()
	p := newPlugin(conn, time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if registering {
		return p.register(conn)
	}
	go p.guard("the log", func() { p.teller.run(ctx, p.link) })
	p.work(ctx, conn)
	return exitDone
}

func newPlugin(to io.Writer, now func() time.Time) *plugin {
	p := &plugin{link: &link{to: to}, teller: newTeller(now), stay: linger, exports: make(chan struct{}, mostExports)}
	p.log = slog.New(handler{to: p.teller})
	p.items, p.desc = items()
	p.board = newBoard(options{}, errors.New("the agent has not handed over its configuration"), now)
	return p
}

// guard runs f and keeps a panic in it from ending the process.
func (p *plugin) guard(what string, f func()) { guarded(p.log, what, f) }

// deadliner is a connection whose reads can be bounded.
type deadliner interface {
	io.Reader
	SetReadDeadline(at time.Time) error
}

// register is the process that only says what the plugin can do. It starts nothing,
// writes no file and ends by itself; with an agent of 6.0 not before linger does.
func (p *plugin) register(conn deadliner) int {
	in := bufio.NewReader(conn)
	agent, lingers := os.Getppid(), false
	for {
		if err := conn.SetReadDeadline(time.Now().Add(registerIdle)); err != nil {
			return exitDone
		}
		r, err := readRequest(in)
		switch {
		case errors.Is(err, errFrame):
			p.log.Warn("a message was not understood", "err", err)
		case err != nil || r.Type == typeTerminate: // the agent is gone, or has no more to ask
			if lingers {
				p.stay(agent, os.Args)
			}
			return exitDone
		case r.Type == typeRegister && len(p.desc) == 0:
			_ = p.link.send(reply{ID: r.ID, Type: typeRegisterResponse, Name: name, Error: "Cannot register: no items."})
			time.Sleep(registerError)
			return exitDone
		default:
			if r.Type == typeRegister {
				lingers = isOldVersion(r.Version)
			}
			p.guard("a request", func() { p.handle(context.Background(), r) })
			p.teller.flush(p.link)
		}
	}
}

// work is the process that answers items. It ends when the agent says so or is gone.
func (p *plugin) work(ctx context.Context, conn io.Reader) {
	in := bufio.NewReader(conn)
	for {
		r, err := readRequest(in)
		if errors.Is(err, errFrame) {
			p.log.Warn("a message was not understood", "err", err)
			continue
		}
		if err != nil || r.Type == typeTerminate {
			break
		}
		p.guard("a request", func() { p.handle(ctx, r) })
	}
	p.mu.Lock()
	stop, k := p.stop, p.keeper
	p.mu.Unlock()
	if k != nil {
		k.end()
	}
	if stop != nil {
		stop()
	}
}

// handle does what one message asks for.
func (p *plugin) handle(ctx context.Context, r request) {
	switch r.Type {
	case typeRegister:
		if !isKnownVersion(r.Version) {
			p.log.Warn("this version of the agent is not known: it should work all the same", "version", shorten(r.Version, 50))
		}
		p.answer(reply{ID: r.ID, Type: typeRegisterResponse, Name: name, Metrics: p.desc, Interfaces: canExport | canConfigure | canRun})
	case typeValidate:
		p.validate(r.Private)
		p.answer(reply{ID: r.ID, Type: typeValidateResponse})
	case typeConfigure:
		p.configure(ctx, r)
	case typeStart:
		p.start(ctx)
	case typeExport:
		p.exports <- struct{}{}
		p.running.Go(func() {
			defer func() { <-p.exports }()
			p.export(ctx, r)
		})
	default:
		p.log.Warn("a message of an unknown kind", "type", r.Type)
	}
}

func (p *plugin) answer(r reply) {
	_ = p.link.send(r) // where it fails, the reader sees why
}

// validate says what is wrong with the configuration and refuses nothing: the agent
// would not start.
func (p *plugin) validate(root *option) {
	_, warnings, err := readOptions(root)
	if err != nil {
		p.log.Error("the configuration cannot be used: items will say so", "err", err)
	}
	for _, w := range warnings {
		p.log.Warn("check the configuration", "text", w)
	}
}

// configure takes the options, once.
func (p *plugin) configure(ctx context.Context, r request) {
	o, warnings, err := readOptions(r.Private)
	o.Timeout = r.agentTimeout()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set {
		p.log.Warn("the configuration was handed over again: it counts after a restart of the agent")
		return
	}
	p.set = true
	for _, w := range warnings {
		p.log.Warn("check the configuration", "text", w)
	}
	ctx, p.stop = context.WithCancel(ctx)
	p.board = newBoard(o, err, time.Now)
	b := p.board
	b.log = p.log
	go p.guard("the watch", func() { b.watch(ctx) })
	if err != nil {
		p.log.Error("the configuration cannot be used: items say so", "err", err)
		return
	}
	if o.Mode == modeChild {
		p.keeper = newKeeper(o, p.log, p.teller)
		b.keeper = p.keeper
	}
}

// start starts the child, where there is to be one.
func (p *plugin) start(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.keeper
	if k == nil {
		return
	}
	k.begin(func() {
		p.guard("the keeper", func() {
			if err := os.MkdirAll(k.options.StateDir, 0o700); err == nil {
				p.tellTrace(filepath.Join(k.options.StateDir, "plugin-crash.txt"))
			}
			k.run(ctx)
		})
	})
}

// tellTrace tells why the plugin died before, if it did.
func (p *plugin) tellTrace(path string) {
	earlier, err := keepTrace(path)
	if err != nil {
		p.log.Warn("the last words of this process will not be kept", "path", path, "err", err)
	}
	if earlier != "" {
		p.log.Error("the plugin died before, and the agent with it", "words", earlier)
	}
}

// export answers one item.
func (p *plugin) export(ctx context.Context, r request) {
	out := reply{ID: r.ID, Type: typeExportResponse, Error: "Cannot answer " + shorten(r.Key, 100) + ": an error of the plugin; see the agent's log."}
	p.guard("item "+shorten(r.Key, 100), func() {
		p.mu.Lock()
		b := p.board
		p.mu.Unlock()
		value, err := answerItem(ctx, p.items, b, r)
		if err != nil {
			out.Error = shorten("Cannot "+err.Error(), 1000) + "."
			return
		}
		out.Error, out.Value = "", &value
	})
	p.answer(out)
}
