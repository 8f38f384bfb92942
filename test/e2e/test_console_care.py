"""What a person meets in the web console beside the way: an event log that is read, not only watched; what is not there, or typed wrong; letters on their ground; keys; the gateway's words in Chinese."""
import contextlib
import json
import re
from pathlib import Path

import pytest

from lib.console import Console
from lib.gateway import eventually

ROOT = Path(__file__).parents[2]
CONSOLE = {"console": {"mode": "on"}}
OFFSETS = "[...document.querySelectorAll('.vbox .vrow')].map(row => Number(row.firstChild.innerText))"


@pytest.fixture(scope="module")
def gw(shared_gateway):
    gateway = shared_gateway(CONSOLE)
    with gateway.connect("log-1") as device:
        for n in range(400):
            device.text(json.dumps({"type": "data", "id": n, "topic": "gps", "payload": n}))
        while '"id":399' not in device.recv_text():  # acknowledged: all are durable
            pass
    return gateway


def forgive(console, status):
    """What the browser itself says of an answer that was to be expected."""
    assert all(str(status) in str(text) for text in console.page.listen()), console.page.complaints
    console.page.complaints.clear()


def test_events_are_read_from_an_offset_on(admin, gw):
    """What was asked for stays on top; what another start had under way does not get between."""
    admin.go("/events?device=log-1")
    admin.says("live", ".filters")
    for first in (9, 5):
        admin.type("input[name=offset]", str(first))
        admin.press("Go")
        admin.says(f"from offset {first}", ".filters")
        admin.until(f"Number(document.querySelector('.vlist').getAttribute('aria-rowcount')) > 301 && {OFFSETS}[0] === {first}")
        seen = admin.run(OFFSETS)
        assert seen == list(range(first, first + len(seen)))
        assert admin.run("document.querySelector('.vbox').scrollTop") == 0
    assert admin.run("location.hash").endswith("device=log-1&from=5"), "to be sent to somebody"
    admin.reload()
    admin.until(f"{OFFSETS}[0] === 5")
    admin.press("Pause")
    admin.says("paused at offset", ".filters")
    admin.type("input[name=offset]", "")
    admin.press("Go")
    admin.says("live", ".filters")


def test_who_scrolls_back_reads_and_misses_nothing(admin, gw):
    admin.page.window(1280, 500)
    try:
        admin.go("/reports")
        admin.go("/events")
        admin.says("Nothing yet", ".vlist")
        with gw.connect("reads-1") as device:
            say = lambda first, count: [device.text(json.dumps({"type": "data", "id": n, "payload": n})) for n in range(first, first + count)]
            say(0, 60)
            admin.until("document.querySelector('.vbox').innerText.includes('59') && document.querySelector('.vbox').scrollTop > 0")
            admin.run("document.querySelector('.vbox').scrollTop -= 400")
            admin.says("paused at offset", ".filters")
            say(60, 20)
            while '"id":79' not in device.recv_text():
                pass
            at = admin.run("document.querySelector('.vbox').scrollTop")
            assert "79" not in admin.text(".vbox") and at > 0
            admin.press("Resume")
            admin.until("document.querySelector('.vbox').innerText.includes('79')")
            seen = admin.run(OFFSETS)
            assert seen == list(range(seen[0], seen[0] + len(seen)))
    finally:
        admin.page.window(1280, 800)


def test_a_list_is_found_as_it_was_left(admin, gw):
    many = [f"back-{n:03}" for n in range(80)]
    gw.known(*many)
    eventually(lambda: len(gw.api().get("/v1/devices?contains=back-&limit=100")["devices"]) == 80)
    admin.page.window(1280, 500)
    try:
        admin.go("/devices?contains=back-")
        admin.until("document.querySelector('.vlist')?.getAttribute('aria-rowcount') === '81'")
        admin.run("document.querySelector('.vbox').scrollTop = 32 * 60")
        admin.until("[...document.querySelectorAll('.vrow')].some(one => one.innerText.includes('back-062'))")
        admin.run("[...document.querySelectorAll('.vrow')].find(one => one.innerText.includes('back-062')).click()")
        admin.says("back-062", ".title")
        admin.run("history.back()")
        admin.until("document.querySelector('.vrow.at')?.innerText.includes('back-062') && document.querySelector('.vbox').scrollTop === 32 * 60")
        admin.until("document.activeElement.role === 'row' && document.activeElement.innerText.includes('back-062')")
        admin.key("Enter")
        admin.says("back-062", ".title")
    finally:
        admin.page.window(1280, 800)


