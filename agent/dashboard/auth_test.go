package dashboard_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/dashboard"
)

// paths are all that need the token, and some that are not there.
var paths = []string{
	"/api/logs", "/api/logs/1", "/api/stats", "/api/detections", "/api/timeline", "/api/tools", "/api/events", "/api/sessions", "/api/sessions/x",
	"/api/sessions/x/transcript", "/api/sources", "/api/sources/x", "/api/canaries", "/api/sinks", "/api/health", "/api/export", "/api/openapi.json",
	"/api/nothing", "/nothing", "/api", "/api/", "//api/logs", "/api/logs/", "/metrics", "/api/login",
}

func TestNothingWithoutTheToken(t *testing.T) {
	b := serve(t, newRecord(), nil)
	var answers []string
	wrong := []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + token, "Bearer " + token + "x", "Bearer " + token[1:], token, "bearer\t" + token}
	for _, path := range paths {
		for _, with := range wrong {
			for _, method := range []string{http.MethodGet, http.MethodPut, "OPTIONS"} {
				resp := b.ask(method, path, "", "Authorization", with, "Cookie", "__Host-killdeer="+token+"; killdeer=")
				answers = append(answers, fmt.Sprint(resp.StatusCode, resp.Header["Www-Authenticate"], read(t, resp)))
				if resp.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s %s with %q: %s", method, path, with, resp.Status)
				}
			}
		}
	}
	slices.Sort(answers)
	if all := slices.Compact(answers); len(all) != 1 {
		t.Errorf("answers without the token differ: %q", all)
	}
	if strings.Contains(b.log.String(), token[1:]) {
		t.Error("a token is in the log")
	}
	if resp := b.ask(http.MethodGet, "/", "", "Authorization", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("the page, which holds nothing: %s", resp.Status)
	}
}

func TestLogin(t *testing.T) {
	b := serve(t, newRecord(), nil)
	try := func(body string, header ...string) *http.Response {
		return b.ask(http.MethodPost, "/api/login", body, append([]string{"Authorization", ""}, header...)...)
	}
	for _, body := range []string{"", "{}x", `{"token":7}`, `{"other":"x"}`, `{"token":"` + strings.Repeat("x", 9000) + `"}`} {
		if resp := try(body); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("login with %.40q: %s", body, resp.Status)
		}
	}
	if resp := try(`{"token":"wrong"}`); resp.StatusCode != http.StatusUnauthorized || len(resp.Cookies()) > 0 {
		t.Errorf("a wrong token: %s", resp.Status)
	}
	resp := try(`{"token":"` + token + `"}`)
	if resp.StatusCode != http.StatusNoContent || len(resp.Cookies()) != 1 {
		t.Fatalf("login: %s, %d cookies", resp.Status, len(resp.Cookies()))
	}
	c := resp.Cookies()[0]
	if c.Name != "__Host-killdeer" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge != 12*3600 || strings.Contains(c.Value, token) {
		t.Errorf("cookie %s", c)
	}
	with := []string{"Authorization", "", "Cookie", c.Name + "=" + c.Value}
	if resp := b.ask(http.MethodGet, "/api/stats", "", with...); resp.StatusCode != http.StatusOK {
		t.Errorf("with the cookie: %s", resp.Status)
	}
	if resp := b.ask(http.MethodPost, "/api/logout", "", with...); resp.StatusCode != http.StatusNoContent {
		t.Errorf("logout: %s", resp.Status)
	}
	if resp := b.ask(http.MethodGet, "/api/stats", "", with...); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("with the cookie of a session that ended: %s", resp.Status)
	}
	far := try(`{"token":"`+token+`"}`, "Host", "192.0.2.7:3111")
	if c := far.Cookies(); len(c) != 1 || c[0].Secure || c[0].Name != "killdeer" {
		t.Errorf("cookie over plain HTTP from afar: %v", c)
	}
}

func TestLoginLimit(t *testing.T) {
	b := serve(t, newRecord(), nil)
	codes := []int{}
	for range 7 {
		codes = append(codes, b.ask(http.MethodPost, "/api/login", `{"token":"wrong"}`, "Authorization", "").StatusCode)
	}
	if want := []int{401, 401, 401, 401, 401, 429, 429}; !slices.Equal(codes, want) {
		t.Errorf("codes %v, want %v", codes, want)
	}
	resp := b.ask(http.MethodPost, "/api/login", `{"token":"`+token+`"}`, "Authorization", "")
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the right token, held back: %s", resp.Status)
	}
	if resp := b.ask(http.MethodGet, "/api/stats", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("a script with the token is not held back: %s", resp.Status)
	}
}

func TestForeignRequests(t *testing.T) {
	b := serve(t, newRecord(), func(o *dashboard.Options) { o.Hosts = []string{"sensor.example"} })
	for _, c := range []struct {
		name, method, path string
		header             []string
		want               int
	}{
		{"by address", "GET", "/api/stats", []string{"Host", "192.0.2.1:3111"}, 200},
		{"by IPv6 address", "GET", "/api/stats", []string{"Host", "[2001:db8::1]"}, 200},
		{"localhost", "GET", "/api/stats", []string{"Host", "LOCALHOST:3111"}, 200},
		{"a listed name", "GET", "/api/stats", []string{"Host", "Sensor.example"}, 200},
		{"another name", "GET", "/api/stats", []string{"Host", "evil.example"}, 421},
		{"another name, the page", "GET", "/", []string{"Host", "evil.example:3111"}, 421},
		{"a name that ends in it", "GET", "/", []string{"Host", "x.localhost.evil.example"}, 421},
		{"of the same site's page", "GET", "/api/stats", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"by hand", "GET", "/api/stats", []string{"Sec-Fetch-Site", "none"}, 200},
		{"of another site's page", "GET", "/api/stats", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"of another port's page", "GET", "/api/events", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"another site's form", "POST", "/api/logout", []string{"Origin", "http://evil.example"}, 403},
		{"own form", "POST", "/api/logout", []string{"Origin", b.url}, 204},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := b.ask(c.method, c.path, "", c.header...)
			if resp.StatusCode != c.want {
				t.Errorf("%s: %s", resp.Status, read(t, resp))
			}
			for name := range resp.Header {
				if strings.HasPrefix(name, "Access-Control") {
					t.Errorf("%s: %q", name, resp.Header[name])
				}
			}
			if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("policy %q", csp)
			}
		})
	}
}

func TestOpenOnLoopbackWithoutToken(t *testing.T) {
	b := serve(t, newRecord(), func(o *dashboard.Options) { o.TokenHash = nil })
	if resp := b.ask(http.MethodGet, "/api/stats", "", "Authorization", ""); resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

// One address cannot take all connections.
func TestConnectionsOfOneAddress(t *testing.T) {
	b := serve(t, newRecord(), nil)
	var open []net.Conn
	for range 120 {
		c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	closed := 0
	for _, c := range open[96:] {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			closed++
		}
	}
	if closed != 24 {
		t.Errorf("%d of 24 connections too many were closed", closed)
	}
	for _, c := range open {
		_ = c.Close()
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		resp, err := http.Get(b.url + "/")
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("places are not given back: %v", err)
		}
	}
}
