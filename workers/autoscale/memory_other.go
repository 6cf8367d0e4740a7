//go:build !linux

package autoscale

import "errors"

// System reads the memory of this machine, which it can on Linux alone.
func System() Memories { return unknown{} }

type unknown struct{}

var errUnknown = errors.New("autoscale: the memory of this system is not read")

// Memory implements Memories.
func (unknown) Memory() (Memory, error) { return Memory{}, errUnknown }

// Resident implements Memories.
func (unknown) Resident(int) (int64, error) { return 0, errUnknown }
