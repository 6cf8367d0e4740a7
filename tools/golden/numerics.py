"""Goldens of decoders/dsp, decoders/riemann and decoders/classify, all from seeded arrays."""

import warnings

import mne
import numpy as np
from pyriemann.classification import MDM, FgMDM
from pyriemann.geometry.ajd import ajd_pham
from pyriemann.geometry.base import expm, invsqrtm, logm, powm, sqrtm
from pyriemann.geometry.distance import distance_riemann
from pyriemann.geometry.geodesic import geodesic_riemann
from pyriemann.geometry.mean import mean_euclid, mean_logeuclid, mean_riemann
from pyriemann.geometry.tangentspace import tangent_space, untangent_space
from scipy import signal
from scipy.special import softmax
from sklearn.calibration import _sigmoid_calibration
from sklearn.covariance import empirical_covariance, ledoit_wolf, oas
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, cohen_kappa_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from scipy.optimize import minimize_scalar

from golden import write

FS = 160.0


def test_signal(n, seed):
    """An EEG-like trace in µV: offset, drift, alpha, mains and noise, one decimal."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / FS
    x = 80 + 12 * t + 20 * np.sin(2 * np.pi * 10.3 * t + 1) + 6 * np.sin(2 * np.pi * 50 * t)
    return np.round(x + rng.normal(0, 9, n), 1)


def dsp():
    x = test_signal(400, 1)
    filters = {
        "butter_bandpass": (dict(order=4, lo=8, hi=30), signal.butter(4, [8, 30], "bandpass", fs=FS, output="sos")),
        "butter_bandpass_odd": (dict(order=5, lo=8, hi=13), signal.butter(5, [8, 13], "bandpass", fs=FS, output="sos")),
        "butter_bandpass_wide": (dict(order=3, lo=1, hi=79), signal.butter(3, [1, 79], "bandpass", fs=FS, output="sos")),
        "butter_bandpass_slow": (dict(order=2, lo=0.5, hi=4), signal.butter(2, [0.5, 4], "bandpass", fs=FS, output="sos")),
        "butter_lowpass": (dict(order=5, hi=30), signal.butter(5, 30, "lowpass", fs=FS, output="sos")),
        "butter_lowpass_even": (dict(order=6, hi=20), signal.butter(6, 20, "lowpass", fs=FS, output="sos")),
        "butter_highpass": (dict(order=3, lo=1), signal.butter(3, 1, "highpass", fs=FS, output="sos")),
        "butter_highpass_one": (dict(order=1, lo=5), signal.butter(1, 5, "highpass", fs=FS, output="sos")),
        "cheby1_bandpass": (
            dict(order=6, ripple=0.5, lo=8, hi=70),
            signal.cheby1(6, 0.5, [8, 70], "bandpass", fs=FS, output="sos"),
        ),
        "cheby1_bandpass_odd": (
            dict(order=3, ripple=1, lo=16, hi=70),
            signal.cheby1(3, 1, [16, 70], "bandpass", fs=FS, output="sos"),
        ),
        "cheby1_lowpass": (dict(order=8, ripple=0.05, hi=16), signal.cheby1(8, 0.05, 16, "lowpass", fs=FS, output="sos")),
        "notch": (dict(lo=50, q=30), signal.tf2sos(*signal.iirnotch(50, 30, fs=FS))),
    }
    cases = []
    for name, (params, sos) in filters.items():
        zi = signal.sosfilt_zi(sos)
        cases.append(
            dict(
                name=name,
                **params,
                causal=signal.sosfilt(sos, x)[::3],
                primed=signal.sosfilt(sos, x, zi=zi * x[0])[0][::3],
                zero_phase=signal.sosfiltfilt(sos, x)[::3],
            )
        )

    fir = []
    for name, lo, hi, n in [
        ("motor", 7, 30, 400),
        ("slow edge", 1, 20, 1200),
        ("signal shorter than filter", 1, 40, 300),
        ("upper transition ends at Nyquist", 8, 75, 400),
    ]:
        y = test_signal(n, 2)
        h = mne.filter.create_filter(y, FS, lo, hi, fir_design="firwin", verbose="error")
        raw = mne.io.RawArray(y[None] * 1e-6, mne.create_info(1, FS, "eeg"), verbose="error")
        raw.filter(lo, hi, fir_design="firwin", skip_by_annotation="edge", verbose="error")
        fir.append(
            dict(name=name, lo=lo, hi=hi, x=y, length=len(h), taps=h[: len(h) // 2 + 1][::5], zero_phase=raw.get_data()[0][::4] * 1e6)
        )

    psd = []
    for name, nperseg, noverlap, detrend, n in [
        ("linear", 160, 80, "linear", 400),
        ("constant", 128, 64, "constant", 400),
        ("none", 101, 30, False, 400),
        ("odd linear", 99, 0, "linear", 400),
        ("one segment", 400, 0, "linear", 400),
    ]:
        f, p = signal.welch(x[:n], FS, "hann", nperseg, noverlap, detrend=detrend)
        psd.append(dict(name=name, nperseg=nperseg, noverlap=noverlap, trend=str(detrend or "none"), freqs=f, psd=p))

    resampled = []
    for name, up, down, src, dst in [
        ("160 to 250", 25, 16, 160, 250),
        ("250 to 160", 16, 25, 250, 160),
        ("256 to 128", 1, 2, 256, 128),
        ("250 to 1000", 4, 1, 250, 1000),
        ("512 to 250", 125, 256, 512, 250),
    ]:
        y = signal.resample_poly(x - x.mean(), up, down, padtype="antireflect") + x.mean()
        resampled.append(dict(name=name, up=up, down=down, rate=src, to=dst, n=len(y), y=y[::3]))

    decimated = [dict(q=q, y=signal.decimate(x, q)) for q in (2, 5, 8)]
    write(
        "decoders/dsp",
        "dsp",
        ["scipy", "numpy", "mne"],
        dict(
            rate=FS,
            x=x,
            filters=cases,
            fir=fir,
            welch=psd,
            resample=resampled,
            decimate=decimated,
            detrend=dict(linear=signal.detrend(x)[::7], constant=signal.detrend(x, type="constant")[::7]),
        ),
    )


def trials(classes, per_class, channels, samples, seed):
    """Trials in µV whose channel powers depend on the class, through one random mixing."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(0, 1, (channels, channels)) + 2 * np.eye(channels)
    x, y = [], []
    for i in range(classes * per_class):
        power = 4 + 3 * rng.random(channels)
        power[i % classes] *= 2
        x.append(np.round(mixing @ (power[:, None] * rng.normal(0, 1, (channels, samples))) + 3, 1))
        y.append(i % classes)
    return np.array(x), np.array(y)


