//go:build !unix

package doctor

const isUnix = false

// openFiles is not known here.
func openFiles() (int64, bool) { return 0, false }
