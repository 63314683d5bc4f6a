package dashboard

import (
	"io"
	"net/http"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Handler is all of a dashboard, without its listener.
func (s *Server) Handler() http.Handler { return s.handler() }

// WriteSheet writes events as an export in CSV does.
func WriteSheet(w io.Writer, events []*sdk.Event) error {
	f := &sheet{}
	f.begin(w)
	for _, ev := range events {
		if err := f.event(ev); err != nil {
			return err
		}
	}
	return f.end()
}
