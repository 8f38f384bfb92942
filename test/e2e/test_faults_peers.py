"""Slow, silent, broken and hostile peers (LT-8 F5, F15, F17, F22, F24): each costs its own bound, ends with its own reason, and the
healthy device beside it notices nothing. Factors are generous: the machine may be busy with other things."""
import json
import os
import random
import select
import signal
import socket
import ssl
import threading
import time

import pytest

from lib.faults import P99_S, Pki, Witness, balanced, cpu_s, peer_process, until_end
from lib.gateway import eventually
from lib.pace import WAIT_S, Stopwatch
from lib.ports import own_port
from lib.rawws import PING, PONG, TEXT, Ended, Refused, frame

FAST = {"admission": {"header_timeout_ms": 1000, "auth_timeout_ms": 1000},
        "websocket": {"write_timeout_ms": 1000, "close_timeout_ms": 500},
        "heartbeat": {"idle_ms": 1000, "repeat_ms": 500, "dead_ms": 2500}}


def tls_listener(pki):
    return {"name": "tls", "address": "127.0.0.1", "port": 0, "roles": ["devices", "api"],
            "tls": {"cert_file": pki.path("server.pem"), "key_file": pki.path("server.key")}}


def main_listener():
    return {"name": "main", "address": "127.0.0.1", "port": 0, "roles": ["devices", "api"]}


# ---- F5 ----

