"""eCCA, TRCA, eTRCA and TDCA with numpy and scipy, for decoders/ssvep and the rows of internal/lab/evaluation.

The seeded trials are stored whole, with the scores of each class. Of the exoskeleton recordings (NEUROD_EEG_DATA) only the number of
right trials is stored, leaving one block out; their lights blink on their own clock, so trials are brought into phase."""

import numpy as np
from scipy import linalg, signal

import golden
from ssvep import EEG, fbcca, reference

WEIGHTS = [m**-1.25 + 0.25 for m in range(1, 6)]
LIBRARIES = ["numpy", "scipy", "mne"]


def bank(x, fs, targets, bands):
    """Filters the channels of a clip that ends with its window: bands × channels × samples."""
    high = min(max(88, max(targets) + 2), 0.45 * fs)
    low = [min(8, max(0.5, min(targets) - 2))] + [8 * m for m in range(2, bands + 1) if 8 * m + 8 <= high]
    x = x - x.mean(axis=1, keepdims=True)
    return np.array([signal.sosfiltfilt(signal.cheby1(4, 0.5, [f, high], "bandpass", fs=fs, output="sos"), x) for f in low])


def centred(x):
    return x - x.mean(axis=-1, keepdims=True)


def pearson(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]


def top(a, b, count):
    return linalg.eigh(a, b)[1][:, ::-1][:, :count].T


def cca(x, y):
    """Filter of x of the largest canonical correlation with y, and the correlation."""
    qx, rx = np.linalg.qr(centred(x).T)
    qy, _ = np.linalg.qr(centred(y).T)
    u, s, _ = np.linalg.svd(qx.T @ qy)
    return linalg.solve_triangular(rx, u[:, 0]), s[0]


class ECCA:
    def __init__(self, x, y, targets, fs):
        self.templates = [centred(x[y == k]).mean(axis=0) for k in range(len(targets))]
        self.sines = [reference(f, 5, x.shape[2], fs) for f in targets]

    def score(self, x, k):
        t, s = self.templates[k], self.sines[k]
        w, rho = cca(x, s)
        r = [rho] + [pearson(v @ x, v @ t) for v in (cca(x, t)[0], w, cca(t, s)[0])]
        return np.sum(np.sign(r) * np.square(r))


class TRCA:
    ensemble = False

    def __init__(self, x, y, targets, fs):
        x = centred(x)
        self.templates = [x[y == k].mean(axis=0) for k in range(len(targets))]
        self.w = []
        for k in range(len(targets)):
            joined = np.hstack(x[y == k])
            q, total = joined @ joined.T, x[y == k].sum(axis=0)
            self.w.append(top(total @ total.T - q, q, 1)[0])
        self.w = np.array(self.w)

    def score(self, x, k):
        w = self.w if self.ensemble else self.w[k]
        return pearson(w @ x, w @ self.templates[k])


class ETRCA(TRCA):
    ensemble = True


class TDCA:
    delays = 5

    def augment(self, x, k):
        n = x.shape[1]
        wide = np.vstack([np.pad(x[:, d:], ((0, 0), (0, d))) for d in range(self.delays + 1)])
        q = np.linalg.qr(self.sines[k].T)[0]
        return np.hstack([wide, wide @ q @ q.T])[:, : 2 * n]

    def __init__(self, x, y, targets, fs):
        x = centred(x)
        self.sines = [reference(f, 5, x.shape[2], fs) for f in targets]
        a = [np.array([self.augment(t, k) for t in x[y == k]]) for k in range(len(targets))]
        means = np.array([c.mean(axis=0) for c in a])
        within = sum((t - m) @ (t - m).T for c, m in zip(a, means) for t in c) / len(x)
        between = sum((m - means.mean(axis=0)) @ (m - means.mean(axis=0)).T for m in means) / len(means)
        self.w = top(between, within, 8)
        self.templates = means

    def score(self, x, k):
        # Without means: with them the score would depend on the signs of the filters.
        a, b = self.w @ self.augment(centred(x), k), self.w @ self.templates[k]
        return np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b)


METHODS = dict(ecca=ECCA, trca=TRCA, etrca=ETRCA, tdca=TDCA)


def in_phase(x, f, fs, n):
    """Starts that bring trials (trials × channels × samples) into phase at f: v maximizes |Σ v_i c_i| over their whitened
    components c_i."""
    c = x[:, :, :n] @ np.exp(-2j * np.pi * f / fs * np.arange(n))
    white = linalg.inv(linalg.cholesky(sum(t @ t.T for t in x), lower=True))
    c = c @ white.T
    c /= np.linalg.norm(c, axis=1, keepdims=True)
    v = np.linalg.eigh(c.conj() @ c.T)[1][:, -1]
    angle = np.mod(np.angle(v) - np.angle(v[0]), 2 * np.pi)
    return np.round(angle / (2 * np.pi * f / fs)).astype(int) % round(fs / f)


class Bank:
    """A method in every band, its scores added; free-running lights are searched over one period."""

    def __init__(self, method, x, y, targets, fs, n, free):
        self.n, self.shifts = n, [round(fs / f) if free else 1 for f in targets]
        starts = np.zeros(len(x), int)
        if free:
            for k, f in enumerate(targets):
                starts[y == k] = in_phase(x[y == k, 0], f, fs, n)
        cut = np.array([t[:, :, s : s + n] for t, s in zip(x, starts)])
        self.bands = [method(cut[:, b], y, targets, fs) for b in range(x.shape[1])]

    def scores(self, x):
        return np.array([
            max(sum(w * m.score(centred(x[b][:, s : s + self.n]), k) for b, (w, m) in enumerate(zip(WEIGHTS, self.bands)))
                for s in range(shifts)) for k, shifts in enumerate(self.shifts)])


