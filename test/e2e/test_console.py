"""The web console in a headless Chromium, against the real gateway: login, pages, live values, commands, lists of 10,000 rows, what it asks and what it may."""
import json
import os
import subprocess
import threading
import urllib.request

import pytest

from lib.console import Console
from lib.gateway import BINARY, eventually
from lib.pace import Stopwatch

FIRST_LOAD_BYTES_MAX = 300 << 10
READY_MS = 1000
DEVICES = 10000
CONSOLE = {
    "listeners": [{"name": "main", "address": "127.0.0.1", "port": 0, "roles": ["devices", "api", "console"]}],
    "console": {"mode": "on"},
    "admission": {"prefix_per_s": 0, "accept_per_s": 100000, "accept_capacity": 100000},
}
PAGES = {"/": "Messages per second", "/devices": "Protocol", "/events": "Offset", "/changes": "Look further back", "/latency": "measured", "/reports": "Open result.json", "/health": "Configuration"}


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(CONSOLE)


@pytest.fixture
def console(gw, browser):
    with Console(browser, gw.url()) as one:
        yield one
        one.clean()


def fetch(url, **headers):
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers))


def test_the_first_load_is_small_and_is_not_repeated(gw):
    total = 0
    for name in ("", "app.js", "app.css", "icon.svg", "settings.json"):
        with fetch(f"{gw.url()}/console/{name}", **{"Accept-Encoding": "gzip"}) as answer:
            total += len(answer.read())
            etag = answer.headers["ETag"]
        if name != "settings.json":
            assert gw.api(None).do("GET", f"/console/{name}", headers={"Accept-Encoding": "gzip", "If-None-Match": etag}).status == 304
    assert total < FIRST_LOAD_BYTES_MAX


def test_it_is_there_within_a_second(gw, browser, record_property):
    with Stopwatch() as watch, Console(browser, gw.url()) as console:
        ready_ms = console.ready_ms - 1000 * watch.stood_still_s()
    record_property("ready_ms", round(ready_ms))
    print(f"ready {ready_ms:.0f} ms after it was asked for")
    assert ready_ms < READY_MS or os.getloadavg()[0] > 2 * os.cpu_count(), "the bar is 1 s, on a machine that is not overloaded"


def test_the_policy_is_strict(gw):
    with fetch(f"{gw.url()}/console/") as answer:
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        html = answer.read().decode()
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "<style" not in html and "://" not in html and "<script>" not in html


def test_pages_are_there_where_the_configuration_says_so(gateways):
    plain = gateways({"listeners": CONSOLE["listeners"]})
    assert json.loads(fetch(f"{plain.url()}/console/settings.json").read())["read_only"], "read-only unless it is said"
    plain.write_config({"console": {"mode": "off"}})
    plain.reload()
    assert plain.api().do("GET", "/console/").status == 404
    assert plain.api().do("GET", "/v1/self").status == 200


def test_a_wrong_key_does_not_get_in_and_logging_out_forgets(console, gw):
    console.type("input[name=key]", "hfk_wrongwrong_x")
    console.press("Log in")
    console.says("This key is not valid")
    assert console.page.listen() == [f"Failed to load resource: the server responded with a status of 401 (Unauthorized) {gw.url()}/v1/self"]
    console.page.complaints.clear()
    console.login(gw.keys["reader"])
    console.run("document.querySelector('[aria-label=\"Log out\"]').click()")
    console.until("document.querySelector('input[name=key]')")
    assert console.run("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])").count("hfk_") == 0


def test_every_page_loads(admin):
    for where, text in PAGES.items():
        admin.go(where)
        admin.says(text, "main")
        admin.clean()
    for key, where in (("o", "#/"), ("d", "#/devices"), ("e", "#/events"), ("h", "#/health")):
        admin.key("g")
        admin.key(key)
        admin.until(f"location.hash === '{where}'")
    admin.run("document.querySelector('[title=中文]').click()")
    admin.says("配置", "main")
    assert admin.run("document.documentElement.lang") == "zh-CN"
    admin.run("document.querySelector('[title=English]').click()")
    admin.says("Configuration", "main")
    admin.page.listen()
    assert [one.split("?")[0].split("/", 3)[3] for one in admin.page.asked if one.startswith("ws:")] == ["v1/live"], "one socket, whatever the page"
    assert not [one for one in admin.page.asked if "/v1/overview" in one or "/v1/events" in one and "by=" not in one], "what moves comes by it alone"


