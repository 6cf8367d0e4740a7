"""Arguments that are wrong are refused by their names, before anything is sent."""

from __future__ import annotations

import http.server
import io
import math
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import HANDS, KEY, PROJECT

import neurod


@pytest.fixture
def nobody() -> Iterator[neurod.Client]:
    """A client of a server that is not there: what is refused is refused before it is called."""
    with neurod.Client("vxl_none", "p", base_url="http://127.0.0.1:9", max_retries=0) as c:
        yield c


Use = Callable[[neurod.Client], Any]


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda c: c.sessions.create(external_user_id="u", device_type="T", sample_rate_hz=250, channels="C3"), "channels"),
        (lambda c: c.sessions.create(external_user_id="u", device_type="T", sample_rate_hz=250, channels=["C3", 4]), r"channels\[1\]"),
        (lambda c: c.sessions.create(external_user_id="u", device_type="T", sample_rate_hz=250, channels=None), "channels"),
        (lambda c: c.sessions.import_file(b"x", external_user_id="u", channels="C3,C4"), "channels"),
        (lambda c: c.decode([[1.0] * 100], sample_rate=250, channels="Cz"), "channels"),
        (lambda c: c.decode(session_id="x", channels="Cz"), "channels"),
        (lambda c: c.decode([[1.0] * 100], sample_rate=250, channels=["Cz"], events="some"), "events"),
        (lambda c: c.decode([[1.0] * 100], sample_rate=250, channels=["Cz"], events={"onset_s": 1}), "events"),
        (lambda c: c.decode_batch("x.edf"), "recordings"),
        (lambda c: c.submit_batch(b"x"), "recordings"),
        (lambda c: c.models.train("m", paradigm="p300", sessions="0198c5a2", classes={"1": "a"}), "sessions"),
        (lambda c: c.models.train("m", paradigm="p300", sessions=["s"], classes={"1": "a"}, channels="Cz"), "channels"),
        (lambda c: c.models.train("m", paradigm="p300", sessions=[7], classes={"1": "a"}), r"sessions\[0\]"),
        (lambda c: c.models.calibrate("m", sessions="0198c5a2", classes={"1": "a"}), "sessions"),
        (lambda c: c.keys.create("k", scopes="sessions"), "scopes"),
        (lambda c: c.webhooks.create("https://example.com", events="job.failed"), "events"),
        (lambda c: c.webhooks.update("w", events="job.failed"), "events"),
        (lambda c: c.decode([[1.0] * 100], sample_rate=250, event_classes="7=left"), "event_classes"),
        (lambda c: c.decode([[1.0] * 100], sample_rate=250, channel_names=["C3"]), "channel_names"),
        (lambda c: c.models.train("m", paradigm="p300", sessions=["s"], classes="T1=a"), "classes"),
        (lambda c: c.models.calibrate("m", sessions=["s"], classes=["T1"]), "classes"),
        (lambda c: c.models.train("m", paradigm="p300", sessions=["s"], classes={"1": "a"}, window="4"), "window"),
        (lambda c: c.models.train("m", paradigm="p300", sessions=["s"], classes={"1": "a"}, window=(4,)), "window"),
        (lambda c: c.sessions.import_file(["x.edf"], external_user_id="u"), "file"),
        (lambda c: c.sessions.import_file(io.StringIO("x"), external_user_id="u"), "file"),
    ],
)
def test_a_text_where_a_list_is_meant(nobody: neurod.Client, use: Use, name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name} is "):
        use(nobody)


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda c, i: c.sessions.get(i), "session_id"),
        (lambda c, i: c.jobs.get(i), "job_id"),
        (lambda c, i: c.jobs.cancel(i), "job_id"),
        (lambda c, i: c.webhooks.get(i), "webhook_id"),
        (lambda c, i: c.webhooks.redeliver("w", i), "delivery_id"),
        (lambda c, i: c.models.get(i), "name"),
        (lambda c, i: c.models.rollback(i), "name"),
        (lambda c, i: c.users.erase(i), "external_user_id"),
        (lambda c, i: c.sessions.create(external_user_id=i, device_type="T", sample_rate_hz=250, channels=["C3"]), "external_user_id"),
        (lambda c, i: c.sessions.import_file(b"x", external_user_id=i), "external_user_id"),
        (lambda c, i: c.models.train("m", paradigm="p300", sessions=[i], classes={"1": "a"}), r"sessions\[0\]"),
        (lambda c, i: c.keys.revoke(i), "key_id"),
        (lambda c, i: c.projects.delete(i), "project_id"),
        (lambda c, i: c.members.remove(i), "user_id"),
    ],
)
def test_ids(nobody: neurod.Client, use: Callable[[neurod.Client, Any], Any], name: str) -> None:
    for wrong in (None, 5, b"x", ["x"]):
        with pytest.raises(TypeError, match=rf"^{name} is a text"):
            use(nobody, wrong)
    for empty in ("", " "):
        with pytest.raises(ValueError, match=f"^{name} is empty"):
            use(nobody, empty)


