"""What devices show of themselves in the web console: live values, charts and history of a bicycle, latencies; shadows, and who was faster; a camera's picture that is watched and moved."""
import json
import time

import pytest

from lib import pscamera, samples, sip
from lib.camera import Camera
from lib.console import Console
from lib.gateway import eventually

CONSOLE = {"console": {"mode": "on"}, "media": {"address": "127.0.0.1", "port_first": 23000, "port_last": 23199, "unwatched_ms": "1s"}}
CAMERA, CHANNEL = "34020000001329900001", "34020000001319900001"


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(CONSOLE), env=sip.ENV)


def test_sensors_are_live(admin, gw):
    power = "document.querySelector('[data-live=power]')?.innerText"
    with gw.connect("bike-7", path="/v1/connect/bike-7?format=samples") as bike:
        gw.in_tables("bike-7")
        samples.ride(bike, 210)
        admin.go("/device/bike-7/sensors")
        admin.until(f"{power} === '210 W'")
        admin.says("riding", "main")
        assert admin.run("document.querySelectorAll('figure.chart canvas').length") >= 3
        samples.ride(bike, 305)
        admin.until(f"{power} === '305 W'")
        admin.says("points, one each", "main")
        admin.press("24 h")
        admin.says("one each 2 min 24 s", "main")
        admin.go("/latency")
        admin.says("two clocks", "table.heat")
        assert admin.run("[...document.querySelectorAll('table.heat th[scope=row]')].map(one => one.innerText)")[:2] == ["capture", "gateway"]
    with gw.connect("mute-7"):
        gw.in_tables("mute-7")
        admin.go("/device/mute-7/sensors")
        admin.says("No sensor spoke", "main")


def wish(gw, device, **desired):
    gw.api().do("PATCH", f"/v1/devices/{device}/shadow", json.dumps({"desired": desired}).encode(), headers={"Content-Type": "application/merge-patch+json"}, status=200)


def shadow(gw, device):
    return gw.api().get(f"/v1/devices/{device}/shadow")


def test_a_shadow_is_changed_and_a_conflict_is_shown(admin, gw):
    gw.known("lamp-7")
    wish(gw, "lamp-7", led={"on": True, "color": "red"}, interval=5)
    admin.go("/device/lamp-7/shadow")
    admin.until("[...document.querySelectorAll('[data-differs] th')].map(one => one.innerText).join() === 'interval,led.color,led.on'")
    admin.type("textarea[name=desired]", '{"led": {"on": true, "color": "blue"}, "interval": 5}')
    admin.says('"blue"', "table.diff")
    assert admin.run("document.querySelectorAll('table.diff tr').length") == 1
    admin.press("Apply")
    admin.says("Version 2: stored", "main")
    assert shadow(gw, "lamp-7")["desired"] == {"led": {"on": True, "color": "blue"}, "interval": 5}

    admin.type("textarea[name=desired]", '{"led": {"on": true, "color": "blue"}, "interval": 9}')
    wish(gw, "lamp-7", interval=7, level=3)
    admin.says("It has changed meanwhile: version 3", "[data-conflict]")
    assert admin.run("[...document.querySelectorAll('[data-conflict] tbody tr')].map(row => [...row.children].map(one => one.innerText).join(' '))") == ["interval 5 9 7", "level –  3"]
    admin.press("Put mine on top of theirs")
    admin.press("Apply")
    admin.says("Version 4: stored", "main")
    assert shadow(gw, "lamp-7")["desired"] == {"led": {"on": True, "color": "blue"}, "interval": 9, "level": 3}
    admin.until("document.querySelector('ol.sip')?.children.length === 4")


def test_what_the_device_lacks_is_what_the_gateway_says(admin, gw):
    """The order of members is no difference, and a wish for an object is met by any."""
    with gw.connect("lamp-9") as device:
        gw.in_tables("lamp-9")
        wish(gw, "lamp-9", list=[{"a": 1, "b": 2}], any={}, late=1)
        device.text(json.dumps({"type": "data", "topic": "$shadow/update", "id": 1, "payload": {"reported": {"list": [{"b": 2, "a": 1}], "any": {"x": 1}}}}))
        eventually(lambda: shadow(gw, "lamp-9")["delta"] == {"late": 1})
        admin.go("/device/lamp-9/shadow")
        admin.says("any.x", "main")
        admin.until("[...document.querySelectorAll('[data-differs] th')].map(one => one.innerText).join() === 'late'")


