"""What a peer may cost: heads, bodies, rates, connections; each refusal names its limit."""
import json
import re
import socket

import pytest

from lib.gateway import eventually
from lib.pace import WAIT_S, Stopwatch
from lib.rawws import CLOSE, TEXT, Refused, close_payload, frame, read_body, read_head


def ask(gw, request, timeout_s=WAIT_S, listener="main"):
    """Sends bytes as they are; gives status, headers and body."""
    with socket.create_connection(gw.address(listener), timeout_s) as sock:
        sock.sendall(request if isinstance(request, bytes) else request.encode())
        status, headers, rest = read_head(sock)
        return status, headers, read_body(sock, headers, rest)


@pytest.mark.parametrize("request_,status,reason", [
    ("GET /v1/devices HTTP/1.1\r\nHost: x\r\nX: " + "y" * 9000 + "\r\n\r\n", 431, "header_too_big"),
    ("GET /v1/devices HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 70 + "\r\n", 431, "header_too_big"),
    ("GET /" + "a" * 9000 + " HTTP/1.1\r\nHost: x\r\n\r\n", {414, 431}, "header_too_big"),
    ("GET /v1/devices HTTP/1.1\r\n\r\n", 400, "bad_request"),
    ("GET /v1/devices HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"),
    ("GET /v1/devices HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
    ("GET /v1/devices HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", 400, "bad_request"),
    ("POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, "bad_request"),
    ("POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "bad_request"),
    ("BREW /v1/keys HTTP/1.1\r\nHost: x\r\n\r\n", 501, "not_implemented"),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request"),
    ("GET /v1/devices HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n", 400, "bad_request"),
])
def test_heads_that_are_refused(gw, request_, status, reason):
    got, headers, body = ask(gw, request_)
    assert got in (status if isinstance(status, set) else {status})
    assert headers["content-type"].startswith("application/problem+json") and json.loads(body)["reason"] == reason


def test_a_head_that_drips_gets_408(gateways):
    gw = gateways({"admission": {"header_timeout_ms": 1000}})
    with Stopwatch() as watch, socket.create_connection(gw.address(), WAIT_S) as sock:
        sock.sendall(b"GET /v1/devices HTTP/1.1\r\nHost: x\r\n")
        status, _, _ = read_head(sock)
        assert status == 408 and 0.9 < watch.s() + watch.stood_still_s() and watch.s() < 2.5
        while sock.recv(1000):
            pass
    with Stopwatch() as watch, socket.create_connection(gw.address(), WAIT_S) as sock:  # not a byte
        try:
            while sock.recv(1000):
                pass
        except ConnectionResetError:
            pass
        assert watch.s() < 4


def test_a_body_above_the_limit(gateways):
    gw = gateways({"api": {"body_bytes_max": 2048}})
    key = gw.keys["admin"]
    status, _, body = ask(gw, f"POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
                              "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    assert status == 413 and json.loads(body)["reason"] == "body_too_big"
    chunk = "1000\r\n" + "x" * 4096 + "\r\n"
    status, _, _ = ask(gw, f"POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
                           "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
    assert status == 413


def test_pipelined_requests_are_answered_in_order(gw):
    request = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(gw.address(), 10) as sock:
        sock.sendall(request.encode())
        data = b""
        while part := sock.recv(65536):
            data += part
    assert re.findall(rb"HTTP/1\.1 (\d+) ", data) == [b"200", b"404", b"200"]


def test_a_message_above_the_limit_is_refused_by_its_head(gateways):
    gw = gateways({"websocket": {"message_bytes_max": 4096}})
    with gw.connect("big") as ws:
        ws.raw(frame(TEXT, b"x" * 5000)[:10])
        assert ws.recv_close()[0] == 1009


def test_before_authentication_little_is_taken(gw):
    from lib.rawws import RawWs
    with RawWs(gw.address(), "/v1/connect?auth=message") as ws:
        ws.raw(frame(TEXT, b"x" * 5000)[:10])
        assert ws.recv_close()[0] in (1009, 4401)


def test_above_the_rate_nothing_is_read_and_nothing_is_lost(gateways):
    """OL-3: back-pressure instead of refusals; everything comes through, at the rate."""
    gw = gateways({"limits": {"device_uplink_per_s": 100, "device_uplink_capacity": 50}})
    with gw.connect("eager") as ws:
        with Stopwatch() as watch:
            for n in range(150):
                ws.text(json.dumps({"type": "data", "id": n, "payload": n}))
            got = [json.loads(ws.recv_text())["id"] for _ in range(150)]
            assert got == list(range(150)) and 0.8 < watch.s() + watch.stood_still_s() and watch.s() < 4
    eventually(lambda: gw.metric("holdfast_input_held_total") >= 1)
    assert [e["payload"] for e in gw.api().events(type="message")] == list(range(150))


def test_a_flood_of_one_device_does_not_slow_others(gateways):
    gw = gateways({"limits": {"device_uplink_per_s": 50, "device_uplink_capacity": 50}})
    with gw.connect("loud") as loud, gw.connect("calm") as calm:
        for n in range(500):
            loud.text('{"type":"data","payload":"%s"}' % ("x" * 1000))
        with Stopwatch() as watch:
            calm.text('{"type":"data","id":1,"payload":1}')
            assert "ack" in calm.recv_text() and watch.s() < 1


def test_the_rate_of_an_api_key(gateways):
    gw = gateways({"node": {"workers": 1}, "limits": {"api_key_per_s": 1, "api_key_capacity": 5}})
    answers = [gw.api().do("GET", "/v1/devices") for _ in range(8)]
    refused = [a for a in answers if a.status == 429]
    assert len(refused) >= 2 and refused[0].reason == "rate_limit" and refused[0].json["retry_after_ms"] > 0
    assert gw.api("operator").do("GET", "/v1/devices?tenant=acme").status == 200, "another key has its own"


def test_the_cap_of_connections(gateways):
    gw = gateways({"node": {"workers": 1}, "admission": {"connections_max": 5}})
    held = [gw.connect(f"held-{n}") for n in range(4)]

    def refused():
        with socket.create_connection(gw.address(), 5) as one, socket.create_connection(gw.address(), 5) as two:
            for sock in (one, two):
                sock.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            statuses = []
            for sock in (one, two):
                try:
                    status, headers, _ = read_head(sock)
                    statuses.append(status)
                    if status == 503:
                        assert int(headers["retry-after"]) >= 1
                except (ConnectionError, Exception) as error:
                    statuses.append(str(error))
            return 503 in statuses
    assert eventually(refused)
    for ws in held:
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text(), "those inside notice nothing"
        ws.abort()
    eventually(lambda: gw.connect("again").close()[0] == 1000 if gw.metric("holdfast_connections", state="device") == 0 else False)


def test_the_cap_of_a_tenant(gateways):
    gw = gateways()
    rows = gw.config["tenants"]
    gw.write_config({"tenants": [{**rows[0], "connections_max": 2}, rows[1]]})
    gw.reload()
    first, second = gw.connect("t-1"), gw.connect("t-2")
    with pytest.raises(Refused) as refused:
        gw.connect("t-3")
    problem = json.loads(refused.value.body)
    assert refused.value.status == 429 and problem["reason"] == "tenant_limit"
    first.close()
    eventually(lambda: gw.connect("t-3").close()[0] == 1000 if len(gw.api().events(type="offline", device="t-1")) else False)
    second.close()


def test_topics_that_rules_forbid(gateways):
    gw = gateways()
    rows = gw.config["tenants"]
    rules = [{"devices": "bike-*", "topics": "ride/#", "direction": "both", "allow": True},
             {"devices": "*", "topics": "open", "direction": "down", "allow": True}]
    gw.write_config({"tenants": [{**rows[0], "access": rules}, rows[1]]})
    gw.reload()
    with gw.connect("bike-1") as ws:
        ws.text('{"type":"data","topic":"ride/7","id":1,"payload":1}')
        assert json.loads(ws.recv_text())["type"] == "ack"
        for sent in ('{"type":"data","topic":"secret","id":2,"payload":1}', '{"type":"subscribe","topic":"secret"}'):
            ws.text(sent)
            error = json.loads(ws.recv_text())
            assert error["type"] == "error" and error["reason"] == "forbidden"
        ws.text('{"type":"subscribe","topic":"open"}')
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()
    assert {e["topic"] for e in gw.api().events(type="message")} == {"ride/7"}


def test_a_peer_that_never_answers_our_close(gateways):
    gw = gateways({"websocket": {"close_timeout_ms": 500}})
    with gw.connect("mute") as ws:
        ws.raw(frame(3, b""))  # a broken rule
        assert ws.recv_close()[0] == 1002
        with Stopwatch() as watch:
            ws.expect_end()
            assert watch.s() < 3
    eventually(lambda: gw.metric("holdfast_connections", state="device") == 0)


def test_both_sides_close_at_once(gw):
    with gw.connect("polite") as ws:
        ws.send(CLOSE, close_payload(1000))
        ws.send(CLOSE, close_payload(1001))
        assert ws.recv_close()[0] == 1000
        ws.expect_end()
