"""holdfast.v1 with peers that break it: what is closed, with which code and reason, and what is passed over (doc/protocol.md)."""
import pytest

from lib.gateway import eventually
from lib.rawws import BINARY, TEXT
from lib.v1 import Frames, encode_binary

both = pytest.mark.parametrize("encoding", ["binary", "json"])
counter = iter(range(10 ** 6))


def name():
    return f"wrong-{next(counter)}"


def alive(frames, seq=1):
    """The connection works: a message becomes durable."""
    frames.data(seq, {"alive": seq})
    return frames.recv("ack", lambda ack: ack.get("durable_through") == seq)


# ---- before WELCOME ----

@both
def test_no_common_version(gw, encoding):
    with Frames(gw, name(), encoding, hello=False) as frames:
        frames.hello(version_min=2, version_max=9)
        assert frames.recv("bye")["reason"] == "version"
        assert frames.close() == (1002, "version")


@both
def test_a_range_of_versions_that_holds_ours(gw, encoding):
    with Frames(gw, name(), encoding, version_min=1, version_max=9) as frames:
        assert frames.welcome["version"] == 1
        alive(frames)


@both
@pytest.mark.parametrize("change", [
    {"uplink_first": 0}, {"uplink_first": 7, "uplink_next": 3}, {"window_messages": 0}, {"window_bytes": 1023}, {"window_messages": 4097},
])
def test_a_hello_that_cannot_be(gw, encoding, change):
    with Frames(gw, name(), encoding, hello=False) as frames:
        frames.hello(**change)
        assert frames.close()[0] == 4400


@both
def test_data_before_hello(gw, encoding):
    with Frames(gw, name(), encoding, hello=False) as frames:
        frames.data(1, "too early")
        assert frames.close()[0] == 4400


@both
def test_hello_twice(gw, encoding):
    with Frames(gw, name(), encoding) as frames:
        frames.hello()
        assert frames.close()[0] == 4400


def test_another_device_than_the_token_says(gw):
    with Frames(gw, "honest", path="/v1/connect", hello=False) as frames:
        frames.hello(device="somebody-else")
        assert frames.close()[0] == 4403


# ---- the wrong form ----

def test_text_for_binary_and_binary_for_text(gw):
    with Frames(gw, name()) as frames:
        frames.ws.send(TEXT, '{"type":"ping","seq":1}')
        assert frames.close() == (1003, "unsupported_data")
    with Frames(gw, name(), "json") as frames:
        frames.ws.send(BINARY, encode_binary({"type": "ping", "seq": 1}))
        assert frames.close() == (1003, "unsupported_data")


@pytest.mark.parametrize("what,code", [
    (b"\x03\x00\x00", 4400),                                      # no whole head
    (b"\x03\x00\x00\x09\x00" + b"x" * 8, 4400),                   # one byte is missing
    (b"\x03\x00\x00\x04\x00" + b"\x00\x00\x00\x01", 4400),        # shorter than DATA needs
    (encode_binary({"type": "subscribe", "topic": "t"}) + b"\x00", 4400),
    (b"\x03\xff\xff\xff\x00" + b"x" * 100, 1009),                 # 16 MiB that never come
    (b"\x0e\x00\x00\x01\x00\xff", 4400),                          # a topic that is not UTF-8
    (b"\x03\x00\x00\x02\x01\x00\x00", 4400),                      # no room for its CRC
], ids=["head", "missing", "short", "behind", "long", "utf-8", "crc"])
def test_bytes_that_are_no_frames(gw, what, code):
    with Frames(gw, name()) as frames:
        frames.ws.send(BINARY, what)
        assert frames.close()[0] == code


