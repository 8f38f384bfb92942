"""The end of a gateway in the middle of its work. Whatever was open, it ends with status 0: an assertion that fails, and in a build
with sanitizers a leak or a touch of freed memory, gives another one."""
import json
import signal
import threading

import pytest

from lib.gateway import eventually
from lib.pace import WAIT_S
from lib.rawws import CLOSE, Ended, close_payload


def test_who_watches_a_drain_is_answered_until_its_end(gateways):
    gw = gateways({"drain": {"window_ms": "20s"}})
    ws = gw.connect("slow")
    admin, main = gw.api(None), gw.api()
    kept = admin.connection(gw.admin_url)  # a scraper keeps its connection
    kept.request("GET", "/livez")
    assert kept.getresponse().read() is not None
    gw.signal(signal.SIGTERM)
    eventually(lambda: "drain_started" in gw.log())

    def refused():
        try:
            main.do("GET", "/v1/devices")
        except OSError:
            return True
        return False

    eventually(refused)
    answer = admin.do("GET", "/readyz", status=503, base=gw.admin_url)
    assert "drain" in answer.body.decode()
    kept.request("GET", "/readyz")
    assert kept.getresponse().status == 503
    assert b"holdfast_" in admin.do("GET", "/metrics", status=200, base=gw.admin_url).body
    assert gw.process.poll() is None
    ws.send(CLOSE, close_payload(1000))
    assert gw.process.wait(WAIT_S) == 0  # the kept connection does not delay it
    gw.ended()


def test_hup_while_draining_changes_nothing(gateways):
    gw = gateways({"drain": {"window_ms": "20s"}})
    ws = gw.connect("d1")
    gw.signal(signal.SIGTERM)
    gw.notify.wait("STOPPING=1", gw.process.pid)
    gw.signal(signal.SIGHUP)
    gw.signal(signal.SIGHUP)
    ws.send(CLOSE, close_payload(1000))
    assert gw.process.wait(WAIT_S) == 0
    assert "event=reload " not in gw.log()
    gw.ended()


def test_a_connection_that_never_said_who_it_is_does_not_delay_a_drain(gateways):
    gw = gateways({"drain": {"window_ms": "100ms"}, "admission": {"auth_timeout_ms": "60s"}})
    ws = gw.connect(token="", path="/v1/connect?auth=message")
    gw.signal(signal.SIGTERM)
    code, _ = ws.recv_close()
    assert code == 1001
    ws.send(CLOSE, close_payload(1001))
    assert gw.process.wait(WAIT_S) == 0
    gw.ended()


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_second_term_ends_at_once_with_everything_open(gateways, workers):
    """Messages whose fsync is under way, commands that wait for results, broadcasts, readers, metrics: of all workers."""
    gw = gateways({"node": {"workers": workers}, "drain": {"window_ms": "60s"}})
    names = [f"d{i}" for i in range(8)]
    devices = [gw.connect(name) for name in names]
    stop, open_calls, acked = threading.Event(), [], []

    def pump(ws, name):
        n = 0
        try:
            while not stop.is_set():
                n += 1
                ws.text(json.dumps({"type": "data", "id": f"{name}-{n}", "topic": "t", "payload": "x" * 200}).encode())
        except OSError:
            pass

    def listen(ws):
        try:
            while True:
                answer = json.loads(ws.recv_text())
                if isinstance(answer, dict) and answer.get("type") == "ack":
                    acked.append(answer["offset"])
        except (OSError, AssertionError, ValueError, Ended):  # cut off without a goodbye: it was the second TERM
            pass

    for name in names:  # commands nobody answers: the calls wait, on whatever worker took the connection
        for _ in range(3):
            connection = gw.api().connection()
            connection.request("POST", f"/v1/devices/{name}/commands", json.dumps({"name": "c", "wait_ms": 30000}),
                               gw.api().headers({"Content-Type": "application/json"}))
            open_calls.append(connection)
    readers = []
    for _ in range(6):
        connection = gw.api().connection()
        connection.request("GET", "/v1/events?from=1&follow=true", headers=gw.api().headers({}))
        readers.append(connection)
    threads = [threading.Thread(target=pump, args=(ws, name), daemon=True) for ws, name in zip(devices, names)]
    threads += [threading.Thread(target=listen, args=(ws,), daemon=True) for ws in devices]
    for thread in threads:
        thread.start()
    eventually(lambda: len(acked) > 50)
    for _ in range(4):
        connection = gw.api().connection()
        connection.request("POST", "/v1/broadcast", json.dumps({"target": "all", "payload": "b"}),
                           gw.api().headers({"Content-Type": "application/json"}))
        open_calls.append(connection)
    gw.signal(signal.SIGTERM)
    gw.notify.wait("STOPPING=1", gw.process.pid)
    gw.signal(signal.SIGTERM)
    status = gw.process.wait(WAIT_S)
    stop.set()
    for thread in threads:
        thread.join(WAIT_S)
    assert status == 0
    gw.ended()
    for connection in open_calls + readers:
        connection.close()
    gw.start()
    offsets = {event["offset"] for event in gw.api().events(type="message")}
    assert set(acked) <= offsets  # what was acknowledged is there
    assert gw.api("operator").events(type="node.stopped")
    assert gw.stop() == 0
