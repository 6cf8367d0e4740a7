"""Measures the Python client against a server: sdk.py URL KEY. Reads a command a line and answers with a line of JSON."""

import base64
import json
import statistics
import sys
import time

import httpx2
import numpy as np

import neurod

url, key = sys.argv[1:]
client = neurod.Client(key, base_url=url)
rng = np.random.default_rng(1)


def ingest(channels, rate, samples):
    """Seconds that one call takes for a whole array."""
    session = client.sessions.create(
        external_user_id="bench", device_type="bench", sample_rate_hz=rate, channels=[f"E{i}" for i in range(channels)], ingestion_mode="RECORDED", hop_s=60
    )
    array = rng.normal(0, 10, (channels, samples)).astype("f4")
    start = time.perf_counter()
    client_answer = session.ingest(array, t0_unix_ms=1_730_000_000_000)
    took = time.perf_counter() - start
    assert client_answer.sample_count == samples
    return {"seconds": took, "bytes": array.nbytes, "batches": session.status().batch_count}


def decode(n):
    """Medians of one decode, through the client and by bare calls of the HTTP library, taking turns: a submission and its wait."""
    channels = ["Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"]
    samples = rng.normal(0, 10, (8, 1000))
    body = {"input": {"type": "eeg", "data": base64.b64encode(samples.T.astype("<f4").tobytes()).decode(), "paradigm": "motor_imagery", "sample_rate": 250, "channels": channels}}
    content = json.dumps(body).encode()
    bare = httpx2.Client(headers={"Authorization": f"Bearer {key}"})
    times = {"client": [], "bare": []}
    # The server's own part differs from call to call by more than the client costs: its time is told by the difference of many.
    for k in range(n):
        for way in ("client", "bare") if k % 2 else ("bare", "client"):
            start = time.perf_counter()
            if way == "client":
                client.decode(samples, paradigm="motor_imagery", sample_rate=250, channels=channels)
            else:
                job = bare.post(f"{url}/api/v1/neuro/decode", content=content, headers={"Content-Type": "application/json"}).json()
                answer = bare.get(f"{url}/api/v1/jobs/{job['id']}", params={"wait_for_completion": "true", "timeout_seconds": "30"}).json()
                assert answer["status"] == "completed", answer
            times[way].append(1000 * (time.perf_counter() - start))
    return {way: statistics.median(t) for way, t in times.items()}


for line in sys.stdin:
    name, *arguments = line.split()
    print(json.dumps({"ingest": ingest, "decode": decode}[name](*map(int, arguments))), flush=True)
