// Package loopback runs the tests of a package in a network that has nothing but its own loopback: programs of others that tests start, such as the library of the Lab
// Streaming Layer, listen on all addresses whatever they are told.
package loopback

import (
	"os"
	"strings"
	"testing"
)

// inside tells a process that it is in the network.
const inside = "NEUROD_TEST_LOOPBACK"

// Main runs the tests of a package: in a network of their own where the machine allows it (Linux), else as they are. before is called outside, where the network of the
// machine is: it fetches what tests need of it. run runs the tests and returns how they ended.
func Main(before func() error, run func() int) int {
	if os.Getenv(inside) != "" {
		if err := up(); err != nil {
			panic("loopback: " + err.Error())
		}
		return run()
	}
	for _, a := range os.Args[1:] {
		if strings.HasPrefix(a, "-test.fuzz=") || a == "-test.fuzzworker" { // its workers have pipes of their own
			return run()
		}
	}
	if err := before(); err != nil {
		return run() // a test that needs it says what is wrong
	}
	if code, ran := again(); ran {
		return code
	}
	return run()
}

// Alone reports whether the tests run in a network of their own.
func Alone(testing.TB) bool { return os.Getenv(inside) != "" }
