//go:build !amd64

package dsp

type sideBySide struct{}

// atOnce takes no signals: on this processor PSD takes them one by one.
func (w *Welch) atOnce(dst, x [][]float64) bool { return false }
