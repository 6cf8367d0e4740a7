"""Thousands of operations through a proxy that breaks what passes: none lost, none doubled, every stream whole and in order."""

from __future__ import annotations

import collections
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from conftest import HANDS, KEY, PROJECT, Proxy, Wave

import neurod

OPERATIONS = int(os.environ.get("NEUROD_TEST_OPERATIONS", "2000"))
SEED = int(os.environ.get("NEUROD_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)

FAULTS = {
    "too_many": 0.02,
    "retry_after": 0,
    "unavailable": 0.03,
    "reset_before": 0.03,
    "reset_body": 0.03,
    "lose_answer": 0.04,
    "cut_answer": 0.03,
    "delay": 0.2,
    "delay_ms": 10,
    "cut_stream": 0.8,
    "cut_stream_bytes": 20_000,
}


def test_operations(client: neurod.Client, proxy: Proxy, user: str, wave: Wave) -> None:
    print(f"seed {SEED}")
    proxy.set(seed=SEED, **FAULTS)
    made: collections.Counter[str] = collections.Counter()
    lock = threading.Lock()

    def count(kind: str, n: int = 1) -> None:
        with lock:
            made[kind] += n

    policy = neurod.RetryPolicy(attempts=15, initial=0.05, maximum=1.0)
    t0 = 1_730_000_000_000
    sessions = max(2, OPERATIONS // 50)  # an operation to make each, 25 batches, 12 events, 6 decodes, 5 reads and its end
    samples = wave(2, 64, 64)
    short = wave(8, 500)
    jobs: list[str] = []
    streamed: dict[str, list[Any]] = {}

    with neurod.Client(KEY, PROJECT, base_url=proxy.url, retry=policy, timeout=30) as broken, ThreadPoolExecutor(16) as pool:

        def follow(session: neurod.Session) -> None:
            streamed[session.session_id] = list(session.stream(after_seq=0, transport="sse" if len(streamed) % 3 == 2 else "auto"))

        def one(k: int) -> tuple[str, int]:
            session = broken.sessions.create(external_user_id=user, device_type=f"FAULTS {k}", sample_rate_hz=64, channels=["C3", "C4"], hop_s=1)
            count("create")
            follower = None
            if k % 4 == 0:
                follower = threading.Thread(target=follow, args=(session,))
                follower.start()
            for i in range(25):
                data = {"C3": samples[0], "C4": samples[1]}
                answer = session.ingest(data if i % 2 else list(data.values()), t0_unix_ms=t0 + 1000 * i)
                # The answer is that of the attempt that was stored, though it may have been lost on the way.
                assert (answer.status, answer.sample_count) == ("accepted", 64), answer
                count("ingest")
                if i % 2:
                    session.events.add(f"event {i}", onset_ms=1000.0 * i)
                    count("event")
                if i % 5 == 0:
                    assert session.status().sample_count == 64 * (i + 1)
                    count("read")
                if i % 4 == 1:
                    job = broken.submit(short, paradigm="motor_imagery", sample_rate=250, channels=HANDS)
                    with lock:
                        jobs.append(job.id)
                    count("decode")
            session.end()
            count("end")
            if follower is not None:
                follower.join(120)
                assert not follower.is_alive()
            return session.session_id, k

        done = dict(pool.map(one, range(sessions)))

        for job_id in jobs:
            assert broken.jobs.get(job_id).wait(120).status == "completed"
            count("wait")

    proxy.set()
    counted = proxy.counts()
    total = sum(made.values())
    print(f"{total} operations {dict(made)}, {counted}")
    assert total >= OPERATIONS
    for fault in ("too_many", "unavailable", "reset_before", "reset_body", "lose_answer", "cut_answer", "cut_stream"):
        assert counted[fault] > 0, fault

    # What is there is what was made, no more and no less, seen without the proxy.
    found = client.sessions.list(external_user_id=user).to_list()
    assert len(found) == made["create"]
    assert {s.session_id for s in found} == set(done)
    for session in found:
        status = session.wait_for_processing(timeout=60)
        assert (status.batch_count, status.sample_count, status.overlapped_sample_count or 0) == (25, 25 * 64, 0)
        assert [e.label for e in session.events.list()] == [f"event {i}" for i in range(25) if i % 2]
        assert status.window_count == 24
    listed = [j.id for j in client.jobs.list(kind="neuro_decode")]
    assert sorted(listed) == sorted(jobs)
    assert len(set(jobs)) == len(jobs) == made["decode"]

    assert len(streamed) == len([k for k in done.values() if k % 4 == 0])
    for session_id, messages in streamed.items():
        assert [m.seq for m in messages[:-1]] == list(range(1, 25)), session_id
        assert messages[-1].type == "session_ended"
