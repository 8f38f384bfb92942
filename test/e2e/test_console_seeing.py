"""What sensors and cameras show in the web console: live values and charts of a bicycle, latencies, and a camera's picture that is watched and moved."""
import time

import pytest

from lib import pscamera, samples, sip
from lib.browser import Browser
from lib.camera import Camera
from lib.console import Console

CONSOLE = {"console": {"mode": "on"}, "media": {"address": "127.0.0.1", "port_first": 23000, "port_last": 23199, "unwatched_ms": "1s"}}
CAMERA, CHANNEL = "34020000001329900001", "34020000001319900001"


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(CONSOLE), env=sip.ENV)


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.fixture
def admin(gw, browser):
    with Console(browser, gw.url()) as one:
        yield one.login(gw.keys["admin"])
        one.clean()


STEP_NS = 10_000_000  # 100 Hz


def ride(device, power, count=50):
    """A batch that ends now."""
    now = time.time_ns()
    device.binary(samples.batch([(10**12 + n * STEP_NS, 180, power, -256) for n in range(count)], now - 10**12 - count * STEP_NS))


def test_sensors_are_live(admin, gw):
    power = "document.querySelector('[data-live=power]')?.innerText"
    with gw.connect("bike-7", path="/v1/connect/bike-7?format=samples") as bike:
        ride(bike, 210)
        admin.go("/device/bike-7/sensors")
        admin.until(f"{power} === '210 W'")
        admin.says("riding", "main")
        assert admin.run("document.querySelectorAll('figure.chart canvas').length") >= 3
        ride(bike, 305)
        admin.until(f"{power} === '305 W'")
        admin.go("/latency")
        admin.says("two clocks", "table.heat")
        assert admin.run("[...document.querySelectorAll('table.heat th[scope=row]')].map(one => one.innerText)")[:2] == ["capture", "gateway"]
    with gw.connect("mute-7"):
        admin.go("/device/mute-7/sensors")
        admin.says("No sensor spoke", "main")


def test_a_camera_is_watched_and_moved(admin, gw, tmp_path):
    pscamera.picture(tmp_path)
    with Camera(sip.port(gw), CAMERA, sip.ENV["GB_PASSWORD"], "--media", tmp_path / "libx264.mpg") as camera:
        camera.wait("registered", status=200)
        gw.api().wait("online", device=CAMERA)
        admin.go(f"/device/{CAMERA}/camera")
        admin.says(CHANNEL, "main")
        admin.says("REGISTER", ".sip")
        admin.press("Watch")
        admin.until("document.querySelector('video').videoWidth === 320 && document.querySelector('video').currentTime > 0.5")
        admin.run("document.querySelector('.pad9').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}))")
        camera.wait("ordered", body_command="DeviceControl")
        admin.run("document.querySelector('.pad9').dispatchEvent(new KeyboardEvent('keyup', {key: 'ArrowLeft', bubbles: true}))")
        camera.wait("ordered", body_command="DeviceControl", body_ptz_cmd="A50F0100000000B5")
        admin.press("Stop")
        admin.says("Watching asks the camera", "main")
