//go:build !unix

package durable

import "io"

type noLock struct{}

func (noLock) Close() error { return nil }

// Lock does nothing where there is no flock: two processes on one data folder are not told apart there.
func Lock(string, string) (io.Closer, error) { return noLock{}, nil }
