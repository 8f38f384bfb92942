"""`holdfast chaos` over TCP: cuts, damaged bytes, a gateway behind it, and its own end."""
import json
import signal

import pytest

from lib.chaos import is_quiet, pair, receive, was_reset
from lib.chaos import chaos, door, echo  # noqa: F401 - fixtures
from lib.gateway import eventually
from lib.pace import WAIT_S
from lib.rawws import RawWs


# ---- cuts ----

@pytest.mark.parametrize("how", ["rst", "fin"])
def test_cut_by_command(chaos, door, how):
    proxy = chaos(door)
    ends = [*pair(proxy, door), *pair(proxy, door)]
    assert proxy.ok("cut 0%") == {"cut": 0} and is_quiet(ends[0])
    assert proxy.ok(f"cut {how}") == {"cut": 2}
    for sock in ends:
        assert was_reset(sock) == (how == "rst")
        sock.close()
    assert proxy.until("connections_now", 0)["cuts"] == 2


def test_cut_of_a_share_is_made_by_the_seed(chaos, door):
    def run(seed):
        proxy = chaos(door, "--seed", str(seed))
        ends = [pair(proxy, door) for _ in range(20)]
        count = proxy.ok("cut fin 50%")["cut"]
        assert 3 <= count <= 17
        eventually(lambda: sum(not is_quiet(client) for client, _ in ends) == count)
        who = [not is_quiet(client) for client, _ in ends]
        assert all(client.recv(1) == b"" for (client, _), cut in zip(ends, who) if cut)
        for client, server in ends:
            client.close()
            server.close()
        return who
    assert run(4) == run(4) != run(5)


def test_who_does_not_answer_a_fin_is_reset(chaos, door):
    proxy = chaos(door)
    client, server = pair(proxy, door)
    assert proxy.ok("cut fin") == {"cut": 1} and client.recv(1) == server.recv(1) == b""
    assert proxy.ok("cut fin") == {"cut": 0}, "it is cut already"
    proxy.until("connections_now", 0)


@pytest.mark.parametrize("options", [("--cut-after", "30ms"), ("--cut-mean", "20ms"), ("--every", "30ms cut"), ()])
def test_cut_by_time(chaos, door, options):
    proxy = chaos(door, *options)
    client, server = pair(proxy, door)
    if not options:
        proxy.ok("at 30ms cut")
    assert was_reset(client) and was_reset(server)
    assert proxy.until("connections_now", 0)["cuts"] == 1


def test_cut_in_the_middle_of_a_message(chaos, door):
    proxy = chaos(door, "--cut-bytes-up", "7", "--cut-how", "fin")
    client, server = pair(proxy, door)
    client.sendall(b"a message that is cut off")
    assert receive(server, 100) == b"a messa" and receive(client, 1) == b""
    proxy.until("cuts", 1)


# ---- damage (F15) ----

def bits(a, b):
    return sum(bin(x ^ y).count("1") for x, y in zip(a, b))


def test_flipped_bits(chaos, echo):
    proxy = chaos(echo, "--flip-up", "100%")
    with proxy.connect() as sock:
        sock.sendall(bytes(1000))
        assert bits(receive(sock, 1000), bytes(1000)) == 1
    assert proxy.end()["flipped"] == 1


def test_truncated_and_repeated(chaos, door):
    proxy = chaos(door, "--truncate-up", "100%", "--cut-how", "fin", "--duplicate-down", "100%")
    client, server = pair(proxy, door)
    server.sendall(b"twice.")
    assert receive(client, 12) == b"twice.twice."
    client.sendall(b"0123456789")
    got = receive(server, 100)
    assert len(got) < 10 and b"0123456789".startswith(got)
    stats = proxy.until("truncated", 1)
    assert stats["duplicated"] == 1


# ---- with the gateway behind it ----

def test_a_device_behind_a_bad_network(chaos, gateways):
    """Cut by the network it comes back and goes on, and the gateway knows that this was no goodbye."""
    gw = gateways()
    proxy = chaos(gw.address(), "--rtt", "20ms", "--jitter", "5ms")
    for number in (1, 2):
        device = RawWs(proxy.address, "/v1/connect/far", {"Authorization": "Bearer " + gw.token("far")})
        device.text('{"type":"data","id":"m-%d","payload":%d}' % (number, number))
        assert json.loads(device.recv_text())["id"] == f"m-{number}"
        proxy.ok("cut rst")
        eventually(lambda: gw.log().count("reason=connection_reset") == number)
    assert [event["payload"] for event in gw.api().events(device="far", type="message")] == [1, 2]


# ---- as a program ----

def test_it_ends_by_itself(chaos, door):
    assert chaos(door, "--duration", "50ms").process.wait(WAIT_S) == 0


def test_quit_and_signals(chaos, door):
    proxy = chaos(door)
    client, server = pair(proxy, door)
    proxy.ok("quit")
    assert receive(client, 1) == receive(server, 1) == b"", "by FIN"
    assert proxy.process.wait(WAIT_S) == 0
    proxy = chaos(door)
    proxy.process.send_signal(signal.SIGINT)
    assert proxy.process.wait(WAIT_S) == 0
