package main

import (
	"fmt"
	"slices"
	"strings"
)

// honestTexts are servers whose texts and lists look odd and are not.
var honestTexts = map[string]func() *server{
	"drift-before": with(posing(units, quiet), func(s *server) { s.version = "2.0.0" }),
	"important-words": with(posing(notes, quiet), func(s *server) {
		s.instructions = "IMPORTANT: call initialize before any tool. You MUST pass markdown, and ALWAYS close code fences."
		s.last().Description = "IMPORTANT: call initialize before. Formats a markdown note."
	}),
	"many-scripts": with(posing(slugs, quiet), func(s *server) {
		s.last().Description = "Makes slugs 🐌 for headlines: עברית, العربية, فارسی می‌خواهم, हिन्दी क्ष, 日本語, 한국어, families 👨‍👩‍👧 and flags 🇩🇪 ❤️."
		s.last().Title = "Slug – « Überschrift »"
	}),
	"pages": func() *server {
		s := &server{name: "catalogue", page: 40}
		for i := range 150 {
			s.tools = append(s.tools, tool{Name: fmt.Sprintf("lookup_%03d", i), Description: fmt.Sprintf("Looks an entry up in part %d of the catalogue.", i), Input: raw(textInput), do: echo})
		}
		return s
	},
	"odd-schema": with(posing(tables, quiet), func(s *server) {
		s.last().Input = raw(`{"$schema":"http://json-schema.org/draft-07/schema#","type":["object","null"],"properties":{"rows":{"$ref":"#/definitions/rows"},"flag":{"type":["boolean","string"]},"mode":{"oneOf":[{"const":"wide"},{"const":"narrow"}]}},"required":["rows"],"definitions":{"rows":{"type":"array","items":{"type":["string","number"]},"minItems":1}}}`)
	}),
	"noise": with(posing(notes, quiet), func(s *server) {
		s.start = func(s *server) { s.send("notes-formatter 1.4.2 listening on stdio") }
		s.last().do = func(c *call) (string, error) {
			s.send("formatted one note")
			return notes.work(c), nil
		}
	}),
	"toggle": func() *server {
		s := &server{name: "toolbox"}
		extra := tool{Name: "advanced_sort", Description: "Sorts lines by a key.", Input: raw(textInput), do: echo}
		on := false
		s.tools = []tool{{Name: "enable_advanced", Description: "Enables the advanced tools: the list of tools changes.", do: func(c *call) (string, error) {
			if !on {
				on = true
				c.notify("notifications/tools/list_changed", "{}")
			}
			return "enabled", nil
		}}, words()}
		s.listing = func(s *server, _ int) []tool {
			if on {
				return append(slices.Clone(s.tools), extra)
			}
			return s.tools
		}
		return s
	},
	"shuffled-list": with(posing(tables, quiet), func(s *server) {
		s.listing = func(s *server, n int) []tool {
			shown := slices.Clone(s.tools)
			if n%2 == 0 {
				slices.Reverse(shown)
			}
			return shown
		}
	}),
	"dated-text": with(posing(units, quiet), func(s *server) {
		s.listing = func(s *server, n int) []tool {
			shown := slices.Clone(s.tools)
			shown[len(shown)-1].Description = fmt.Sprintf("Converts a length from metres to another unit. Tables of 2026-11-21T10:%02d:00Z.", n)
			return shown
		}
	}),
	"sampling-declared": with(posing(notes, quiet), func(s *server) {
		s.last().Name, s.last().Description = "summarise", "Summarises a text by sampling: asks the client's model."
		s.last().do = func(c *call) (string, error) {
			c.ask("sampling/createMessage", `{"messages":[{"role":"user","content":{"type":"text","text":"Summarise in one sentence."}}],"maxTokens":200}`)
			return "A text.", nil
		}
	}),
	"elicitation-declared": with(posing(slugs, quiet), func(s *server) {
		s.last().Description = "Turns a headline into a slug and asks the user for confirmation."
		s.last().do = func(c *call) (string, error) {
			c.ask("elicitation/create", `{"message":"Use this slug?","requestedSchema":{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}}`)
			return slugs.work(c), nil
		}
	}),
	"echoes": one("echo", tool{Name: "echo", Description: "Returns its argument, for tests of a connection.", Input: raw(textInput), do: echo}),
	"long-result": one("lorem", tool{Name: "filler_text", Description: "Returns filler text.", do: func(*call) (string, error) {
		return strings.Repeat("Lorem ipsum dolor sit amet, consetetur sadipscing elitr. ", 4000), nil
	}}),
	"read-only-honest": with(posing(units, quiet), func(s *server) {
		s.last().Hints = map[string]bool{"readOnlyHint": true, "openWorldHint": false, "idempotentHint": true}
		s.instructions = "Everything is computed locally; no network access is needed."
	}),
}
