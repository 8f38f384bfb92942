"""`holdfast chaos` over TCP: silence, middleboxes that forget, peers that are slow, dead or not there."""
import os
import select
import socket
import time

import pytest

from lib.chaos import best_round_trip_s, is_quiet, pair, receive, reset, was_reset
from lib.chaos import chaos, door, echo  # noqa: F401 - fixtures
from lib.gateway import eventually


# ---- silence ----

def test_silence_swallows_bytes_and_says_nothing(chaos, door):
    proxy = chaos(door)
    idle_client, idle_server = pair(proxy, door)
    client, server = pair(proxy, door)
    proxy.ok("silence")
    client.sendall(b"lost")
    server.sendall(b"lost, too")
    proxy.until("swallowed_bytes", 13)
    assert is_quiet(client) and is_quiet(server)
    proxy.ok("heal")
    client.sendall(b"more")
    proxy.until("swallowed_bytes", 17)
    idle_client.sendall(b"nothing of mine was lost")
    assert receive(idle_server, 24) == b"nothing of mine was lost"
    fresh, behind = pair(proxy, door)
    fresh.sendall(b"new")
    assert receive(behind, 3) == b"new"
    client.close()  # its FIN is swallowed: the server is half-open
    proxy.ok("stats")
    assert is_quiet(server) and proxy.stat("connections_now") == 3
    server.close()
    proxy.until("connections_now", 2)


def test_silence_of_one_direction(chaos, door):
    proxy = chaos(door)
    client, server = pair(proxy, door)
    proxy.ok("silence down")
    server.sendall(b"lost")
    proxy.until("swallowed_bytes", 4)
    client.sendall(b"heard")
    assert receive(server, 5) == b"heard" and is_quiet(client)


def test_a_reset_in_a_silence_is_not_heard(chaos, door):
    proxy = chaos(door)
    client, server = pair(proxy, door)
    proxy.ok("silence up")
    reset(client)
    server.sendall(b"are you there?")
    proxy.until("swallowed_bytes", 14)
    assert is_quiet(server) and proxy.stat("connections_now") == 1
    server.shutdown(socket.SHUT_WR)
    proxy.until("connections_now", 0)
    proxy.ok("heal")
    client, server = pair(proxy, door)
    proxy.ok("silence")
    server.shutdown(socket.SHUT_WR)
    reset(client)
    proxy.until("connections_now", 0)


def test_silence_takes_what_is_under_way(chaos, door):
    proxy = chaos(door)
    client, server = pair(proxy, door)
    proxy.ok("set latency=10s")
    client.sendall(b"on its way")
    proxy.until("units_up", 1)
    proxy.ok("silence up 10ms")
    assert proxy.until("swallowed_bytes", 10)["bytes_up"] == 0 and is_quiet(server)


def test_silence_that_holds_brings_the_bytes_later(chaos, door):
    proxy = chaos(door)
    client, server = pair(proxy, door)
    proxy.ok("silence hold")
    begin = time.monotonic()
    client.sendall(b"late")
    client.shutdown(socket.SHUT_WR)
    waiting = proxy.connect()  # its SYN is on the way all the time
    proxy.until("units_up", 1)
    assert is_quiet(server) and door.is_quiet()
    proxy.ok("silence 50ms hold")
    assert receive(server, 100) == b"late" and time.monotonic() - begin >= 0.05
    behind = door.accept()
    waiting.sendall(b"me, too")
    assert receive(behind, 7) == b"me, too"


def test_who_gives_up_in_a_silence_is_gone(chaos, door):
    proxy = chaos(door)
    proxy.ok("silence")
    proxy.connect().close()
    proxy.until("connections_opened", 1)
    proxy.until("connections_now", 0)
    proxy.ok("heal")
    assert door.is_quiet()


def test_each_connection_may_fall_silent(chaos, door):
    proxy = chaos(door, "--silence-after", "30ms")
    client, server = pair(proxy, door)
    proxy.until("silenced", 1)
    client.sendall(b"hello?")
    turns = proxy.until("swallowed_bytes", 6)["loop_turns"]
    proxy.ok("at 40ms silence up")
    stats = proxy.until("silences", 1)
    assert stats["connections_now"] == 1 and is_quiet(server)
    assert stats["loop_turns"] - turns < 500, "what is dead costs nothing"


