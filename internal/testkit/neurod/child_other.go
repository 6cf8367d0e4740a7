//go:build !linux

package neurod

import "os/exec"

// bind does nothing: only Linux ends a child with the program that started it.
func bind(*exec.Cmd) {}
