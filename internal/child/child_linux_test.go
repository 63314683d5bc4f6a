package child

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// A program starts whatever numbers the descriptors have that it is given: os/exec
// moves its own out of the way, to the numbers behind them.
func TestStartAmongDescriptors(t *testing.T) {
	for _, number := range []int{5, 63, 64, 200} {
		p, err := Open("/bin/true", "")
		if err != nil {
			t.Skipf("/bin/true is no program that a plugin may be: %v", err)
		}
		defer p.Close()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		fd, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD_CLOEXEC, number)
		if err != nil {
			t.Fatal(err)
		}
		given := os.NewFile(uintptr(fd), "given")
		defer given.Close()
		cmd := exec.Command("/bin/true")
		cmd.ExtraFiles = []*os.File{given}
		if err := start(cmd, p); err != nil {
			t.Errorf("with descriptor %d: %v", fd, err)
			continue
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("with descriptor %d: %v", fd, err)
		}
	}
}
