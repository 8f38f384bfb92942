"""Messages and commands to devices: kept, delivered in order, expired, canceled, and the books that add up."""
import ctypes
import json
import os
import threading
import time

import pytest

from lib.gateway import eventually


def books(gw):
    return gw.api("operator").get("/v1/ledger")


def balanced(gw):
    """accepted = delivered + pending + dropped, for each stream, as soon as nothing is under way any more."""
    def once():
        ledger = books(gw)
        for stream in ("uplink", "downlink", "broadcast"):
            book = ledger[stream]
            assert book["dropped_total"] == sum(book["dropped"].values())
            assert book["accepted"] == book["delivered"] + book["pending"] + book["dropped_total"], (stream, book)
            assert book["difference"] == 0
        assert gw.metric("holdfast_ledger_difference") == 0
        return ledger
    return eventually(once)


def test_a_message_waits_for_an_offline_device(gw):
    api = gw.known("sleeper").api()
    ids = [api.send("sleeper", {"n": n})["id"] for n in range(5)]
    assert api.get(f"/v1/messages/{ids[0]}")["state"] == "queued"
    with gw.connect("sleeper") as ws:
        assert [json.loads(ws.recv_text())["n"] for _ in range(5)] == list(range(5))
        eventually(lambda: api.get(f"/v1/messages/{ids[4]}")["state"] == "sent")
    with gw.connect("sleeper") as ws:
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text(), "nothing comes twice"
    balanced(gw)


def test_what_waits_survives_kill_9(gateways):
    gw = gateways().known("survivor")
    made = gw.api().send("survivor", {"keep": True})
    command = gw.api().command("survivor", "wake")
    gw.kill()
    gw.start()
    with gw.connect("survivor") as ws:
        assert json.loads(ws.recv_text()) == {"keep": True}
        assert json.loads(ws.recv_text())["id"] == command["id"]
    eventually(lambda: gw.api().get(f"/v1/messages/{made['id']}")["state"] == "sent")
    assert books(gw)["downlink"]["restored"] == 2
    balanced(gw)


@pytest.mark.parametrize("body,headers,frames", [
    ({"payload": {"a": 1}}, None, (1, b'{"a":1}')),
    ({"text": "héllo"}, None, (1, "héllo".encode())),
    ({"payload_base64": "AP8B"}, None, (2, b"\x00\xff\x01")),
    (b"\x00\xff", {"Content-Type": "application/octet-stream"}, (2, b"\x00\xff")),
    (b"plain", {"Content-Type": "text/plain"}, (1, b"plain")),
])
def test_payloads_arrive_as_they_are(gw, body, headers, frames):
    with gw.connect("forms") as ws:
        gw.api().post("/v1/devices/forms/messages", body, headers=headers)
        opcode, payload = ws.recv()
        assert opcode == frames[0]
        assert payload == frames[1] or json.loads(payload) == json.loads(frames[1])


def test_time_to_live(gw):
    api = gw.known("nobody").api()
    made = api.send("nobody", 1, ttl_ms=1000)
    command = api.command("nobody", "late", ttl_ms=1000)
    failed = api.wait("message.failed", device="nobody")
    assert failed["id"] == made["id"] and failed["reason"] == "expired"
    assert api.wait("command.failed", device="nobody")["id"] == command["id"]
    eventually(lambda: api.get(f"/v1/messages/{made['id']}")["state"] == api.get(f"/v1/commands/{command['id']}")["state"] == "expired")
    with gw.connect("nobody") as ws:
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()
    balanced(gw)


def test_cancel(gw):
    api = gw.known("canceled").api()
    made, command = api.send("canceled", 1), api.command("canceled", "c")
    api.do("DELETE", f"/v1/messages/{made['id']}", status={200, 204})
    api.do("DELETE", f"/v1/commands/{command['id']}", status={200, 204})
    assert api.wait("message.failed", device="canceled")["reason"] == "canceled"
    eventually(lambda: api.get(f"/v1/messages/{made['id']}")["state"] == "canceled")
    assert api.do("DELETE", f"/v1/messages/{made['id']}").status == 409
    with gw.connect("canceled") as ws:
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()
    assert api.do("DELETE", "/v1/messages/01920000-0000-7000-8000-000000000000").status == 404
    balanced(gw)


