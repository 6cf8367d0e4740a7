"""A P300 speller, from a recording: a model is trained on letters that are known and spells others.

    python p300_speller.py [TRAINING SPELLING]

Each is a `.f32` file with its `.json` and `.events.csv` beside it (float32, sample by sample; rate and channels; sample, code and whether it was the target of each flash); without, a
session of flashes is made. Rows and columns of the matrix flash in random order; what is looked at answers 300 ms later. Needs neurod-client[numpy] and VOXEL_API_KEY.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np

import neurod

MATRIX = [list("ABCDEF"), list("GHIJKL"), list("MNOPQR"), list("STUVWX"), list("YZ1234"), list("56789_")]
REPETITIONS = 10


def flashes_of(letter: str) -> set[int]:
    """Return the codes that light a letter: 1 to 6 its column, 7 to 12 its row."""
    return {code for r, row in enumerate(MATRIX) for c, name in enumerate(row) if name == letter for code in (c + 1, r + 7)}


def made(text: str, seed: int) -> tuple[np.ndarray, list[str], float, list[tuple[float, int]]]:
    """Make the EEG of somebody who looks at one letter after the other: samples, channels, rate, and flashes (s, code)."""
    rng, rate, channels = np.random.default_rng(seed), 240, ["Fz", "Cz", "Pz", "PO7", "PO8", "Oz"]
    weight = np.array([0.5, 1.0, 1.2, 0.8, 0.8, 0.7])[:, None]
    flashes, at = [], 1.0
    for letter in text:
        for _ in range(REPETITIONS):
            for code in rng.permutation(12) + 1:
                flashes.append((at, int(code), int(code) in flashes_of(letter)))
                at += 0.175
        at += 2.5
    data = rng.normal(0, 8, (len(channels), int((at + 2) * rate)))
    t = np.arange(int(0.8 * rate)) / rate
    response = 7 * np.exp(-((t - 0.32) ** 2) / (2 * 0.05**2)) - 3 * np.exp(-((t - 0.2) ** 2) / (2 * 0.03**2))
    for onset, _, target in flashes:
        if target:
            begin = int(onset * rate)
            data[:, begin : begin + len(t)] += weight * response
    return data, channels, rate, [(onset, code) for onset, code, _ in flashes]


def read(path: Path) -> tuple[np.ndarray, list[str], float, list[tuple[float, int]], set[tuple[float, int]]]:
    told = json.loads(path.with_suffix(".json").read_text())
    channels = told["channels"]
    rate = float(told.get("sample_rate") or told.get("rate") or told["sample_rate_hz"])
    data = np.fromfile(path, "<f4").reshape(-1, len(channels)).T
    if told.get("units", "uV").lower() not in ("uv", "µv"):
        # Numbers of a converter, of which nobody knows the volts: brought to what EEG usually has, or they would be refused as none.
        data = data * np.float32(10 / np.median(np.std(np.diff(data[:, ::8]), axis=1)))
    flashes, targets = [], set()
    with path.with_suffix(".events.csv").open() as f:
        for row in csv.DictReader(f):
            flash = (float(row["onset_s"]), int(row["code"]))
            flashes.append(flash)
            if row.get("target") in ("1", "true"):
                targets.add(flash)
    return data, channels, rate, flashes, targets


with neurod.Client() as client:
    if len(sys.argv) == 3:
        data, channels, rate, flashes, targets = read(Path(sys.argv[1]))
        other, _, _, spelled, _ = read(Path(sys.argv[2]))
        text = None
    else:
        known, text = "NEUROD", "HELLO_YOU"
        data, channels, rate, flashes = made(known, 1)
        per_letter = 12 * REPETITIONS
        targets = {f for i, f in enumerate(flashes) if f[1] in flashes_of(known[i // per_letter])}
        other, _, _, spelled = made(text, 2)

    session = client.sessions.create(
        external_user_id="example", device_type="speller", sample_rate_hz=rate, channels=channels, ingestion_mode="RECORDED", started_at_unix_ms=1_730_000_000_000
    )
    session.ingest(data)
    session.events.add_many([{"onset_ms": 1000 * onset, "code": code, "label": "target" if (onset, code) in targets else "non_target"} for onset, code in flashes])
    session.end()
    session.wait_for_processing()
    trained = client.models.train("example-speller", paradigm="p300", sessions=[session], classes={"target": "target", "non_target": "non_target"}).result()
    print(f"{trained.model}: {trained.trials.used} flashes of {trained.trials.found}")

    result = client.decode(
        other, paradigm="p300", sample_rate=rate, channels=channels, model=trained.model, events=spelled, trials="all", stimulus={"matrix": MATRIX}, context={"ui_mode": "speller"}
    )
    letters = "".join(trial.decoded_class.removeprefix("letter_") for trial in result.trials or [])
    print("spelled:", letters, f"(looked at {text})" if text else "")
    if text:
        print(f"{sum(a == b for a, b in zip(letters, text))} of {len(text)} right")
