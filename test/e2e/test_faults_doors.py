"""Doors that are full (WS-18, WS-19, OL-1; LT-8 F25): each refusal is clean, counted under its reason and over when the cause is."""
import itertools
import json
import os
import resource
import socket
import ssl
import threading
import time

import pytest

from lib.faults import Pki, Witness, cpu_s, until_end
from lib.gateway import eventually
from lib.pace import WAIT_S
from lib.rawws import Refused
from test_faults_peers import main_listener, tls_listener

OPEN = {"prefix_per_s": 1000000, "prefix_capacity": 1000000, "accept_per_s": 1000000, "accept_capacity": 1000000,
        "tls_accept_per_s": 1000000, "tls_accept_capacity": 1000000}


def both(tmp_path, **admission):
    pki = Pki(tmp_path / "pki").ca("ca").server("ca")
    return pki, {"listeners": [main_listener(), tls_listener(pki)], "node": {"workers": 1}, "admission": {**OPEN, **admission}}


def plain_refusal(gw, reason):
    """A refusal at accept, read as a client would: 503, Retry-After, the reason in a problem document."""
    with pytest.raises(Refused) as refused:
        gw.connect("refused")
    answer = refused.value
    assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1, answer
    assert json.loads(answer.body)["reason"] == reason
    return True


def tls_refusal(gw, pki):
    """Closed before its handshake: not one byte of a ServerHello."""
    with socket.create_connection(gw.address("tls")) as sock:
        assert until_end(sock) == b""
    with pytest.raises((ssl.SSLError, OSError)):
        gw.connect("refused", listener="tls", context=pki.context("ca"))
    return True


def may_be_refused(do):
    try:
        return do()
    except (Refused, OSError) as error:
        raise AssertionError(repr(error)) from None


def test_connections_max(gateways, tmp_path):
    pki, config = both(tmp_path, connections_max=8)
    gw = gateways(config)
    inside = [gw.connect(f"in-{n}") for n in range(8)]
    assert plain_refusal(gw, "connection_limit")
    assert tls_refusal(gw, pki)
    for ws in inside:
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text(), "who is in stays in"
    eventually(lambda: gw.metric("holdfast_connections_refused_total", reason="connection_limit") == 3)
    assert gw.api(None).do("GET", "/livez", base=gw.admin_url).status == 200, "the operator's door has no such limit"
    inside.pop().close()
    eventually(lambda: may_be_refused(lambda: gw.connect("next").close()[0] == 1000))
    for ws in inside:
        ws.abort()


def test_accept_rate(gateways, tmp_path):
    pki, config = both(tmp_path, accept_per_s=1, accept_capacity=5, tls_accept_per_s=1, tls_accept_capacity=3)
    gw = gateways(config)
    begin, inside = time.monotonic(), []
    with pytest.raises(Refused) as refused:
        for n in itertools.count():
            inside.append(gw.connect(f"in-{n}"))
    assert 5 <= len(inside) <= 6 + time.monotonic() - begin and refused.value.status == 503
    assert json.loads(refused.value.body)["reason"] == "accept_rate" and int(refused.value.headers["retry-after"]) >= 1
    begin, tls = time.monotonic(), []
    with pytest.raises((ssl.SSLError, OSError)):
        for n in itertools.count():
            tls.append(gw.connect(f"tls-{n}", listener="tls", context=pki.context("ca")))
    assert 3 <= len(tls) <= 4 + time.monotonic() - begin, "TLS has a bucket of its own"
    eventually(lambda: gw.metric("holdfast_connections_refused_total", reason="accept_rate") >= 2)
    eventually(lambda: may_be_refused(lambda: gw.connect("later").close()[0] == 1000), every_s=0.2)
    for ws in inside + tls:
        ws.abort()


def test_prefix_rate(gateways, tmp_path):
    """One address range is at its rate; another one is not."""
    pki, config = both(tmp_path, prefix_per_s=1, prefix_capacity=5)
    gw = gateways(config)
    begin, inside = time.monotonic(), []
    with pytest.raises(Refused) as refused:
        for n in itertools.count():
            inside.append(gw.connect(f"in-{n}", source=("127.0.0.1", 0)))
    assert 5 <= len(inside) <= 6 + time.monotonic() - begin and refused.value.status == 503
    assert json.loads(refused.value.body)["reason"] == "prefix_rate"
    with pytest.raises(Refused):
        for n in itertools.count():
            inside.append(gw.connect(f"neighbour-{n}", source=("127.0.0.77", 0)))  # of the same /24
    assert len(inside) <= 6 + time.monotonic() - begin
    with gw.connect("elsewhere", source=("127.9.9.9", 0)) as ws:
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()
    eventually(lambda: gw.metric("holdfast_connections_refused_total", reason="prefix_rate") >= 2)
    for ws in inside:
        ws.abort()


def test_a_reload_opens_the_door(gateways):
    gw = gateways({"admission": {"connections_max": 2}})
    inside = [gw.connect(f"in-{n}") for n in range(2)]
    assert plain_refusal(gw, "connection_limit")
    gw.write_config({"admission": {"connections_max": 500}})
    gw.reload()
    for n in range(2, 100):  # each worker takes the new rules over at the end of its turn
        eventually(lambda: may_be_refused(lambda: inside.append(gw.connect(f"in-{n}")) or True))
    assert eventually(lambda: gw.metric("holdfast_connections", state="device") == 100)
    for ws in inside:
        ws.abort()


