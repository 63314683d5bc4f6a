//go:build !linux

package child

import (
	"os"
	"os/exec"
)

func start(cmd *exec.Cmd, _ *Program) error { return cmd.Start() }

// await cannot wait without reaping here: what a program leaves running keeps its
// pipes open until it ends.
func await(int) (ended bool) { return false }

func killGroup(p *os.Process) { _ = p.Kill() }

func hangUp(*os.Process) {}

func wasKilled(*os.ProcessState) bool { return false }
