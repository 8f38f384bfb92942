"""Sessions of holdfast.v1, binary and in JSON: HELLO to WELCOME, durable acknowledgements, resume and rebuild, commands, and everything that breaks one."""
import asyncio
import json
import signal
import struct
import time

import pytest

from lib.gateway import eventually
from lib.rawws import CLOSE, Refused, close_payload
from lib.session import Device, Session, frame, pack
from lib.tokens import jwt

FORMS = pytest.mark.parametrize("form", ["binary", "json"])


def open_(gw, device, form="binary", hello=None, **options):
    session = Session(gw, device, form, **options)
    session.welcomed(**(hello or {}))
    return session


def messages(gw, device):
    return gw.api().events(type="message", device=device)


# ---- opening ----


@FORMS
def test_hello_is_answered_with_everything(gw, form):
    device = Device(f"open-{form}")
    with open_(gw, device, form, hello={"trace": "t_1", "capabilities": ["heartbeat", "resume", "documents"]}) as session:
        welcome = session.welcome
        assert (welcome["version"], welcome["result"], welcome["epoch"]) == (1, "new", 1)
        assert welcome["capabilities"] == ["heartbeat", "resume", "documents"], "the accepted subset"
        assert (welcome["window_messages"], welcome["window_bytes"], welcome["message_bytes_max"]) == (256, 1 << 20, 1 << 20)
        assert (welcome["durability"], welcome["profile"], welcome["k"], welcome["interval_ms"]) == ("fsync", "default", 3, 30000)
        assert (welcome["resume_ms"], welcome["rate"], welcome["node"]) == (300000, 1000, "e2e")
        assert welcome["ticket_ms"] > 0 and abs(welcome["time"] - time.time() * 1000) < 60000
        live = gw.api().device(device.name)
        assert live["state"] == "online" and live["protocol"] == ("holdfast.v1" if form == "binary" else "holdfast.v1.json")
        assert live["conn"].endswith(welcome["connection_id"])
        online = gw.api().wait("online", device=device.name)
        assert online["trace"] == "t_1"
    eventually(lambda: gw.metric("holdfast_session_frames_total", type="hello", direction="up") > 0)


def test_the_sub_protocol_is_negotiated(gateways):
    gw = gateways({"tenants": [{"name": "acme", "session": "off", "token_leeway_ms": 0, "jwt_keys": [
        {"kid": "k1", "alg": "HS256", "secret_file": None}]}]}, start=False)
    gw.config["tenants"][0]["jwt_keys"] = [gw.jwt_row("k1")]
    gw.config["tenants"].append({"name": "umbrella", "token_leeway_ms": 0, "jwt_keys": [gw.jwt_row("k2")]})
    gw.start()
    with pytest.raises(Refused) as refused:
        gw.connect("d1", protocols=["holdfast.v1"])
    assert refused.value.status == 400 and b'"reason":"version"' in refused.value.body
    with gw.connect("d1", protocols=["holdfast.v1", "holdfast.raw"]) as ws:
        assert ws.protocol == "holdfast.raw"
    token = jwt(gw.other_secret, "d1", kid="k2")
    with gw.connect("d1", token=token, protocols=["holdfast.v9", "holdfast.v1.json", "holdfast.v1"]) as ws:
        assert ws.protocol == "holdfast.v1.json"
    with gw.connect("d1", token="", path="/v1/connect/d1", protocols=["holdfast.token." + token, "holdfast.v1"]) as ws:
        assert ws.protocol == "holdfast.v1", "and never the token"


@FORMS
def test_credentials_in_band(gw, form):
    device = Device(f"inband-{form}")
    session = Session(gw, device, form, token="", path="/v1/connect?auth=message")
    session.hello()
    assert session.closed() == ("credentials_missing", 4401)
    with Session(gw, device, form, token="", path="/v1/connect?auth=message") as session:
        session.send({"type": "auth", "token": gw.token(device.name, life_s=60)})
        first = session.recv("auth")["expires"]
        assert session.welcomed()["result"] == "new"
        session.send({"type": "auth", "token": gw.token(device.name, life_s=600)})
        assert session.recv("auth")["expires"] > first, "it lives on without a reconnect"
        session.send({"type": "auth", "token": gw.token("somebody-else")})
        assert session.closed() == ("identity_mismatch", 4403)


