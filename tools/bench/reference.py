"""The Python half of `make bench ONLY=decoders`: what tools/bench/decoders.go times, computed with MNE, pyRiemann,
scikit-learn, scipy and numpy as somebody who knows them would write it. One thread.

Both sides compute on the same numbers: Go writes the data of each case to a folder (CASE.json with the names and shapes
of its arrays and its settings, CASE.NAME.f64 with the numbers, row by row), this script reads them. What does not
depend on the trial happens before the clock starts: training, the design of filters, windows, the QR decomposition of
references. Arguments are never checked twice: scikit-learn's check for NaN is switched off.

Every case gives its ways of computing the same answer by name; Go compares all answers with its own, to the tolerance it
prints. "reference" is what Go is held to; others are beside it:

  csp_lda, ts_lr, tangent   reference: the libraries' own pipeline (MNE's CSP, pyRiemann, scikit-learn), which filters all
                            channels first; numpy: the same trained numbers with bare numpy, projecting before filtering
                            as our decoder does
  cca, fbcca                reference: numpy, all targets in one product with QR-decomposed references; scikit-learn: its
                            CCA, which cannot keep the references' part and iterates, fitted for one target after the
                            other, without the test below
  rcca                      reference: PyntBCI, the scores of a trial every tenth of a second, for when to stop, without its checks of
                            arrays; one segment: those of the whole trial alone
  window, seizure           reference: scipy and numpy over all channels (and windows) at once
  umm                       reference: scipy, scikit-learn and numpy: the letter without calibration, no library on the registry computes it
  asked                     reference: the window by scipy and numpy, then the tapers by scipy and specparam for each channel and for their mean;
                            yasa: the shares alone, by its bandpower_from_psd, which integrates by Simpson's rule and so differs
  letter                    reference: scipy and numpy on all flashes at once, and the evidence after each repetition, with our trained filters and discriminant: no
                            library has the binned epochs

Where a library has no counterpart (the test for a flicker against its neighbours, artifact scores, the rules of the
seizure check, the posterior of a letter) numpy computes it too, so that both sides do the whole job. Left out here, and
done by Go within its time: checks of names, lengths and amplitudes, ranking and naming of the classes, the temperature.

Spoken over pipes, one JSON object a line. First the versions; then for each request "CASE SECONDS" the mean processor
time of a call over about that long, for every way, and the answers: {"ms": {way: ms}, "answer": {way: [...]}} or {"error": "..."}.
"""

import importlib.metadata
import json
import os
import pathlib
import sys
import time
import traceback

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # read when numpy is loaded

import mne
import numpy as np
import pyntbci
import sklearn
import yasa
from mne.decoding import CSP
from numpy.lib.stride_tricks import sliding_window_view
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from scipy import signal, special
from sklearn.covariance import ledoit_wolf
from sklearn.cross_decomposition import CCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from specparam import SpectralModel

LIBRARIES = ["mne", "numpy", "pyntbci", "pyriemann", "scikit-learn", "scipy", "specparam", "yasa"]


def ramp(x, a, b):
    return np.clip((x - a) / (b - a), 0, 1)


def band_pass(case, low, high, order=4):
    sos = signal.butter(order, [low, high], "bandpass", fs=case["rate"], output="sos")
    return lambda x: signal.sosfiltfilt(sos, x)


def two_classes(score):
    return -np.logaddexp(0, [score, -score])


def csp_lda(case):
    """Logarithms of the probabilities of two classes."""
    band, trial = band_pass(case, 8, 30), case["trial"]
    csp = CSP(n_components=6, reg=None, log=True)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    model = make_pipeline(csp, lda).fit(band(case["train"]), np.arange(len(case["train"])) % 2)
    filters, weights, bias = csp.filters_[:6], lda.coef_[0], lda.intercept_[0]

    def by_hand():
        y = band(filters @ trial)
        return two_classes(np.log(np.einsum("ij,ij->i", y, y) / y.shape[1]) @ weights + bias)

    return {"reference": lambda: model.predict_log_proba(band(trial)[None])[0], "numpy": by_hand}


def oas(x):
    p, n = x.shape
    x = x - x.mean(axis=1, keepdims=True)
    s = x @ x.T / n
    mu = np.trace(s) / p
    square, mu2 = np.mean(s * s), mu * mu
    den = (n + 1) * (square - mu2 / p)
    shrink = 1.0 if den == 0 else min((square + mu2) / den, 1.0)
    s *= 1 - shrink
    s.flat[:: p + 1] += shrink * mu
    return s


