package decoy

// chunks follows a chunked body (RFC 9112 §7.1) byte by byte, only to find where
// it ends: net/http decodes it.
type chunks struct {
	state  chunkState
	size   int64
	digits int
	line   int // bytes in the trailer line so far
}

type chunkState byte

const (
	chunkSize chunkState = iota
	chunkExtension
	chunkData
	chunkDataEnd
	chunkTrailer
	chunkDone
	chunkBroken
)

// maxChunkDigits bounds a chunk-size to what an int64 holds.
const maxChunkDigits = 15

// scan takes bytes of the body and returns how many of them belong to it. When
// it returns fewer than len(b), the state is chunkDone or chunkBroken.
func (c *chunks) scan(b []byte) int {
	for i := 0; i < len(b); i++ {
		if c.state == chunkData {
			n := min(int64(len(b)-i), c.size)
			c.size -= n
			i += int(n) - 1
			if c.size == 0 {
				c.state = chunkDataEnd
			}
			continue
		}
		c.step(b[i])
		if c.state == chunkDone || c.state == chunkBroken {
			return i + 1
		}
	}
	return len(b)
}

func (c *chunks) step(b byte) {
	switch c.state {
	case chunkSize:
		c.sizeByte(b)
	case chunkExtension:
		if b == '\n' {
			c.sizeDone()
		}
	case chunkDataEnd:
		switch b {
		case '\r':
		case '\n':
			c.state, c.size, c.digits = chunkSize, 0, 0
		default:
			c.state = chunkBroken
		}
	case chunkTrailer:
		c.trailerByte(b)
	}
}

func (c *chunks) sizeByte(b byte) {
	switch {
	case b >= '0' && b <= '9':
		c.size = c.size<<4 | int64(b-'0')
	case b >= 'a' && b <= 'f':
		c.size = c.size<<4 | int64(b-'a'+10)
	case b >= 'A' && b <= 'F':
		c.size = c.size<<4 | int64(b-'A'+10)
	case c.digits > 0 && b == '\n':
		c.sizeDone()
		return
	case c.digits > 0 && (b == ';' || b == ' ' || b == '\t' || b == '\r'):
		c.state = chunkExtension
		return
	default:
		c.state = chunkBroken
		return
	}
	if c.digits++; c.digits > maxChunkDigits {
		c.state = chunkBroken
	}
}

func (c *chunks) sizeDone() {
	c.state = chunkData
	if c.size == 0 {
		c.state, c.line = chunkTrailer, 0
	}
}

// trailerByte ends the body at the first empty line.
func (c *chunks) trailerByte(b byte) {
	switch {
	case b == '\n' && c.line == 0:
		c.state = chunkDone
	case b == '\n':
		c.line = 0
	case b != '\r':
		c.line++
	}
}