@FORMS
def test_a_token_for_any_device_and_a_home_elsewhere(gw, form):
    """Two workers: about half of the devices that HELLO names live on the other one."""
    before = gw.metric("holdfast_connections_moved_total")
    for n in range(16):
        device = Device(f"any-{form}-{n}")
        with Session(gw, device, form, token=gw.token("*")) as session:
            if form == "binary":  # the message behind HELLO travels along
                session.hello()
                session.send({"type": "ping", "seq": 1})
                came = {frame["type"]: frame for frame in (session.recv("pong", "welcome") for _ in range(2))}  # in either order
                assert came["pong"]["seq"] == 1 and came["welcome"]["result"] == "new"
            else:
                session.welcomed()
    eventually(lambda: gw.metric("holdfast_connections_moved_total") > before)


def test_hello_that_is_not_let_in(gw):
    for members, want in (({"version_min": 2, "version_max": 3}, ("version", 1002)), ({"device": "other"}, ("identity_mismatch", 4403)),
                          ({"queue_id": "00" * 8}, ("session_broken", 4400)), ({"window_messages": 0}, ("session_broken", 4400)),
                          ({"uplink_first": 2}, ("session_broken", 4400))):
        assert Session(gw, Device("wrong")).hello(**members).closed() == want, members
    eventually(lambda: {event["reason"] for event in gw.api().events(type="refused", device="wrong")} ==
               {"version", "identity_mismatch", "session_broken"})


def test_nothing_but_hello_comes_first(gw):
    session = Session(gw, Device("early"))
    session.send({"type": "data", "seq": 1, "payload": "x"})
    assert session.closed() == ("session_broken", 4400)
    session = Session(gw, Device("early"))
    session.send(*[{"type": "ping", "seq": n} for n in range(9)])
    assert session.closed() == ("session_broken", 4400), "eight frames before WELCOME"


# ---- uplink ----


@FORMS
def test_messages_are_durable_when_acknowledged(gateways, form):
    gw = gateways()
    device = Device("d1")
    session = open_(gw, device, form)
    session.data({"lat": 52.5}, topic="gps", time=1700000000000, id="018bcfe5-6800-7000-8000-000000000001")
    session.data("héllo")
    last = session.data(b"\x00\xff")
    assert session.durable(last)["received_through"] == last
    gw.kill()
    gw.start()
    events = messages(gw, "d1")
    assert [event["seq"] for event in events] == [1, 2, 3]
    assert events[0]["payload"] == {"lat": 52.5} and events[0]["id"] == "018bcfe5-6800-7000-8000-000000000001"
    assert events[1]["text"] == "héllo" and events[2]["payload_base64"] == "AP8="
    with open_(gw, device, form) as session:
        assert session.welcome["result"] == "resumed", "also over a crash of the gateway"
        assert session.welcome["uplink_durable"] == 3
        session.send({"type": "data", "seq": 2, "topic": "t", "payload": "again"})
        last = session.data("four")
        session.durable(last)
    assert len(messages(gw, "d1")) == 4, "a retransmission is recognised"
    eventually(lambda: gw.metric("holdfast_session_duplicates_total") == 1)


def test_a_cut_connection_resumes_where_it_was(gw):
    device = Device("cut")
    session = open_(gw, device)
    for n in range(50):
        session.data({"n": n})
    session.ws.abort()
    with open_(gw, device) as session:
        assert session.welcome["result"] == "resumed" and session.welcome["epoch"] == 2
        session.resend()
        session.durable(session.data({"n": 50}))
    assert [event["payload"]["n"] for event in messages(gw, "cut")] == list(range(51)), "in order, each once"


def test_many_frames_in_one_message_and_out_of_order(gw):
    device = Device("packed")
    with open_(gw, device, hello={"capabilities": ["heartbeat", "crc", "selective_ack"]}) as session:
        frames = [{"type": "data", "seq": seq, "topic": "t", "format": 1, "payload": seq, "crc": True} for seq in (1, 4, 3, 2)]
        session.send(*frames, frame(77, b"of a version to come"), {"type": "ping", "seq": 9})
        assert session.recv("pong")["seq"] == 9
        session.durable(4)
        session.send({"type": "data", "seq": 6, "topic": "t", "payload": "early"})
        session.send({"type": "ack", "received_through": 0, "durable_through": 0, "ask": True})
        ack = session.recv("ack")
        assert ack["received_through"] == 4 and ack["ranges"] == [[6, 6]]
        session.send({"type": "gap", "from": 5, "to": 5, "reason": "expired"})
        session.durable(6)
    assert [event["payload"] for event in messages(gw, "packed")[:4]] == [1, 2, 3, 4]
    gap = gw.api().wait("message.gap", device="packed")
    assert (gap["from"], gap["to"], gap["reason"]) == (5, 5, "expired")


