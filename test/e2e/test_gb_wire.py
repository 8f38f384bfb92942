"""The SIP port and peers that do not behave: broken datagrams, floods, TCP in pieces, connections that never register, memory that runs out."""
import random
import socket
import time

import pytest

from lib import sip
from lib.gateway import eventually
from lib.pace import WAIT_S

PASSWORD = sip.ENV["GB_PASSWORD"]


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(silent_to_strangers=False), env=sip.ENV)


def connect(gw):
    peer = socket.create_connection(("127.0.0.1", sip.port(gw)), timeout=WAIT_S)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def answer_on(peer):
    """One message without a body."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = peer.recv(65536)
        assert more, f"the connection ended after {got!r}"
        got += more
    return got


def ended(peer):
    """What comes until the end of the connection."""
    got = b""
    try:
        while True:
            more = peer.recv(65536)
            if not more:
                return got
            got += more
    except ConnectionResetError:
        return got


def read(gw):
    """Until the gateway has read what came: the kernel drops datagrams for which its buffer has no room."""
    at = f":{sip.port(gw):04X}"
    eventually(lambda: not any(int(row[4].split(":")[1], 16) for row in map(str.split, open("/proc/net/udp")) if row[1].endswith(at)), every_s=0.001)


def alive(gw, n):
    """Somebody who behaves is served."""
    read(gw)
    peer = sip.datagram_socket(sip.port(gw))
    peer.send(sip.request("REGISTER", sip.device_id(n), more="Expires: 60\r\n"))
    assert peer.recv(65535).startswith(b"SIP/2.0 401 ")
    peer.close()


def test_broken_datagrams_harm_nobody(gw):
    draw = random.Random(28181)
    peer = sip.datagram_socket(sip.port(gw))
    whole = sip.request("MESSAGE", sip.device_id(1), body="<Notify/>", more="Content-Type: Application/MANSCDP+xml\r\n")
    with peer:
        for n in range(3000):
            data = bytearray(whole)
            for _ in range(draw.randrange(1, 9)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            kind = n % 4
            peer.send((bytes(data), bytes(data[:draw.randrange(len(data))]), draw.randbytes(draw.randrange(1, 1400)),
                       bytes(data) * draw.randrange(1, 40))[kind])
            if n % 64 == 63:
                alive(gw, n)
    eventually(lambda: gw.metric("holdfast_gb_malformed_total") > 1000)
    assert sum(v for (name, _), v in gw.metrics().items() if name == "holdfast_sip_problems_total") > 1000
    assert gw.metric("holdfast_gb_devices") == 0


def test_a_malformed_request_is_answered_with_its_status(gw):
    with sip.datagram_socket(sip.port(gw)) as peer:
        for broken, status in ((sip.request("MESSAGE", sip.device_id(2)).replace(b"Max-Forwards: 70", b"Max-Forwards: 700"), b"400"),
                               (sip.request("MESSAGE", sip.device_id(2)).replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), b"505"),
                               (sip.request("PLAY", sip.device_id(2)), b"501"), (sip.request("REFER", sip.device_id(2)), b"405")):
            peer.send(broken)
            assert peer.recv(65535)[8:11] == status, broken


def test_low_keepalives_get_no_answer(gw):
    with sip.datagram_socket(sip.port(gw)) as peer:
        for data in (b"\r\n\r\n", b"\0\0\0\0", b"jaK"):
            peer.send(data)
        peer.send(sip.request("REGISTER", sip.device_id(3), more="Expires: 60\r\n"))
        assert peer.recv(65535).startswith(b"SIP/2.0 401 "), "the first answer is to REGISTER"
    eventually(lambda: gw.metric("holdfast_gb_low_keepalives_total") >= 3)


def test_a_flood_of_strangers_is_answered_at_a_rate(gateways):
    gw = gateways(sip.cameras(refusals_per_s=5, refusals_capacity=10), env=sip.ENV)
    peers = [sip.datagram_socket(sip.port(gw)) for _ in range(4)]
    for n in range(2000):
        peers[n % 4].send(sip.request("MESSAGE", sip.device_id(n), cseq=n + 1))
        if n % 100 == 99:
            alive(gw, n)
    eventually(lambda: gw.metric("holdfast_gb_strangers_total") == 2000)
    strangers, silent = gw.metric("holdfast_gb_strangers_total"), gw.metric("holdfast_gb_strangers_silent_total")
    # Two workers, 10 at once and 5 a second each.
    assert 20 <= strangers - silent <= 20 + 10 * (time.clock_gettime(time.CLOCK_BOOTTIME) - started(gw) + 1)
    assert gw.metric("holdfast_sip_transactions_made_total", kind="server") == 0, "they cost no memory"
    for peer in peers:
        peer.close()


def started(gw):
    """CLOCK_BOOTTIME at the process' start."""
    with open(f"/proc/{gw.process.pid}/stat") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[19]) / 100


