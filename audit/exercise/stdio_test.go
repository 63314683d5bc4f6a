package exercise_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/killdeer-mcp/killdeer/audit/exercise"
)

type discard struct{ io.Writer }

func (discard) Close() error { return nil }

// read reads all of a server's output and says what it was.
func read(t testing.TB, output string) []string {
	t.Helper()
	transport := &exercise.Stdio{Out: io.NopCloser(strings.NewReader(output)), In: discard{io.Discard}}
	conn, err := transport.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		m, err := conn.Read(t.Context())
		junk, isJunk := errors.AsType[*exercise.JunkError](err)
		_, isLarge := errors.AsType[*exercise.TooLargeError](err)
		switch {
		case isJunk:
			if len(junk.Line) > 3*512 {
				t.Fatalf("%d bytes of junk were kept", len(junk.Line))
			}
			got = append(got, "junk")
		case isLarge:
			got = append(got, "large")
		case err != nil:
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return got
		default:
			if r, ok := m.(*jsonrpc.Request); ok {
				got = append(got, r.Method)
			} else {
				got = append(got, "reply")
			}
		}
	}
}

func TestRead(t *testing.T) {
	const note = `{"jsonrpc":"2.0","method":"n"}`
	tests := []struct{ name, output, want string }{
		{"lines", note + "\n" + note + "\r\n", "n n"},
		{"no end of line", note, "n"},
		{"empty lines", "\n\r\n  \n" + note, "n"},
		{"byte order mark", "\xef\xbb\xbf" + note, "n"},
		{"junk", "hello\n" + note, "junk n"},
		{"junk in front", "hello " + note, "junk n"},
		{"junk behind", note + " hello\n", "junk n"},
		{"two on a line", note + note, "junk n n"},
		{"batch", "[" + note + "," + note + ",5]", "n n"},
		{"batch in front", "[" + note + "]" + note, "junk n"},
		{"empty batch", "[]", "junk"},
		{"JSON of another kind", `{"level":"info"}` + "\n5\nnull\n\"x\"", "junk junk junk junk"},
		{"reply without a version", `{"id":1,"result":{}}`, "reply"},
		{"reply without an id", `{"result":{}}`, "junk"},
		{"id of an odd type", `{"jsonrpc":"2.0","id":{},"result":{}}`, "junk"},
		{"deep", strings.Repeat(`[`, 100_000) + "\n" + note, "junk n"},
		{"deep params", `{"jsonrpc":"2.0","method":"n","params":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}", "n"},
		{"large", `{"x":"` + strings.Repeat("a", exercise.MaxMessage) + "\"}\n" + note, "large n"},
		{"large without end", strings.Repeat("a", exercise.MaxMessage+1), "large"},
		{"many braces", strings.Repeat("{", 5000), "junk"},
		{"nul", "\x00\x00\n" + note, "junk n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(read(t, tt.output), " "); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{}}` + "\n", "x {\n{}\n", `[{"method":"a"},[]]`, `{"id":1e400,"error":{"code":"x"}}`,
		"\xef\xbb\xbf\n\xff", `{"jsonrpc":"2.0","method":""}`, `{{{{{"id":"1","result":0}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, output string) {
		lines := strings.Count(output, "\n") + 1
		if got := read(t, output); len(got) > lines+strings.Count(output, "{") {
			t.Errorf("%d messages of %d lines", len(got), lines)
		}
	})
}
