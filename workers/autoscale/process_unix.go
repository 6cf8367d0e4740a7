//go:build unix

package autoscale

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup keeps what a terminal sends to this process from its workers: it tells them itself.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// hurry tells a worker that drains to hand back what it runs.
func hurry(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }
