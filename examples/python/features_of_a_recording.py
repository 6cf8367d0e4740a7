"""A recording of MNE becomes a session; its feature windows become a data frame and a picture.

    python features_of_a_recording.py [RECORDING]

Run it as a script, cell by cell in an editor that knows `# %%`, or as the notebook beside it (features_of_a_recording.ipynb). Without a recording it makes one: a minute of eight electrodes, with the eyes closed (strong alpha at
the back of the head) in its second half. Needs neurod-client[mne,pandas] and matplotlib, and VOXEL_API_KEY.
"""

# %% A recording: your own, or a made one
import sys

import mne
import numpy as np

import neurod

recording = None if "ipykernel" in sys.modules else next(iter(sys.argv[1:]), None)  # or the path of a recording
names = ["Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"]
if recording:
    raw = mne.io.read_raw(recording, verbose="error")
else:
    rng, rate = np.random.default_rng(1), 250
    t = np.arange(60 * rate) / rate
    data = np.cumsum(rng.normal(0, 1.0, (len(names), len(t))), axis=1)
    data = 15 * (data - data.mean(axis=1, keepdims=True)) / data.std(axis=1, keepdims=True) + rng.normal(0, 2, data.shape)
    for i, strength in enumerate([1, 1, 3, 3, 6, 6, 12, 12]):
        data[i] += np.where(t > 30, strength, 0.2 * strength) * np.sin(2 * np.pi * 10 * t)
    raw = mne.io.RawArray(data * 1e-6, mne.create_info(names, rate, "eeg"), verbose="error")
    raw.set_annotations(mne.Annotations([0, 30], [30, 30], ["eyes open", "eyes closed"]))

# %% Into a session: volts become microvolts, annotations become events
client = neurod.Client()
session = client.sessions.ingest_raw(raw, external_user_id="example")
print(f"session {session.session_id}: {session.status().window_count} windows, {len(session.events.list())} events")

# %% Out as a data frame
frame = session.features.list().to_dataframe()
seconds = (frame["window_start_ms"] - frame["window_start_ms"].iloc[0]) / 1000
print(frame[["delta", "theta", "alpha", "beta", "quality", "passed"]].describe().loc[["mean", "min", "max"]].round(2))

# %% A picture
import matplotlib.pyplot as plt

figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(8, 5))
for band in ("theta", "alpha", "beta"):
    above.plot(seconds, frame[band], label=band)
above.set_ylabel("power, µV²")
above.legend()
below.plot(seconds, frame["quality"], color="gray")
below.set_ylim(0, 1)
below.set_ylabel("quality")
below.set_xlabel("s")
figure.savefig("features.png", dpi=120)
print("features.png")

# %% And back into MNE, the same to float32
back = session.to_raw()
print("largest difference:", float(np.abs(back.get_data() - raw.get_data(picks=back.ch_names)).max()), "V")
