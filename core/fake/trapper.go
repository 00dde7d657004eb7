package fake

import (
	"bytes"
	"compress/zlib"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Trapper stands in for the trapper of a Zabbix server or proxy, as recorded from
// 6.0.14 and 7.0.9, which answer alike. A test uses it so:
//
//	trapper := fake.NewTrapper(t)
//	trapper.Refuse(func(v fake.Sent) bool { return v.Host == "unknown" })
//	... zabbix.SendOptions{To: []string{trapper.Address}} ...
//	trapper.Set(fake.TrapperFault{Hang: true})
//	values := trapper.Values() // what it took, in order
//
// It may be used by several goroutines at the same time, and stops with the test.
type Trapper struct {
	Address string

	tb       testing.TB
	config   *tls.Config
	gone     chan struct{}
	once     sync.Once
	requests sync.WaitGroup
	packers  sync.Pool // of *zlib.Writer: one takes more time to make than a request

	mu       sync.Mutex
	listener net.Listener
	refuse   func(Sent) bool
	redirect func(host string) string
	fault    TrapperFault
	values   []Sent
	forgets  bool
	flags    []byte // of the frames that came
	peers    []int  // how many certificates their senders showed
}

// Sent is one value of a request.
type Sent struct {
	Host  string `json:"host"`
	Key   string `json:"key"`
	Value string `json:"value"`
	Clock int64  `json:"clock"`
	NS    int    `json:"ns"`
}

// TrapperFault is what goes wrong. The zero TrapperFault is none; of several fields the
// first one counts. For is how many requests meet it, 0 for all.
type TrapperFault struct {
	For     int
	Drop    bool   // closes without reading, and takes nothing
	Reset   bool   // sends away: a member of a proxy group that has lost its server
	Hang    bool   // takes the values, and never answers
	CutOff  bool   // takes the values, and closes
	Half    int    // takes the values, and closes after so many bytes of the answer
	Raw     []byte // takes the values, and sends these bytes
	Answer  string // takes the values, and answers with this body
	Plain   bool   // answers without compression, as 6.0 does to an uncompressed request
	Large   bool   // answers with lengths of 64 bits
	Stopped bool   // takes the values, and answers that it is shutting down
}

// NewTrapper starts one.
func NewTrapper(t testing.TB) *Trapper { return NewTLSTrapper(t, nil) }

// NewTLSTrapper starts one that speaks only TLS.
func NewTLSTrapper(t testing.TB, config *tls.Config) *Trapper {
	t.Helper()

	r := &Trapper{
		packers: sync.Pool{New: func() any { return zlib.NewWriter(io.Discard) }}, tb: t, config: config, gone: make(chan struct{}), Address: "127.0.0.1:0",
		refuse: func(Sent) bool { return false }, redirect: func(string) string { return "" },
	}
	r.Start()
	t.Cleanup(func() {
		r.once.Do(func() { close(r.gone) })
		r.Stop()
		r.requests.Wait()
	})
	return r
}

// Start listens at the address again after Stop.
func (r *Trapper) Start() {
	r.tb.Helper()

	var listener net.Listener
	var err error
	for range 50 { // the port may be someone's outgoing one for a moment
		if listener, err = net.Listen("tcp", r.Address); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		r.tb.Fatalf("listen as a trapper: %v", err)
	}
	r.Address = listener.Addr().String()
	if r.config != nil {
		listener = tls.NewListener(listener, r.config)
	}
	r.mu.Lock()
	r.listener = listener
	r.mu.Unlock()
	r.requests.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r.requests.Go(func() { r.serve(conn) })
		}
	})
}

// Stop stops listening: connections are refused.
func (r *Trapper) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener != nil {
		_ = r.listener.Close() // it is gone either way
		r.listener = nil
	}
}

// Set sets what goes wrong from now on.
func (r *Trapper) Set(fault TrapperFault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = fault
}

// Refuse sets which values it does not take.
func (r *Trapper) Refuse(refuse func(Sent) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

// Redirect makes it a member of a proxy group, which tells for a host the address
// of the member that watches it; "" is this one. As the real one does, it looks
// at the first host of a request, and refuses the values of others.
func (r *Trapper) Redirect(redirect func(host string) string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.redirect = redirect
}

// Forget makes it keep nothing of what it takes, for measuring.
func (r *Trapper) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgets = true
}

// Values returns what it took, in the order in which that came.
func (r *Trapper) Values() []Sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.values)
}

// Flags returns the byte of flags of each request.
func (r *Trapper) Flags() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.flags)
}

// Certificates returns for each request how many certificates its sender showed.
func (r *Trapper) Certificates() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.peers)
}

