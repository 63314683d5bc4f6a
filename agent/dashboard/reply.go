package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// fault is an answer that says what is wrong with a request.
type fault struct {
	status  int
	message string
}

func (f *fault) Error() string { return f.message }

func problem(status int, message string) error { return &fault{status, message} }

// fail answers for a handler that could not. What is wrong inside the sensor goes to
// its log: whoever asks learns only that it is.
func (s *Server) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	f := &fault{http.StatusInternalServerError, "the sensor could not answer: its log says why"}
	if http, ok := errors.AsType[*echo.HTTPError](err); ok {
		f = &fault{http.Code, statusText(http.Code)}
	}
	switch own, ok := errors.AsType[*fault](err); {
	case ok:
		f = own
	case errors.Is(err, ErrNotFound):
		f = &fault{http.StatusNotFound, "there is none"}
	case errors.Is(err, ErrQuery):
		f = &fault{http.StatusBadRequest, err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		f = &fault{http.StatusServiceUnavailable, "the journal did not answer in time: ask for less"}
	case f.status == http.StatusInternalServerError && c.Request().Context().Err() == nil:
		s.Log.Error("answer the dashboard", "path", c.Path(), "error", err)
	}
	_ = writeJSON(c, f.status, map[string]string{"error": f.message}) // the reader is gone when it fails
}

func statusText(code int) string {
	switch code {
	case http.StatusNotFound:
		return "there is nothing here: /api/openapi.json lists what there is"
	case http.StatusMethodNotAllowed:
		return "this method is not allowed here"
	}
	return http.StatusText(code)
}

// writeJSON answers with a value. Characters that mean something in HTML are
// escaped, whatever a browser may take the answer for.
func writeJSON(c echo.Context, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(writeWithin)) // the test recorder has none
	if c.Request().Method == http.MethodHead {
		return c.NoContent(status)
	}
	return c.Blob(status, "application/json", append(b, '\n'))
}

// within bounds how long the journal may take for a request.
func within(c echo.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Request().Context(), answerWithin)
}

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
