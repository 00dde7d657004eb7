// Package fake holds stand-ins for the programs of other people that Penstock
// talks to. They speak the wire format and nothing else: what they send was
// recorded from the real programs, whose versions they name. They are for tests
// only, and never connect to anything but what a test gives them.
package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// What Ollama 0.17.4 says in an error, word for word.
const (
	OllamaBusy     = "server busy, please try again.  maximum pending requests exceeded"                                                                         // 503, while a model is loading
	OllamaCrashed  = "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama server logs for details" // 500
	OllamaBroken   = "an error was encountered while running the model: unexpected EOF"                                                                          // in the stream, when the runner dies in mid answer
	OllamaTooLong  = "the input length exceeds the context length"                                                                                               // 400
	OllamaSchema   = "invalid JSON schema in format"                                                                                                             // 500
	OllamaNotFound = "model '%s' not found"                                                                                                                      // 404
)

// Ollama stands in for an Ollama server of version 0.17.4, as recorded with a
// model of one block. It counts a token for every three bytes. A test uses it so:
//
//	server := fake.NewOllama(t)                 // has one model, fake.Model, with fake.Digest
//	server.Answer(func(c fake.Chat) fake.Reply {
//		return fake.Reply{Text: `{"score":96}`} // or Status and Error, or Error in mid answer, or Hang
//	})
//	... llm.Options{Endpoints: []string{server.URL}, Name: fake.Model, Digest: fake.Digest} ...
//	chats := server.Chats()                     // what it was asked
//
// Faults of the way between, and of a server that is no Ollama, are for Proxy. It
// may be used by several goroutines at the same time, and stops with the test.
type Ollama struct {
	URL string

	server *httptest.Server
	gone   chan struct{}
	once   sync.Once

	mu     sync.Mutex
	answer func(Chat) Reply
	models []model
	chats  []Chat
	paths  []string
	loaded string // the model of the last chat
	window int    // tokens with which it is loaded
}

// The model that a new Ollama has.
const (
	Model  = "tiny:latest"
	Digest = "4ff4dd56b5c8055faf7fe351ad3e9f30936e856a05e241732a2748bb94b1d0fc"
)

type model struct{ name, digest, remote string }

// Chat is one request to /api/chat. A pointer is nil where the request does not
// say.
type Chat struct {
	Model    string
	Messages []Message
	Format   json.RawMessage // the schema, in the order in which it was sent
	Stream   *bool
	Think    *bool
	Truncate *bool
	Shift    *bool
	Options  struct {
		NumCtx      int      `json:"num_ctx"`
		NumPredict  int      `json:"num_predict"`
		Temperature *float64 `json:"temperature"`
		Seed        *int     `json:"seed"`
	}
	KeepAlive     json.RawMessage `json:"keep_alive"`
	Authorization string          `json:"-"` // header of the request
}

// Message is one message of a Chat.
type Message struct{ Role, Content string }

// System returns the text of the message of that role, "" without one.
func (c Chat) System() string { return c.last("system") }

// Prompt returns the text of the last message of the user, "" without one.
func (c Chat) Prompt() string { return c.last("user") }

func (c Chat) last(role string) string {
	text := ""
	for _, m := range c.Messages {
		if m.Role == role {
			text = m.Content
		}
	}
	return text
}

// Reply is what the model does with one Chat. The zero Reply is an answer without
// any text.
type Reply struct {
	Text   string // a piece of three bytes at a time, as a stream; at most num_predict pieces
	Status int    // instead of 200, then with Error alone
	Error  string // after Text instead of its end
	// Undone ends the stream without its last message, as the server does where it
	// finds that the model repeats itself.
	Undone       bool
	Hang         bool // goes on waiting after Text until the client leaves
	PromptTokens int  // as counted; 0 is a third of the prompt's bytes
}

// NewOllama starts a server that answers every question with {}.
func NewOllama(t testing.TB) *Ollama {
	t.Helper()

	o := &Ollama{
		gone:   make(chan struct{}),
		answer: func(Chat) Reply { return Reply{Text: "{}"} },
		models: []model{{name: Model, digest: Digest}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/chat", o.chat)
	mux.HandleFunc("POST /api/show", o.show)
	mux.HandleFunc("GET /api/tags", o.tags)
	mux.HandleFunc("GET /api/ps", o.ps)
	mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) { send(w, 200, `{"version":"0.17.4"}`) })
	o.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.paths = append(o.paths, r.URL.Path)
		o.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	o.URL = o.server.URL
	t.Cleanup(o.Close)
	return o
}

// Close stops the server in the middle of whatever it does: from then on nobody
// answers at URL. Closing it again does nothing.
func (o *Ollama) Close() {
	o.once.Do(func() {
		close(o.gone)
		o.server.CloseClientConnections()
		o.server.Close()
	})
}

// Answer says what the model answers from now on. The function may be called by
// several goroutines at the same time.
func (o *Ollama) Answer(f func(Chat) Reply) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = f
}

// Put adds a model, or gives the one of that name another digest.
func (o *Ollama) Put(name, digest string) { o.put(model{name: name, digest: digest}) }

// PutRemote adds a model that the server itself would ask at another host, as
// Ollama does with those whose name ends in -cloud.
func (o *Ollama) PutRemote(name, digest, host string) {
	o.put(model{name: name, digest: digest, remote: host})
}

func (o *Ollama) put(m model) {
	o.Drop(m.name)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.models = append(o.models, m)
}

// Drop removes a model. It does nothing where there is none of that name.
func (o *Ollama) Drop(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, m := range o.models {
		if m.name == name {
			o.models = append(o.models[:i:i], o.models[i+1:]...)
			return
		}
	}
}

// Chats returns the questions so far, in the order in which they came.
func (o *Ollama) Chats() []Chat {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]Chat(nil), o.chats...)
}

