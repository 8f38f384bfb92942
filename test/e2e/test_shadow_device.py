"""Shadows from the device's side: both encodings of holdfast.v1, raw WebSocket, what it lacks when it comes back, labels, stale connections."""
import itertools
import json
import threading

import pytest

from lib.gateway import eventually
from lib.session import Device, Session

FORMS = pytest.mark.parametrize("form", ["binary", "json"])
numbers = itertools.count(1)


class Twin:
    """A device of holdfast.v1 that keeps its shadow as doc/protocol.md section 9 says."""

    def __init__(self, gw, name, form="binary"):
        self.gw, self.device, self.form, self.version = gw, Device(name), form, 0

    def open(self, **options):
        self.session = Session(self.gw, self.device, self.form, **options)
        known = [{"document": "shadow", "version": self.version}] if self.version else []
        welcome = self.session.welcomed(capabilities=["heartbeat", "resume", "selective_ack", "shadow"], documents=known)
        assert "shadow" in welcome["capabilities"] and "documents" not in welcome["capabilities"]
        return self

    def close(self):
        self.session.ws.abort()

    def take(self):
        delta = {"request": 0, "reason": "none", "base_version": 0, **self.session.recv("delta")}
        assert delta["document"] == "shadow"
        if "change" in delta:
            assert delta["kind"] == "full" and delta["change"]["version"] == delta.get("version", 0)
            if "name" not in delta["change"]:
                self.version = delta["version"]
        return delta

    def ask(self, change=None, kind="merge", base=0):
        request = next(numbers)
        self.session.send({"type": "patch", "request": request, "document": "shadow", "kind": kind, "base_version": base,
                           **({"change": change} if change is not None else {})})
        delta = self.take()
        assert delta["request"] == request
        return delta


def want(gw, name, desired, query="", status=200, shadow=""):
    return gw.api().do("PATCH", f"/v1/devices/{name}/shadow{shadow}{query}", json.dumps({"desired": desired}).encode(),
                       headers={"Content-Type": "application/merge-patch+json"}, status=status).json


@FORMS
def test_a_device_reports_and_is_told_what_it_lacks(gw, form):
    name = f"twin-{form}"
    twin = Twin(gw, name, form).open()
    answer = twin.ask({"reported": {"interval": 1, "firmware": "1.2"}})
    assert (answer["reason"], answer["version"], answer["change"]) == ("none", 1, {"version": 1, "delta": {}})
    want(gw, name, {"interval": 5, "led": {"on": True}})
    told = twin.take()
    assert (told["request"], told["version"], told["change"]["delta"]) == (0, 2, {"interval": 5, "led": {"on": True}})
    answer = twin.ask([{"op": "replace", "path": "/reported/interval", "value": 5}], kind="json", base=2)
    assert (answer["version"], answer["change"]["delta"]) == (3, {"led": {"on": True}})
    shadow = gw.api().get(f"/v1/devices/{name}/shadow")
    assert shadow["reported"] == {"interval": 5, "firmware": "1.2"} and shadow["delta"] == {"led": {"on": True}}
    assert shadow["epoch"] == gw.api().device(name)["epoch"]
    event = gw.api().wait("shadow.changed", where=lambda e: e.get("device") == name and e["version"] == 3)
    assert event["who"] == name and event["change"][0]["op"] == "replace"
    assert twin.ask(base=3).get("change") is None, "it lacks nothing"
    for change, kind, base, reason in (({"reported": {"a": 1}}, "merge", 1, "version_conflict"), ({"tags": {"a": 1}}, "merge", 0, "forbidden"),
                                       ({"reported": 7}, "merge", 0, "bad_request"), ([], "merge", 0, "bad_request"),
                                       ({"patch": [{"op": "remove", "path": "/reported/none"}]}, "json", 0, "bad_request")):
        assert twin.ask(change, kind=kind, base=base)["reason"] == reason
    twin.close()


@FORMS
def test_who_was_away_is_told_when_it_comes_back(gw, form):
    name = f"away-{form}"
    twin = Twin(gw, name, form).open()
    assert twin.ask({"reported": {"a": 1}})["version"] == 1
    twin.close()
    want(gw, name, {"a": 2})
    want(gw, name, {"b": 3})
    twin.open()
    told = twin.take()
    assert (told["request"], told["version"], told["change"]["delta"]) == (0, 3, {"a": 2, "b": 3})
    twin.close()
    twin.open()
    want(gw, name, {"b": 4})
    assert twin.take()["version"] == 4, "nothing was told on the way: it had version 3"
    twin.close()


def test_named_shadows_are_apart(gw):
    twin = Twin(gw, "named").open()
    answer = twin.ask({"name": "led", "reported": {"on": False}})
    assert answer["change"] == {"name": "led", "version": 1, "delta": {}}
    want(gw, "named", {"on": True}, shadow="/led")
    assert twin.take()["change"] == {"name": "led", "version": 2, "delta": {"on": True}}
    assert twin.ask({"name": "led", "version": 1})["change"]["delta"] == {"on": True}, "a question"
    assert twin.ask({"name": "led", "version": 2}).get("change") is None
    answer = twin.ask({"name": "led", "patch": [{"op": "test", "path": "/reported/on", "value": False},
                                                {"op": "replace", "path": "/reported/on", "value": True}]})
    assert answer["change"] == {"name": "led", "version": 3, "delta": {}}
    assert twin.ask({"name": "none"})["reason"] == "not_found"
    assert twin.ask({"name": "a/b", "reported": {}})["reason"] == "bad_request"
    assert gw.api().get("/v1/devices/named/shadow")["version"] == 0
    twin.close()


@FORMS
def test_a_device_is_told_that_a_named_shadow_went(gw, form):
    name = f"went-{form}"
    twin = Twin(gw, name, form).open()
    assert twin.ask({"name": "led", "reported": {"on": True}})["version"] == 1
    gw.api().do("DELETE", f"/v1/devices/{name}/shadow/led", status=204)
    told = twin.take()
    assert (told["request"], told.get("version", 0), told["change"]) == (0, 0, {"name": "led", "version": 0, "delta": {}})
    assert twin.ask({"name": "led"})["reason"] == "not_found"
    assert twin.ask({"name": "led", "reported": {"on": False}})["version"] == 3, "its end was a version, too"
    twin.close()


def test_without_the_capability_there_is_nothing(gw):
    session = Session(gw, Device("plain"))
    session.welcomed(capabilities=["heartbeat", "documents"])
    want(gw, "plain", {"a": 1})
    session.send({"type": "patch", "request": 1, "document": "shadow", "kind": "merge", "base_version": 0, "change": {"reported": {}}})
    delta = session.recv("delta")
    assert (delta["request"], delta["reason"]) == (1, "not_implemented")
    session.ws.abort()


def in_background(do):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(do()))
    thread.start()
    return lambda: (thread.join(), answers[0])[1]


@FORMS
def test_labels_are_reached(gw, form):
    name = f"labels-{form}"
    twin = Twin(gw, name, form).open()
    delivered = in_background(lambda: want(gw, name, {"a": 1}, "?wait=delivered&timeout_ms=20000"))
    applied = in_background(lambda: want(gw, name, {"b": {"c": 1}}, "?wait=applied&timeout_ms=20000"))
    while twin.version < 2:
        twin.take()
    twin.ask(base=2)
    assert delivered()["labels"] == ["stored", "delivered"]
    twin.ask({"reported": {"b": {"c": 1}}})
    answer = applied()
    assert answer["labels"] == ["stored", "delivered", "applied"] and "missing" not in answer
    again = want(gw, name, {"b": {"c": 1}}, "?wait=applied&timeout_ms=20000")  # its answer may have been lost
    assert again["labels"] == answer["labels"] and again["version"] == answer["version"]
    answer = want(gw, name, {"a": 2}, "?wait=applied&timeout_ms=50", status=202)
    assert answer["labels"] == ["stored"] and answer["missing"] == ["delivered", "applied"]
    twin.close()


def test_a_replaced_connection_cannot_speak_for_the_device(gw):
    twin, newer = Twin(gw, "fenced").open(), Twin(gw, "fenced")
    newer.device = twin.device
    newer.open()
    assert newer.ask({"reported": {"who": "newer"}})["version"] == 1
    assert gw.api().get("/v1/devices/fenced/shadow")["epoch"] == 2
    newer.close()


# ---- raw ----

class Raw:
    def __init__(self, gw, name, **options):
        self.ws = gw.connect(name, **options)

    def say(self, type_, **members):
        self.ws.text(json.dumps({"type": type_, **members}))

    def hear(self):
        return json.loads(self.ws.recv_text())


def test_raw_devices_have_shadows_by_topics(gw):
    ws = Raw(gw, "raw")
    ws.say("data", topic="$shadow/update", id=1, payload={"reported": {"a": 1}})
    assert ws.hear() == {"type": "ack", "id": 1, "version": 1}
    want(gw, "raw", {"a": 2})
    ws.say("subscribe", topic="$shadow/delta")
    assert ws.hear() == {"type": "message", "topic": "$shadow/delta", "payload": {"version": 2, "delta": {"a": 2}}}
    want(gw, "raw", {"b": 3})
    assert ws.hear()["payload"] == {"version": 3, "delta": {"a": 2, "b": 3}}
    ws.say("data", topic="$shadow/update", id="x", payload={"version": 2, "reported": {"a": 2}})
    error = ws.hear()
    assert (error["type"], error["reason"], error["id"]) == ("error", "version_conflict", "x")
    waiting = in_background(lambda: want(gw, "raw", {"b": 4}, "?wait=applied&timeout_ms=20000"))
    assert ws.hear()["payload"]["version"] == 4
    ws.say("data", topic="$shadow/update", id=2, payload={"version": 4, "patch": [
        {"op": "add", "path": "/reported/a", "value": 2}, {"op": "add", "path": "/reported/b", "value": 4}]})
    assert ws.hear() == {"type": "ack", "id": 2, "version": 5}
    assert waiting()["labels"] == ["stored", "delivered", "applied"]
    ws.say("data", topic="$shadow/get", payload={})
    assert ws.hear()["payload"] == {"version": 5, "delta": {}}
    ws.say("data", topic="$shadow/get", id=3, payload={"version": 5})
    assert ws.hear() == {"type": "ack", "id": 3, "version": 5}
    ws.say("data", topic="$shadow/update", id=4, payload={"name": "led", "reported": {"on": True}})
    assert ws.hear() == {"type": "ack", "id": 4, "version": 1}
    for topic, payload, reason in (("$shadow/update", {}, "bad_request"), ("$shadow/update", 7, "bad_request"), ("$shadow/delta", {}, "bad_request"),
                                   ("$shadow/update", {"tags": {"a": 1}}, "forbidden"), ("$shadow/get", {"reported": {}}, "bad_request")):
        ws.say("data", topic=topic, id=9, payload=payload)
        error = ws.hear()
        assert (error["type"], error["reason"]) == ("error", reason), (topic, payload)
    ws.say("unsubscribe", topic="$shadow/delta")
    ws.say("ping")
    assert ws.hear()["type"] == "pong"
    want(gw, "raw", {"z": 1})
    ws.say("ping")
    assert ws.hear()["type"] == "pong", "it hears of nothing any more"
    ws.ws.close()


def test_what_a_device_said_outlives_a_crash(gateways):
    gw = gateways()
    twin = Twin(gw, "kept").open()
    for n in range(1, 6):
        assert twin.ask({"reported": {"n": n}})["version"] == n
    gw.kill()
    gw.start()
    shadow = gw.api().get("/v1/devices/kept/shadow")
    assert shadow["version"] == 5 and shadow["reported"] == {"n": 5}
    want(gw, "kept", {"n": 9})
    twin.open()
    assert twin.take()["change"]["delta"] == {"n": 9}
    twin.close()


# ---- slow readers ----

FILL = "x" * 30000  # 300 of them are more than the kernel keeps for a connection


@pytest.mark.parametrize("form", ["binary", "json", "raw"])
def test_who_reads_slowly_hears_of_the_newest(gateways, form):
    """The kernel's buffers are full of older ones long before the last change: that one is told when the device reads, and few of those between."""
    gw = gateways({"delivery": {"send_queue_high_bytes": 65536, "send_queue_low_bytes": 8192}, "heartbeat": {"dead_ms": 60000},
                   "shadow": {"changes_per_s": 100000, "changes_capacity": 100000}})
    name, count = f"slow-{form}", 300
    if form == "raw":
        device = Raw(gw, name, receive_buffer=4096)
        device.say("subscribe", topic="$shadow/delta")
        device.say("ping")
        assert device.hear()["type"] == "pong", "the first change comes after the subscription: on its way in that moment it would be told twice"
    else:
        device = Twin(gw, name, form).open(receive_buffer=4096)
    for n in range(1, count + 1):
        want(gw, name, {"n": n, "fill": FILL})
    want(gw, name, {"on": True}, shadow="/led")
    assert 1 <= eventually(lambda: gw.metric("holdfast_shadow_deltas_untold")) <= 2, "one mark for each shadow"
    heard, led = [], False
    while not (led and heard and heard[-1] == count):
        told = device.hear()["payload"] if form == "raw" else device.take()["change"]
        if told.get("name") == "led":
            assert (told["version"], told["delta"]) == (1, {"on": True})
            led = True
        else:
            assert told["version"] == told["delta"]["n"]
            heard.append(told["version"])
    assert heard == sorted(set(heard)) and len(heard) < count
    eventually(lambda: gw.metric("holdfast_shadow_deltas_untold") == 0)
    if form != "raw":
        assert device.ask(base=count)["version"] == count, "and answers come again"
        device.close()
