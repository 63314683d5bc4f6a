//go:build unix

package pgsql_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is a PostgreSQL in a temporary directory, spoken to over its socket.
type server struct {
	conn   net.Conn
	r      *bufio.Reader
	socket string
}

// answer is what a server says to one simple query.
type answer struct {
	names []string
	types []uint32
	rows  [][]string // "\x00" is NULL
	tag   string
	err   map[byte]string // fields of the error, nil for none
}

const binaries = "/usr/lib/postgresql/15/bin"

// startServer starts PostgreSQL 15 or skips the test.
func startServer(t *testing.T) *server {
	t.Helper()
	if _, err := os.Stat(binaries + "/postgres"); err != nil {
		const reason = "PostgreSQL 15 is not installed: apt-get install postgresql-15"
		if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "postgresql") {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	dir, err := os.MkdirTemp("", "pg") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	attr := ownUser(t, dir)
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(t.Context(), binaries+"/initdb", "-D", data, "-A", "trust", "-U", "postgres", "--locale=C.UTF-8", "-N")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Skipf("initdb: %v: %s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binaries+"/postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "timezone=Etc/UTC", "-c", "fsync=off", "-c", "statement_timeout=5s", "-c", "jit=off")
	cmd.SysProcAttr, cmd.Dir = attr, dir
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	return connect(t, filepath.Join(dir, ".s.PGSQL.5432"), "postgres")
}

// ownUser lets root run the server as a user that owns its directory.
func ownUser(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skipf("root may not run PostgreSQL, and there is no user for it: %v", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Skip(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func connect(t *testing.T, socket, role string) *server {
	t.Helper()
	var conn net.Conn
	var err error
	for range 100 {
		if conn, err = net.Dial("unix", socket); err == nil {
			s := &server{conn, bufio.NewReader(conn), socket}
			if s.login(role) {
				t.Cleanup(func() { _ = conn.Close() })
				return s
			}
			_ = conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("connect to PostgreSQL: %v", err)
	return nil
}

func (s *server) login(role string) bool {
	body := binary.BigEndian.AppendUint32(nil, 196608)
	body = append(body, "user\x00"+role+"\x00database\x00postgres\x00\x00"...)
	_, _ = s.conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...))
	for {
		kind, _, err := s.message()
		if err != nil || kind == 'E' {
			return false
		}
		if kind == 'Z' {
			return true
		}
	}
}

func (s *server) message() (byte, []byte, error) {
	kind, err := s.r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(s.r, size[:]); err != nil {
		return 0, nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:])-4)
	_, err = io.ReadFull(s.r, body)
	return kind, body, err
}

// query runs a text by the simple protocol; of several results the last is kept.
func (s *server) query(t *testing.T, text string) answer {
	t.Helper()
	body := append([]byte(text), 0)
	_, _ = s.conn.Write(append(append([]byte{'Q'}, binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))...), body...))
	var a answer
	for {
		kind, body, err := s.message()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		switch kind {
		case 'T':
			a = answer{}
			a.describe(body)
		case 'D':
			a.rows = append(a.rows, cells(body))
		case 'C':
			a.tag = strings.TrimRight(string(body), "\x00")
		case 'E':
			a.err = map[byte]string{}
			for f := range strings.SplitSeq(string(body), "\x00") {
				if f != "" {
					a.err[f[0]] = f[1:]
				}
			}
		case 'Z':
			if body[0] != 'I' { // every text starts outside a transaction
				s.query(t, "rollback")
			}
			return a
		}
	}
}

func (a *answer) describe(b []byte) {
	n := binary.BigEndian.Uint16(b)
	b = b[2:]
	for range n {
		name, rest, _ := strings.Cut(string(b), "\x00")
		b = []byte(rest)
		a.names, a.types = append(a.names, name), append(a.types, binary.BigEndian.Uint32(b[6:]))
		b = b[18:]
	}
}

func cells(b []byte) []string {
	n := binary.BigEndian.Uint16(b)
	b = b[2:]
	var out []string
	for range n {
		size := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		if size < 0 {
			out = append(out, "\x00")
			continue
		}
		out = append(out, string(b[:size]))
		b = b[size:]
	}
	return out
}
