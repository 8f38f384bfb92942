"""The client of examples/, which was written from doc/protocol.md alone, against the real gateway: what the document promises to a
device, in both encodings."""
import functools
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from lib.gateway import ROOT, eventually
from lib.pace import WAIT_S
from lib.v1 import Relay, holdfast_client
from lib import v1
from holdfast.store import Store

Device = functools.partial(v1.Device, retry_most_s=0.1)
both = pytest.mark.parametrize("encoding", ["binary", "json"])
FAST = {"limits": {"device_uplink_per_s": 100000, "device_uplink_capacity": 100000, "command_per_s": 10000, "command_capacity": 10000}}


def payloads(gw, device, type_="message"):
    """In the order of the log, as they were published."""
    return [e.get("payload", e.get("text", e.get("payload_base64"))) for e in gw.api().events(type=type_, device=device)]


# ---- up ----

@both
def test_what_is_published_is_durable_once_and_in_order(gw, tmp_path, encoding):
    contents = [{"n": 1}, [52.5, 13.4], None, "text with ümlaut", b"\x00\xff", "", 7, True]
    name = f"up-{encoding}"
    with Device(gw, name, tmp_path / "store", encoding) as device:
        assert device.wait("session")["result"] == "new"
        seqs = [device.publish(content, "plant/1") for content in contents]
        assert seqs == list(range(1, len(contents) + 1))
        device.wait_durable(seqs[-1])
        # Durable means: in the log now, not soon.
        events = gw.api().events(type="message", device=name)
        assert [e["topic"] for e in events] == ["plant/1"] * len(contents)
        assert payloads(gw, name)[:2] == contents[:2] and events[3]["text"] == contents[3] and events[4]["payload_base64"] == "AP8="
        assert [e["payload"] for e in events[6:]] == [7, True]
        assert device.call(device.client.store.waiting) == 0, "the device has forgotten what is durable"


@both
def test_more_than_the_window(gw, tmp_path, encoding):
    name, count = f"window-{encoding}", 600
    with Device(gw, name, tmp_path / "store", encoding) as device:
        assert device.wait("session")["window_messages"] < count
        for n in range(count):
            device.publish(n)
        device.wait_durable(count)
    assert payloads(gw, name) == list(range(count))


@both
def test_numbers_pass_over_the_one_that_is_none(gw, tmp_path, encoding):
    """A queue that comes to 2^32: low 32 bits of 0 mean "not numbered"."""
    name = f"far-{encoding}"
    store = Store(tmp_path / "store")
    store.put(next=2 ** 32 - 2)
    store.close()
    with Device(gw, name, tmp_path / "store", encoding) as device:
        device.wait("session")
        seqs = [device.publish(n) for n in range(3)]
        assert seqs == [2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32 + 1]
        device.wait_durable(seqs[-1])
        device.cut()
        seqs.append(device.publish(3))
        assert device.wait("session", count=2)["uplink_durable"] == 2 ** 32 + 1
        device.wait_durable(seqs[-1])
    assert payloads(gw, name) == [0, 1, 2, 3] and [e["seq"] for e in gw.api().events(type="message", device=name)] == seqs
    assert not gw.api().events(type="message.gap", device=name)


def test_a_message_larger_than_the_window_passes(gw, tmp_path):
    with Device(gw, "large", tmp_path / "store") as device:
        size = device.wait("session")["message_bytes_max"]
        device.publish("small")
        device.wait_durable(device.publish("x" * size))
        with pytest.raises(ValueError):
            device.publish("x" * (size + 1))
    assert [len(text) for text in payloads(gw, "large")] == [5, size]


# ---- the line breaks ----

@both
def test_resume_after_a_cut(gw, tmp_path, encoding):
    name = f"resume-{encoding}"
    with Device(gw, name, tmp_path / "store", encoding) as device:
        first = device.wait("session")
        device.wait_durable(device.publish("before"))
        gw.api().send(name, {"down": 0})
        device.wait("message")
        eventually(lambda: device.call(lambda: device.client.connection.acked[0]) == 1)
        device.cut()
        seq = device.publish("while away")
        gw.api().send(name, {"down": 1})
        second = device.wait("session", count=2)
        assert second["result"] == "resumed" and second["session_id"] == first["session_id"] and second["epoch"] > first["epoch"]
        assert second["downlink_next"] == 2, "only what is missing"
        device.wait_durable(seq)
        device.wait("message", count=2)
        assert [holdfast_client.value(frame) for frame in device.seen("message")] == [{"down": 0}, {"down": 1}]
    assert payloads(gw, name) == ["before", "while away"]


