package guest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func TestWriter(t *testing.T) {
	var w guest.Writer
	w.Obj().Key("s").Str("a\"\\\n\t\u0001<&>\u2028").Key("n").Int(-5).Key("u").Uint(1<<63).Key("f").Float(1.5, -1)
	w.Key("b").Bool(true).Key("z").Null().Key("r").Raw([]byte(`{"x":1.0}`))
	w.Key("a").Arr().Int(1).Obj().End().Arr().End().Str("").End().Key("o").Obj().End().End()
	want := `{"s":"a\"\\\n\t\u0001<&>` + "\u2028" + `","n":-5,"u":9223372036854775808,"f":1.5,"b":true,"z":null,"r":{"x":1.0},"a":[1,{},[],""],"o":{}}`
	if got := string(w.Bytes()); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	w.Reset()
	if got := string(w.Arr().End().Bytes()); got != "[]" {
		t.Errorf("after Reset: %s", got)
	}
}

// Text gives what JSON.stringify(v, null, 2) gives, as one JSON string.
func TestWriterText(t *testing.T) {
	var w guest.Writer
	w.Obj().Key("text").Text()
	w.Obj().Key("q").Str("say \"hi\"\n\\").Key("list").Arr().Int(1).Obj().Key("k").Null().End().End().Key("e").Arr().End().End()
	w.End().Key("after").Int(2).End()
	var got struct {
		Text  string
		After int
	}
	if err := json.Unmarshal(w.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, w.Bytes())
	}
	want := `{
  "q": "say \"hi\"\n\\",
  "list": [
    1,
    {
      "k": null
    }
  ],
  "e": []
}`
	if got.Text != want || got.After != 2 {
		t.Errorf("\n got %s\nwant %s", got.Text, want)
	}
}

func TestWriterMisuse(t *testing.T) {
	for name, f := range map[string]func(w *guest.Writer){
		"end of nothing": func(w *guest.Writer) { w.End() },
		"text in text":   func(w *guest.Writer) { w.Text().Text() },
		"bare key":       func(w *guest.Writer) { w.Key("x") },
		"infinity":       func(w *guest.Writer) { w.Float(math.Inf(1), -1) },
		"too deep": func(w *guest.Writer) {
			for range guest.MaxDepth + 1 {
				w.Arr()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f(new(guest.Writer))
		})
	}
}

func FuzzWriterStr(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\x00\x1f\x7f\xff\u2028\U0001F600")
	f.Fuzz(func(t *testing.T, s string) {
		var w guest.Writer
		w.Obj().Key(s).Str(s).Key("t").Text().Obj().Key(s).Str(s).End().End().End()
		var got map[string]string
		if err := json.Unmarshal(w.Bytes(), &got); err != nil {
			t.Fatalf("%q: %v in %s", s, err, w.Bytes())
		}
		want := s
		if !utf8.ValidString(s) {
			return // runs of bad bytes become one or several U+FFFD
		}
		var inner map[string]string
		if err := json.Unmarshal([]byte(got["t"]), &inner); s != "t" && (err != nil || inner[want] != want || got[want] != want) {
			t.Fatalf("%q came back as %q and %q, %v", s, got[want], inner[want], err)
		}
	})
}

func TestObject(t *testing.T) {
	o, err := guest.ParseObject([]byte(` {"s":"a\u00e9\ud83d\ude00\n","n":-12,"f":3.9,"big":1e400,"b":true,"z":null,"o":{"k":"v"},"dup":1,"dup":2} `))
	if err != nil {
		t.Fatal(err)
	}
	if o.Str("s") != "aé😀\n" || o.Int("n", 0) != -12 || o.Int("f", 0) != 3 || !o.Bool("b") || o.Has("z") || o.Object("o").Str("k") != "v" || o.Int("dup", 0) != 2 {
		t.Errorf("object read wrongly: %+v", o)
	}
	if o.Int("s", 7) != 7 || o.Str("n") != "" || o.Int("absent", 9) != 9 || o.Raw("absent") != nil {
		t.Error("a member of another type was read")
	}
}