def test_slow_loris(gateways):
    """Headers that come byte by byte, for ever: 408 at the deadline that was set at accept, whatever trickles in."""
    gw = gateways(FAST)
    with Witness(gw) as witness, Stopwatch() as watch:
        begin = time.monotonic()
        waiting = {}
        for _ in range(100):
            sock = socket.create_connection(gw.address())
            sock.sendall(b"GET /v1/connect/loris HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            waiting[sock] = b""
        while waiting:
            for sock in select.select(list(waiting), [], [], 0.05)[0]:
                part = sock.recv(65536)
                waiting[sock] += part
                if b"\r\n\r\n" in waiting[sock]:
                    assert waiting[sock].startswith(b"HTTP/1.1 408") and b"header_timeout" in waiting[sock]
                    sock.close()
                    del waiting[sock]
            for sock in list(waiting):
                try:
                    sock.send(b"x")
                except OSError:
                    pass
            assert watch.s() < 6, "a trickle keeps the connection"
        assert time.monotonic() - begin >= 0.9
        assert witness.p99_s() < P99_S
        eventually(lambda: gw.metric("holdfast_http_problems_total", reason="header_timeout") == 100)


def test_stalled_tls_handshake(gateways, tmp_path):
    """A ClientHello that never ends, and one whose Finished never comes: closed at the deadline, with nothing said, and counted."""
    pki = Pki(tmp_path / "pki").ca("ca").server("ca")
    gw = gateways({**FAST, "listeners": [main_listener(), tls_listener(pki)]})
    hello = client_hello(pki)
    with Witness(gw) as witness:
        stalled = []
        for n in range(60):
            sock = socket.create_connection(gw.address("tls"))
            sock.sendall(hello[:n * 4] if n < 30 else hello)
            stalled.append(sock)
        with Stopwatch() as watch:
            for sock in stalled:
                assert b"HTTP" not in until_end(sock)
                sock.close()
            assert watch.s() < 6
        assert witness.p99_s() < P99_S
        eventually(lambda: gw.metric("holdfast_tls_handshakes_timed_out_total") == 60)
        assert gw.metric("holdfast_http_problems_total") == 0, "no answer to somebody who cannot read it"
    with gw.connect("after", listener="tls", context=pki.context("ca")) as ws:
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()


def client_hello(pki):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = pki.context("ca").wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_half_open_peer(gateways):
    """The kernel of a peer whose program hangs acknowledges everything, and nobody answers: 4408 heartbeat_timeout."""
    gw = gateways(FAST)
    with Witness(gw) as witness:
        silent = [gw.connect(f"half-{n}") for n in range(20)]
        for n in range(20):
            event = gw.api().wait("offline,unknown", device=f"half-{n}", where=lambda e: e["reason"] == "heartbeat_timeout")
            assert event["code"] == 4408
        for ws in silent:
            ws.abort()
        assert witness.p99_s() < P99_S
        eventually(lambda: gw.metric("holdfast_disconnects_total", reason="heartbeat_timeout") == 20)


def test_slow_reader_beside_healthy_devices(gateways):
    """It takes nothing while much is sent to it: 4408 write_timeout after its own time, and what it did not get stays queued."""
    gw = gateways({**FAST, "heartbeat": {}})
    with Witness(gw) as witness:
        slow = gw.connect("slow", receive_buffer=4096)
        count = 200
        for n in range(count):
            gw.api().send("slow", {"n": n, "fill": "s" * 30000}, status={202, 429})
        event = gw.api().wait("offline,unknown", device="slow")
        assert event["reason"] == "write_timeout" and event["code"] == 4408
        assert witness.p99_s() < P99_S
        eventually(lambda: gw.metric("holdfast_connections", state="device") == 1)  # only the witness is left
        slow.abort()
        eventually(lambda: balanced(gw)["downlink"]["accepted"] > 0)


# ---- F22: a storm to a dead reader ----

POLICIES = {"drop_oldest": "drop_oldest", "drop_newest": "drop_newest", "latest": "conflated", "disconnect": "slow_reader",
            "must_deliver": None}


@pytest.mark.parametrize("policy", POLICIES)
def test_storm_to_a_dead_reader(gateways, policy):
    """60 MB for a device that reads nothing: memory stays within its bound, each message has a fate, the witness sees nothing."""
    count, fill = 3000, "f" * 20000
    gw = gateways({"delivery": {"telemetry": policy}, "websocket": {"write_timeout_ms": 60000},
                   "limits": {"api_key_per_s": 1000000, "api_key_capacity": 1000000}})
    dead = gw.connect("dead", receive_buffer=4096)
    with Witness(gw) as witness:
        before = gw.rss_bytes()
        statuses = []
        connection = gw.api().connection()
        body = json.dumps({"payload": {"fill": fill}, "class": "telemetry", "topic": "storm"}).encode()
        for _ in range(count):
            connection.request("POST", "/v1/devices/dead/messages", body,
                               gw.api().headers({"Content-Type": "application/json"}))
            response = connection.getresponse()
            answer = response.read()
            statuses.append(response.status)
            assert response.status in (202, 409, 429), answer
            if response.status == 429:
                assert json.loads(answer)["reason"] == "queue_full"
        grown = gw.rss_bytes() - before
        assert grown < 40 << 20, f"{grown >> 20} MiB more"
        assert witness.p99_s() < P99_S
        taken = statuses.count(202)
        ledger = balanced(gw)["downlink"]
        assert ledger["accepted"] == taken, (ledger, taken)
        reason = POLICIES[policy]
        if reason:
            assert set(ledger["dropped"]) <= {reason, "connection_gone", "device_offline", "queue_full"}, ledger
            assert ledger["dropped_total"] > 0, ledger
        else:
            assert ledger["dropped_total"] == 0 and statuses.count(429) > 0, "bounded by the outbox, and said so"
        if policy == "disconnect":
            assert gw.api().wait("offline,unknown", device="dead")["reason"] == "slow_reader"
    dead.abort()


def test_storm_of_broadcasts_beside_a_dead_reader(gateways):
    """The healthy get every one, the dead one's are dropped by rule, and the books say which."""
    count = 300
    gw = gateways({"websocket": {"write_timeout_ms": 60000}, "heartbeat": {"dead_ms": 60000}})
    dead, alive = gw.connect("dead", receive_buffer=4096), gw.connect("alive")
    for device in ("dead", "alive"):  # "all" is whom the tables know
        gw.api().wait("online", device=device)
    got = []

    def read():
        while len(got) < count:
            got.append(alive.recv()[1])

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    before = gw.rss_bytes()
    for _ in range(count):
        gw.api().post("/v1/broadcast", {"target": "all", "payload": {"fill": "b" * 20000}}, status=202)
    reader.join(WAIT_S)
    assert len(got) == count
    assert gw.rss_bytes() - before < 40 << 20
    book = balanced(gw)["broadcast"]
    assert book["accepted"] == 2 * count and book["dropped_total"] > 0 and set(book["dropped"]) <= {"drop_oldest"}
    for ws in (dead, alive):
        ws.abort()
    book = eventually(lambda: (book := balanced(gw)["broadcast"])["pending"] == 0 and book)
    assert book["delivered"] >= count and book["delivered"] + book["dropped_total"] == 2 * count


# ---- F24 ----

def test_a_stopped_process_does_not_blame_its_devices(gateways):
    """SIGSTOP for longer than dead_ms: the silence was ours. Devices that answer stay, all of them."""
    gw = gateways(FAST)
    devices, poller = {}, select.epoll()
    done, ended = threading.Event(), []

    def answer():
        """What any client library does: Pings are answered as they come."""
        while not done.is_set():
            for fd, _ in poller.poll(0.05):
                ws = devices[fd]
                try:
                    _, _, opcode, payload = ws.recv_frame()
                except (Ended, OSError) as error:
                    ended.append(repr(error))
                    poller.unregister(fd)
                    continue
                if opcode == PING:
                    ws.send(PONG, payload)
                elif opcode == 8:
                    ended.append(payload)
                    poller.unregister(fd)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    for n in range(150):
        ws = gw.connect(f"patient-{n}")
        devices[ws.sock.fileno()] = ws
        poller.register(ws.sock, select.EPOLLIN)
    eventually(lambda: gw.metric("holdfast_pongs_received_total") >= 150)
    os.kill(gw.process.pid, signal.SIGSTOP)
    try:
        assert not done.wait(5)  # the fault itself: this long it is stopped
    finally:
        os.kill(gw.process.pid, signal.SIGCONT)
    pongs = gw.metric("holdfast_pongs_received_total")
    eventually(lambda: gw.metric("holdfast_pongs_received_total") >= pongs + 2 * 150)
    done.set()
    thread.join(WAIT_S)
    assert not ended, f"{len(ended)} devices were cut: {ended[:3]}"
    assert gw.metric("holdfast_disconnects_total") == 0
    for ws in devices.values():
        ws.abort()


def test_real_silence_is_still_found_after_a_stop(gateways):
    """The other side of the coin: who does not answer after the stop is dead, one dead_ms later."""
    gw = gateways(FAST)
    ws = gw.connect("gone")
    os.kill(gw.process.pid, signal.SIGSTOP)
    try:
        threading.Event().wait(3)
    finally:
        os.kill(gw.process.pid, signal.SIGCONT)
    with Stopwatch() as watch:
        assert ws_close(ws)[0] == 4408
        assert watch.s() < 5
    ws.abort()


def ws_close(ws):
    while True:
        opcode, payload = ws.recv(answer_pings=False)
        if opcode == 8:
            return int.from_bytes(payload[:2], "big"), payload[2:].decode()


# ---- F17 ----

FLOOD = r"""
import os, socket, ssl, sys, time
host, port, seconds, kind = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
until, made = time.monotonic() + seconds, 0  # and until it is one, on a slow machine
junk = {"empty": b"", "garbage": os.urandom(200), "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(506)}[kind]
while time.monotonic() < until or made < 2000:
    sock = socket.socket()
    try:
        sock.connect((host, port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.send(junk)
    except OSError:
        pass
    sock.close()
    made += 1
print(made)
"""


@pytest.mark.parametrize("kind,listener", [("empty", "main"), ("garbage", "main"), ("garbage", "tls"), ("tls", "tls")])
def test_flood_beside_live_traffic(gateways, tmp_path, kind, listener):
    pki = Pki(tmp_path / "pki").ca("ca").server("ca")
    gw = gateways({"listeners": [main_listener(), tls_listener(pki)],
                   "admission": {"prefix_per_s": 1000000, "prefix_capacity": 1000000}})
    with Witness(gw) as witness:
        since = len(witness.took_s)
        address, port = gw.address(listener)
        flood = peer_process(FLOOD, address, port, 3, kind)
        made = int(flood.communicate(timeout=WAIT_S)[0])
        assert witness.p99_s(since) < P99_S, f"p99 {witness.p99_s(since):.3f} s beside {made} connections"
    eventually(lambda: gw.metric("holdfast_connections", state="other") <= 2)
    with gw.connect("after") as ws:
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()


# ---- F15: bytes that are wrong, on every door ----

def mutations(rng, good, count):
    """Truncated, bit-flipped, doubled and random."""
    for _ in range(count):
        data = bytearray(good)
        kind = rng.randrange(4)
        if kind == 0:
            data = data[:rng.randrange(len(data))]
        elif kind == 1:
            for _ in range(rng.randint(1, 8)):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == 2:
            at = rng.randrange(len(data))
            data = data[:at] + data[rng.randrange(len(data)):] + data[at:]
        else:
            data = bytearray(rng.randbytes(rng.randint(1, 600)))
        yield bytes(data)


def upgrade(gw, device):
    return (f"GET /v1/connect/{device} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"Authorization: Bearer {gw.token(device)}\r\n\r\n").encode()


def proxy_v2():
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11, 0, 12]) + bytes([127, 0, 0, 1, 127, 0, 0, 1]) + b"\x1f\x90\x1f\x90"


