package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/labstack/echo/v4"
)

//go:embed page
var page embed.FS

// pageFile is one file of the page.
type pageFile struct {
	path, kind, tag string
	text            []byte
}

// pageFiles are what a browser may load without the token: the page holds nothing
// that was recorded.
func pageFiles() (all []pageFile) {
	// The tree is part of the program: it does not fail to be read.
	_ = fs.WalkDir(page, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) == ".md" {
			return err
		}
		text, err := page.ReadFile(name)
		sum := sha256.Sum256(text)
		f := pageFile{path: name[len("page"):], kind: kindOf(name), tag: `"` + hex.EncodeToString(sum[:8]) + `"`, text: text}
		if f.path == "/index.html" {
			f.path = "/"
		}
		all = append(all, f)
		return err
	})
	return all
}

func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func (f pageFile) serve(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", "no-cache")
	http.ServeContent(c.Response(), c.Request(), f.path, time.Time{}, bytes.NewReader(f.text))
	return nil
}
