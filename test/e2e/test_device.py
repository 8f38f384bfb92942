"""A device's day: connect, talk, be told, leave; and why it left."""
import json
import time

import pytest

from lib.gateway import eventually
from lib.pace import WAIT_S
from lib.rawws import BINARY, CLOSE, CONT, PING, PONG, TEXT, Refused, close_payload, frame


def reason_of(device, gw, from_=1):
    return gw.api().wait("offline", device=device, from_=from_)


def test_connect_event_command_and_the_reason_of_the_end(gw):
    api = gw.api()
    with gw.connect("day-1", headers={"Holdfast-Trace": "ws_8a2f1c"}) as ws:
        online = api.wait("online", device="day-1")
        assert online["tenant"] == "acme" and online["epoch"] >= 1 and online["protocol"] == "raw"
        assert ws.headers["holdfast-connection"] == online["conn"]

        ws.text('{"type":"data","topic":"gps","id":"m-1","payload":{"lat":52.5}}')
        ack = json.loads(ws.recv_text())
        assert ack["type"] == "ack" and ack["id"] == "m-1"
        event = api.wait("message", device="day-1")
        assert event["offset"] == ack["offset"] and event["topic"] == "gps" and event["payload"] == {"lat": 52.5}
        assert event["client_id"] == "m-1"

        made = api.command("day-1", "unlock", {"seconds": 5})
        command = json.loads(ws.recv_text())
        assert command["type"] == "command" and command["id"] == made["id"]
        assert command["name"] == "unlock" and command["payload"] == {"seconds": 5}
        ws.text(json.dumps({"type": "result", "id": command["id"], "status": "ok", "payload": {"unlocked": True}}))
        done = api.wait("command.done", device="day-1")
        assert done["id"] == made["id"] and done["payload"] == {"unlocked": True}
        eventually(lambda: api.get(f"/v1/commands/{made['id']}").get("result") == {"unlocked": True})

        device = api.device("day-1")
        assert device["state"] == "online"
        assert ws.close(1000)[0] == 1000
    offline = reason_of("day-1", gw)
    assert offline["reason"] == "normal" and offline["code"] == 1000 and offline["epoch"] == online["epoch"]
    assert api.device("day-1")["state"] == "offline"


def test_a_command_can_be_awaited_in_the_call(gw):
    import threading
    with gw.connect("day-2") as ws:
        answer = {}
        call = threading.Thread(target=lambda: answer.update(gw.api().command("day-2", "sum", [1, 2], wait_ms=15000)))
        call.start()
        command = json.loads(ws.recv_text())
        ws.text(json.dumps({"type": "result", "id": command["id"], "status": "ok", "payload": sum(command["payload"])}))
        call.join(WAIT_S)
        assert answer["result"] == 3 and answer["id"] == command["id"]


def test_a_failed_command_says_so(gw):
    with gw.connect("day-3") as ws:
        made = gw.api().command("day-3", "impossible")
        command = json.loads(ws.recv_text())
        ws.text(json.dumps({"type": "result", "id": command["id"], "status": "error", "payload": "no battery"}))
        failed = gw.api().wait("command.failed", device="day-3")
        assert failed["id"] == made["id"] and failed["reason"] == "device_refused" and failed["payload"] == "no battery"


@pytest.mark.parametrize("sent,check", [
    ("just text", lambda e: e["text"] == "just text" and e["topic"] == "default"),
    ('{"type":"location_update","lat":1}', lambda e: e["payload"] == {"type": "location_update", "lat": 1}),
    ("[1,2,3]", lambda e: e.get("payload") == [1, 2, 3] or e.get("text") == "[1,2,3]"),
    ("{broken", lambda e: e["text"] == "{broken"),
    (b"\x00\xff\x01", lambda e: e["payload_base64"] == "AP8B"),
])
def test_what_is_no_known_type_becomes_an_event_as_it_is(gw, sent, check):
    device = f"day-4-{abs(hash(sent))}"
    with gw.connect(device) as ws:
        ws.send(TEXT if isinstance(sent, str) else BINARY, sent)
        assert check(gw.api().wait("message", device=device))


