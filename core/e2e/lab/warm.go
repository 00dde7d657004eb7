package lab

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
)

// Warm returns the address of another way to the server, on which each chat runs at
// temperature 1 with a seed of its own: 1, 2, 3 and so on. The same questions in the
// same order get the same answers.
func (s *Server) Warm(t testing.TB) string {
	t.Helper()

	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatalf("read the server's address: %v", err)
	}
	var chats atomic.Int64
	way := httptest.NewServer(&httputil.ReverseProxy{
		FlushInterval: -1, // each token at once
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if r.Out.URL.Path != "/api/chat" {
				return
			}
			text, err := warm(r.Out.Body, chats.Add(1))
			if err != nil {
				t.Errorf("read a chat on its way: %v", err)
			}
			r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		},
	})
	t.Cleanup(func() {
		way.CloseClientConnections()
		way.Close()
	})
	return way.URL
}

// warm changes two options of a chat. The schema's properties keep their order.
func warm(body io.Reader, seed int64) ([]byte, error) {
	var chat, options map[string]json.RawMessage
	if err := json.NewDecoder(body).Decode(&chat); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(chat["options"], &options); err != nil {
		return nil, err
	}
	options["temperature"], options["seed"] = json.RawMessage("1"), json.RawMessage(strconv.FormatInt(seed, 10))
	text, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	chat["options"] = text
	return json.Marshal(chat)
}
