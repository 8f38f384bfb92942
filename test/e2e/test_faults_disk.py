"""Disks that are full, read-only, torn or damaged (LT-8 F7, F14; ST-1, ST-2, ST-4): what was acknowledged stays, what happened is said,
and the gateway comes back by itself where that is possible."""
import json
import os
import random
import re
import shutil
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from lib.faults import balanced, cpu_s
from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S
from lib.rawws import CLOSE, TEXT, Ended, Refused, frame

HEAD, FIRST = 36, 8192  # of a record, and where records begin (log/format.h)


@pytest.fixture
def disk(tmp_path):
    """A file system of 24 MiB of its own."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a small file system needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(path)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("cannot mount a tmpfs: " + done.stderr.strip())
    yield path
    subprocess.run(["umount", "-l", str(path)])


def small(disk, **log):
    return {"node": {"data_dir": str(disk / "data")}, "store": {"map_initial_bytes": "4MiB"},
            "log": {"segment_bytes": "1MiB", "full_grace_ms": 1000, **log}}


def fill(disk):
    with open(disk / "filler", "ab", buffering=0) as file:
        with pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"\xff" * 65536)


class Writer(threading.Thread):
    """Sends without end; remembers what was acknowledged and how it ended."""

    def __init__(self, gw, device, bytes_=20000):
        super().__init__(daemon=True)
        self.ws = gw.connect(device)
        self.ws.sock.settimeout(60)
        self.device, self.bytes, self.acked, self.sent, self.ended = device, bytes_, [], 0, None
        self.start()

    def run(self):
        try:
            while True:
                self.ws.raw(frame(TEXT, json.dumps({"type": "data", "id": f"{self.device}-{self.sent}", "payload": "p" * self.bytes})))
                self.sent += 1
                opcode, payload = self.ws.recv()
                if opcode == CLOSE:
                    self.ended = (int.from_bytes(payload[:2], "big"), payload[2:].decode())
                    return
                self.acked.append(json.loads(payload)["id"])
        except (Ended, OSError, ValueError) as error:
            self.ended = self.ended or repr(error)


def readyz(gw):
    answer = gw.api(None).do("GET", "/readyz", base=gw.admin_url)
    return answer.status, answer.body.decode()


def goes_again(gw, device="again"):
    def once():
        try:
            with gw.connect(device) as ws:
                ws.sock.settimeout(3)
                ws.text('{"type":"data","id":"again","payload":1}')
                return json.loads(ws.recv_text())["id"] == "again"
        except (Refused, Ended, OSError) as error:
            raise AssertionError(repr(error)) from error
    return eventually(once, every_s=0.1)


def test_a_full_disk(gateways, disk):
    gw = gateways(small(disk))
    gw.known("reader")
    queued = gw.api().send("reader", {"before": 1})
    idle, late = gw.connect("idle"), gw.connect("late-sender")
    writers = [Writer(gw, f"writer-{n}") for n in range(4)]
    eventually(lambda: all(len(w.acked) > 5 for w in writers))
    fill(disk)
    eventually(lambda: readyz(gw)[0] == 503)
    assert "storage_full" in readyz(gw)[1]
    eventually(lambda: gw.metric("holdfast_log_writable") == 0)
    assert gw.api(None).do("GET", "/livez", base=gw.admin_url).status == 200, "a restart would not help"

    def refused():
        with pytest.raises((Refused, AssertionError)) as error:
            gw.connect("late").abort()
        return isinstance(error.value, Refused) and error.value.status == 503 and b"storage_full" in error.value.body \
            and "retry-after" in error.value.headers
    eventually(lambda: tried(refused), every_s=0.2)
    # What was there before the disk filled is still answered.
    assert gw.api().get(f"/v1/messages/{queued['id']}")["state"] == "queued"
    assert gw.api("operator").events()
    answer = gw.api().do("POST", "/v1/devices/reader/messages", {"payload": 1})
    assert answer.status == 503 and answer.reason == "storage_full", answer
    late.text('{"type":"data","id":"too-late","payload":1}')
    code, reason = late.recv_close()
    assert code == 1013 and "storage_full" in reason
    before = {w.device: len(w.acked) for w in writers}
    busy = cpu_s(gw.process.pid)
    threading.Event().wait(1)  # a second of a full disk: nothing is acknowledged, nothing spins
    assert cpu_s(gw.process.pid) - busy < 0.6, "it spins"
    assert {w.device: len(w.acked) for w in writers} == before
    (disk / "filler").unlink()
    eventually(lambda: readyz(gw)[0] == 200)
    goes_again(gw)
    idle.text('{"type":"ping"}')
    assert "pong" in idle.recv_text(), "who wanted nothing was left alone"
    for writer in writers:
        assert writer.ended is None or writer.ended[0] == 1013 and "storage_full" in writer.ended[1], writer.ended
        writer.ws.abort()
        writer.join(WAIT_S)
    with gw.connect("reader") as ws:
        assert json.loads(ws.recv_text()) == {"before": 1}
    eventually(lambda: balanced(gw)["uplink"]["pending"] == 0)
    check_acked(gw, writers)
    gw.stop()
    gw.start()
    check_acked(gw, writers)
    gw.stop()


def tried(check):
    try:
        return check()
    except BaseException as error:
        raise AssertionError(repr(error)) from None


def check_acked(gw, writers):
    ids = [e["client_id"] for e in gw.api().events(type="message")]
    for writer in writers:
        mine = [i for i in ids if i.startswith(writer.device + "-")]
        assert len(mine) == len(set(mine)) and set(writer.acked) <= set(mine), "something acknowledged is lost"
        numbers = [int(i.rpartition("-")[2]) for i in mine]
        assert numbers == list(range(len(numbers))), "in order, without a hole"


def test_a_full_disk_at_start(gateways, disk):
    """It starts or says why, and never harms what is there."""
    gw = gateways(small(disk))
    writer = Writer(gw, "writer-0")
    eventually(lambda: len(writer.acked) > 20)
    gw.kill()
    writer.join(WAIT_S)
    fill(disk)
    done = subprocess.run(["timeout", "-s", "KILL", "6", str(BINARY), "serve", "--config", str(gw.folder / "holdfast.yaml")],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "space" in done.stderr.lower() or done.returncode in (137, -9), done.stderr
    (disk / "filler").unlink()
    gw.start()
    check_acked(gw, [writer])
    gw.stop()


def test_a_read_only_disk(gateways, disk):
    gw = gateways(small(disk))
    writer = Writer(gw, "writer-0")
    eventually(lambda: len(writer.acked) > 5)
    # A file system with open writers may refuse to become read-only; then it is tried at the next start.
    done = subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True, text=True)
    if done.returncode != 0:
        gw.stop()
        done = subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        start = subprocess.run(["timeout", "60", str(BINARY), "serve", "--config", str(gw.folder / "holdfast.yaml")],
                               capture_output=True, text=True)
        assert start.returncode == 1 and str(disk / "data") in start.stderr, start.stderr
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        gw.start()
    else:
        eventually(lambda: readyz(gw)[0] == 503)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        eventually(lambda: readyz(gw)[0] == 200)
    check_acked(gw, [writer])
    goes_again(gw)
    gw.stop()


# ---- damage ----

def segments(gw):
    return sorted((Path(gw.config["node"]["data_dir"]) / "log").glob("*.log"))


def records(path):
    """(position, offset, distance, bytes of head and body) of each record in a file, as far as heads make sense."""
    data, at, last = path.read_bytes(), FIRST, 0
    while at + HEAD <= len(data):
        _, body, _, _, offset, _, distance = struct.unpack(">IIIIQQI", data[at:at + HEAD])
        if body == 0 or offset <= last or at + HEAD + body > len(data):
            return
        yield at, offset, distance, HEAD + body
        last, at = offset, at + HEAD + body


def some_messages(gw, device, count, fill_bytes=300):
    offsets = []
    with gw.connect(device) as ws:
        for n in range(count):
            ws.text(json.dumps({"type": "data", "id": n, "payload": {"n": n, "mark": f"mark-{n:05}", "fill": "x" * fill_bytes}}))
            offsets.append(json.loads(ws.recv_text())["offset"])
    return offsets


def flip(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 0x40]))


def start_refuses(gw, path, offset):
    done = subprocess.run([str(BINARY), "serve", "--config", str(gw.folder / "holdfast.yaml")], capture_output=True, text=True,
                          timeout=120)  # it tries every byte, and a sanitizer looks at each
    assert done.returncode == 1, done.stderr
    assert str(path) in done.stderr and f"offset={offset}" in done.stderr, done.stderr
    assert f"repair-log --data {gw.config['node']['data_dir']}" in done.stderr


def repair(gw):
    return subprocess.run([str(BINARY), "repair-log", "--data", gw.config["node"]["data_dir"]], capture_output=True, text=True,
                          timeout=120)  # it tries every byte, and a sanitizer looks at each


@pytest.mark.parametrize("where", ["head", "body", "length"])
def test_damage_in_the_middle_of_the_live_segment(gateways, where):
    gw = gateways()
    offsets = some_messages(gw, "d", 60)
    gw.kill()
    path = segments(gw)[-1]
    damaged = offsets[30]
    row = next(row for row in records(path) if row[1] == damaged)
    flip(path, row[0] + {"head": 2, "length": 6, "body": HEAD + row[3] // 2}[where])
    start_refuses(gw, path, damaged)
    before = path.read_bytes()
    start_refuses(gw, path, damaged)
    assert path.read_bytes() == before, "a start that refuses changes nothing"
    done = repair(gw)
    assert done.returncode == 0 and "repaired" in done.stdout and path.name in done.stdout, (done.stdout, done.stderr)
    assert list(path.parent.glob("*.damaged")), "the damaged file is kept"
    gw.start()
    events = gw.api("operator").events()
    kept = [e["payload"]["n"] for e in events if e["type"] == "message"]
    assert kept == [n for n in range(60) if n != 30], "every intact record is kept"
    gaps = [e for e in events if e["type"] == "gap"]
    assert [(e["from"], e["to"], e["reason"]) for e in gaps] == [(damaged, damaged, "log_damaged")], gaps
    assert "nothing to repair" in stopped(gw, lambda: repair(gw)).stdout
    gw.start()
    more = some_messages(gw, "d", 3)
    assert more[0] > offsets[-1], "offsets are not used twice"
    assert balanced(gw)


def stopped(gw, do):
    gw.stop()
    return do()


def test_damage_in_a_sealed_segment_is_told_to_readers(gateways):
    """An old segment is not read at start; who reads it is told the exact gap, and everything else is there."""
    gw = gateways({"log": {"segment_bytes": "1MiB"}})
    offsets = some_messages(gw, "d", 500, 6000)
    assert len(segments(gw)) >= 3
    gw.stop()
    path = segments(gw)[1]
    rows = [row for row in records(path) if row[1] in set(offsets)]
    row = rows[len(rows) // 2]
    flip(path, row[0] + HEAD + 1000)
    refused = subprocess.run(["timeout", "-s", "KILL", "3", str(BINARY), "serve", "--config", str(gw.folder / "holdfast.yaml")],
                             capture_output=True, text=True)
    if refused.returncode == 1:
        assert str(path) in refused.stderr and f"offset={row[1]}" in refused.stderr
        assert repair(gw).returncode == 0
    gw.start()
    events = gw.api("operator").events()
    missing = set(offsets) - {e["offset"] for e in events if e["type"] == "message"}
    gaps = [e for e in events if e["type"] == "gap"]
    assert gaps and all(e["reason"] == "log_damaged" for e in gaps)
    told = set()
    for gap in gaps:
        told |= set(range(gap["from"], gap["to"] + 1))
    assert missing == told & set(offsets) == {row[1]}, (missing, told)
    gw.stop()
    done = repair(gw)
    assert done.returncode == 0
    gw.start()
    assert {e["offset"] for e in gw.api("operator").events() if e["type"] == "message"} == set(offsets) - {row[1]}


def test_damage_found_while_running_names_file_effect_and_fix(gateways):
    """In a file that is done with, and in the one that is being written: only the latter stands in the way of the next start."""
    gw = gateways({"log": {"segment_bytes": "1MiB"}})
    offsets = some_messages(gw, "d", 400, 6000)
    files = [path for path in segments(gw) if any(row[1] in offsets for row in records(path))]
    assert len(files) >= 3
    damaged = {}
    for path in (files[1], files[-1]):
        rows = [row for row in records(path) if row[1] in offsets]
        position, damaged[path], _, _ = rows[len(rows) // 2]
        flip(path, position + HEAD + 1000)
    for _ in range(2):  # whoever comes again is told again; the log is not
        gaps = [event for event in gw.api("operator").events() if event["type"] == "gap"]
        assert [(gap["from"], gap["to"], gap["reason"]) for gap in gaps] == [(offset, offset, "log_damaged") for offset in damaged.values()]
    eventually(lambda: gw.metric("holdfast_log_gaps_damaged_total") >= 4)
    assert gw.api(None).get("/readyz", base=gw.admin_url)["ready"], "devices have nothing to fear"
    some_messages(gw, "d2", 1)

    def said():
        return [line for line in gw.log().splitlines() if "event=log_damage_found" in line and " by=events " in line]
    eventually(lambda: len(said()) == 2)
    for line, (path, offset) in zip(said(), damaged.items()):
        assert f" path={path} from={offset} to={offset} " in line and "are lost" in line and "smartctl" in line, line
    assert "repair-log" not in said()[0] and "repair-log" in said()[1]
    gw.stop()
    start_refuses(gw, files[-1], damaged[files[-1]])
    assert repair(gw).returncode == 0
    gw.start()
    gaps = [event for event in gw.api("operator").events() if event["type"] == "gap"]
    assert [gap["from"] for gap in gaps] == list(damaged.values())
    eventually(lambda: len(said()) == 1)
    assert str(files[1]) in said()[0], "what was repaired is no damage any more"


def test_a_damaged_segment_head_has_a_copy(gateways):
    gw = gateways()
    offsets = some_messages(gw, "d", 5)
    gw.stop()
    flip(segments(gw)[-1], 20)
    gw.start()
    assert [e["offset"] for e in gw.api().events(type="message")] == offsets


def test_repair_while_the_gateway_runs_is_refused(gateways):
    gw = gateways()
    done = repair(gw)
    assert done.returncode == 1 and "stop the gateway first" in done.stderr
    some_messages(gw, "d", 3)


# ---- power cut ----

@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_tears_only_what_was_not_synced(gateways, seed):
    """kill -9 under load, then any mix of old and new sectors in what no sync had covered: the start cuts it loudly, every
    acknowledged message is there, nothing comes from nowhere."""
    rng = random.Random(seed)
    gw = gateways({"log": {"segment_bytes": "4MiB"}, "limits": {"device_uplink_per_s": 100000, "device_uplink_capacity": 100000}})
    writers = [Writer(gw, f"writer-{n}", 700) for n in range(6)]
    target = rng.randint(200, 800)
    eventually(lambda: sum(len(w.acked) for w in writers) >= target, every_s=0.001)
    gw.kill()
    for writer in writers:
        writer.join(WAIT_S)
    path = segments(gw)[-1]
    rows = list(records(path))
    durable = max(offset - distance for _, offset, distance, _ in rows)
    synced = next(at + size for at, offset, _, size in rows if offset == durable)
    # Nobody knows that the last group was not synced, unless an acknowledgement says that it was: it may be torn as if.
    known = max([e for e in acked_offsets(gw, writers, rows, path)] + [durable])
    synced = max(synced, next(at + size for at, offset, _, size in rows if offset == known))
    end = rows[-1][0] + rows[-1][3]
    torn_group(path, rows[-1], end, rng)
    end += 3 * rows[-1][3]
    data = bytearray(path.read_bytes())
    for sector in range(synced // 512 + 1, end // 512 + 1):
        fate = rng.randrange(3)
        at = sector * 512
        if fate == 0:
            data[at:at + 512] = bytes(512)
        elif fate == 1:
            data[at:at + 512] = rng.randbytes(512)
    path.write_bytes(data)
    shutil.copytree(path.parent, gw.folder / "evidence")
    gw.start()
    ids = [e["client_id"] for e in gw.api().events(type="message")]
    assert len(ids) == len(set(ids))
    for writer in writers:
        assert set(writer.acked) <= set(ids), "something acknowledged is lost"
        sent = {f"{writer.device}-{n}" for n in range(writer.sent + 1)}
        assert {i for i in ids if i.startswith(writer.device + "-")} <= sent, "something comes from nowhere"
    offsets = [e["offset"] for e in gw.api("operator").events()]
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets))), "a hole without a word"
    assert "log_cut" in gw.log(), "a cut tail is said"
    more = some_messages(gw, "d", 3)
    assert more[0] > offsets[-1]
    assert balanced(gw)


def acked_offsets(gw, writers, rows, path):
    """Offsets of records whose acknowledgement a device has seen."""
    data = path.read_bytes()
    last = [re.compile(w.acked[-1].encode() + rb"(?!\d)") for w in writers if w.acked]
    for at, offset, _, size in rows:
        if any(ident.search(data, at, at + size) for ident in last):
            yield offset


def torn_group(path, row, end, rng):
    """Behind the last record something of a group that was on its way: plausible, but wrong."""
    data = path.read_bytes()[row[0]:row[0] + row[3]]
    with open(path, "r+b") as file:
        file.seek(end)
        for _ in range(3):
            file.write(data[:rng.randint(1, len(data))].ljust(len(data), b"\0"))
