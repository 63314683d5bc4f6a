package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// The control socket lets the read commands see the journal of a running sensor,
// which holds its files alone, and lets it be told to look at its configuration
// again. It lies in the state directory, so its mode and the directory's decide
// who may use it; whoever may can say nothing that the configuration does not.
const (
	controlSocket  = "control.sock"
	controlHost    = "control"
	followBatch    = 256
	maxControlLine = 8 << 20 // bytes of one event on the wire
	dialTimeout    = 2 * time.Second
)

// Log is a journal to read from: a running sensor's, or the files themselves.
type Log interface {
	Query(ctx context.Context, q journal.Query) (journal.Page, error)
	Get(ctx context.Context, id string) (*sdk.Event, error)
	// Follow calls f for every event after seq, oldest first, as they come. It
	// returns an error when f fails, ctx ends or no sensor runs, and nil when
	// the sensor stops.
	Follow(ctx context.Context, after uint64, f func(*sdk.Event) error) error
	Last(ctx context.Context) (uint64, error)
	Info(ctx context.Context) (journal.Info, error)
	Stats(ctx context.Context) (journal.Stats, error)
	Close() error
}

// ErrNoSensor means that nothing runs on a state directory.
var ErrNoSensor = errors.New("no sensor is running")

// IsRunning reports whether a sensor runs on a state directory and lets this user
// speak to it.
func IsRunning(ctx context.Context, stateDir string) bool {
	c := newControlClient(stateDir)
	defer c.http.CloseIdleConnections()
	_, err := c.Last(ctx)
	return err == nil
}

// OpenLog opens the journal of a state directory, through the running sensor
// where there is one.
func OpenLog(ctx context.Context, stateDir string) (Log, error) {
	if _, err := os.Stat(stateDir); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	c := newControlClient(stateDir)
	if _, err := c.Last(ctx); err == nil {
		return c, nil
	}
	j, err := journal.OpenReader(stateDir)
	if err != nil {
		return nil, err
	}
	return &fileLog{j}, nil
}

// fileLog reads the files of a sensor that does not run.
type fileLog struct{ *journal.Journal }

func (l *fileLog) Last(context.Context) (uint64, error) { return l.Journal.Last(), nil }

func (l *fileLog) Info(context.Context) (journal.Info, error)   { return l.Journal.Info() }
func (l *fileLog) Stats(context.Context) (journal.Stats, error) { return l.Journal.Stats() }

func (l *fileLog) Follow(ctx context.Context, after uint64, f func(*sdk.Event) error) error {
	for {
		events, end, err := readOn(ctx, l.Journal, after, followBatch, slog.New(slog.DiscardHandler))
		if err != nil || end == after {
			return errors.Join(err, ErrNoSensor)
		}
		after = end
		for _, ev := range events {
			if err := f(ev); err != nil {
				return err
			}
		}
	}
}

// controlServer answers on the control socket.
type controlServer struct {
	controlled
	log  *slog.Logger
	http *http.Server
	done chan struct{}
}

// controlled is what a control socket gives access to.
type controlled struct {
	journal *journal.Journal
	sinks   func() *plugins.Host // nil when there are none
	sensor  string
	reload  func() (*Reloaded, error)
	demo    Demo
}

// Demo is what demonstrations need to reach a running sensor.
type Demo struct {
	URL       string `json:"url"`       // of the decoy; "" when it does not listen
	Dashboard string `json:"dashboard"` // URL; "" when there is none
	Value     string `json:"value"`     // of [DemoHeader]
}

// demoAt says how demonstrations reach this sensor.
func (s *Sensor) demoAt() Demo {
	d := Demo{Dashboard: s.DashboardURL(), Value: s.demo}
	if s.listener != nil {
		d.URL = s.scheme() + "://" + s.listener.Addr().String() + s.cfg.Decoy.Path
	}
	return d
}

// FindDemo asks the running sensor of a state directory. The error wraps
// [ErrNoSensor] when there is none.
func FindDemo(ctx context.Context, stateDir string) (d Demo, err error) {
	c, err := dialSensor(ctx, stateDir)
	if err != nil {
		return d, err
	}
	defer c.Close()
	err = c.read(ctx, "/demo", nil, &d)
	return d, err
}

func startControl(stateDir string, c controlled, log *slog.Logger) (*controlServer, error) {
	l, err := listenControl(stateDir)
	if err != nil {
		return nil, err
	}
	s := &controlServer{controlled: c, log: log, done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", s.query)
	mux.HandleFunc("GET /events/{id}", s.get)
	mux.HandleFunc("GET /follow", s.follow)
	mux.HandleFunc("GET /last", s.last)
	mux.HandleFunc("GET /info", s.info)
	mux.HandleFunc("GET /stats", s.stats)
	mux.HandleFunc("POST /reload", s.reloadNow)
	mux.HandleFunc("GET /demo", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.demo, nil) })
	s.sinkRoutes(mux)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: dialTimeout, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("control socket", "error", err)
		}
	}()
	return s, nil
}