def test_a_hole_is_asked_for(gw):
    with open_(gw, Device("hole")) as session:
        session.send({"type": "data", "seq": 2, "topic": "t", "payload": "two"})
        while not (ack := session.recv("ack"))["nack"]:
            pass
        assert ack["received_through"] == 0 and ack["ranges"] == [[2, 2]]
        session.send({"type": "data", "seq": 1, "topic": "t", "payload": "one"})
        session.durable(2)
    assert [event["text"] for event in messages(gw, "hole")] == ["one", "two"]


def test_above_its_rate_a_device_waits_and_loses_nothing(gateways):
    gw = gateways({"limits": {"device_uplink_per_s": 200, "device_uplink_capacity": 20}})
    device = Device("fast")
    with open_(gw, device) as session:
        session.send(*[{"type": "data", "seq": seq, "topic": "t", "format": 1, "payload": seq} for seq in range(1, 121)])
        session.durable(120)
    assert [event["payload"] for event in messages(gw, "fast")] == list(range(1, 121))
    eventually(lambda: gw.metric("holdfast_input_held_total") > 0 and gw.metric("holdfast_input_held_bytes") == 0)


# ---- downlink ----


@FORMS
def test_commands_messages_and_results(gw, form):
    device = Device(f"down-{form}")
    with open_(gw, device, form) as session:
        made = gw.api().command(device.name, "unlock", {"s": 30}, headers={"Idempotency-Key": "k-1"})
        command = session.recv("command")
        assert (command["seq"], command["id"], command["name"], command["payload"]) == (1, made["id"], "unlock", {"s": 30})
        assert command["idempotency_key"] == "k-1" and command["ttl_ms"] > 0
        session.ack(1)
        gw.api().wait("command.delivered", where=lambda e: e["id"] == made["id"], device=device.name)
        session.durable(session.result(command, {"done": True}))
        done = eventually(lambda: (c := gw.api().get(f"/v1/commands/{made['id']}"))["state"] == "done" and c)
        assert done["result"] == {"done": True}
        sent = gw.api().send(device.name, "hi")
        data = session.recv("data")
        assert data["seq"] == 2 and data["payload"] == "hi" and not data.get("publish")
        assert gw.api().get(f"/v1/messages/{sent['id']}")["state"] != "delivered"
        session.ack(2)
        eventually(lambda: gw.api().get(f"/v1/messages/{sent['id']}")["state"] == "delivered")
        session.send({"type": "result", "seq": device.next, "id": made["id"], "status": "ok", "payload": "twice"})
        assert session.recv("refuse")["reason"] == "unmatched"


def test_what_was_not_durable_at_the_device_comes_again(gw):
    device = Device("again")
    with open_(gw, device) as session:
        for n in range(1, 6):
            gw.api().send(device.name, n)
        assert [session.recv("data")["payload"] for _ in range(5)] == [1, 2, 3, 4, 5]
        session.ack(4, 2)
        session.send({"type": "ping", "seq": 1})
        session.recv("pong")
    with open_(gw, device) as session:
        assert session.welcome["result"] == "resumed" and session.welcome["downlink_next"] == 3
        assert [session.recv("data")["payload"] for _ in range(3)] == [3, 4, 5], "only the gap"
        session.ack(5)


def test_a_command_that_expired_meanwhile_is_a_gap(gw):
    device = Device("late")
    open_(gw, device).ws.abort()
    eventually(lambda: gw.api().device(device.name)["state"] != "online")
    gw.api().send(device.name, "too late", ttl_ms=1000)
    gw.api().wait("message.failed", device=device.name)
    gw.api().send(device.name, "in time")
    with open_(gw, device) as session:
        assert session.welcome["result"] == "resumed"
        gap = session.recv("gap", "data")
        assert (gap["type"], gap["from"], gap["to"], gap["reason"]) == ("gap", 1, 1, "expired")
        assert session.recv("data")["payload"] == "in time"


