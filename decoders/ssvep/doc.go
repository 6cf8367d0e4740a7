// Package ssvep finds which flickering target a person looks at, from the steady-state visual evoked potential (SSVEP):
// looking at a light that flickers at f Hz makes the visual cortex answer at f, 2f, 3f...
//
// Two decoders need no training. ssvep-cca takes, for each target, the largest canonical correlation ρ between the
// channels and sine/cosine references at the target's frequency and its harmonics; the largest ρ wins. ssvep-fbcca does
// so in several sub-bands [8m, 88] Hz and adds Σ_m w_m·ρ²_m with w_m = m^-1.25 + 0.25, so that harmonics count by
// themselves. Without targets the decoder scans 5-45 Hz and names what it finds "freq_13.00hz".
//
// Four pipelines learn a person's own responses from calibration trials, phases included, and so need shorter windows and
// tell targets of one frequency apart: ecca (extended CCA), trca and etrca (task-related components, alone and as an
// ensemble) and tdca (task-discriminant components), each in the same filter bank, with r instead of ρ². Onsets have to be
// locked to the flicker; where they are not, FreeRunning finds the phase.
//
// Every decode also answers whether there is a target at all ([Detect]): the Fourier components at the best target and at
// its second harmonic are held against those of the neighbouring frequencies, which stand for surrogates without a
// flicker. What does not stand out is "no_target"; so is a peak at 8-13 Hz whose harmonic does not stand out by itself,
// because that is what the alpha rhythm looks like. With calibration data the best score is held against those that
// left-out trials have with targets nobody looked at instead; its odds, and a temperature for the targets, come from
// inner folds.
//
// Invariants:
//
//   - Results do not depend on the amplitude or the offset of the signal or on chance: the distribution of the surrogates
//     is computed, not drawn.
//   - Rank-deficient channels (average reference, repeated rows) are not a fault: the correlation is taken over the space
//     they span.
//   - References and filters are computed once per (rate, samples, targets) and shared between goroutines; memory for
//     them is bounded.
//
// Sources: Z. Lin, C. Zhang, W. Wu and X. Gao, IEEE Trans. Biomed. Eng. 53 (2006) 2610-2614 (CCA); X. Chen, Y. Wang, S.
// Gao, T.-P. Jung and X. Gao, J. Neural Eng. 12 (2015) 046008 (filter bank, weights, latency of 0.14 s); X. Chen et
// al., PNAS 112 (2015) E6058-E6067 (ecca); M. Nakanishi et al., IEEE Trans. Biomed. Eng. 65 (2018) 104-112 (trca,
// etrca); B. Liu et al., IEEE Trans. Neural Syst. Rehabil. Eng. 29 (2021) 1998-2007 (tdca); J. Theiler et al., Physica
// D 58 (1992) 77-94 (phase-randomized surrogates); J. D. Victor and J. Mast, Electroencephalogr. Clin. Neurophysiol. 78
// (1991) 378-388 (Fourier components of steady-state potentials against noise); C. S. Herrmann, Exp. Brain Res. 137
// (2001) 346-353 (responses up to 100 Hz and their harmonics); Å. Björck and G. H. Golub, Math. Comput. 27 (1973)
// 579-594 (canonical correlations from orthonormal bases).
package ssvep
