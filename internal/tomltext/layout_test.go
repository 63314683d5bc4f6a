package tomltext

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

func TestLayout(t *testing.T) {
	const text = `# [comment]
top = 1 # a = 2
a."b c".d = 'x # y'
[t] # c
"q\u0041" = """
[not]
z = 1 \
"""""
list = [ # c
  "]", [1,
  2],
  { k = 1, "m" = {n = 2} },
]
[[s]]
x = 1979-05-27 07:32:00
[[s]]
[s.in]
y = '''
'''''
last = -1
`
	want := map[string]int{
		"top": 2, "a": 3, `a."b c"`: 3, `a."b c".d`: 3, "t": 4, "t.qA": 5, "t.list": 9, "t.list[0]": 10, "t.list[1]": 10,
		"t.list[1][0]": 10, "t.list[1][1]": 11, "t.list[2]": 12, "t.list[2].k": 12, "t.list[2].m": 12, "t.list[2].m.n": 12,
		"s": 14, "s[0]": 14, "s[0].x": 15, "s[1]": 16, "s[1].in": 17, "s[1].in.y": 18, "s[1].in.last": 20,
	}
	for name, in := range map[string]string{"lf": text, "crlf": strings.ReplaceAll(text, "\n", "\r\n"), "bom": "\ufeff" + text} {
		if diff := cmp.Diff(want, newLayout(in).lines); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// FuzzLayout holds that every key of a valid file has a line.
func FuzzLayout(f *testing.F) {
	for _, seed := range []string{
		"a.b = 1\n[c.\"d\"]\ne = [[1], {f = 2}]", "[[a]]\n[[a.b]]\n[[a.b]]\nc = 1", "a = '''x'''''\nb = \"\"\"\\\"\"\"\"\"\"\nc = 1",
		"\"\\e\\x41\" = { a = 1, # c\n}", "a = 07:32:00\r\nb = +inf", "\xef\xbb\xbfa = 1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := newLayout(text)
		if l.tooDeep > 0 || len(text) > 1<<12 {
			return
		}
		var tree map[string]any
		if _, err := toml.Decode(text, &tree); err == nil {
			requireLines(t, l, "", tree)
		}
	})
}

func requireLines(t *testing.T, l *layout, path string, v any) {
	t.Helper()
	if path != "" && l.lines[path] == 0 {
		t.Fatalf("%s has no line in %q", path, l.text)
	}
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			requireLines(t, l, JoinPath(path, key), inner)
		}
	case []any:
		for i, inner := range v {
			requireLines(t, l, EntryPath(path, i), inner)
		}
	case []map[string]any:
		for i, inner := range v {
			requireLines(t, l, EntryPath(path, i), inner)
		}
	}
}
