package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/killdeer-mcp/killdeer/plugins/sinktest"
)

func TestMain(m *testing.M) { sinktest.Main(m, main) }

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Sink{
		Large: true,
		Receiver: func(t *testing.T) (map[string]any, func() []string) {
			url, received := receiver(t)
			return map[string]any{"url": url, "plain_http": true, "allow": []any{"127.0.0.0/8"}}, received
		},
		Refuses: []map[string]any{
			{},
			{"url": "http://hooks.example/"},
			{"url": "https://hooks.example/", "form": "irc"},
			{"url": "https://hooks.example/", "secrets": []any{"abc"}},
			{"url": "https://hooks.example/", "allow": []any{"everything"}},
			{"url": "https://hooks.example/", "timeout": "8"},
		},
	})
}

// receiver keeps the ids of the events it gets.
func receiver(t *testing.T) (url string, received func() []string) {
	t.Helper()
	var mu sync.Mutex
	var ids []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // killed within a request, which then comes again
		}
		var message struct{ Data struct{ ID string } }
		if err := json.Unmarshal(body, &message); err != nil || r.Header.Get("webhook-id") != "evt_"+message.Data.ID {
			t.Errorf("%v: %s: %.200s", err, r.Header.Get("webhook-id"), body)
		}
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, message.Data.ID)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(ids)
	}
}
