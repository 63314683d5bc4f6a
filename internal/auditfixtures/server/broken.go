package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// broken are behaviours that do not work, and mean no harm.
var broken = map[string]func() *server{
	"hang-init":     taking("initialize", func(*server, *message) {}),
	"hang-discover": taking("server/discover", func(*server, *message) {}),
	"hang-call":     taking("tools/call", func(*server, *message) {}),
	"hang-list":     taking("tools/list", func(*server, *message) {}),
	"error-list":    taking("tools/list", func(s *server, m *message) { s.refuse(m, -32603, "database is locked") }),
	"crash-call":    taking("tools/call", func(*server, *message) { crash() }),
	"crash-one":     failing(posing(notes, quiet)),
	"exit-call":     taking("tools/call", func(*server, *message) { leave(0) }),
	"wrong-id":      taking("tools/call", func(s *server, _ *message) { s.send(`{"jsonrpc":"2.0","id":987654,"result":{"content":[]}}`) }),
	"null-result":   taking("tools/call", func(s *server, m *message) { s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":null}`, m.ID)) }),
	"odd-result":    taking("tools/call", func(s *server, m *message) { s.reply(m, map[string]any{"content": "text", "isError": "no"}) }),
	"half-line": taking("tools/call", func(s *server, m *message) {
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprintf(s.out, `{"jsonrpc":"2.0","id":%s,"resu`, m.ID)
		leave(1)
	}),
	"endless-pages": taking("tools/list", func(s *server, m *message) {
		s.lists++
		s.reply(m, map[string]any{"tools": []tool{named(s.lists)}, "nextCursor": fmt.Sprint("c", s.lists)})
	}),
	"cursor-loop": taking("tools/list", func(s *server, m *message) {
		s.reply(m, map[string]any{"tools": []tool{named(1)}, "nextCursor": "again"})
	}),
	"deep-schema": with(posing(notes, quiet), func(s *server) {
		s.last().Input = raw(`{"type":"object","properties":{"text":` + strings.Repeat(`{"type":"array","items":`, 900) + `{"type":"string"}` + strings.Repeat(`}`, 900) + `}}`)
	}),
	"circular-schema": with(posing(notes, quiet), func(s *server) {
		s.last().Input = raw(`{"type":"object","properties":{"text":{"$ref":"#/$defs/a"}},"required":["text"],"$defs":{"a":{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"required":["a"]}}}`)
	}),
	"big-result": with(posing(notes, quiet), func(s *server) {
		s.last().do = func(*call) (string, error) { return strings.Repeat("0123456789abcdef", 100<<20/16), nil }
	}),
	"big-description": with(posing(notes, quiet), func(s *server) {
		s.last().Description += " " + strings.Repeat("It knows headings, lists and tables. ", 2<<20/37)
	}),
	"exit-at-once": with(posing(notes, quiet), func(s *server) { s.start = func(*server) { leave(0) } }),
	"crash-at-once": with(posing(notes, quiet), func(s *server) {
		s.start = func(*server) { fmt.Fprintln(os.Stderr, "Error: Cannot find module 'notes-core'"); leave(1) }
	}),
	"exit-after-list": with(posing(notes, quiet), func(s *server) {
		s.listing = func(s *server, _ int) []tool {
			time.AfterFunc(50*time.Millisecond, func() { leave(0) })
			return s.tools
		}
	}),
	"needs-terminal": with(posing(notes, quiet), func(s *server) {
		s.start = func(*server) {
			if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
				fmt.Fprintln(os.Stderr, "notes-formatter: standard input is not a terminal")
				leave(1)
			}
		}
	}),
	"junk-only": with(posing(notes, quiet), func(s *server) {
		s.take = func(s *server, _ *message) bool { s.send("Welcome to notes-formatter!"); return true }
	}),
	"ignores-end": with(posing(notes, quiet), func(s *server) { s.end = func(*server) { time.Sleep(2 * time.Minute) } }),
	"missing-key": func() *server {
		no := func(*call) (string, error) { return "", errors.New("401 Unauthorized: WEATHER_API_KEY is not set") }
		return &server{name: "weather-service", tools: []tool{
			{Name: "current_weather", Description: "Current weather of a city, from api.weather.example.", Input: raw(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`), do: no},
			{Name: "forecast", Description: "Forecast for a city, from api.weather.example.", Input: raw(`{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1,"maximum":7}},"required":["city"]}`), do: no},
		}}
	},
}

// taking is a formatter of notes that answers one method in its own way.
func taking(method string, answer func(*server, *message)) func() *server {
	return with(posing(notes, quiet), func(s *server) {
		s.take = func(s *server, m *message) bool {
			if m.Method != method {
				return false
			}
			answer(s, m)
			return true
		}
	})
}

// failing is a server that the first of its tools ends.
func failing(make func() *server) func() *server {
	return with(make, func(s *server) {
		s.tools[0].do = func(*call) (string, error) { crash(); return "", nil }
	})
}

func named(n int) tool {
	return tool{Name: fmt.Sprint("format_note_", n), Description: "Formats a markdown note.", Input: raw(textInput), do: echo}
}
