"""Ports for whoever must be told one, or comes back to where he was: below those that the kernel gives out by itself, and apart for each test process. One that the kernel has given
out goes to somebody else as soon as its owner is down."""
import itertools
import os
import socket

EACH, WORKERS = 1000, 10
first = 10000 + EACH * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % WORKERS)  # up to 21000, where the ports for media begin
turn = itertools.islice(itertools.cycle(range(first, first + EACH)), os.getpid() % EACH, None)  # two runs of the tests on one machine begin apart


def own_port():
    """Free on loopback, for TCP and UDP."""
    for port in itertools.islice(turn, EACH):
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise AssertionError(f"no port from {first} on is free")
