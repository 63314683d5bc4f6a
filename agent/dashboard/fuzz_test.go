package dashboard_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/killdeer-mcp/killdeer/agent/dashboard"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// Whatever stands behind the question mark, the answer is a page or says what is
// wrong.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "limit=1", "offset=2&cursor=3", "from=2026-11-21T12:00:00Z", "severity=high&severity=low", "%zz", "a;b", "ip=%ff", "kind=all&raw=true", "x=\x00&=&&"} {
		f.Add(q)
	}
	r := sample()
	h := dashboard.New(dashboard.Options{Events: r, Feed: r, Tables: r, Sensor: r, Log: slog.New(slog.DiscardHandler)}).Handler()
	f.Fuzz(func(t *testing.T, q string) {
		req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/api/logs", nil)
		req.URL.RawQuery = q
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if !json.Valid(w.Body.Bytes()) || w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("%q: %d %.200s", q, w.Code, w.Body)
		}
	})
}

// No text that a client sends becomes a formula, another cell or another row.
func FuzzSheet(f *testing.F) {
	for _, s := range []string{"=1+1", " =1", "\t@SUM(A1)", "'\"-2", "＝1", "|x", ";=1", "a,b\r\nc", "\x1b[0m\u202e", "%00", "\ufeff=1", "\u200b=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := newRecord()
		ev := access("a", s, s, s, 0)
		ev.UA, ev.Path, ev.Outcome, ev.Client = s, s, s, &sdk.ClientInfo{Name: s, Version: s}
		r.add(ev)
		var out bytes.Buffer
		if err := dashboard.WriteSheet(&out, r.all()); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, cell := range rows[1] {
			bare := strings.TrimLeftFunc(cell, unicode.IsSpace)
			if c, _ := utf8.DecodeRuneInString(bare); bare != "" && strings.ContainsRune("=+-@|%＝＋－＠", c) {
				t.Errorf("%q became %q", s, cell)
			}
		}
	})
}
