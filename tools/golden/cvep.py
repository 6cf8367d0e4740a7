"""Reconvolution CCA and the template method with PyntBCI, for decoders/cvep and the rows of internal/lab/evaluation.

The seeded trials are stored whole, with the scores of each code. Of the five people whose recordings PyntBCI 1.8.0 ships (Thielen et al.
2021, BSD-3-Clause) only the number of right trials is stored: five parts in their order, trained on 4.2 s of a trial, decoded on the
first 1.05, 2.1 and 4.2 s of those left out."""

import pathlib

import numpy as np
import pyntbci

import golden

LIBRARIES = ["numpy", "pyntbci", "scipy"]
FS, RATE, LENGTH = 120, 60, 0.1


def m_sequence(degree, taps):
    state, out = [1] * degree, []
    for _ in range(2**degree - 1):
        out.append(state[-1])
        state = [sum(state[t - 1] for t in taps) % 2] + state[:-1]
    return np.array(out)


def codes():
    """Four Gold codes of degree 5 in which no flash runs over the end of a cycle: there PyntBCI cuts it off at the end of a trial. They are
    not modulated: with as many bright bits in every pair the structure matrix is nearly singular, and the inverse of the root that
    PyntBCI takes keeps four digits."""
    u, v = m_sequence(5, [5, 2]), m_sequence(5, [5, 4, 3, 2])
    gold = [u ^ np.roll(v, k) for k in range(31)]
    return np.array([c for c in gold if not (c[0] and c[-1])][:4])


def seeded():
    bits = codes()
    rng = np.random.default_rng(26)
    stimulus = bits.repeat(FS // RATE, axis=1)
    cycle = stimulus.shape[1]
    y = np.arange(14) % 4
    kernel = np.sin(2 * np.pi * 12 * np.arange(int(LENGTH * FS)) / FS) * np.hanning(int(LENGTH * FS))
    mixing = rng.normal(size=3)
    x = rng.normal(size=(14, 3, 4 * cycle))
    for i, k in enumerate(y):
        rises = np.flatnonzero(np.diff(np.concatenate([[0], np.tile(stimulus[k], 4)])) > 0)
        drive = np.zeros(4 * cycle)
        drive[rises] = 1
        x[i] += 0.7 * mixing[:, None] * np.convolve(drive, kernel)[: 4 * cycle]
    x = np.round(x - x.mean(axis=2, keepdims=True), 7)  # our decoders take the mean of a trial away before anything else
    train, test = np.arange(10), np.arange(10, 14)
    lengths = (2 * cycle, 4 * cycle - 8, cycle)  # a cycle last: PyntBCI 1.8.0 then takes the mean off the templates that it keeps
    cases = {"bits": ["".join(map(str, c)) for c in bits], "rate_hz": RATE, "sample_rate": FS, "response": LENGTH, "y": y, "x": x, "train": len(train)}
    for name, event in (("duration", "duration"), ("contrast", "contrast")):
        model = pyntbci.classifiers.rCCA(stimulus=stimulus, fs=FS, event=event, onset_event=True, encoding_length=LENGTH)
        model.fit(x[train], y[train])
        cases[name] = {
            "filter": np.ravel(model.w_),
            "response": np.ravel(model.r_),
            "scores": {str(n): np.squeeze(model.decision_function(x[test][:, :, :n])) for n in lengths},
        }
    model = pyntbci.classifiers.eCCA(lags=None, fs=FS, cycle_size=cycle / FS + 1e-9)
    model.fit(x[train], y[train])
    cases["template"] = {"scores": {str(n): np.squeeze(model.decision_function(x[test][:, :, :n])) for n in lengths}}
    golden.write("decoders/cvep", "cvep", LIBRARIES, cases)


def people():
    rows = []
    for file in sorted((pathlib.Path(pyntbci.__file__).parent / "data").glob("thielen2021_*.npz")):
        data = np.load(file)
        x, y, v, fs = data["X"], data["y"], data["V"], int(data["fs"])
        fold = np.repeat(np.arange(5), len(y) // 5)
        right = dict.fromkeys((1.05, 4.2, 2.1), 0)  # a cycle, 2.1 s, last: see above
        for f in range(5):
            model = pyntbci.classifiers.rCCA(stimulus=v, fs=fs, event="duration", onset_event=True, encoding_length=0.3)
            model.fit(x[fold != f][:, :, : int(4.2 * fs)], y[fold != f])
            for seconds in right:
                right[seconds] += int(np.sum(np.ravel(model.predict(x[fold == f][:, :, : int(seconds * fs)])) == y[fold == f]))
        for seconds, n in right.items():
            rows.append({"dataset": "cvep/thielen2021", "subject": file.stem.split("_")[1], "task": f"20 targets, {seconds:g} s", "pipeline": "rcca",
                         "protocol": "5 parts in order", "metric": "accuracy", "right": n, "n": len(y)})
    golden.write("internal/lab/evaluation", "cvep", LIBRARIES, {"source": "PyntBCI on the same parts", "rows": rows})


if __name__ == "__main__":
    seeded()
    people()
