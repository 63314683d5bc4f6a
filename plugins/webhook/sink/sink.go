// Package sink posts events to a web address: as Standard Webhooks, by a template
// of the operator's, or as messages for Slack, Teams and Discord.
//
// It goes nowhere but to the one address: no redirect is followed, no proxy is
// asked, and an address of this machine, of a private network or of a metadata
// service is refused when it is dialled, unless it is allowed. What it reads of an
// answer is bounded and not shown. The address, which for chats is a secret, stands
// in no error.
//
// It neither queues nor retries: an error says how many events were delivered, and
// how long the receiver asked to be left alone.
package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Limits of what a receiver may send.
const (
	maxAnswer       = 64 << 10 // bytes of a body that are read, to use the connection again
	maxAnswerHeader = 16 << 10
	maxAfter        = time.Hour
)

// Sink is one receiver of webhooks.
type Sink struct {
	config *Config
	form   form
	client *http.Client
	pace   *pace
	agent  string // our name to the receiver
}

var (
	_ sdk.Sink   = (*Sink)(nil)
	_ sdk.Tester = (*Sink)(nil)
)

// message is one request to be made, for the events of a batch up to end.
type message struct {
	id   string
	body []byte
	end  int
}

// form makes messages of events.
type form interface {
	// messages makes them in order. An error is about the event at its index.
	messages(batch []sdk.Event) ([]message, error)
}

// New makes a sink of its configuration. Version is the product's.
func New(config json.RawMessage, version string) (*Sink, error) {
	c, err := parse(config)
	if err != nil {
		return nil, err
	}
	secured, err := c.tls()
	if err != nil {
		return nil, err
	}
	s := &Sink{config: c, pace: newPace(time.Duration(c.Digest), time.Duration(c.CoolDown)), agent: "Killdeer/" + version}
	if s.form, err = newForm(c, s.pace); err != nil {
		return nil, err
	}
	places := guard{c.allowed}
	s.client = &http.Client{
		Transport: &http.Transport{
			DialContext: places.dialer().DialContext, TLSClientConfig: secured, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: maxAnswerHeader, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s, nil
}

// Write posts what the form makes of the events, one request after the other. Events of
// a message that is refused for what it holds are posted again, one by one.
func (s *Sink) Write(ctx context.Context, batch []sdk.Event) error {
	if err := s.pace.wait(ctx, time.Duration(s.config.Timeout)); err != nil {
		return err
	}
	done, with, err := s.send(ctx, batch)
	if with > 1 && errors.Is(err, sdk.ErrPermanent) { // one of them is at fault, and the others are not lost with it
		for n := 0; done < len(batch); done += n {
			if n, _, err = s.send(ctx, batch[done:done+1]); err != nil {
				break
			}
		}
	}
	if err == nil {
		return nil
	}
	failure := &sdk.WriteError{Done: done, Err: err}
	if answer, ok := errors.AsType[*answerError](err); ok {
		failure.After = answer.after
	}
	return failure
}

// send posts what the form makes of events. It returns how many are done, and of how
// many the message was that is not.
func (s *Sink) send(ctx context.Context, events []sdk.Event) (done, with int, err error) {
	messages, bad := s.form.messages(events)
	for _, m := range messages {
		if err := s.post(ctx, m); err != nil {
			return done, m.end - done, fmt.Errorf("post to %s: %w", s.config.url.Hostname(), err)
		}
		done = m.end
		s.pace.sent()
	}
	if bad != nil {
		return done, 1, fmt.Errorf("make a message: %w: %w", bad, sdk.ErrPermanent)
	}
	s.pace.settle()
	return len(events), 0, nil
}

// Close ends idle connections.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Test posts one event and says what the receiver answered.
func (s *Sink) Test(ctx context.Context, e sdk.Event) (string, error) {
	if err := s.Write(ctx, []sdk.Event{e}); err != nil {
		return "", err
	}
	return s.config.url.Hostname() + " took it", nil
}

// answerError is an answer that is not of the 2xx.
type answerError struct {
	status int
	after  time.Duration
}

func (e *answerError) Error() string {
	text := fmt.Sprintf("the answer is %d %s", e.status, http.StatusText(e.status))
	switch {
	case e.status >= 300 && e.status < 400:
		return text + ": redirects are not followed, set url to where it points"
	case e.status == http.StatusGone:
		return text + ": the receiver wants no more"
	}
	return text
}

// Unwrap says what follows from the status: an event that was refused for what it
// is will be refused again, and 410 is for good.
func (e *answerError) Unwrap() error {
	switch e.status {
	case http.StatusGone:
		return sdk.ErrGone
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return sdk.ErrPermanent
	}
	return nil
}

func (s *Sink) post(ctx context.Context, m message) error {
	timeout := time.Duration(s.config.Timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("timeout of %s reached", timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.url.String(), bytes.NewReader(m.body))
	if err != nil {
		return withoutURL(err)
	}
	request.Header.Set("Content-Type", s.config.ContentType)
	request.Header.Set("User-Agent", s.agent)
	for name, value := range s.config.Headers {
		request.Header.Set(name, value)
	}
	sign(request.Header, s.config.keys, m.id, time.Now(), m.body)
	answer, err := s.client.Do(request)
	if err != nil {
		err = withoutURL(err)
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("%w (%w)", err, cause)
		}
		return err
	}
	defer answer.Body.Close()
	// Only the status counts; the rest is read so that the connection can be used
	// again, and if that fails it cannot.
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return nil
	}
	return &answerError{answer.StatusCode, retryAfter(answer.Header.Get("Retry-After"), time.Now())}
}

// withoutURL is err without the address that package http puts before it.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// retryAfter reads seconds or a date, RFC 9110 §10.2.3.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, min(at.Sub(now), maxAfter))
	}
	return 0
}
