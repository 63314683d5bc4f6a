// Command bench measures a built sensor against a bare net/http JSON handler, in
// one run and by turns, so that the ratios hold on a noisy machine. It prints
// requests per second, p50 and p99 for initialize, tools/list and tools/call
// with the same and with varied arguments, the time from start to listening, and
// the resident memory after the load. The journal and the rules are on.
//
// It is no test: it asserts nothing and sends requests to loopback only.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	binary  = flag.String("binary", "dist/killdeer", "the sensor to measure")
	conns   = flag.Int("conns", 16, "connections, each with its own session")
	round   = flag.Duration("round", 3*time.Second, "time of one turn")
	rounds  = flag.Int("rounds", 2, "turns of each side per case")
	soak    = flag.Duration("soak", 0, "load before memory is read, beside the cases")
	starts  = flag.Int("starts", 5, "starts that are timed")
	bareArg = "serve-bare"
)

// envelopeSize is about what stands around the text in the bare handler's answer.
const envelopeSize = 75

func main() {
	if len(os.Args) > 1 && os.Args[1] == bareArg {
		serveBare()
		return
	}
	flag.Parse()
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench() error {
	dir, err := os.MkdirTemp("", "killdeer-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%d CPUs, %d connections, %d x %v a side\n\n", runtime.NumCPU(), *conns, *rounds, *round)
	if err := timeStarts(dir); err != nil {
		return err
	}
	sensor, err := startSensor(dir)
	if err != nil {
		return err
	}
	defer sensor.stop()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bare, err := startServer(self, []string{bareArg}, "")
	if err != nil {
		return err
	}
	defer bare.stop()
	if err := runCases(sensor, bare); err != nil {
		return err
	}
	return memory(sensor, filepath.Join(dir, "state"))
}

// serveBare is what the sensor is compared with: parse, look, answer with a text
// as long as the sensor's answer, which the size parameter tells.
func serveBare() {
	texts := map[string]string{}
	var mu sync.Mutex
	text := func(size string) string {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := texts[size]; !ok {
			n, _ := strconv.Atoi(size)
			texts[size] = strings.Repeat("x", max(n-envelopeSize, 0))
		}
		return texts[size]
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	l, err := listenPrinted()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	_ = (&http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}).Serve(l)
}