def test_wrong_bytes_on_every_door(gateways, tmp_path):
    """Nothing crashes, nothing stays open, and the witness never notices."""
    rng = random.Random(15)
    pki = Pki(tmp_path / "pki").ca("ca").server("ca")
    proxy = {**main_listener(), "name": "proxy", "proxy_protocol": "v1v2", "proxy_allow": ["127.0.0.0/8"]}
    gw = gateways({**FAST, "listeners": [main_listener(), tls_listener(pki), proxy],
                   "dev": {"echo": True, "echo_port": own_port()},
                   "admission": {"header_timeout_ms": 1000, "prefix_per_s": 1000000, "prefix_capacity": 1000000}})
    plain = upgrade(gw, "victim") + frame(TEXT, '{"type":"data","id":1,"payload":1}')
    api = (f"POST /v1/devices/victim/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gw.keys['admin']}\r\n"
           f"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
           f"10\r\n{{\"payload\":\"abc\"}}\r\n0\r\n\r\n").encode()
    doors = {"main": [plain, api], "admin": [b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"], "tls": [client_hello(pki)],
             "proxy": [b"PROXY TCP4 127.0.0.1 127.0.0.1 8080 8080\r\n" + plain, proxy_v2() + plain], "echo": [plain]}
    with Witness(gw) as witness:
        baseline = gw.fds()
        for door, seeds in doors.items():
            for good in seeds:
                socks = []
                for data in mutations(rng, good, 120):
                    sock = socket.create_connection(gw.address(door))
                    sock.sendall(data)
                    if rng.random() < 0.5:
                        sock.shutdown(socket.SHUT_WR)
                    socks.append(sock)
                    if rng.random() < 0.3:
                        sock.close()
                    assert gw.process.poll() is None, f"{door}: {data!r}"
                for sock in socks:
                    sock.close()
        eventually(lambda: gw.fds() <= baseline)
        assert witness.p99_s() < P99_S
        witness_alive(gw, pki)


def witness_alive(gw, pki):
    for listener, options in (("main", {}), ("tls", {"context": pki.context("ca")}),
                              ("proxy", {"before": b"PROXY TCP4 127.0.0.1 127.0.0.1 8080 8080\r\n"})):
        with gw.connect("still-" + listener, listener=listener, **options) as ws:
            ws.text('{"type":"ping"}')
            assert "pong" in ws.recv_text()


def test_wrong_frames_of_a_known_device(gateways):
    """After the upgrade: frames that are cut, flipped and random. Each ends its own connection with a code of RFC 6455 or stays."""
    rng = random.Random(16)
    gw = gateways({**FAST, "limits": {"device_uplink_per_s": 100000, "device_uplink_capacity": 100000}})
    good = b"".join([frame(TEXT, '{"type":"data","id":1,"payload":{"a":[1,2,3]}}'), frame(PING, b"x"),
                     frame(TEXT, '{"type":"sub', fin=False), frame(0, 'scribe","topic":"a/+"}'), frame(2, b"\0" * 300)])
    codes = {}
    with Witness(gw) as witness:
        baseline = gw.fds()
        for n, data in enumerate(mutations(rng, good, 200)):
            with gw.connect(f"bad-{n % 7}") as ws:
                ws.raw(data)
                ws.sock.shutdown(socket.SHUT_WR)
                answer = ws.data + until_end(ws.sock)
                at = 0
                while at < len(answer):  # what came back is well-formed, always
                    opcode, length, skip = answer[at] & 15, answer[at + 1], 2
                    assert length < 128
                    if length == 126:
                        length, skip = int.from_bytes(answer[at + 2:at + 4], "big"), 4
                    if opcode == 8 and length >= 2:
                        code = int.from_bytes(answer[at + skip:at + skip + 2], "big")
                        codes[code] = codes.get(code, 0) + 1
                    at += skip + length
        assert set(codes) <= {1000, 1001, 1002, 1003, 1007, 1008, 1009, 4409, 4400} | set(range(3000, 5000)), codes
        assert codes.get(1002, 0) > 20, codes
        eventually(lambda: gw.fds() <= baseline)
        eventually(lambda: gw.metric("holdfast_connections", state="device") == 1)
        assert witness.p99_s() < P99_S
    eventually(lambda: balanced(gw)["uplink"]["pending"] == 0)
