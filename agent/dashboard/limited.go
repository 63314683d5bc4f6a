package dashboard

import (
	"net"
	"sync"
)

// limited accepts a connection only while there is a place for it, so that whoever is
// served goes on being served.
type limited struct {
	net.Listener
	mu  sync.Mutex
	all int
	of  map[string]int // connections by address
}

// Accept implements [net.Listener].
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who := c.RemoteAddr().String()
		if host, _, err := net.SplitHostPort(who); err == nil {
			who = host
		}
		if l.take(who) {
			return &placed{Conn: c, free: sync.OnceFunc(func() { l.give(who) })}, nil
		}
		_ = c.Close() // nobody is owed an answer
	}
}

func (l *limited) take(who string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxConns || l.of[who] >= maxOfOne {
		return false
	}
	l.all++
	l.of[who]++
	return true
}

func (l *limited) give(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.of[who]--; l.of[who] == 0 {
		delete(l.of, who)
	}
}

// placed gives its place back when it is closed.
type placed struct {
	net.Conn
	free func()
}

// Close implements [net.Conn].
func (c *placed) Close() error {
	defer c.free()
	return c.Conn.Close()
}
