"""/metrics: the format, the names, and that the numbers are true."""
import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from lib import sip
from lib.gateway import BINARY, eventually
from lib.metrics import parse
from lib.rawws import RawWs, Refused


@pytest.fixture(scope="module")
def text(gw):
    with gw.connect("metric-1") as ws:
        ws.text('{"type":"data","id":1,"payload":1}')
        ws.recv_text()
        gw.api().send("metric-1", 1)
        ws.recv_text()
    return gw.api(None).text("GET", "/metrics", base=gw.admin_url)


def test_format_names_and_labels(text):
    samples, types, helps = parse(text, with_types=True)
    assert len(types) > 40
    for name, kind in types.items():
        assert name.startswith("holdfast_") and re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert name in helps, f"{name} has no help"
        assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
        assert not re.search(r"_(ms|us|kb|mb|minutes|percent)(_|$)", name), f"{name} is not in base units"
    for name, labels in samples:
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in types or (base in types and types[base] == "histogram"), f"{name} has no type"
        assert not {"device", "id", "conn", "token", "peer"} & {label for label, _ in labels}, f"{name}{labels}"
    for name, kind in types.items():
        if kind == "histogram":
            rows = [(dict(labels), value) for (n, labels), value in samples.items() if n == name + "_bucket"]
            values = [value for _, value in rows]
            assert values == sorted(values) and rows[-1][0]["le"] == "+Inf"
            assert values[-1] == samples[(name + "_count", ())]
    assert "metric-1" not in text


def test_the_required_ones_are_there(text):
    names = set(parse(text, with_types=True)[1])
    for wanted in ("holdfast_connections", "holdfast_connections_opened_total", "holdfast_messages_received_total",
                   "holdfast_closes_total", "holdfast_loop_stall_seconds", "holdfast_process_descriptors",
                   "holdfast_process_descriptors_max", "holdfast_process_resident_memory_bytes",
                   "holdfast_pool_used", "holdfast_pool_items_held", "holdfast_pool_oldest_item_seconds"):
        assert wanted in names


def test_numbers_are_true(gateways):
    gw = gateways()
    devices = [gw.connect(f"m-{n}") for n in range(7)]
    for n, ws in enumerate(devices):
        for i in range(n):
            ws.text('{"type":"data","id":%d,"payload":1}' % i)
            ws.recv_text()
    eventually(lambda: gw.metric("holdfast_messages_received_total") == 21)
    eventually(lambda: gw.metric("holdfast_connections", state="device") == 7)
    eventually(lambda: gw.metric("holdfast_devices", presence="online") == 7)
    for ws in devices:
        ws.close()
    eventually(lambda: gw.metric("holdfast_connections", state="device") == 0)
    eventually(lambda: gw.metric("holdfast_disconnects_total") == 7)
    eventually(lambda: gw.metric("holdfast_disconnects_total", reason="normal") == 7)  # reasons sum to disconnects
    eventually(lambda: gw.metric("holdfast_ledger_messages_total", stream="uplink", fate="delivered") == 21)


