"""Start, reload, drain, restart, silence: what happens to connections when something around them changes."""
import json
import os
import signal
import subprocess
import zlib
from pathlib import Path

import pytest

from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S, Stopwatch
from lib.rawws import CLOSE, PING, Refused, close_payload


FAST = {"heartbeat": {"idle_ms": 1000, "repeat_ms": 500, "dead_ms": 2000}}


def test_cold_start(gateways):
    gw = gateways(start=False)
    with Stopwatch() as watch:
        gw.start()
        assert watch.s() < 2.0
    assert gw.api(None).do("GET", "/livez", base=gw.admin_url).status == 200
    assert gw.api(None).do("GET", "/readyz", base=gw.admin_url).json["ready"] is True


def test_a_silent_client_that_answers_pings_stays(gateways):
    gw = gateways(FAST)
    with gw.connect("quiet") as ws:
        for _ in range(4):  # longer than dead_ms
            opcode, payload = ws.recv(answer_pings=False)
            assert opcode == PING and len(payload) <= 125
            ws.send(10, payload)
        assert gw.api().device("quiet")["state"] == "online"


def test_a_silent_client_that_does_not_is_closed(gateways):
    gw = gateways(FAST)
    with Stopwatch() as watch, gw.connect("dead") as ws:
        pings = 0
        while True:
            opcode, payload = ws.recv(answer_pings=False)
            if opcode == CLOSE:
                break
            pings += opcode == PING
        assert 1.8 < watch.s() + watch.stood_still_s() and watch.s() < 4
        assert payload[:2] == (4408).to_bytes(2, "big") and b"heartbeat_timeout" in payload and pings >= 2
    event = gw.api().wait("offline,unknown", device="dead", where=lambda e: e["reason"] == "heartbeat_timeout")
    assert event["code"] == 4408
    gone = gw.api().wait("offline", device="dead")
    assert gone["reason"] in ("heartbeat_timeout", "silence")


def test_python_websockets_answers_pings_by_itself(gateways):
    import asyncio
    import websockets
    gw = gateways(FAST)

    async def stay():
        address = "ws://%s:%d/v1/connect/lib" % gw.address()
        async with websockets.connect(address, extra_headers={"Authorization": "Bearer " + gw.token("lib")},
                                      ping_interval=None) as ws:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ws.recv(), 3)  # silent for longer than dead_ms
            await ws.send('{"type":"data","id":1,"payload":{"from":"library"}}')
            assert json.loads(await ws.recv())["type"] == "ack"
            assert "permessage-deflate" not in ws.response_headers.get("Sec-WebSocket-Extensions", "")

    asyncio.run(stay())
    assert gw.api().wait("offline", device="lib")["reason"] == "normal"


def test_python_websockets_with_compression(gateways):
    import asyncio
    import websockets
    gw = gateways({"websocket": {"deflate": {"enabled": True}}})

    async def talk():
        address = "ws://%s:%d/v1/connect/zip" % gw.address()
        async with websockets.connect(address, extra_headers={"Authorization": "Bearer " + gw.token("zip")},
                                      compression="deflate") as ws:
            assert "permessage-deflate" in ws.response_headers["Sec-WebSocket-Extensions"]
            for i in range(5):
                await ws.send(json.dumps({"type": "data", "id": i, "payload": "x" * 5000}))
                assert json.loads(await ws.recv())["id"] == i
            gw.api().send("zip", {"big": "y" * 20000})
            assert json.loads(await ws.recv()) == {"big": "y" * 20000}

    asyncio.run(talk())


