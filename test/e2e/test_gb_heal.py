"""Self-healing: cameras that answer nothing, and what becomes of them when they do again; sessions that stand while the gateway is killed."""
import socket

import pytest

from lib import pscamera, sip
from lib.camera import Camera
from lib.gateway import eventually
from lib.pace import WAIT_S

PASSWORD = sip.ENV["GB_PASSWORD"]
PTZ = "A50F010000000066"


def breaker(api, device):
    return api.get(f"/v1/cameras/{device}").get("gb28181", {}).get("breaker", {}).get("state")


def test_a_silent_camera_opens_its_breaker(gateways):
    """It registers and keeps itself alive, and answers no request. The same device, when it answers again, closes it."""
    gw = gateways(sip.cameras(sip_wait_ms="500ms"), env=sip.ENV)
    api, port = gw.api(), sip.port(gw)
    device = sip.device_id(1)
    with Camera(port, device, PASSWORD, "--silent") as camera:
        camera.wait("registered")
        for _ in range(12):
            answer = api.command(device, "PTZCmd", PTZ, wait_ms=5000)
            if answer["state"] == "failed":
                break
            assert answer["result"]["timer"] == "sip_wait"
        assert answer["result"] == {"confirmed": False, "reason": "breaker_open"}
        refused = api.do("GET", f"/v1/cameras/{device}/{device}/info")
        assert (refused.status, refused.json["reason"]) == (503, "breaker_open")
        assert breaker(api, device) in ("open", "half_open")
        said = api.wait("message", device=device, where=lambda event: event["topic"] == "gb/breaker")
        assert said["payload"]["state"] == "open" and 5 * said["payload"]["good"] < said["payload"]["results"]  # a beat may have come
        eventually(lambda: gw.metric("holdfast_gb_breaker_probes_total") >= 2)
        eventually(lambda: gw.metric("holdfast_gb_breakers_open") == 1)
        eventually(lambda: "breaker_open" in gw.log())
    with Camera(port, device, PASSWORD) as camera:
        camera.wait("registered")
        api.wait("message", device=device, where=lambda event: event["topic"] == "gb/breaker" and event["payload"]["state"] == "closed")
        answer = api.command(device, "DeviceInfo", wait_ms=5000)
        assert answer["state"] == "done" and answer["result"]["command"] == "DeviceInfo"
        eventually(lambda: gw.metric("holdfast_gb_breakers_open") == 0)
        assert not api.events(type="offline", device=device)


def test_a_full_node_sends_new_cameras_on(gateways, tmp_path):
    """302 with the other node; who comes back at once is let in. sipp shows the password and checks the status."""
    gw = gateways(sip.cameras(redirect_host="127.0.0.1", redirect_port=5099, redirect_server_id="34020000002000000002"), env=sip.ENV)
    device, version = sip.device_id(4), "X-GB-Ver: 3.0\n"
    sent_on = sip.register(answer=302, more=version).replace(
        '<recv response="302" timeout="60000"/>', '<recv response="302" timeout="60000"><action><ereg regexp="sip:34020000002000000002@127.0.0.1:5099" '
        'search_in="hdr" header="Contact:" check_it="true" assign_to="to"/></action></recv><Reference variables="to"/>')
    assert 'assign_to="to"' in sent_on
    sip.Sipp(tmp_path / "new", sip.port(gw), [(device, PASSWORD)], sent_on).wait()
    assert not gw.api().events(device=device)
    sip.Sipp(tmp_path / "back", sip.port(gw), [(device, PASSWORD)], sip.register(more=version, cseq=30)).wait()
    sip.Sipp(tmp_path / "older", sip.port(gw), [(sip.device_id(5), PASSWORD)], sip.register()).wait()
    eventually(lambda: (gw.metric("holdfast_gb_redirected_total"), gw.metric("holdfast_gb_redirects_returned_total")) == (1, 1))


# ---- kill -9 while a camera sends ----

def film(folder):
    pscamera.picture(folder)
    return folder / "libx264.mpg"


def killed_and_back(gw):
    gw.kill()
    gw.start(sip.ENV)


def last_call(api, device, event):
    return api.wait("message", device=device, where=lambda e: e["topic"] == "gb/call" and e["payload"]["event"] == event)["payload"]