def test_a_zoom_shows_all_of_its_span(admin, gw):
    """200 samples a second are more than one answer has for what is shown sample by sample."""
    begin, count, step_ns = 10**12, 170 * 64, 5_000_000
    offset = time.time_ns() - begin - count * step_ns
    with gw.connect("fast-7", path="/v1/connect/fast-7?format=samples") as bike:
        gw.in_tables("fast-7")
        for first in range(0, count, 64):
            bike.binary(samples.batch([(begin + n * step_ns, 180, 200, 0) for n in range(first, first + 64)], offset))
        eventually(lambda: gw.api().get("/v1/devices/fast-7/live")["samples"]["samples"] == count)
        admin.go("/device/fast-7/sensors")
        admin.says("points, one each 1 s", "main")
        admin.until("document.querySelectorAll('.u-over').length === 4")
        left, top, width = admin.run("(() => { const all = document.querySelectorAll('.u-over'), last = all[all.length - 1]; last.scrollIntoView({block: 'center'}); const box = last.getBoundingClientRect(); return [box.left, box.top + 20, box.width]; })()")
        for what, at in (("mouseMoved", 0.005), ("mousePressed", 0.005), ("mouseMoved", 0.5), ("mouseMoved", 0.995), ("mouseReleased", 0.995)):
            admin.page.do("Input.dispatchMouseEvent", type=what, x=left + width * at, y=top, button="left", buttons=1, clickCount=1)
        admin.until("/one each [89][0-9] ms/.test(document.querySelector('main').innerText)")


@pytest.mark.parametrize("rule", [None, "lww", "oplog"])
def test_who_was_slower_is_told_by_the_gateway(gw, browser, rule):
    """A key that may not read events learns of the other change when its own is refused. The editor promises so under any rule."""
    lamp = f"lamp-8{rule or ''}"
    gw.known(lamp)
    if rule:
        gw.api().do("PATCH", f"/v1/devices/{lamp}/shadow", json.dumps({"merge": rule, "desired": {"interval": 5}}).encode(), headers={"Content-Type": "application/merge-patch+json"}, status=200)
    else:
        wish(gw, lamp, interval=5)
    key = gw.api().post("/v1/keys", {"name": "slow", "scopes": "devices:read messages:write"})["key"]
    with Console(browser, gw.url()) as console:
        console.login(key).go(f"/device/{lamp}/shadow")
        console.type("textarea[name=desired]", '{"interval": 9}')
        wish(gw, lamp, interval=7)
        console.press("Apply")
        console.says("Somebody was faster: it is version 2 now", "[data-conflict]")
        assert shadow(gw, lamp)["desired"] == {"interval": 7}
        console.press("Take theirs")
        console.until("document.querySelector('textarea[name=desired]').value.includes('7')")
        assert [text for text in console.page.listen() if "409" not in text] == []


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
        # Held by the keyboard on a button that moves nothing itself, and the window loses the focus.
        halt = {"body_command": "DeviceControl", "body_ptz_cmd": "A50F0100000000B5"}
        admin.run("document.querySelector('.pad9 [aria-label=Stop]').focus()")
        admin.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}))")
        admin.run("document.activeElement.blur()")
        camera.wait("ordered", count=2, **halt)
        # Held by the pointer, one button after the other.
        for n, way in enumerate(("↑", "←"), 3):
            box = admin.run(f"(() => {{ const box = document.querySelector('[aria-label=\"Move {way}\"]').getBoundingClientRect(); return [box.x + 9, box.y + 9]; }})()")
            mouse = lambda what: admin.page.do("Input.dispatchMouseEvent", type=what, x=box[0], y=box[1], button="left", clickCount=1)
            mouse("mousePressed")
            admin.until(f"document.querySelector('.ptz [aria-pressed=true]')?.innerText === '{way}'")
            mouse("mouseReleased")
            camera.wait("ordered", count=n, **halt)
        admin.press("Stop")
        admin.says("Watching asks the camera", "main")
