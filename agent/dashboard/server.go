package dashboard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// Bounds of one connection and one request. Bodies are tokens only.
const (
	headWithin   = 5 * time.Second
	readWithin   = 10 * time.Second
	idleWithin   = 2 * time.Minute
	writeWithin  = 10 * time.Second // for a client to take what it is sent
	maxHead      = 64 << 10         // a few filters of many characters
	maxBody      = 4 << 10
	maxConns     = 256
	maxOfOne     = 96               // connections of one address: live feeds, and some for the rest
	answerWithin = 10 * time.Second // for the journal to answer a request
)

// Options configure a dashboard. Events, Feed, Tables, Sensor and Log are required.
type Options struct {
	Events Events
	Feed   Feed
	Tables Tables
	Sensor Sensor
	Log    *slog.Logger

	// TokenHash is the SHA-256 of the token that is asked for. Without it everybody
	// who reaches the listener may read.
	TokenHash []byte
	// Hosts are names, without a port, that the page may be opened under beside
	// addresses and "localhost". Any other name could be DNS rebinding.
	Hosts []string
	// TLS makes it HTTPS.
	TLS *tls.Config
	// Routes are served beside the dashboard's own.
	Routes []Route
}

// Route is a path that another part serves on this listener, by GET.
type Route struct {
	Path    string
	Open    bool // whoever reaches the listener may ask, without a token
	Handler http.Handler
}

// Server is one dashboard. Create it with [New].
type Server struct {
	Options
	doors   *doors
	watched chan struct{} // places of live feeds
	http    *http.Server
	closing context.Context // ends live feeds when a stop begins
	close   context.CancelFunc
	feeds   sync.WaitGroup
}

// New returns a dashboard that serves nothing yet.
func New(o Options) *Server {
	s := &Server{Options: o, doors: newDoors(o.TokenHash), watched: make(chan struct{}, maxFeeds)}
	s.closing, s.close = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headWithin,
		ReadTimeout:       readWithin,
		IdleTimeout:       idleWithin,
		MaxHeaderBytes:    maxHead,
		// What clients do wrong is theirs to know.
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	s.http.TLSConfig = o.TLS
	return s
}

// handler is all of the dashboard. What is not on the list of open routes needs the
// token, whether it exists or not.
func (s *Server) handler() http.Handler {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = s.fail
	e.Pre(s.harden)
	open := map[string]bool{"POST " + pathLogin: true, "GET " + pathSession: true}
	for _, f := range pageFiles() {
		e.GET(f.path, f.serve)
		e.HEAD(f.path, f.serve)
		open["GET "+f.path], open["HEAD "+f.path] = true, true
	}
	for _, r := range s.Routes {
		e.GET(r.Path, echo.WrapHandler(r.Handler))
		open["GET "+r.Path] = r.Open
	}
	e.Use(s.admit(open))
	for path, serve := range s.api() {
		e.GET(path, serve)
	}
	e.POST(pathLogin, s.login)
	e.POST(pathLogout, s.logout)
	return e
}

// api is what can be read.
func (s *Server) api() map[string]echo.HandlerFunc {
	return map[string]echo.HandlerFunc{
		pathSession:                    s.admitted,
		"/api/logs":                    s.logs,
		"/api/logs/:id":                s.log,
		"/api/stats":                   s.stats,
		"/api/detections":              s.detections,
		"/api/timeline":                s.timeline,
		"/api/tools":                   s.tools,
		"/api/events":                  s.live,
		"/api/sessions":                s.sessions,
		"/api/sessions/:id":            s.session,
		"/api/sessions/:id/transcript": s.transcript,
		"/api/sources":                 s.sources,
		"/api/sources/:ip":             s.source,
		"/api/canaries":                s.canaries,
		"/api/sinks":                   s.sinks,
		"/api/health":                  s.health,
		"/api/export":                  s.export,
		"/api/openapi.json":            s.description,
	}
}

// Serve accepts connections from l until Shutdown. It returns nil after it.
func (s *Server) Serve(l net.Listener) error {
	l = &limited{Listener: l, of: map[string]int{}}
	var err error
	if s.TLS != nil {
		err = s.http.ServeTLS(l, "", "")
	} else {
		err = s.http.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve dashboard on %s: %w", l.Addr(), err)
}

// Shutdown stops accepting, ends live feeds, lets other requests finish until ctx
// ends, and returns when no feed runs any more.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close() // an export that goes on is cut off
	}
	s.feeds.Wait()
	return err
}