def riemann():
    x, y = trials(3, 5, 5, 40, 11)
    estimators = dict(
        scm=empirical_covariance,
        oas=lambda a: oas(a)[0],
        ledoit_wolf=lambda a: ledoit_wolf(a)[0],
    )
    short = x[:, :, :4]  # fewer samples than channels
    covs = {name: [f(t.T) for t in x[:3]] for name, f in estimators.items()}
    covs_short = {name: [f(t.T) for t in short[:3]] for name, f in estimators.items()}
    shrinkage = dict(oas=[oas(t.T)[1] for t in x[:3]], ledoit_wolf=[ledoit_wolf(t.T)[1] for t in x[:3]])

    c = np.array([oas(t.T)[0] for t in x])
    weights = np.linspace(1, 3, len(c))
    mean = mean_riemann(c, tol=1e-8, maxiter=50)
    vectors = tangent_space(c, mean)
    mdm = MDM().fit(c, y)
    # Classes of unequal size: with equal ones the class means sum to zero at the mean, and whether pyRiemann's
    # pseudo-inverse counts the third direction is a matter of rounding.
    fgmdm = FgMDM().fit(c[:-2], y[:-2])
    two = y < 2
    fgmdm2 = FgMDM().fit(c[two], y[two])
    class_means = np.array([c[y == k].mean(axis=0) for k in range(3)])
    second = np.array([t @ t.T / t.shape[1] for t in x])
    align = invsqrtm(second.mean(axis=0))
    write(
        "decoders/riemann",
        "riemann",
        ["pyriemann", "scikit-learn", "scipy", "numpy"],
        dict(
            x=x,
            y=y,
            covariances=covs,
            covariances_short=covs_short,
            shrinkage=shrinkage,
            functions=dict(
                sqrtm=sqrtm(c[0]), invsqrtm=invsqrtm(c[0]), logm=logm(c[0]), expm=expm(c[0] / 50), powm=powm(c[0], 0.3)
            ),
            mean=mean,
            mean_weighted=mean_riemann(c, tol=1e-8, maxiter=50, sample_weight=weights),
            weights=weights,
            mean_euclid=mean_euclid(c),
            mean_logeuclid=mean_logeuclid(c),
            distances=[distance_riemann(c[0], b) for b in c[1:]],
            tangent=vectors,
            untangent=untangent_space(vectors[2] / 2, mean),
            geodesic=geodesic_riemann(c[0], c[1], 0.3),
            mdm=dict(distances=mdm.transform(c), probabilities=mdm.predict_proba(c)),
            fgmdm=dict(distances=fgmdm.transform(c), distances_two=fgmdm2.transform(c)),
            ajd=ajd_pham(class_means, eps=1e-6, n_iter_max=20)[0],
            ajd_weighted=ajd_pham(class_means, eps=1e-9, n_iter_max=100, sample_weight=np.array([1.0, 2, 3]))[0],
            aligned=align @ x[4],
            recentred=invsqrtm(mean) @ c[3] @ invsqrtm(mean),
        ),
    )