@pytest.mark.parametrize("what", [
    "[]", "{", '{"seq":1}', '{"type":1}', '{"type":"data","seq":"1"}', '{"type":"data","seq":-1}', '{"type":"data","seq":4294967296}',
    '{"type":"data","seq":1,"seq":1}', '{"type":"ack","received_through":0}', '{"type":"data","seq":1,"payload_base64":"%%"}',
    '{"type":"data","seq":1,"payload":"a","payload_base64":"YQ=="}', '{"type":"subscribe"}', '{"type":"auth","token":"a","expires":1}',
])
def test_texts_that_are_no_frames(gw, what):
    with Frames(gw, name(), "json") as frames:
        frames.ws.send(TEXT, what)
        assert frames.close()[0] == 4400


@both
def test_what_is_new_is_skipped(gw, encoding):
    """Unknown types, longer bodies, unknown extensions, unknown members: so the protocol grows."""
    with Frames(gw, name(), encoding, hello=False) as frames:
        if encoding == "binary":
            hello = encode_binary({**Frames.HELLO, "software": "later 2"}) + b"\x7f\x00\x00\x02??"
            frames.ws.send(BINARY, longer(hello, b""))
        else:
            frames.hello(colour="green")
        frames.recv("welcome")
        if encoding == "binary":
            frames.ws.send(BINARY, b"\xc8\x00\x00\x03\x00abc" + longer(encode_binary({"type": "subscribe", "topic": "t"}), b"")
                           + longer(encode_binary({"type": "ack", "window_messages": 9, "window_bytes": 9999}), b"more"))
        else:
            frames.ws.send(TEXT, '{"type":"tomorrow","n":{"a":[1,2]}}')
            frames.ws.send(TEXT, '{"type":"ack","received_through":0,"durable_through":0,"window_messages":9,"window_bytes":9999,"more":[]}')
        alive(frames)


def longer(frame, more):
    """The frame with more at its end and a length that says so."""
    body = frame[5:] + more
    return frame[:1] + len(body).to_bytes(3, "big") + frame[4:5] + body


# ---- numbers ----

@both
@pytest.mark.parametrize("received,durable", [(1, 0), (1, 1), (2 ** 31 - 1, 0), (5, 5)])
def test_an_acknowledgement_of_what_was_not_sent(gw, encoding, received, durable):
    with Frames(gw, name(), encoding) as frames:
        frames.send({"type": "ack", "received_through": received, "durable_through": durable, "window_messages": 9, "window_bytes": 9999})
        assert frames.close() == (4400, "session_broken")


@both
def test_a_position_beyond_what_was_sent(gw, encoding):
    device = name()
    with Frames(gw, device, encoding) as frames:
        session_id = frames.welcome["session_id"]
    with Frames(gw, device, encoding, hello=False) as frames:
        frames.hello(session_id=session_id, downlink_position=7)
        assert frames.close()[0] == 4400


@both
def test_a_position_behind_what_is_kept(gw, encoding):
    """The device's store is an older one: it acknowledged more than it knows now, and that is gone."""
    device = name()
    with Frames(gw, device, encoding) as frames:
        session_id = frames.welcome["session_id"]
        for n in range(3):
            gw.api().send(device, n)
        frames.recv("data", lambda frame: frame["seq"] == 3)
        frames.send({"type": "ack", "received_through": 3, "durable_through": 3, "window_messages": 9, "window_bytes": 9999})
        gw.api().wait("message.delivered", device=device, where=lambda e: e["seq"] == 3)
    with Frames(gw, device, encoding, session_id=session_id, downlink_position=1) as frames:
        want = {"result": "rebuilt", "reason": "gap", "gap_from": 2, "gap_to": 3, "downlink_next": 1}
        assert {name_: frames.welcome.get(name_) for name_ in want} == want
        assert frames.welcome["session_id"] != session_id


@both
def test_a_session_of_another_device(gw, encoding):
    with Frames(gw, name(), encoding) as frames:
        session_id = frames.welcome["session_id"]
    with Frames(gw, name(), encoding, hello=False) as frames:
        frames.hello(session_id=session_id)
        assert frames.close()[0] == 4403


