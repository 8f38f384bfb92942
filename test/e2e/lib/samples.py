"""Batches of sensor samples (DATA format 4), by doc/twin.md alone: it shares no code with the product."""
import struct
import time

from lib.session import crc32c

BOOT = bytes(range(16))
STEP_NS = 10_000_000  # 100 Hz


def batch(samples, offset_ns, boot=BOOT, lost=0, uncertainty_us=200):
    """samples: (ns of the device's clock, cadence in half RPM, W, degrees x 256); None is no value."""
    out = struct.pack(">BBHI", 1, len(samples), 0, lost) + boot + struct.pack(">qI", offset_ns, uncertainty_us)
    for ns, cadence, power, lean in samples:
        out += struct.pack(">QHhh", ns, 0xFFFF if cadence is None else cadence, -32768 if power is None else power,
                           -32768 if lean is None else lean)
    return out + struct.pack(">I", crc32c(out))


def damaged(data):
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


def ride(device, power, count=50):
    """A batch that ends now."""
    begin = 10**12
    device.binary(batch([(begin + n * STEP_NS, 180, power, -256) for n in range(count)], time.time_ns() - begin - count * STEP_NS))
