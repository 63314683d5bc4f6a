package dashboard

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

// openapi describes the API in OpenAPI 3.1.
//
//go:embed openapi.json
var openapi []byte

func (s *Server) description(c echo.Context) error {
	if err := parameters(c).end(); err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "application/json", openapi)
}
