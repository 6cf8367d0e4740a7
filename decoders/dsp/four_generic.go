//go:build !amd64

package dsp

import "gonum.org/v1/gonum/mat"

// atOnce filters no rows: on this processor Filter takes them one by one.
func (f *ZeroPhase) atOnce(dst, x *mat.Dense, from int) int { return 0 }

// atOnce resamples no rows: on this processor Resample takes them one by one.
func (r *Resampler) atOnce(dst, x [][]float64) bool { return false }
