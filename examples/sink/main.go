// Command sink is an example of a sink plugin: it posts events to a URL as lines of
// JSON. It is small, not complete: docs/sinks.md says what else there is to think of.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/plugin"
)

func main() { plugin.Serve(open) }

// sink posts to one URL.
type sink struct {
	URL   string `json:"url"`
	Token string `json:"token"` // agent.toml has "cred:NAME"; the sensor fills it in
}

// open checks the configuration and does nothing else: "killdeer check" calls it too.
func open(config json.RawMessage) (sdk.Sink, error) {
	s := &sink{}
	if err := plugin.Decode(config, s); err != nil {
		return nil, err
	}
	if u, err := url.Parse(s.URL); err != nil || u.Host == "" {
		return nil, errors.New("url: want one such as https://logs.example.com/events")
	}
	return s, nil
}

// Write posts a batch. The sensor calls it again with the same events until it
// returns nil, and with the next ones after that.
func (s *sink) Write(ctx context.Context, batch []sdk.Event) error {
	var body bytes.Buffer
	for i := range batch {
		if err := json.NewEncoder(&body).Encode(&batch[i]); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Authorization", "Bearer "+s.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("post events: %w", errors.Unwrap(err)) // without the URL
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode == http.StatusGone:
		return sdk.ErrGone
	case resp.StatusCode == http.StatusBadRequest, resp.StatusCode == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: status %d", sdk.ErrPermanent, resp.StatusCode)
	}
	return fmt.Errorf("status %d", resp.StatusCode) // try again later
}
