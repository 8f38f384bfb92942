"""Pages of the web console beside the first ones: commands of all devices, groups, tags, cameras with what they recorded; what a key may not see; Chinese; a report of a real load test."""
import json
import re
import subprocess
from pathlib import Path

import pytest

from lib import pscamera, sip
from lib.camera import Camera
from lib.console import Console
from lib.gateway import BINARY, eventually

CONSOLE = {"console": {"mode": "on"}, "media": {"address": "127.0.0.1", "port_first": 23200, "port_last": 23399, "unwatched_ms": "1s"}}
CAMERA, CHANNEL = "34020000001329900002", "34020000001319900001"
MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(CONSOLE), env=sip.ENV)


def test_commands_of_all_devices_and_what_became_of_them(admin, gw):
    fates = "[...document.querySelectorAll('table.orders tr[data-command]')].map(one => one.dataset.command + ' ' + one.dataset.fate).join()"
    gw.known("away-1")
    with gw.connect("here-1") as device:
        gw.api().command("away-1", "wait")
        admin.go("/commands")
        admin.until(fates + " === 'wait queued'")
        gw.api().command("here-1", "unlock")
        command = json.loads(device.recv_text())
        admin.until(fates + " === 'unlock sent,wait queued'")
        device.text(json.dumps({"type": "result", "id": command["id"], "status": "ok", "payload": {"unlocked": True}}))
        admin.until(fates + " === 'unlock done,wait queued'")
    admin.press("Details", "tr[data-command=wait] button")
    admin.press("Cancel")
    admin.until(fates + " === 'unlock done,wait canceled'")
    admin.go("/commands?fate=done")
    admin.until(fates + " === 'unlock done'")
    admin.press("Details")
    admin.says('"unlocked": true', "table.orders")


def test_tags_are_edited_and_a_faster_hand_is_told(admin, gw):
    gw.known("tagged-1")
    tags = "[...document.querySelectorAll('tr[data-tag]')].map(one => one.dataset.tag + '=' + one.children[1].innerText).join()"

    def put(tag, value):
        admin.type("input[name=tag]", tag)
        admin.type("input[name=tag-value]", value)
        admin.press("Set")
    admin.go("/device/tagged-1")
    admin.says("It has no tags", "main")
    put("site", "berlin")
    admin.until(tags + " === 'site=berlin'")
    put("groups", '["vans"]')
    admin.until(tags + """ === 'site=berlin,groups=["vans"]'""")
    shadow = gw.api().get("/v1/devices/tagged-1/shadow")
    assert shadow["tags"] == {"groups": ["vans"], "site": "berlin"} and shadow["version"] == 2
    # The page is told of changes by an event; one that has not come yet must not be written over.
    admin.run("window.WebSocket.prototype.send = () => {}")
    admin.run("(() => { const real = window.fetch; window.fetch = (url, options) => real(url, options?.method === 'PATCH' ? {...options, headers: {...options.headers, 'If-Match': '\"1\"'}} : options); })()")
    put("site", "paris")
    admin.says("Somebody changed it meanwhile", "main")
    assert gw.api().get("/v1/devices/tagged-1/shadow")["tags"]["site"] == "berlin"
    assert ["409" in text for text in admin.page.listen()] == [True]
    admin.page.complaints.clear()
    admin.reload()
    admin.until("document.querySelector('header.top')")
    admin.press("✕", "tr[data-tag=site] button")
    admin.until(tags + """ === 'groups=["vans"]'""")


