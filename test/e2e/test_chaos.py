"""`holdfast chaos` over TCP: the bare proxy, delay, loss. Times are asserted as lower bounds only: a fault may last longer on a
busy machine, never shorter."""
import hashlib
import os
import select
import socket
import threading
import time

from lib.chaos import best_round_trip_s, is_quiet, is_turned_away, pair, receive, reset, was_reset
from lib.chaos import chaos, door, echo  # noqa: F401 - fixtures


# ---- the bare proxy ----

def test_bytes_pass_unchanged_in_both_directions(chaos, echo):
    proxy, data = chaos(echo), os.urandom(3 << 20)
    with proxy.connect() as sock:
        sock.setblocking(False)
        back, at = hashlib.sha256(), 0
        left = len(data)
        while left > 0:
            readable, writable, _ = select.select([sock], [sock] if at < len(data) else [], [], 10)
            assert readable or writable
            if writable:
                at += sock.send(data[at:at + 65536])
            if readable:
                part = sock.recv(65536)
                assert part
                back.update(part)
                left -= len(part)
        assert back.digest() == hashlib.sha256(data).digest()
    stats = proxy.end()
    assert stats["bytes_up"] == stats["bytes_down"] == len(data) and stats["connections_opened"] == 1
    assert stats["cuts"] == stats["stalls"] == stats["lost_up"] == stats["lost_down"] == stats["swallowed_bytes"] == 0


def test_a_reader_that_wakes_up_late_gets_everything(chaos, door):
    """More than all kernels between take: the proxy waits, then goes on where it was."""
    proxy, data = chaos(door), os.urandom(1 << 20)
    client, server = pair(proxy, door)
    writer = threading.Thread(target=lambda: (server.sendall(data * 32), server.close()))
    writer.start()
    proxy.until("backpressure", 1)
    got = hashlib.sha256()
    while part := client.recv(1 << 20):
        got.update(part)
    writer.join()
    assert got.digest() == hashlib.sha256(data * 32).digest()


def test_a_half_closed_connection_stays_half_open(chaos, door):
    proxy = chaos(door)
    client, server = pair(proxy, door)
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert receive(server, 100) == b"question"
    server.sendall(b"answer")
    assert receive(client, 6) == b"answer" and is_quiet(client)
    server.close()
    assert client.recv(1) == b""
    proxy.until("connections_now", 0)


def test_a_reset_is_passed_on(chaos, door):
    proxy = chaos(door)
    for first in (0, 1):
        ends = pair(proxy, door)
        reset(ends[first])
        assert was_reset(ends[1 - first])
    proxy.until("connections_now", 0)


def test_a_reset_behind_a_fin_is_passed_on(chaos, door):
    proxy = chaos(door)
    client, server = pair(proxy, door)
    client.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b""
    reset(client)
    poll = select.poll()
    poll.register(server, 0)  # reads tell of the FIN for ever
    assert poll.poll(10000)[0][1] & select.POLLERR
    proxy.until("connections_now", 0)


def test_a_server_that_is_not_there(chaos, door):
    door.close()
    proxy = chaos(door)
    assert is_turned_away(proxy)
    proxy.until("connects_failed", 1)


def test_connections_are_bounded(chaos, door):
    proxy = chaos(door, "--connections", "2")
    held = [pair(proxy, door), pair(proxy, door)]
    assert is_turned_away(proxy)
    assert proxy.until("connections_refused", 1)["connections_now"] == 2
    held[0][0].close()
    held[0][1].close()
    proxy.until("connections_now", 1)
    pair(proxy, door)


# ---- time ----

def test_latency_is_added_in_each_direction(chaos, echo):
    with socket.create_connection(echo.address) as sock:
        direct_s = best_round_trip_s(sock)
    proxy = chaos(echo, "--rtt", "60ms")
    begin = time.monotonic()
    with proxy.connect() as sock:
        assert best_round_trip_s(sock) >= max(0.060, 2 * min(direct_s, 0.030))
    assert time.monotonic() - begin >= 6 * 0.060, "the handshake and five round trips"
    assert proxy.end()["delayed_max_ms"] >= 30