def test_context_takeover_for_so_many(gateways):
    """websockets offers takeover in both directions. One connection may have it here, the next one goes without, and both are right."""
    import asyncio
    import random
    import websockets
    gw = gateways({"node": {"workers": 1}, "websocket": {"deflate": {"enabled": True, "takeover_connections_max": 1}}})
    noise = "".join(random.Random(1).choices("0123456789abcdef", k=3000))  # half its size, unless it was seen before
    address = "ws://%s:%d/v1/connect/" % gw.address()

    async def talk(device, takeover):
        async with websockets.connect(address + device, extra_headers={"Authorization": "Bearer " + gw.token(device)},
                                      compression="deflate") as ws:
            answer = ws.response_headers["Sec-WebSocket-Extensions"]
            assert ("no_context_takeover" in answer) == (not takeover), answer
            eventually(lambda: gw.metric("holdfast_compression_windows") == 1)
            for i in range(10):
                await ws.send(json.dumps({"type": "data", "id": i, "topic": "t", "payload": {"i": i, "noise": noise}}))
                assert json.loads(await ws.recv())["id"] == i
                gw.api().send(device, {"i": i, "noise": noise})
                assert json.loads(await ws.recv()) == {"i": i, "noise": noise}
                gw.api().post("/v1/broadcast", {"target": "all", "payload": {"all": i, "noise": noise}}, status=202)
                assert json.loads(await ws.recv()) == {"all": i, "noise": noise}
        assert [e["payload"]["noise"] == noise for e in gw.api().events(type="message", device=device)] == [True] * 10

    with gw.connect("first", extensions="permessage-deflate") as ws:
        reader, sizes = zlib.decompressobj(-15), []
        for i in range(3):
            gw.api().send("first", noise)
            fin, rsv, _, payload = ws.recv_frame()
            assert fin and rsv == 4
            assert json.loads(reader.decompress(payload + b"\0\0\xff\xff")) == noise
            sizes.append(len(payload))
        assert sizes[0] > 1000 and max(sizes[1:]) < 100
        asyncio.run(talk("second", False))
        eventually(lambda: gw.metric("holdfast_compression_windows_refused_total") == 1)
        assert ws.close()[0] == 1000
    gw.api().wait("offline", device="first")
    asyncio.run(talk("third", True))


# ---- reload ----

def test_reload_takes_over_what_is_live(gw):
    with gw.connect("witness") as ws:
        gw.write_config({"websocket": {"message_bytes_max": 4096}})
        gw.reload()
        with gw.connect("after-reload") as new:
            new.text("x" * 5000)
            assert new.recv_close()[0] == 1009
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()
        gw.write_config({"websocket": {"message_bytes_max": "1MiB"}})
        gw.reload()
    with gw.connect("after-reload-2") as new:
        new.text('{"type":"data","id":1,"payload":"%s"}' % ("x" * 5000))
        assert "ack" in new.recv_text()


def test_a_message_that_a_reload_allows_is_delivered(gateways):
    gw = gateways({"websocket": {"message_bytes_max": "8KiB"}, "delivery": {"send_queue_high_bytes": "8KiB", "send_queue_low_bytes": "2KiB"}})
    with gw.connect("d-1") as ws:
        gw.write_config({"websocket": {"message_bytes_max": "1MiB"}})
        gw.reload()
        text = "x" * 200_000
        gw.api().send("d-1", text)
        assert json.loads(ws.recv_text()) == text


@pytest.mark.parametrize("text,named", [
    ("websocket: {mesage_bytes_max: 2048}", "message_bytes_max"),
    ("websocket: {message_bytes_max: many}", "message_bytes_max"),
    ("}{", ""),
])
def test_a_bad_reload_changes_nothing_and_is_named(gw, text, named):
    with gw.connect("survivor") as ws:
        gw.write_config(text=text)
        said = gw.reload()
        assert "error" in said.lower() and named in said
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()
    gw.write_config()
    gw.reload()
    assert gw.connect("survivor").close()[0] == 1000


def test_keys_and_tenants_change_with_a_reload(gateways):
    gw = gateways()
    with gw.connect("stays") as ws:
        rows = gw.config["tenants"]
        gw.write_config({"tenants": [{**rows[0], "jwt_keys": [gw.jwt_row("k2")]}, {"name": "umbrella"}]})
        gw.reload()
        with pytest.raises(Refused):
            gw.connect("late")
        from lib.tokens import jwt
        gw.connect("late", token=jwt(gw.other_secret, "late", kid="k2")).close()
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()


# ---- end ----

def test_drain_says_1001_and_exits_with_0(gateways):
    gw = gateways({"drain": {"window_ms": "500ms"}})
    devices = [gw.connect(f"drained-{i}") for i in range(20)]
    gw.signal(signal.SIGTERM)
    for ws in devices:
        code, reason = ws.recv_close()
        assert code == 1001 and "retry_ms=" in reason
        ws.send(CLOSE, close_payload(1001))
        ws.expect_end()
    assert gw.stop() == 0
    gw.start()
    events = gw.api().events(type="offline,unknown")
    assert {e["reason"] for e in events if e["device"].startswith("drained")} <= {"drain", "node_restart"}
    operator = gw.api("operator")
    assert operator.events(type="node.stopped")
    eventually(lambda: len(operator.events(type="node.started")) == 2)


