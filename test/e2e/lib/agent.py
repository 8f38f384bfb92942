"""`holdfast agent` as a process, and the batches that it sends (doc/protocol.md, section 11)."""
import base64
import json
import os
import struct
import subprocess
import threading
from collections import namedtuple

from lib.gateway import BINARY
from lib.pace import WAIT_S

Sample = namedtuple("Sample", "ts_ns cadence power lean")
Batch = namedtuple("Batch", "boot lost offset_ns uncertainty_us samples")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def read_batch(payload):
    """Written from the specification; None stands for no value."""
    version, count, zero, lost, boot, offset_ns, uncertainty_us = struct.unpack(">BBHI16sqI", payload[:36])
    assert (version, zero, len(payload)) == (1, 0, 36 + 14 * count + 4)
    assert struct.unpack(">I", payload[-4:])[0] == crc32c(payload[:-4])
    samples = []
    for at in range(36, 36 + 14 * count, 14):
        ts_ns, cadence, power, lean = struct.unpack(">QHhh", payload[at:at + 14])
        samples.append(Sample(ts_ns, None if cadence == 0xFFFF else cadence / 2, None if power == -32768 else power, None if lean == -32768 else lean / 256))
    return Batch(boot, lost, offset_ns, uncertainty_us, samples)


def batches(gw, device):
    return [read_batch(base64.b64decode(event["payload_base64"])) for event in gw.api().events(type="message", device=device)]


def samples(gw, device):
    return [sample for batch in batches(gw, device) for sample in batch.samples]


class Agent:
    def __init__(self, url, device, token, *args, stdin=subprocess.DEVNULL):
        env = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST")}
        self.process = subprocess.Popen([str(BINARY), "agent", url, "--device", device, *(["--token", token] if token else []), "--json", "--status", "50ms",
                                         *map(str, args)], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        self.rows, self.news = [], threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.rows.append(json.loads(line))
                self.news.notify_all()

    def wait(self, fits, timeout_s=WAIT_S):
        with self.news:
            assert self.news.wait_for(lambda: any(fits(row) for row in self.rows), timeout_s), self.rows[-5:]
            return next(row for row in self.rows if fits(row))

    def wait_status(self, member, least):
        return self.wait(lambda row: row.get(member, -1) >= least if row["type"] in ("status", "end") else False)

    def end(self, signal=None, timeout_s=WAIT_S):
        """The exit status, and the last row."""
        if signal is not None:
            self.process.send_signal(signal)
        status = self.process.wait(timeout_s)
        self.reader.join(WAIT_S)
        return status, self.rows[-1]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(WAIT_S)
        self.process.stdout.close()
        self.process.stderr.close()
