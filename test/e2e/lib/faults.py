"""What the fault tests share: a witness whose latency is measured, peers in processes of their own, certificates, and readings
of a process from outside."""
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

from lib.gateway import BINARY, eventually
from lib.pace import PACE, WAIT_S, Stopwatch
from lib.rawws import TEXT, frame

E2E = Path(__file__).resolve().parents[1]

P99_S = 0.5 * PACE  # of a witness' durable round trip beside a fault


class Witness(threading.Thread):
    """A healthy device that sends one durable message after the other and remembers how long each acknowledgement took."""

    def __init__(self, gw, name="witness", **options):
        super().__init__(daemon=True)
        self.ws = gw.connect(name, **options)
        self.name, self.took_s, self.failure, self.enough, self.watch = name, [], None, threading.Event(), Stopwatch()
        self.start()

    def run(self):
        try:
            while not self.enough.is_set():
                begin = self.watch.s()
                n = len(self.took_s)
                self.ws.raw(frame(TEXT, '{"type":"data","id":"%d","topic":"witness","payload":{"n":%d}}' % (n, n)))
                while True:
                    got = json.loads(self.ws.recv_text())
                    if got.get("type") == "ack":
                        break
                assert got["id"] == str(n), got
                self.took_s.append(self.watch.s() - begin)
                self.enough.wait(0.005)  # a rhythm, so that it is a measurement and no load
        except Exception as error:  # told to the test, which alone may fail
            self.failure = error

    def __enter__(self):
        eventually(lambda: len(self.took_s) >= 5 or self.failure)
        return self

    def __exit__(self, kind, *_):
        self.enough.set()
        self.join(WAIT_S)
        self.watch.__exit__()
        self.ws.abort()
        if kind is None:
            assert self.failure is None, f"the witness was hurt: {self.failure!r}"

    def p99_s(self, since=0):
        eventually(lambda: len(self.took_s) >= since + 120 or self.failure)  # of fewer it would be the worst
        assert self.failure is None, f"the witness was hurt: {self.failure!r}"
        rows = sorted(self.took_s[since:])
        return rows[min(len(rows) - 1, len(rows) * 99 // 100)]


def cpu_s(pid):
    """User and system time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def balanced(gw):
    """Until the books add up, for each stream; gives them."""
    def once():
        ledger = gw.api("operator").get("/v1/ledger")
        for stream in ("uplink", "downlink", "broadcast"):
            book = ledger[stream]
            assert book["accepted"] == book["delivered"] + book["pending"] + book["dropped_total"], (stream, book)
            assert book["difference"] == 0, (stream, book)
        return ledger
    return eventually(once)


def peer_process(code, *args):
    """A peer as a process of its own, so that its work is not done under the test's interpreter lock. `code` sees argv."""
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            text=True, cwd=E2E)


class Pki:
    """CAs, server and device certificates, made by the product's own `gen`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)

    def gen(self, *args):
        subprocess.run([str(BINARY), "gen", *args, "--overwrite"], cwd=self.folder, check=True, capture_output=True, timeout=WAIT_S)

    def path(self, name):
        return str(self.folder / name)

    def ca(self, name):
        self.gen("ca", "--name", name, "--out", name)
        return self

    def server(self, ca, out="server"):
        self.gen("cert", "--ca", ca, "--server", "127.0.0.1", "--out", out)
        return self

    def device(self, ca, device, out=None):
        self.gen("cert", "--ca", ca, "--device", f"acme/{device}", "--out", out or device)
        return self

    def fingerprint(self, name):
        import hashlib
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(Path(self.path(name + ".pem")).read_text())).hexdigest()

    def context(self, trust, client=None):
        context = ssl.create_default_context(cafile=self.path(trust + ".pem"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if client:
            context.load_cert_chain(self.path(client + ".pem"), self.path(client + ".key"))
        return context


def until_end(sock, timeout_s=WAIT_S):
    """Everything that comes until the peer ends, however it ends; TimeoutError when it does not."""
    sock.settimeout(timeout_s)
    data = b""
    try:
        while True:
            part = sock.recv(65536)
            if not part:
                return data
            data += part
    except socket.timeout:
        raise
    except OSError:
        return data
