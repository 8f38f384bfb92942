"""`holdfast bench gb media`: a fleet that shows a film, played through the API; what the gateway heard is what was sent."""
import pytest

from lib import pscamera, sip
from lib.benchgb import bench
from lib.gateway import eventually

MEDIA = {"media": {"address": "127.0.0.1", "port_first": 23000, "port_last": 23199}, "limits": {"command_per_s": 100_000, "command_capacity": 100_000}}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = tmp_path_factory.mktemp("film")
    pscamera.picture(folder, seconds=3)
    return folder / "libx264.mpg"


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(MEDIA), env=sip.ENV)


def play(gw, film, *options, key="admin", **more):
    return bench(gw, "media", "--media", film, "--rate", 400, "--settle", "0s", "--api", gw.url(), "--api-key-env", "KEY", *options,
                 env={"KEY": gw.keys.get(key, key)}, **more)


@pytest.mark.parametrize("transport, serial", [("udp", 1), ("tcp", 1000)])
def test_what_is_sent_is_heard(gw, film, transport, serial):
    status, verdict, result, counters = play(gw, film, "--devices", 9, "--processes", 2, "--silent", 1, "--streams", 5, "--plays", 2, "--duration", "1s",
                                             "--media-transport", transport, "--server-pid", gw.process.pid, "--leave", serial=serial)
    assert (counters["plays_meant"], counters["plays"], counters["streams"], counters["stops"], counters["calls"]) == (5, 5, 5, 5, 5), counters
    assert counters["heard_lost"] == 0 and counters["heard_packets"] >= counters["media_packets_measured"] > 0
    assert counters["media_bytes_measured"] > 100 * counters["media_packets_measured"]
    assert result["play_p50"] > 0 and result["first_packet_p99"] > 0 and result["media_rate"] > 0 and result["server_cpu_per_mbit"] > 0
    eventually(lambda: gw.metric("holdfast_media_ports", state="used") == 0)
    assert verdict == "measured" and status == 0, counters


def test_loss_is_counted_at_both_ends(gw, film):
    _, _, result, counters = play(gw, film, "--devices", 3, "--loss", 20, "--duration", "1s", serial=2000)
    assert counters["plays"] >= 1 and counters["media_lost_on_purpose"] > 0, counters  # SIP loses too: a call may take long
    assert 0 < counters["heard_lost"] <= counters["media_lost_on_purpose"] and 0 < result["media_lost"] < 60


def test_a_play_that_is_refused_is_a_failed_run(gw, film):
    status, verdict, result, counters = play(gw, film, "--devices", 2, "--duration", "1s", key="nobody", serial=3000)
    assert (status, verdict, result["streams"], counters["plays_failed"], counters["api_status"]) == (1, "failed", 0, 2, {"401": 2}), counters
