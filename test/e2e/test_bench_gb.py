"""`holdfast bench gb` against the gateway: what it counts is what the gateway counted, and faults make it fail."""
import json

import pytest

from lib import sip
from lib.benchgb import bench
from lib.gateway import eventually


@pytest.fixture
def gw(gateways):
    return gateways(sip.cameras(), env=sip.ENV)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_register_and_leave(gw, transport):
    status, verdict, result, counters = bench(gw, "register", "--devices", 60, "--rate", 300, "--processes", 2, "--transport", transport, "--leave",
                                              "--server-pid", gw.process.pid)
    assert (status, verdict, result["in_ratio"], counters["in"], counters["left"]) == (0, "measured", 1, 60, 60), counters
    assert (counters["registers"], counters["challenged"]) == (240, 120)  # two for each way in and out
    assert result["server_cpu_per_registration"] > 0 and result["all_in"] > 0
    eventually(lambda: gw.metric("holdfast_gb_devices") == 0)
    eventually(lambda: gw.metric("holdfast_gb_registered_total") == 60)


def test_refresh_hold_and_faults(gw):
    # Each at most once: a machine that stops for a moment leaves nobody busy with the one before.
    status, verdict, result, counters = bench(gw, "refresh", "--devices", 200, "--rate", 400, "--refresh", 100, "--duration", "2s", "--edition", 2022)
    assert (status, verdict) == (0, "measured") and 20 < counters["refreshes"] <= 200, counters  # a busy machine is late, and the two seconds are over
    eventually(lambda: gw.metric("holdfast_gb_refreshed_total") == counters["refreshes"])
    # Another port for each in the middle of it: the gateway follows.
    status, verdict, result, counters = bench(gw, "hold", "--devices", 20, "--rate", 400, "--keepalive", "1s", "--duration", "3s", "--rebind", "1s", serial=1000)
    assert (status, verdict, result["out_at_end"]) == (0, "measured", 0), counters
    assert counters["rebinds"] >= 40 and counters["strange"] == 0 and counters["alive"] >= 40
    eventually(lambda: gw.metric("holdfast_gb_moves_total") >= 20)
    # Loss costs repeats, not devices.
    status, verdict, result, counters = bench(gw, "hold", "--devices", 20, "--rate", 400, "--keepalive", "1s", "--duration", "3s", "--loss", 20, serial=2000)
    assert result["out_at_end"] == 0 and counters["lost_on_purpose"] > 0 and counters["repeats_sent"] > 0


def test_wrong_password_is_a_failed_run(gw):
    status, verdict, result, counters = bench(gw, "register", "--devices", 3, "--timeout", "10s", password="wrong")
    assert (status, verdict, result["in_ratio"], counters["refused"]) == (1, "failed", 0, 3)


def test_catalog_through_the_api(gateways):
    gw = gateways(sip.cameras({"limits": {"command_per_s": 100_000, "command_capacity": 100_000}}), env=sip.ENV)  # one list after the other: hundreds a second
    status, verdict, result, counters = bench(gw, "catalog", "--devices", 2, "--channels", 50, "--shuffle", "--ahead", 8, "--duration", "4s",
                                              "--api", gw.url(), "--api-key-env", "KEY", env={"KEY": gw.keys["admin"]})
    assert (status, verdict) == (0, "measured"), json.dumps(counters)
    assert result["lists"] >= 1 and counters["lists_failed"] == 0 and result["applied_p50"] > 0


def test_a_list_that_the_api_refused_is_told_with_its_status(gateways):
    gw = gateways(sip.cameras({"limits": {"command_per_s": 1, "command_capacity": 1}}), env=sip.ENV)
    status, verdict, _, counters = bench(gw, "catalog", "--devices", 1, "--channels", 5, "--duration", "3s",
                                         "--api", gw.url(), "--api-key-env", "KEY", env={"KEY": gw.keys["admin"]})
    assert (status, verdict) == (1, "failed") and counters["api_status"]["429"] == counters["lists_failed"] > 0, counters


def test_clones_of_a_device_do_not_stop_the_fleet(gw):
    status, _, _, counters = bench(gw, "hold", "--devices", 10, "--rate", 400, "--clones", 2, "--keepalive", "1s", "--duration", "2s")
    assert counters["in"] == 10 and status in (0, 1)
    eventually(lambda: gw.metric("holdfast_gb_devices") == 10)