@both
def test_what_the_gateway_has_not_heard_comes_again_once(gw, tmp_path, encoding):
    """Swallowed, then cut; and again with all of it heard and the acknowledgement lost on the way back."""
    name = f"again-{encoding}"
    with Relay(gw) as relay, Device(gw, name, tmp_path / "store", encoding, url=relay.url) as device:
        device.wait("session")
        relay.mute = True
        last = [device.publish(n) for n in range(50)][-1]
        relay.cut()
        device.wait_durable(last)
        for _ in range(5):
            last = [device.publish(n) for n in range(last, last + 50)][-1]
            relay.cut()
        device.wait_durable(last)
        assert {welcome["result"] for welcome in device.seen("session")[1:]} == {"resumed"}
    assert payloads(gw, name) == list(range(last))


@both
def test_a_session_that_is_not_known_is_rebuilt(gw, tmp_path, encoding):
    name = f"rebuilt-{encoding}"
    with Device(gw, name, tmp_path / "store", encoding) as device:
        device.wait("session")
        device.wait_durable(device.publish("before"))
        gw.api().send(name, "first")
        device.wait("message")
        eventually(lambda: device.call(lambda: device.client.connection.acked[0]) == 1)
        device.lose_session(device.new_session())
        device.cut()
        gw.api().send(name, "second")
        welcome = device.wait("session", count=3)
        assert (welcome["result"], welcome["reason"], welcome["downlink_next"]) == ("rebuilt", "unknown_session", 1)
        assert welcome["uplink_durable"] == 1, "uplink positions survive in every case"
        device.wait_durable(device.publish("after"))
        device.wait("message", lambda frame: holdfast_client.value(frame) == "second")
        assert [holdfast_client.value(frame) for frame in device.seen("message")] == ["first", "second"]
    assert payloads(gw, name) == ["before", "after"]


@both
def test_a_message_is_sent_while_the_device_has_it_and_then_delivered(gw, tmp_path, encoding):
    name, api = f"state-{encoding}", gw.api()
    with Device(gw, name, tmp_path / "store", encoding) as device:
        device.wait("session")
        device.diary.open.clear()  # it takes the message, and does not come back from it
        made = api.send(name, {"down": 0})
        device.wait("message")
        eventually(lambda: api.get(f"/v1/messages/{made['id']}")["state"] == "sent")
        device.diary.open.set()
        eventually(lambda: api.get(f"/v1/messages/{made['id']}")["state"] == "delivered")
    made = api.send(name, {"down": 1})
    assert api.get(f"/v1/messages/{made['id']}")["state"] == "queued"
    assert not api.events(type="message.sent", device=name), "no event for it"


def test_a_session_that_has_expired_is_rebuilt(gateways, tmp_path):
    gw = gateways({"session": {"resume_ms": "1s"}})
    with Device(gw, "late", tmp_path / "store") as device:
        assert device.wait("session")["resume_ms"] == 1000
        device.wait_durable(device.publish("before"))
    gw.api().send("late", "meanwhile")
    gw.api().command("late", "too late", ttl_ms=1500)
    gw.api().wait("command.failed", device="late")  # so much time has passed
    with Device(gw, "late", tmp_path / "store") as device:
        welcome = device.wait("session")
        assert (welcome["result"], welcome["reason"]) == ("rebuilt", "expired")
        assert holdfast_client.value(device.wait("message")) == "meanwhile"
        device.wait_durable(device.publish("after"))
    assert payloads(gw, "late") == ["before", "after"]


def test_a_damaged_frame_is_asked_for_again(gw, tmp_path):
    with Relay(gw) as relay, Device(gw, "bitflip", tmp_path / "store", url=relay.url, crc=True) as device:
        assert "crc" in device.wait("session")["capabilities"]
        relay.damage, nacks = b"the second", gw.metric("holdfast_session_nacks_total", direction="up")
        for content in ("the first", "the second", "the third"):
            gw.api().send("bitflip", content)
        device.wait("message", count=3)
        assert relay.damage is None, "it was damaged"
        assert [holdfast_client.value(frame) for frame in device.seen("message")] == ["the first", "the second", "the third"]
        assert len(device.seen("session")) == 1, "on the same connection"
        eventually(lambda: gw.metric("holdfast_session_nacks_total", direction="up") == nacks + 1)