// Paths returns the paths of all requests so far, such as /api/tags.
func (o *Ollama) Paths() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.paths...)
}

func (o *Ollama) chat(w http.ResponseWriter, r *http.Request) {
	var c Chat
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		fail(w, 400, err.Error())
		return
	}
	c.Authorization = r.Header.Get("Authorization")
	answer, load, found := o.take(c)
	if !found {
		fail(w, 404, fmt.Sprintf(OllamaNotFound, c.Model))
		return
	}
	reply := answer(c)
	prompt := tokens(c.System()) + tokens(c.Prompt())
	if reply.PromptTokens > 0 {
		prompt = reply.PromptTokens
	}
	switch {
	case reply.Status != 0:
		fail(w, reply.Status, reply.Error)
		return
	case prompt > c.Options.NumCtx && c.Options.NumCtx > 0 && reply.PromptTokens == 0:
		if c.Truncate != nil && !*c.Truncate {
			fail(w, 400, OllamaTooLong)
			return
		}
		prompt = c.Options.NumCtx // it cuts the prompt, and says nothing
	}
	o.stream(w, r, c, reply, load, prompt)
}

// take notes a question, and says how many nanoseconds loading its model takes.
func (o *Ollama) take(c Chat) (answer func(Chat) Reply, load int, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.chats = append(o.chats, c)
	for _, m := range o.models {
		if m.name != c.Model && m.name != c.Model+":latest" {
			continue
		}
		if o.loaded == m.name && o.window == c.Options.NumCtx {
			return o.answer, 1_083_445, true
		}
		o.loaded, o.window = m.name, c.Options.NumCtx
		return o.answer, 271_597_339, true
	}
	return nil, 0, false
}

// stream sends the answer in the pieces in which the real one does.
func (o *Ollama) stream(w http.ResponseWriter, r *http.Request, c Chat, reply Reply, load, prompt int) {
	const created = `"created_at":"2026-11-26T06:08:16.687317651Z"`
	name, written, end, reason := encode(c.Model), 0, 1, "stop" // the end of the text is a token too
	w.Header().Set("Content-Type", "application/x-ndjson")
	line := func(format string, args ...any) {
		fmt.Fprintf(w, format+"\n", args...)
		_ = http.NewResponseController(w).Flush() // whoever left sees nothing of it
	}
	for text := reply.Text; text != ""; written++ {
		if written == c.Options.NumPredict && written > 0 {
			end, reason = 0, "length"
			break
		}
		piece := firstPiece(text)
		text = text[len(piece):]
		line(`{"model":%s,%s,"message":{"role":"assistant","content":%s},"done":false}`, name, created, encode(piece))
	}
	switch {
	case reply.Hang:
		select {
		case <-r.Context().Done():
		case <-o.gone:
			panic(http.ErrAbortHandler) // an end in order would make it a whole answer
		}
	case reply.Error != "":
		line(`{"error":%s}`, encode(reply.Error))
	case !reply.Undone:
		line(`{"model":%s,%s,"message":{"role":"assistant","content":""},"done":true,"done_reason":%q,`+
			`"total_duration":%d,"load_duration":%d,"prompt_eval_count":%d,"prompt_eval_duration":%d,"eval_count":%d,"eval_duration":%d}`,
			name, created, reason, load+prompt*45_000+written*138_000, load, prompt, prompt*45_000, written+end, written*138_000)
	}
}

const details = `"details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"197K","quantization_level":"unknown"}`

func (o *Ollama) tags(w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []string
	for _, m := range o.models {
		remote := ""
		if m.remote != "" {
			remote = fmt.Sprintf(`"remote_model":%s,"remote_host":%s,`, encode(m.name), encode(m.remote))
		}
		list = append(list, fmt.Sprintf(`{"name":%s,"model":%[1]s,%s"modified_at":"2026-11-26T06:08:16.386721257Z","size":792347,"digest":%s,%s}`,
			encode(m.name), remote, encode(m.digest), details))
	}
	send(w, 200, `{"models":[`+strings.Join(list, ",")+`]}`)
}

func (o *Ollama) show(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Model string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		fail(w, 400, err.Error())
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.models {
		if m.name == asked.Model || m.name == asked.Model+":latest" {
			send(w, 200, `{"template":"{{ .System }} {{ .Prompt }} ",`+details+`,"model_info":{"general.architecture":"llama",`+
				`"general.parameter_count":196680,"llama.block_count":1,"llama.context_length":8192},"capabilities":["completion"],`+
				`"modified_at":"2026-11-26T06:08:16.386721257Z"}`)
			return
		}
	}
	fail(w, 404, fmt.Sprintf(OllamaNotFound, asked.Model))
}

// ps lists the last model that was asked, which the real one keeps in memory.
func (o *Ollama) ps(w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.models {
		if m.name == o.loaded {
			send(w, 200, fmt.Sprintf(`{"models":[{"name":%s,"model":%[1]s,"size":1037504,"digest":%s,%s,`+
				`"expires_at":"2026-11-26T06:13:16.692891964Z","size_vram":0,"context_length":%d}]}`, encode(m.name), encode(m.digest), details, o.window))
			return
		}
	}
	send(w, 200, `{"models":[]}`)
}

func send(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}

func fail(w http.ResponseWriter, status int, text string) {
	send(w, status, `{"error":`+encode(text)+`}`)
}

func encode(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return string(encoded)
}

func tokens(text string) int { return (len(text) + 2) / 3 }

// firstPiece returns the first whole characters of a text that make three bytes or
// more.
func firstPiece(text string) string {
	n := 0
	for n < len(text) && n < 3 {
		_, size := utf8.DecodeRuneInString(text[n:])
		n += size
	}
	return text[:n]
}
