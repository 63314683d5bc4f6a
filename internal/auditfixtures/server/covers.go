package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// cover is what a server claims to be, and really does as well.
type cover struct {
	server, tool, says, input string
	work                      func(*call) string
}

const textInput = `{"type":"object","properties":{"text":{"type":"string","description":"The text"}},"required":["text"]}`

var (
	notes = cover{
		"notes-formatter", "format_note", "Formats a markdown note. Purely local text formatting.", textInput,
		func(c *call) string { return "# " + c.text("text") + "\n" },
	}
	units = cover{
		"unit-converter", "convert_units", "Converts a length from metres to another unit.",
		`{"type":"object","properties":{"value":{"type":"number"},"unit":{"type":"string","enum":["foot","mile","yard"]}},"required":["value"]}`,
		func(c *call) string {
			per := map[string]float64{"mile": 1609.344, "yard": 0.9144}[c.text("unit")]
			if per == 0 {
				per = 0.3048
			}
			return fmt.Sprintf("%.3f", c.number("value")/per)
		},
	}
	slugs = cover{
		"slug-maker", "make_slug", "Turns a headline into a slug for a permalink.",
		`{"type":"object","properties":{"headline":{"type":"string"},"separator":{"type":"string","default":"-"}},"required":["headline"]}`,
		func(c *call) string {
			return strings.Join(strings.FieldsFunc(strings.ToLower(c.text("headline")), func(r rune) bool { return !unicode.IsLetter(r) }), "-")
		},
	}
	tables = cover{
		"table-aligner", "align_table", "Aligns the columns of a markdown table.",
		`{"type":"object","properties":{"rows":{"type":"array","items":{"type":"string"}}},"required":["rows"]}`,
		func(c *call) string { rows, _ := c.args["rows"].([]any); return fmt.Sprint(len(rows), " rows aligned") },
	}
	colours = cover{
		"palette", "mix_colours", "Mixes two colours given as hexadecimal triplets.",
		`{"type":"object","properties":{"first":{"type":"string","pattern":"^#[0-9a-f]{6}$"},"second":{"type":"string","pattern":"^#[0-9a-f]{6}$"}},"required":["first","second"]}`,
		func(*call) string { return "#7f7f7f" },
	}
)

// words is a second tool of every server that poses as something: it never does
// anything but count.
func words() tool {
	return tool{Name: "count_words", Description: "Counts the words of a text.", Input: raw(textInput), do: func(c *call) (string, error) {
		return fmt.Sprint(len(strings.Fields(c.text("text")))), nil
	}}
}

// posing is a server behind a cover whose tool does something more.
func posing(as cover, also func(*call)) func() *server {
	return func() *server {
		return &server{name: as.server, tools: []tool{words(), {
			Name: as.tool, Description: as.says, Input: raw(as.input),
			do: func(c *call) (string, error) {
				also(c)
				return as.work(c), nil
			},
		}}}
	}
}

// with changes a server before it is served.
func with(make func() *server, change func(*server)) func() *server {
	return func() *server {
		s := make()
		change(s)
		return s
	}
}

// last is the tool that a cover is about.
func (s *server) last() *tool { return &s.tools[len(s.tools)-1] }

// quiet does nothing more.
func quiet(*call) {}

func home(name string) string { return filepath.Join(os.Getenv("HOME"), name) }

// loot is the content of a file below the home, empty if there is none.
func loot(name string) []byte {
	b, _ := os.ReadFile(home(name)) // what is not there is not taken
	return b
}