@both
def test_early_messages_wait_and_repetitions_are_passed_over(gw, encoding):
    device = name()
    with Frames(gw, device, encoding) as frames:
        for seq in (1, 3, 4, 3, 1):
            frames.data(seq, seq)
        frames.send({"type": "ack", "window_messages": 9, "window_bytes": 9999, "ask": True})
        ack = frames.recv("ack", lambda ack: ack.get("ranges"))
        assert ack["received_through"] == 1 and ack["ranges"] == [[3, 4]]
        frames.data(2, 2)
        frames.recv("ack", lambda ack: ack.get("durable_through") == 4)
    assert [e["payload"] for e in gw.api().events(type="message", device=device)] == [1, 2, 3, 4]


@both
def test_a_hole_that_stays(gw, encoding):
    with Frames(gw, name(), encoding) as frames:
        frames.data(2, "early")
        assert frames.recv("ack", lambda ack: ack.get("nack")).get("received_through", 0) == 0
        assert frames.close() == (4400, "gap")


@both
def test_a_gap_of_the_sender_is_gone_on_behind(gw, encoding):
    device = name()
    with Frames(gw, device, encoding, uplink_first=11, uplink_next=12) as frames:
        frames.send({"type": "gap", "from": 1, "to": 10, "reason": "drop_oldest"})
        frames.data(11, "eleven")
        frames.recv("ack", lambda ack: ack.get("durable_through") == 11)
    assert [e["text"] for e in gw.api().events(type="message", device=device)] == ["eleven"]


@both
@pytest.mark.parametrize("frame", [
    {"type": "data", "seq": 0, "payload": b"x"}, {"type": "data", "seq": 257, "payload": b"beyond the window"},
    {"type": "gap", "from": 5, "to": 1}, {"type": "gap", "from": 1, "to": 2 ** 31 + 5},
    {"type": "command", "seq": 1, "id": "0190aaaa-0000-7000-8000-000000000000", "name": "up instead of down"},
], ids=["zero", "beyond", "backwards", "far", "direction"])
def test_numbers_that_cannot_be(gw, encoding, frame):
    with Frames(gw, name(), encoding) as frames:
        assert frames.welcome["window_messages"] == 256
        frames.send(frame)
        assert frames.close() == (4400, "session_broken")


@both
def test_more_durable_than_received(gw, encoding):
    device = name()
    with Frames(gw, device, encoding) as frames:
        gw.api().send(device, 1)
        frames.recv("data")
        frames.send({"type": "ack", "durable_through": 1, "window_messages": 9, "window_bytes": 9999})
        assert frames.close() == (4400, "session_broken")


# ---- tokens ----

@both
def test_a_token_that_is_none_ends_it(gw, encoding):
    with Frames(gw, name(), encoding) as frames:
        frames.send({"type": "auth", "token": "nonsense"})
        assert frames.recv("bye")["reason"] == "credentials_invalid"
        assert frames.close() == (4401, "credentials_invalid")
    with Frames(gw, name(), encoding) as frames:
        frames.send({"type": "auth", "token": gw.token("somebody-else")})
        assert frames.close() == (4403, "identity_mismatch")


# ---- checksums ----

def broken(frame):
    """One bit of the payload is wrong."""
    return frame[:-5] + bytes([frame[-5] ^ 1]) + frame[-4:]


def test_a_wrong_crc_is_asked_for_again(gw):
    device = name()
    with Frames(gw, device, capabilities=["heartbeat", "resume", "crc"]) as frames:
        assert "crc" in frames.welcome["capabilities"]
        data = encode_binary({"type": "data", "seq": 1, "topic": "t", "payload": b"whole", "text": True}, crc=True)
        frames.ws.send(BINARY, broken(data))
        assert frames.recv("ack", lambda ack: ack.get("nack")).get("received_through", 0) == 0
        frames.ws.send(BINARY, data)
        frames.recv("ack", lambda ack: ack.get("durable_through") == 1)
    assert [e["text"] for e in gw.api().events(type="message", device=device)] == ["whole"]


