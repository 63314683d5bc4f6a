package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 15 * time.Second

	mcpPath = "/mcp"
	ssePath = "/sse"

	// perSource is above anything that the benchmark holds from its one address.
	perSource = 9000
)

// server is a process under load.
type server struct {
	warm bool // it has had a load

	cmd      *exec.Cmd
	addr     string
	file     string        // a sensor's configuration
	state    string        // a sensor's folder
	took     time.Duration // from start to the first connection that was accepted
	answered time.Duration // from there to the first answer
}

// servePeer runs in a process of its own what a sensor is compared with.
func servePeer(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	return (&http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}).Serve(l)
}

// startPeer starts this program once more, as the server that arg names.
func (b *benchmark) startPeer(arg string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startServer(self, []string{arg}, "")
}

// startServer starts a program that listens on addr, or prints where it does
// when addr is empty.
func startServer(program string, args []string, addr string) (*server, error) {
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	var out *bufio.Scanner
	if addr == "" {
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		out = bufio.NewScanner(pipe)
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, addr: addr}
	if out != nil {
		out.Scan()
		s.addr = strings.TrimPrefix(out.Text(), "listening ")
	}
	for time.Since(begin) < startTimeout {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			s.took = time.Since(begin)
			return s, c.Close()
		}
		time.Sleep(200 * time.Microsecond)
	}
	return nil, errors.Join(fmt.Errorf("%s does not listen", program), s.stop())
}

// stop ends the process, in the end by force.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	force := time.AfterFunc(stopTimeout, func() { _ = s.cmd.Process.Kill() })
	defer force.Stop()
	return s.cmd.Wait()
}

// journal is the size of a sensor's journal in MB, 0 when there is none.
func (s *server) journal() float64 {
	var size int64
	files, _ := filepath.Glob(filepath.Join(s.state, "events", "*")) // the pattern is sound
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return float64(size) / (1 << 20)
}

// lost is how many events a sensor could not record, as its journal says.
func (b *benchmark) lost(s *server) (n uint64, err error) {
	out, err := exec.Command(b.binary, "events", "list", "-c", s.file, "--kind", "gap", "--json", "-n", "100000").Output()
	if err != nil {
		return 0, fmt.Errorf("list gaps: %w", err)
	}
	for line := range bytes.Lines(out) {
		var event struct {
			Gap struct{ Lost uint64 }
		}
		if err := json.Unmarshal(line, &event); err != nil {
			return 0, fmt.Errorf("list gaps: %w", err)
		}
		n += event.Gap.Lost
	}
	return n, nil
}

// startSensor starts a sensor on a free port. name tells its folder from those
// of the run's other sensors, more is what its [decoy] table has beside that.
func (b *benchmark) startSensor(name, more string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	file, state := filepath.Join(b.dir, name+".toml"), filepath.Join(b.dir, name)
	text := fmt.Sprintf("[sensor]\nstate_dir = %q\ncache_dir = %q\n[dashboard]\nlisten = \"\"\n[decoy]\nlisten = %q\nlatency = \"off\"\nfriction = \"off\"\n%s\n"+
		"[decoy.limits]\nconnections_per_source = %d\nsessions_per_source = %[5]d\nsse_per_source = %[5]d\n",
		state, filepath.Join(b.dir, "cache"), addr, more, perSource)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	program, err := filepath.Abs(b.binary)
	if err != nil {
		return nil, err
	}
	s, err := startServer(program, []string{"run", "-c", file}, addr)
	if err != nil {
		return nil, err
	}
	s.file, s.state = file, state
	return s, b.ready(s)
}

// ready waits for the first answer, which needs the guests, and until those that
// answer nothing, which judge, are loaded too.
func (b *benchmark) ready(s *server) error {
	begin := time.Now()
	c, err := b.dial(s.addr, speech{path: mcpPath})
	if err != nil {
		return errors.Join(err, s.stop())
	}
	c.close()
	s.answered = time.Since(begin)
	_, err = s.rest()
	return err
}

// buildEcho compiles the guest with the tool echo, as every Go guest is compiled.
func (b *benchmark) buildEcho() (string, error) {
	file := filepath.Join(b.dir, "echo.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w -buildid=", "-o", file,
		"github.com/killdeer-mcp/killdeer/internal/bench/echo")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the echo guest: %w\n%s", err, out)
	}
	return file, nil
}

// timeStarts measures from process start to the first accepted connection, cold
// once and then with the compile cache that the first start left.
func (b *benchmark) timeStarts() error {
	var warm []time.Duration
	for i := range b.starts + 1 {
		s, err := b.startSensor("enterprise", "")
		if err != nil {
			return err
		}
		if err := s.stop(); err != nil {
			return err
		}
		if i == 0 {
			fmt.Printf("start to listening, cold cache: %v, and %v more to the first answer\n",
				s.took.Round(time.Millisecond), s.answered.Round(time.Millisecond))
			continue
		}
		warm = append(warm, s.took)
	}
	if len(warm) == 0 {
		return nil
	}
	slices.Sort(warm)
	fmt.Printf("start to listening, warm cache: median %v, worst of %d %v\n",
		warm[len(warm)/2].Round(time.Millisecond), len(warm), warm[len(warm)-1].Round(time.Millisecond))
	return nil
}
