package wording_test

import (
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
)

// BenchmarkWording reads texts that give the patterns the most work.
func BenchmarkWording(b *testing.B) {
	for name, text := range map[string]string{
		"prose":  strings.Repeat("Reads the file at the given path and returns its lines. ", 2000),
		"starts": strings.Repeat("read include pass before first always all the whole ", 2000),
		"noise":  strings.Repeat("\x00\xff\u200b a", 20000),
	} {
		for kind, f := range map[string]func(){
			"orders": func() { wording.Orders(text) }, "hidden": func() { wording.Hidden(text) },
			"claims": func() { wording.Claims(text) }, "hosts": func() { wording.Hosts(text) }, "secret": func() { wording.AsksSecret(text) },
		} {
			b.Run(kind+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					f()
				}
			})
		}
	}
}