def test_drain_does_not_wait_for_the_deaf(gateways):
    gw = gateways({"websocket": {"close_timeout_ms": 500}})
    deaf = [gw.connect(f"deaf-{i}") for i in range(3)]
    with Stopwatch() as watch:
        assert gw.stop() == 0
        assert watch.s() < 5
    for ws in deaf:
        ws.abort()


def test_usr1_reopens_the_log_file(gateways, tmp_path):
    path = tmp_path / "holdfast.log"
    gw = gateways({"logging": {"file": str(path)}})
    gw.connect("before").close()
    eventually(lambda: "before" in path.read_text())
    path.rename(tmp_path / "holdfast.log.1")
    gw.signal(signal.SIGUSR1)
    eventually(path.exists)
    gw.connect("after").close()
    eventually(lambda: "after" in path.read_text())
    assert "after" not in (tmp_path / "holdfast.log.1").read_text()


def test_the_start_is_the_first_record(gateways):
    """Whoever comes first, on whatever worker: what follows belongs to this start."""
    gw = gateways()
    with gw.connect("early"):
        assert gw.api().wait("online", device="early")["offset"] == 2


def test_restart_presence_is_unknown_then_offline(gateways):
    gw = gateways({"heartbeat": {"idle_ms": 1000, "dead_ms": 2000, "repeat_ms": 500}})
    ws = gw.connect("waiting")
    gw.api().wait("online", device="waiting")
    gw.kill()
    ws.abort()
    gw.start()
    assert gw.api().device("waiting")["state"] == "unknown"
    eventually(lambda: gw.api().device("waiting")["state"] == "offline")
    with gw.connect("waiting"):
        online = gw.api().events(type="online", device="waiting")
        assert gw.api().device("waiting")["state"] == "online"
        assert [e["epoch"] for e in online] == sorted({e["epoch"] for e in online}), "the epoch only grows"


def test_one_gateway_for_each_data_directory(gw):
    second = subprocess.run([str(BINARY), "serve", "--config", str(gw.folder / "holdfast.yaml")], capture_output=True,
                            text=True, timeout=WAIT_S)
    assert second.returncode == 1
    assert gw.config["node"]["data_dir"] in second.stderr


@pytest.mark.parametrize("changes,named", [
    ({"listeners": [{"name": "main", "address": "0.0.0.0", "port": 0}]}, "insecure"),
    ({"node": {"data_dir": "/proc/nowhere"}}, "/proc/nowhere"),
    ({"tenants": [{"name": "acme", "jwt_keys": [{"kid": "k", "alg": "HS256", "secret_file": "/nowhere/key"}]}, {"name": "umbrella"}]}, "/nowhere/key"),
    ({"listeners": [{"name": "main", "port": 0, "tls": {"cert_file": "/nowhere/cert.pem", "key_file": "/nowhere/key.pem"}}]},
     "/nowhere/"),
    ({"websocket": {"mesage_bytes_max": 1}}, "message_bytes_max"),
    ({"nonsense": 1}, "nonsense"),
])
def test_a_start_that_cannot_be_names_the_key(gateways, changes, named):
    gw = gateways(changes, start=False)
    done = subprocess.run([str(BINARY), "serve", "--config", str(gw.write_config())], capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 1 and named in done.stderr, done.stderr


def test_a_port_in_use_is_named(gw, gateways):
    port = gw.listener()["port"]
    other = gateways({"listeners": [{"name": "main", "address": "127.0.0.1", "port": port}]}, start=False)
    done = subprocess.run([str(BINARY), "serve", "--config", str(other.write_config())], capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 1 and f"127.0.0.1:{port}" in done.stderr and "in use" in done.stderr.lower()


def test_everything_is_given_back(gateways):
    """WS-19: after connections died together, descriptors are back at the baseline, exactly."""
    gw = gateways()
    baseline = None
    for _ in range(3):  # the first round also opens what is opened once
        devices = [gw.connect(f"mortal-{i}") for i in range(100)]
        assert gw.fds() >= 100
        for ws in devices:
            ws.abort()
        eventually(lambda: gw.fds() <= (baseline or 60) and gw.metric("holdfast_connections", state="device") == 0)
        baseline = baseline or eventually(gw.fds)
    eventually(lambda: gw.api().get("/v1/devices?limit=1") is not None)
    assert os.path.exists(f"/proc/{gw.process.pid}") and Path(gw.config["node"]["data_dir"]).exists()