def tangent_by_hand(space):
    """One covariance to its tangent vector, the root of the reference kept."""
    value, vector = np.linalg.eigh(space.reference_)
    root = vector / np.sqrt(value) @ vector.T
    upper = np.triu_indices(len(value))
    weight = np.where(upper[0] == upper[1], 1.0, np.sqrt(2))

    def project(cov):
        w, v = np.linalg.eigh(root @ cov @ root)
        return (v * np.log(w) @ v.T)[upper] * weight

    return project


def ts_lr(case):
    """Logarithms of the probabilities of two classes."""
    band, trial = band_pass(case, 8, 30), case["trial"]
    space, lr = TangentSpace(), LogisticRegression(solver="newton-cg", tol=1e-10, max_iter=1000)
    model = make_pipeline(Covariances("oas"), space, lr).fit(band(case["train"]), np.arange(len(case["train"])) % 2)
    project, weights, bias = tangent_by_hand(space), lr.coef_[0], lr.intercept_[0]
    return {
        "reference": lambda: model.predict_log_proba(band(trial)[None])[0],
        "numpy": lambda: two_classes(project(oas(band(trial))) @ weights + bias),
    }


def tangent(case):
    """The tangent vector of one window."""
    trial = case["trial"]
    model = make_pipeline(Covariances("oas"), TangentSpace()).fit(case["train"])
    project = tangent_by_hand(model[-1])
    return {"reference": lambda: model.transform(trial[None])[0], "numpy": lambda: project(oas(trial))}


def sines(f, harmonics, n, fs):
    t = np.arange(n) / fs
    y = np.array([g(2 * np.pi * h * f * t) for h in range(1, harmonics + 1) for g in (np.sin, np.cos)])
    return y - y.mean(axis=1, keepdims=True)


