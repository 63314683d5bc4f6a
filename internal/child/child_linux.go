package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// highFD is above the descriptors that a child is given, which would otherwise
// take the place of the one it is started from.
const highFD = 64

// start starts the file that was checked, whatever its name leads to now.
func start(cmd *exec.Cmd, p *Program) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if p.isScript() {
		return cmd.Start()
	}
	fd, err := unix.FcntlInt(p.file.Fd(), unix.F_DUPFD_CLOEXEC, highFD)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	cmd.Path = fmt.Sprintf("/proc/self/fd/%d", fd)
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
