from __future__ import annotations

import base64
import json
import time

import pytest

import neurod

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
BODY = json.dumps({"type": "job.completed", "data": {"id": "req_pi_1"}})


def headers(secret: str = SECRET, body: str = BODY, at: float | None = None) -> dict[str, str]:
    stamp = int(at or time.time())
    return {"Webhook-Id": "msg_1", "webhook-timestamp": str(stamp), "webhook-signature": neurod.Webhook(secret).sign("msg_1", stamp, body)}


def test_what_is_signed_is_taken() -> None:
    assert neurod.Webhook(SECRET).verify(BODY, headers())["type"] == "job.completed"
    rotated = neurod.Webhook("whsec_" + base64.b64encode(b"another secret of them..").decode(), SECRET)
    assert rotated.verify(BODY.encode(), headers())
    several = {**headers(), "webhook-signature": "v1a,xx v1,AAAA " + headers()["webhook-signature"]}
    assert neurod.Webhook(SECRET).verify(BODY, several)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"webhook-signature": "v1,AAAA"}, "no signature"),
        ({"webhook-signature": ""}, "no signature"),
        ({"webhook-timestamp": "yesterday"}, "no number"),
        ({"webhook-timestamp": str(int(time.time()) - 3600)}, "more than"),
        ({"webhook-timestamp": str(int(time.time()) + 3600)}, "more than"),
        ({"Webhook-Id": "msg_2"}, "no signature"),
    ],
)
def test_what_is_not_is_refused(change: dict[str, str], says: str) -> None:
    with pytest.raises(neurod.WebhookVerificationError, match=says):
        neurod.Webhook(SECRET).verify(BODY, {**headers(), **change})
    with pytest.raises(neurod.WebhookVerificationError, match="no signature"):
        neurod.Webhook(SECRET).verify(BODY + " ", headers())
    with pytest.raises(neurod.WebhookVerificationError, match="no header webhook-id"):
        neurod.Webhook(SECRET).verify(BODY, {})


def test_the_public_library_agrees() -> None:
    public = pytest.importorskip("standardwebhooks")
    import datetime

    now = datetime.datetime.now(datetime.timezone.utc)
    theirs = public.Webhook(SECRET).sign("msg_1", now, BODY)
    told = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": theirs}
    assert neurod.Webhook(SECRET).verify(BODY, told)
    assert public.Webhook(SECRET).verify(BODY, headers()) == json.loads(BODY)


def test_what_the_service_sends(client: neurod.Client, user: str) -> None:
    """A receiver of our own: events come signed, are listed with their attempts, come again by call, and follow a rotation of the secret."""
    import queue
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    came: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204)
            self.end_headers()
            came.put(({k.lower(): v for k, v in self.headers.items()}, body))

        def log_message(self, *args: object) -> None:
            pass

    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    made = client.webhooks.create(f"http://127.0.0.1:{receiver.server_port}/hook", events=["session.completed"], description=user)
    try:
        assert made.secret.startswith("whsec_")
        assert made.id in [w.id for w in client.webhooks.list()]
        session = client.sessions.create(external_user_id=user, device_type="T", sample_rate_hz=64, channels=["C3"], ingestion_mode="RECORDED")
        session.ingest([[1.0] * 256], t0_unix_ms=1_730_000_000_000)
        session.end()
        told, body = came.get(timeout=60)
        event = neurod.Webhook(made.secret).verify(body, told)
        assert (event["type"], event["data"]["session_id"]) == ("session.completed", session.session_id)

        client.webhooks.test(made.id)
        told, body = came.get(timeout=60)
        assert neurod.Webhook(made.secret).verify(body, told)["type"] == "ping"
        first = next(d for d in client.webhooks.deliveries(made.id) if d.event == "session.completed")
        assert first.event_id == event["id"]
        client.webhooks.redeliver(made.id, first.id)
        told, body = came.get(timeout=60)
        assert told["webhook-id"] == event["id"]

        rotated = client.webhooks.rotate(made.id)
        assert rotated.secret != made.secret
        client.webhooks.test(made.id)
        told, body = came.get(timeout=60)
        for secret in (made.secret, rotated.secret):  # both are good for a while
            assert neurod.Webhook(secret).verify(body, told)
        assert not client.webhooks.update(made.id, enabled=False).enabled
        with pytest.raises(neurod.ConflictError) as off:
            client.webhooks.test(made.id)
        assert off.value.code == "webhook_disabled"
    finally:
        client.webhooks.delete(made.id)
        receiver.shutdown()
    with pytest.raises(neurod.NotFoundError):
        client.webhooks.get(made.id)
