"""Samples of sensors through a real gateway: the live state, the time series, and what happens to a batch that does not check."""
import base64
import time
from urllib.parse import urlencode

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
        return (ns + self.offset_ns) // 1000 / 1000

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


def test_the_live_state_after_a_crash(gateways):
    gw = gateways()
    ride = Ride(gw, "twin-again").open()
    for _ in range(4):
        ride.send(ride.make())
    ride.durable()
    before = ride.live()["samples"]
    assert before["restored"] is False
    gw.kill()
    gw.start()
    after = ride.live()["samples"]
    assert after["restored"] is True
    assert [after[name] for name in ("t_ms", "latest", "latest_ms", "window_1s", "window_60s", "riding")] == [before[name] for name in ("t_ms", "latest", "latest_ms", "window_1s", "window_60s", "riding")]
    assert after["riding_since_ms"] is None and after["age_ms"] > 3_000_000, "an hour ago, by the device"
    assert "arrived_ms" not in after and after["batches"] == 0 and eventually(lambda: gw.metric("holdfast_series_restored_total") == 1)
    ride.open().send(ride.make(count=10))
    ride.durable()
    now = ride.live()["samples"]
    assert now["restored"] is False and now["samples"] == 10 and now["window_60s"]["power_w"]["count"] == 10


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


def series(gw, device, **query):
    """All points, page by page."""
    points, cursor, answer = [], None, {}
    while True:
        more = {**query, **({"cursor": cursor} if cursor else {})}
        answer = gw.api().get(f"/v1/devices/{device}/series?" + "&".join(f"{name}={value}" for name, value in more.items()))
        points += answer["points"]
        cursor = answer.get("next_cursor")
        if not cursor:
            return points, answer


def expected(ride, step_ms):
    """What the API is to say of the power that was sent."""
    if step_ms == 0:
        return [[t_ms, sample[2]] for t_ms, sample in ride.sent]
    steps = {}
    for t_ms, sample in ride.sent:
        steps.setdefault(int(t_ms // step_ms) * step_ms, []).append(sample[2])
    return [[t_ms, min(v), pytest.approx(sum(v) / len(v)), max(v), len(v)] for t_ms, v in sorted(steps.items())]


def all_of(gw, ride, step_ms, limit=10000):
    first_ms, last_ms = int(ride.sent[0][0]), int(ride.sent[-1][0]) + 1
    return series(gw, ride.device.name, channel="power", **{"from": first_ms, "to": last_ms, "step": step_ms, "limit": limit})


@pytest.mark.parametrize("step_ms", [0, 250, 1000, 60000])
def test_a_range_is_what_was_sent(gw, step_ms):
    ride = Ride(gw, f"twin-range-{step_ms}").open()
    for _ in range(20):
        ride.send(ride.make())
    ride.durable()
    points, answer = all_of(gw, ride, step_ms)
    assert points == expected(ride, step_ms), "at once, though its blocks are not written yet"
    assert (answer["unit"], answer["step_ms"], answer["made_of"]) == ("W", step_ms, "seconds" if step_ms % 1000 == 0 and step_ms else "samples")
    assert all_of(gw, ride, step_ms, limit=7)[0] == expected(ride, step_ms), "in pages"
    half = int(ride.sent[500][0])
    tail, _ = series(gw, ride.device.name, channel="cadence", **{"from": half, "to": half + 1000})
    assert [value for _, value in tail] == [90] * 100


def test_wrong_questions(gw):
    path = "/v1/devices/twin-live/series"
    for query in ("", "channel=speed", "channel=power&from=x", "channel=power&from=2&to=1", "channel=power&limit=100000"):
        assert gw.api().get(f"{path}?{query}", status=400)["reason"] == "bad_request"
    assert gw.api().get("/v1/devices/nobody/series?channel=power", status=404)["reason"] == "not_found"


def test_kill_9_loses_and_doubles_nothing(gateways):
    gw = gateways({"samples": {"series_commit_ms": "100ms"}})
    ride = Ride(gw, "twin-kill")
    for _ in range(3):
        ride.open()
        for _ in range(30):
            ride.send(ride.make(count=64))
        ride.durable()
        gw.kill()
        gw.start()
    assert all_of(gw, ride, 0)[0] == expected(ride, 0)
    assert all_of(gw, ride, 1000)[0] == expected(ride, 1000)
    eventually(lambda: gw.metric("holdfast_series_points", tier="raw") == len(ride.sent))
    gw.stop()
    gw.start()
    assert all_of(gw, ride, 1000)[0] == expected(ride, 1000), "after a stop, too"


def test_retention(gateways):
    gw = gateways({"samples": {"series_commit_ms": "100ms", "raw_keep_ms": "1m"}})
    ride = Ride(gw, "twin-old").open()
    ride.send(ride.make())
    ride.durable()
    assert all_of(gw, ride, 1000)[0] == expected(ride, 1000)
    ride.session.send({"type": "bye"})
    ride.session.closed()
    gw.stop()
    gw.start()  # blocks that are being filled are kept; after a start none is
    with Ride(gw, "twin-new").open().session:
        eventually(lambda: gw.metric("holdfast_series_deleted_by_age_total", tier="raw") == 1)
    assert all_of(gw, ride, 0)[0] == []
    assert all_of(gw, ride, 1000)[0] == expected(ride, 1000), "the seconds are kept for longer"


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
    eventually(lambda: gw.metric("holdfast_latency_gateway_to_durable_seconds_count") > 0)

    def slots(**query):
        answer = gw.api().get("/v1/heatmap/history?" + urlencode(query))
        return [slot for pair in answer["pairs"] if (pair["source"], pair["destination"]) == ("gateway", "durable") for slot in pair["slots"]]

    got = eventually(slots)  # a slot has 10 s
    assert gw.metric("holdfast_heatmap_slots", step="10s") >= len(got) and gw.metric("holdfast_heatmap_slots", step="300s") is not None
    assert all(slot["time_ms"] % 10000 == 0 and sum(slot["cells"]) == slot["count"] > 0 for slot in got)
    assert all(0 < slot["p50_ms"] <= slot["p95_ms"] <= slot["p99_ms"] <= slot["max_ms"] for slot in got)
    assert sum(slot["count"] for slot in got) <= pairs()[1]["gateway", "durable"]["count"]
    assert slots(**{"from": got[-1]["time_ms"] + 1}) != got and slots(to=got[0]["time_ms"]) == []
    for wrong in ({"step": 60000}, {"from": "yesterday"}, {"from": "2100-01-01T00:00:00Z"}, {"limit": 1001}):
        problem = gw.api().do("GET", "/v1/heatmap/history?" + urlencode(wrong))
        assert problem.status == 400 and problem.json["field"] in wrong, wrong