def test_a_rebuilt_session_begins_at_one(gateways):
    gw = gateways({"session": {"resume_ms": 1000}})
    device = Device("old")
    with open_(gw, device) as session:
        made = gw.api().command(device.name, "c")
        assert session.recv("command")["seq"] == 1
        session.ack(1)
        session.durable(session.data("x"))
    gone_ms = time.time() * 1000
    foreign = Session(gw, Device("thief"))
    foreign.hello(session_id=device.session_id)
    assert foreign.closed() == ("identity_mismatch", 4403), "it is another device's"
    eventually(lambda: time.time() * 1000 > gone_ms + 1100)
    with open_(gw, device) as session:
        assert (session.welcome["result"], session.welcome["reason"]) == ("rebuilt", "expired")
        assert session.welcome["downlink_next"] == 1 and session.welcome["uplink_durable"] == 1, "the queue is the device's"
        command = session.recv("command")
        assert (command["seq"], command["id"]) == (1, made["id"]), "under another number with the same id"
        session.durable(session.result(command))
    eventually(lambda: gw.metric("holdfast_sessions_rebuilt_total", reason="expired") == 1)


@FORMS
def test_publications(gw, form):
    with open_(gw, Device(f"listener-{form}"), form, hello={"groups": ["berlin"]}) as listener, open_(gw, Device(f"talker-{form}"), form) as talker:
        listener.send({"type": "subscribe", "topic": f"news-{form}"})
        listener.send({"type": "ping", "seq": 1})
        listener.recv("pong")
        talker.data("fog", topic=f"news-{form}")
        data = listener.recv("data")
        assert (data.get("seq", 0), data["publish"], data["topic"], data["payload"]) == (0, True, f"news-{form}", "fog")
        gw.api().post("/v1/broadcast", {"target": {"group": "berlin"}, "payload": {"to": "all"}})
        assert listener.recv("data")["payload"] == {"to": "all"}
        listener.send({"type": "subscribe", "topic": f"news-{form}", "unsubscribe": True})
        listener.send({"type": "subscribe", "topic": "a/#"})
        refused = listener.recv("refuse")
        assert refused["reason"] == "bad_request" and refused.get("seq", 0) == 0
        talker.durable(talker.data("sun", topic=f"news-{form}"))
        gw.api().send(f"listener-{form}", "end")
        assert listener.recv("data")["payload"] == "end", "unsubscribed"


# ---- ends ----


def test_a_newer_connection_takes_over(gw):
    device = Device("twice")
    with open_(gw, device) as old, open_(gw, device) as young:
        assert young.welcome["epoch"] == old.welcome["epoch"] + 1
        old.send({"type": "data", "seq": 1, "topic": "t", "payload": "of the old one"})
        assert old.closed() == ("replaced", 4409)
        young.durable(young.data("of the young one"))
    assert [event["text"] for event in messages(gw, "twice")] == ["of the young one"]


@pytest.mark.parametrize("bad,want", ids=["empty", "cut head", "cut body", "short body", "wrong direction", "unsent acknowledged", "beyond the window",
                                          "too big"], argvalues=[
    (b"", ("session_broken", 4400)),
    (b"\x03\x00\x00", ("session_broken", 4400)),
    (frame("ping", b"\x00")[:-1], ("session_broken", 4400)),
    (frame("data", b"\x00\x00\x00\x01"), ("session_broken", 4400)),
    (frame("welcome", b"\x00" * 120), ("session_broken", 4400)),
    (pack({"type": "ack", "received_through": 5, "durable_through": 5}), ("session_broken", 4400)),
    (pack({"type": "data", "seq": 1000, "payload": "beyond the window"}), ("session_broken", 4400)),
    (pack({"type": "data", "seq": 1, "payload": "x" * (1 << 20) + "x"}), ("message_too_big", 1009)),
])
def test_what_breaks_a_session(gw, bad, want):
    session = open_(gw, Device("broken"))
    session.send(bad)
    assert session.closed() == want


def test_a_message_that_is_wrong_in_itself_is_refused(gw):
    """and used up, or the device would send it for ever."""
    with open_(gw, Device("wrong-one")) as session:
        session.data("no topic", topic="a/+")
        last = session.data("good")
        session.send(frame("data", struct.pack(">I16sBQ", last + 1, bytes(16), 1, 0) + b"\x00\x01t{"))
        assert [session.recv("refuse")["seq"] for _ in range(2)] == [1, last + 1]
        session.durable(last + 1)
    gaps = gw.api().events(type="message.gap", device="wrong-one")
    assert {gap["reason"] for gap in gaps} == {"bad_request"}