def seeded():
    """Few channels and a low rate keep the file small; the margin before the onset is as long as the decoder looks back."""
    rng = np.random.default_rng(11)
    fs, channels, seconds, targets = 100, 3, 0.8, [9.0, 11.0, 13.0]
    skip, before, n = 0.14, 0.5, 80
    y = np.repeat(np.arange(3), 4)
    clips = []
    for k in np.append(y, [0, 1, 2]):
        t = np.arange(int((before + skip + seconds) * fs + 3)) / fs - before
        x = rng.normal(0, 6, (channels, len(t))) + rng.normal(0, 3, len(t))
        for h in (1, 2):
            x += np.array([[3], [2], [-1]]) / h * np.sin(2 * np.pi * h * targets[k] * t + k + h * np.array([[0], [0.3], [0.5]]))
        clips.append(np.round(x, 2))
    start = round((before + skip) * fs)
    filtered = np.array([bank(x[:, : start + n], fs, targets, 2)[:, :, start:] for x in clips])
    train, test = filtered[: len(y)], filtered[len(y) :]
    scores = {name: [Bank(m, train, y, targets, fs, n, False).scores(x) for x in test] for name, m in METHODS.items()}
    return dict(rate=fs, targets=targets, cue=before, seconds=seconds, labels=y, clips=clips, scores=scores)


def exoskeleton(path, seconds, bands=3):
    import mne

    codes = {33025: 0, 33026: 2, 33027: 1}
    targets = [13, 17, 21]
    raw = mne.io.read_raw_gdf(path, preload=True, verbose="ERROR")
    x, fs, now = raw.get_data(), raw.info["sfreq"], None
    n, extra = int(np.ceil(seconds * fs)), round(fs / 13) - 1
    clips, y, block, seen = [], [], [], [0, 0, 0]
    for a in raw.annotations:
        code = int(a["description"])
        now = codes.get(code, None if code == 33024 else now)
        if code != 32779 or now is None:
            continue
        start = int((a["onset"] - 2) * fs + 0.5)
        from_, to = int(round((2 + 0.5) * fs)), int(round((2 + 0.5) * fs)) + n + extra
        lo = from_ - int(2 * fs)  # the filters see two seconds before the window and nothing behind it
        clips.append(bank(x[:, start + lo : start + to], fs, targets, bands)[:, :, from_ - lo :])
        y.append(now)
        block.append(seen[now])
        seen[now] += 1
        now = None
    x, y, block = np.array(clips), np.array(y), np.array(block)
    out = {}
    for name, method in METHODS.items():
        right = 0
        for b in np.unique(block):
            model = Bank(method, x[block != b], y[block != b], targets, fs, n, True)
            right += sum(int(np.argmax(model.scores(t))) == k for t, k in zip(x[block == b], y[block == b]))
        out[name] = right
    print(path.stem, seconds, out, len(y))
    return [dict(dataset="ssvep/exoskeleton", subject=path.stem, task=f"3 targets, {seconds:g} s", pipeline=name, protocol="leave one block out",
                 metric="accuracy", right=right, n=len(y)) for name, right in out.items()]


def training_free(path, seconds):
    """FBCCA of the same windows, of which nothing is learned: the filters see two seconds on either side, as far as a trial holds them."""
    import mne

    codes = {33025: 13, 33026: 21, 33027: 17}
    targets = [13, 17, 21]
    raw = mne.io.read_raw_gdf(path, preload=True, verbose="ERROR")
    x, fs, now = raw.get_data(), raw.info["sfreq"], None
    n, right, trials = int(np.ceil(seconds * fs)), 0, 0
    for a in raw.annotations:
        code = int(a["description"])
        now = codes.get(code, None if code == 33024 else now)
        if code != 32779 or now is None:
            continue
        start = int((a["onset"] - 2) * fs + 0.5)  # a trial: two seconds before it to a period behind its longest window
        clip = x[:, start : start + int((2 + 4.5 + 1 / 13 + 0.02) * fs + 0.5)]
        from_ = int(round(2.5 * fs))
        lo, hi = from_ - int(2 * fs), min(clip.shape[1], from_ + n + int(2 * fs))
        scores = fbcca(centred(clip[:, lo:hi]), fs, targets, from_ - lo, from_ - lo + n)
        right += targets[int(np.argmax(scores))] == now
        trials += 1
        now = None
    print(path.stem, seconds, "fbcca", right, trials)
    return dict(dataset="ssvep/exoskeleton", subject=path.stem, task=f"3 targets, {seconds:g} s", pipeline="fbcca", protocol="leave one block out",
                metric="accuracy", right=right, n=trials)


if __name__ == "__main__":
    golden.write("decoders/ssvep", "calibrated", ["numpy", "scipy"], seeded())
    rows = [r for path in sorted((EEG / "ssvep" / "exoskeleton").glob("*.gdf")) for seconds in (1, 2, 4) for r in exoskeleton(path, seconds)]
    rows += [training_free(path, seconds) for path in sorted((EEG / "ssvep" / "exoskeleton").glob("*.gdf")) for seconds in (1, 2, 4)]
    golden.write("internal/lab/evaluation", "ssvep", LIBRARIES, dict(source="numpy, scipy on the same blocks", rows=rows))
