"""Goldens of decoders/motorimagery: CSP of seeded arrays, and the scores of MNE's, pyRiemann's and scikit-learn's
pipelines on EEGMMIDB with the folds they were measured on. Needs NEUROD_EEG_DATA; only indices and scores are
written, no recording."""

import os
import pathlib
import tempfile
import zipfile

import mne
import numpy as np
from mne.decoding import CSP
from pyriemann.classification import MDM, FgMDM
from pyriemann.estimation import Covariances
from pyriemann.tangentspace import TangentSpace
from scipy import signal
from scipy.stats import gaussian_kde
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, ShuffleSplit, StratifiedKFold
from sklearn.pipeline import make_pipeline

from golden import ROOT, write

mne.set_log_level("ERROR")
DATA = pathlib.Path(os.environ.get("NEUROD_EEG_DATA", ROOT / ".." / "shared" / "eeg"))
LIBRARIES = ["mne", "numpy", "pyriemann", "scikit-learn", "scipy"]


def seeded(classes, seed, reference=False, channels=8, trials=12, samples=120):
    """Mixed sources whose power differs between classes."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(channels, channels))
    x, y = [], []
    for k in range(classes):
        gain = np.exp(rng.normal(0, 0.5, channels))
        for _ in range(trials):
            x.append(mixing @ (gain[:, None] * rng.normal(size=(channels, samples))))
            y.append(k)
    x = np.array(x)
    if reference:
        x -= x.mean(axis=1, keepdims=True)
    return x, np.array(y)


def csp_case(classes, seed, reference=False):
    x, y = seeded(classes, seed, reference)
    csp = CSP(n_components=4, reg=None, log=True, norm_trace=False).fit(x, y)
    # MNE divides the product of a class's joined epochs by one sample less.
    joined = [np.hstack(x[y == k]) for k in range(classes)]
    covs = [c @ c.T / (c.shape[1] - 1) for c in joined]
    case = dict(covs=covs, filters=csp.filters_[:4], trial=x[0] @ x[0].T / x.shape[2], log_power=np.log(((csp.filters_[:4] @ x[0]) ** 2).mean(1)))
    if classes == 2:
        case["eigenvalues"] = csp.evals_[:4]
    return case


def run(subject, number):
    with zipfile.ZipFile(DATA / "motor_imagery" / "eegmmidb" / f"{subject}.zip") as z:
        name = f"{subject}R{number:02d}.edf"
        with tempfile.TemporaryDirectory() as folder:
            z.extract(name, folder)
            return mne.io.read_raw_edf(pathlib.Path(folder) / name, preload=True)


def hands_feet():
    """MNE-Python's example of CSP, with its own filter, reference, epochs and splits."""
    raw = mne.concatenate_raws([run("S001", n) for n in (6, 10, 14)])
    raw.annotations.rename({"T1": "hands", "T2": "feet"})
    raw.set_eeg_reference(projection=True)
    raw.filter(7.0, 30.0, fir_design="firwin", skip_by_annotation="edge")
    epochs = mne.Epochs(raw, event_id=["hands", "feet"], tmin=-1.0, tmax=4.0, proj=True, baseline=None, preload=True)
    x = epochs.copy().crop(1.0, 2.0).get_data(copy=False)
    labels = (epochs.events[:, -1] == epochs.event_id["feet"]).astype(int)
    tests, scores = [], []
    for train, test in ShuffleSplit(10, test_size=0.2, random_state=42).split(x):
        model = make_pipeline(CSP(n_components=4, reg=None, log=True, norm_trace=False), LinearDiscriminantAnalysis())
        scores.append(model.fit(x[train], labels[train]).score(x[test], labels[test]))
        tests.append(test)
    return dict(labels=labels, tests=tests, scores=scores, mean=np.mean(scores))


BANDS = [(low, low + 4) for low in range(4, 40, 4)]


def mutual_information(x, y):
    """H(class) - H(class|x) in bit, with scipy's kernel density of each class (its Silverman width is Ang's)."""
    labels, counts = np.unique(y, return_counts=True)
    prior = counts / len(y)
    joint = np.array([p * gaussian_kde(x[y == k], "silverman")(x) for k, p in zip(labels, prior)])
    post = joint / joint.sum(axis=0)
    return -np.sum(prior * np.log2(prior)) + np.mean(np.sum(np.where(post > 0, post * np.log2(np.maximum(post, 1e-300)), 0), axis=0))