// listenControl binds the socket through the directory's descriptor: a socket's
// own path may have only 108 bytes.
func listenControl(stateDir string) (net.Listener, error) {
	if err := os.Remove(filepath.Join(stateDir, controlSocket)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove stale control socket: %w", err)
	}
	dir, err := os.Open(stateDir)
	if err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	defer dir.Close()
	l, err := net.Listen("unix", socketPath(dir))
	if err != nil {
		return nil, fmt.Errorf("listen on control socket in %s: %w", stateDir, err)
	}
	// The path through the descriptor is gone by then; close removes it properly.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l, os.Chmod(filepath.Join(stateDir, controlSocket), 0o600)
}

func socketPath(dir *os.File) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), controlSocket)
}

func (s *controlServer) close(stateDir string) error {
	err := s.http.Close()
	<-s.done
	return errors.Join(err, os.Remove(filepath.Join(stateDir, controlSocket)))
}

func (s *controlServer) query(w http.ResponseWriter, r *http.Request) {
	q, err := decodeQuery(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	page, err := s.journal.Query(r.Context(), q)
	reply(w, page, err)
}

func (s *controlServer) get(w http.ResponseWriter, r *http.Request) {
	ev, err := s.journal.Get(r.Context(), r.PathValue("id"))
	reply(w, ev, err)
}

func (s *controlServer) info(w http.ResponseWriter, _ *http.Request) {
	info, err := s.journal.Info()
	reply(w, info, err)
}

func (s *controlServer) stats(w http.ResponseWriter, _ *http.Request) {
	stats, err := s.journal.Stats()
	reply(w, stats, err)
}

func (s *controlServer) last(w http.ResponseWriter, _ *http.Request) { reply(w, s.journal.Last(), nil) }

func reply(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(v) // the reader is gone when it fails
	}
}

func (s *controlServer) follow(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		http.Error(w, "after is not a sequence number", http.StatusBadRequest)
		return
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	rc := http.NewResponseController(w)
	for {
		events, end, err := readOn(r.Context(), s.journal, after, followBatch, s.log)
		if err != nil {
			return
		}
		for _, ev := range events {
			if enc.Encode(ev) != nil {
				return
			}
		}
		if rc.Flush() != nil || (end == after && s.journal.Wait(r.Context(), after) != nil) {
			return
		}
		after = end
	}
}

// controlClient reads a running sensor's journal.
type controlClient struct{ http *http.Client }

func newControlClient(stateDir string) *controlClient {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		dir, err := os.Open(stateDir)
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		d := net.Dialer{Timeout: dialTimeout}
		return d.DialContext(ctx, "unix", socketPath(dir))
	}
	return &controlClient{&http.Client{Transport: &http.Transport{DialContext: dial}}}
}

func (c *controlClient) open(ctx context.Context, path string, q url.Values) (io.ReadCloser, error) {
	u := url.URL{Scheme: "http", Host: controlHost, Path: path, RawQuery: q.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the sensor: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode == http.StatusNotFound {
		return nil, journal.ErrNotFound
	}
	return nil, fmt.Errorf("ask the sensor: %s", text)
}

func (c *controlClient) read(ctx context.Context, path string, q url.Values, v any) error {
	body, err := c.open(ctx, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	return json.NewDecoder(body).Decode(v)
}

func (c *controlClient) Query(ctx context.Context, q journal.Query) (page journal.Page, err error) {
	err = c.read(ctx, "/events", encodeQuery(q), &page)
	return page, err
}

func (c *controlClient) Get(ctx context.Context, id string) (*sdk.Event, error) {
	var ev sdk.Event
	if err := c.read(ctx, "/events/"+url.PathEscape(id), nil, &ev); err != nil {
		return nil, err
	}
	return &ev, nil
}

func (c *controlClient) Last(ctx context.Context) (n uint64, err error) {
	err = c.read(ctx, "/last", nil, &n)
	return n, err
}

func (c *controlClient) Info(ctx context.Context) (i journal.Info, err error) {
	err = c.read(ctx, "/info", nil, &i)
	return i, err
}

func (c *controlClient) Stats(ctx context.Context) (s journal.Stats, err error) {
	err = c.read(ctx, "/stats", nil, &s)
	return s, err
}

func (c *controlClient) Follow(ctx context.Context, after uint64, f func(*sdk.Event) error) error {
	body, err := c.open(ctx, "/follow", url.Values{"after": {strconv.FormatUint(after, 10)}})
	if hasStopped(err) {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxControlLine)
	for lines.Scan() {
		var ev sdk.Event
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
			if lines.Err() != nil {
				break // the sensor went away in the middle of a line
			}
			return fmt.Errorf("read event: %w", err)
		}
		if err := f(&ev); err != nil {
			return err
		}
	}
	err = lines.Err()
	if err == nil || ctx.Err() != nil || hasStopped(err) {
		return ctx.Err() // a sensor that stops does not end its streams first
	}
	return fmt.Errorf("follow events: %w", err)
}

// hasStopped reports whether an error is that of asking a sensor that ran a moment
// ago.
func hasStopped(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist)
}

func (c *controlClient) Close() error {
	c.http.CloseIdleConnections()
	return nil
}