def test_json_ping_is_answered_with_its_fields_and_never_logged(gw):
    with gw.connect("day-5") as ws:
        ws.text('{"type":"ping","n":17,"who":"é"}')
        assert json.loads(ws.recv_text()) == {"type": "pong", "n": 17, "who": "é"}
        ws.text('{"type":"data","id":1,"payload":1}')
        ws.recv_text()
    assert [e["payload"] for e in gw.api().events(type="message", device="day-5")] == [1]


def test_mistakes_get_an_error_and_not_the_door(gw):
    with gw.connect("day-6") as ws:
        for sent in ('{"type":"data","topic":"a/#","id":"x"}', '{"type":"data","topic":7}', '{"type":"data","id":[]}',
                     '{"type":"result","id":"nonsense"}', '{"type":"subscribe"}',
                     '{"type":"result","id":"01920000-0000-7000-8000-000000000000"}'):
            ws.text(sent)
            error = json.loads(ws.recv_text())
            assert error["type"] == "error" and error["reason"] in ("bad_request", "not_found") and error["detail"], sent
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()


def test_a_newer_connection_wins(gw):
    api = gw.api()
    old = gw.connect("twin")
    first = api.wait("online", device="twin")
    new = gw.connect("twin")
    code, reason = old.recv_close()
    assert code == 4409 and reason.startswith("reason=replaced;retry_ms=")
    gone = api.wait("disconnected", device="twin")
    assert gone["reason"] == "replaced" and gone["conn"] == first["conn"]
    second = api.wait("online", device="twin", from_=first["offset"] + 1)
    assert second["epoch"] == first["epoch"] + 1
    new.text('{"type":"ping"}')
    assert "pong" in new.recv_text()
    assert api.device("twin")["state"] == "online"
    assert not api.events(type="offline", device="twin")
    new.close()


def test_devices_talk_to_devices(gw):
    with gw.connect("pub") as pub, gw.connect("sub") as sub, gw.connect("deaf") as deaf:
        for ws in (sub, pub):
            ws.text('{"type":"subscribe","topic":"ride/7"}')
            ws.text('{"type":"ping"}')
            assert "pong" in ws.recv_text()
        pub.text('{"type":"data","topic":"ride/7","id":1,"payload":{"km":3}}')
        got = json.loads(sub.recv_text())
        assert got["type"] == "message" and got["topic"] == "ride/7" and got["payload"] == {"km": 3}
        assert json.loads(pub.recv_text())["type"] == "ack", "its own message does not come back"
        sub.text('{"type":"unsubscribe","topic":"ride/7"}')
        sub.text('{"type":"ping","n":1}')
        assert "pong" in sub.recv_text()
        pub.text('{"type":"data","topic":"ride/7","id":2,"payload":{"km":4}}')
        pub.recv_text()
        for ws in (sub, deaf):
            ws.text('{"type":"ping","n":2}')
            assert json.loads(ws.recv_text()) == {"type": "pong", "n": 2}, "nothing came in between"


def test_other_tenants_hear_nothing(gw):
    token = gw.token("spy", kid="k2")
    from lib.tokens import jwt
    token = jwt(gw.other_secret, "spy", kid="k2")
    with gw.connect("spy", token=token) as spy, gw.connect("loud") as loud:
        spy.text('{"type":"subscribe","topic":"secret"}')
        loud.text('{"type":"data","topic":"secret","id":1,"payload":1}')
        loud.recv_text()
        spy.text('{"type":"ping"}')
        assert json.loads(spy.recv_text()) == {"type": "pong"}
    assert {e["tenant"] for e in gw.api("foreign").events(type="message,online")} == {"umbrella"}
    assert gw.api("foreign").do("GET", "/v1/devices/loud").status == 404


