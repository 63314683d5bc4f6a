package decoy

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a connection that counts what it is asked for.
type counted struct {
	net.Conn
	reads, readBy, writeBy int
	late                   time.Duration // after which it is out of time for ever
}

func (c *counted) Read(p []byte) (int, error) {
	if c.reads++; c.late > 0 {
		time.Sleep(c.late)
		c.late = 1
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Read(p)
}

func (c *counted) SetReadDeadline(t time.Time) error {
	c.readBy++
	return c.Conn.SetReadDeadline(t)
}

func (c *counted) SetWriteDeadline(t time.Time) error {
	c.writeBy++
	return c.Conn.SetWriteDeadline(t)
}

// newCounted is a connection whose client is the other end of the pipe.
func newCounted() (*conn, *counted, net.Conn) {
	ours, its := net.Pipe()
	n := &counted{Conn: ours}
	return newConn(n, 1<<10, func(*conn, string, []wireHead) {}), n, its
}

// in is a deadline that lies ahead.
func in(d time.Duration) time.Time { return time.Now().Add(d) }

// Reads end when they are meant to, whenever that was said, and the socket hears of it no
// more often than it must.
func TestReadDeadline(t *testing.T) {
	tests := map[string]struct {
		before []time.Duration // what is said before the read, 0 for no end
		during time.Duration   // and a second into it
		ends   time.Duration   // of the read; none by itself after an hour
		told   int             // times that the socket is told
	}{
		"none":             {ends: time.Hour},
		"one":              {before: []time.Duration{5}, ends: 5, told: 1},
		"sooner":           {before: []time.Duration{9, 5}, ends: 5, told: 1},
		"later":            {before: []time.Duration{5, 9}, ends: 9, told: 1},
		"none after all":   {before: []time.Duration{5, 0}, ends: time.Hour},
		"past":             {before: []time.Duration{-1}, ends: 0},
		"sooner meanwhile": {before: []time.Duration{9}, during: 4, ends: 5, told: 2},
		"later meanwhile":  {before: []time.Duration{5}, during: 8, ends: 9, told: 2},
		"now":              {before: []time.Duration{9}, during: -1, ends: 1, told: 2},
		"first meanwhile":  {during: 4, ends: 5, told: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, n, its := newCounted()
				defer its.Close()
				set := func(d time.Duration) {
					at := time.Time{}
					if d != 0 {
						at = in(d * time.Second)
					}
					if err := c.SetReadDeadline(at); err != nil {
						t.Error(err)
					}
				}
				for _, d := range tt.before {
					set(d)
				}
				if tt.during != 0 {
					time.AfterFunc(time.Second, func() { set(tt.during) })
				}
				if tt.ends == time.Hour {
					time.AfterFunc(time.Hour, func() { _ = its.Close() })
				} else {
					tt.ends *= time.Second
				}
				began := time.Now()
				_, err := c.Read(make([]byte, 4096))
				if took := time.Since(began); took != tt.ends || errors.Is(err, os.ErrDeadlineExceeded) != (tt.ends != time.Hour) {
					t.Errorf("ended after %v with %v, want %v", took, err, tt.ends)
				}
				if n.readBy != tt.told {
					t.Errorf("the socket was told %d times, want %d", n.readBy, tt.told)
				}
			})
		})
	}
}

// A deadline that the socket was told of and that does not hold any more costs nobody a
// read, neither while it is ahead nor when it has passed.
func TestReadDeadlineIsPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, n, its := newCounted()
		defer its.Close()
		buf := make([]byte, 4096)
		_ = c.SetReadDeadline(in(10 * time.Second))
		for i := range 30 { // one a second
			time.AfterFunc(time.Second, func() { _, _ = io.WriteString(its, "\r\n") })
			if err := c.fill(buf); err != nil {
				t.Fatalf("read %d: %v", i, err)
			}
			_ = c.SetReadDeadline(time.Time{})
			_ = c.SetReadDeadline(in(10 * time.Second))
		}
		if n.readBy > 5 {
			t.Errorf("30 reads with 61 deadlines told the socket of %d", n.readBy)
		}
	})
}

// The read beside a request leaves the socket alone until somebody wants to know whether
// the client leaves, and ends as it is told in any case.
func TestReadBesideRequest(t *testing.T) {
	for name, end := range map[string]func(c *conn, its net.Conn){
		"aborted": func(c *conn, _ net.Conn) { _ = c.SetReadDeadline(time.Unix(1, 0)) },
		"closed":  func(c *conn, _ net.Conn) { _ = c.Close() },
		"watched": func(c *conn, its net.Conn) { c.watch(); _ = its.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, n, its := newCounted()
				defer its.Close()
				c.takeHead()
				time.AfterFunc(time.Second, func() {
					if n.reads != 0 {
						t.Error("the socket is read though nobody asked")
					}
					end(c, its)
				})
				began := time.Now()
				if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(began) != time.Second {
					t.Errorf("ended after %v with %v", time.Since(began), err)
				}
				if asked := n.reads > 0; asked != (name == "watched" || name == "closed") {
					t.Errorf("the socket was read %d times", n.reads)
				}
			})
		})
	}
}

// One byte of a body is read whoever wants it: nothing comes beside that.
func TestReadOneByteOfBody(t *testing.T) {
	c, _, its := newCounted()
	defer its.Close()
	go func() {
		_, _ = io.WriteString(its, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
		time.Sleep(10 * time.Millisecond)
		_, _ = io.WriteString(its, "ab")
	}()
	buf := make([]byte, 4096)
	for c.arrived(); !c.readingBody(); {
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range "ab" {
		if _, err := c.Read(buf[:1]); err != nil || rune(buf[0]) != want {
			t.Fatalf("%q, %v, want %q", buf[0], err, want)
		}
	}
}

// The time for taking an answer is set anew when it is a tenth shorter than it should be,
// or longer; that there is none is not taken for an answer.
func TestWriteBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, n, its := newCounted()
		defer its.Close()
		for i, step := range []struct {
			after, within time.Duration
			told          int
		}{{0, 10, 1}, {0, 10, 1}, {900, 10, 1}, {200, 10, 2}, {0, 5, 3}, {0, 5, 3}, {0, 10, 4}} {
			time.Sleep(step.after * time.Millisecond)
			c.writeBy(step.within * time.Second)
			if err := c.SetWriteDeadline(time.Time{}); err != nil || n.writeBy != step.told {
				t.Fatalf("step %d: told %d times, want %d; %v", i, n.writeBy, step.told, err)
			}
		}
		began := time.Now()
		if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 10*time.Second {
			t.Errorf("cut off after %v with %v", time.Since(began), err)
		}
	})
}

// A connection below that is out of time for ever, as one whose handshake was too slow, is
// not asked for ever, whatever the deadline has become.
func TestReadOfOneOutOfTime(t *testing.T) {
	for name, until := range map[string]time.Duration{"none": 0, "later": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, n, its := newCounted()
				defer its.Close()
				n.late = time.Second
				_ = c.SetReadDeadline(in(time.Second))
				time.AfterFunc(time.Second/2, func() {
					if until == 0 {
						_ = c.SetReadDeadline(time.Time{})
						return
					}
					_ = c.SetReadDeadline(in(until))
				})
				if _, err := c.Read(make([]byte, 4096)); !errors.Is(err, os.ErrDeadlineExceeded) || n.reads > 2 {
					t.Errorf("%v after %d reads", err, n.reads)
				}
			})
		})
	}
}