def features(n, p, classes, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % classes)
    scale = 10 ** rng.uniform(-1, 1, p)
    x = rng.normal(0, 1, (n, p)) @ (np.eye(p) + 0.4 * rng.normal(0, 1, (p, p)) / np.sqrt(p))
    x[:, : min(p, 3)] += 0.8 * y[:, None]
    return np.round((x + 2) * scale, 3), y


def classify():
    sets = {
        "two classes": features(40, 6, 2, 21),
        "three classes": features(45, 5, 3, 22),
        "more features than samples": features(24, 30, 2, 23),
        "four classes more features than samples": features(28, 30, 4, 24),
        "unbalanced": features(40, 6, 2, 21),
    }
    x, y = sets["unbalanced"]
    keep = (y == 0) | (np.arange(len(y)) < 16)
    sets["unbalanced"] = x[keep], y[keep]
    x, y = features(30, 5, 2, 25)
    x[:, 3] = 7.5
    x[:, 4] = 2 * x[:, 0]
    sets["a constant and a repeated feature"] = x, y

    cases = []
    for name, (x, y) in sets.items():
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x, y)
        fixed = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2).fit(x, y)
        z = StandardScaler().fit_transform(x)
        solver = dict(solver="newton-cg", tol=1e-14, max_iter=100000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the line search complains at machine precision
            lr = {
                "default": LogisticRegression(**solver).fit(z, y),
                "weak": LogisticRegression(C=10, **solver).fit(z, y),
                "balanced": LogisticRegression(class_weight="balanced", **solver).fit(z, y),
            }
        cases.append(
            dict(
                name=name,
                x=x,
                y=y,
                classes=len(np.unique(y)),
                standardized=z[0],
                lda=dict(decision=lda.decision_function(x).ravel(), probabilities=lda.predict_proba(x)),
                lda_fixed=dict(decision=fixed.decision_function(x).ravel()),
                logistic={k: dict(decision=m.decision_function(z).ravel(), probabilities=m.predict_proba(z)) for k, m in lr.items()},
            )
        )

    rng = np.random.default_rng(26)
    scores = np.round(rng.normal(0, 2, (60, 3)), 2)
    labels = np.array([rng.choice(3, p=p) for p in softmax(scores / 1.7, axis=1)])
    loss = lambda beta: log_loss(labels, softmax(beta * scores, axis=1))
    beta = minimize_scalar(loss, bounds=(0.01, 20), method="bounded", options=dict(xatol=1e-12)).x
    binary = np.round(rng.normal(0, 1, 80), 1)  # one decimal makes ties
    positive = rng.random(80) < 1 / (1 + np.exp(-1.5 * binary + 0.4))
    probabilities = softmax(scores, axis=1)
    predicted = probabilities.argmax(axis=1)
    write(
        "decoders/classify",
        "classify",
        ["scikit-learn", "scipy", "numpy"],
        dict(
            sets=cases,
            scores=scores,
            labels=labels,
            temperature_loss=loss(beta),
            temperature=1 / beta,
            log_loss=log_loss(labels, probabilities),
            brier=brier_score_loss(labels, probabilities, scale_by_half=False),
            kappa=cohen_kappa_score(labels, predicted),
            binary=binary,
            positive=positive,
            auc=roc_auc_score(positive, binary),
            platt=_sigmoid_calibration(binary, positive),
            folds=[test for _, test in StratifiedKFold(4).split(np.zeros((60, 1)), labels)],
        ),
    )


if __name__ == "__main__":
    dsp()
    riemann()
    classify()