def test_idempotency(gw):
    api = gw.known("idem").api()
    key = {"Idempotency-Key": "order-17"}
    first = api.command("idem", "open", {"door": 1}, headers=key)
    again = api.do("POST", "/v1/devices/idem/commands", {"name": "open", "payload": {"door": 1}}, headers=key, status={200, 202})
    assert again.json["id"] == first["id"] and again.headers.get("Idempotent-Replay") == "true"
    other = api.do("POST", "/v1/devices/idem/commands", {"name": "open", "payload": {"door": 2}}, headers=key)
    assert other.status == 409 and other.reason == "id_conflict"
    with gw.connect("idem") as ws:
        command = json.loads(ws.recv_text())
        ws.text(json.dumps({"type": "result", "id": command["id"], "payload": "opened"}))
        api.wait("command.done", device="idem")
        done = eventually(lambda: (a := api.command("idem", "open", {"door": 1}, headers=key))["state"] == "done" and a)
        assert done["id"] == first["id"] and done["result"] == "opened"
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text(), "executed once"


def test_idempotency_under_a_race(gw):
    gw.known("race")
    answers = []
    calls = [threading.Thread(target=lambda: answers.append(
        gw.api().do("POST", "/v1/devices/race/messages", {"payload": 1}, headers={"Idempotency-Key": "same"})))
        for _ in range(8)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    good = {a.json["id"] for a in answers if a.status == 202}
    assert len(good) == 1 and all(a.status == 202 or a.reason == "in_progress" for a in answers)
    assert len(gw.api().events(type="message.queued", device="race")) == 1


def test_idempotency_survives_kill_9(gateways):
    gw = gateways().known("k")
    first = gw.api().send("k", 1, headers={"Idempotency-Key": "x"})
    gw.kill()
    gw.start()
    assert gw.api().send("k", 1, headers={"Idempotency-Key": "x"})["id"] == first["id"]
    assert len(gw.api().events(type="message.queued")) == 1


def test_a_full_queue_is_said(gateways):
    gw = gateways({"delivery": {"outbox_messages_max": 10}}).known("full")
    for n in range(10):
        gw.api().send("full", n)
    answer = gw.api().do("POST", "/v1/devices/full/messages", {"payload": 11})
    assert answer.status == 429 and answer.reason == "queue_full" and answer.json["limit"] == 10
    assert answer.json["retry_after_ms"] > 0 and int(answer.headers["Retry-After"]) >= 1
    balanced(gw)


def test_commands_of_one_device_have_a_rate(gateways):
    gw = gateways({"limits": {"command_per_s": 1, "command_capacity": 3}}).known("busy")
    taken = []

    def one_too_many():
        answer = gw.api().do("POST", "/v1/devices/busy/commands", {"name": "c"})
        if answer.status == 429:
            return answer
        taken.append(answer.status)
    refused = eventually(one_too_many)
    assert taken[:3] == [202] * 3 and set(taken) == {202}
    assert refused.reason == "rate_limit" and refused.json["retry_after_ms"] <= 1000


# ---- slow readers ----

PATIENT = {"heartbeat": {"dead_ms": 60000}, "websocket": {"write_timeout_ms": 60000}}  # who does not read says no pong either
SMALL = {"delivery": {"send_queue_high_bytes": 32768, "send_queue_low_bytes": 8192}, **PATIENT}
BIG = "x" * 8000


def flood(gw, device, count, **members):
    """To a device that does not read; gives its connection."""
    ws = gw.connect(device, receive_buffer=4096)
    for n in range(count):
        gw.api().send(device, {"n": n, "fill": BIG}, status={202, 409}, **members)
    return ws


def drain(ws, count):
    got = []
    while len(got) < count:
        got.append(json.loads(ws.recv_text())["n"])
    return got


def test_slow_reader_must_deliver_loses_nothing(gateways):
    gw = gateways(SMALL)
    with flood(gw, "slow", 100) as ws:
        assert drain(ws, 100) == list(range(100))
    ledger = balanced(gw)
    assert ledger["downlink"]["dropped_total"] == 0 and ledger["downlink"]["accepted"] == 100


@pytest.mark.parametrize("policy", ["drop_oldest", "drop_newest", "latest", "sample"])
def test_slow_reader_telemetry_is_dropped_by_rule_and_booked(gateways, policy):
    gw = gateways({**SMALL, "delivery": {**SMALL["delivery"], "telemetry": policy, "sample_every_ms": "1m"}})
    count = 600
    with flood(gw, "slow", count, **{"class": "telemetry", "topic": "t"}) as ws:
        gw.api().send("slow", {"n": -1})
        got = []
        while not got or got[-1] != -1:
            got.append(json.loads(ws.recv_text())["n"])
    got.pop()
    assert got == sorted(got) and len(got) < count
    assert (got[-1] == count - 1) == (policy != "drop_newest")
    ledger = balanced(gw)
    reason = {"latest": "conflated", "sample": "sampled"}.get(policy, policy)
    assert ledger["downlink"]["dropped"].get(reason) == count - len(got), ledger["downlink"]


def test_samples_for_a_slow_subscriber(gateways):
    """The library websockets subscribes and rests. Of each topic it gets one publication for every sample_every_ms, and the last of all; the
    others are in the ledger. Whoever reads meanwhile gets every one."""
    import asyncio
    import socket
    import websockets
    every_s = 0.5
    gw = gateways({"delivery": {"send_queue_low_bytes": 8192, "telemetry": "sample", "sample_every_ms": "500ms"}, **PATIENT})
    said = {"full": [], "a": [], "b": []}

    def say(topic, awake):
        said[topic].append(len(said[topic]))
        gw.api().post("/v1/broadcast", {"target": {"topic": topic}, "class": "telemetry",
                                        "payload": {"n": said[topic][-1], "fill": BIG}}, status=202)
        assert json.loads(awake.recv_text())["payload"]["n"] == said[topic][-1]

    def sampled():
        return books(gw)["broadcast"]["dropped"].get("sampled", 0)

    async def rest_and_read(awake):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(gw.address())
        async with websockets.connect("ws://%s:%d/v1/connect/slow" % gw.address(), sock=raw, max_queue=1, ping_interval=None,
                                      extra_headers={"Authorization": "Bearer " + gw.token("slow")}) as ws:
            for topic in said:
                await ws.send(json.dumps({"type": "subscribe", "topic": topic}))
                awake.text(json.dumps({"type": "subscribe", "topic": topic}))
            await ws.send('{"type":"ping"}')
            assert json.loads(await ws.recv()) == {"type": "pong"}
            awake.text('{"type":"ping"}')
            assert json.loads(awake.recv_text()) == {"type": "pong"}
            while sampled() == 0:  # nothing awaits: the loop, and with it the library, does not read
                for _ in range(20):
                    say("full", awake)
            began = time.monotonic()
            while time.monotonic() < began + 5 * every_s:
                say("a", awake)
                say("b", awake)
            lasted_s = time.monotonic() - began
            gw.api().send("slow", {"payload": {"n": -1}, "topic": "end"})
            got = {topic: [] for topic in said}
            while True:
                message = json.loads(await ws.recv())
                if "type" not in message:
                    return got, lasted_s
                got[message["topic"]].append(message["payload"]["n"])

    with gw.connect("awake") as awake:
        got, lasted_s = asyncio.run(rest_and_read(awake))
    for topic, numbers in got.items():
        assert numbers == sorted(set(numbers)) and numbers[-1] == said[topic][-1], (topic, numbers)
    for topic in ("a", "b"):
        assert 2 <= len(got[topic]) <= lasted_s / every_s + 1, (got[topic], lasted_s)
    book = balanced(gw)["broadcast"]
    left_out = sum(map(len, said.values())) - sum(map(len, got.values()))
    assert left_out > 0 and book["dropped"] == {"sampled": left_out}

    def written():
        events = gw.api().events(type="ledger", device="slow")
        return {e["reason"] for e in events} == {"sampled"} and sum(e["to"] for e in events) == left_out
    eventually(written)  # the books are ahead of the log


def test_slow_reader_disconnect_names_it(gateways):
    gw = gateways({**SMALL, "delivery": {**SMALL["delivery"], "telemetry": "disconnect"}})
    with flood(gw, "slow", 600, **{"class": "telemetry"}) as ws:
        code, reason = ws.recv_close()
        assert code == 4429 and "slow_reader" in reason
    assert gw.api().wait("offline,unknown", device="slow")["reason"] == "slow_reader"
    balanced(gw)


def test_pings_pass_a_full_queue(gateways):
    """Control frames are exempt from the queue's limit."""
    gw = gateways({**SMALL, "heartbeat": {"idle_ms": 1000, "dead_ms": 60000}})
    with flood(gw, "slow", 100) as ws:
        ws.text('{"type":"ping"}')
        assert drain_until_pong(ws)


def drain_until_pong(ws):
    while True:
        if "pong" in ws.recv_text():
            return True


# ---- broadcast ----

def test_broadcast_to_all_topic_group_and_list(gw):
    from contextlib import ExitStack
    with ExitStack() as stack:
        devices = {n: stack.enter_context(gw.connect(f"b-{n}", path=f"/v1/connect/b-{n}" + ("?groups=north" if n < 2 else "")))
                   for n in range(4)}
        devices[3].text('{"type":"subscribe","topic":"news"}')
        for ws in devices.values():
            ws.text('{"type":"ping"}')
            ws.recv_text()
        eventually(lambda: gw.api().get("/v1/overview")["devices_now"]["online"] == 4)  # the connections of other tests are gone
        cases = [("all", [0, 1, 2, 3]), ({"group": "north"}, [0, 1]), ({"topic": "news"}, [3]),
                 ({"devices": ["b-0", "b-3", "b-offline"]}, [0, 3])]
        for number, (target, receivers) in enumerate(cases):
            made = gw.api().post("/v1/broadcast", {"target": target, "payload": {"case": number}}, status=202)
            for n in receivers:
                got = json.loads(devices[n].recv_text())
                assert got.get("payload", got) == {"case": number}, (target, n)
            event = gw.api().wait("broadcast.done", where=lambda e: e["id"] == made["id"])
            assert event["written"] == len(receivers)
            assert gw.api().get(f"/v1/broadcasts/{made['id']}")["written"] == len(receivers)
        for ws in devices.values():
            ws.text('{"type":"ping","last":1}')
            assert json.loads(ws.recv_text()) == {"type": "pong", "last": 1}, "nothing was left over"
    ledger = balanced(gw)
    assert ledger["broadcast"]["dropped"].get("device_offline", 0) >= 1


def io_uring_here():
    """Does this kernel give us a ring as the gateway wants it (io_uring_setup, IORING_SETUP_SINGLE_ISSUER | DEFER_TASKRUN)?"""
    libc = ctypes.CDLL(None, use_errno=True)
    params = (ctypes.c_uint32 * 30)(0, 0, 1 << 12 | 1 << 13)
    ring = libc.syscall(425, 4, params)
    if ring >= 0:
        os.close(ring)
    return ring >= 0


@pytest.mark.parametrize("io_uring", [True, False])
def test_a_broadcast_to_a_crowd(gateways, io_uring):
    """The same for everyone, by few system calls or by one each."""
    crowd = 300
    gw = gateways({"node": {"workers": 1, "io_uring": io_uring}})
    devices = [gw.connect(f"crowd-{n}") for n in range(crowd)]
    for number in range(3):
        made = gw.api().post("/v1/broadcast", {"target": "all", "payload": {"number": number}}, status=202)
        assert gw.api().wait("broadcast.done", where=lambda e: e["id"] == made["id"])["written"] == crowd
    for ws in devices:
        assert [json.loads(ws.recv_text())["number"] for _ in range(3)] == [0, 1, 2]
    assert balanced(gw)["broadcast"]["delivered"] == 3 * crowd
    if io_uring and io_uring_here():
        eventually(lambda: 3 <= gw.metric("holdfast_send_batches_total") < crowd)
    else:
        eventually(lambda: gw.metric("holdfast_sends_total") >= 3 * crowd)
        assert gw.metric("holdfast_send_batches_total") == 0
    for ws in devices:
        assert ws.close()[0] == 1000


@pytest.mark.parametrize("target", ["some", {}, {"topic": "a", "group": "b"}, {"devices": []}, {"devices": ["../x"]}, 7, None])
def test_broadcast_targets_that_are_none(gw, target):
    answer = gw.api().do("POST", "/v1/broadcast", {"target": target, "payload": 1})
    assert answer.status == 400 and answer.json["field"].startswith("target")


# ---- input that is wrong ----

@pytest.mark.parametrize("body,field", [
    ({}, "payload"), ({"payload": 1, "text": "x"}, "payload"), ({"payload_base64": "%%%"}, "payload_base64"),
    ({"payload": 1, "ttl_ms": -1}, "ttl_ms"), ({"payload": 1, "ttl_ms": "soon"}, "ttl_ms"),
    ({"payload": 1, "ttl_ms": 10 ** 12}, "ttl_ms"), ({"payload": 1, "topic": "a/#"}, "topic"),
    ({"payload": 1, "class": "command"}, "class"), ({"text": 5}, "text"),
])
def test_bad_messages_name_the_field(gw, body, field):
    answer = gw.api().do("POST", "/v1/devices/d/messages", body)
    assert answer.status == 400 and answer.json["field"] == field and answer.json["detail"]


@pytest.mark.parametrize("body,headers,status", [
    (b"{", {"Content-Type": "application/json"}, 400), (b"[]", {"Content-Type": "application/json"}, 400),
    (b"{}", {"Content-Type": "application/xml"}, 415),
    (b'{"payload":1,"payload":2}', {"Content-Type": "application/json"}, 400)])
def test_bodies_that_are_no_json(gw, body, headers, status):
    assert gw.api().do("POST", "/v1/devices/d/messages", body, headers=headers).status == status


def test_a_payload_above_the_limit(gateways):
    gw = gateways({"websocket": {"message_bytes_max": 8192}}).known("d")
    answer = gw.api().do("POST", "/v1/devices/d/messages", {"text": "x" * 9000})
    assert answer.status == 413 and answer.reason == "message_too_big" and answer.json["limit"] == 8192
