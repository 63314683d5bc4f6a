package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// What Linux says of a process under load, in /proc.

const (
	// clockTick is the unit of CPU times in /proc/PID/stat on every Linux.
	clockTick = 10 * time.Millisecond
	// quietFor is how long a process must hardly run to count as at rest, and
	// quietBy when the benchmark goes on in any case.
	quietFor = 100 * time.Millisecond
	quietBy  = 20 * time.Second
)

// footprint is what a process holds, in MB: pages that guest instances share count
// once, as they do for the kernel's limits, where Rss has them once per instance.
type footprint struct{ rss, anonymous float64 }

func (f footprint) String() string {
	return fmt.Sprintf("resident %.0f MB (anonymous %.0f, files %.0f)", f.rss, f.anonymous, f.rss-f.anonymous)
}

// memory reads the footprint from the kernel's sum over all mappings.
func (s *server) memory() (f footprint, err error) {
	text, err := os.ReadFile(s.proc("smaps_rollup"))
	if err != nil {
		return f, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		var kb float64
		if _, err := fmt.Sscanf(value, "%f kB", &kb); err != nil {
			continue
		}
		switch name {
		case "Pss":
			f.rss = kb / 1024
		case "Anonymous":
			f.anonymous = kb / 1024
		}
	}
	return f, nil
}

// cpu is the time that the process has run so far, on all CPUs.
func (s *server) cpu() (time.Duration, error) {
	text, err := os.ReadFile(s.proc("stat"))
	if err != nil {
		return 0, err
	}
	// proc_pid_stat(5): the name ends with the last parenthesis, utime and stime
	// are the 12th and 13th fields after it.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	var ticks [2]int64
	if len(fields) < 13 {
		return 0, fmt.Errorf("read CPU time: %d fields", len(fields))
	}
	for i := range ticks {
		if _, err := fmt.Sscan(string(fields[11+i]), &ticks[i]); err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
	}
	return time.Duration(ticks[0]+ticks[1]) * clockTick, nil
}

// rest waits until the process is done with what it put off while it was under
// load, such as recording, so that it does not do so at the expense of another.
func (s *server) rest() (cpu time.Duration, err error) {
	for begin := time.Now(); time.Since(begin) < quietBy; {
		before, err := s.cpu()
		if err != nil {
			return 0, err
		}
		time.Sleep(quietFor)
		if cpu, err = s.cpu(); err != nil || cpu-before <= clockTick {
			return cpu, err
		}
	}
	return cpu, nil
}

func (s *server) proc(file string) string { return fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, file) }
