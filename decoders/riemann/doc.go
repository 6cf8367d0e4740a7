// Package riemann estimates covariance matrices of EEG and works with them as points of the curved space of
// symmetric positive definite matrices.
//
// Signals are channels × samples in µV, covariances channels × channels in µV².
//
// Invariants:
//
//   - A matrix that is not finite or not positive definite is bad data: the function returns an error that wraps
//     [ErrNotPositiveDefinite] or [ErrData]. A wrong shape is a mistake of the program and panics with
//     [mat.ErrShape], as in gonum.
//   - Average reference and ICA lower the rank of a plain covariance: shrink it (OAS, LedoitWolf), or restrict it
//     to its range with [Whitener] first. Whitener, EuclideanAlign and AJD of matrices so restricted do not fail.
//   - Distances do not change when all matrices undergo the same invertible linear map.
//   - TangentSpace, MDM, FgMDM and Aligner are immutable once fitted: any number of goroutines may share them, and
//     their dst methods do not allocate once warm.
//
// Sources: M. Moakher, SIAM J. Matrix Anal. Appl. 26 (2005) 735-747 (geometric mean); A. Barachant, S. Bonnet,
// M. Congedo and C. Jutten, IEEE Trans. Biomed. Eng. 59 (2012) 920-928 (MDM, tangent space) and LVA/ICA 2010
// 629-636 (FgMDM); P. T. Fletcher et al., IEEE Trans. Med. Imaging 23 (2004) 995-1005 (gradient steps); H. He and
// D. Wu, IEEE Trans. Biomed. Eng. 67 (2020) 399-410 (Euclidean alignment); P. Zanini et al., IEEE Trans. Biomed.
// Eng. 65 (2018) 1107-1116 (re-centring); D.-T. Pham, SIAM J. Matrix Anal. Appl. 22 (2001) 1136-1152 (joint
// diagonalization). Conventions are those of pyRiemann and scikit-learn.
package riemann

import (
	"errors"

	"github.com/neurod/neurod/decoders/internal/shrinkage"
)

// ErrNotPositiveDefinite is wrapped by errors about a matrix with an eigenvalue that is zero, negative or not a number.
var ErrNotPositiveDefinite = errors.New("riemann: matrix is not positive definite")

// ErrData is wrapped by errors about data that have no covariance: none at all, or numbers that are not finite.
var ErrData = shrinkage.ErrData

// ErrLabels is wrapped by errors about labels that do not fit the matrices.
var ErrLabels = errors.New("riemann: labels do not fit")
