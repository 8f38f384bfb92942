"""What moves in the web console moves by its one WebSocket: values of devices and sensors without a request, nothing left behind by pages that are gone, and what happens where no WebSocket passes."""
import json
import shutil

import pytest

from lib import samples
from lib.console import Console
from lib.gateway import eventually
from lib.ports import own_port
from lib.proxy import Proxy

CONSOLE = {"console": {"mode": "on"}}
POWER = "document.querySelector('[data-live=power]')?.innerText"
COUNT = "document.querySelector('[data-live=in]')?.innerText"


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(CONSOLE)


def asked(console, since=0):
    """What was asked for, but the first `since`."""
    console.page.listen()
    return [one.split("/", 3)[3] for one in console.page.asked[since:]]


def watches(gw, count):
    """So many devices are watched; counters are copies, up to a second old."""
    eventually(lambda: gw.metric("holdfast_live_watches") == count)


def test_a_device_moves_without_a_request(admin, gw):
    with gw.connect("moves-5") as device:
        admin.go("/device/moves-5")
        admin.until(f"{COUNT} === '0'")
        admin.until("document.querySelector('.history')")  # the last of what is asked for
        watches(gw, 1)
        before = len(asked(admin))
        for n in range(1, 3):
            device.text(json.dumps({"type": "data", "id": n, "payload": n}))
            admin.until(f"{COUNT} === '{n}'")
        assert asked(admin, before) == []
        assert not admin.run("document.querySelector('[data-stale]')")
    admin.says("unknown", ".title")
    assert not [one for one in asked(admin, before) if not one.startswith("v1/devices/moves-5/explain")], "history is asked for, the state is not"


def test_sensors_move_without_a_request(admin, gw):
    with gw.connect("bike-5", path="/v1/connect/bike-5?format=samples") as bike:
        gw.in_tables("bike-5")
        samples.ride(bike, 100)
        admin.go("/device/bike-5/sensors")
        admin.until(f"{POWER} === '100 W'")
        admin.says("points, one each", "main")
        before = len(asked(admin))
        for power in range(101, 111):
            samples.ride(bike, power)
            admin.until(f"{POWER} === '{power} W'")
        assert asked(admin, before) == []


def test_a_hidden_page_watches_nothing(admin, gw):
    hide = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s}); document.dispatchEvent(new Event('visibilitychange'))"
    with gw.connect("bike-6", path="/v1/connect/bike-6?format=samples") as bike:
        gw.in_tables("bike-6")
        samples.ride(bike, 100)
        admin.go("/device/bike-6/sensors")
        admin.until(f"{POWER} === '100 W'")
        watches(gw, 2)
        admin.run(hide % "true")
        watches(gw, 0)
        samples.ride(bike, 200)
        admin.run(hide % "false")
        admin.until(f"{POWER} === '200 W'")
        watches(gw, 2)


def test_pages_leave_nothing_behind(admin, gw):
    """Through all pages and devices faster than they load; then one that wants nothing."""
    gw.known("left-1", "left-2")
    for where in ("devices", "device/left-1", "device/left-1/sensors", "device/left-2/sensors", "device/left-2/messages", "cameras", "latency", "device/left-1/shadow", "commands", "changes", "events", "groups") * 2:
        admin.go("/" + where)
    admin.go("/reports")
    admin.says("Open result.json", "main")
    watches(gw, 0)
    eventually(lambda: gw.metric("holdfast_event_readers") == 0)
    assert gw.metric("holdfast_live_watches_refused_total") == 0
    admin.go("/device/left-2/sensors")
    admin.says("No sensor spoke", "main")
    watches(gw, 2)


