"""Confidence intervals and paired tests of scipy, for internal/lab/evaluation."""

import numpy as np
from scipy import stats

from golden import write


def wilcoxon(d):
    d = np.array(d)
    r = stats.wilcoxon(d[d != 0], method=stats.PermutationMethod(n_resamples=np.inf))
    return dict(differences=d, statistic=r.statistic, p=r.pvalue)


if __name__ == "__main__":
    rng = np.random.default_rng(3)
    intervals = []
    for right, n in ((0, 10), (7, 10), (33, 45), (540, 540), (301, 540)):
        ci = stats.binomtest(right, n).proportion_ci(method="wilson")
        intervals.append(dict(right=right, n=n, low=ci.low, high=ci.high))
    mcnemar = [dict(b=b, c=c, p=stats.binomtest(b, b + c).pvalue) for b, c in ((1, 0), (3, 9), (40, 61), (5, 5), (0, 12))]
    # Differences of shares of 45 trials: many are equal and some are zero.
    signed = [wilcoxon(np.round(rng.normal(m, 3, 12)) / 45) for m in (0, 1, 3)] + [wilcoxon([0.1, -0.2, 0.3, 0.4, 0.5, 0.6])]
    many = rng.normal(0.2, 1, 60)
    normal = stats.wilcoxon(many, method="asymptotic", correction=False)
    p = [0.01, 0.04, 0.03, 0.5]
    write("internal/lab/evaluation", "statistics", ["numpy", "scipy"],
          dict(wilson=intervals, mcnemar=mcnemar, wilcoxon=signed, normal=dict(differences=many, statistic=normal.statistic, p=normal.pvalue),
               holm=dict(p=p, corrected=[0.04, 0.09, 0.09, 0.5])))