func (r *Trapper) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Minute)) // a slow machine has large requests too
	fault := r.nextFault()
	if fault.Drop {
		return
	}
	flags, body, err := readTrapperFrame(conn)
	if err != nil {
		return // as the real one does
	}
	r.mu.Lock()
	r.flags = append(r.flags, flags)
	if encrypted, ok := conn.(*tls.Conn); ok {
		r.peers = append(r.peers, len(encrypted.ConnectionState().PeerCertificates))
	}
	r.mu.Unlock()
	var request struct {
		Request string
		Data    []Sent
	}
	if json.Unmarshal(body, &request) != nil || request.Request != "sender data" {
		return
	}
	answer := `{"redirect":{"reset":true},"response":"failed"}`
	if !fault.Reset {
		answer = r.take(request.Data)
	}
	r.answer(conn, fault, flags, answer)
}

func (r *Trapper) nextFault() TrapperFault {
	r.mu.Lock()
	defer r.mu.Unlock()
	fault := r.fault
	if fault.For > 0 {
		if r.fault.For--; r.fault.For == 0 {
			r.fault = TrapperFault{}
		}
	}
	return fault
}

func (r *Trapper) take(data []Sent) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(data) > 0 {
		if to := r.redirect(data[0].Host); to != "" {
			return fmt.Sprintf(`{"redirect":{"revision":1,"address":%q},"response":"failed"}`, to)
		}
	}
	processed := 0
	for _, v := range data {
		if v.Clock < 0 || v.Clock >= 1<<31 || v.NS < 0 || v.NS > 999_999_999 || r.redirect(v.Host) != "" || r.refuse(v) {
			continue
		}
		processed++
		if r.forgets {
			continue
		}
		v.Value, _, _ = strings.Cut(v.Value, "\x00")
		r.values = append(r.values, v)
	}
	return fmt.Sprintf(`{"response":"success","info":"processed: %d; failed: %d; total: %d; seconds spent: 0.000116"}`,
		processed, len(data)-processed, len(data))
}

func (r *Trapper) answer(conn net.Conn, fault TrapperFault, flags byte, text string) {
	if fault.Stopped {
		text = `{"response":"failed","info":"Zabbix server shutdown in progress"}`
	}
	if fault.Answer != "" {
		text = fault.Answer
	}
	if fault.Plain {
		flags = 1
	}
	if fault.Large {
		flags |= 4
	}
	frame := r.frame(flags, []byte(text))
	switch {
	case fault.Hang:
		<-r.gone
		return
	case fault.CutOff:
		return
	case fault.Half > 0:
		frame = frame[:min(fault.Half, len(frame))]
	case fault.Raw != nil:
		frame = fault.Raw
	}
	_, _ = conn.Write(frame) // who does not read it has gone
}

func readTrapperFrame(r io.Reader) (flags byte, body []byte, err error) {
	var head [21]byte
	if _, err := io.ReadFull(r, head[:5]); err != nil {
		return 0, nil, err
	}
	flags = head[4]
	if string(head[:4]) != "ZBXD" || flags&1 == 0 || flags > 7 {
		return 0, nil, errors.New("no frame")
	}
	var length, plain uint64
	if flags&4 != 0 {
		_, err = io.ReadFull(r, head[5:21])
		length, plain = binary.LittleEndian.Uint64(head[5:]), binary.LittleEndian.Uint64(head[13:])
	} else {
		_, err = io.ReadFull(r, head[5:13])
		length, plain = uint64(binary.LittleEndian.Uint32(head[5:])), uint64(binary.LittleEndian.Uint32(head[9:]))
	}
	if err != nil || length > 1<<30 || plain > 1<<30 {
		return 0, nil, errors.New("too large")
	}
	body = make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil || flags&2 == 0 {
		return flags, body, err
	}
	z, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	body = make([]byte, plain)
	_, err = io.ReadFull(z, body)
	return flags, body, err
}

func (r *Trapper) frame(flags byte, body []byte) []byte {
	travels, plain := body, 0
	if flags&2 != 0 {
		var b bytes.Buffer
		z := r.packers.Get().(*zlib.Writer)
		defer r.packers.Put(z)
		z.Reset(&b)
		_, _ = z.Write(body) // into memory
		_ = z.Close()
		travels, plain = b.Bytes(), len(body)
	}
	frame := append([]byte("ZBXD"), flags)
	if flags&4 != 0 {
		frame = binary.LittleEndian.AppendUint64(frame, uint64(len(travels)))
		frame = binary.LittleEndian.AppendUint64(frame, uint64(plain))
	} else {
		frame = binary.LittleEndian.AppendUint32(frame, uint32(len(travels)))
		frame = binary.LittleEndian.AppendUint32(frame, uint32(plain))
	}
	return append(frame, travels...)
}