def test_silence_in_the_middle_of_a_handshake(chaos, door):
    proxy = chaos(door, "--silence-bytes-up", "10")
    client, server = pair(proxy, door)
    client.sendall(b"GET / HTTP/1.1\r\n")
    assert receive(server, 10) == b"GET / HTTP"
    proxy.until("swallowed_bytes", 6)
    server.sendall(b"still heard")
    assert receive(client, 11) == b"still heard" and is_quiet(server)


# ---- middleboxes, slow and dead peers ----

def test_a_middlebox_forgets(chaos, door):
    proxy = chaos(door, "--idle", "40ms")
    client, server = pair(proxy, door)
    assert proxy.until("idle_cuts", 1)["connections_now"] == 1
    client.sendall(b"anybody?")
    proxy.until("swallowed_bytes", 8)
    assert is_quiet(server) and is_quiet(client)


def test_a_middlebox_that_is_kept_awake(chaos, echo):
    proxy = chaos(echo, "--idle", "3s")
    begin = time.monotonic()
    with proxy.connect() as sock:
        while time.monotonic() - begin < 3.5:
            last = time.monotonic()
            best_round_trip_s(sock, 1)
        assert proxy.stat("idle_cuts") == 0
        proxy.until("idle_cuts", 1)
    assert time.monotonic() - last >= 2.99


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_a_middlebox_that_speaks(chaos, door, how):
    proxy = chaos(door, "--idle", "40ms", "--idle-how", how)
    for sock in pair(proxy, door):
        assert was_reset(sock) == (how == "rst")
    proxy.until("idle_cuts", 1)


def test_a_slow_reader_stops_the_sender(chaos, door):
    proxy = chaos(door, "--read-rate-down", "1KiB/s")
    client, server = pair(proxy, door)
    server.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while True:
            sent += server.send(bytes(65536))
    assert select.select([], [server], [], 0.2)[1] == [], "its window does not open"
    assert proxy.stat("bytes_down") < 16384 < sent
    assert receive(client, 100) == bytes(100), "but it reads"


def test_what_is_buffered_is_bounded(chaos, door):
    proxy = chaos(door, "--buffer", "16KiB")
    client, server = pair(proxy, door)
    proxy.ok("silence down hold")
    data = os.urandom(1 << 16)
    server.sendall(data)
    assert proxy.until("backpressure", 1)["bytes_down"] == 0
    proxy.ok("heal")
    assert receive(client, len(data)) == data
    proxy.ok("set rate-down=20B/s")  # a piece for each byte costs more than the byte
    before = proxy.stat("backpressure")
    server.sendall(data)
    eventually(lambda: proxy.stat("backpressure") > before)
    assert 16 << 10 <= proxy.stat("buffered_max_bytes") < 20 << 10


def test_what_is_closed_and_not_yet_read_costs_nothing(chaos, door):
    """Both ends of the client's connection are closed, and its last bytes wait because the line is full."""
    proxy, data = chaos(door, "--buffer", "16KiB"), os.urandom(1 << 16)
    client, server = pair(proxy, door)
    proxy.ok("silence up hold")
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
    server.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    turns = proxy.until("backpressure", 1)["loop_turns"]
    proxy.ok("at 40ms cut 0%")
    eventually(lambda: proxy.ok("faults")["scheduled"] == [])
    assert proxy.stat("loop_turns") - turns < 500
    proxy.ok("heal")
    assert receive(server, len(data)) == data and server.recv(1) == b""
    proxy.until("connections_now", 0)


def test_accepted_then_nothing(chaos, door):
    proxy = chaos(door, "--accept-only", "on")
    client = proxy.connect()
    client.sendall(b"hello")
    proxy.until("connections_opened", 1)
    assert door.is_quiet() and is_quiet(client)
    proxy.ok("set accept-only=off")
    assert receive(door.accept(), 5) == b"hello"


def test_nobody_listens_for_a_while(chaos, echo):
    proxy = chaos(echo)
    with proxy.connect() as before:
        proxy.ok("refuse")
        with pytest.raises(ConnectionRefusedError):
            proxy.connect()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(proxy.address)  # the port is kept
        best_round_trip_s(before, 1)  # who was there stays
        proxy.ok("heal")
        with proxy.connect() as after:
            best_round_trip_s(after, 1)
    begin = time.monotonic()
    proxy.ok("refuse 40ms")

    def reached():
        try:
            proxy.connect().close()
        except ConnectionRefusedError as error:
            raise AssertionError("refused") from error
        return True
    assert eventually(reached) and time.monotonic() - begin >= 0.04
    assert proxy.stat("refusals") == 2 and proxy.ok("faults")["refuses"] is False
