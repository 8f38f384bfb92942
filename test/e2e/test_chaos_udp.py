"""`holdfast chaos --udp`: what happens to datagrams. Shares are judged with a fixed seed, within five standard deviations."""
import math
import socket
import time

import pytest

from lib.chaos import Chaos, Door, is_quiet
from lib.gateway import eventually
from lib.pace import WAIT_S


@pytest.fixture
def door():
    door = Door(socket.SOCK_DGRAM)
    door.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    yield door
    door.close()


@pytest.fixture
def chaos(door):
    started = []

    def start(*options):
        started.append(Chaos(door.address, "--udp", *options))
        return started[-1]
    yield start
    for proxy in started:
        proxy.kill()


def client_of(proxy):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(WAIT_S)
    sock.connect(proxy.address)
    return sock


def drain(sock):
    """What is there, without waiting."""
    got = []
    while not is_quiet(sock):
        got.append(sock.recv(65536))
    return got


def sent_up(proxy, door, client, count, payload=b"%06d"):
    """Sends in small groups, so that no kernel buffer overflows; gives what arrived by the time all were taken."""
    got = []
    for first in range(0, count, 50):
        for i in range(first, min(first + 50, count)):
            client.send(payload % i if b"%" in payload else payload)
        proxy.until("units_up", min(first + 50, count))
        got += drain(door.sock)
    return got


def test_both_ways_and_for_each_client_its_own_port(chaos, door):
    proxy = chaos()
    ports = set()
    for name in (b"a", b"b"):
        with client_of(proxy) as client:
            client.send(name)
            data, behind = door.sock.recvfrom(100)
            assert data == name
            ports.add(behind)
            door.sock.sendto(b"answer to " + data, behind)
            assert client.recv(100) == b"answer to " + name
            client.send(b"")
            assert door.sock.recvfrom(100) == (b"", behind), "an empty datagram is one"
            big = bytes(60000)
            client.send(big)
            assert door.sock.recvfrom(65536) == (big, behind)
    stats = proxy.end()
    assert len(ports) == 2 and stats["connections_opened"] == 2 and stats["units_up"] == 6 and stats["units_down"] == 2


def test_the_share_that_is_lost(chaos, door):
    proxy = chaos("--loss-up", "20%", "--seed", "11")
    with client_of(proxy) as client:
        got = sent_up(proxy, door, client, 2000)
    stats = proxy.end()
    spread = 5 * math.sqrt(2000 * 0.2 * 0.8)
    assert abs(stats["lost_up"] - 400) < spread and stats["lost_down"] == 0
    assert len(got) == 2000 - stats["lost_up"] and stats["dropped_full"] == 0 and stats["stalls"] == 0


def test_the_seed_says_which(chaos, door):
    def run(*options):
        proxy = chaos("--loss-up", "30%", *options)
        with client_of(proxy) as client:
            got = sent_up(proxy, door, client, 200)
        proxy.end()
        return got
    first = run("--seed", "1")
    assert first == run("--seed", "1") == run("--seed", "1", "--flip-down", "50%") != run("--seed", "2")
    assert first == sorted(first), "without jitter nothing overtakes"


def test_losses_in_bursts(chaos, door):
    """As many as without bursts, but in fewer and longer gaps."""
    def gaps(*options):
        proxy = chaos("--seed", "5", *options)
        with client_of(proxy) as client:
            got = [int(data) for data in sent_up(proxy, door, client, 2000)]
        lost = proxy.end()["lost_up"]
        assert 250 < lost < 550, "20 % of 2000"
        return lost, sum(1 for a, b in zip(got, got[1:]) if b - a > 1)
    even, bursts = gaps("--loss-up", "20%"), gaps("--burst-loss-up", "20%", "--burst-length-up", "8")
    assert even[0] / even[1] < 1.6 and bursts[0] / bursts[1] > 4


def test_duplicates(chaos, door):
    proxy = chaos("--duplicate-up", "100%")
    with client_of(proxy) as client:
        client.send(b"one")
        assert door.sock.recv(10) == door.sock.recv(10) == b"one"
    assert proxy.end()["duplicated"] == 1


def test_disorder(chaos, door):
    proxy = chaos("--reorder-up", "20%", "--reorder-by-up", "30ms", "--seed", "9")
    with client_of(proxy) as client:
        for i in range(100):
            client.send(b"%06d" % i)
        got = [door.sock.recv(10) for _ in range(100)]
    stats = proxy.end()
    assert len(set(got)) == 100 and got != sorted(got)
    assert 5 <= stats["reordered"] <= 40 and stats["delayed_max_ms"] >= 30


def test_jitter_makes_disorder_by_itself(chaos, door):
    proxy = chaos("--latency-up", "15ms", "--jitter-up", "15ms")
    with client_of(proxy) as client:
        for i in range(100):
            client.send(b"%06d" % i)
        got = [door.sock.recv(10) for _ in range(100)]
    assert len(set(got)) == 100 and got != sorted(got)


