"""Goldens of decoders/bayes, from seeded arrays: Student's t of scipy at the posteriors, mixtures of scikit-learn."""

import numpy as np
from scipy.stats import multivariate_t
from sklearn.mixture import BayesianGaussianMixture

from golden import write


def samples(n, p, classes, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    mixing = np.eye(p) + 0.5 * rng.normal(0, 1, (p, p))
    return np.round(rng.normal(0, 1, (n, p)) @ mixing + 1.2 * y[:, None] * rng.normal(0, 1, p), 3), y


def lda():
    p, k = 4, 3
    x, y = samples(60, p, k, 31)
    test, _ = samples(12, p, k, 32)
    prior = dict(mean=x.mean(axis=0).round(2), kappa=0.7, psi=np.diag([2.0, 1, 3, 1.5]) + 0.2, nu=p + 2.5, count=1.5)
    psi, nu = prior["psi"].copy(), prior["nu"] + len(x)
    means, kappas = [], []
    for c in range(k):
        z = x[y == c]
        n, mean = len(z), z.mean(axis=0)
        kappa = prior["kappa"] + n
        psi += (z - mean).T @ (z - mean) + prior["kappa"] * n / kappa * np.outer(mean - prior["mean"], mean - prior["mean"])
        means.append((prior["kappa"] * prior["mean"] + n * mean) / kappa)
        kappas.append(kappa)
    dof = nu - p + 1
    densities = [
        multivariate_t(loc=means[c], shape=psi * (kappas[c] + 1) / (kappas[c] * dof), df=dof).logpdf(test) for c in range(k)
    ]
    counts = np.array([prior["count"] + (y == c).sum() for c in range(k)])
    score = np.array(densities).T + np.log(counts)
    probabilities = np.exp(score - score.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return dict(x=x, y=y, test=test, prior=prior, psi=psi, densities=np.array(densities).T, probabilities=probabilities)


class Started(BayesianGaussianMixture):
    """The mixture from a given first assignment instead of one that is drawn."""

    def _initialize_parameters(self, X, random_state, xp=None):
        one_hot = np.zeros((len(X), self.n_components))
        one_hot[np.arange(len(X)), self.start] = 1
        self._initialize(X, one_hot)


def gmm():
    p, m = 3, 2
    rng = np.random.default_rng(33)
    which = np.arange(50) % m
    x = np.round(rng.normal(0, 1, (50, p)) * (1 + which[:, None]) + 3.0 * which[:, None], 3)
    start = np.where(rng.random(50) < 0.2, 1 - which, which)  # a fifth is put wrongly
    prior = dict(mean=x.mean(axis=0).round(2), kappa=0.5, psi=np.diag([1.0, 2, 1.5]), nu=p + 3.0)
    model = Started(
        n_components=m, covariance_type="full", tol=1e-14, reg_covar=0, max_iter=5000, weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=1.0, mean_precision_prior=prior["kappa"], mean_prior=prior["mean"], degrees_of_freedom_prior=prior["nu"],
        covariance_prior=prior["psi"],
    )
    model.start = start
    model.fit(x)
    nu = model.degrees_of_freedom_
    kappa = model.mean_precision_
    test = np.round(rng.normal(1, 3, (10, p)), 3)
    share = model.weight_concentration_ / model.weight_concentration_.sum()
    density = np.zeros(len(test))
    for j in range(m):
        dof = nu[j] - p + 1
        psi = model.covariances_[j] * nu[j]
        density += share[j] * multivariate_t(loc=model.means_[j], shape=psi * (kappa[j] + 1) / (kappa[j] * dof), df=dof).pdf(test)
    return dict(
        x=x, start=start, prior=prior, alpha=model.weight_concentration_, kappa=kappa, nu=nu, means=model.means_,
        psi=[model.covariances_[j] * nu[j] for j in range(m)], test=test, density=np.log(density),
    )


if __name__ == "__main__":
    write("decoders/bayes", "bayes", ["numpy", "scipy", "scikit-learn"], dict(lda=lda(), gmm=gmm()))