def test_a_list_is_walked_row_by_row(admin, gw):
    """By keys alone, as a screen reader does: one row has the focus, says which of how many it is, and keeps it when it is scrolled out of sight."""
    gw.known(*[f"walk-{n:03}" for n in range(80)])
    eventually(lambda: len(gw.api().get("/v1/devices?contains=walk-&limit=100")["devices"]) == 80)
    here = "[document.activeElement.role, Number(document.activeElement.ariaRowIndex), document.activeElement.querySelector('.id')?.innerText]"
    seen = "(() => { const box = document.querySelector('.vbox').getBoundingClientRect(), row = document.activeElement.getBoundingClientRect(); return row.top > box.top - 1 && row.bottom < box.bottom + 1; })()"

    def at(n):
        """The head is row 1."""
        admin.until(f"JSON.stringify({here}) === JSON.stringify(['row', {n + 2}, 'walk-{n:03}']) && {seen}")

    admin.page.window(1280, 500)
    try:
        admin.go("/devices?contains=walk-")
        admin.until("document.querySelector('[role=grid]')?.ariaRowCount === '81' && !document.querySelector('.spin')")
        assert admin.run("[...document.querySelectorAll('.vbox [role=row]')].every(row => [...row.children].every(one => one.role === 'gridcell'))")
        admin.run("document.querySelector('.filters a.button').focus()")
        admin.key("Tab")
        at(0)
        for key, n in (("ArrowDown", 1), ("j", 2), ("ArrowUp", 1), ("End", 79), ("ArrowDown", 79), ("Home", 0), ("k", 0), ("ArrowDown", 1)):
            admin.key(key)
            at(n)
        admin.key("PageDown")
        page = admin.until(f"{here}[1] > 3 && {here}[1]") - 3
        at(1 + page)
        admin.key("PageUp")
        at(1)
        admin.run("document.querySelector('.vbox').scrollTop = 32 * 60")
        admin.until("[...document.querySelectorAll('.vrow')].some(one => one.innerText.includes('walk-062'))")
        assert admin.run(here) == ["row", 3, "walk-001"] and not admin.run(seen)
        assert admin.run("document.querySelectorAll('.vbox [tabindex=\"0\"]').length") == 1
        admin.key("ArrowDown")
        at(2)
        admin.key("Enter")
        admin.says("walk-002", ".title")
    finally:
        admin.page.window(1280, 800)


def test_a_row_that_goes_leaves_the_focus_in_its_list(admin, gw):
    """The oldest events leave the page as new ones come, with whoever stands on them."""
    admin.go("/events?device=long-1")
    admin.says("live", ".filters")
    with gw.connect("long-1") as device:
        admin.until("document.querySelector('.vbox [role=row]')")
        admin.run("document.querySelector('.vbox [role=row]').focus()")
        first = admin.run(OFFSETS + "[0]")
        for n in range(5100):
            device.text(json.dumps({"type": "data", "id": n}))
        admin.until(f"{OFFSETS}[0] > {first} && document.querySelector('.vlist').ariaRowCount === '5001'", timeout_s=90)  # a busy machine takes its time over so many
        assert admin.run("[document.activeElement.role, document.activeElement.ariaRowIndex]") == ["row", "2"]


def test_escape_closes_and_help_has_the_focus(admin, gw):
    admin.go("/events?type=online&from=1")
    admin.until("document.querySelector('.vbox .vrow .type.t-online')")
    admin.run("document.querySelector('.vbox .vrow .type.t-online').click()")
    admin.says('"type": "online"', ".drawer")
    admin.key("Escape")
    admin.until("!document.querySelector('.drawer')")
    admin.run("document.querySelector('[title=p]').focus()")
    admin.key("?")
    admin.until("document.querySelector('dialog.help')?.contains(document.activeElement)")
    admin.says("Latency", ".help")
    admin.key("Escape")
    admin.until("!document.querySelector('.help') && document.activeElement.title === 'p'")


def test_what_is_wrong_is_said_with_what_is_right(admin, gw):
    admin.go("/events?topic=a/%23/b")
    admin.says("topic must be a filter such as plant/+/temperature", "main")
    assert "Nothing yet" not in admin.text("main")
    admin.go("/groups/trucks")
    admin.type("textarea[name=broadcast]", '{"a": 1')
    admin.says("as text: it is no JSON", "main")
    admin.type("textarea[name=broadcast]", '{"a": 1}')
    admin.says("as JSON", "main")
    admin.go("/groups/no%20group!")
    admin.says("1 to 120 of", "main")
    admin.go("/device/log-1/nonsense")
    admin.says("There is no such page", "main")
    forgive(admin, 404)  # of a group that has no context yet