@pytest.mark.parametrize("form", ["binary", "json"])
def test_a_refusal_that_went_with_its_connection_is_told_again(gateways, form):
    """Before the ACK that covers its number, by a gateway that was killed in between, too. Who does not know of this hears nothing new."""
    gw = gateways()
    device = Device("deaf")
    with open_(gw, device, form) as session:
        for topic in ("t", "a/+", "t", "b/#"):
            session.data("x", topic=topic)
        gw.api().wait("message.gap", where=lambda e: e["to"] == 4)  # it is in the log, and nobody has read what the gateway said
    unknown = device.first

    def again(**members):
        device.first = unknown  # it has forgotten nothing
        session = Session(gw, device, form)
        return session, session.hello(**members).recv("welcome")
    knows = {"capabilities": ["heartbeat", "resume", "selective_ack", "refusals"]}
    for _ in range(2):
        session, welcome = again(**knows)
        assert welcome["uplink_durable"] == 4 and "refusals" in welcome["capabilities"]
        told = [session.recv() for _ in range(3)]
        assert [(f["type"], f.get("seq"), f.get("reason")) for f in told[:2]] == [("refuse", 2, "bad_request"), ("refuse", 4, "bad_request")]
        assert told[2]["type"] == "ack" and told[2]["durable_through"] == 4
        session.ws.abort()
        gw.kill()
        gw.start()
    assert gw.metric("holdfast_session_refused_again_total") == 0
    session, welcome = again()
    assert "refusals" not in welcome["capabilities"]
    session.data("x")
    assert session.recv()["type"] == "ack"
    session.ws.abort()


def test_wrong_kinds_of_messages(gw):
    session = open_(gw, Device("kinds"))
    session.ws.text('{"type":"ping","seq":1,"ts":0}')
    assert session.closed() == ("unsupported_data", 1003)
    session = open_(gw, Device("kinds"), "json")
    session.ws.binary(b"\x0a")
    assert session.closed() == ("unsupported_data", 1003)
    for text in ("{", "[]", "{}", '{"type":7}', '{"type":"data","seq":-1,"payload":1}', '{"type":"welcome"}'):
        session = open_(gw, Device("kinds"), "json")
        session.ws.text(text)
        assert session.closed() == ("session_broken", 4400), text


def test_wrong_checksums_and_heartbeats(gw):
    session = open_(gw, Device("noise"))
    for n in range(3):
        damaged = bytearray(pack({"type": "data", "seq": 1, "topic": "t", "payload": "x", "crc": True}))
        damaged[-1] ^= 1
        session.send(bytes(damaged))
        if n < 2:
            assert session.recv("ack")["nack"]
    assert session.closed() == ("corrupt", 4400)
    session = open_(gw, Device("noise"))
    for n in range(3):
        session.send({"type": "ping", "seq": n + 1, "crc8": 0})
    assert session.closed() == ("invalid_heartbeat", 4400)
    assert eventually(lambda: [e["details"]["fault"] for e in gw.api().events(type="audit") if e["who"] == "noise"] == 3 * ["damaged"])
    eventually(lambda: gw.metric("holdfast_session_crc_wrong_total") == 3)


def test_bye_is_an_end_without_a_doubt(gw):
    device = Device("polite")
    session = open_(gw, device)
    session.send({"type": "bye", "reason": "normal"})
    assert session.closed() == (None, 1000)
    gone = gw.api().wait("offline", device=device.name)
    assert gone["reason"] == "normal"


def test_silence(gateways):
    gw = gateways({"heartbeat": {"idle_ms": "1s", "repeat_ms": "500ms", "dead_ms": "3s"}})
    session = open_(gw, Device("mute"))
    beats = [session.recv("ping") for _ in range(2)]
    assert beats[1]["seq"] == beats[0]["seq"] + 1
    session.send({**beats[1], "type": "pong"})
    session.recv("ping")
    assert session.closed(mute=True) == ("heartbeat_timeout", 4408)
    eventually(lambda: gw.metric("holdfast_session_degraded_total") >= 1)


