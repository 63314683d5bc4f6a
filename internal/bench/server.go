package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"
)

const startTimeout = 60 * time.Second

// server is a process under load.
type server struct {
	cmd  *exec.Cmd
	addr string
	took time.Duration // from start to the first connection that was accepted
}

func listenPrinted() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Println("listening", l.Addr())
	}
	return l, err
}

// startServer starts a program that listens on addr, or prints where it does
// when addr is empty.
func startServer(program string, args []string, addr string) (*server, error) {
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, addr: addr}
	if addr == "" {
		lines := bufio.NewScanner(out)
		lines.Scan()
		s.addr = strings.TrimPrefix(lines.Text(), "listening ")
	} else {
		go func() { _, _ = bufio.NewReader(out).WriteTo(discard{}) }() // ends with the process
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

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	return s.cmd.Wait()
}

// memory is a figure of the process's status in MB, as VmRSS or RssAnon.
func (s *server) memory(field string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, field+": %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}

// startSensor starts the sensor on a free port with its state in dir.
func startSensor(dir string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "agent.toml")
	text := fmt.Sprintf("[decoy]\nlisten = %q\n[decoy.limits]\nconnections_per_source = 1000\n", addr)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	program, err := filepath.Abs(*binary)
	if err != nil {
		return nil, err
	}
	return startServer(program, []string{"run", "-c", file}, addr)
}

// timeStarts measures from process start to the first accepted connection, cold
// once and then with the compile cache that the first start left.
func timeStarts(dir string) error {
	var warm []time.Duration
	for i := range *starts + 1 {
		s, err := startSensor(dir)
		if err != nil {
			return err
		}
		if err := ready(s); err != nil {
			return errors.Join(err, s.stop())
		}
		if i == 0 {
			fmt.Printf("start to listening, cold cache: %v\n", s.took.Round(time.Millisecond))
		} else {
			warm = append(warm, s.took)
		}
		if err := s.stop(); err != nil {
			return err
		}
	}
	sort.Slice(warm, func(i, j int) bool { return warm[i] < warm[j] })
	fmt.Printf("start to listening, warm cache: median %v, worst of %d %v\n\n",
		warm[len(warm)/2].Round(time.Millisecond), len(warm), warm[len(warm)-1].Round(time.Millisecond))
	return nil
}

// ready waits for the first answer, which needs the guests.
func ready(s *server) error {
	c, err := dial(s.addr)
	if err != nil {
		return err
	}
	defer c.close()
	begin := time.Now()
	if err := c.initialize(); err != nil {
		return err
	}
	fmt.Printf("  first answer %v after listening\n", time.Since(begin).Round(time.Millisecond))
	return nil
}