def test_events_do_not_heap_up_where_no_picture_is_drawn(admin, gw):
    """A page that was hidden between an event and the picture that would have shown it."""
    admin.go("/events?device=heap-1")
    admin.says("live", ".filters")
    admin.run("(() => { window.draw = window.requestAnimationFrame; window.requestAnimationFrame = () => 1; })()")
    try:
        with gw.connect("heap-1") as device:
            for n in range(600):
                device.text(json.dumps({"type": "data", "id": n}))
            admin.until("Number(document.querySelector('.vlist')?.getAttribute('aria-rowcount')) > 500")
    finally:
        admin.run("(() => { window.requestAnimationFrame = window.draw; })()")


def test_latencies_move(admin, gw):
    counted = "[...document.querySelectorAll('table.heat tbody tr')].find(row => row.children[0].innerText === 'gateway')?.children[12].innerText"
    with gw.connect("late-1") as device:
        device.text('{"type":"data","id":1}')
        admin.go("/latency")
        count = int(admin.until(counted))
        admin.until("document.querySelector('#slow') && !document.querySelector('#slow .spin')")
        before = len(asked(admin))
        device.text('{"type":"data","id":2}')
        admin.until(f"Number({counted}) > {count}")
        assert asked(admin, before) == []


def test_an_answer_that_was_overtaken_is_not_shown(admin, gw):
    def wish(interval):
        gw.api().do("PATCH", "/v1/devices/lamp-5/shadow", json.dumps({"desired": {"interval": interval}}).encode(), headers={"Content-Type": "application/merge-patch+json"}, status=200)

    gw.known("lamp-5")
    wish(1)
    admin.go("/device/lamp-5/shadow")
    admin.says("version 1", ".filters")
    admin.hold("/shadow")
    wish(2)
    admin.until("!!window.held.release")
    wish(3)
    admin.says("version 3", ".filters")
    admin.release()
    assert "version 3" in admin.text(".filters")


def test_a_socket_that_comes_back_is_told_everything_again(gateways, browser):
    gateway = gateways(CONSOLE, lasting=True)
    with Console(browser, gateway.url()) as console:
        console.login(gateway.keys["admin"])
        with gateway.connect("back-1"):
            console.go("/device/back-1")
            console.until(f"{COUNT} === '0'")
        gateway.kill()
        console.until("document.querySelector('.link.warn, .link.bad')")
        gateway.start()
        with gateway.connect("back-1") as device:
            device.text('{"type":"data","id":1}')
            console.until(f"{COUNT} === '1'")
            console.until("document.querySelector('.link.good')")
            watches(gateway, 1)
            before = len(asked(console))
            device.text('{"type":"data","id":2}')
            console.until(f"{COUNT} === '2'")
            assert not [one for one in asked(console, before) if one == "v1/devices/back-1"]


def test_where_no_socket_passes_it_is_asked(gw, browser, tmp_path):
    """nginx as it is when nobody told it of WebSockets."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    port = own_port()
    (tmp_path / "nginx.conf").write_text(f"""daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}
        http {{ access_log off; server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{gw.url().split('://')[1]}; }} }} }}""")
    proxy = Proxy(["nginx", "-p", str(tmp_path), "-e", f"{tmp_path}/error.log", "-c", str(tmp_path / "nginx.conf")], port)
    try:
        with Console(browser, f"http://127.0.0.1:{port}") as console, gw.connect("far-1", path="/v1/connect/far-1?format=samples") as bike:
            console.login(gw.keys["admin"]).says("Messages per second")
            console.until("document.querySelector('.link.warn')?.title.includes('without a WebSocket')")
            console.go("/device/far-1")
            console.until(f"{COUNT} === '0'")
            for power in (100, 150):
                samples.ride(bike, power)
                console.until(f"{COUNT} === '{power // 50 - 1}'")
            console.go("/device/far-1/sensors")
            console.until(f"{POWER} === '150 W'")
            samples.ride(bike, 300)
            console.until(f"{POWER} === '300 W'")
            console.go("/latency")
            console.says("two clocks", "table.heat")
            assert not console.run("document.querySelector('#lost')")
    finally:
        proxy.end()