@pytest.mark.parametrize("signalling", ["udp", "tcp"])
def test_no_camera_sends_to_a_relay_that_is_gone(gateways, tmp_path, signalling):
    gw = gateways(sip.cameras({"media": {"address": "127.0.0.1", "port_first": 22600, "port_last": 22699}}, keepalive_ms="5s"), env=sip.ENV, lasting=True)
    device = sip.device_id(2)
    with Camera(sip.port(gw), device, PASSWORD, "--media", film(tmp_path), "-t", signalling, "--keepalive", "5s") as camera:
        camera.wait("registered")
        called = gw.api().command(device, "Play", {"channel": sip.device_id(2).replace("132", "131", 1)}, wait_ms=8000)
        assert called["state"] == "done" and called["result"]["relayed"] is True, called
        camera.wait("playing")
        gw.api().wait("camera.call", device=device)
        killed_and_back(gw)
        if signalling == "udp":  # over TCP it is told as soon as it is connected again, and has forgotten the call with the connection: 481
            assert camera.wait("hung_up")["text"] == "BYE came"
        ended = last_call(gw.api(), device, "ended")
        assert (ended["call"], ended["by"], ended["reason"]) == (called["result"]["call"], "us", "gateway_restarted")
        eventually(lambda: (gw.metric("holdfast_gb_calls_restart_ended_total"), gw.metric("holdfast_gb_calls_orphaned"), gw.metric("holdfast_gb_calls")) ==
                   (1, 0, 0))


def test_what_goes_to_a_media_server_goes_on(gateways, tmp_path):
    gw = gateways(sip.cameras(), env=sip.ENV, lasting=True)
    device = sip.device_id(3)
    with Camera(sip.port(gw), device, PASSWORD, "--media", film(tmp_path)) as camera, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(WAIT_S)
        camera.wait("registered")
        called = gw.api().command(device, "Play", {"channel": sip.device_id(3).replace("132", "131", 1),
                                                   "to": {"host": "127.0.0.1", "port": server.getsockname()[1]}}, wait_ms=8000)
        assert called["state"] == "done", called
        call = called["result"]["call"]
        assert server.recv(2048)
        gw.api().wait("camera.call", device=device)
        killed_and_back(gw)
        api = gw.api()
        assert last_call(api, device, "resumed")["call"] == call
        server.setblocking(False)
        try:
            while server.recv(2048):  # what came meanwhile
                pass
        except BlockingIOError:
            server.settimeout(WAIT_S)
        assert server.recv(2048)
        listed = api.command(device, "Calls", {}, wait_ms=5000)["result"]["calls"]
        assert [(one["call"], one["state"], one["users"]) for one in listed] == [(call, "connected", 1)]
        assert not any(row["event"] == "hung_up" for row in camera.rows)
        stopped = api.command(device, "Stop", {"call": call}, wait_ms=5000)
        assert stopped["result"]["ended"] is True
        assert camera.wait("hung_up")["text"] == "BYE came"
        assert last_call(api, device, "ended")["call"] == call
        killed_and_back(gw)  # it is over, and stays so
        eventually(lambda: gw.metric("holdfast_gb_restored_total") == 1)
        assert gw.metric("holdfast_gb_calls_resumed_total") == gw.metric("holdfast_gb_calls_restart_ended_total") == 0


def test_a_session_that_its_camera_has_forgotten_is_over(gateways, tmp_path):
    """The camera is switched off and on; its new REGISTER says so, and the OPTIONS in the dialog of before."""
    gw = gateways(sip.cameras(), env=sip.ENV)
    device = sip.device_id(6)
    with Camera(sip.port(gw), device, PASSWORD, "--media", film(tmp_path)) as camera:
        camera.wait("registered")
        called = gw.api().command(device, "Play", {"channel": sip.device_id(6).replace("132", "131", 1),
                                                   "to": {"host": "127.0.0.1", "port": 9}}, wait_ms=8000)
        assert called["state"] == "done", called
        camera.process.kill()
    with Camera(sip.port(gw), device, PASSWORD) as camera:
        camera.wait("registered")
        ended = gw.api().wait("message", device=device,
                              where=lambda e: e["topic"] == "gb/call" and e["payload"]["event"] == "ended")["payload"]
        assert (ended["call"], ended["by"], ended["reason"]) == (called["result"]["call"], "device", "forgotten")


@pytest.mark.parametrize("changes, what", [
    ({"redirect_host": "other.example"}, "gb28181.redirect_host 'other.example' is no numeric address"),
    ({"redirect_host": "192.0.2.9", "redirect_server_id": "99"}, "gb28181.redirect_server_id '99' is not 20 digits"),
    ({"redirect_server_id": "34020000002000000002"}, "gb28181.redirect_server_id has no effect without redirect_host"),
])
def test_where_nobody_can_be_sent_is_named(gateways, changes, what):
    gw = gateways(sip.cameras(**changes), start=False)
    with pytest.raises(AssertionError, match="did not start") as error:
        gw.start(sip.ENV)
    assert what in str(error.value)