def test_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("localhost:8000", "127.0.0.1:8000", "ftp://localhost", "http://", "//localhost", "http://localhost:port"):
        for kind in (neurod.Client, neurod.AsyncClient):
            with pytest.raises(ValueError, match=f"base_url {re.escape(repr(wrong))}"):
                kind("k", base_url=wrong)
    with pytest.raises(ValueError, match="such as http://localhost:8000"):
        neurod.Client("k", base_url="localhost:8000")
    monkeypatch.setenv("VOXEL_BASE_URL", "localhost:1")
    with pytest.raises(ValueError, match="base_url"):
        neurod.Client("k")
    assert neurod.Client("k", base_url="https://example.com/neurod/").base_url == "https://example.com/neurod"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([[1.0], [math.nan]], "sample 0 of channel C4 is not a finite"),
        ([[1.0, 2.0], [1.0, math.inf]], "sample 1 of channel C4 is not a finite"),
        ([[1.0], [1e300]], "sample 0 of channel C4 is 1e.300, more than float32"),
        ([[1.0], ["a"]], "sample 0 of channel C4 is 'a', and no real number"),
        ([[1.0], ["1.5"]], "sample 0 of channel C4 is '1.5', and no real number"),
        ([[1.0, 2.0], [1.0, None]], "sample 1 of channel C4 is None"),
        ([[1.0], [1j]], "sample 0 of channel C4 is 1j"),
        ([[1.0, 2.0], [1.0]], "differ in length: channel .* has 2 samples and channel .* has 1"),
        ([[[1.0]], [[2.0]]], "sample 0 of channel C3 is a list"),
    ],
)
def test_samples(nobody: neurod.Client, wrong: Any, told: str) -> None:
    session = neurod.Session._of(
        nobody,
        {
            "session_id": "s",
            "project_id": "p",
            "external_user_id": "u",
            "device_type": "T",
            "sample_rate_hz": 250,
            "channels": ["C3", "C4"],
            "ingestion_mode": "STREAMING",
            "hop_s": 2,
            "jitter_ms": 0,
            "started_at": "2026-01-01T00:00:00Z",
            "ended_at": None,
            "processing_state": None,
            "created_at": "2026-01-01T00:00:00Z",
        },
    )
    by_name = {"C3": wrong[0], "C4": wrong[1]}
    calls: list[Callable[[], Any]] = [
        lambda: session.ingest(wrong),
        lambda: nobody.decode(wrong, sample_rate=250, channels=["C3", "C4"]),
        lambda: nobody.decode(by_name, sample_rate=250),
    ]
    if "float32" not in told:  # as JSON a session takes it up to its own limit
        calls.append(lambda: session.ingest(by_name))
    for call in calls:
        with pytest.raises(ValueError, match=told):
            call()
    np = pytest.importorskip("numpy")
    arrays = {name: np.array(values) for name, values in by_name.items()}
    calls = [lambda: session.ingest(arrays), lambda: nobody.decode(arrays, sample_rate=250)]
    for call in calls:
        with pytest.raises(ValueError, match=told if "list" not in told else "channel C3 is an array of the shape"):
            call()
    if "length" in told or "list" in told:
        return
    whole = np.array(wrong, dtype=object if "number" in told or "None" in told else None)
    with pytest.raises(ValueError, match=told if "1j" not in told else "the array is complex"):
        session.ingest(whole)


