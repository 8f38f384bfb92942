"""Samples of sensors through a real gateway: the live state, the time series, and what happens to a batch that does not check."""
import base64
import time

import pytest

from lib.gateway import eventually
from lib.samples import batch, damaged
from lib.session import Device, Session

STEP_NS = 10_000_000  # 100 Hz


class Ride:
    """A device of holdfast.v1 that sends samples, and remembers what it said."""

    def __init__(self, gw, name):
        self.gw, self.device, self.seq = gw, Device(name), 0
        self.offset_ns = (time.time_ns() // 1_000_000_000 - 3600) * 1_000_000_000 - 5_000_000_000  # an hour ago, a boot before that
        self.at_ns, self.sent = 5_000_000_000, []

    def open(self):
        self.session = Session(self.gw, self.device)
        self.session.welcomed()
        return self

    def make(self, count=50, power=200):
        samples = []
        for i in range(count):
            samples.append((self.at_ns, 180, power + len(self.sent) % 7, -256 + i))
            self.sent.append((self.t_ms(self.at_ns), samples[-1]))
            self.at_ns += STEP_NS
        return batch(samples, self.offset_ns)

    def t_ms(self, ns):
        return (ns + self.offset_ns) / 1e6

    def send(self, data, seq=None):
        if seq is None:
            self.seq += 1
            seq = self.seq
        self.session.send({"type": "data", "seq": seq, "topic": "samples", "format": 4, "payload_base64": base64.b64encode(data).decode()})

    def durable(self):
        while self.session.recv("ack")["durable_through"] < self.seq:
            pass

    def live(self):
        return self.gw.api().get(f"/v1/devices/{self.device.name}/live")


def test_live_state(gw):
    ride = Ride(gw, "twin-live").open()
    for _ in range(4):
        ride.send(ride.make())
    ride.durable()
    live = ride.live()
    assert live["presence"] == "online"
    samples = live["samples"]
    last_ms, last = ride.sent[-1]
    assert samples["samples"] == 200 and samples["batches"] == 4 and samples["lost"] == 0
    assert samples["t_ms"] == int(last_ms)
    assert samples["latest"] == {"cadence_rpm": 90, "power_w": last[2], "lean_deg": last[3] / 256}
    recent = [s[2] for _, s in ride.sent[-100:]]
    second = samples["window_1s"]["power_w"]
    assert (second["min"], second["max"], second["count"]) == (min(recent), max(recent), 100)
    assert second["mean"] == pytest.approx(sum(recent) / 100)
    assert samples["window_60s"]["lean_deg"]["count"] == 200
    assert samples["riding"] == "riding"
    assert samples["clock"]["synchronised"] and samples["clock"]["uncertainty_ms"] == 0.2
    assert samples["clock"]["ahead_ms"] < -3_500_000, "its samples are an hour old, so it seems behind"
    assert gw.api().get("/v1/devices/nobody/live", status=404)["reason"] == "not_found"
    with gw.connect("no-samples"):
        gw.known("no-samples")
        assert gw.api().get("/v1/devices/no-samples/live")["samples"] is None


def test_a_corrupt_batch_is_asked_for_again(gw):
    ride = Ride(gw, "twin-corrupt").open()
    ride.send(ride.make())
    ride.durable()
    good = ride.make()
    ride.seq += 1
    ride.send(damaged(good), seq=ride.seq)
    nack = ride.session.recv("ack")
    while not nack.get("nack"):
        nack = ride.session.recv("ack")
    assert nack["received_through"] == 1
    assert ride.live()["samples"]["samples"] == 50, "nothing of it is believed"
    ride.send(good, seq=ride.seq)
    ride.durable()
    assert ride.live()["samples"]["samples"] == 100
    events = gw.api().events(type="message", device="twin-corrupt")
    assert base64.b64decode(events[1]["payload_base64"]) == good and len(events) == 2
    eventually(lambda: gw.metric("holdfast_sample_batches_corrupt_total") >= 1)


def test_raw_mode(gw):
    ride = Ride(gw, "twin-raw")
    with gw.connect("twin-raw", path="/v1/connect?format=samples") as ws:
        ws.binary(ride.make())
        eventually(lambda: ride.live()["samples"])
        assert ride.live()["samples"]["samples"] == 50
        ws.binary(damaged(ride.make()))
        assert '"reason":"corrupt"' in ws.recv_text()
        assert ride.live()["samples"]["samples"] == 50


def test_heatmap(gw):
    ride = Ride(gw, "twin-heat").open()
    ride.offset_ns = time.time_ns() - ride.at_ns - 60 * STEP_NS
    with gw.api().stream(device="twin-heat", follow="true") as reader:
        ride.send(ride.make())
        assert b'"message"' in reader.readline()

    def pairs():
        answer = gw.api().get("/v1/heatmap")
        return answer, {(pair["source"], pair["destination"]): pair for pair in answer["pairs"]}

    eventually(lambda: pairs()[1]["durable", "application"]["count"] > 0)
    answer, found = pairs()
    assert answer["buckets_ms"] == [0, 10, 50, 100, 200, 500]
    for pair in found.values():
        assert sum(pair["cells"]) == pair["count"]
    assert found["capture", "gateway"]["measured"] == "two clocks"
    assert found["gateway", "durable"]["count"] > 0
    assert gw.metric("holdfast_latency_gateway_to_durable_seconds_count") > 0
