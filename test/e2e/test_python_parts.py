"""The parts of the client in examples/ by themselves: frames, numbers, heartbeat, and the way back."""
import pytest

from lib.v1 import decode_binary, decode_json, encode_binary, encode_json, holdfast_client
from holdfast.connection import End, extend
from holdfast.fields import Malformed, crc8, crc32c
from holdfast.heartbeat import Heartbeat


def test_checksums():
    assert crc8(b"123456789") == 0xD0 and crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("seq,ts,want", [  # section 6
    (1, 1_700_000_000_000, "000000010000018bcfe568007b"), (4294967295, 1_700_000_000_000, "ffffffff0000018bcfe5680032"),
    (2, 0, "000000020000000000000000ba")])
def test_heartbeats_of_the_document(seq, ts, want):
    assert encode_binary({"type": "ping", "seq": seq, "ts": ts})[5:18].hex() == want


@pytest.mark.parametrize("content", [b"\x00\xff", b"", "ümlaut", "", {"a": [1, None]}, 7, False, "null"])
def test_both_encodings_are_one(content):
    frame = {"type": "data", "seq": 9, "topic": "none", **holdfast_client.as_payload(content)}
    frames = [decode_json(encode_json(frame)), *decode_binary(encode_binary(frame)), *decode_binary(encode_binary(frame, crc=True))]
    assert frames[0] == frames[1] == frames[2] and frames[0]["topic"] == "none"
    assert holdfast_client.value(frames[0]) == content and type(holdfast_client.value(frames[0])) is type(content)


@pytest.mark.parametrize("content", [float("nan"), {"a": [float("inf")]}, eval("[" * 17 + "]" * 17)])
def test_what_would_be_refused_is_not_taken(tmp_path, content):
    client = holdfast_client.Client("ws://localhost", "", store=str(tmp_path / "store"))
    with pytest.raises(ValueError):
        client.publish(content)
    assert client.store.waiting() == 0
    client.store.close()


def test_frames_back_to_back():
    good, bad = (encode_binary({"type": "subscribe", "topic": topic}, crc=True) for topic in "ab")
    assert [frame["type"] for frame in decode_binary(good + bad[:-1] + b"\x00" + good)] == ["subscribe", "corrupt", "subscribe"]
    with pytest.raises(Malformed):
        list(decode_binary(good[:-1]))


@pytest.mark.parametrize("low,near,want", [
    (5, 4, 5), (0xFFFFFFFF, 2 ** 32, 2 ** 32 - 1), (0, 2 ** 32 - 1, 2 ** 32), (3, 2 ** 40 + 2 ** 32 - 2, 2 ** 40 + 2 ** 32 + 3),
    (2 ** 31 + 3, 4, 2 ** 31 + 3), (2 ** 31 + 4, 4, None), (0xFFFFFFF0, 4, None)])
def test_numbers_are_the_nearest(low, near, want):
    if want is None:
        with pytest.raises(End):
            extend(low, near)
    else:
        assert extend(low, near) == want


# ---- heartbeat, section 6 ----

def beat(heart, rtts_s, now=0.0):
    """One PING after the other; None is one without an answer."""
    for rtt_s in rtts_s:
        ping = heart.ping(now)
        if rtt_s is not None:
            assert heart.pong({"seq": ping["seq"]}, now + rtt_s)
        now += 5
    return heart


def adaptive():
    return Heartbeat({"profile": "adaptive", "k": 3, "interval_ms": 5000})


@pytest.mark.parametrize("rtt_s,interval_s", [(0.01, 5), (0.1, 5), (0.2, 10), (0.8, 40), (3, 60)])
def test_the_interval_follows_the_round_trip(rtt_s, interval_s):
    assert beat(adaptive(), [rtt_s]).interval_s() == pytest.approx(interval_s)


def test_the_interval_when_degraded_and_of_ha():
    heart = beat(adaptive(), [0.2])
    heart.degraded = True
    assert heart.interval_s() == pytest.approx(7)
    assert Heartbeat({"profile": "ha"}).interval_s() == 2


@pytest.mark.parametrize("rtts_s,degraded", [
    ([0.01] * 4 + [0.3] * 2, False), ([0.01] * 9 + [0.5, 3, 20], True), ([0.01, None, None], False), ([0.01, None, None, 0.01], True),
    ([0.01, None, None] + [0.01] * 4, True), ([0.01, None, None] + [0.01] * 5, False),
    (([0.01] * 3 + [None]) * 4 + [0.01], True), (([0.01] * 4 + [None]) * 3 + [0.01], False)])
def test_degraded_and_back(rtts_s, degraded):
    """A miss is seen when the next one is due, so an unanswered one counts behind it."""
    assert beat(adaptive(), rtts_s).degraded == degraded


def test_silence_that_ends_it():
    assert adaptive().silence_s() == pytest.approx(16)
    assert beat(adaptive(), [0.01]).silence_s() == pytest.approx(15.1)
    assert not adaptive().pong({"seq": 1}, 1), "an answer to nothing"


# ---- the way back, as section 7 has it ----

@pytest.mark.parametrize("code,attempt,options,least,most", [
    (1000, 0, {}, None, None),
    (1006, 0, {}, 0, 1), (1006, 3, {}, 0, 8), (1006, 40, {}, 0, 30), (1011, 1, {}, 0, 2), (4400, 0, {}, 0, 1), (4408, 0, {}, 0, 1),
    (1001, 0, {"ticket_ms": 7000}, 7, 7), (1006, 2, {"ticket_ms": 7000, "retry_ms": 9000}, 16, 20), (4408, 0, {"ticket_ms": 10 ** 9}, 600, 600),
    (1013, 1, {"retry_ms": 5000}, 5, 7), (4429, 0, {"retry_ms": 5000, "ticket_ms": 9000}, 5, 6), (4429, 0, {}, 5, 6),
    (4400, 0, {"ticket_ms": 7000}, 0, 1), (1011, 0, {"retry_ms": 5000}, 5, 6),
    (4403, 0, {}, 300, 301), (4409, 0, {"retry_ms": 30000}, 30, 31), (1006, 0, {"base_s": 0.1}, 0, 0.1),
])
def test_the_way_back(code, attempt, options, least, most):
    bounds = [holdfast_client.retry_delay(code, attempt, draw=draw, **options) for draw in (lambda a, b: a, lambda a, b: b)]
    assert bounds == [least, most]
