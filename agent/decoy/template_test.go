package decoy

import (
	"testing"

	"github.com/killdeer-mcp/killdeer/sdk"
)

func TestTemplateMatch(t *testing.T) {
	tests := []struct{ template, uri, want string }{
		{"test://t/{id}/data", "test://t/a%20b/data", `{"id":"a b"}`},
		{"test://t/{id}/data", "test://t/a/b/data", ""},
		{"test://t/{id}/data", "test://t/a", ""},
		{"file:///{+path}", "file:///etc/passwd", `{"path":"etc/passwd"}`},
		{"repo://{owner}/{name}{/path}", "repo://a/b/c", `{"owner":"a","name":"b","path":"c"}`},
		{"repo://{owner}/{name}{/path}", "repo://a/b", `{"owner":"a","name":"b","path":""}`},
		{"db://{table}{?limit,offset}", "db://users?limit=5", `{"table":"users","limit":"5","offset":""}`},
		{"x://{list*}", "x://a,b", `{"list":"a,b"}`},
		{"file:///{+path}", "file:///%zz", ""},
	}
	for _, tt := range tests {
		tmpl, err := newTemplate(&sdk.ResourceTemplate{URITemplate: tt.template})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(tmpl.match(tt.uri)); got != tt.want {
			t.Errorf("%s, %s: %s, want %s", tt.template, tt.uri, got, tt.want)
		}
	}
}
