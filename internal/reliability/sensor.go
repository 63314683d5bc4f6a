package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const patience = 90 * time.Second

// sensor is a sensor under test, which may be started many times.
type sensor struct {
	binary, dir string
	cmd         *exec.Cmd
	addr        string
	took, busy  time.Duration // the last start, until it was ready; the processor time of it
}

// newSensor makes a folder with a configuration: the built-in persona without delays,
// and what more says.
func (s *suite) newSensor(name, more string) (*sensor, error) {
	k := &sensor{binary: s.binary, dir: filepath.Join(s.dir, name)}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return nil, err
	}
	return k, k.configure(filepath.Join(s.dir, "cache"), more)
}

func (k *sensor) configure(cache, more string) error {
	text := fmt.Sprintf("sensor.cache_dir = %q\ndecoy.listen = \"127.0.0.1:0\"\ndecoy.latency = \"off\"\ndecoy.friction = \"off\"\ndashboard.listen = \"\"\n%s", cache, more)
	return os.WriteFile(k.config(), []byte(text), 0o600)
}

func (k *sensor) config() string { return filepath.Join(k.dir, "agent.toml") }
func (k *sensor) state() string  { return filepath.Join(k.dir, "state") }
func (k *sensor) url() string    { return "http://" + k.addr + "/mcp" }
func (k *sensor) pid() int       { return k.cmd.Process.Pid }

// log returns what all runs said.
func (k *sensor) log() string {
	text, _ := os.ReadFile(filepath.Join(k.dir, "log.txt")) // there is none before the first start
	return string(text)
}

// start returns when the sensor is ready.
func (k *sensor) start() error {
	log, err := os.OpenFile(filepath.Join(k.dir, "log.txt"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	k.cmd = exec.Command(k.binary, "run", "-c", k.config())
	k.cmd.Stderr = log
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := k.cmd.Start(); err != nil {
		return err
	}
	force := time.AfterFunc(patience, func() { _ = k.cmd.Process.Kill() })
	defer force.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "decoy":
			url, _, _ := strings.Cut(strings.TrimSpace(text), " ")
			k.addr = strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/mcp")
		case "events":
			k.took, k.busy = time.Since(began), processor(k.pid())
			return nil
		}
	}
	return fmt.Errorf("the sensor does not start: %w\n%s", k.cmd.Wait(), k.log())
}

// kill ends the sensor by SIGKILL.
func (k *sensor) kill() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait() // killed, as it should be
}

// freeze stops the sensor where it is. The signal is one thread's to take, and until that
// one has a processor the others run on: freeze waits until all have stopped.
func (k *sensor) freeze() error {
	if err := k.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	threads := fmt.Sprintf("/proc/%d/task/*/stat", k.pid())
	_, stopped := until(patience, func() bool {
		files, _ := filepath.Glob(threads) // the pattern is sound
		return !slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			_, state, _ := strings.Cut(string(text), ") ")
			return err == nil && !strings.HasPrefix(state, "T")
		})
	})
	return want(stopped, "the sensor does not stop at SIGSTOP")
}

// stop ends the sensor as the service manager would.
func (k *sensor) stop() error {
	if err := k.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	force := time.AfterFunc(patience, func() { _ = k.cmd.Process.Kill() })
	defer force.Stop()
	if err := k.cmd.Wait(); err != nil {
		return fmt.Errorf("stop: %w\n%s", err, k.log())
	}
	return nil
}

// tool runs a command on the sensor's configuration.
func (k *sensor) tool(args ...string) ([]byte, error) {
	cmd := exec.Command(k.binary, append(args, "-c", k.config())...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("killdeer %s: %w: %s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}

// record is what is read of an event.
type record struct {
	Seq   uint64
	Kind  string
	RPCID json.RawMessage `json:"rpc_id"`
	Gap   struct{ Lost uint64 }
}

// recorded reads the journal of a sensor that does not run, oldest first.
func (k *sensor) recorded(each func(record)) error {
	file := filepath.Join(k.dir, "export.ndjson")
	if _, err := k.tool("journal", "export", "-o", file); err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer os.Remove(file)
	defer f.Close()
	for d := json.NewDecoder(f); d.More(); {
		var r record
		if err := d.Decode(&r); err != nil {
			return err
		}
		each(r)
	}
	return nil
}

// resident is what a process holds, in MB. Pages that guest instances share count
// once.
func resident(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // 0 when it is gone
	for line := range strings.Lines(string(text)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "Pss: %f kB", &kib); n == 1 {
			return kib * 1024 / 1e6
		}
	}
	return 0
}

// anonymous is what a process holds that is not of a file, in MB: the journal's pages
// are the kernel's to take.
func anonymous(pid int) float64 { return memory(pid, "RssAnon:") }

// peak is the most that a process ever held, in MB.
func peak(pid int) float64 { return memory(pid, "VmHWM:") }

// memory is a line of proc_pid_status(5), in MB.
func memory(pid int, name string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // 0 when it is gone
	_, after, _ := strings.Cut(string(text), name)
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseFloat(fields[0], 64)
	return kib * 1024 / 1e6
}

// processor is the time that a process has had of processors, to 10 ms: what a start
// takes where nobody else works.
func processor(pid int) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // 0 when it is gone
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11]) // proc_pid_stat(5): utime, stime
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// descriptors counts what a process has open, apart from the journal's segments: each
// is one, and they become more until the journal has its size.
func descriptors(pid int) (n int) {
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(folder) // none when it is gone
	for _, e := range entries {
		if to, _ := os.Readlink(filepath.Join(folder, e.Name())); !strings.Contains(to, "/events/") { // "" is one that was just closed
			n++
		}
	}
	return n
}

// until waits for a condition.
func until(limit time.Duration, ok func() bool) (took time.Duration, in bool) {
	began := time.Now()
	for time.Since(began) < limit {
		if ok() {
			return time.Since(began), true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began), false
}

// folderMB is what the files of a folder take on disk.
func folderMB(dir string) float64 {
	total := int64(0)
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error { // files come and go
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				total += info.Sys().(*syscall.Stat_t).Blocks * 512
			}
		}
		return nil
	})
	return float64(total) / 1e6
}