def test_the_third_wrong_crc_ends_it(gw):
    with Frames(gw, name(), capabilities=["heartbeat", "crc"]) as frames:
        for _ in range(3):
            frames.ws.send(BINARY, broken(encode_binary({"type": "data", "seq": 1, "payload": b"whole"}, crc=True)))
        assert frames.close() == (4400, "corrupt")


# ---- heartbeats ----

@both
def test_a_ping_comes_back_as_it_was(gw, encoding):
    with Frames(gw, name(), encoding, profile="ha") as frames:
        for seq, ts in ((1, 1_700_000_000_000), (2, 0), (9, 2 ** 60)):
            frames.send({"type": "ping", "seq": seq, "ts": ts, "interval_ms": 2000})
            pong = frames.recv("pong")
            assert (pong["seq"], pong.get("ts", 0), pong["interval_ms"]) == (seq, ts, 2000)


@both
def test_heartbeat_numbers_wrap(gw, encoding):
    with Frames(gw, name(), encoding, profile="ha") as frames:
        for seq in (2 ** 32 - 1, 0, 1):
            frames.send({"type": "ping", "seq": seq, "interval_ms": 2000})
            assert frames.recv("pong").get("seq", 0) == seq


def test_three_malformed_heartbeats_end_it(gw):
    ping = encode_binary({"type": "ping", "seq": 5, "interval_ms": 2000})
    wrong_crc = ping[:17] + bytes([ping[17] ^ 0x40]) + ping[18:]
    short = b"\x0a\x00\x00\x10\x00" + ping[5:21]
    with Frames(gw, name(), profile="ha") as frames:
        frames.ws.send(BINARY, wrong_crc)
        frames.ws.send(BINARY, short)
        alive(frames)  # two are recorded
        frames.ws.send(BINARY, ping)
        assert frames.recv("pong")["seq"] == 5
        frames.ws.send(BINARY, ping)  # old by now
        assert frames.close() == (4400, "invalid_heartbeat")


# ---- limits ----

def test_a_message_above_the_limit(gateways):
    gw = gateways({"websocket": {"message_bytes_max": 8192}})
    with Frames(gw, "big") as frames:
        assert frames.welcome["message_bytes_max"] == 8192
        frames.data(1, b"x" * 8192)
        frames.recv("ack", lambda ack: ack.get("durable_through") == 1)
        frames.data(2, b"x" * (8192 + 2000))
        assert frames.close() == (1009, "message_too_big")


@both
def test_a_topic_that_cannot_be(gw, encoding):
    """Refused by its number, and the stream goes on."""
    device = name()
    with Frames(gw, device, encoding) as frames:
        frames.send({"type": "data", "seq": 1, "topic": "a/#", "payload": b"x", "text": True})
        refused = frames.recv("refuse")
        assert refused["seq"] == 1 and refused["reason"] == "bad_request"
        alive(frames, 2)
    assert len(gw.api().events(type="message", device=device)) == 1


@both
def test_a_result_that_nobody_waits_for(gw, encoding):
    with Frames(gw, name(), encoding) as frames:
        frames.send({"type": "result", "seq": 1, "id": "0190aaaa-0000-7000-8000-000000000000", "status": "ok"})
        refused = frames.recv("refuse")
        assert (refused["seq"], refused["reason"]) == (1, "unmatched")
        alive(frames, 2)


@pytest.mark.parametrize("what,metric,labels", [
    (b"\xc8\x00\x00\x00\x00", "holdfast_session_frames_total", {"type": "unknown", "direction": "up"}),
    (b"\x0a\x00\x00\x10\x00" + bytes(16), "holdfast_session_invalid_heartbeats_total", {}),
    (b"\x03\x00\x00\x04\x01" + bytes(4), "holdfast_session_crc_wrong_total", {}),
], ids=["unknown", "heartbeat", "crc"])
def test_what_is_passed_over_is_counted(gw, what, metric, labels):
    before = gw.metric(metric, **labels)
    with Frames(gw, name()) as frames:
        frames.ws.send(BINARY, what)
        alive(frames)
        eventually(lambda: gw.metric(metric, **labels) == before + 1)
