package dashboard

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	pathLogin   = "/api/login"
	pathLogout  = "/api/logout"
	pathSession = "/api/session"

	// The name of a cookie that only this host gets back, over TLS or from loopback
	// (RFC 6265bis §4.1.3.2), and the one for plain HTTP elsewhere, which a browser
	// would not take with such a prefix.
	cookieHost  = "__Host-killdeer"
	cookiePlain = "killdeer"

	sessionLife  = 12 * time.Hour
	maxLogins    = 256 // sessions of the page; the oldest makes room
	failures     = 5   // wrong tokens at the login, of one address
	failuresSpan = time.Minute
	maxFailing   = 4096 // addresses that are counted
)

// doors decide who comes in. Tokens and cookies are only known by their hashes.
type doors struct {
	token []byte // nil: open
	now   func() time.Time

	mu       sync.Mutex
	sessions map[[sha256.Size]byte]time.Time // until when
	failed   map[netip.Prefix]*failing
}

type failing struct {
	n     int
	since time.Time
}

func newDoors(token []byte) *doors {
	return &doors{token: token, now: time.Now, sessions: map[[sha256.Size]byte]time.Time{}, failed: map[netip.Prefix]*failing{}}
}

// right compares a token in a time that does not depend on what it has in common
// with the right one.
func (d *doors) right(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], d.token) == 1
}

// admits reports whether a request brings the token, or a cookie that it was given
// for the token.
func (d *doors) admits(r *http.Request) bool {
	if d.token == nil {
		return true
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return d.right(strings.TrimSpace(token))
	}
	for _, name := range []string{cookieHost, cookiePlain} {
		if c, err := r.Cookie(name); err == nil && d.knows(c.Value) {
			return true
		}
	}
	return false
}

func (d *doors) knows(cookie string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	until, ok := d.sessions[sha256.Sum256([]byte(cookie))]
	return ok && d.now().Before(until)
}

// begin opens a session and returns its cookie's value.
func (d *doors) begin() string {
	var id [32]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	value := base64.RawURLEncoding.EncodeToString(id[:])
	d.mu.Lock()
	defer d.mu.Unlock()
	d.makeRoom()
	d.sessions[sha256.Sum256([]byte(value))] = d.now().Add(sessionLife)
	return value
}

func (d *doors) makeRoom() {
	now := d.now()
	var oldest [sha256.Size]byte
	var first time.Time
	for key, until := range d.sessions {
		if !now.Before(until) {
			delete(d.sessions, key)
		} else if first.IsZero() || until.Before(first) {
			oldest, first = key, until
		}
	}
	if len(d.sessions) >= maxLogins {
		delete(d.sessions, oldest)
	}
}

func (d *doors) end(cookie string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, sha256.Sum256([]byte(cookie)))
}

// try takes one attempt to log in from an address. It returns how long the address
// has to wait when it was wrong too often, and whether the token is right.
func (d *doors) try(addr netip.Addr, token string) (wait time.Duration, ok bool) {
	bits := 32
	if addr = addr.Unmap(); addr.Is6() {
		bits = 64
	}
	who, _ := addr.WithZone("").Prefix(bits) // the zero prefix for none: all those share it
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	f := d.failed[who]
	if f != nil && now.Sub(f.since) >= failuresSpan {
		delete(d.failed, who)
		f = nil
	}
	if f != nil && f.n >= failures {
		return failuresSpan - now.Sub(f.since), false
	}
	if d.right(token) {
		return 0, true
	}
	if f == nil {
		f = d.count(who, now)
	}
	f.n++
	return 0, false
}

// count begins to count an address; those that are no longer held back make room,
// and if there are none, any other does.
func (d *doors) count(who netip.Prefix, now time.Time) *failing {
	if len(d.failed) >= maxFailing {
		for other, f := range d.failed {
			if now.Sub(f.since) >= failuresSpan {
				delete(d.failed, other)
			}
		}
	}
	for other := range d.failed {
		if len(d.failed) < maxFailing {
			break
		}
		delete(d.failed, other)
	}
	f := &failing{since: now}
	d.failed[who] = f
	return f
}

// admit lets through who may read. Who may not learns nothing else, not even
// whether there is such a path.
func (s *Server) admit(open map[string]bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if !open[c.Request().Method+" "+c.Path()] && !s.doors.admits(c.Request()) {
				return unauthorized(c)
			}
			return next(c)
		}
	}
}

func unauthorized(c echo.Context) error {
	c.Response().Header().Set("WWW-Authenticate", "Bearer")
	return problem(http.StatusUnauthorized, "unauthorized")
}

// admitted says whether whoever asks may read, so that the page need not try.
func (s *Server) admitted(c echo.Context) error {
	if err := parameters(c).end(); err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, map[string]bool{"admitted": s.doors.admits(c.Request()), "token": s.doors.token != nil})
}

// login exchanges the token for a cookie.
func (s *Server) login(c echo.Context) error {
	var body struct {
		Token string `json:"token"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(c.Response(), c.Request().Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil || trailing(dec) {
		return problem(http.StatusBadRequest, `want a JSON object {"token": "..."}`)
	}
	addr, _ := netip.ParseAddr(c.RealIP())
	wait, ok := s.doors.try(addr, body.Token)
	switch {
	case s.doors.token == nil:
		return c.NoContent(http.StatusNoContent) // nobody is asked for it
	case wait > 0:
		s.Log.Warn("too many wrong tokens at the dashboard", "from", c.RealIP())
		c.Response().Header().Set("Retry-After", seconds(wait))
		return problem(http.StatusTooManyRequests, "too many attempts: wait a minute")
	case !ok:
		s.Log.Warn("wrong token at the dashboard", "from", c.RealIP())
		return unauthorized(c)
	}
	setCookie(c, s.doors.begin(), int(sessionLife/time.Second))
	return c.NoContent(http.StatusNoContent)
}

func trailing(dec *json.Decoder) bool {
	_, err := dec.Token()
	return err != io.EOF
}

// logout ends the session of the cookie.
func (s *Server) logout(c echo.Context) error {
	for _, name := range []string{cookieHost, cookiePlain} {
		if cookie, err := c.Cookie(name); err == nil {
			s.doors.end(cookie.Value)
		}
	}
	setCookie(c, "", -1)
	return c.NoContent(http.StatusNoContent)
}

// setCookie marks the cookie as secure where the browser would send it back: over
// TLS, ours or a proxy's, and from loopback.
func setCookie(c echo.Context, value string, age int) {
	r := c.Request()
	cookie := http.Cookie{Name: cookiePlain, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://") || isLoopback(r.Host) {
		cookie.Name, cookie.Secure = cookieHost, true
	}
	c.SetCookie(&cookie)
}
