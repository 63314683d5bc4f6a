package canary

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strconv"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

const (
	maxLayers    = 3        // of encodings and compressions in each other
	maxUnwrapped = 4 << 20  // bytes of one layer
	maxStreams   = 64       // compressed streams that are tried in one text
	maxWork      = 16 << 20 // bytes of all layers of one text
)

// Work bounds what several matchers look at together: a server may send any number of
// texts that are small and unfold into large ones. Use it from one goroutine at a time.
type Work struct {
	left int
	// Unread counts texts whose layers were not followed to their end for it.
	Unread int
}

// NewWork allows so many bytes of texts and of what is inside them.
func NewWork(size int) *Work { return &Work{left: size} }

// take reports whether so many bytes may be looked at. With nil, any number may.
func (w *Work) take(n int) bool {
	if w == nil {
		return true
	}
	ok := n <= w.left
	w.left = max(0, w.left-n)
	return ok
}

// unwrap hands f a text, and every text that is inside it under another encoding or
// compression, with the names of those: what has fewer layers first. A text that
// unfolds into very many is not followed to its end, and none is when the work of all
// is done.
func unwrap(b []byte, w *Work, f func(layer string, inner []byte)) {
	f("", b)
	type wrapped struct {
		layer string
		text  []byte
	}
	now, work, ok := []wrapped{{"", b}}, len(b), w.take(len(b))
	for i := 0; i < maxLayers && ok; i++ {
		var deeper []wrapped
		for _, at := range now {
			if work > maxWork || !ok {
				break
			}
			inside(at.text, func(name string, inner []byte) bool {
				if len(inner) >= minRun && !bytes.Equal(inner, at.text) {
					if ok = w.take(len(inner)); !ok {
						return false
					}
					work += len(inner)
					deeper = append(deeper, wrapped{at.layer + name + "+", inner})
				}
				return work <= maxWork
			})
		}
		for _, d := range deeper {
			f(d.layer, d.text)
		}
		now = deeper
	}
	if !ok {
		w.Unread++
	}
}

// inside undoes one layer, in every way that is known, until next wants no more.
func inside(b []byte, next func(name string, inner []byte) bool) {
	if !next("percent", unpercent(b)) || !next("escaped", unescape(b)) {
		return
	}
	for _, text := range invisible(b) {
		if !next("invisible", text) {
			return
		}
	}
	if texts(b, next) && inflate(b, next) {
		bodies(b, next)
	}
}

// inflate finds compressed streams by how they begin.
func inflate(b []byte, next func(name string, inner []byte) bool) bool {
	tried := 0
	for _, k := range []struct {
		name  string
		magic []byte
		open  func(io.Reader) (io.Reader, error)
	}{
		{"gzip", []byte{0x1f, 0x8b, 8}, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}, openZstd},
		{"deflate", []byte{0x78, 0x01}, openZlib},
		{"deflate", []byte{0x78, 0x9c}, openZlib},
		{"deflate", []byte{0x78, 0xda}, openZlib},
	} {
		for at := 0; tried < maxStreams; tried++ {
			i := bytes.Index(b[at:], k.magic)
			if i < 0 {
				break
			}
			if r, err := k.open(bytes.NewReader(b[at+i:])); err == nil && !next(k.name, readSome(r)) {
				return false
			}
			at += i + 1
		}
	}
	return true
}

func openZlib(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }

func openZstd(r io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnwrapped), zstd.WithDecoderMaxWindow(maxUnwrapped))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// bodies tries what has no magic number where an HTTP head ends, if it names a
// content encoding.
func bodies(b []byte, next func(name string, inner []byte) bool) {
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok || !bytes.Contains(bytes.ToLower(head), []byte("content-encoding:")) {
		return
	}
	if next("br", readSome(brotli.NewReader(bytes.NewReader(body)))) {
		next("deflate", readSome(flate.NewReader(bytes.NewReader(body))))
	}
}

// readSome reads until the limit or the first fault: what came before counts.
func readSome(r io.Reader) []byte {
	b, _ := io.ReadAll(io.LimitReader(r, maxUnwrapped)) // a stream may be cut
	if c, ok := r.(io.Closer); ok {
		_ = c.Close()
	}
	return b
}

// unpercent undoes percent-encoding, and takes "+" for a blank as forms do.
func unpercent(b []byte) []byte {
	if bytes.IndexByte(b, '%') < 0 {
		return nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) {
			if n, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// unescape undoes the backslashes of JSON, JavaScript and most other languages.
func unescape(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 {
		return nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		i++
		switch c := b[i]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'x', 'u':
			n := 2
			if c == 'u' {
				n = 4
			}
			if r, ok := codeUnit(b[i+1:], n); ok {
				out = append(out, string(r)...)
				i += n
			}
		default:
			out = append(out, c)
		}
	}
	return out
}

func codeUnit(b []byte, n int) (rune, bool) {
	if len(b) < n {
		return 0, false
	}
	r, err := strconv.ParseUint(string(b[:n]), 16, 16)
	return rune(r), err == nil
}
