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
