package p300

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/internal/shrinkage"
)

// halfToeplitz is the share of the block-Toeplitz structure that erp_lda tries beside none, for at most mostToeplitz channels. AUC of left-out flashes with
// shares of 0, 0.25, 0.5, 0.75 and 1 (TestShareOfToeplitz measures the ends and the middle):
//
//	g.tec, 8 channels, mean of 3 people, 20 targets   .854 .870 .875 .876 .872
//	                                     40 targets   .899 .909 .912 .913 .911
//	                                     120 targets  .937 .940 .941 .941 .939
//	Muse, 5 channels, 20, 40, 100 targets             .654 .707 .736; .668 .707 .745 with 0.5; .677 .699 .743 with 1
//	BCI Competition II, 64 channels, run to run       .787 .772 .767 .764 .761
//
// Whichever of the four people of few channels is left out, 0.5 or 0.75 is best for the others, without a difference between the two.
const (
	halfToeplitz = 0.5
	mostToeplitz = 16
)

// fitToeplitz is the discriminant whose covariance has, by a share, the structure that a stationary signal gives it (Sosulski and Tangermann 2022): that of
// the epochs around the means of their kinds, shrunk as by classify.FitLDA, of which each block of channels is the mean over all pairs of bins that lie as
// far apart, less the farther they do. Of c channels and b bins it has b·c² numbers to learn instead of (b·c)²/2. x is epochs × channels·bins, channel by
// channel.
func fitToeplitz(x *mat.Dense, labels []int, channels, bins int, fixed *float64, share float64) (classify.Linear, error) {
	n, dims := x.Dims()
	if dims != channels*bins {
		panic(mat.ErrShape)
	}
	centres, counts := centresOf(x, labels)
	if counts[0] == 0 || counts[1] == 0 {
		return classify.Linear{}, errors.New("all epochs are of one kind")
	}
	around := mat.NewDense(dims, n, nil) // in units of each feature's deviation
	scale := make([]float64, dims)
	for j := range dims {
		row, sum := around.RawRowView(j), 0.0
		for i, l := range labels {
			row[i] = x.At(i, j) - centres.At(l, j)
			sum += row[i] * row[i]
		}
		if scale[j] = math.Sqrt(sum / float64(n)); !(scale[j] > 0) {
			scale[j] = 1
		}
		for i := range row {
			row[i] /= scale[j]
		}
	}
	full := mat.NewSymDense(dims, nil)
	kind := shrinkage.LedoitWolf
	if fixed != nil {
		kind = shrinkage.None
	}
	if _, err := new(shrinkage.Workspace).Estimate(full, around, kind); err != nil {
		return classify.Linear{}, err
	}
	for i := range dims {
		for j := i; j < dims; j++ {
			v := full.At(i, j)
			if fixed != nil {
				if v *= 1 - *fixed; i == j {
					v += *fixed
				}
			}
			full.SetSym(i, j, v*scale[i]*scale[j])
		}
	}
	cov := blockToeplitz(full, channels, bins, func(channel, bin int) int { return channel*bins + bin })
	for i := range dims {
		for j := i; j < dims; j++ {
			cov.SetSym(i, j, share*cov.At(i, j)+(1-share)*full.At(i, j))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(cov) {
		return classify.Linear{}, errors.New("channels depend on one another")
	}
	var solved mat.Dense
	if err := chol.SolveTo(&solved, centres.T()); err != nil {
		if _, ill := err.(mat.Condition); !ill { //nolint:errorlint // gonum returns it bare
			return classify.Linear{}, err
		}
	}
	out := classify.Linear{Coef: mat.DenseCopyOf(solved.T()), Intercept: make([]float64, 2)}
	for l := range out.Intercept {
		out.Intercept[l] = math.Log(counts[l]/float64(n)) - 0.5*mat.Dot(centres.RowView(l), out.Coef.RowView(l))
	}
	return out, nil
}

// centresOf returns the mean of the epochs of each of two kinds, and how many there are of it.
func centresOf(x *mat.Dense, labels []int) (centres *mat.Dense, counts [2]float64) {
	_, dims := x.Dims()
	centres = mat.NewDense(2, dims, nil)
	for i, l := range labels {
		counts[l]++
		for j, v := range x.RawRowView(i) {
			centres.Set(l, j, centres.At(l, j)+v)
		}
	}
	for l, count := range counts {
		row := centres.RawRowView(l)
		for j := range row {
			row[j] /= count
		}
	}
	return centres, counts
}

// blockToeplitz gives a covariance of channels and bins the structure of a stationary signal: each block of channels is the mean over all pairs of bins
// that lie as far apart, times the share of such pairs, which keeps it positive definite. at tells where a channel's bin stands.
func blockToeplitz(full *mat.SymDense, channels, bins int, at func(channel, bin int) int) *mat.SymDense {
	out := mat.NewSymDense(channels*bins, nil)
	place := make([]int, channels*bins)
	for ch := range channels {
		for b := range bins {
			place[b*channels+ch] = at(ch, b)
		}
	}
	block := make([]float64, channels*channels)
	for lag := range bins {
		clear(block)
		pairs := float64(bins - lag)
		for b := range bins - lag {
			for i := range channels {
				for j := range channels {
					block[i*channels+j] += full.At(place[b*channels+i], place[(b+lag)*channels+j]) / pairs
				}
			}
		}
		weight := pairs / float64(bins)
		for b := range bins - lag {
			for i := range channels {
				for j := range channels {
					if lag > 0 || j >= i {
						out.SetSym(place[b*channels+i], place[(b+lag)*channels+j], weight*block[i*channels+j])
					}
				}
			}
		}
	}
	return out
}
