"""The scenarios that every client library passes (test/clients/scenarios.txt in the repository), with the synchronous and the asynchronous client."""

from __future__ import annotations

import asyncio
import inspect
import json
import math
import os
import random
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import HANDS, KEY, PROJECT

import neurod


class Blocking:
    """An asynchronous object that is called as if it were synchronous, so that one text tests both."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target, self._loop = target, loop

    def _wrap(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            value = asyncio.run_coroutine_threadsafe(_await(value), self._loop).result(300)
        if type(value).__module__.startswith("neurod._async"):
            return Blocking(value, self._loop)
        if isinstance(value, list) and type(value) is list:
            return [self._wrap(v) for v in value]
        return value

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not callable(value) or type(value).__module__.startswith("neurod._async"):
            return self._wrap(value)

        def call(*args: Any, **kwargs: Any) -> Any:
            def bare(v: Any) -> Any:
                if isinstance(v, Blocking):
                    return v._target
                return [bare(e) for e in v] if isinstance(v, list) else v

            return self._wrap(value(*[bare(a) for a in args], **{k: bare(v) for k, v in kwargs.items()}))

        return call

    def __iter__(self) -> Iterator[Any]:
        iterator = aiter(self._target)
        while True:
            try:
                yield self._wrap(anext(iterator))
            except StopAsyncIteration:
                return


async def _await(value: Any) -> Any:
    return await value


@pytest.fixture(params=["sync", "async"])
def api(request: pytest.FixtureRequest, server: str) -> Iterator[Any]:
    if request.param == "sync":
        with neurod.Client(KEY, PROJECT, base_url=server) as c:
            yield c
        return
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def make() -> neurod.AsyncClient:
        return neurod.AsyncClient(KEY, PROJECT, base_url=server)

    made = asyncio.run_coroutine_threadsafe(make(), loop).result()
    yield Blocking(made, loop)
    asyncio.run_coroutine_threadsafe(made.aclose(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


passed: dict[str, set[str]] = {}


@pytest.fixture(autouse=True)
def reported(request: pytest.FixtureRequest) -> Iterator[None]:
    """Report a scenario when both clients have passed it."""
    failed = request.session.testsfailed
    yield
    name = request.function.__name__.removeprefix("test_")
    if request.session.testsfailed == failed and "api" in request.fixturenames:
        passed.setdefault(name, set()).add(request.node.callspec.params["api"])
        target = os.environ.get("NEUROD_TEST_PASSED")
        if target and passed[name] == {"sync", "async"}:
            with open(target, "a") as out:
                out.write(name + "\n")


def samples(channels: int = 8, n: int = 1000, rate: float = 250.0, seed: int = 1) -> list[list[float]]:
    rng = random.Random(seed)
    return [[10 * math.sin(2 * math.pi * 10 * i / rate + c) + rng.gauss(0, 8) for i in range(n)] for c in range(channels)]


def test_decode(api: Any) -> None:
    result = api.decode(samples(), paradigm="motor_imagery", sample_rate=250, channels=HANDS, context={"ui_mode": "wheelchair_nav"})
    assert isinstance(result, neurod.DecodeResult)
    assert result.paradigm_detected in ("motor_imagery", "undetermined")
    total = result.confidence + sum(a.confidence for a in result.alternatives)
    assert total == pytest.approx(1, abs=1e-6) or (not result.determined and total == 0)
    assert result.disclaimer
    assert result.decoded_intent in result._repr_html_()


def test_decode_failed(api: Any) -> None:
    with pytest.raises(neurod.DecodeFailed) as caught:
        api.decode([[1.0, 2.0]] * 8, paradigm="motor_imagery", sample_rate=250, channels=HANDS)
    assert caught.value.code == "payload_too_short"
    assert caught.value.details
    assert caught.value.job.status == "failed"


def test_submit(api: Any) -> None:
    job = api.submit(samples(), paradigm="motor_imagery", sample_rate=250, channels=HANDS, diagnostics=True)
    assert job.id.startswith("req_pi_")
    seen: list[str] = []
    job.wait(60, on_progress=lambda j: seen.append(j.status))
    assert job.status == "completed"
    assert job.result().decoded_intent == api.jobs.get(job.job_id).result().decoded_intent
    assert api.jobs.get(job.id, diagnostics=True).diagnostics
    assert job.cancel().status == "completed"


def test_job_cancel(api: Any) -> None:
    # A hundred items are more than can be done between two calls, except where the machine held this process up between them.
    for _ in range(20):
        job = api.submit_batch([samples(8, 2000)] * 100, paradigm="motor_imagery", sample_rate=250, channels=HANDS)
        if job.cancel().status != "completed":
            break
    answers = job.result(60)
    assert job.status == "canceled"
    assert any(isinstance(a, neurod.JobCanceled) for a in answers)
    item = [j for j in api.jobs.list(parent_id=job.id) if j.status == "canceled"][0]
    with pytest.raises(neurod.JobCanceled):
        item.result(10)


def test_batch(api: Any) -> None:
    good, bad = samples(), [[1.0, 2.0]] * 8
    answers = api.decode_batch([good, bad, {"recording": good, "paradigm": "seizure"}], paradigm="motor_imagery", sample_rate=250, channels=HANDS)
    assert [type(a).__name__ for a in answers] == ["DecodeResult", "DecodeFailed", "DecodeResult"]
    assert answers[1].code == "payload_too_short"
    assert answers[2].paradigm_detected in ("seizure", "undetermined")


def test_jobs_pages(api: Any) -> None:
    parent = api.submit_batch([[[0.5] * 4] * 8 for _ in range(100)], paradigm="motor_imagery", sample_rate=250, channels=HANDS)
    more = api.submit_batch([[[0.5] * 4] * 8 for _ in range(25)], paradigm="motor_imagery", sample_rate=250, channels=HANDS)
    assert len(list(api.jobs.list(parent_id=parent.id))) == 100
    ids = [j.id for j in api.jobs.list(kind="neuro_decode_batch")]
    assert ids.index(more.id) < ids.index(parent.id)
    assert len(set(ids)) == len(ids)
    assert len(list(api.jobs.list(parent_id=parent.id, limit=7))) == 7


def test_session_live(api: Any, user: str) -> None:
    session = api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=64, channels=["C3", "C4"], hop_s=0.5)
    stream = session.stream(after_seq=0)
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.extend(stream))
    thread.start()
    t0 = 1_730_000_000_000
    for k in range(8):
        session.ingest({"C3": [float(i % 7) for i in range(64)], "C4": [float(i % 5) for i in range(64)]}, batch_id=f"b{k}", t0_unix_ms=t0 + 1000 * k)
    session.end()
    thread.join(60)
    windows = [m for m in got if m.type == "features"]
    assert [m.seq for m in windows] == list(range(1, 14))  # 8 s in windows of 2 s, every half second
    assert got[-1].type == "session_ended"
    assert got[-1].data.ended_at is not None
    assert sorted(m.data.window_start_ms for m in windows) == [t0 + 500 * k for k in range(13)]
    assert [m.type for m in session.stream(after_seq="latest")] == ["session_ended"]  # what comes next, and no more
    for transport in ("sse", "websocket"):  # and once more, from the beginning, over each
        again = list(session.stream(after_seq=0, transport=transport))
        assert [m.seq for m in again if m.type == "features"] == list(range(1, 14)), transport
        rest = list(session.stream(after_seq=10, transport=transport))
        assert [m.seq for m in rest if m.type == "features"] == [11, 12, 13], transport


def test_session_recorded(api: Any, user: str) -> None:
    session = api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=128, channels=["O1", "O2"], ingestion_mode="RECORDED")
    session.ingest(samples(2, 1280, 128), t0_unix_ms=1_730_000_000_000)
    with pytest.raises(neurod.NeurodError, match="has not ended"):
        session.wait_for_processing(timeout=60)
    session.end()
    states: list[str] = []
    status = session.wait_for_processing(on_progress=lambda s: states.append(s.processing_state))
    assert status.processing_state == states[-1] == "COMPLETE"
    windows = session.features.list()
    assert len(windows) == status.window_count == 5
    assert windows[0].bandpower.alpha == windows[0].features.bandpower.alpha
    assert windows[0].sqi == windows[0].quality.overall
    assert len(session.features.list(limit=2)) == 2
    assert session.features.latest().window_start_ms == windows[-1].window_start_ms
    assert "5 feature windows" in windows._repr_html_()
    assert session.session_id in [s.session_id for s in api.sessions.list(external_user_id=user)]


def test_ingest_array(api: Any, user: str) -> None:
    rate, channels = 500, [f"E{i}" for i in range(16)]
    session = api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=rate, channels=channels, ingestion_mode="RECORDED")
    data = samples(16, 70_000, rate)
    accepted = session.ingest(data, batch_id="long", t0_unix_ms=1_730_000_000_000)
    assert accepted.sample_count == 70_000
    assert not accepted.overlapped_sample_count
    more = session.ingest([[v / 1e6 for v in c[:250]] for c in data], unit="V")  # goes on behind it
    assert more.sample_count == 250
    status = session.status()
    assert status.sample_count == 70_250
    assert status.batch_count == 3
    assert not status.gaps
    batches = session.export_dict(include_raw=True)["raw_batches"]
    assert [b["batch_id"] for b in batches][:2] == ["long-000000", "long-000001"]
    for i, name in enumerate(channels):
        back = [v for b in batches[:2] for v in b["data"][name]]
        assert struct.pack(f"<{len(back)}f", *back) == struct.pack("<70000f", *data[i])
        assert batches[2]["data"][name] == pytest.approx(data[i][:250], rel=1e-6)
    with pytest.raises(ValueError, match=r"16.*transposed"):
        session.ingest(list(zip(*[c[:30] for c in data])))
    with pytest.raises(ValueError, match="sample 1 of channel E0"):
        session.ingest([[0.0, math.nan]] * 16)


def test_ingest_duplicate(api: Any, user: str) -> None:
    session = api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=64, channels=["C3"])
    first = session.ingest({"C3": [1.0] * 64}, batch_id="b", t0_unix_ms=1_730_000_000_000)
    second = session.ingest({"C3": [1.0] * 64}, batch_id="b", t0_unix_ms=1_730_000_000_000)
    assert (first.status, first.sample_count) == ("accepted", 64)
    assert (second.status, second.sample_count) == ("duplicate_ignored", 0)
    other = session.ingest({"C3": [2.0] * 64}, batch_id="b", t0_unix_ms=1_730_000_000_000)
    assert other.payload_differs


def test_events(api: Any, user: str) -> None:
    t0 = 1_730_000_000_000
    session = api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=64, channels=["C3"], started_at_unix_ms=t0)
    session.ingest([[0.5] * 640])  # begins where the session does
    session.events.add("left", t_unix_ms=t0 + 250)
    session.events.add_many([{"onset_ms": 10 * i, "code": i + 1} for i in range(1200)])
    events = session.events.list()
    assert len(events) == 1201
    assert (events[0].label, events[0].onset_ms, events[0].sample) == ("left", 250, 16)
    assert events[1200].code == 1200
    assert [e.seq for e in session.events.list(after=1199)] == [1200, 1201]


def test_export(api: Any, user: str, tmp_path: Path) -> None:
    session = api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=64, channels=["C3", "C4"], ingestion_mode="RECORDED")
    session.ingest(samples(2, 640, 64), t0_unix_ms=1_730_000_000_000)
    session.end()
    session.wait_for_processing()
    assert session.export(tmp_path / "s.csv").read_bytes().count(b"\r\n") == 6
    assert len(json.loads(session.export(tmp_path / "s.json").read_text())["feature_windows"]) == 5
    assert session.export(tmp_path / "s.edf").read_bytes()[:8] == b"0       "
    assert session.export(tmp_path / "other", format="bdf").read_bytes()[:8] == b"\xffBIOSEMI"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "s.csv", "s.edf", "s.json"]
    with pytest.raises(neurod.InvalidRequestError):
        session.export(tmp_path / "no.edf", include_raw=True)
    assert not (tmp_path / "no.edf").exists()


def test_import(api: Any, user: str, tmp_path: Path) -> None:
    table = "TP9,AF7,AF8,TP10\n" + "".join(f"{i % 17},{i % 19},{i % 23},{i % 29}\n" for i in range(1024))
    path = tmp_path / "blinks.csv"
    path.write_text(table)
    seen: list[Any] = []
    session = api.sessions.import_file(path, external_user_id=user, sample_rate_hz=256, on_progress=seen.append)
    assert session.processing_state == "COMPLETE"
    assert list(session.channels) == ["TP9", "AF7", "AF8", "TP10"]
    assert session.status().sample_count == 1024
    assert seen
    with open(path, "rb") as f:
        other = api.sessions.import_file(f, external_user_id=user, sample_rate_hz=256, wait=False)
    other.wait_for_processing(timeout=60)
    with pytest.raises(neurod.InvalidRequestError) as caught:
        api.sessions.import_file(b"\x00\x01nonsense" * 100, external_user_id=user)
    assert caught.value.status == 422
    with pytest.raises(FileNotFoundError):
        api.sessions.import_file(tmp_path / "missing.edf", external_user_id=user)


def test_live_decodes(api: Any, user: str) -> None:
    decode = {"paradigm": "seizure", "window_s": 10, "hop_s": 2}
    session = api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=250, channels=HANDS, decode=decode)
    session.ingest(samples(8, 5000), t0_unix_ms=1_730_000_000_000)
    session.end()
    messages = list(session.stream(after_seq=0))
    decodes = [m.data for m in messages if m.type == "decode"]
    assert len(decodes) == 6
    assert [m.seq for m in messages if m.type != "session_ended"] == list(range(1, 17))
    assert all(d.error is None and d.decoded_intent for d in decodes)
    assert len(session.decodes.list()) == 6
    assert session.decodes.latest().window_start_ms == decodes[-1].window_start_ms


def test_models(api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROD_CACHE", str(tmp_path / "cache"))
    models = api.models.list()
    assert any(m.paradigm == "motor_imagery" for m in models)
    entry = api.models.registry(paradigm="motor_imagery")[0]
    path = api.models.download(entry.name)
    assert path.stat().st_size == entry.size_bytes
    before = path.stat().st_mtime_ns
    assert api.models.download(f"{entry.name}@{entry.version}").stat().st_mtime_ns == before
    path.write_bytes(b"damaged")
    copy = api.models.download(entry.name, path=tmp_path)
    assert copy.name == f"{entry.name}@{entry.version}.nrdm"
    assert copy.stat().st_size == entry.size_bytes
    with pytest.raises(neurod.NotFoundError):
        api.models.get("no-such-model")


def trials(seed: int, n: int = 24) -> tuple[list[list[float]], list[dict[str, Any]]]:
    """Imagery of two hands: the rhythm of the other side is weaker while a hand is imagined."""
    rng, rate = random.Random(seed), 100
    data: list[list[float]] = [[] for _ in range(4)]
    events = []
    for k in range(n):
        left = k % 2 == 0
        events.append({"onset_ms": 10 * len(data[0]) + 1000, "label": "T1" if left else "T2"})
        for i in range(6 * rate):
            t = i / rate
            for c, side in enumerate((1, 0, 1, 0)):  # C4, C3, CP4, CP3
                strength = 4.0 if (side == 1) == left and t > 1 else 14.0
                data[c].append(strength * math.sin(2 * math.pi * 11 * t + c + seed) + rng.gauss(0, 4))
    return data, events


def test_train(api: Any, user: str) -> None:
    session = api.sessions.create(
        external_user_id=user,
        device_type="TEST",
        sample_rate_hz=100,
        channels=["C4", "C3", "CP4", "CP3"],
        ingestion_mode="RECORDED",
        started_at_unix_ms=1_730_000_000_000,
    )
    data, events = trials(1)
    session.ingest(data)
    session.events.add_many(events)
    session.end()
    session.wait_for_processing()
    name = "model-" + user
    classes = {"T1": "left_hand", "T2": "right_hand"}
    results = []
    for _ in range(2):
        job = api.models.train(name, paradigm="motor_imagery", sessions=[session], classes=classes, pipeline="csp_rxlda", window=(0, 4))
        results.append(job.result(120))
    assert [r.model for r in results] == [f"{name}@1", f"{name}@2"]
    assert results[0].trials.used == 24
    other, marks = trials(2, 10)
    result = api.decode(
        other, sample_rate=100, channels=["C4", "C3", "CP4", "CP3"], model=name, trials="all", events=[(m["onset_ms"] / 1000, 1, m["label"]) for m in marks]
    )
    assert result.trials_summary.right >= 8
    learned = api.models.calibrate(name, sessions=[session.session_id], classes=classes, window={"from_s": 0, "to_s": 4}).result(120)
    assert (learned.model, learned.from_) == (f"{name}@3", f"{name}@2")
    assert api.models.rollback(name).version == "2"
    assert api.models.get(name).active_version == "2"
    path = api.models.download(name, "1")
    assert api.models.upload(path).version == "1"  # the same file again changes nothing
    api.models.delete(f"{name}@3")
    assert [m.version for m in api.models.get(name).versions] == ["2", "1"]
    api.models.delete(name)
    with pytest.raises(neurod.ConflictError) as taken:  # versions only rise, also after they were deleted
        api.models.upload(path)
    assert taken.value.code == "model_version_taken"


def test_erase(api: Any, user: str) -> None:
    session = api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=64, channels=["C3"])
    session.ingest({"C3": [1.0] * 128}, t0_unix_ms=1_730_000_000_000)
    counts = api.users.erase(user)
    assert (counts.sessions_deleted, counts.samples_deleted) == (1, 128)
    assert counts.audit_id.startswith("aud_")
    with pytest.raises(neurod.NotFoundError):
        api.sessions.get(session.session_id)
    assert api.users.erase(user).sessions_deleted == 0


def test_errors(api: Any, user: str, server: str) -> None:
    with pytest.raises(neurod.InvalidRequestError) as wrong:
        api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=1, channels=["C3"])
    assert wrong.value.status == 400
    assert [f.pointer for f in wrong.value.fields] == ["/sample_rate_hz"]
    assert "/sample_rate_hz" in str(wrong.value)
    assert wrong.value.request_id
    with pytest.raises(neurod.InvalidRequestError) as wrong:
        api.decode(samples(8, 10), paradigm="telepathy", sample_rate=250, channels=HANDS)
    assert wrong.value.fields[0].pointer == "/input/paradigm"
    with pytest.raises(neurod.NotFoundError) as missing:
        api.sessions.get("0198c5a2-7f1e-7000-8000-0000000000a1")
    assert missing.value.code == "session_not_found"
    session = api.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=64, channels=["C3", "C4"])
    with pytest.raises(neurod.InvalidRequestError) as wrong:
        session.ingest({"C3": [1.0], "Cz": [1.0]}, t0_unix_ms=1_730_000_000_000)
    assert wrong.value.code == "invalid_samples"
    session.end()
    with pytest.raises(neurod.ConflictError) as ended:
        session.ingest({"C3": [1.0], "C4": [1.0]}, t0_unix_ms=1_730_000_000_000)
    assert ended.value.code == "session_ended"
    with neurod.Client("vxl_wrong", base_url=server) as stranger, pytest.raises(neurod.AuthenticationError):
        stranger.sessions.list().to_list()
    with neurod.Client(KEY, base_url="http://127.0.0.1:9", max_retries=1) as nobody, pytest.raises(neurod.APIConnectionError, match="2 attempts"):
        nobody.health()


def test_idempotency(api: Any) -> None:
    key = f"key-{random.random()}"
    first = api.submit(samples(), paradigm="motor_imagery", sample_rate=250, channels=HANDS, idempotency_key=key)
    assert api.submit(samples(), paradigm="motor_imagery", sample_rate=250, channels=HANDS, idempotency_key=key).id == first.id
    with pytest.raises(neurod.IdempotencyKeyReusedError):
        api.submit(samples(seed=2), paradigm="motor_imagery", sample_rate=250, channels=HANDS, idempotency_key=key)
    assert api.submit(samples(), paradigm="motor_imagery", sample_rate=250, channels=HANDS).id != first.id


def test_analytics(api: Any) -> None:
    logged = api.analytics.log("inference", model_name="mi", duration_ms=12.5, success=True, metadata={"trials": 3})
    assert logged.logged
    assert logged.quota.used >= 1


def test_account(api: Any) -> None:
    api.login(os.environ["NEUROD_TEST_EMAIL"], os.environ["NEUROD_TEST_PASSWORD"])
    project = api.projects.create("another")
    assert project.id in [p.id for p in api.projects.list()]
    made = api.keys.create("device", project_id=project.id, scopes=["sessions"], expires_in_days=30)
    assert made.raw_key
    assert [k.id for k in api.keys.list(project.id)] == [made.id]
    assert api.keys.own().project_id == PROJECT
    api.keys.revoke(made.id, project_id=project.id)
    assert api.keys.list(project.id) == []
    invited = api.invitations.create("bob@example.com", "viewer", project_id=project.id)
    assert invited.token
    api.invitations.revoke(invited.id, project_id=project.id)
    assert [m.role for m in api.members.list(project.id)] == ["owner"]
    assert any(e.action == "project.created" for e in api.audit.list(limit=300))
    api.projects.delete(project.id)
    api.logout()


def test_raw_response(api: Any, user: str) -> None:
    answer = api.with_raw_response.sessions.create(external_user_id=user, device_type="TEST", sample_rate_hz=64, channels=["C3"])
    raw = answer
    assert isinstance(raw, neurod.RawResponse)
    assert raw.status == 201
    assert raw.request_id
    assert json.loads(raw.content)["session_id"] == raw.parsed.session_id
    plain = api.request("GET", "/v1/sessions", query={"limit": 1})
    assert plain.status_code == 200