def test_numbers_that_the_device_cannot_send_any_more_are_a_gap(gw, tmp_path):
    with Relay(gw) as relay, Device(gw, "gappy", tmp_path / "store", url=relay.url) as device:
        device.wait("session")
        relay.mute = True
        for n in range(9):
            device.publish(n)
        device.call(device.client.store.db.executescript, "DELETE FROM queue WHERE seq IN (1, 2, 5)")
        relay.cut()
        device.wait_durable(9)
    assert payloads(gw, "gappy") == [2, 3, 5, 6, 7, 8]
    assert [(e["from"], e["to"], e["reason"]) for e in gw.api().events(type="message.gap", device="gappy")] == \
        [(1, 2, "queue_lost"), (5, 5, "queue_lost")]


def test_an_old_copy_of_the_store_loses_nothing(gw, tmp_path):
    """A backup that is played back would number its messages as others were numbered before, as if they were repetitions."""
    def publish(store, *numbers):
        with Device(gw, "backup", tmp_path / store) as device:
            device.wait("session")
            for n in numbers:
                device.publish(n)
            device.stop(drain=True)

    publish("store", 0, 1)
    shutil.copy(tmp_path / "store", tmp_path / "old")
    publish("store", 2, 3, 4)
    publish("old", 5)
    assert payloads(gw, "backup") == list(range(6))


# ---- down: the application's acknowledgement is the one that counts ----

@both
@pytest.mark.parametrize("lost", ["line", "session"])
def test_a_message_is_delivered_when_the_application_has_it(gw, tmp_path, encoding, lost):
    """Its line is cut while the application works on it: it comes again, and is not given twice."""
    name = f"busy-{lost}-{encoding}"
    with Device(gw, name, tmp_path / "store", encoding) as device:
        device.wait("session")
        older = device.new_session()
        device.diary.open.clear()
        made = [gw.api().send(name, n)["id"] for n in range(3)]
        device.wait("message")
        device.wait_durable(device.publish("the acknowledgement would have come before this one's"))
        assert gw.api().get(f"/v1/messages/{made[0]}")["state"] != "delivered"
        if lost == "session":
            device.lose_session(older)
        device.cut()
        assert device.wait("session", count=3)["result"] == ("resumed" if lost == "line" else "rebuilt")
        device.diary.open.set()
        for ident in made:
            gw.api().wait("message.delivered", device=name, where=lambda e, ident=ident: e["id"] == ident)
        assert [frame["id"] for frame in device.seen("message")] == made, "each once and in order"


@both
@pytest.mark.parametrize("more", [1, 9])
def test_a_restored_store_loses_nothing(gw, tmp_path, encoding, more):
    """An older copy of the store is put back, and numbers other messages: less than the gateway has had, or more."""
    name, store = f"restored-{more}-{encoding}", tmp_path / "store"
    with Device(gw, name, store, encoding) as device:
        device.wait_durable(device.publish("first"))
    shutil.copy(store, tmp_path / "copy")
    with Device(gw, name, store, encoding) as device:
        for n in range(4):
            last = device.publish(f"then {n}")
        device.wait_durable(last)
    for file in tmp_path.glob("store*"):
        file.unlink()
    shutil.copy(tmp_path / "copy", store)
    offline = holdfast_client.Client("ws://localhost", "", store=str(store))
    for n in range(more):
        offline.publish(f"now {n}")
    offline.store.close()
    with Device(gw, name, store, encoding) as device:
        assert device.wait("end")[0] == "queue_lost"
        device.wait("session")
        device.wait_durable(more)
    assert payloads(gw, name) == ["first"] + [f"then {n}" for n in range(4)] + [f"now {n}" for n in range(more)]


def test_what_was_not_acknowledged_comes_again_to_the_next_process(gw, tmp_path):
    with Device(gw, "amnesia", tmp_path / "store") as device:
        device.wait("session")
        device.diary.open.clear()
        made = [gw.api().send("amnesia", n)["id"] for n in range(3)]
        device.wait("message")
        device.stop()  # in the middle of the first
    with Device(gw, "amnesia", tmp_path / "store") as device:
        assert device.wait("session")["result"] == "resumed"
        device.wait("message", count=3)
        assert [frame["id"] for frame in device.seen("message")] == made
        gw.api().wait("message.delivered", device="amnesia", where=lambda e: e["id"] == made[2])