class FBCSP(ClassifierMixin, BaseEstimator):
    """Filter bank CSP of two classes on trials of shape (bands, channels, samples): MNE's CSP in each band, the four features of
    most mutual information with their pairs, scikit-learn's shrinkage LDA."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        self.csp = [CSP(n_components=4, reg=None, log=True, component_order="alternate").fit(x[:, b], y) for b in range(x.shape[1])]
        f = self.features(x)
        info = [mutual_information(f[:, j], y) for j in range(f.shape[1])]
        best = np.argsort(info)[::-1][:4]
        self.chosen = sorted(set(best) | {j ^ 1 for j in best})
        self.lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(f[:, self.chosen], y)
        return self

    def features(self, x):
        return np.hstack([c.transform(x[:, b]) for b, c in enumerate(self.csp)])

    def predict(self, x):
        return self.lda.predict(self.features(x)[:, self.chosen])


def left_right(subject):
    x, y, groups = [], [], []
    for number in (4, 8, 12):
        raw = run(subject, number)
        data, fs = raw.get_data() * 1e6, raw.info["sfreq"]
        for a in raw.annotations:
            if a["description"] in ("T1", "T2"):
                onset = int(round(a["onset"] * fs))
                # The decoder filters a second on both sides of its window as far as the trial of -1 to 4 s goes.
                x.append(data[:, onset - 80 : onset + 640])
                y.append(int(a["description"] == "T2"))
                groups.append(number)
    x, y, groups = np.array(x), np.array(y), np.array(groups)
    raw = x

    def band(low, high):
        sos = signal.butter(4, [low, high], "bandpass", fs=160, output="sos")
        return signal.sosfiltfilt(sos, raw, axis=-1)[..., 160:640]  # 0.5 to 3.5 s

    x = band(8, 30)
    bank = np.stack([band(*edges) for edges in BANDS], axis=1)
    pipelines = dict(
        csp_lda=lambda: make_pipeline(CSP(n_components=6, reg=None, log=True), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
        ts_lr=lambda: make_pipeline(Covariances("oas"), TangentSpace(), LogisticRegression(max_iter=1000)),
        mdm=lambda: make_pipeline(Covariances("oas"), MDM()),
        fgmdm=lambda: make_pipeline(Covariances("oas"), FgMDM()),
        fbcsp=FBCSP,
    )
    folds = list(StratifiedKFold(5, shuffle=True, random_state=42).split(x, y))
    runs = list(LeaveOneGroupOut().split(x, y, groups))
    out = dict(subject=subject, labels=y, tests=[test for _, test in folds], run_sizes=[len(test) for _, test in runs])
    for name, make in pipelines.items():
        z = bank if name == "fbcsp" else x
        out[name] = [make().fit(z[a], y[a]).score(z[b], y[b]) for a, b in folds]
        out[name + "_runs"] = [make().fit(z[a], y[a]).score(z[b], y[b]) for a, b in runs]
    print(subject, *(f"{name} {np.mean(out[name]):.3f} {np.mean(out[name + '_runs']):.3f}" for name in pipelines))
    return out


def information():
    rng = np.random.default_rng(5)
    out = []
    for n, shift in ((12, 0.2), (40, 1.0), (30, 4.0)):
        y = np.arange(n) % 3 % 2
        x = rng.normal(size=n) * (1 + y) + shift * y
        out.append(dict(x=x, labels=y, bits=mutual_information(x, y)))
    return out


def evaluation(people):
    """The rows of neurod evaluate that are measured on these folds: right answers over all folds."""
    rows = []
    for p in people:
        for name in ("csp_lda", "ts_lr", "mdm", "fgmdm", "fbcsp"):
            for key, protocol in ((name, "5-fold"), (name + "_runs", "leave one run out")):
                sizes = [len(t) for t in p["tests"]] if protocol == "5-fold" else p["run_sizes"]
                right = sum(round(s * n) for s, n in zip(p[key], sizes))
                rows.append(dict(dataset="motor_imagery/eegmmidb", subject=p["subject"], task="left/right imagery", pipeline=name,
                                 protocol=protocol, metric="accuracy", right=right, n=len(p["labels"])))
    return rows


if __name__ == "__main__":
    write("decoders/motorimagery", "csp", LIBRARIES, dict(
        two=csp_case(2, 1), referenced=csp_case(2, 2, reference=True), three=csp_case(3, 3), four=csp_case(4, 4),
        information=information()))
    subjects = [f"S{n:03d}" for n in range(1, 13)]
    case = dict(hands_feet=hands_feet(), left_right=[left_right(s) for s in subjects])
    print(case["hands_feet"]["mean"], np.std(case["hands_feet"]["scores"]))
    write("decoders/motorimagery", "eegmmidb", LIBRARIES, case)
    write("internal/lab/evaluation", "imagery", LIBRARIES, dict(source="MNE, pyRiemann, scikit-learn on the same folds", rows=evaluation(case["left_right"])))
