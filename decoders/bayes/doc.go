// Package bayes holds the classifiers that keep a posterior instead of a point: Bayesian linear discriminant analysis
// ([LDA], the model type RxLDA) and Bayesian Gaussian mixtures ([GMM], the model type RxGMM).
//
// The features of a class are normal with unknown mean μ and covariance Σ, whose prior is normal-inverse-Wishart:
// Σ ~ IW(Ψ₀, ν₀), μ | Σ ~ N(m₀, Σ/κ₀). After n samples with mean x̄ and scatter S the posterior has the same form,
//
//	κ = κ₀+n   ν = ν₀+n   m = (κ₀·m₀+n·x̄)/κ   Ψ = Ψ₀ + S + κ₀·n/κ·(x̄-m₀)(x̄-m₀)ᵀ
//
// and the probability of the next sample is Student's t with ν-p+1 degrees of freedom, location m and scale
// Ψ·(κ+1)/(κ·(ν-p+1)). LDA shares Σ between the classes; GMM gives each class a mixture with covariances of its own.
// The frequency of the classes has a Dirichlet prior.
//
// One sample more is an update of rank one: with d = x-m, Ψ grows by κ/(κ+1)·ddᵀ and m moves by d/(κ+1). Only the
// Cholesky factor of Ψ is kept, so an update and a prediction cost p² operations for p features.
//
// Invariants:
//
//   - Updating one sample at a time gives the posterior of all samples at once, whatever their order (for GMM: given the
//     shares of the components in each sample, which an update fixes at what is known then).
//   - A classifier is immutable: Update returns a new one. Any number of goroutines may share it, and its dst methods do
//     not allocate.
//   - What [LDA.Arrays] and [GMM.Arrays] hold makes the same classifier again, to the last bit.
//   - Data that are not finite or do not fit are an error that wraps [ErrData]; a vector of the wrong length is a mistake
//     of the program and panics.
//
// The strength of the prior is the one under which the training data are most probable (type II maximum likelihood);
// mixtures are fitted by variational inference from k-means with a seed, and so are deterministic.
//
// Sources: K. P. Murphy, Conjugate Bayesian analysis of the Gaussian distribution (2007), sections 8 and 9; A. Gelman et
// al., Bayesian Data Analysis, 3rd ed., section 3.6; C. M. Bishop, Pattern Recognition and Machine Learning (2006),
// section 10.2 (variational mixtures); D. Arthur and S. Vassilvitskii, SODA 2007, 1027-1035 (k-means++); P. E. Gill et
// al., Math. Comput. 28 (1974) 505-535, method C1 (update of a Cholesky factor).
package bayes