def test_what_the_application_raises_ends_the_client(gw, tmp_path):
    """And the message is not acknowledged."""
    device = Device(gw, "raises", tmp_path / "store")
    device.wait("session")
    device.diary.on_message = lambda frame: 1 / 0
    gw.api().send("raises", "not digestible")
    device.join(WAIT_S)
    assert isinstance(device.failure, ZeroDivisionError)
    with Device(gw, "raises", tmp_path / "store") as device:
        assert holdfast_client.value(device.wait("message")) == "not digestible"


# ---- commands ----

@both
def test_a_command_that_is_too_late_is_not_acted_upon(gw, tmp_path, encoding):
    name = f"late-{encoding}"
    with Device(gw, name, tmp_path / "store", encoding) as device:
        device.wait("session")
        device.diary.open.clear()
        gw.api().send(name, "keeps the application busy")
        device.wait("message")
        gw.api().command(name, "unlock", ttl_ms=300)
        gw.api().wait("command.failed", device=name)  # so that much time has passed
        device.diary.open.set()
        gw.api().command(name, "lock")
        gw.api().wait("command.done", device=name)
        assert [frame["name"] for frame in device.seen("command")] == ["lock"]


@both
def test_on_return_a_device_gets_what_it_missed_but_no_command_that_has_its_result(gw, tmp_path, encoding):
    """In order; a request that is repeated under its idempotency key makes no second command, whether the first was answered or missed."""
    name, api = f"missed-{encoding}", gw.api()

    def command(step, key):
        answer = api.do("POST", f"/v1/devices/{name}/commands", {"name": "step", "payload": step}, headers={"Idempotency-Key": key},
                        status={200, 202})
        return answer.json["id"], answer.headers.get("Idempotent-Replay") == "true"

    with Device(gw, name, tmp_path / "store", encoding) as device:
        device.wait("session")
        done, _ = command(1, "first")
        api.wait("command.done", device=name)
    missed = [command(n, f"key-{n}")[0] for n in (2, 3, 4)]
    assert command(1, "first") == (done, True) and command(3, "key-3") == (missed[1], True)
    with Device(gw, name, tmp_path / "store", encoding) as device:
        device.lose_session(device.new_session())  # in a new session everything that is not finished is sent again
        device.cut()
        api.wait("command.done", device=name, where=lambda e: e["id"] == missed[-1])
        assert [frame["id"] for frame in device.seen("command")] == missed
        assert command(1, "first") == (done, True) and command(4, "key-4") == (missed[2], True)
        last, _ = command(5, "last")
        api.wait("command.done", device=name, where=lambda e: e["id"] == last)
        assert [frame["id"] for frame in device.seen("command")] == missed + [last]
    assert len(api.events(type="command.done", device=name)) == 5


def test_the_terminals_of_a_user_share_a_group_and_get_the_same_downlink(gw, tmp_path):
    terminals = {encoding: Device(gw, f"of-anna-{encoding}", tmp_path / encoding, encoding, groups=["anna"]) for encoding in ("binary", "json")}
    with terminals["binary"] as phone, terminals["json"] as tablet, Device(gw, "of-bert", tmp_path / "bert") as other:
        for device in (phone, tablet, other):
            device.wait("session")
        for n in range(20):
            answer = gw.api().do("POST", "/v1/broadcast", {"target": {"group": "anna"}, "payload": {"n": n}}, status={200, 202})
            assert answer.json["written"] == 2
        for device in (phone, tablet):
            device.wait("message", count=20)
            assert [holdfast_client.value(frame) for frame in device.seen("message")] == [{"n": n} for n in range(20)]
            assert {frame["topic"] for frame in device.seen("message")} == {"group/anna"}
            assert all(frame.get("publish") and not frame.get("seq") for frame in device.seen("message"))
        tablet.cut()
        tablet.wait("session", count=2)  # groups come with HELLO, so it is in at once
        gw.api().do("POST", "/v1/broadcast", {"target": {"group": "anna"}, "payload": "again"}, status={200, 202})
        for device in (phone, tablet):
            device.wait("message", lambda frame: holdfast_client.value(frame) == "again")
        assert not other.seen("message")