def flicker_test(targets, n, fs, low, high):
    """P that surrogates made of neighbouring frequencies stand out like the best target's first two harmonics do."""
    size = next(m for m in range(n, 0, -1) if 60**10 % m == 0)  # a product of 2, 3 and 5
    df = fs / size
    bins = np.arange(1, size // 2)
    at = bins * df
    t = np.arange(n) / fs
    prepared = []
    for f in targets:
        near = np.abs(at - np.round(at / f) * f) < 1.5 * df
        near &= (np.round(at / f) >= 1) & (np.round(at / f) <= 5)
        parts = []
        for h in (1, 2):
            inside = low < h * f < high
            donors = (np.abs(at - h * f) <= 5) & ~near & (not inside or ((at >= low) & (at <= high)))
            if abs(h * f - 50) > 0.5 and abs(h * f - 60) > 0.5:
                parts.append((bins[donors], np.exp(-2j * np.pi * h * f * t)))
        prepared.append(parts)

    def distance(spectrum, z, donors, wave):
        v = spectrum[:, donors]  # channels × donors, complex
        m, p = len(donors), len(v)
        both = np.hstack([v.real, v.imag])
        a = both @ both.T
        a.flat[:: p + 1] += 0.05 * np.trace(a) / p
        u = z @ wave * np.sqrt(2 / n)
        solved = np.linalg.solve(np.linalg.cholesky(a), np.column_stack([both, u.real, u.imag]))
        re, im = solved[:, :m], solved[:, m : 2 * m]
        g00, g01, g11 = (re * re).sum(0), (re * im).sum(0), (im * im).sum(0)
        q = (m - 1) * (g00 * (1 - g11) + g11 * (1 - g00) + 2 * g01 * g01) / ((1 - g00) * (1 - g11) - g01 * g01)
        return m * (solved[:, 2 * m :] ** 2).sum(), q.mean(), q.var(ddof=1)

    def p_value(z, best):
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
        spectrum = np.fft.rfft(z[:, :size]) * np.sqrt(2 / size)
        total, mean, var = np.sum([distance(spectrum, z, *part) for part in prepared[best]], axis=0)
        one = special.gammaincc(mean * mean / var, total * mean / var)
        return -np.expm1(len(targets) * np.log1p(-min(one, 1 - 1e-16)))

    return p_value


def references(targets, harmonics, n, fs):
    """The orthonormal references of all targets side by side: samples × (targets · columns)."""
    return np.hstack([np.linalg.qr(sines(f, harmonics, n, fs).T)[0] for f in targets])


def correlations(z, q, targets):
    """The largest canonical correlation with each target's columns of q; z is centred."""
    qz = np.linalg.qr(z.T)[0]
    m = (qz.T @ q).reshape(len(z), targets, -1).transpose(1, 0, 2)
    # The eigenvalues of M Mᵀ take a third of the time of the singular values of M.
    return np.sqrt(np.linalg.eigvalsh(m @ m.transpose(0, 2, 1))[:, -1])


def one_by_one(z, refs):
    """The largest canonical correlation with each target's references, by scikit-learn."""
    rho = []
    for y in refs:
        u, v = CCA(n_components=1).fit_transform(z.T, y)
        rho.append(np.corrcoef(u[:, 0], v[:, 0])[0, 1])
    return np.array(rho)


def cca(case):
    """The correlation of every target, then P of the best one's flicker."""
    trial, targets, fs, start = case["trial"], case["targets"], case["rate"], case["start"]
    band, n = band_pass(case, 6, 60), trial.shape[1] - start
    q, test = references(targets, 5, n, fs), flicker_test(targets, n, fs, 6, 60)
    plain = [sines(f, 5, n, fs).T for f in targets]

    def window():
        z = band(trial)[:, start:]
        return z - z.mean(axis=1, keepdims=True)

    def fast():
        z = window()
        rho = correlations(z, q, len(targets))
        return np.append(rho, test(z, np.argmax(rho)))

    return {"reference": fast, "scikit-learn": lambda: one_by_one(window(), plain)}


def fbcca(case):
    """The weighted score of every target, then P of the best one's flicker."""
    trial, targets, fs, start = case["trial"], case["targets"], case["rate"], case["start"]
    bank = [signal.cheby1(4, 0.5, [8 * m, 88], "bandpass", fs=fs, output="sos") for m in range(1, 6)]
    weight = [m**-1.25 + 0.25 for m in range(1, 6)]
    n = trial.shape[1] - start
    q, test, broad = references(targets, 5, n, fs), flicker_test(targets, n, fs, 6, 88), band_pass(case, 6, 88)

    def cut(y):
        z = y[:, start:]
        return z - z.mean(axis=1, keepdims=True)

    def fast():
        score = np.zeros(len(targets))
        for w, sos in zip(weight, bank):
            score += w * correlations(cut(signal.sosfiltfilt(sos, trial)), q, len(targets)) ** 2
        return np.append(score, test(cut(broad(trial)), np.argmax(score)))

    plain = [sines(f, 5, n, fs).T for f in targets]

    def by_sklearn():
        return sum(w * one_by_one(cut(signal.sosfiltfilt(sos, trial)), plain) ** 2 for w, sos in zip(weight, bank))

    return {"reference": fast, "scikit-learn": by_sklearn}


BANDS = ((1, 4), (4, 8), (8, 13), (13, 30), (30, 45))


def rcca(case):
    """The correlation of every code."""
    trial, looked = case["trial"], case["looked"].astype(int)
    model = pyntbci.classifiers.rCCA(stimulus=case["shown"].astype("uint8"), fs=case["rate"], event="contrast", onset_event=True, encoding_length=0.3)
    model.fit(case["train"], looked)
    segments = [trial[None, :, :n] for n in [*range(24, trial.shape[1], 24), trial.shape[1]]]

    def growing():
        """As PyntBCI's stopping classes do, and as our decode does to say when the trial may be stopped: every tenth of a second."""
        for segment in segments:
            scores = model.decision_function(segment)
        return np.ravel(scores)

    return {"reference": growing, "one segment": lambda: np.ravel(model.decision_function(trial[None]))}


def spectrum(n, fs, nfft=None):
    """Functions of the power spectral density: of windows along the last axis, and of a band in it."""
    f = np.fft.rfftfreq(nfft or n, 1 / fs)
    taper = signal.get_window("hann", n)
    psd = lambda x: signal.welch(x, fs, window=taper, nperseg=n, noverlap=0, nfft=nfft, detrend=False, axis=-1)[1]

    def band(low, high):
        a, b = np.searchsorted(f - 1e-9, [low - 2e-9, high - 2e-9])
        return lambda p: p[..., a:b].sum(axis=-1) * (f[1] - f[0])

    return psd, band, f


def runs(hit, x):
    """The share of each row's samples that lie on an extreme for three samples or more in a row."""
    three = hit[:, 2:] & (x[:, 2:] == x[:, 1:-1]) & (x[:, 1:-1] == x[:, :-2])
    if not three.any():
        return np.zeros(len(x))
    inside = np.zeros_like(hit)
    for k in range(3):
        inside[:, k : k + three.shape[1]] |= three
    return inside.mean(axis=1)


def blinks(y, fs):
    """The blink score of one filtered channel."""
    cuts = np.flatnonzero((y[1:] < 0) != (y[:-1] < 0)) + 1
    edges = np.concatenate([[0], cuts, [len(y)]])
    at = np.array([a + np.argmax(np.abs(y[a:b])) for a, b in zip(edges, edges[1:])])
    size = np.abs(y)
    height, best = size[at], 0.0

    def beyond(into, out, edge, half):
        """How far the curve stays above half its height from one sample, above, to the next, which is not."""
        if not 0 <= out < len(y):
            return 0.0
        return (size[into] - half) / (size[into] - (size[out] if edge else -size[out]))

    for i in np.flatnonzero(2 * height > 75):
        a, lo, hi = height[i], at[i], at[i]
        while lo > edges[i] and abs(y[lo - 1]) >= a / 2:
            lo -= 1
        while hi + 1 < edges[i + 1] and abs(y[hi + 1]) >= a / 2:
            hi += 1
        wide = hi - lo + beyond(lo, lo - 1, lo > edges[i], a / 2) + beyond(hi, hi + 1, hi + 1 < edges[i + 1], a / 2)
        if not 0.1 <= 2 * wide / fs <= 0.4:
            continue
        other = max((height[j] for j in (i - 1, i + 1) if 0 <= j < len(at) and abs(at[j] - at[i]) <= 0.4 * fs), default=0.0)
        best = max(best, ramp(a + other, 75, 150) * ramp(other / a, 0.95, 0.65))
    return best


def smooth(y, period):
    """The mean of one period around each sample, whose two ends count in part; at the ends of the signal that of the first or last period."""
    inner = int((period - 1) / 2)
    k, end = 2 * inner + 1, (period - 1 - 2 * inner) / 2
    total = np.zeros((len(y), y.shape[1] + 1))
    np.cumsum(y, axis=1, out=total[:, 1:])
    mean = ((total[:, k:] - total[:, :-k])[:, 1:-1] + end * (y[:, : -k - 1] + y[:, k + 1 :])) / (k + 2 * end)
    return np.pad(mean, ((0, 0), (inner + 1, inner + 1)), "edge")


def window(case):
    """Band powers, entropy and scores of every channel, then the means."""
    x, fs, frontal = case["trial"], case["rate"], np.array(case["frontal"])
    n = x.shape[1]
    psd, band, f = spectrum(n, fs)
    bands = [band(*b) for b in BANDS]
    df = f[1] - f[0]
    wide, slow, mid, total = band(0.5, 45), band(0.5, 2), band(4, 30), band(0.5, np.inf)
    line = [band(l - 1, l + 1 + df / 2) for l in (50, 60)]
    in_entropy = slice(*np.searchsorted(f, [1, 45]))
    over = 0.008 * fs  # samples
    whole = max(1, round(over))
    blink_sos = signal.butter(2, [1, 10], "bandpass", fs=fs, output="sos")
    # The least-squares line by two products.
    t = np.arange(n) - (n - 1) / 2
    t /= np.linalg.norm(t)

    def between(y, at):
        """Each row at places of its own by cubic convolution (Keys 1981)."""
        at = np.clip(at, 0, n - 1)
        i = np.minimum(at.astype(int), n - 1)
        s = at - i
        a, b, c, d = (np.take_along_axis(y, np.clip(i + k, 0, n - 1), axis=1) for k in (-1, 0, 1, 2))
        return b + s / 2 * (c - a + s * (2 * a - 5 * b + 4 * c - d + s * (3 * (b - c) + d - a)))

    def steps(flat):
        """The largest change within 8 ms: the largest rise and fall between samples, and what lies between the samples around them."""
        change = flat[:, whole:] - flat[:, :-whole]
        at = np.stack([change.argmax(axis=1), change.argmin(axis=1)], axis=1)[..., None] + (whole - over) / 2 + np.arange(-4, 5) / 4
        at = at.reshape(len(flat), -1)
        return np.abs(between(flat, at + over) - between(flat, at)).max(axis=1)

    def worst(v, k):
        return np.sort(v)[-k:].mean() if k else 0.0

    def features():
        flat = x - x.mean(axis=1, keepdims=True)
        flat -= (flat @ t)[:, None] * t
        p = psd(flat)
        power = np.array([b(p) for b in bands])
        q = p[:, in_entropy]
        q = q / q.sum(axis=1, keepdims=True)
        entropy = -(q * np.log(q)).sum(axis=1) / np.log(q.shape[1])
        sd = np.sqrt(np.einsum("ij,ij->i", flat, flat) / n)
        span = np.ptp(flat, axis=1)
        step = steps(flat)
        share = np.max([l(p) for l in line], axis=0) / total(p)
        hum = ramp(share, 0.3, 0.6)
        motion = np.maximum(ramp(slow(p) / wide(p), 0.7, 0.95) * ramp(span, 100, 300), ramp(step, 50, 150) * (1 - hum))
        emg = ramp(np.log10(power[4] / mid(p)), -0.5, 0.3)
        clipped = runs((x == x.min(axis=1, keepdims=True)) | (x == x.max(axis=1, keepdims=True)), x)
        contact = np.where((sd < 0.5) | (clipped > 0.01), 1.0, np.maximum(ramp(sd, 50, 150), hum))
        blink = np.zeros(len(x))
        y = flat[frontal]
        for hum in (50, 60):
            y = smooth(y, fs / hum)
        blink[frontal] = [blinks(row, fs) for row in signal.sosfiltfilt(blink_sos, y, padlen=round(0.25 * fs))]
        sqi = (1 - contact) * (1 - np.max([0.7 * motion, 0.5 * emg, 0.4 * blink], axis=0))
        quarter = (len(x) + 3) // 4
        overall = [worst(motion, quarter), worst(emg, quarter), worst(contact, quarter), worst(blink, min(2, len(frontal)))]
        mean = power.mean(axis=1)
        good = sqi >= 0.6
        confidence = sqi[good].sum() / len(x) * (1 - 0.5 * max(overall[0], overall[1], overall[3]))
        return np.concatenate([power.ravel(), entropy, sd, span, share, motion, emg, contact, blink, sqi, mean,
                               [mean[2] / mean[3], mean[1] / mean[3], entropy.mean(), *overall, sqi.mean(), confidence, good.mean() >= 0.5]])

    return {"reference": features}


def asked(case):
    """The shares of the bands, and 1/f and alpha peak by specparam: of every channel, then of the mean spectrum."""
    x, fs = case["trial"], case["rate"]
    n = x.shape[1]
    plain = window(case)["reference"]
    psd, band, f = spectrum(n, fs)
    bands = [band(*b) for b in BANDS]
    named = [(low, high, name) for (low, high), name in zip(BANDS, ("delta", "theta", "alpha", "beta", "gamma"))]
    tapers = [np.sqrt(2 / (n + 1)) * np.sin(np.pi * k * np.arange(1, n + 1) / (n + 1)) for k in (1, 2, 3)]
    g = np.fft.rfftfreq(n, 1 / fs)
    keep = (g >= 2 - 1e-9) & (g <= min(40, 0.45 * fs) + 1e-9)
    dof = 2 * len(tapers)
    least = 3 * np.log10(1 - 2 / (9 * dof) + 3.0902 * np.sqrt(2 / (9 * dof)))

    def shares():
        power = np.array([b(psd(signal.detrend(x, axis=1))) for b in bands])
        return (power / power.sum(axis=0)).T.ravel()

    def fit(density):
        model = SpectralModel(peak_width_limits=(0.5, 12), max_n_peaks=6, peak_threshold=2, min_peak_height=least, verbose=False)
        model.fit(g[keep], density)
        offset, exponent = model.results.get_params("aperiodic")
        peaks = np.atleast_2d(model.results.get_params("peak", version="fit"))
        peaks = peaks[~np.isnan(peaks).any(axis=1)]
        height = lambda c: np.sum(peaks[:, 1] * np.exp(-((c - peaks[:, 0]) ** 2) / (2 * peaks[:, 2] ** 2)))
        alpha = [c for c in peaks[:, 0] if 7 <= c <= 13]
        return [exponent, offset, max(alpha, key=height) if alpha else 0.0]

    def everything():
        plain()
        flat = signal.detrend(x, axis=1)
        density = np.mean([signal.periodogram(flat, fs, window=taper, detrend=False, axis=1)[1] for taper in tapers], axis=0)[:, keep]
        fits = [fit(d) for d in density]
        return np.concatenate([shares(), *fits, fit(10 ** np.log10(density).mean(axis=0))])

    def by_yasa():
        p = signal.welch(x, fs, window="hann", nperseg=n, noverlap=0, detrend="linear", axis=1)[1]
        return yasa.bandpower_from_psd(p, f, bands=named, relative=True)[[name for _, _, name in named]].to_numpy().ravel()

    return {"reference": everything, "yasa": by_yasa}


def by_evidence(ratio, flashed, lit):
    """The probabilities of a speller's symbols by how the flashes that light them stand out from the others (decoders/p300/evidence.go): any size
    of the response is as likely, above or, one time in twenty, below; how codes differ among each other is no evidence."""
    codes, symbols = lit.shape
    n, total, squares = (np.bincount(flashed, w, codes) for w in (None, ratio, ratio * ratio))
    lit_n, lit_sum = n @ lit, total @ lit

    def noise(symbol):
        free = lit[:, symbol] == 0
        m, s, q = n[free], total[free], squares[free]
        mean = (s.sum() - 2.5) / (m.sum() + 2)
        variance = (max(0, q.sum() - 2 * mean * s.sum() + m.sum() * mean * mean) + 6 * 2.5) / (m.sum() + 6)
        design = 1.0
        if m.sum() >= 2 * len(m):
            between = (m * (s / m - s.sum() / m.sum()) ** 2).sum()
            design = (between / variance + 12) / (len(m) - 1 + 12) + 0.02 * (m.sum() / len(m) - 1)
        return mean, np.sqrt(variance), design

    def standing_out(sign, mean, sd, design):
        d = 0.1 * np.arange(1, 31)[:, None]
        z = sign * (lit_sum - lit_n * mean) / sd
        return special.logsumexp((d * z - lit_n * d * d / 2) / design, axis=0) - np.log(30)

    def as_noise(mean, sd, _):
        return -(n * np.log(sd) + (squares - 2 * mean * total + n * mean * mean) / (2 * sd * sd)).sum()

    up, down = noise(np.argmax(lit_sum / lit_n)), noise(np.argmin(lit_sum / lit_n))
    above = np.log(0.95) + standing_out(1, *up)
    below = np.log(0.05) + (as_noise(*down) - as_noise(*up)) / max(up[2], down[2]) + standing_out(-1, *down)
    p = special.softmax(np.concatenate([above, below]))
    return p[:symbols] + p[symbols:].sum() / symbols


def letter(case):
    """The logarithm of every symbol's probability; those after each repetition are computed too."""
    x, fs, onsets = case["trial"], case["rate"], case["onsets"]
    flashed = case["codes"].astype(int)
    filters, coef, limit, (slope, offset) = case["filters"], case["coef"], case["limit"], case["likelihood"][:2]
    intercept = case["intercept"][1] - case["intercept"][0]
    coef = coef[1] - coef[0]
    band = band_pass(case, case["low"], case["high"], case["order"])
    bins = round(case["seconds"] * case["bins"])
    width = fs / case["bins"]
    lo = max(0, int(onsets.min() * fs - fs))
    hi = min(x.shape[1], int(np.ceil((onsets.max() + case["seconds"]) * fs + fs)))
    edges = onsets[:, None] * fs - lo + np.arange(bins + 1) * width
    left = np.minimum(edges.astype(int), hi - lo - 1)
    part = edges - left
    codes = len(case["lit"])

    def posterior():
        y = band(filters @ x[:, lo:hi])
        total = np.zeros((len(y), hi - lo + 1))
        np.cumsum(y, axis=1, out=total[:, 1:])
        # The running sum between two samples grows by the sample's share.
        at = total[:, left] + part * y[:, left]
        epochs = (np.diff(at, axis=2) / width).transpose(1, 0, 2).reshape(len(onsets), -1)
        deviation = np.sqrt(np.einsum("ij,ij->i", epochs, epochs) / epochs.shape[1])
        epochs *= np.minimum(1, limit / deviation)[:, None]
        ratio = np.clip(slope * (epochs @ coef + intercept) + offset, -np.log(100), np.log(100))
        p = np.array([by_evidence(ratio[: k * codes], flashed[: k * codes], case["lit"]) for k in range(1, len(ratio) // codes + 1)])
        np.argmax(p.max(axis=1) > 0.9)  # the repetition to stop at
        return np.log(np.maximum(p[-1], 1e-300))

    return {"reference": posterior}


def umm(case):
    """The logarithm of every symbol's probability by the difference between the means that it tells of."""
    x, fs, onsets = case["trial"], case["rate"], case["onsets"]
    lit = case["lit"][case["codes"].astype(int)]  # flashes × symbols
    band = band_pass(case, case["low"], case["high"], case["order"])
    bins, channels = round(case["seconds"] * case["bins"]), len(x)
    width = fs / case["bins"]
    lo = max(0, int(onsets.min() * fs - fs))
    hi = min(x.shape[1], int(np.ceil((onsets.max() + case["seconds"]) * fs + fs)))
    edges = onsets[:, None] * fs - lo + np.arange(bins + 1) * width
    left = np.minimum(edges.astype(int), hi - lo - 1)
    part = edges - left
    n = lit.sum(axis=0)
    rest = len(lit) - n
    contrast = lit / n - (1 - lit) / rest

    def posterior():
        y = band(x[:, lo:hi])
        total = np.zeros((channels, hi - lo + 1))
        np.cumsum(y, axis=1, out=total[:, 1:])
        at = total[:, left] + part * y[:, left]
        epochs = (np.diff(at, axis=2) / width).transpose(1, 2, 0).reshape(len(onsets), -1)  # bins × channels each
        deviation = np.sqrt(np.einsum("ij,ij->i", epochs, epochs) / epochs.shape[1])
        epochs *= np.minimum(1, 1.5 * np.median(deviation) / deviation)[:, None]
        full = ledoit_wolf(epochs)[0].reshape(bins, channels, bins, channels)
        cov = np.zeros_like(full)
        for lag in range(bins):
            block = sum(full[b, :, b + lag] for b in range(bins - lag)) / bins
            for b in range(bins - lag):
                cov[b, :, b + lag] = block
                cov[b + lag, :, b] = block.T
        d = epochs.T @ contrast
        z = np.einsum("ij,ij->j", d, np.linalg.solve(cov.reshape(bins * channels, -1), d))
        return np.maximum(special.log_softmax(z / (2 * 2 * (1 / n + 1 / rest))), np.log(1e-300))

    return {"reference": posterior}


def seizure(case):
    """The score, where the strongest 10 s begin, and the medians that are the evidence."""
    x, fs = case["trial"], case["rate"]
    behind = np.flatnonzero(case["behind"])
    n, hop = round(2 * fs), int(fs)
    band = band_pass(case, 1, 30)
    psd, of, f = spectrum(n, fs)
    alpha, slow, broad, wide, high, mid, total = of(8, 13), of(2, 12), of(1, 30), of(0.5, 45), of(30, 45), of(4, 30), of(0.5, np.inf)
    line = [of(l - 1, l + 1 + (f[1] - f[0]) / 2) for l in (50, 60)]
    parts = [of(a, b) for a, b in ((1, 4), (4, 8), (8, 13), (13, 30), (30, 40))]
    t = np.arange(n) - (n - 1) / 2
    t /= np.linalg.norm(t)
    lags = np.arange(int(fs / 12), int(fs / 2) + 2)
    segment, size = 9, 1 << (n + int(lags[-1]) - 1).bit_length()

    def windows(y):
        return sliding_window_view(y, n, axis=1)[:, ::hop]

    def sustained(v):
        """What two thirds of each segment reach, along the last axis."""
        return np.sort(v, axis=-1)[..., segment - int(np.ceil(2 / 3 * segment))]

    def check():
        flat = x - x.mean(axis=1, keepdims=True)
        w, b = windows(flat), windows(band(flat))
        d = w - w.mean(axis=-1, keepdims=True)
        p = psd(d - (d @ t)[..., None] * t)
        share, ratio = alpha(p) / broad(p), slow(p) / wide(p)
        muscle = np.log10(np.maximum(high(p), 1e-12) / np.maximum(mid(p), 1e-12))
        hum = np.max([l(p) for l in line], axis=0) / total(p)
        [part(p) for part in parts]  # the features of the trained score
        diff = np.diff(b, axis=-1)
        square = np.einsum("...i,...i->...", b, b)
        square1 = np.einsum("...i,...i->...", diff, diff)
        diff2 = np.diff(diff, axis=-1)
        path = np.abs(diff).sum(axis=-1) / 2
        sd = np.sqrt(square / n)
        mobility = np.sqrt(square1 / square) * fs / (2 * np.pi)
        complexity = np.sqrt(np.einsum("...i,...i->...", diff2, diff2) / square1) * fs / (2 * np.pi) / mobility
        product = np.fft.irfft(np.abs(np.fft.rfft(b, size)) ** 2, size)[..., lags]
        energy = np.cumsum(b * b, axis=-1)
        auto = product / np.sqrt(energy[..., n - lags - 1] * (energy[..., -1:] - energy[..., lags - 1]))
        peak = np.where((auto[..., 1:-1] > auto[..., :-2]) & (auto[..., 1:-1] >= auto[..., 2:]), auto[..., 1:-1], 0).clip(0)
        best = peak.argmax(axis=-1)
        rhythm = np.take_along_axis(peak, best[..., None], -1)[..., 0]
        frequency = np.where(rhythm > 0, fs / lags[best + 1], 0)
        lo, hi = w.min(axis=-1), w.max(axis=-1)
        rows = w.reshape(-1, n)
        clipped = runs((rows == lo.reshape(-1, 1)) | (rows == hi.reshape(-1, 1)), rows).reshape(lo.shape)
        unusable = (hi - lo < 1) | (sd < 0.25) | (clipped > 0.01) | (hum > 0.6)
        limit = 4000 * 0.25 ** ramp(rhythm, 0.5, 0.8)
        gate = (1 - ramp(share, 0.35, 0.55)) * ramp(ratio, 0.35, 0.55) * (1 - ramp(muscle, -0.5, 0.3))
        score = np.where(unusable, 0, ramp(np.log2(np.maximum(path, 1) / limit), -1, 1) * gate)
        usable = np.flatnonzero((~unusable).sum(axis=1) >= 0.5 * unusable.shape[1])
        together = np.sort(score[usable], axis=0)[-min(2, len(usable))]
        if len(behind):
            together = np.minimum(together, score[np.intersect1d(usable, behind)].max(axis=0))
        strongest = sustained(sliding_window_view(together, segment))
        at = int(strongest.argmax())
        own = sustained(score[usable, at : at + segment])
        order = usable[np.argsort(-own, kind="stable")]
        shown = order[: max(2, int((own >= 0.5).sum()))]
        measures = np.array([path, limit, rhythm, frequency, ratio, share, muscle, mobility, complexity])
        return np.concatenate([[strongest[at], at * hop / fs], np.median(measures[:, shown, at : at + segment].reshape(9, -1), axis=1)])

    return {"reference": check}


def read(folder, name):
    case = json.loads((folder / f"{name}.json").read_text())
    for key, shape in case.pop("arrays").items():
        case[key] = np.fromfile(folder / f"{name}.{key}.f64", "<f8").reshape(shape)
    return case


def timed(call, seconds):
    """Milliseconds of processor time a call takes: the mean over about so many seconds, at least one call."""
    count, start = 0, time.process_time()
    while True:
        call()
        count += 1
        took = time.process_time() - start
        if took >= seconds:
            return 1000 * took / count


def main(folder):
    say = lambda message: print(json.dumps(message, allow_nan=False), flush=True)
    say({"versions": {"python": sys.version.split()[0], **{lib: importlib.metadata.version(lib) for lib in LIBRARIES}}})
    made = {}
    for request in sys.stdin:
        name, seconds = request.split()
        try:
            if name not in made:
                case = read(folder, name)
                made[name] = globals()[case["kind"]](case)
            answers = {way: np.asarray(call(), float).tolist() for way, call in made[name].items()}
            say({"ms": {way: timed(call, float(seconds)) for way, call in made[name].items()}, "answer": answers})
        except Exception:
            say({"error": traceback.format_exc(limit=-2)})


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("reference.py: needs Python 3.11 or later")
    mne.set_log_level("ERROR")
    sklearn.set_config(assume_finite=True)
    main(pathlib.Path(sys.argv[1]))
