package main

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestService plays the service manager: it hands over a socket, hears that the
// sensor is ready, lives, reloads and stops, and keeps the socket meanwhile.
func TestService(t *testing.T) {
	buildGuests(t)
	v := newVictim(t, "")
	heard := notifications(t, filepath.Join(v.dir, "notify"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log, err := os.Create(filepath.Join(v.dir, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// LISTEN_PID is the process that the sockets are for: the shell becomes it.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec killdeer run -c "$0"`, v.config())
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=decoy", "WATCHDOG_USEC=600000", "GORACE=atexit_sleep_ms=10", "NOTIFY_SOCKET="+filepath.Join(v.dir, "notify"))
	cmd.ExtraFiles, cmd.Stderr = []*os.File{file}, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	v.cmd = cmd
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	heard("READY=1")
	heard("WATCHDOG=1")
	heard("WATCHDOG=1")
	resp, err := http.Get("http://" + l.Addr().String() + "/mcp")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	heard("RELOADING=1")
	heard("READY=1\nSTATUS=reloaded")
	if err := os.WriteFile(v.config(), []byte("decoy.pesonas = []"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	heard("READY=1\nSTATUS=the last reload failed")
	v.stop()
	heard("STOPPING=1")
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("the socket ended with the sensor: %v", err)
	}
	c.Close()
}

// notifications listens where a service manager would, and returns what waits for a
// message that begins with a text.
func notifications(t *testing.T, path string) (heard func(begin string)) {
	t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	in := bufio.NewReaderSize(l, 4096)
	return func(begin string) {
		t.Helper()
		var got []string
		if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		for buf := make([]byte, 4096); ; {
			n, err := in.Read(buf)
			if err != nil {
				t.Fatalf("heard no %q: %v; heard %q", begin, err, got)
			}
			if strings.HasPrefix(string(buf[:n]), begin) {
				return
			}
			got = append(got, string(buf[:n]))
		}
	}
}
