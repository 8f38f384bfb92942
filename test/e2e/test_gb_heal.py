"""Self-healing: cameras that answer nothing, and what becomes of them when they do again."""
from lib import sip
from lib.camera import Camera
from lib.gateway import eventually

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
        for _ in range(8):
            answer = api.command(device, "PTZCmd", PTZ, wait_ms=5000)
            if answer["state"] == "failed":
                break
            assert answer["result"]["timer"] == "sip_wait"
        assert answer["result"] == {"confirmed": False, "reason": "breaker_open"}
        refused = api.do("GET", f"/v1/cameras/{device}/{device}/info")
        assert (refused.status, refused.json["reason"]) == (503, "breaker_open")
        assert breaker(api, device) in ("open", "half_open")
        said = api.wait("message", device=device, where=lambda event: event["topic"] == "gb/breaker")
        assert said["payload"]["state"] == "open" and said["payload"]["good"] == 0
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
