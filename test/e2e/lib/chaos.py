"""`holdfast chaos` as a child process, and the small servers that stand behind it."""
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S


def settle(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


class Chaos:
    """Reads the line that says that it is ready; command() asks on stdin, as a person would."""

    def __init__(self, to, *options):
        self.process = subprocess.Popen(
            [str(BINARY), "chaos", "--to", "%s:%d" % to, "--json", *options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("no ready line: " + self.process.communicate()[1])
        self.ready = json.loads(line)
        self.address = settle(self.ready["listen"])

    def command(self, line):
        self.process.stdin.write(line + "\n")
        return json.loads(self.process.stdout.readline())

    def ok(self, line):
        answer = self.command(line)
        assert answer.pop("ok"), answer
        return answer

    def stat(self, name):
        return self.ok("stats")[name]

    def until(self, name, value):
        """Waits for a counter; gives all of them as they were then."""
        def there():
            stats = self.ok("stats")
            assert stats[name] == value, stats
            return stats
        return eventually(there)

    def connect(self, **options):
        sock = socket.create_connection(self.address, timeout=WAIT_S, **options)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def end(self):
        """TERM; gives the counters."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=WAIT_S)
        assert self.process.returncode == 0 and err == "", (self.process.returncode, err)
        return json.loads(out.splitlines()[-1])

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Door:
    """A listener whose connections the test holds in its own hands."""

    def __init__(self, kind=socket.SOCK_STREAM):
        self.sock = socket.socket(socket.AF_INET, kind)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(WAIT_S)
        if kind == socket.SOCK_STREAM:
            self.sock.listen(64)
        self.address = self.sock.getsockname()

    def accept(self):
        sock = self.sock.accept()[0]
        sock.settimeout(WAIT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def is_quiet(self):
        return select.select([self.sock], [], [], 0)[0] == []

    def close(self):
        self.sock.close()


class Echo(Door):
    """Sends back what comes, TCP."""

    def __init__(self):
        super().__init__()
        self.sock.settimeout(None)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                sock = self.sock.accept()[0]
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    @staticmethod
    def serve(sock):
        with sock:
            try:
                while data := sock.recv(65536):
                    sock.sendall(data)
            except OSError:
                pass

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)  # ends accept()
        self.sock.close()


def receive(sock, count):
    """Exactly so many bytes; fewer only at the end."""
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            break
        data += part
    return data


def is_quiet(sock):
    """No byte, no FIN, no RST is there."""
    return select.select([sock], [], [], 0)[0] == []


def reset(sock):
    """Closes with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def was_reset(sock):
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False


def is_turned_away(proxy):
    """Reset as soon as it is accepted: connect() may fail already, or the first read."""
    try:
        with proxy.connect() as sock:
            return was_reset(sock)
    except ConnectionResetError:
        return True


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def best_round_trip_s(sock, rounds=5):
    """The shortest of a few: what the path costs at least."""
    times = []
    for _ in range(rounds):
        begin = time.monotonic()
        sock.sendall(b"x")
        assert receive(sock, 1) == b"x"
        times.append(time.monotonic() - begin)
    return min(times)


def sleeper():
    """A process that does nothing, for ever."""
    return subprocess.Popen(["sleep", "1000"], env=os.environ)


def pair(proxy, door):
    """The two ends of one connection through the proxy."""
    client = proxy.connect()
    return client, door.accept()


# ---- fixtures: import those that a file uses ----

@pytest.fixture
def chaos():
    started = []

    def start(door, *options):
        started.append(Chaos(getattr(door, "address", door), *options))
        return started[-1]
    yield start
    for proxy in started:
        proxy.kill()


@pytest.fixture
def door():
    door = Door()
    yield door
    door.close()


@pytest.fixture
def echo():
    echo = Echo()
    yield echo
    echo.close()