def test_damage(chaos, door):
    proxy = chaos("--flip-up", "100%")
    with client_of(proxy) as client:
        client.send(bytes(100))
        assert sum(bin(byte).count("1") for byte in door.sock.recv(200)) == 1
        proxy.ok("set flip=0 truncate-up=100%")
        client.send(bytes(100))
        assert len(door.sock.recv(200)) < 100
    stats = proxy.end()
    assert stats["flipped"] == 1 and stats["truncated"] == 1


def test_silence_and_healing(chaos, door):
    proxy = chaos()
    with client_of(proxy) as client:
        client.send(b"before")
        behind = door.sock.recvfrom(100)[1]
        proxy.ok("silence down")
        door.sock.sendto(b"lost", behind)
        assert proxy.until("swallowed_bytes", 4)["bytes_down"] == 0
        proxy.ok("silence up hold")
        client.send(b"late")
        proxy.until("units_up", 2)
        assert door.is_quiet()
        proxy.ok("heal")
        assert door.sock.recv(100) == b"late", "a datagram that was lost leaves no hole in a stream"
        door.sock.sendto(b"heard", behind)
        assert client.recv(100) == b"heard"


def test_a_nat_that_changes_its_port(chaos, door):
    proxy = chaos("--rebind", "50ms")
    with client_of(proxy) as client:
        client.send(b"1")
        first = door.sock.recvfrom(100)[1]
        eventually(lambda: proxy.stat("rebinds") >= 1)
        proxy.ok("set rebind=0")
        client.send(b"2")
        data, second = door.sock.recvfrom(100)
        assert data == b"2" and second[1] != first[1]
        assert proxy.stat("connections_opened") == 1, "the same flow"
        door.sock.sendto(b"to nobody", first)
        door.sock.sendto(b"to it", second)
        assert client.recv(100) == b"to it"


@pytest.mark.parametrize("options,counter", [(("--idle", "30ms"), "idle_cuts"), (("--cut-after", "30ms"), "cuts")])
def test_a_mapping_that_is_forgotten(chaos, door, options, counter):
    proxy = chaos(*options)
    with client_of(proxy) as client:
        client.send(b"1")
        first = door.sock.recvfrom(100)[1]
        assert proxy.until(counter, 1)["connections_now"] == 0
        proxy.ok(f"set {options[0].lstrip('-')}=0")  # else it may forget the second one before that is answered
        door.sock.sendto(b"to nobody", first)
        client.send(b"2")
        data, second = door.sock.recvfrom(100)
        door.sock.sendto(b"answer", second)
        assert data == b"2" and client.recv(100) == b"answer" and proxy.stat("connections_opened") == 2


def test_a_mapping_that_is_used_stays(chaos, door):
    proxy = chaos("--idle", "3s")
    begin = time.monotonic()
    with client_of(proxy) as client:
        while time.monotonic() - begin < 3.5:
            last = time.monotonic()
            client.send(b"keep-alive")
            assert door.sock.recv(100) == b"keep-alive"
        assert proxy.stat("idle_cuts") == 0
        assert proxy.until("idle_cuts", 1)["connections_opened"] == 1
    assert time.monotonic() - last >= 2.99


def test_flows_are_bounded(chaos, door):
    """The client that was quiet for longest makes room."""
    proxy = chaos("--connections", "2")
    clients = [client_of(proxy) for _ in range(3)]
    for i in (0, 1, 0, 2):
        clients[i].send(b"%d" % i)
        assert door.sock.recv(10) == b"%d" % i
    stats = proxy.until("evicted", 1)
    assert stats["connections_now"] == 2 and stats["connections_opened"] == 3
    clients[0].send(b"still here")
    assert door.sock.recv(100) == b"still here" and proxy.stat("connections_opened") == 3


def test_what_is_under_way_is_bounded(chaos, door):
    proxy = chaos("--buffer", "16KiB", "--latency-up", "10s")
    with client_of(proxy) as client:
        for _ in range(30):
            client.send(bytes(1000))
        stats = proxy.until("units_up", 30)
    assert 10 <= stats["dropped_full"] <= 20


def test_a_line_with_a_limit(chaos, door):
    proxy = chaos("--rate-up", "20KiB/s")
    with client_of(proxy) as client:
        begin = time.monotonic()
        for _ in range(4):
            client.send(bytes(512))
        for _ in range(4):
            assert len(door.sock.recv(1000)) == 512
        assert time.monotonic() - begin >= 0.1


def test_a_server_that_is_not_there(chaos, door):
    proxy = chaos()
    door.close()
    with client_of(proxy) as client:
        client.send(b"anybody?")
        eventually(lambda: proxy.stat("connects_failed") >= 1)


def test_there_is_nothing_to_refuse(chaos):
    answer = chaos().command("refuse 1s")
    assert answer["ok"] is False and "use silence" in answer["error"]
