// Package cvep decodes code-modulated visual evoked potentials: every target on a screen flashes in a pseudo-random sequence of
// its own, and the response tells which of them a person looks at.
//
// A response to a sequence is the sum of the responses to its flashes. Reconvolution (Thielen et al. 2015, PLOS ONE 10, e0133797)
// learns the response r to each kind of flash instead of that to each sequence: with the structure matrix M_k, whose columns say
// for each kind of flash and each delay where one was shown, the response to code k is rᵀM_k. Canonical correlation analysis finds
// the spatial filter w and r together (Thielen et al. 2021, J. Neural Eng. 18, 056007):
//
//	max over w, r of corr(wᵀX, rᵀM),  X all training trials side by side, M the structure matrices of what was looked at.
//
// So the trials of one target teach what every other target evokes, also of a code book that no trial has shown, and a target is
// decided by the correlation of wᵀX with each rᵀM_k. Pipeline cvep_template is the reference method without flashes
// (Martínez-Cagigal et al. 2021, J. Neural Eng. 18, 061002): the mean response to a cycle of the code is the template, shifted by
// the lag of each target where the codes are shifts of one m-sequence, and else one for each target.
//
// Probabilities are those of a Gaussian response of unknown size, exp(-n/2·log(1-r²)) for correlation r of n samples, with one
// temperature for all lengths, which is fitted to trials that were left out. They rise as a trial goes on, and where the best one
// passes a threshold the trial may be stopped.
//
// Codes: m-sequences are those of a Fibonacci shift register that starts with ones (Golomb 1967), Gold codes are u, v and u ⊕ Tᵏv
// of a preferred pair (Gold 1967, IEEE Trans. Inf. Theory 13, 619-621).
//
// Invariants:
//
//   - A response depends on the time since the codes began. An event tells it; one before the clip does, too, as codes repeat.
//   - Filters and projections are linear, so a clip is projected to one component before anything else is done to it.
package cvep
