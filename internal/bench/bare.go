package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// envelopeSize is about what stands around the text in the bare handler's answer.
const envelopeSize = 75

// bare is what the sensor is compared with: parse, look, answer with a text as
// long as the sensor's answer, which the query tells.
func bare() http.Handler {
	var mu sync.Mutex
	texts := map[string]string{}
	text := func(size string) string {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := texts[size]; !ok {
			n, _ := strconv.Atoi(size)
			texts[size] = strings.Repeat("x", max(n-envelopeSize, 0))
		}
		return texts[size]
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			JSONRPC string          `json:"jsonrpc"`
			ID      json.RawMessage `json:"id"`
			Method  string          `json:"method"`
			Params  json.RawMessage `json:"params"`
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"jsonrpc": "2.0", "id": req.ID,
			"result": map[string]any{"content": []any{map[string]any{"type": "text", "text": text(r.URL.RawQuery)}}},
		})
	})
}