def test_values_move_by_themselves(admin, gw):
    value = "Number([...document.querySelectorAll('.stat')].find(one => one.innerText.includes('Devices online')).querySelector('.value').innerText)"
    admin.go("/")
    admin.until(value + " >= 0")
    before = admin.run(value)
    with gw.connect("moves-1") as device:
        admin.until(f"{value} === {before + 1}")
        admin.go("/device/moves-1")
        admin.says("online", ".title")
        admin.until("document.querySelector('[data-live=in]')?.innerText === '0'")
        device.text('{"type":"data","id":1,"payload":{"speed":17}}')
        admin.until("document.querySelector('[data-live=in]').innerText === '1'")
        admin.go("/device/moves-1/messages")
        admin.says('{"speed":17}', "main")
    admin.says("unknown", ".title")  # it went without a word


def test_a_command_reaches_a_device_and_its_answer_the_page(admin, gw):
    with gw.connect("obeys-1") as device:
        admin.go("/device/obeys-1/commands")
        admin.says("Send a command", "main")
        admin.type("input[name=name]", "unlock")
        admin.type("textarea[name=payload]", '{"seconds":30}')
        admin.press("Send")
        command = json.loads(device.recv_text())
        assert command["name"] == "unlock" and command["payload"] == {"seconds": 30}
        device.text(json.dumps({"type": "result", "id": command["id"], "status": "ok", "payload": {"unlocked": True}}))
        admin.until("document.querySelector('[data-command=unlock]')?.dataset.state === 'done'")
        admin.says('"unlocked": true', "main")
        admin.press("Disconnect…")
        admin.press("Disconnect")
        admin.says("offline", ".title")
        admin.go("/device/obeys-1/timeline")
        admin.says("admin_disconnect", "main")
        admin.says("device.disconnect", "table.changes")
        admin.says("command.queued unlock", "table.changes")
        admin.go("/changes?via=console")
        admin.until("[...document.querySelectorAll('table.changes tbody tr')].filter(one => one.innerText.includes('obeys-1') && one.innerText.includes('console')).length === 2")
        gw.api().command("obeys-1", "lock")
        admin.run("[...document.querySelectorAll('.choice button')].find(one => one.innerText === 'all').click()")
        admin.says("command.queued lock", "table.changes")


def test_events_pause_and_go_on_without_a_gap(admin, gw):
    admin.go("/events")
    admin.says("live", ".filters")
    with gw.connect("talks-1") as device:
        offsets = "[...document.querySelectorAll('.vbox .vrow')].map(row => Number(row.firstChild.innerText))"
        admin.says("talks-1", ".vlist")
        admin.press("Pause")
        admin.says("paused at offset", ".filters")
        for n in range(5):
            device.text(json.dumps({"type": "data", "id": n, "payload": f"while paused {n}"}))
        eventually(lambda: gw.api().get("/v1/overview")["messages"]["in"] >= 5)
        assert "while paused" not in admin.text(".vlist")
        admin.press("Resume")
        admin.says("while paused 4", ".vlist")
        seen = admin.run(offsets)
        assert seen == list(range(seen[0], seen[0] + len(seen)))
    admin.type("input[aria-label=Device]", "nobody-there")
    admin.says("Nothing yet", ".vlist")


def test_a_reader_sees_and_may_not_change(console, gw):
    with gw.connect("seen-1"):
        console.login(gw.keys["reader"])
        console.says("metrics:read", "main")
        console.go("/device/seen-1")
        console.says("online", ".title")
        assert "Disconnect" not in console.text()
        console.go("/device/seen-1/commands")
        console.says("commands:write", "main")
        console.go("/health")
        console.says("admin", "main")


