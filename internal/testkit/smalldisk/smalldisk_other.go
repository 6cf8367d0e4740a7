//go:build !linux

package smalldisk

func mount(string, int64) error { return ErrUnsupported }
func unmount(string) error      { return ErrUnsupported }
func full(error) bool           { return false }
func sweep()                    {}
