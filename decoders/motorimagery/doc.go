// Package motorimagery tells which movement a person imagined, from the change of the 8-30 Hz rhythms over the motor
// cortex.
//
// The pipelines share one front end (channels by name, window after the cue, band pass):
//
//   - csp_lda: common spatial patterns, logarithm of the power of each component, shrinkage linear discriminant.
//     Two classes by the generalized eigenvalues, more by joint diagonalization and mutual information.
//   - ts_lr: covariance with oracle shrinkage, tangent space at the geometric mean of the training trials, logistic
//     regression.
//   - mdm, fgmdm: the same covariance, distance to the geometric mean of each class, alone and after geodesic filtering.
//   - fbcsp: a bank of bands, spatial patterns in each, the features that tell most of the class, shrinkage discriminant.
//   - csp_rxlda, csp_rxgmm: the features of csp_lda with the classifiers of package bayes, which keep learning.
//
// A [Recentring] moves a decoder that was trained with alignment to where a new person's clips lie, and follows drift.
//
// Invariants:
//
//   - A trial is trained on exactly as it is decoded: the same code cuts, filters and describes both.
//   - Covariances that lack rank (average reference, removed components) are handled on their range.
//   - Probabilities are calibrated by a temperature from trials that the classifier was not fitted to.
//   - Filters are linear, so signals are projected to the few components first and filtered afterwards.
//
// Sources: H. Ramoser, J. Müller-Gerking and G. Pfurtscheller, IEEE Trans. Rehabil. Eng. 8 (2000) 441-446, and B.
// Blankertz et al., IEEE Signal Process. Mag. 25(1) (2008) 41-56 (CSP); M. Grosse-Wentrup and M. Buss, IEEE Trans.
// Biomed. Eng. 55 (2008) 1991-2000 (more classes, mutual information); A. Barachant et al., IEEE Trans. Biomed. Eng. 59
// (2012) 920-928 (tangent space, MDM) and LVA/ICA 2010 629-636 (FgMDM); K. K. Ang et al., Front. Neurosci. 6 (2012) 39
// (FBCSP, mutual information); P. Zanini et al., IEEE Trans. Biomed. Eng. 65 (2018) 1107-1116 (re-centring); H. He and
// D. Wu, IEEE Trans. Biomed. Eng. 67 (2020) 399-410 (alignment); C. Guo et al., ICML 2017 (temperature). Conventions of
// CSP are those of MNE-Python, of the tangent space those of pyRiemann.
package motorimagery