def test_a_console_that_is_read_only_offers_no_changes(gw, browser):
    gw.write_config({"console": {"mode": "read_only"}})
    gw.reload()
    try:
        with gw.connect("calm-1"), Console(browser, gw.url()) as console:
            console.login(gw.keys["admin"]).go("/device/calm-1/commands")
            console.says("This console is read-only", "main")
            assert "Disconnect" not in console.text()
    finally:
        gw.write_config({"console": {"mode": "on"}})
        gw.reload()


def test_ten_thousand_devices_are_a_few_rows(admin, gw, record_property):
    run = subprocess.Popen([str(BINARY), "bench", "ws", "hold", f"ws://{gw.url().split('://')[1]}/v1/connect/{{device}}", "--force", "--connections", str(DEVICES), "--connect-rate", "10000",
                            "--device", "many-", "--secret-file", str(gw.folder / "k1.secret"), "--kid", "k1", "--tenant", "acme", "--warmup", "0s", "--duration", "1h"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: gw.api().get("/v1/overview")["devices_now"]["online"] >= DEVICES, every_s=0.2)
        admin.go("/devices?contains=many-")
        admin.until("document.querySelector('.vbox > div').offsetHeight >= 2000 * 32 && document.querySelector('.vlist').getAttribute('aria-rowcount') === '-1'")  # more are to come
        rows = admin.until(f"""(() => {{ const box = document.querySelector('.vbox'); box.scrollTop = box.scrollHeight;
            return Number(document.querySelector('.vlist').getAttribute('aria-rowcount')) === {DEVICES} + 1 && box.innerText.includes('many-{DEVICES:06}') && document.querySelectorAll('.vbox .vrow').length; }})()""")
        assert rows < 80, f"{rows} rows in the document"
        assert admin.run("document.querySelector('.vbox').scrollHeight") == DEVICES * 32
        middle = DEVICES // 2
        admin.run(f"document.querySelector('.vbox').scrollTop = {(middle - 1) * 32}")
        admin.until(f"document.querySelector('.vbox').innerText.includes('many-{middle:06}')")
        assert admin.run("document.querySelectorAll('.vbox .vrow').length") < 80
        assert admin.run("document.querySelectorAll('*').length") < 1500
        admin.run("document.querySelector('.vbox').scrollTop = 0; location.hash = '#/health'")  # gone before it hears of it
        admin.says("Configuration", "main")
        admin.go(f"/devices?contains=many-{middle:06}")
        admin.until("document.querySelector('.vlist').getAttribute('aria-rowcount') === '2'")
    finally:
        run.kill()
        run.wait()


def test_a_lost_gateway_is_said_and_comes_back(gateways, browser):
    gateway = gateways(CONSOLE, lasting=True)
    with Console(browser, gateway.url()) as console:
        console.login(gateway.keys["admin"]).says("Messages per second")
        gateway.kill()
        console.run("(() => { const real = Date.now; Date.now = () => real() + 6000; })()")  # six seconds go by
        console.until("document.querySelector('#lost')")
        console.until("document.querySelector('[data-stale]')")
        gateway.start()
        console.until("!document.querySelector('#lost') && !document.querySelector('[data-stale]')")


def test_dev_prints_an_address_that_logs_in_once(browser, tmp_path):
    settings = ["listeners.plain.port=0", "listeners.tls.port=0", "admin.port=0", "gb28181.enabled=false", "store.map_initial_bytes=16MiB"]
    dev = subprocess.Popen([str(BINARY), "dev", "--fleet", "0", "--data", str(tmp_path / "data"), *(part for one in settings for part in ("--set", one))], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = next(line.split()[1] for line in dev.stdout if line.startswith("  console "))
        threading.Thread(target=dev.stdout.read, daemon=True).start()
        url = address.split("/console/")[0]
        with Console(browser, url, address) as console:
            console.says("Messages per second")
            assert console.run("location.href") == f"{url}/console/#/", "the code does not stay in the history"
            console.clean()
        with Console(browser, url, address) as console:
            console.says("That login link was used already")
    finally:
        dev.kill()
        dev.wait()