def test_latency_of_one_direction(chaos, door):
    proxy = chaos(door)
    client, server = pair(proxy, door)
    proxy.ok("set latency-down=2s")
    begin = time.monotonic()
    server.sendall(b"down")
    client.sendall(b"up")
    assert receive(server, 2) == b"up" and is_quiet(client), "what goes up overtakes what comes down"
    assert receive(client, 4) == b"down" and time.monotonic() - begin >= 2


def test_jitter_keeps_the_order_of_the_stream(chaos, echo):
    proxy = chaos(echo, "--latency", "10ms", "--jitter", "10ms", "--seed", "3")
    with proxy.connect() as sock:
        sent = b"".join(b"%06d" % i for i in range(20000))
        sock.sendall(sent)
        assert receive(sock, len(sent)) == sent


def test_a_limited_line(chaos, door):
    proxy = chaos(door, "--rate-up", "200KiB/s")
    client, server = pair(proxy, door)
    begin = time.monotonic()
    client.sendall(bytes(20 << 10))
    assert len(receive(server, 20 << 10)) == 20 << 10 and time.monotonic() - begin >= 0.1
    server.sendall(bytes(1 << 20))
    assert len(receive(client, 1 << 20)) == 1 << 20


def test_a_trickle_comes_byte_by_byte(chaos, door):
    proxy = chaos(door, "--rate-up", "2B/s")  # so slow that nobody can take two of them for one
    client, server = pair(proxy, door)
    client.sendall(b"lor")
    assert [server.recv(100) for _ in range(3)] == [b"l", b"o", b"r"]


# ---- loss ----

def lossy_run(chaos, door, seed, *options):
    """Each message is one segment: the next is sent when the proxy has taken the one before."""
    proxy = chaos(door, "--loss-up", "15%", "--seed", str(seed), *options)
    client, server = pair(proxy, door)
    for i in range(60):
        client.sendall(b"message %04d" % i)
        proxy.until("units_up", i + 1)
    stats = proxy.end()
    client.close()
    server.close()
    return stats["lost_up"], stats["stalls"], stats["stalled_max_ms"]


def test_loss_is_made_by_the_seed(chaos, door):
    first = lossy_run(chaos, door, 7)
    assert first == lossy_run(chaos, door, 7)
    assert first == lossy_run(chaos, door, 7, "--latency-down", "1ms", "--flip-down", "5%")[:2] + first[2:], \
        "other faults do not change which segments are lost"
    assert first != lossy_run(chaos, door, 8) and 0 < first[1] <= first[0] < 40


def test_a_lost_segment_stalls_the_stream(chaos, echo):
    proxy = chaos(echo)
    with proxy.connect() as sock:
        best_round_trip_s(sock)
        proxy.ok("set loss-up=50%")
        begin = time.monotonic()
        for i in range(1, 9):  # until one is lost: with this seed, soon
            sock.sendall(b"%d" % i)
            proxy.until("units_up", 5 + i)
            if proxy.stat("stalls") > 0:
                break
        proxy.ok("set loss-up=0")
        sock.sendall(b"!")
        assert receive(sock, i + 1)[-1:] == b"!" and time.monotonic() - begin >= 0.2, "what follows waits, too"
    stats = proxy.end()
    assert stats["stalls"] == 1 and stats["stalled_max_ms"] >= 200 and stats["delayed_max_ms"] >= 200


def test_loss_may_reset(chaos, door):
    proxy = chaos(door, "--loss-down", "100%", "--reset-loss-down", "100%", "--profile", "none")
    # a handshake whose SYN-ACK is lost again and again would take a minute: lose from now on only
    proxy.ok("set loss-down=0")
    client, server = pair(proxy, door)
    proxy.ok("set loss-down=100%")
    server.sendall(b"x")
    assert was_reset(client) and was_reset(server)
    assert proxy.until("loss_resets", 1)["stalls"] == 0
