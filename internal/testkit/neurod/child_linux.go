package neurod

import (
	"os/exec"
	"syscall"
)

// bind has a child end with the program that started it.
func bind(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
