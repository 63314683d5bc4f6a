package encode_test

import (
	"testing"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/plugins/encode/encodetest"
)

func BenchmarkSyslog(b *testing.B) {
	s, e := predecessor(), encodetest.Call()
	var text []byte
	for b.Loop() {
		text = s.Append(text[:0], &e)
	}
}

func BenchmarkLines(b *testing.B) {
	for _, format := range []encode.Format{encode.NDJSON, encode.ECS, encode.OCSF} {
		b.Run(string(format), func(b *testing.B) {
			lines, err := encode.NewLines(format, "1.0")
			if err != nil {
				b.Fatal(err)
			}
			e := encodetest.Call()
			var text []byte
			for b.Loop() {
				if text, err = lines.Append(text[:0], &e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
