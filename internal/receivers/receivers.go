// Package receivers runs what events are sent to in earnest: rsyslog and syslog-ng
// as Debian builds them, and Python with the official libraries. It is for tests
// only.
//
// What `make receivers` installs lies beside it. Where that is missing a test is
// skipped with the reason, unless KILLDEER_REQUIRE lists "receivers". Every daemon
// runs from its own folder with its own configuration, on loopback ports that are
// free, and ends with the test.
package receivers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a daemon may take to start, or to write what it was sent.
const patience = 30 * time.Second

// need returns where the given files of this folder are, or ends the test. Looking
// at each also tells the test cache what a result depends on.
func need(tb testing.TB, files ...string) []string {
	tb.Helper()
	dir := folder(tb)
	var found []string
	for _, file := range files {
		path := filepath.Join(dir, file)
		if _, err := os.Stat(path); err != nil {
			leaveOut(tb, path+" is missing; run make receivers")
		}
		found = append(found, path)
	}
	return found
}

func leaveOut(tb testing.TB, why string) {
	tb.Helper()
	if slices.Contains(strings.Split(os.Getenv("KILLDEER_REQUIRE"), ","), "receivers") {
		tb.Fatal(why)
	}
	tb.Skip(why)
}

// folder finds this one from any package of the module: tests run in the folder of
// their package.
func folder(tb testing.TB) string {
	tb.Helper()
	at, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return filepath.Join(at, "internal", "receivers")
		}
	}
	tb.Fatal("there is no go.mod above this test")
	return ""
}

// Python returns the interpreter that has the official libraries.
func Python(tb testing.TB) string {
	tb.Helper()
	return need(tb, ".venv/bin/python")[0]
}

// Script returns where a script beside this package is.
func Script(tb testing.TB, name string) string {
	tb.Helper()
	return need(tb, name)[0]
}

// Daemon is a running receiver of syslog. Its ports are on 127.0.0.1.
type Daemon struct {
	Name  string
	UDP   int
	TCP   int // octet counting
	Lines int // a message a line, over TCP
	TLS   int // wants a client certificate of the same authority

	out string // file of one JSON object a line
}

// Record is what a receiver made of one message.
type Record struct {
	CEF  CEF                          `json:"cef"` // by rsyslog, of a text that is CEF
	Pri  int                          `json:"pri"`
	Time string                       `json:"time"`
	Host string                       `json:"host"`
	App  string                       `json:"app"`
	PID  string                       `json:"pid"`
	Msg  string                       `json:"msg"`
	ID   string                       `json:"msgid"`
	Data map[string]map[string]string `json:"data"`
}

// CEF is what rsyslog's parser finds in a record of that form. Of the first key of
// the extension it loses the first letter.
type CEF struct {
	Vendor, Product, Version, SignatureID, Name, Severity string
	Extensions                                            map[string]string
}

// UnmarshalJSON reads the names that liblognorm uses.
func (c *CEF) UnmarshalJSON(text []byte) error {
	var raw struct {
		DeviceVendor, DeviceProduct, DeviceVersion, SignatureID, Name, Severity string
		Extensions                                                              map[string]string
	}
	err := json.Unmarshal(text, &raw)
	*c = CEF{raw.DeviceVendor, raw.DeviceProduct, raw.DeviceVersion, raw.SignatureID, raw.Name, raw.Severity, raw.Extensions}
	return err
}

// Records waits until the receiver has written n records and returns them in its
// order. More than n by then is an error, since one message makes one record.
func (d *Daemon) Records(tb testing.TB, n int) []Record {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for {
		text, err := os.ReadFile(d.out)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			tb.Fatal(err)
		}
		if got := bytes.Count(text, []byte("\n")); got >= n {
			return d.read(tb, text, n)
		} else if time.Now().After(deadline) {
			tb.Fatalf("%s has written %d records of %d", d.Name, got, n)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (d *Daemon) read(tb testing.TB, text []byte, n int) []Record {
	tb.Helper()
	var records []Record
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			tb.Fatalf("%s wrote %.300q: %v", d.Name, lines.Bytes(), err)
		}
		records = append(records, r)
	}
	if len(records) != n {
		tb.Fatalf("%s has written %d records of %d messages", d.Name, len(records), n)
	}
	return records
}

// start runs a daemon until the test ends, and waits until it listens.
func start(tb testing.TB, d *Daemon, command *exec.Cmd) {
	tb.Helper()
	log := &bytes.Buffer{}
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		tb.Fatalf("start %s: %v", d.Name, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait() // it is told to end
	}()
	tb.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = command.Process.Kill()
			<-ended
		}
		if tb.Failed() {
			tb.Logf("%s said:\n%s", d.Name, log.String())
		}
	})
	deadline := time.Now().Add(patience)
	for _, port := range []int{d.TCP, d.Lines, d.TLS} {
		for !listens(port) {
			select {
			case err := <-ended:
				ended <- err
				tb.Fatalf("%s ended: %v\n%s", d.Name, err, log.String())
			case <-time.After(20 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				tb.Fatalf("%s does not listen on %d", d.Name, port)
			}
		}
	}
}

func listens(port int) bool {
	conn, err := net.DialTimeout("tcp", Loopback(port), time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// Loopback is the address of a port of this machine.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Ports are picked below those that the kernel gives to outgoing connections, or
// somebody's would take one between the look and the start of the daemon.
const (
	firstPort = 20_000
	lastPort  = 32_000
)

// freePort finds a port that nothing listens on, for UDP and TCP.
func freePort(tb testing.TB) int {
	tb.Helper()
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", Loopback(port))
		if err != nil {
			continue
		}
		_ = listener.Close()
		packets, err := net.ListenPacket("udp", Loopback(port))
		if err == nil {
			_ = packets.Close()
			return port
		}
	}
	tb.Fatal("no port is free")
	return 0
}

func write(tb testing.TB, path, text string) string {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// multiarch is Debian's name of the folder for this machine's libraries.
func multiarch() string {
	switch runtime.GOARCH {
	case "arm64":
		return "aarch64-linux-gnu"
	default:
		return "x86_64-linux-gnu"
	}
}