@pytest.mark.parametrize("size", [1, 7, 100000])
def test_tcp_in_pieces(gw, size):
    data = b"\r\n\r\n" + sip.request("REGISTER", sip.device_id(10), 1, more="Expires: 60\r\n", transport="TCP") + \
        sip.request("REGISTER", sip.device_id(11), 2, more="Expires: 60\r\n", transport="TCP")
    with connect(gw) as peer:
        for at in range(0, len(data), size):
            peer.sendall(data[at:at + size])
        got = b""
        while got.count(b"\r\n\r\n") < 2:
            got += peer.recv(65536)
        assert got.startswith(b"\r\nSIP/2.0 401 "), "the ping was answered with one CRLF"
        for n in (10, 11):
            assert f"To: <sip:{sip.device_id(n)}@".encode() in got
    eventually(lambda: gw.metric("holdfast_gb_stream_buffer_bytes") == 0)


@pytest.mark.parametrize("data,answer", [
    (sip.request("MESSAGE", sip.device_id(12)).replace(b"Content-Length: 0\r\n", b""), b"SIP/2.0 400 "),  # where does it end?
    (sip.request("MESSAGE", sip.device_id(12)).replace(b"Content-Length: 0", b"Content-Length: 20000"), b"SIP/2.0 413 "),
    (b"MESSAGE sip:a@b SIP/2.0\r\n" + b"X: " + b"y" * 9000, b""),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
])
def test_tcp_that_breaks_the_framing_ends(gw, data, answer):
    before = gw.metric("holdfast_gb_streams_broken_total")
    with connect(gw) as peer:
        peer.sendall(data)
        assert ended(peer).startswith(answer)
    eventually(lambda: gw.metric("holdfast_gb_streams_broken_total") > before)
    eventually(lambda: gw.metric("holdfast_gb_streams") == 0)


def test_tcp_that_never_registers_ends(gateways):
    gw = gateways(sip.cameras(tcp_unproven_ms="1s"), env=sip.ENV)
    with connect(gw) as silent, connect(gw) as talking:
        talking.sendall(sip.request("REGISTER", sip.device_id(1), more="Expires: 60\r\n", transport="TCP"))
        assert answer_on(talking).startswith(b"SIP/2.0 401 ")
        assert ended(silent) == b"" and ended(talking) == b""
    eventually(lambda: gw.metric("holdfast_gb_streams_unproven_total") == 2)


def test_tcp_above_the_memory_for_messages_ends(gateways, tmp_path):
    """Two devices on one connection: what one of them sends in 200 KiB takes both with it."""
    gw = gateways(sip.cameras(tcp_buffer_bytes_max="128KiB"), env=sip.ENV)
    big = sip.message("<?xml version=\"1.0\"?>\n<Notify>\n<CmdType>Other</CmdType>\n<SN>1</SN>\n<DeviceID>[field0]</DeviceID>\n" +
                      "<Info>" + "x" * 60000 + "</Info>\n</Notify>")
    sip.Sipp(tmp_path / "fits", sip.port(gw), [(sip.device_id(1), PASSWORD)], sip.register() + big, transport=sip.ONE_TCP).wait()
    gw.api().wait("message", device=sip.device_id(1))
    with connect(gw) as peer:  # unproven ones stay below by themselves; many of them do not
        many = [connect(gw) for _ in range(20)]
        for one in many:
            one.sendall(sip.request("MESSAGE", sip.device_id(2), transport="TCP").replace(b"Content-Length: 0", b"Content-Length: 16000") + b"<" * 15000)
        eventually(lambda: gw.metric("holdfast_gb_streams_full_total") >= 1)
        peer.sendall(sip.request("REGISTER", sip.device_id(3), more="Expires: 60\r\n", transport="TCP"))
        assert answer_on(peer).startswith(b"SIP/2.0 401 "), "whole messages need no memory"
        for one in many:
            one.close()
    eventually(lambda: gw.metric("holdfast_gb_stream_buffer_bytes") == 0)