// Siblings do not add up to depth.
func TestObjectDepth(t *testing.T) {
	wide := `{"a":[` + strings.Repeat(`{"b":[]},`, 500) + `{}]}`
	if _, err := guest.ParseObject([]byte(wide)); err != nil {
		t.Errorf("500 siblings: %v", err)
	}
	for depth, ok := range map[int]bool{guest.MaxDepth - 2: true, guest.MaxDepth + 1: false} {
		deep := `{"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`
		if _, err := guest.ParseObject([]byte(deep)); (err == nil) != ok {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}

// FuzzObject holds that valid JSON is read as encoding/json reads it, and that
// nothing else makes it panic.
func FuzzObject(f *testing.F) {
	f.Add(`{"a":"b","c":[1,{"d":null}],"e":{}}`)
	f.Add(`{"\u0061":"\ud800\"x"}`)
	f.Add(`{"a":`)
	f.Fuzz(func(t *testing.T, s string) {
		o, err := guest.ParseObject([]byte(s))
		_ = guest.Strings([]byte(s))
		if !json.Valid([]byte(s)) || !utf8.ValidString(s) {
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(s), &want) != nil || want == nil || err != nil {
			return
		}
		for k, v := range want {
			if got := o.Raw(k); strings.TrimSpace(string(v)) != string(got) {
				t.Fatalf("%q: member %q is %s, want %s", s, k, got, v)
			}
			var text string
			if json.Unmarshal(v, &text) == nil && v[0] == '"' && o.Str(k) != text {
				t.Fatalf("%q: string %q is %q, want %q", s, k, o.Str(k), text)
			}
		}
	})
}

type persona struct{}

func (persona) Describe() []byte { return []byte(`{"id":"p"}`) }
func (persona) Call(c *sdk.Call) []byte {
	return fmt.Appendf(nil, "%s %d %s %s", c.Tool, c.Seed, c.Now.Format("15:04"), c.Args)
}

// preparing is a persona that tells what it was prepared with.
type preparing struct{ with *string }

func (preparing) Describe() []byte        { return []byte(`{"id":"p","prepare":true}`) }
func (preparing) Call(c *sdk.Call) []byte { return nil }
func (p preparing) Prepare(c *sdk.Call) {
	*p.with = fmt.Sprint(c.Seed, " ", c.Company, " ", c.Now.Format("15:04"))
}

func TestPersonaHandlerPrepares(t *testing.T) {
	with := ""
	h := guest.PersonaHandler("m", "1.0.0", preparing{&with})
	got := string(h([]byte(`{"abi":1,"op":"prepare","persona":"p","seed":"7","company":"9","now":"2026-01-02T03:04:05Z"}`)))
	if got != "{}" || with != "7 9 03:04" {
		t.Errorf("answers %s, prepared with %q", got, with)
	}
}

func TestPersonaHandler(t *testing.T) {
	h := guest.PersonaHandler("m", "1.0.0", persona{})
	tests := []struct{ in, want string }{
		{`{"abi":1,"op":"describe"}`, `{"abi":1,"kind":"persona","id":"m","version":"1.0.0","personas":[{"id":"p"}]}`},
		{`{"abi":1,"op":"call","persona":"p","seed":"18446744073709551615","now":"2026-01-02T03:04:05Z","tool":"t","args":{"a":1}}`, `t 18446744073709551615 03:04 {"a":1}`},
		{`{"op":"call","persona":"other"}`, `{"error":{"kind":"internal","message":"unsupported request"}}`},
		{`{"op":"evaluate","persona":"p"}`, `{"error":{"kind":"internal","message":"unsupported request"}}`},
		{`{"op":"prepare","persona":"p"}`, `{"error":{"kind":"internal","message":"unsupported request"}}`},
		{`nonsense`, `{"error":{"kind":"internal","message":"bad envelope"}}`},
	}
	for _, tt := range tests {
		if got := string(h([]byte(tt.in))); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.in, got, tt.want)
		}
	}
}