@both
@pytest.mark.parametrize("lost", ["line", "session"])
def test_a_command_is_done_once_although_its_result_was_lost(gw, tmp_path, encoding, lost):
    name = f"once-{lost}-{encoding}"
    with Relay(gw) as relay, Device(gw, name, tmp_path / "store", encoding, url=relay.url) as device:
        device.wait("session")
        older = device.new_session()
        relay.mute = True
        made = gw.api().command(name, "unlock", {"seconds": 30})
        assert holdfast_client.value(device.wait("command")) == {"seconds": 30}
        eventually(lambda: device.call(device.client.store.waiting) == 1)  # the answer, which does not get through
        if lost == "session":  # the gateway will send the command again, under another number
            device.lose_session(older)
        relay.cut()
        assert device.wait("session", count=3)["result"] == ("resumed" if lost == "line" else "rebuilt")
        done = gw.api().wait("command.done", device=name)
        assert done["id"] == made["id"] and done["payload"] == {"done": True}
        gw.api().command(name, "last")
        device.wait("command", lambda frame: frame["name"] == "last")
        assert [frame["name"] for frame in device.seen("command")] == ["unlock", "last"], "never done twice"
        gw.api().wait("command.done", device=name, where=lambda e: e["id"] != made["id"])
    assert len(gw.api().events(type="command.done", device=name)) == 2


@both
def test_answers_of_every_kind(gw, tmp_path, encoding):
    def answer(frame):
        kind = frame["name"]
        if kind == "nothing":
            raise holdfast_client.Unsupported
        if kind == "broken":
            raise RuntimeError("no motor")
        return {"json": {"a": 1}, "text": "done", "bytes": b"\x01"}[kind]

    name = f"answers-{encoding}"
    with Device(gw, name, tmp_path / "store", encoding, answer=answer) as device:
        device.wait("session")
        got = {kind: gw.api().command(name, kind, wait_ms=10000, status=200) for kind in ("json", "text", "bytes", "nothing", "broken")}
    assert {kind: made["state"] for kind, made in got.items()} == \
        {"json": "done", "text": "done", "bytes": "done", "nothing": "failed", "broken": "failed"}
    assert got["json"]["result"] == {"a": 1}
    assert got["broken"]["reason"] == "device_refused"


# ---- the gateway dies, the process dies ----

@both
def test_kill_9_of_the_gateway_under_traffic(gateways, tmp_path, encoding):
    """Nothing is lost and nothing is there twice, in either direction."""
    gw, rounds, sent, names = gateways(FAST, lasting=True), 6, {}, ["k0", "k1", "k2"]
    devices = [Device(gw, name, tmp_path / name, encoding) for name in names]
    try:
        for device in devices:
            device.wait("session")
        enough = threading.Event()

        def talk(device, name):
            n = 0
            while not enough.is_set() and device.failure is None:
                if device.call(device.client.store.waiting) < 500:
                    device.publish({"n": n, "fill": "f" * 100}, "load")
                    n += 1
                else:
                    enough.wait(0.01)
            sent[name] = n

        talkers = [threading.Thread(target=talk, args=pair, daemon=True) for pair in zip(devices, names)]
        for talker in talkers:
            talker.start()
        commands = {name: [] for name in names}
        for number in range(rounds):
            target = [(device.seen("durable") or [0])[-1] + 150 for device in devices]
            for device, through in zip(devices, target):
                device.wait_durable(through)
            for name in names:
                commands[name] += [gw.api().command(name, "step", number)["id"]]
            gw.kill()
            gw.start()
            for device in devices:
                device.wait("session", count=number + 2)
        enough.set()
        for talker in talkers:
            talker.join(WAIT_S)
        for device, name in zip(devices, names):
            device.wait_durable(device.call(lambda device=device: device.client.store["next"]) - 1)
            device.wait("command", count=rounds)
        eventually(lambda: len(gw.api().events(type="command.done")) == rounds * len(names))
        for device, name in zip(devices, names):
            assert [p["n"] for p in payloads(gw, name)] == list(range(sent[name])), "each once and in order"
            assert [frame["id"] for frame in device.seen("command")] == commands[name], "each command is done once"
        ledger = gw.api("operator").get("/v1/ledger")
        assert all(ledger[stream]["difference"] == 0 for stream in ("uplink", "downlink", "broadcast"))
    finally:
        for device in devices:
            device.stop()


