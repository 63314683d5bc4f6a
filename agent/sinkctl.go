package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/plugins"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// sinkRoutes adds what is asked about sinks. Beside reading it lets them try again,
// and sends test events.
func (s *controlServer) sinkRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /sinks", func(w http.ResponseWriter, _ *http.Request) {
		if s.sinks() == nil {
			reply(w, []plugins.Status{}, nil)
			return
		}
		reply(w, s.sinks().Status(), nil)
	})
	mux.HandleFunc("POST /sinks/{name}/retry", func(w http.ResponseWriter, r *http.Request) {
		sinkReply(w, s, func() (plugins.Retried, error) { return s.sinks().Retry(r.Context(), r.PathValue("name")) })
	})
	mux.HandleFunc("POST /sinks/{name}/test", func(w http.ResponseWriter, r *http.Request) {
		sinkReply(w, s, func() (plugins.Answer, error) {
			return s.sinks().Test(r.Context(), r.PathValue("name"), testEvent(s.sensor, r.PathValue("name")))
		})
	})
}

// sinkReply answers with what f returns. A sink that fails is an answer, too.
func sinkReply[T any](w http.ResponseWriter, s *controlServer, f func() (T, error)) {
	if s.sinks() == nil {
		http.Error(w, plugins.ErrNoSink.Error(), http.StatusNotFound)
		return
	}
	value, err := f()
	if errors.Is(err, plugins.ErrNoSink) {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	fault := ""
	if err != nil {
		fault = err.Error()
	}
	reply(w, map[string]any{"value": value, "fault": fault}, nil)
}

// testEvent is labelled, so that nobody takes it for more.
func testEvent(sensor, sink string) *sdk.Event {
	return &sdk.Event{
		V: sdk.EventVersion, ID: uuid.Must(uuid.NewV7()).String(), Kind: sdk.KindHealth, Time: time.Now().UTC(), Sensor: sensor,
		Health: &sdk.Health{Part: "sink/" + sink, State: "test", Detail: "a test event: an operator asked for it, nothing happened"},
	}
}

// askSink asks a running sensor about one sink.
func (c *controlClient) askSink(ctx context.Context, name, verb string, value any) error {
	u := url.URL{Scheme: "http", Host: controlHost, Path: "/sinks/" + name + "/" + verb}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the sensor: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		if said := strings.TrimSpace(string(text)); resp.StatusCode != http.StatusNotFound {
			return fmt.Errorf("ask the sensor: %s", said)
		}
		return fmt.Errorf("the running sensor has no sink %q: restart it after a change of its configuration", name)
	}
	var got struct {
		Value json.RawMessage
		Fault string
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return fmt.Errorf("ask the sensor: %w", err)
	}
	if err := json.Unmarshal(got.Value, value); err != nil {
		return fmt.Errorf("ask the sensor: %w", err)
	}
	if got.Fault != "" {
		return errors.New(got.Fault)
	}
	return nil
}

// dialSensor returns a client of the running sensor, or an error that wraps
// [ErrNoSensor].
func dialSensor(ctx context.Context, stateDir string) (*controlClient, error) {
	c := newControlClient(stateDir)
	if _, err := c.Last(ctx); err != nil {
		return nil, errors.Join(ErrNoSensor, c.Close())
	}
	return c, nil
}

// SinkStatus returns how the sinks are. Without a running sensor it is how they were
// when it ended.
func SinkStatus(ctx context.Context, cfg *config.Config) (all []plugins.Status, err error) {
	c, err := dialSensor(ctx, cfg.Sensor.StateDir)
	if err == nil {
		defer c.Close()
		err = c.read(ctx, "/sinks", nil, &all)
		return all, err
	}
	if !errors.Is(err, ErrNoSensor) {
		return nil, err
	}
	j, err := journal.OpenReader(cfg.Sensor.StateDir)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	for i := range cfg.Sinks {
		st, err := restingStatus(&cfg.Sinks[i], cfg.Sensor.StateDir, j)
		if err != nil {
			return nil, err
		}
		all = append(all, st)
	}
	return all, nil
}

func restingStatus(s *config.Sink, stateDir string, j *journal.Journal) (plugins.Status, error) {
	st := plugins.Status{Name: s.Name, Program: s.Plugin, State: plugins.StateStopped}
	at, err := j.Mark(sinkConsumer + s.Name)
	if err != nil {
		return st, err
	}
	st.At, st.Behind = at, j.Last()-min(at, j.Last())
	st.Letters, err = plugins.ReadDead(stateDir, s.Name)
	st.Dead = len(st.Letters)
	return st, err
}

// RetrySink lets a sink of the running sensor try again what it could not deliver.
func RetrySink(ctx context.Context, cfg *config.Config, name string) (r plugins.Retried, err error) {
	c, err := dialSensor(ctx, cfg.Sensor.StateDir)
	if err != nil {
		return r, err
	}
	defer c.Close()
	err = c.askSink(ctx, name, "retry", &r)
	return r, err
}

// TestSink sends a labelled test event to a sink, through the running sensor where
// there is one, and returns what came back.
func TestSink(ctx context.Context, cfg *config.Config, name string, log *slog.Logger) (a plugins.Answer, err error) {
	spec, err := specNamed(cfg, name)
	if err != nil {
		return a, err
	}
	c, err := dialSensor(ctx, cfg.Sensor.StateDir)
	if err == nil {
		defer c.Close()
		err = c.askSink(ctx, name, "test", &a)
		return a, err
	}
	return plugins.Try(ctx, spec, testEvent(cfg.Sensor.Name, name), log)
}

func specNamed(cfg *config.Config, name string) (plugins.Spec, error) {
	var names []string
	for i := range cfg.Sinks {
		if cfg.Sinks[i].Name == name {
			return sinkSpec(&cfg.Sinks[i], PluginDirs())
		}
		names = append(names, cfg.Sinks[i].Name)
	}
	if len(names) == 0 {
		return plugins.Spec{}, fmt.Errorf("%w: the configuration has none", plugins.ErrNoSink)
	}
	return plugins.Spec{}, fmt.Errorf("%w: %q, there are %s", plugins.ErrNoSink, name, strings.Join(names, ", "))
}

// CheckSinks starts the program of each sink, lets it look at its configuration, and
// ends it. No receiver is reached for.
func CheckSinks(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	specs, err := sinkSpecs(cfg.Sinks, PluginDirs())
	for _, spec := range specs {
		if _, bad := plugins.Try(ctx, spec, nil, log); bad != nil {
			err = errors.Join(err, fmt.Errorf("sink %q: %w", spec.Name, bad))
		}
	}
	return err
}