def test_admission_holds_for_sip(gateways):
    gw = gateways(sip.cameras({"admission": {"connections_max": 4}}), env=sip.ENV)
    peers = []
    for _ in range(8):
        try:
            peers.append(connect(gw))
        except ConnectionResetError:
            pass  # refused so fast

    def counts():  # whoever asks is a connection, too
        return gw.metric("holdfast_gb_streams"), gw.metric("holdfast_gb_streams_refused_total")
    eventually(lambda: sum(counts()) == 8)
    assert 1 <= counts()[0] <= 4
    for peer in peers:
        peer.close()


def test_nobody_listens_there_any_more(gw, tmp_path):
    """ICMP says so to whichever worker; the command's home hears of it."""
    devices = [(sip.device_id(n), PASSWORD) for n in range(30, 36)]
    sip.Sipp(tmp_path / "cams", sip.port(gw), devices, sip.register()).wait()
    for device, _ in devices:
        assert gw.api().command(device, "DeviceStatus", wait_ms=8000)["result"] == {"confirmed": False, "error": "closed"}
    eventually(lambda: gw.metric("holdfast_gb_flows_failed_total") >= 1)


def test_one_listener_for_both_families(gateways):
    """On :: peers of IPv4 come as IPv4, and each is answered over its own family, UDP and TCP."""
    gw = gateways(sip.cameras(listeners=[{"name": "sip", "address": "::", "port": 0}]), env=sip.ENV)
    for n, (family, host) in enumerate(((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))):
        for kind, transport in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
            with socket.socket(family, kind) as peer:
                peer.settimeout(WAIT_S)
                peer.connect((host, sip.port(gw)))
                for cseq in range(1, 5):  # of four devices: some at home on the other worker
                    peer.send(sip.request("REGISTER", sip.device_id(cseq), cseq, more="Expires: 60\r\n", transport=transport))
                    answer = peer.recv(65535)
                    assert answer.startswith(b"SIP/2.0 401 ") and f"received={host}".encode() in answer


def link_local():
    """(address, interface) of this machine, as the kernel lists them."""
    with open("/proc/net/if_inet6") as lines:
        rows = [line.split() for line in lines]
    return [(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(row[0])), int(row[1], 16)) for row in rows if row[3] == "20"]


@pytest.mark.skipif(not link_local(), reason="no interface of this machine has a link-local address")
def test_a_camera_on_the_same_link(gateways):
    gw = gateways(sip.cameras(listeners=[{"name": "sip", "address": "::", "port": 0}]), env=sip.ENV)
    address, interface = link_local()[0]
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
        peer.bind((address, 0, 0, interface))
        peer.settimeout(WAIT_S)
        peer.sendto(sip.request("REGISTER", sip.device_id(1), more="Expires: 60\r\n"), (address, sip.port(gw), 0, interface))
        answer = peer.recv(65535)
        assert answer.startswith(b"SIP/2.0 401 ") and f"received={address}".encode() in answer, answer


def test_a_listener_of_one_transport(gateways):
    gw = gateways(sip.cameras(listeners=[{"name": "u", "address": "127.0.0.1", "port": 0, "transport": "udp"},
                                         {"name": "t", "address": "127.0.0.1", "port": 0, "transport": "tcp"}]), env=sip.ENV)
    udp, tcp = sip.port(gw, "u"), sip.port(gw, "t")
    assert [(row["name"], row["transport"]) for row in gw.run["sip"]] == [("u", "udp"), ("t", "tcp")]
    with sip.datagram_socket(udp) as peer:
        peer.send(sip.request("REGISTER", sip.device_id(1), more="Expires: 60\r\n"))
        assert peer.recv(65535).startswith(b"SIP/2.0 401 ")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", udp), timeout=5)
    with socket.create_connection(("127.0.0.1", tcp), timeout=5) as peer:
        peer.sendall(sip.request("REGISTER", sip.device_id(1), more="Expires: 60\r\n", transport="TCP"))
        assert answer_on(peer).startswith(b"SIP/2.0 401 ")


def test_a_port_in_use_is_named_with_its_option(gw, gateways):
    second = gateways(sip.cameras(listeners=[{"name": "sip", "address": "127.0.0.1", "port": sip.port(gw)}]), start=False)
    with pytest.raises(AssertionError, match=r"SIP listener sip\): address in use; .*--set gb28181\.listeners\.sip\.port=PORT"):
        second.start(sip.ENV)
