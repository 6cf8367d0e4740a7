from __future__ import annotations

import random

import pytest

from neurod import _frames


def server_frame(kind: int, payload: bytes, final: bool = True) -> bytes:
    head = bytes([(0x80 if final else 0) | kind])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 1 << 16:
        return head + b"\x7e" + len(payload).to_bytes(2, "big") + payload
    return head + b"\x7f" + len(payload).to_bytes(8, "big") + payload


@pytest.mark.parametrize("seed", range(30))
def test_any_cut_gives_the_same_messages(seed: int) -> None:
    rng = random.Random(seed)
    wire, wanted = b"", []
    for _ in range(40):
        payload = rng.randbytes(rng.choice([0, 1, 125, 126, 127, 5000, 70000]))
        parts = sorted(rng.randrange(len(payload) + 1) for _ in range(rng.choice([0, 0, 1, 3])))
        cuts = [0, *parts, len(payload)]
        pieces = [payload[a:b] for a, b in zip(cuts, cuts[1:])]
        for i, piece in enumerate(pieces):
            wire += server_frame(_frames.TEXT if i == 0 else _frames.CONTINUATION, piece, i == len(pieces) - 1)
            if rng.random() < 0.3:
                wire += server_frame(_frames.PING, b"p")
        wanted.append(payload)
    reader, got, pings, at = _frames.Reader(), [], 0, 0
    while at < len(wire):
        step = rng.choice([1, 2, 7, 1000, 100000])
        for frame in reader.feed(wire[at : at + step]):
            if frame.kind == _frames.PING:
                pings += 1
            else:
                got.append(frame.payload)
        at += step
    assert got == wanted


@pytest.mark.parametrize(
    "wire",
    [
        b"\xf1\x00",  # reserved bits
        b"\x81\x80\x00\x00\x00\x00",  # masked
        b"\x80\x00",  # the rest of nothing
        b"\x01\x00\x81\x00",  # a message within another
        b"\x09\x00",  # a ping in parts
        b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",  # 2^64 bytes
    ],
)
def test_what_is_no_websocket_is_refused(wire: bytes) -> None:
    with pytest.raises(_frames.ProtocolError):
        list(_frames.Reader().feed(wire))


def test_random_bytes_do_not_hurt() -> None:
    rng = random.Random(5)
    for _ in range(2000):
        reader = _frames.Reader()
        try:
            for _ in range(5):
                list(reader.feed(rng.randbytes(rng.randrange(40))))
        except _frames.ProtocolError:
            pass


def test_events() -> None:
    wire = b': ping\n\nid: 4\nevent: features\ndata: {"a":\ndata: 1}\n\nevent: session_ended\r\ndata: {}\r\n\r\ndata: unfinished'
    for step in range(1, len(wire)):
        reader, got = _frames.EventReader(), []
        for at in range(0, len(wire), step):
            got += list(reader.feed(wire[at : at + step]))
        assert got == [_frames.Event("features", '{"a":\n1}', "4"), _frames.Event("session_ended", "{}", "4")]
