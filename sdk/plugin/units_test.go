package plugin_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

func TestDecode(t *testing.T) {
	type config struct {
		Every plugin.Duration `json:"every"`
		Limit plugin.Size     `json:"limit"`
		Inner struct {
			Key string `json:"key"`
		} `json:"inner"`
	}
	for _, tt := range []struct {
		in   string
		want config
		err  string
	}{
		{`{}`, config{}, ""},
		{`{"every":"90s","limit":"64KiB"}`, config{Every: plugin.Duration(90 * time.Second), Limit: 64 << 10}, ""},
		{`{"limit":512}`, config{Limit: 512}, ""},
		{`{"limit":"2 MB"}`, config{Limit: 2_000_000}, ""},
		{`{"limit":"0"}`, config{}, ""},
		{`{"limit":-1}`, config{}, "no size"},
		{`{"limit":"99999999999GiB"}`, config{}, "no size"},
		{`{"limit":"1 potato"}`, config{}, "no size"},
		{`{"limit":true}`, config{}, "no size"},
		{`{"every":"-1s"}`, config{}, "negative"},
		{`{"every":5}`, config{}, "every"},
		{`{"evry":"5s"}`, config{}, `unknown key "evry": there are every, limit, inner.key`},
		{`{"inner":{"kye":"x"}}`, config{}, `unknown key "kye": there are`},
		{`{} {}`, config{}, "more than one"},
	} {
		var got config
		err := plugin.Decode(json.RawMessage(tt.in), &got)
		if tt.err == "" && (err != nil || got != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("Decode(%s) = %+v, %v, want %+v, %q", tt.in, got, err, tt.want, tt.err)
		}
	}
}