def test_a_group_is_seen_and_spoken_to(admin, gw):
    gw.known("van-1")
    gw.api().do("PATCH", "/v1/devices/van-1/shadow", b'{"tags":{"groups":["trucks"]}}', headers=MERGE, status=200)
    with gw.connect("van-2", path="/v1/connect/van-2?groups=trucks") as device:
        admin.go("/groups")
        admin.says("trucks", "table.groups")
        assert [one["group"] for one in gw.api().get("/v1/groups")["groups"]] == admin.text("table.groups tbody").split()[::2]
        admin.press("trucks", "table.groups a")
        admin.says("van-1", "table.members")
        admin.says("It has none yet", "main")
        assert {"404" in text for text in admin.page.listen()} == {True}, "a context that nobody made is not there"
        admin.page.complaints.clear()
        admin.type("textarea[name=context]", '{"depot": "north"}')
        admin.press("Apply")
        admin.says('"depot": "north"', "main")
        assert gw.api().get("/v1/groups/trucks/context")["document"] == {"depot": "north"}
        admin.type("textarea[name=push]", '{"interval": 5}')
        admin.press("Push")
        admin.until("document.querySelector('table.pushes tbody td:nth-child(2)')?.innerText === '1'")
        assert gw.api().get("/v1/devices/van-1/shadow")["desired"] == {"interval": 5}
        admin.type("textarea[name=broadcast]", "come home")
        admin.press("Send")
        admin.says("Written to 1 of 1", "main")
        while "come home" not in device.recv_text():  # the context of the group came first
            pass


def test_many_groups_come_in_pages(admin, gw):
    for n in range(4):
        gw.known(f"crowd-{n}")
        gw.api().do("PATCH", f"/v1/devices/crowd-{n}/shadow", json.dumps({"tags": {"groups": [f"crowd-{n}-{i:02}" for i in range(60)]}}).encode(), headers=MERGE, status=200)
    shown = "[...document.querySelectorAll('table.groups th')].map(one => one.innerText)"
    admin.go("/groups")
    admin.until(f"{shown}.length === 200")
    admin.says("200+", "main header")
    admin.press("More")
    admin.until(f"{shown}.includes('crowd-3-59')")
    names = admin.run(shown)
    assert names == sorted(set(names)) and len([name for name in names if name.startswith("crowd-")]) == 240
    assert "+" not in admin.text("main header")


def test_a_camera_is_played_back(admin, gw, tmp_path):
    pscamera.picture(tmp_path)
    with Camera(sip.port(gw), CAMERA, sip.ENV["GB_PASSWORD"], "--media", tmp_path / "libx264.mpg") as camera:
        camera.wait("registered", status=200)
        gw.api().wait("online", device=CAMERA)
        admin.go("/cameras")
        admin.until(f"[...document.querySelectorAll('ul.tree a')].find(one => one.innerText.includes('{CAMERA}'))")
        admin.run("document.querySelector('ul.tree a').click()")
        admin.until("document.querySelector('[data-channel]')")
        admin.run("document.querySelector('[data-channel]').click()")
        admin.says("Watching asks the camera", "main")
        admin.press("Recordings")
        admin.says("recordings", "main")
        admin.until("document.querySelectorAll('.daybar rect').length > 0")
        admin.run("document.querySelector('ul.records button').click()")
        assert " playback " in camera.wait("called")["text"]
        admin.until("document.querySelector('video').videoWidth === 320 && document.querySelector('video').currentTime > 0.2")
        admin.press("Pause")
        admin.press("Stop")
        admin.says("Choose a time below", "main")

        admin.hold("/playback")  # two clicks, and the first is answered after the second
        admin.run("document.querySelector('ul.records button').click()")
        camera.wait("called", count=2)
        admin.until("!!window.held.release")
        admin.run("document.querySelector('ul.records button').click()")
        camera.wait("called", count=3)
        admin.until("document.querySelector('video').videoWidth === 320 && document.querySelector('video').currentTime > 0.2")
        admin.release()
        camera.wait("hung_up", count=2)
        admin.until("!document.querySelector('video').hidden && !document.querySelector('main [role=alert]')")
        admin.run("(() => { const real = window.fetch; window.fetch = async (...all) => { const answer = await real(...all); window.steered = answer.status; window.fetch = real; return answer; }; })()")
        admin.press("Pause")  # the one that is shown
        assert admin.until("window.steered") == 200
        admin.press("Stop")
        camera.wait("hung_up", count=3)
        admin.says("Choose a time below", "main")