def test_stages_of_connections_are_timed_apart(gateways):
    gw = gateways()

    def stage(name, part):
        return gw.metric(f"holdfast_{name}_seconds_{part}")

    for n in range(8):  # wherever their home is
        gw.connect(f"s-{n}").close()
    eventually(lambda: stage("upgrade", "count") == stage("auth", "count") == 8)
    assert stage("accept", "count") >= 8 and stage("tls_handshake", "count") == 0
    with pytest.raises(Refused):
        gw.connect("s-1", token="x.y.z")
    eventually(lambda: stage("auth", "count") == 9)
    assert stage("upgrade", "count") == 8

    # The kernel completes connections of a process that does not run.
    accepts, upgrades = stage("accept", "sum"), stage("upgrade", "sum")
    gw.signal(signal.SIGSTOP)
    with socket.create_connection(gw.address()) as slow:
        time.sleep(0.3)
        gw.signal(signal.SIGCONT)
        eventually(lambda: stage("accept", "sum") - accepts > 0.25)
        assert stage("upgrade", "sum") == upgrades
        seen = time.monotonic()
        eventually(lambda: time.monotonic() - seen > 0.2)
        slow.sendall((f"GET /v1/connect/slow HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                      f"Authorization: Bearer {gw.token('slow')}\r\n\r\n").encode())
        assert slow.recv(64).startswith(b"HTTP/1.1 101")
        eventually(lambda: stage("upgrade", "count") == 9)
    assert stage("upgrade", "sum") - upgrades > 0.2
    assert stage("auth", "sum") < 0.2


def test_what_malloc_gives_and_gets_back_is_counted(gateways):
    """And by that: no message is copied to memory of its own, from the socket to its durable record and its ack (MEM-2)."""
    gw = gateways()
    payload, count = "x" * 4000, 2000

    def heap():
        rows = gw.metrics()
        if ("holdfast_heap_allocated_bytes_total", ()) not in rows:
            pytest.skip("a sanitizer stands before malloc")
        return [rows[f"holdfast_heap_{what}_bytes_total", ()] for what in ("allocated", "freed")]

    def say(count):
        for i in range(count):
            ws.text('{"type":"data","id":%d,"payload":"%s"}' % (i, payload))
            ws.recv_text()

    with gw.connect("heap-1") as ws:
        say(200)
        first, second = heap(), heap()
        looks = [after - before for before, after in zip(first, second)]
        assert min(looks) > 10000, "the page itself is made in memory, which it gives back"
        say(count)
        third = heap()
    # The rest is of threads that work by the clock (a commit of the tables takes its pages there): more of it on a slow machine, but not by the message.
    assert third[0] - second[0] - looks[0] < count * len(payload) / 4
    for n in range(20):
        gw.connect(f"heap-{n}").close()
    allocated, freed = heap()
    assert allocated - third[0] > 20 * 100 and freed > third[1] and allocated > freed


def test_every_socket_has_an_owner(gateways):
    """Of each kind one, on each worker or not: what the loops count is what the tables count."""
    gw = gateways(sip.cameras({"admission": {"auth_timeout_ms": "1m", "header_timeout_ms": "1m"}}), env=sip.ENV)
    name = map("owner-{}".format, itertools.count())
    key = {"Authorization": "Bearer " + gw.keys["admin"]}
    sip_address = ("127.0.0.1", sip.port(gw))
    kinds = [lambda: gw.connect(next(name)),
             lambda: gw.connect(next(name), headers={"Sec-WebSocket-Protocol": "holdfast.v1"}),  # says no HELLO
             lambda: gw.connect(path="/v1/connect?auth=message", token=""),
             lambda: RawWs(gw.address(), "/v1/events", key),
             lambda: RawWs(gw.address(), "/v1/live", key),
             lambda: stream(gw, key["Authorization"]),
             lambda: socket.create_connection(gw.address()),
             lambda: socket.create_connection(sip_address)]
    with contextlib.ExitStack() as stack:
        for open_one in kinds:
            for _ in range(3):
                stack.enter_context(contextlib.closing(open_one()))

        eventually(lambda: gw.metric("holdfast_connections") >= 3 * len(kinds))
        assert gw.metric("holdfast_connections_unowned") == 0
    eventually(lambda: gw.metric("holdfast_connections") <= 2)  # the page is asked for by one, too
    assert gw.metric("holdfast_connections_unowned") == 0
    assert gw.metric("holdfast_connections_leaked_total") == 0
    assert gw.metric("holdfast_connections_leak_alarm") == 0


def stream(gw, authorization):
    """A reader of server-sent events; an open socket."""
    sock = socket.create_connection(gw.address())
    sock.sendall(f"GET /v1/events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\nAuthorization: {authorization}\r\n\r\n".encode())
    assert sock.recv(64).startswith(b"HTTP/1.1 200")
    return sock


def test_descriptors_are_counted_as_the_kernel_does(gateways):
    """Within a few: requests of the moment, and the files of the log that its readers open when there is something in it."""
    gw = gateways()

    def off():
        return gw.metric("holdfast_process_descriptors") - len(list(Path(f"/proc/{gw.process.pid}/fd").iterdir()))

    eventually(lambda: abs(off()) <= 8)
    devices = [gw.connect(f"fd-{n}") for n in range(30)]
    eventually(lambda: gw.metric("holdfast_connections", state="device") == 30)
    eventually(lambda: abs(off()) <= 8)
    for ws in devices:
        ws.close()


def test_the_overview_counts_who_has_not_come_back(gateways):
    """By state are those in memory; after a restart that is not everybody."""
    gw = gateways()
    devices = [gw.connect(name) for name in ("back", "away")]
    for name in ("back", "away"):
        gw.api().wait("online", device=name)
    for ws in devices:
        ws.close()
    gw.stop()
    gw.start()
    with gw.connect("back"):
        overview = eventually(lambda: (one := gw.api().get("/v1/overview"))["devices_now"]["online"] == 1 and one)
    assert sum(overview["devices_now"].values()) == 1 and overview["known_now"] == 2


def test_metrics_need_a_key_on_the_api_listener(gw):
    assert gw.api(None).do("GET", "/metrics").status == 401
    assert gw.api("reader").do("GET", "/metrics").status == 403
    assert gw.api("admin").do("GET", "/metrics").status in (200, 403)
    assert gw.api("operator").do("GET", "/metrics").status == 200
    assert gw.api("operator").do("GET", "/v1/devices", base=gw.admin_url).status == 404, "the admin listener has no API"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
def test_health(gw, path):
    for base in (gw.admin_url, None):
        answer = gw.api(None).do("GET", path, base=base)
        assert answer.status == 200


def test_a_preloaded_allocator_keeps_its_blocks(tmp_path):
    """What counts the bytes stands before it, and asks nobody else about its blocks."""
    if {"ASAN_OPTIONS", "TSAN_OPTIONS"} & os.environ.keys():
        pytest.skip("a sanitizer wants to be the first")
    library = tmp_path / "allocator.so"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", library, Path(__file__).parent / "lib" / "allocator.c"], check=True)
    for command, status in ((["version"], 0), (["serve", "--config", tmp_path / "none.yaml"], 1)):
        done = subprocess.run([BINARY, *command], env={**os.environ, "LD_PRELOAD": str(library)}, capture_output=True, text=True, timeout=60)
        assert done.returncode == status and ("none.yaml" in done.stderr) == (status == 1), done
