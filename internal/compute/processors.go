package compute

import "runtime"

// Processors returns how many processors the process has to compute on: what the machine, the container or GOMAXPROCS gives it.
func Processors() int { return runtime.GOMAXPROCS(0) }