PAGES = ["", "devices", "groups/trucks", "cameras", "commands", "events", "changes", "latency", "health", "device/van-1/now", "device/van-1/shadow", "device/van-1/commands"]


def test_pages_say_what_a_key_may_not_see_and_offer_no_changes(gw, browser):
    """A key that may send, but read nothing; then one that may read, but change nothing."""
    gw.known("van-1")
    blind = gw.api().post("/v1/keys", {"name": "blind", "scopes": "commands:write"})["key"]
    seeing = gw.api().post("/v1/keys", {"name": "seeing", "scopes": "devices:read events:read metrics:read"})["key"]
    with Console(browser, gw.url()) as console:
        console.login(blind)
        for where in PAGES:
            console.go("/" + where)
            console.until("document.querySelector('main').innerText.includes('It needs one of these scopes')")
    with Console(browser, gw.url()) as console:
        console.login(seeing)
        for where in PAGES:
            console.go("/" + where)
            console.until("document.querySelector('main .page') && !document.querySelector('main .spin')")
            offered = console.run("[...document.querySelectorAll('main button, main textarea')].map(one => one.innerText || one.name).filter(one => /^(Send|Push|push|Apply|Set|Change|Cancel|Disconnect|✕|desired|context|broadcast)/.test(one)).join()")
            assert not offered, (where, offered)
        assert console.page.listen() == [] or all("40" in text for text in console.page.listen())
        assert not [one for one in console.page.asked if "/v1/config" in one], "what may not be seen is not asked for"


TABS = ["now", "timeline", "messages", "commands", "shadow", "sensors"]
BEYOND = """(() => { const width = document.documentElement.clientWidth; if (document.documentElement.scrollWidth > width) return 'the page';
    const wide = [...document.querySelectorAll('main *, header *')].find(one => one.getBoundingClientRect().width && one.getBoundingClientRect().right > width + 1 && !one.closest('.scroll, .tabs, .vlist, nav, .json, svg, .hidden'));
    return wide ? wide.tagName + '.' + wide.className + ' ' + wide.innerText : ''; })()"""


def fits(admin, where):
    """Charts take the width of their box in the next frame, not in this one."""
    def nothing_beyond():
        assert admin.run(BEYOND) == "", where
        return True
    eventually(nothing_beyond)


def test_every_text_has_its_chinese():
    source = Path(__file__).parents[2] / "console" / "src"
    literal = r'"((?:[^"\\]|\\.)*)"'
    table = dict(re.findall(literal + r":\s*" + literal, (source / "lib" / "zh.js").read_text()))
    used = {text for file in source.rglob("*.js*") for text in re.findall(r"\bt\(\s*" + literal, file.read_text())}
    assert len(used) > 300 and used <= set(table), used - set(table)
    empty = [text for text, chinese in table.items() if not chinese.strip()]
    assert not empty
    wrong = [text for text, chinese in table.items() if set(re.findall(r"\{\w+\}", text)) != set(re.findall(r"\{\w+\}", chinese))]
    assert not wrong, "what is filled in must be the same in both"


