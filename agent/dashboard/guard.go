package dashboard

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// policy lets a page load what this server has, and nothing else do anything.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'"

// harden stands before everything, the router included: names that this server does
// not go by, requests of other sites, and the headers of every answer.
func (s *Server) harden(next echo.HandlerFunc) echo.HandlerFunc {
	foreign := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		h := c.Response().Header()
		for _, kv := range [][2]string{
			{"Content-Security-Policy", policy},
			{"X-Content-Type-Options", "nosniff"},
			{"X-Frame-Options", "DENY"},
			{"Referrer-Policy", "no-referrer"},
			{"Cross-Origin-Opener-Policy", "same-origin"},
			{"Cross-Origin-Resource-Policy", "same-origin"},
			{"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
			{"Cache-Control", "no-store"},
		} {
			h.Set(kv[0], kv[1])
		}
		// Whoever does not take an answer does not hold a connection for it; what
		// takes longer has deadlines of its own.
		_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(answerWithin + writeWithin)) // the test recorder has none
		r := c.Request()
		if !s.ownName(r.Host) {
			return problem(http.StatusMisdirectedRequest, "the dashboard is not known under this host name: open it by its address, or list the name in dashboard.hosts")
		}
		if foreign.Check(r) != nil || strings.HasPrefix(r.URL.Path, "/api/") && foreignRead(r) {
			return problem(http.StatusForbidden, "requests of other sites are refused")
		}
		return next(c)
	}
}

// foreignRead reports whether a browser says that another site's page asks.
func foreignRead(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "same-origin" && site != "none"
}

// ownName reports whether the dashboard goes by a Host header's name. Addresses
// cannot be rebound.
func (s *Server) ownName(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return strings.EqualFold(name, "localhost") || slices.ContainsFunc(s.Hosts, func(own string) bool { return strings.EqualFold(own, name) })
}

func isLoopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && addr.IsLoopback() || strings.EqualFold(name, "localhost")
}
