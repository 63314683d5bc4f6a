package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/killdeer-mcp/killdeer/plugins/sinktest"
	"github.com/killdeer-mcp/killdeer/sdk"
)

func TestMain(m *testing.M) { sinktest.Main(m, main) }

func TestConformance(t *testing.T) {
	sinktest.Run(t, sinktest.Sink{
		Receiver: receiver,
		Large:    true,
		Refuses:  []map[string]any{{}, {"url": "logs"}, {"url": 1}},
	})
}

// receiver takes events and refuses bodies above 16 MiB.
func receiver(t *testing.T) (map[string]any, func() []string) {
	var mu sync.Mutex
	var ids []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var batch []string
		for d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)); d.More(); {
			var ev sdk.Event
			if err := d.Decode(&ev); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			batch = append(batch, ev.ID)
		}
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, batch...)
	}))
	t.Cleanup(server.Close)
	t.Setenv("EXAMPLE_TOKEN", "s3cret")
	return map[string]any{"url": server.URL, "token": "env:EXAMPLE_TOKEN"}, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(ids)
	}
}