def test_samples_of_another_shape(nobody: neurod.Client) -> None:
    flat = [[float(i % 7) for i in range(8)] for _ in range(1000)]  # samples × channels
    with pytest.raises(ValueError, match="looks transposed"):
        nobody.decode(flat, sample_rate=250, channels=HANDS)
    with pytest.raises(ValueError, match="looks transposed"):
        nobody.decode(flat, sample_rate=250, channels=8)
    with pytest.raises(ValueError, match=r"1000 channels.*looks transposed"):
        nobody.decode(flat, sample_rate=250)
    with pytest.raises(ValueError, match="2 channels, and 3"):
        nobody.decode([[1.0] * 10] * 2, sample_rate=250, channels=["C3", "Cz", "C4"])


@pytest.mark.parametrize("wrong", [(1,), (), 3, "ab", (1.0, "left"), ("x", 1), (1.0, 2, 3), (1.0, 2, "a", "b"), (1.0, 1.5), (1.0, None)])
def test_events(nobody: neurod.Client, wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"events\[1\] is .*\(onset_s, code\)"):
        nobody.decode([[1.0] * 100], sample_rate=250, channels=["Cz"], events=[(0.5, 1), wrong])


def test_what_an_error_tells(client: neurod.Client, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field once; of a job its id and a request; of a missing key what to do."""
    with pytest.raises(neurod.InvalidRequestError) as wrong:
        client.sessions.create(external_user_id="u", device_type="T", sample_rate_hz=1, channels=["Cz"])
    assert str(wrong.value).count("/sample_rate_hz") == 1
    with pytest.raises(neurod.DecodeFailed) as failed:
        client.decode([[0.0] * 1000] * 8, sample_rate=250, channels=HANDS, paradigm="motor_imagery")
    assert failed.value.request_id
    assert failed.value.job.id in str(failed.value)
    assert failed.value.request_id in str(failed.value)
    answers = client.decode_batch([[[0.0] * 1000] * 8], sample_rate=250, channels=HANDS, paradigm="motor_imagery")
    assert isinstance(answers[0], neurod.DecodeFailed)
    assert f"item 0 of job {answers[0].job.id}" in str(answers[0])
    for name in ("VOXEL_API_KEY", "NEUROD_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with neurod.Client(base_url=server) as none, pytest.raises(neurod.AuthenticationError, match=r"api_key=.*VOXEL_API_KEY.*client\.login"):
        none.sessions.list().to_list()
    with neurod.Client(KEY, PROJECT, base_url=server) as keyed, pytest.raises(neurod.AuthenticationError, match=r"client\.login"):
        keyed.keys.list()


@pytest.fixture
def elsewhere() -> Iterator[Callable[[int, str, bytes], str]]:
    """A web server that is no neurod: it answers everything with what it is told."""
    servers = []

    def start(status: int, kind: str, body: bytes) -> str:
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if status == 301:
                    self.send_header("Location", "https://example.com/")
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "kind", "body", "told"),
    [
        (200, "text/html", b"<html>Welcome</html>", r"(GET|POST) /.*http://127\.0\.0\.1:\d+ answers with text/html"),
        (301, "text/html", b"", r"leads on to https://example\.com/"),
        (200, "application/json", b"{", "no JSON|is no .* as this version"),
        (200, "application/json", b"{}", "as this version knows it"),
        (200, "application/json", b'{"data": [{"id": 3}]}', "as this version knows it"),
    ],
)
def test_answers_of_something_else(elsewhere: Callable[[int, str, bytes], str], status: int, kind: str, body: bytes, told: str) -> None:
    """Answers that are not of the API are told as such, with the address and the call."""
    with neurod.Client("vxl_some", "p", base_url=elsewhere(status, kind, body), max_retries=0) as client:
        uses: list[Use] = [
            lambda c: c.sessions.get("x"),
            lambda c: c.sessions.create(external_user_id="u", device_type="T", sample_rate_hz=250, channels=["C3"]),
            lambda c: c.sessions.list().to_list(),
            lambda c: c.jobs.get("x"),
            lambda c: c.jobs.list().to_list(),
            lambda c: c.submit([[1.0]], sample_rate=250, channels=["Cz"]),
            lambda c: c.models.list(),
            lambda c: c.keys.list(),
            lambda c: c.webhooks.list(),
            lambda c: c.health(),
            lambda c: c.projects.list(),
            lambda c: c.audit.list().to_list(),
        ]
        for use in uses:
            with pytest.raises(neurod.AnswerError, match=told):
                use(client)
