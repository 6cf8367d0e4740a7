//go:build !unix

package app

import "io"

type noLock struct{}

func (noLock) Close() error { return nil }

// lockDir does nothing where there is no flock: two processes on one data folder are not told apart there.
func lockDir(string) (io.Closer, error) { return noLock{}, nil }