# ---- F25: descriptors ----

def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))


def start_with_few(gw):
    """Gateway.start() with a small limit of open files."""
    import functools
    gw.start = functools.partial(type(gw).start, gw)
    return gw.start(preexec_fn=few_descriptors)


def test_no_descriptor_left(gateways, tmp_path):
    """More connections than descriptors: each of the others is refused cleanly, nothing spins, and when some go others may come."""
    pki, config = both(tmp_path)
    gw = start_with_few(gateways(config, start=False))
    with Witness(gw) as witness:
        inside, refused = [], 0
        while refused < 30:
            try:
                inside.append(gw.connect(f"in-{len(inside)}"))
            except Refused as error:
                assert error.status == 503 and "retry-after" in error.headers
                assert json.loads(error.body)["reason"] == "descriptor_limit"
                refused += 1
            assert len(inside) < 96
        assert len(inside) > 20
        with socket.create_connection(gw.address("tls")) as sock:
            assert until_end(sock) == b""
        waiting = [socket.create_connection(gw.address()) for _ in range(20)]
        busy = cpu_s(gw.process.pid)
        before = len(witness.took_s)
        eventually(lambda: len(witness.took_s) > before + 100)  # while it is at its limit
        assert cpu_s(gw.process.pid) - busy < 2, "it spins"
        for sock in waiting:
            assert until_end(sock) .startswith(b"HTTP/1.1 503")
            sock.close()
        for ws in inside[:10]:
            ws.abort()
        eventually(lambda: may_be_refused(lambda: inside.append(gw.connect("again")) or True))
        for ws in inside[10:]:
            ws.text('{"type":"ping"}')
            assert "pong" in ws.recv_text()
        for ws in inside:
            ws.abort()
        eventually(lambda: gw.metric("holdfast_connections_refused_descriptors_total") >= 30)
    assert gw.fds() <= 96


# ---- WS-19 ----

def at_rest(gw):
    """Descriptors, when the socket of the last question is gone, too."""
    seen = []
    eventually(lambda: seen.append(gw.fds()) or len(seen) > 25 and len(set(seen[-25:])) == 1)
    return seen[-1]


def test_after_a_mass_death_everything_is_back(gateways, tmp_path):
    """N connections of every kind die together: descriptors and counters are at the baseline, exactly, and memory comes to rest."""
    pki, config = both(tmp_path)
    gw = gateways(config)
    context = pki.context("ca")
    rest = []
    for _ in range(4):
        if not rest:
            gw.connect("warm").close()
            gw.connect("warm", listener="tls", context=context).close()
            eventually(lambda: gw.metric("holdfast_connections") <= 1)  # the one that asks
            baseline = at_rest(gw)
        socks = [gw.connect(f"plain-{n}") for n in range(150)]
        socks += [gw.connect(f"tls-{n}", listener="tls", context=context) for n in range(30)]
        half = [socket.create_connection(gw.address("tls" if n % 2 else "main")) for n in range(40)]
        streams = [gw.api().connection() for _ in range(10)]
        for stream in streams:
            stream.request("GET", "/v1/events?follow=true", headers=gw.api().headers(None))
            assert stream.getresponse().status == 200
        eventually(lambda: gw.metric("holdfast_connections", state="device") == 180)
        assert gw.fds() >= baseline + 180 + 40 + 10
        for ws in socks:
            ws.abort()
        for sock in half:
            sock.close()
        for stream in streams:
            stream.sock and stream.sock.close()
            stream.close()
        del stream, streams
        eventually(lambda: gw.fds() <= baseline)
        assert at_rest(gw) == baseline, "exactly"
        eventually(lambda: gw.metric("holdfast_connections", state="device") == 0)
        eventually(lambda: gw.metric("holdfast_connections") <= 1)
        eventually(lambda: gw.metric("holdfast_event_readers") == 0)
        assert gw.metric("holdfast_input_held_bytes") == 0 and gw.metric("holdfast_send_queue_bytes") < 65536
        rest.append(gw.rss_bytes())
    if not {"ASAN_OPTIONS", "TSAN_OPTIONS"} & os.environ.keys():  # a sanitizer keeps what was freed
        assert rest[-1] - rest[1] < 4 << 20, f"resident memory grows with each round: {rest}"


def test_many_come_at_once(gateways):
    """500 connects from 10 threads (F6, small): nobody is refused below the limits, all are in, all are counted."""
    gw = gateways()
    inside, trouble = [], []

    def come(first):
        try:
            for n in range(first, first + 50):
                inside.append(gw.connect(f"fleet-{n}"))
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=come, args=(n * 50,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert not trouble and len(inside) == 500
    eventually(lambda: gw.metric("holdfast_connections", state="device") == 500)
    eventually(lambda: gw.metric("holdfast_devices", presence="online") == 500)
    for ws in inside:
        ws.abort()
