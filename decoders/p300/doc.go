// Package p300 tells which flash a person attended, from the positive wave some 0.3 s after it, and so which symbol
// of a speller was meant.
//
// Five pipelines share one front end (channels by name, band pass, epochs after each flash, averages of 1/32 s):
//
//   - erp_lda: shrinkage linear discriminant on all channels.
//   - xdawn_lda: xDAWN spatial filters, then the discriminant on their few components.
//   - xdawn_rxlda: the same filters, then Bayesian LDA, which keeps learning from letters that are known.
//   - xdawn_rxgmm: the same with a Gaussian mixture for each kind of flash.
//   - xdawncov_ts_lr: covariances of the components of each kind of flash with their prototypes, tangent space, logistic
//     regression.
//
// The score of a flash becomes a likelihood ratio Λ = p(score | target) / p(score | other). A symbol c has the
// posterior log P(c) = log prior(c) + Σ log Λ over the flashes that contained c, with Λ kept within [1/100, 100] so that
// no single flash decides.
//
// Invariants:
//
//   - An epoch is trained on exactly as it is decoded, at any sampling rate: filters are designed for the rate at hand
//     and features are averages over fixed spans of time.
//   - Likelihood ratios come from flashes that the classifier was not fitted to, with the share of targets among them
//     taken out.
//   - Responses to flashes that follow each other faster than a response lasts are told apart by least squares
//     wherever trials say when they happened.
//
// Sources: L. A. Farwell and E. Donchin, Electroencephalogr. Clin. Neurophysiol. 70 (1988) 510-523 (the speller);
// D. J. Krusienski et al., J. Neural Eng. 3 (2006) 299-305 (classifiers for it); B. Rivet et al., IEEE Trans. Biomed.
// Eng. 56 (2009) 2035-2043 (xDAWN); A. Barachant and M. Congedo, arXiv:1409.0107 (2014) (covariances with prototypes; in
// the form of pyRiemann's XdawnCovariances); B. Blankertz et al., NeuroImage 56 (2011) 814-825 (shrinkage LDA); C. S.
// Throckmorton et al., IEEE Trans. Neural Syst. Rehabil. Eng. 21 (2013) 508-517 (Bayesian dynamic stopping).
package p300