def program(gw, name, store, *more):
    return subprocess.Popen([sys.executable, str(ROOT / "examples" / "holdfast_client.py"), gw.url().replace("http", "ws"), "--token",
                             gw.token(name), "--device", name, "--store", str(store), "--profile", "ha", *more],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@both
def test_the_program_publishes_lines_and_says_goodbye(gw, tmp_path, encoding):
    name = f"program-{encoding}"
    lines = [f"line {n}" for n in range(100)]
    out, _ = program(gw, name, tmp_path / "store", "--encoding", encoding).communicate("\n".join(lines) + "\n", timeout=WAIT_S)
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[0]["event"] == "session" and rows[-1]["event"] == "end" and rows[-1]["code"] == 1000
    assert max(row["through"] for row in rows if row["event"] == "durable") == 100
    assert payloads(gw, name) == lines
    assert gw.api().wait("offline,unknown", device=name)["reason"] == "normal"


def test_the_program_is_killed_and_loses_nothing(gw, tmp_path):
    gw.known("mortal")
    taken = 0
    for number in range(5):
        process = program(gw, "mortal", tmp_path / "store", "--wait")
        process.stdin.writelines(f"{n}\n" for n in range(taken, taken + 100))
        process.stdin.flush()
        for line in process.stdout:  # some are durable, others wait
            row = json.loads(line)
            if row["event"] == "durable" and row["through"] > taken:
                break
        process.kill()
        process.communicate()
        # Lines that the program had not read yet are gone with its pipe: go on behind what it took.
        with sqlite3.connect(tmp_path / "store") as db:
            taken = int(db.execute("SELECT value FROM meta WHERE name = 'next'").fetchone()[0]) - 1
    out, _ = program(gw, "mortal", tmp_path / "store").communicate("", timeout=WAIT_S)
    assert payloads(gw, "mortal") == [str(n) for n in range(taken)]


# ---- two of one name ----

@both
def test_the_second_connection_wins(gw, tmp_path, encoding):
    name = f"twin-{encoding}"
    with Device(gw, name, tmp_path / "a", encoding) as old:
        epoch = old.wait("session")["epoch"]
        with Device(gw, name, tmp_path / "b", encoding) as young:
            assert young.wait("session")["epoch"] == epoch + 1
            reason, code, pause_s = old.wait("end")
            assert (reason, code) == ("replaced", 4409) and pause_s >= 30
            young.wait_durable(young.publish("from the younger"))
    assert payloads(gw, name) == ["from the younger"]


# ---- topics, tokens ----

@both
def test_publications_of_a_topic(gw, tmp_path, encoding):
    with Device(gw, f"ear-{encoding}", tmp_path / "a", encoding) as ear, Device(gw, f"mouth-{encoding}", tmp_path / "b", encoding) as mouth:
        ear.wait("session")
        ear.call(ear.client.subscribe, f"news/{encoding}")
        ear.wait_durable(ear.publish("a sign that it was heard"))
        mouth.wait("session")
        mouth.publish({"fog": 1}, f"news/{encoding}")
        frame = ear.wait("message")
        assert frame.get("publish") and frame["topic"] == f"news/{encoding}" and holdfast_client.value(frame) == {"fog": 1}
        assert not frame.get("seq")
        ear.cut()
        ear.wait("session", count=2)
        ear.wait_durable(ear.publish("heard again"))
        mouth.publish("still subscribed", f"news/{encoding}")
        assert holdfast_client.value(ear.wait("message", count=2)) == "still subscribed"


@both
def test_a_token_in_the_first_message_and_a_fresh_one_later(gw, tmp_path, encoding):
    name = f"auth-{encoding}"
    with Device(gw, name, tmp_path / "store", encoding, token=gw.token(name, life_s=60), auth_message=True) as device:
        device.wait("session")
        before_s = time.time()
        device.call(device.client.authenticate, gw.token(name, life_s=7200))
        device.wait("other", lambda frame: frame["type"] == "auth" and frame["expires"] / 1000 >= int(before_s) + 7200)


def test_no_credentials_fetch_new_ones(gw, tmp_path):
    """4401 and 401: the token is fetched again for each attempt."""
    tokens = iter([gw.token("fetch", life_s=-10)])
    with Device(gw, "fetch", tmp_path / "store", token=lambda: next(tokens, None) or gw.token("fetch")) as device:
        assert device.wait("end")[:2] == ("HTTP 401", 4401)
        device.wait("session")
