package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// start starts the file that was checked, whatever its name leads to now.
func start(cmd *exec.Cmd, p *Program) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if p.isScript() {
		return cmd.Start()
	}
	// It is handed over like any other: at a number of its own choice it could be where
	// os/exec puts what it moves out of the way.
	cmd.ExtraFiles = append(cmd.ExtraFiles, p.file)
	cmd.Path = fmt.Sprintf("/proc/self/fd/%d", 2+len(cmd.ExtraFiles))
	return cmd.Start()
}

// await returns when a child has ended, and leaves it to be reaped.
func await(pid int) (ended bool) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) } // it may be gone

func hangUp(p *os.Process) { _ = p.Signal(syscall.SIGHUP) }

// wasKilled reports whether a process was ended by somebody else, not by a fault of
// its own.
func wasKilled(s *os.ProcessState) bool {
	st, ok := s.Sys().(syscall.WaitStatus)
	return ok && st.Signaled() && (st.Signal() == syscall.SIGKILL || st.Signal() == syscall.SIGTERM)
}
