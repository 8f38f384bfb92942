"""What the gateway sends to cameras, in the eyes of Wireshark's dissectors."""
import shutil
import subprocess

import pytest

from lib import sip
from lib.camera import Camera
from lib.gateway import eventually
from lib.tap import Tap

DEVICE, CHANNEL = "34020000001320000001", "34020000001310000005"


def dissect(path, port, which, *fields):
    """Rows of the frames that the filter lets through."""
    command = ["tshark", "-r", path, "-d", f"udp.port=={port},sip", "-Y", which, "-T", "fields", "-E", "separator=|"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [line.split("|") for line in done.stdout.splitlines()]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("edition", ["2016", "2022"])
def test_no_packet_is_malformed(gateways, tmp_path, edition):
    gw = gateways(sip.cameras(), env=sip.ENV)
    api, port, path = gw.api(), sip.port(gw), tmp_path / "sip.pcap"
    tap = Tap(port, path)
    try:
        with Camera(tap.port, DEVICE, sip.ENV["GB_PASSWORD"], "-c", 40, "--items", 3, "-e", edition) as camera:
            camera.wait("registered")
            eventually(lambda: api.get(f"/v1/cameras/{DEVICE}/channels?limit=1")["complete"])
            base = f"/v1/cameras/{DEVICE}"
            for method, what, body in (("GET", f"{CHANNEL}/info", None), ("GET", f"{CHANNEL}/status", None), ("GET", f"{CHANNEL}/presets", None),
                                       ("POST", f"{CHANNEL}/ptz", {"pan": 100, "zoom": 3}), ("POST", f"{CHANNEL}/guard", {"set": True}),
                                       ("POST", "subscriptions", {"event": "alarm", "expires_s": 600}),
                                       ("POST", "subscriptions", {"event": "catalog", "expires_s": 600}),
                                       ("POST", f"{CHANNEL}/play", {"to": {"host": "203.0.113.7", "port": 30000}})):
                api.do(method, f"{base}/{what}", body, status={200, 502})  # 502: it refuses to be called
            camera.type("alarm")
            api.wait("message", device=DEVICE, where=lambda event: event["topic"] == "gb/Alarm")
            camera.end()
    finally:
        tap.end()
    ours = f"udp.srcport == {port}"
    assert tap.from_gateway > 20
    assert len(dissect(path, port, f"{ours} && sip", "frame.number")) == tap.from_gateway
    bad = dissect(path, port, f'{ours} && (_ws.malformed || _ws.expert.severity == "Error" || _ws.expert.severity == "Warning")', "frame.number",
                  "_ws.expert.message", "sip.Request-Line", "sip.Status-Line")
    assert bad == []
    assert {row[0] for row in dissect(path, port, f"{ours} && sip.Method", "sip.Method")} >= {"MESSAGE", "SUBSCRIBE", "INVITE", "ACK"}
    assert len({tuple(row) for row in dissect(path, port, f"{ours} && sdp", "sip.Call-ID", "sip.CSeq")}) == 1  # repeated when the camera is slow
