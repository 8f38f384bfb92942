"""kill -9 under load: every message that was acknowledged is in the log exactly once, and the books add up afterwards."""
import json
import random
import socket
import threading

import pytest

from lib.gateway import eventually
from lib.pace import WAIT_S
from lib.rawws import TEXT, Ended, frame

ROUNDS, DEVICES, WINDOW = 20, 4, 64


class Loader(threading.Thread):
    """A device that sends numbered messages without waiting and remembers which were acknowledged."""

    def __init__(self, gw, name, first):
        super().__init__(daemon=True)
        self.ws = gw.connect(name)
        self.name, self.next, self.acked, self.enough = name, first, set(), threading.Event()

    def run(self):
        try:
            for n in range(WINDOW):
                self.send()
            while not self.enough.is_set():
                ack = json.loads(self.ws.recv_text())
                if ack["type"] == "ack":
                    self.acked.add(ack["id"])
                    self.send()
        except (Ended, OSError):
            pass
        finally:
            self.ws.abort()

    def send(self):
        self.ws.raw(frame(TEXT, json.dumps({"type": "data", "id": f"{self.name}-{self.next}", "topic": "load",
                                            "payload": {"n": self.next, "fill": "f" * 100}})))
        self.next += 1


def test_every_acknowledged_message_is_there_exactly_once(gateways):
    random.seed(20)
    gw = gateways({"log": {"segment_bytes": "4MiB"}, "limits": {"device_uplink_per_s": 100000, "device_uplink_capacity": 100000}})
    acked, number = set(), [0] * DEVICES
    for round_number in range(ROUNDS):
        loaders = [Loader(gw, f"load-{i}", number[i]) for i in range(DEVICES)]
        for loader in loaders:
            loader.start()
        target = len(loaders) * random.randint(20, 400)  # a moment that load decides, not a clock
        eventually(lambda: sum(len(loader.acked) for loader in loaders) >= target, every_s=0.002)
        gw.kill()
        for loader in loaders:
            loader.join(WAIT_S)
            acked |= loader.acked
        number = [loader.next for loader in loaders]
        gw.start()
    events = gw.api().events(type="message")
    ids = [e["client_id"] for e in events]
    assert len(ids) == len(set(ids)), "some message is there twice"
    assert acked <= set(ids), f"{len(acked - set(ids))} of {len(acked)} acknowledged messages are lost"
    offsets = [e["offset"] for e in gw.api("operator").events()]
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets))), "offsets without a hole"
    for i in range(DEVICES):  # the order of each device
        mine = [e["payload"]["n"] for e in events if e["device"] == f"load-{i}"]
        assert mine == sorted(mine)
    ledger = gw.api("operator").get("/v1/ledger")
    assert all(ledger[s]["difference"] == 0 for s in ("uplink", "downlink", "broadcast"))
    epochs = [e["epoch"] for e in gw.api().events(type="online", device="load-0")]
    assert epochs == sorted(set(epochs)) and len(epochs) == ROUNDS, "the epoch only grows"


def test_commands_survive_and_are_done_once(gateways):
    """Downlink under kill -9: what waited reaches the device, an answer counts whenever it comes, and exactly once."""
    gw = gateways({"limits": {"command_per_s": 10000, "command_capacity": 10000}})
    gw.known("robot")
    made, seen = [], {}
    for _ in range(5):
        made += [gw.api().command("robot", "step", n)["id"] for n in range(10)]
        ws = gw.connect("robot")
        while len(seen) < len(made):  # all come, two are answered, then the gateway dies
            command = json.loads(ws.recv_text())
            seen[command["id"]] = command["payload"]
        for ident in list(seen)[-2:]:
            ws.text(json.dumps({"type": "result", "id": ident, "payload": seen[ident]}))
        gw.kill()
        ws.abort()
        gw.start()
    with gw.connect("robot") as ws:
        for ident, payload in seen.items():
            ws.text(json.dumps({"type": "result", "id": ident, "payload": payload}))
        eventually(lambda: len(gw.api().events(type="command.done")) >= len(made))
        done = gw.api().events(type="command.done")
    assert sorted(e["id"] for e in done) == sorted(made), "each is done exactly once"


def test_a_torn_tail_is_cut_with_a_message(gateways):
    gw = gateways()
    with gw.connect("torn") as ws:
        for n in range(10):
            ws.text(json.dumps({"type": "data", "id": n, "payload": n}))
            ws.recv_text()
    before = len(gw.api("operator").events())
    gw.kill()
    segment = max((gw.folder / "data" / "log").glob("*.log"))
    data = bytearray(segment.read_bytes())
    end = len(data.rstrip(b"\0"))
    with open(segment, "r+b") as file:  # half a record behind the last one
        file.seek(end + (8 - end % 8) % 8)
        file.write(b"\x55" * 20)
    gw.start()
    assert "torn" in gw.log() or "cut" in gw.log() or "damaged" in gw.log()
    events = gw.api("operator").events()
    assert len(events) >= before and [e["payload"] for e in gw.api().events(type="message")] == list(range(10))
    with gw.connect("torn") as ws:
        ws.text('{"type":"data","id":10,"payload":10}')
        assert json.loads(ws.recv_text())["offset"] > before


def test_a_full_disk_refuses_loses_nothing_and_recovers(gateways, tmp_path):
    """A file system of a few MiB: devices are held back, then refused with storage_full; what was acknowledged stays."""
    import os
    import subprocess
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(disk)]).returncode != 0:
        pytest.skip("a small file system needs root and mount(8)")
    try:
        gw = gateways({"node": {"data_dir": str(disk / "data")}, "store": {"map_initial_bytes": "4MiB"},
                       "log": {"segment_bytes": "1MiB", "full_grace_ms": 500}})
        filler = disk / "filler"
        ws = gw.connect("writer")
        ws.sock.settimeout(5)
        acked, n = [], 0
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        filler.write_bytes(b"\xff" * max(0, free - (3 << 20)))
        code = None
        while code is None and n < 400:
            try:
                ws.raw(frame(TEXT, json.dumps({"type": "data", "id": n, "payload": "p" * 50000})))
                opcode, payload = ws.recv()
            except (Ended, OSError, socket.timeout):
                break
            if opcode == 8:
                code = int.from_bytes(payload[:2], "big")
                assert b"storage_full" in payload
            else:
                acked.append(json.loads(payload)["id"])
                n += 1
        assert n < 400, "the disk was never full"
        assert code in (None, 1013)
        ws.abort()
        assert gw.process.poll() is None, "it lives"
        filler.unlink()
        def again():
            with gw.connect("writer") as fresh:
                fresh.sock.settimeout(2)
                fresh.text('{"type":"data","id":"after","payload":1}')
                assert json.loads(fresh.recv_text())["id"] == "after"
                return True
        def tried():
            try:
                return again()
            except Exception as error:
                raise AssertionError(str(error)) from error
        eventually(tried, every_s=0.2)
        ids = [e["client_id"] for e in gw.api().events(type="message")]
        assert [str(i) for i in acked] == [i for i in ids if i != "after"][:len(acked)]
        assert gw.api("operator").get("/v1/ledger")["uplink"]["difference"] == 0
        gw.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)])