def test_what_the_gateway_says_by_name_has_its_chinese(gw):
    """Reasons, events, pools, states and what the audit names: whoever adds one adds its Chinese."""
    root = Path(__file__).parents[2]
    source = (root / "console" / "src" / "lib" / "zh-names.js").read_text()
    tables = {table: dict((a or b, text) for a, b, text in re.findall(r'(?:"([\w.]+)"|\b(\w+)): "([^"]+)"', body)) for table, body in re.findall(r"export const (\w+) = \{(.*?)\n\};", source, re.DOTALL)}

    def named(pattern, *files):
        found = [name for file in files for name in re.findall(pattern, (root / "src" / file).read_text())]
        assert len(found) >= 3, files
        return found
    audited = [str(file.relative_to(root / "src")) for file in (root / "src" / "adapter" / "api").glob("*.c")]
    wanted = {
        "reasons": [one["name"] for one in gw.api().get("/v1/reasons")["reasons"]],
        "types": named(r'X\(HF_EVENT_\w+, \d+,[\s\\]+"([\w.]+)"\)', "core/event.h"),
        "pools": named(r'X\(HF_POOL_\w+, "(\w+)"\)', "app/pools.h"),
        "actions": named(r'hf_api_audit(?:_request\(request|\([^;]*?hf_slice_of\("\w+"\)), "([\w.]+)"', *audited)
                   + re.findall(r'HF_RENEWAL_ACTION "([\w.]+)"', (root / "src/core/renewal.h").read_text()),
    }
    for table, names in wanted.items():
        assert set(names) == set(tables[table]), (table, set(names) ^ set(tables[table]))
        assert all(re.search("[\u4e00-\u9fff]", text) for text in tables[table].values()), table
    states = named(r'X\(HF_RIDING_\w+, "(\w+)"\)', "core/twin/riding.h") + ["online", "offline", "unknown"] + named(r'X\(HF_FATE_\w+, \d+, "(\w+)"\)', "core/call.h")
    texts = (root / "console" / "src" / "lib" / "zh.js").read_text()
    assert not [one for one in states if not re.search(rf'"{one}": "[^"]*[\u4e00-\u9fff]', texts)]


def test_pages_are_chinese_and_fit_on_a_phone(admin, gw):
    with gw.connect("bike-1", path="/v1/connect/bike-1?format=samples&groups=trucks"):
        admin.page.window(800, 600)
        admin.go("/")
        admin.says("Ledger since the start")
        fits(admin, "English is longer")
        admin.run("document.querySelector('[title=中文]').click()")
        admin.until("document.documentElement.lang === 'zh-CN'")
        try:
            for width, height in ((390, 844), (800, 600), (1280, 800)):
                admin.page.window(width, height)
                for where in [*PAGES[:9], "reports", *("device/bike-1/" + tab for tab in TABS)]:
                    admin.go("/" + where)
                    admin.until("document.querySelector('main .page') && !document.querySelector('main .spin')")
                    fits(admin, (where, width))
                    assert admin.run("/[\u4e00-\u9fff]/.test(document.querySelector('main').innerText)"), where
            admin.go("/device/bike-1/now")
            admin.says("已接受连接", ".facts")  # the reason `connected`
            assert [text for text in admin.page.listen() if "404" not in str(text)] == [], "a text that comes in a variable has none"
            admin.page.complaints.clear()
        finally:
            admin.page.window(1280, 800)
            admin.run("document.querySelector('[title=English]').click()")


def test_a_real_report_is_read(admin, gw, tmp_path):
    subprocess.run([str(BINARY), "bench", "ws", "echo", f"ws://{gw.url().split('://')[1]}/v1/connect/{{device}}", "--force", "--connections", "5", "--device", "bench-", "--secret-file", str(gw.folder / "k1.secret"),
                    "--kid", "k1", "--tenant", "acme", "--warmup", "0s", "--rate", "100", "--duration", "200ms", "--drain", "300ms", "--archive", str(tmp_path / "out")], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    report = json.loads(Path(tmp_path / "out" / "result.json").read_text())
    admin.go("/reports")
    admin.until("document.querySelector('input[type=file]')")
    root = admin.page.do("DOM.getDocument")["root"]["nodeId"]
    node = admin.page.do("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
    admin.page.do("DOM.setFileInputFiles", nodeId=node, files=[str(tmp_path / "out" / "result.json")])
    admin.says(report["verdict"], "main .panel")
    admin.says("result.json", "main .panel")
    admin.says("5 / 5", "main .panel")
