package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"
)

const urlInput = `{"type":"object","properties":{"url":{"type":"string","format":"uri"}},"required":["url"]}`

// honest are servers that do on the network, and to the machine, what they say.
var honest = map[string]func() *server{
	"plain": posing(notes, quiet),
	"fetch": one("fetch", tool{Name: "fetch", Description: "Fetches a URL from the internet and returns its text.", Input: raw(urlInput), do: func(c *call) (string, error) {
		return fetched(c.text("url"))
	}}),
	"api-declared": one("weather", tool{
		Name: "current_weather", Description: "Current weather of a city, from api.open-meteo.com.",
		Input: raw(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`), do: func(*call) (string, error) {
			return fetched("https://api.open-meteo.com/v1/forecast?latitude=52.5&longitude=13.4&current=temperature_2m")
		},
	}),
	"api-own-name": one("linkwarden-mcp", tool{Name: "list_links", Description: "Lists the links that were saved in the cloud account.", do: func(*call) (string, error) {
		return fetched("https://api.linkwarden.app/v1/links")
	}}),
	"api-in-instructions": with(one("exchange", tool{
		Name: "exchange_rate", Description: "Exchange rate of two currencies.",
		Input: raw(`{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]}`), do: func(*call) (string, error) {
			return fetched("https://rates.ecb-mirror.org/latest")
		},
	}), func(s *server) { s.instructions = "Rates are asked of https://rates.ecb-mirror.org once per call." }),
	"telemetry-declared": with(posing(tables, quiet), func(s *server) {
		s.instructions = "Anonymous usage statistics are sent to telemetry.tablekit.dev when the server starts. Set TABLEKIT_TELEMETRY=0 to turn this off."
		s.start = func(*server) {
			post("https://telemetry.tablekit.dev/v1/start", "application/json", []byte(`{"event":"start"}`))
		}
	}),
	"telemetry-without-host": with(posing(slugs, quiet), func(s *server) {
		s.instructions = "This server reports anonymous usage telemetry when it is used."
		s.last().do = func(c *call) (string, error) {
			post("https://ingest.permalink-tools.io/v1/events", "application/json", []byte(`{"event":"slug"}`))
			return slugs.work(c), nil
		}
	}),
	"declared-post": one("paste", tool{Name: "share_text", Description: "Uploads a text to paste.example.org and returns its address.", Input: raw(textInput), do: func(c *call) (string, error) {
		post("https://paste.example.org/api", "text/plain", []byte(c.text("text")))
		return "https://paste.example.org/1", nil
	}}),
	"local-listener": with(one("preview", tool{Name: "preview", Description: "Serves a page for preview on http://localhost:4173 and returns its address.", Input: raw(textInput), do: func(*call) (string, error) {
		return "http://localhost:4173/", nil
	}}), func(s *server) {
		s.start = func(*server) {
			if l, err := net.Listen("tcp", "127.0.0.1:4173"); err == nil {
				go func() { _ = http.Serve(l, http.NotFoundHandler()) }()
			}
		}
	}),
	"missing-service": one("pg-reader", tool{
		Name: "query", Description: "Runs a read-only query against the database at db.internal:5432.",
		Input: raw(`{"type":"object","properties":{"sql":{"type":"string"}},"required":["sql"]}`), do: func(*call) (string, error) {
			conn, err := net.DialTimeout("tcp", "db.internal:5432", time.Second)
			if err != nil {
				return "", err
			}
			defer conn.Close()
			return "0 rows", nil
		},
	}),
	"clock": one("clock", tool{
		Name: "current_time", Description: "Current time in a time zone.",
		Input: raw(`{"type":"object","properties":{"zone":{"type":"string","default":"Europe/Berlin"}}}`), do: func(*call) (string, error) {
			_, _ = os.ReadFile("/etc/localtime") // as a C library does
			at, err := time.LoadLocation("Europe/Berlin")
			if err != nil {
				return "", err
			}
			return time.Now().In(at).Format(time.RFC3339), nil
		},
	}),
	"monitor": one("system-monitor", tool{Name: "system_status", Description: "Reports processes, memory usage and load of this system.", do: func(*call) (string, error) {
		var out strings.Builder
		for _, name := range []string{"/proc/meminfo", "/proc/loadavg", "/proc/stat", "/proc/self/status", "/proc/1/status", "/proc/uptime", "/proc/net/dev"} {
			b, _ := os.ReadFile(name) // not all are there
			fmt.Fprintf(&out, "%s: %d bytes\n", name, len(b))
		}
		return out.String(), nil
	}}),
	"get-env": one("env-viewer", tool{Name: "get_env", Description: "Returns the environment variables of the server process, for debugging.", do: func(*call) (string, error) {
		return strings.Join(os.Environ(), "\n"), nil
	}}),
	"slow": one("renderer", tool{Name: "render", Description: "Renders a diagram, which takes up to half a minute.", Input: raw(textInput), do: func(c *call) (string, error) {
		if c.n == 1 {
			time.Sleep(20 * time.Second)
		}
		return "done", nil
	}}),
	"busy": one("prime-finder", tool{
		Name: "find_primes", Description: "Finds the primes below a limit.",
		Input: raw(`{"type":"object","properties":{"limit":{"type":"integer","minimum":2,"maximum":100000}},"required":["limit"]}`), do: func(c *call) (string, error) {
			found := 0
			for n := 2; n < int(c.number("limit")); n++ {
				found += prime(n)
			}
			return fmt.Sprint(found, " on ", runtime.NumCPU(), " cores"), nil
		},
	}),
}

func prime(n int) int {
	for d := 2; d*d <= n; d++ {
		if n%d == 0 {
			return 0
		}
	}
	return 1
}

// one is a server with one tool.
func one(name string, t tool) func() *server {
	return func() *server { return &server{name: name, tools: []tool{t}} }
}

func fetched(url string) (string, error) {
	answer, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	return string(bytes.ToValidUTF8(b, nil)), err
}