def test_the_device_beats_in_ha(gw):
    with open_(gw, Device("ha"), hello={"profile": "ha"}) as session:
        assert (session.welcome["profile"], session.welcome["interval_ms"], session.welcome["k"]) == ("ha", 2000, 3)
        session.send({"type": "ping", "seq": 1, "ts": 5, "interval_ms": 2000})
        pong = session.recv("pong")
        assert (pong["seq"], pong["ts"], pong["interval_ms"]) == (1, 5, 2000)
        assert session.closed() == ("heartbeat_timeout", 4408), "after three that did not come"


def test_drain_says_when_to_come_back(gateways):
    gw = gateways({"session": {"return_per_s": 10}})
    sessions = [open_(gw, Device(f"d{n}")) for n in range(4)]
    tickets = sorted(session.welcome["ticket_ms"] for session in sessions)
    assert len(set(tickets)) == 4, "a slot each"
    gw.signal(signal.SIGTERM)
    for session in sessions:
        bye = session.recv("bye")
        assert (bye["reason"], bye["ticket_ms"]) == ("drain", session.welcome["ticket_ms"])
        assert session.closed() == (None, 1001)
        session.ws.send(CLOSE, close_payload(1001))
        session.ws.expect_end()
        session.ws.abort()
    assert gw.stop() == 0


# ---- a client that is not ours ----


def test_any_websocket_client_can_speak_it(gw):
    import websockets

    async def conversation():
        address = "ws://%s:%d/v1/connect" % gw.address()
        async with websockets.connect(address, subprotocols=["holdfast.v1.json"], extra_headers={"Authorization": "Bearer " + gw.token("person")},
                                      compression="deflate") as ws:
            assert ws.subprotocol == "holdfast.v1.json"
            await ws.send(json.dumps({"type": "hello", "version_min": 1, "version_max": 1, "queue_id": "8f2e6a1c00000001", "uplink_first": 1,
                                      "uplink_next": 1, "window_messages": 256, "window_bytes": 1048576}))
            welcome = json.loads(await ws.recv())
            assert welcome["type"] == "welcome" and welcome["result"] == "new"
            await ws.send(json.dumps({"type": "data", "seq": 1, "topic": "gps", "format": 1, "payload": [52.5, 13.4]}))
            while True:
                ack = json.loads(await ws.recv())
                assert ack["type"] == "ack"
                if ack["durable_through"] == 1:
                    break
            await ws.send(json.dumps({"type": "bye", "reason": "normal"}))
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()
            return ws.close_code

    assert asyncio.run(conversation()) == 1000
    assert messages(gw, "person")[0]["payload"] == [52.5, 13.4]


def test_compression_of_the_socket_is_understood(gateways):
    """permessage-deflate is agreed to as in raw mode: the device compresses, the gateway need not."""
    from lib.rawws import BINARY, deflate
    gw = gateways({"websocket": {"deflate": {"enabled": True}}})
    device = Device("small")
    with Session(gw, device, extensions="permessage-deflate; client_no_context_takeover") as session:
        session.welcomed()
        f = {"type": "data", "seq": 1, "topic": "t", "payload": "x" * 5000}
        session.ws.send(BINARY, deflate(pack(f), 12), rsv=4)
        session.durable(1)
    assert messages(gw, "small")[0]["text"] == "x" * 5000


def test_messages_are_logged_by_their_size_at_debug(gateways, tmp_path):
    path = tmp_path / "holdfast.log"
    gw = gateways({"logging": {"file": str(path), "level": "debug"}})
    with gw.connect("logged") as ws:
        ws.text('{"type":"data","topic":"t","id":1,"payload":"gr\u00fcn"}')
        assert json.loads(ws.recv_text())["type"] == "ack"
    with Session(gw, Device("logged-too")) as session:
        session.welcomed()
        seq = session.data("x" * 300)
        again = session.device.queue[seq]
        session.durable(seq)
        session.send(again)  # a repeat is no message
        session.durable(session.data("y" * 10))
        session.send({"type": "bye"})
        session.closed()
    eventually(lambda: path.read_text().count("event=conn_close") == 2)
    said = [line for line in path.read_text().splitlines() if "event=conn_msg" in line]
    assert [line.split("device=")[1] for line in said] == ["logged tenant=acme payload_bytes=7", "logged-too tenant=acme payload_bytes=300",
                                                           "logged-too tenant=acme payload_bytes=10"], said
    assert all("level=debug" in line and " conn=c_" in line for line in said)
