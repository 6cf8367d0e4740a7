//go:build !(linux && amd64)

package walltime

func set(int32, int) error { return ErrUnsupported }