@pytest.mark.parametrize("data,code,reason", [
    (frame(TEXT, b"\xff\xfe"), 1007, "invalid_utf8"),
    (frame(TEXT, b"x", mask=None), 1002, "protocol_error"),
    (frame(TEXT, b"x", rsv=2), 1002, "protocol_error"),
    (frame(3, b"x"), 1002, "protocol_error"),
    (frame(PING, b"x" * 126), 1002, "protocol_error"),
    (frame(CONT, b"x"), 1002, "protocol_error"),
    (frame(BINARY, b"x" * ((1 << 20) + 1))[:64], 1009, "message_too_big"),
], ids=["no UTF-8", "unmasked", "reserved bit", "unknown opcode", "long ping", "nothing to continue", "too big"])
def test_a_broken_rule_ends_it_with_code_and_reason(gw, data, code, reason):
    device = f"rude-{code}-{data[0]}-{len(data)}"
    with gw.connect(device) as ws:
        ws.raw(data)
        assert ws.recv_close()[0] == code
        ws.send(CLOSE, close_payload(code))
        ws.expect_end()
    gone = reason_of(device, gw)
    assert gone["reason"] == reason and gone["code"] == code


def test_a_ping_between_fragments(gw):
    with gw.connect("fragments") as ws:
        ws.send(TEXT, '{"type":"data","id":1,', fin=False)
        ws.send(PING, "between")
        assert ws.recv(answer_pings=False) == (PONG, b"between")
        ws.send(CONT, '"payload":[1]}')
        assert json.loads(ws.recv_text())["type"] == "ack"


def test_a_lost_connection_is_no_goodbye(gw):
    ws = gw.connect("lost")
    ws.sock.shutdown(2)
    ws.abort()
    event = gw.api().wait("unknown,offline", device="lost")
    assert event["type"] == "unknown" and event["reason"] in ("connection_lost", "connection_reset")
    assert gw.api().device("lost")["state"] == "unknown"


def test_disconnect_through_the_api(gw):
    with gw.connect("unwanted") as ws:
        gw.api().post("/v1/devices/unwanted/disconnect", {"text": "go home"})
        assert ws.recv_close()[0] == 1008
        ws.send(CLOSE, close_payload(1008))
        ws.expect_end()
    assert reason_of("unwanted", gw)["reason"] == "admin_disconnect"
    assert gw.api().do("POST", "/v1/devices/unwanted/disconnect", {}).status in (404, 409)


def test_explain_has_one_reason_for_each_end(gw):
    api = gw.api()
    for code in (1000, 4000, 3000):
        ws = gw.connect("story")
        ws.close(code)
    story = eventually(lambda: (s := api.get("/v1/devices/story/explain")) and len(ends(s)) == 3 and s)
    assert [(e["reason"], e["code"]) for e in ends(story)] in (
        [("normal", 1000), ("peer_closed", 4000), ("peer_closed", 3000)],
        [("peer_closed", 3000), ("peer_closed", 4000), ("normal", 1000)])
    assert api.do("GET", "/v1/devices/never-seen/explain").status == 404


def ends(story):
    return [e for e in story["history"] if e["type"] in ("offline", "unknown", "disconnected")]


def test_the_closing_handshake_on_the_wire(gw):
    """WS-21: what was sent before the Close is delivered, the gateway closes TCP first."""
    with gw.connect("closing") as ws:
        for i in range(50):
            gw.api().send("closing", {"n": i})
        ws.send(CLOSE, close_payload(1000, "bye"))
        got = []
        while True:
            opcode, payload = ws.recv()
            if opcode == CLOSE:
                break
            got.append(json.loads(payload)["n"])
        assert got == list(range(len(got))), "in order"
        ws.expect_end()
    assert time.monotonic() > 0


def test_a_device_that_is_not_there(gw):
    api = gw.api()
    assert api.do("GET", "/v1/devices/never-seen").status == 404
    with pytest.raises(Refused) as refused:
        gw.connect("x" * 200)
    assert refused.value.status in (400, 401)
