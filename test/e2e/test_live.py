"""GET /v1/live by a WebSocket client that is not ours: devices on every worker, what is said of them and when, and that it is what the routes of one device answer."""
import json

import pytest

from lib import samples
from lib.gateway import eventually
from lib.rawws import RawWs

DEVICES = [f"live-{n}" for n in range(8)]  # as many as one connection may watch; two workers are their homes


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway({})


class Live:
    def __init__(self, gw, key="admin"):
        self.ws = RawWs(gw.address(), "/v1/live", {"Authorization": "Bearer " + gw.keys.get(key, key)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ws.abort()

    def say(self, **message):
        self.ws.text(json.dumps(message))

    def until(self, check):
        """The first message that is so, and those before it."""
        seen = []
        while True:
            seen.append(json.loads(self.ws.recv_text()))
            if check(seen[-1]):
                return seen[-1], seen[:-1]


def power_of(gw, name):
    now = gw.api().get(f"/v1/devices/{name}/live")["samples"]  # None: its batch is still on its way
    return now and now["latest"]["power_w"]


def test_devices_of_all_workers_are_watched(gw):
    bikes = [gw.connect(name, path=f"/v1/connect/{name}?format=samples") for name in DEVICES]
    with Live(gw) as live:
        for n, (name, bike) in enumerate(zip(DEVICES, bikes)):
            samples.ride(bike, 100 + n)
            eventually(lambda: power_of(gw, name) == 100 + n)
            eventually(lambda: "first_seen_ms" in gw.api().get(f"/v1/devices/{name}"))  # its row is in the tables, too
            live.say(watch=n, device=name, samples=True)
            device = live.until(lambda one: one["type"] == "device" and one["watch"] == n)[0]["device"]
            told = live.until(lambda one: one["type"] == "samples" and one["watch"] == n)[0]["samples"]
            asked = gw.api().get(f"/v1/devices/{name}")
            assert device.keys() == asked.keys() and device["live"].keys() == asked["live"].keys()
            assert (device["device"], device["state"], device["epoch"]) == (name, "online", asked["epoch"])
            live_now = gw.api().get(f"/v1/devices/{name}/live")
            for one in (told, live_now):  # these move by themselves
                del one["time_ms"], one["samples"]["age_ms"], one["samples"]["clock"]
            assert told == live_now
        for n, bike in enumerate(bikes):
            samples.ride(bike, 200 + n)
            live.until(lambda one: one["type"] == "samples" and one["watch"] == n and one["samples"]["samples"]["latest"]["power_w"] == 200 + n)
        bikes[3].close()
        device, _ = live.until(lambda one: one["type"] == "device" and one["watch"] == 3 and one["device"]["state"] != "online")
        assert device["device"]["reason"] == gw.api().get(f"/v1/devices/{DEVICES[3]}")["reason"]
        live.until(lambda one: one["type"] == "tick" and set(one["watched"]) == set(range(8)))
        live.say(watch=8, device=DEVICES[0])
        assert live.until(lambda one: one["type"] == "refused")[0]["reason"] == "busy"
        live.say(unwatch=0)
        live.say(watch=8, device="nobody-here")
        assert live.until(lambda one: one["type"] == "refused")[0]["reason"] == "not_found"
    eventually(lambda: gw.metric("holdfast_live_watches") == 0)
    for bike in bikes:
        bike.abort()


def test_samples_of_an_earlier_start_are_told_once(gateways):
    gateway = gateways({})
    with gateway.connect("old-1", path="/v1/connect/old-1?format=samples") as bike:
        samples.ride(bike, 77)
        eventually(lambda: gateway.api().get("/v1/devices/old-1/series?channel=power&from=0")["points"])
    gateway.stop()
    gateway.start()
    with Live(gateway, "reader") as live:
        live.say(watch=1, device="old-1", state=False, samples=True)
        told, _ = live.until(lambda one: one["type"] == "samples")
        assert told["samples"]["samples"]["restored"] and told["samples"]["samples"]["latest"]["power_w"] == 77
        _, since = live.until(lambda one: one["type"] == "tick" and one["watched"] == [1])
        assert not [one for one in since if one["type"] == "samples"]
        with gateway.connect("old-1", path="/v1/connect/old-1?format=samples") as bike:
            samples.ride(bike, 78)
            told, _ = live.until(lambda one: one["type"] == "samples" and one["samples"]["samples"]["latest"]["power_w"] == 78)
            assert not told["samples"]["samples"]["restored"]
