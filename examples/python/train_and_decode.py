"""A model is trained on two runs of imagined movement and decodes the third.

    python train_and_decode.py [RUN1 RUN2 RUN3]

The runs are files of any format that neurod imports (EDF, BDF, GDF, XDF, ...), with the events T1 (left hand) and T2 (right hand) as those of EEGMMIDB have; without, three runs are
made. Needs neurod-client[numpy] and VOXEL_API_KEY.
"""

import sys

import numpy as np

import neurod

CLASSES = {"T1": "left_hand", "T2": "right_hand"}
CHANNELS, RATE = ["C3", "C4", "CP3", "CP4"], 160


def made(client: neurod.Client, seed: int) -> neurod.Session:
    """Record a run: while a hand is imagined, the rhythm over the other side of the head is weaker."""
    rng = np.random.default_rng(seed)
    session = client.sessions.create(
        external_user_id="example", device_type="synthetic", sample_rate_hz=RATE, channels=CHANNELS, ingestion_mode="RECORDED", started_at_unix_ms=1_730_000_000_000
    )
    blocks, events = [], []
    for k in range(20):
        label = ["T1", "T2"][int(rng.integers(2))] if k > 1 else ["T1", "T2"][k]
        t = np.arange(8 * RATE) / RATE
        events.append({"onset_ms": 8000 * k + 2000, "duration_ms": 4000, "label": label})
        block = rng.normal(0, 6, (4, len(t)))
        for i, name in enumerate(CHANNELS):
            other_side = name.endswith("4") == (label == "T1")
            strength = np.where(other_side & (t > 2) & (t < 6.5), 3, 10) * rng.uniform(0.7, 1.3)
            block[i] += strength * np.sin(2 * np.pi * 11 * t + rng.uniform(0, 6))
        blocks.append(block)
    session.ingest(np.concatenate(blocks, axis=1))
    session.events.add_many(events)
    session.end()
    session.wait_for_processing()
    return session


with neurod.Client() as client:
    if len(sys.argv) == 4:
        runs = [client.sessions.import_file(path, external_user_id="example") for path in sys.argv[1:]]
    else:
        runs = [made(client, seed) for seed in (1, 2, 3)]

    job = client.models.train("example-hands", paradigm="motor_imagery", sessions=runs[:2], classes=CLASSES)
    trained = job.result()
    print(f"{trained.model} ({trained.pipeline}), {trained.trials.used} trials; better than guessing: {trained.beats_chance}")

    result = client.decode(session_id=runs[2].session_id, paradigm="motor_imagery", model=trained.model, events="all")
    summary = result.trials_summary
    assert summary is not None
    print(f"third run: {summary.right} of {summary.labelled} right, guessing reaches {summary.chance:.2f}")
    for trial in (result.trials or [])[:5]:
        print(f"  {trial.clip.start_s:6.1f} s  {trial.label or '?':<11} {trial.decoded_class:<11} {trial.confidence:.2f}")