def test_what_cannot_be_drawn_takes_nothing_with_it(admin, gw, tmp_path):
    """A file that looks like a report, and is none behind that."""
    odd = tmp_path / "odd.json"
    odd.write_text('{"runs":[],"verdict":"measured","result":{"rate":null}}')
    admin.go("/reports")
    admin.until("document.querySelector('input[type=file]')")
    root = admin.page.do("DOM.getDocument")["root"]["nodeId"]
    node = admin.page.do("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
    admin.page.do("DOM.setFileInputFiles", nodeId=node, files=[str(odd)])
    admin.says("This cannot be shown", "main")
    admin.press("Close", "main button")
    admin.says("No report is open", "main")
    admin.go("/health")
    admin.says("Configuration", "main")
    forgive(admin, "TypeError")


def test_a_page_that_breaks_leaves_the_others(admin, gw):
    admin.go("/devices")
    admin.until("document.querySelector('.vbox .vrow')")
    admin.run("Object.defineProperty(Intl, 'NumberFormat', {configurable: true, value: function () { throw new Error('broken'); }})")
    try:
        admin.run("document.querySelector('[title=中文]').click()")  # its formats are made anew
        admin.says("无法显示", "main")
        admin.go("/reports")
        admin.says("没有打开的报告", "main")
    finally:
        admin.reload()
        admin.run("document.querySelector('[title=English]').click()")
    forgive(admin, "broken")


def test_a_device_that_was_never_here_appears_when_it_comes(admin, gw):
    admin.go("/device/late-9")
    admin.says("No device of this id was here yet", "main")
    with gw.connect("late-9"):
        admin.says("online", ".title")
        admin.says("connected", ".facts")
    forgive(admin, 404)


def test_what_was_opened_while_the_gateway_was_away_comes_by_itself(gateways, browser):
    gateway = gateways(CONSOLE, lasting=True)
    gateway.known("here-1")
    pages = {"/devices": "here-1", "/health": "not the default", "/changes": "Nobody changed anything", "/groups/vans": "No device is in it"}
    with contextlib.ExitStack() as open_pages:
        consoles = {where: open_pages.enter_context(Console(browser, gateway.url())) for where in pages}
        for console in consoles.values():
            console.login(gateway.keys["admin"]).go("/reports")
            console.until("document.querySelector('.link.good')")
        seen = open_pages.enter_context(Console(browser, gateway.url())).login(gateway.keys["admin"])
        seen.go("/devices")
        seen.says("here-1", "main")
        gateway.kill()
        seen.run("(() => { const real = Date.now; Date.now = () => real() + 6000; })()")  # six seconds go by
        seen.until("document.querySelector('#lost') && getComputedStyle(document.querySelector('.vbox .state')).filter.includes('grayscale')")
        for where, console in consoles.items():
            console.until("!document.querySelector('.link.good')")
            console.go(where)
            console.says("The gateway does not answer", "main")
        gateway.start()
        seen.until("!document.querySelector('#lost') && getComputedStyle(document.querySelector('.vbox .state')).filter === 'none'")
        for where, console in consoles.items():
            console.until(f"document.querySelector('main').innerText.includes({json.dumps(pages[where])}) && !document.querySelector('main .bad, main .spin')")


def test_a_command_that_was_just_sent_has_its_time(admin, gw):
    with gw.connect("clock-1") as device:
        admin.go("/device/clock-1/commands")
        admin.type("input[name=name]", "blink")
        admin.press("Send")
        command = json.loads(device.recv_text())
        device.text(json.dumps({"type": "result", "id": command["id"], "status": "ok"}))
        admin.until("document.querySelector('[data-command=blink] time')")


def test_details_are_chinese(admin, gw):
    admin.run("document.querySelector('[title=中文]').click()")
    try:
        admin.go("/events?topic=a/%23/b")
        admin.says("主题筛选的写法如 plant/+/temperature 或 plant/#", "main")
        assert "topic must be" in admin.run("document.querySelector('.empty p[title]').title"), "to be searched for"
        admin.go("/device/log-1/commands")
        admin.type("input[name=name]", "x")
        admin.type("textarea[name=payload]", '{bad')
        admin.says("不是有效的 JSON：第 1 行", "main")
        admin.type("textarea[name=payload]", "")
        admin.type("input[name=name]", "a+b")
        admin.press("发送")
        admin.says("名称为 1 至 256 个字节，不含控制字符、+ 和 #", "main")
        forgive(admin, 400)
    finally:
        admin.run("document.querySelector('[title=English]').click()")


def test_details_are_still_said_like_this():
    """The left side of zh-details.js is what the gateway says."""
    literal, said = r'"(?:[^"\\\n]|\\.)*"', set()
    for file in (ROOT / "src").rglob("*.[ch]"):
        for texts in re.findall(rf"{literal}(?:\s*{literal})*", file.read_text()):
            said.add(re.sub(r"%[-0-9.*]*(?:ll|z)?[a-z]", "{}", "".join(part[1:-1] for part in re.findall(literal, texts))))
    table = re.findall(rf"^  ({literal}): ({literal}),$", (ROOT / "console" / "src" / "lib" / "zh-details.js").read_text(), re.MULTILINE)
    assert len(table) > 30
    for english, chinese in ((json.loads(english), json.loads(chinese)) for english, chinese in table):
        assert english in said or english.removesuffix("{}") in said or english.split(": ")[0] + ": events:read" in said, english
        assert english.count("{}") >= chinese.count("{}") and re.search("[\u4e00-\u9fff]", chinese), english


def test_when_it_was_slow(admin, gw):
    def slots():
        return sum(len(pair["slots"]) for pair in gw.api().get("/v1/heatmap/history")["pairs"] if pair["destination"] == "durable")
    eventually(lambda: slots() > 0, every_s=0.2)  # of the 400 messages of the beginning; the slot that runs is left out
    admin.go("/latency")
    admin.says("one each 10 s", "#slow")
    admin.until("document.querySelector('#slow canvas')")
    admin.press("7 d", "#slow button")
    admin.until("/Nothing was measured in that time|one each 5 min/.test(document.querySelector('#slow').innerText)")  # the first slot of 5 minutes mostly runs still
    admin.press("1 h", "#slow button")
    admin.says("one each 10 s", "#slow")


# Letters too pale for their ground: [ratio, text], by WCAG 2.2, 1.4.3.
PALE = """(() => {
    const parts = text => { const all = text.match(/[-\\d.]+/g).map(Number), whole = text.startsWith('color(') ? 1 : 255; return [all[0] / whole, all[1] / whole, all[2] / whole, all[3] ?? 1]; };
    const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
    const light = c => { const [r, g, b] = c.map(x => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
    const ground = node => { const mine = parts(getComputedStyle(node).backgroundColor); return mine[3] === 1 || !node.parentElement ? over(mine, [1, 1, 1]) : over(mine, ground(node.parentElement)); };
    return [...document.querySelectorAll('header *, main *')].filter(one => [...one.childNodes].some(child => child.nodeType === 3 && child.data.trim()) && one.checkVisibility() && !one.closest('svg, .hidden, :disabled, [data-stale]')).map(one => {
        const style = getComputedStyle(one), below = ground(one), a = light(over(parts(style.color), below)), b = light(below), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        return [Math.round(ratio * 100) / 100, parseFloat(style.fontSize) >= 24 ? 3 : 4.5, one.innerText];
    }).filter(([ratio, least]) => ratio < least);
})()"""


@pytest.mark.parametrize("dark", [False, True])
def test_letters_stand_out_from_their_ground(admin, gw, dark):
    admin.page.window(1280, 800, dark=dark)
    try:
        with gw.connect("pale-1") as device:
            device.text('{"type":"data","id":1}')
            for where in ("", "devices", "device/pale-1", "device/pale-1/shadow", "device/log-1/timeline", "commands", "events?from=1", "changes", "latency", "health", "groups", "no-page"):
                admin.go("/" + where)
                admin.until("document.querySelector('main .page') && !document.querySelector('main .spin')")
                if where == "latency":
                    admin.until("[...document.querySelectorAll('.heat .cell')].some(one => one.innerText.includes('%'))")
                if where.startswith("events"):
                    admin.press("Pause")
                    admin.until("[...document.querySelectorAll('button')].some(one => one.innerText === 'Resume')")
                assert admin.run(PALE) == [], where
    finally:
        admin.page.window(1280, 800)
