"""Who changed what: every change that comes by the HTTP API is an event with the id of the key, and says so when it came from the console."""
import json
import os
import subprocess
from urllib.parse import urlencode

from lib.console import Console
from lib.gateway import BINARY, eventually
from lib.rawws import RawWs

MERGE = {"Content-Type": "application/merge-patch+json"}
CONSOLE = {"Holdfast-Client": "console"}
MADE = 17  # events of changes()


def changes(api, device, group):
    """One of each that the API has for devices, but for orders to cameras: these are commands."""
    at = f"/v1/devices/{device}"
    api.post(f"{at}/messages", {"payload": 1, "topic": "t"}, headers=CONSOLE)
    waiting = api.post(f"{at}/messages", {"payload": 2})
    api.do("DELETE", f"/v1/messages/{waiting['id']}", headers=CONSOLE, status=200)
    asked = api.post(f"{at}/commands", {"name": "reboot"}, headers=CONSOLE)
    api.do("DELETE", f"/v1/commands/{asked['id']}", status=200)
    api.do("PATCH", f"{at}/shadow", b'{"desired":{"led":1},"tags":{"floor":2}}', headers={**MERGE, **CONSOLE}, status=200)
    api.do("PATCH", f"{at}/context", b'{"a":1}', headers=MERGE, status=200)
    api.do("PATCH", f"/v1/groups/{group}/context", b'{"b":2}', headers={**MERGE, **CONSOLE}, status=200)
    api.post("/v1/broadcast", {"target": "all", "payload": "x"}, headers=CONSOLE)
    made = api.post("/v1/keys", {"name": "one", "scopes": "devices:read"}, headers=CONSOLE)
    api.do("DELETE", f"/v1/keys/{made['id']}", status=204)
    api.post("/v1/revocations", {"token_jti": "j"}, headers=CONSOLE)
    return made["id"]


def test_every_change_names_the_key_that_made_it(gw):
    gw.known("changed")
    made = changes(gw.api(), "changed", "team")
    assert eventually(lambda: len(gw.api().events(by="*")) == MADE)  # records of the audit come after the answer
    mine = gw.api().get("/v1/self")["key"]
    listed = gw.api().events(by="*")
    assert {event["by"] for event in listed} == {mine} and listed == gw.api().events(by=mine)
    told = [(event["type"], event.get("action"), event.get("via")) for event in listed]
    assert sorted(map(str, told)) == sorted(map(str, [
        ("message.queued", None, "console"), ("message.queued", None, None), ("message.failed", None, "console"), ("audit", "message.cancel", "console"),
        ("command.queued", None, "console"), ("command.failed", None, None), ("audit", "message.cancel", None), ("shadow.changed", None, "console"),
        ("document.changed", None, None), ("document.changed", None, "console"), ("broadcast", None, "console"), ("key.created", None, "console"),
        ("audit", "key.create", "console"), ("key.revoked", None, None), ("audit", "key.revoke", None), ("revoked", None, "console"), ("audit", "revoke", "console")]))
    secret = gw.keys["admin"].rsplit("_", 1)[1]
    assert secret not in json.dumps(listed) and gw.api().events(by=made) == []
    assert gw.api().do("GET", "/v1/events?by=a%20b").json["field"] == "by"


def test_it_stands_among_the_events_of_the_device(gw):
    with gw.connect("closed") as device:
        gw.api().post("/v1/devices/closed/disconnect", {"text": "bye"}, headers=CONSOLE)
        assert device.recv_close()[0] == 1008
    event = gw.api().wait("audit", where=lambda e: e.get("device") == "closed")
    assert (event["action"], event["by"], event["via"], event["who"]) == ("device.disconnect", gw.api().get("/v1/self")["key"], "console", event["by"])
    assert [e["action"] for e in gw.api().events(device="closed", by="*")] == ["device.disconnect"]
    assert all("by" not in e for e in gw.api().events(device="closed", type="online,offline"))


def test_a_live_reader_and_another_key(gw):
    gw.known("shared")
    key = gw.api().post("/v1/keys", {"name": "two", "scopes": "messages:write"})
    headers = {"Authorization": "Bearer " + gw.keys["admin"]}
    with RawWs(gw.address(), f"/v1/events?by={key['id']}", headers) as ws:
        gw.api().send("shared", "of the first key")
        gw.api(key["key"]).send("shared", "of the second")
        event = json.loads(ws.recv_text())
        assert (event["by"], event["payload"]) == (key["id"], "of the second") and "via" not in event


def test_it_outlives_a_crash(gateway):
    gateway.known("kept")
    gateway.api().send("kept", 1, headers=CONSOLE)
    before = gateway.api().events(by="*")
    gateway.kill()
    gateway.start()
    assert gateway.api().events(by="*") == before and [(e["type"], e["via"]) for e in before] == [("message.queued", "console")]
    with gateway.connect("kept") as device:
        assert device.recv_text() == "1", "what the device gets does not change with who asked"


def audit(gw, limit=1000, **filters):
    """All pages, the newest first; each entry once."""
    entries, query = [], {"limit": limit, **filters}
    while True:
        page = gw.api().get("/v1/audit?" + urlencode(query))
        entries += page["entries"]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    offsets = [entry["offset"] for entry in entries]
    assert offsets == sorted(set(offsets), reverse=True)
    return entries


def shown(entries):
    """What the audit keeps of an event: not what was sent, or how a shadow looked."""
    return [{name: value for name, value in entry.items() if name not in ("payload", "change", "document", "merge", "ttl_ms", "text")} for entry in entries]


def cut_the_log(gw):
    """Until nothing is left in it of what there was."""
    before = int(gw.metric("holdfast_log_durable_offset"))
    with gw.connect("writer") as ws:
        for n in range(40):
            ws.text(json.dumps({"type": "data", "id": n, "payload": "z" * 200000}))
            assert json.loads(ws.recv_text())["id"] == n
    assert eventually(lambda: gw.metric("holdfast_log_oldest_offset") > before)


def test_the_audit_outlives_the_log(gateways, tmp_path):
    """Every entry of the log, once, while the log has it, when it does not any more, when it has some of it, and after a crash and a stop."""
    gw = gateways({"log": {"segment_bytes": 1 << 20, "retention_bytes": 2 << 20}})
    gw.known("kept")
    key = changes(gw.api(), "kept", "team")
    gw.api("foreign").post("/v1/revocations", {"token_jti": "theirs"})
    assert eventually(lambda: len(gw.api().events(by="*")) == MADE)
    logged = gw.api().events(by="*")
    first = audit(gw)
    assert shown(first) == shown(reversed(logged)) and audit(gw, limit=1) == first
    cut_the_log(gw)
    assert [e for e in gw.api().events(by="*") if e["type"] != "gap"] == []
    assert audit(gw) == first and audit(gw, limit=3) == first
    gw.kill()
    gw.start()
    assert audit(gw) == first
    gw.api().post("/v1/revocations", {"token_jti": "later"})  # rows and log, or rows alone: nobody can tell
    assert eventually(lambda: len(audit(gw)) == MADE + 2)
    both = audit(gw, limit=1)
    assert both[-len(first):] == first and [e["type"] for e in both[:-len(first)]] == ["audit", "revoked"]
    gw.stop()
    gw.start()
    assert audit(gw) == both
    assert {e["type"] for e in audit(gw, by=gw.api().get("/v1/self")["key"])} == {e["type"] for e in both}
    assert [e["action"] for e in audit(gw, type="audit", limit=1)] == ["revoke", "revoke", "key.revoke", "key.create", "message.cancel", "message.cancel"]
    made = audit(gw, type="key.created")[0]
    assert made["key"] == key and made["name"] == "one" and "sha256" not in json.dumps(made)
    assert audit(gw, device="kept", type="command.queued")[0]["name"] == "reboot"
    assert audit(gw, to=first[-1]["time"])[-1] == first[-1] and audit(gw, **{"from": both[0]["time"]})[0] == both[0]
    listed = subprocess.run([str(BINARY), "audit", "--type", "key.created,revoked", "--all"], capture_output=True, text=True, check=True, cwd=tmp_path,
                            env={**os.environ, "HOLDFAST_URL": gw.url(), "HOLDFAST_API_KEY": gw.keys["admin"]}).stdout.splitlines()
    assert len(listed) == 3 and "what=token:later" in listed[0] and "key.created" in listed[2] and made["time"][:4] in listed[2]
    assert [e["what"] for e in gw.api("foreign").get("/v1/audit?type=revoked")["entries"]] == ["token:theirs"]
    assert gw.api("reader").get("/v1/audit?limit=1")["entries"] == both[:1]


def test_the_audit_has_its_bounds(gateways):
    """What an application sends a lot of goes when it has no room; who made a key stays, as it has room of its own."""
    gw = gateways({"audit": {"history_bytes": 65536}, "delivery": {"outbox_messages_max": 10000}})
    gw.known("busy")
    made = gw.api().post("/v1/keys", {"name": "one", "scopes": "devices:read"})["id"]
    api = gw.api()
    for n in range(300):
        api.post("/v1/devices/busy/messages", {"payload": n, "topic": 200 * "t"})
    assert eventually(lambda: gw.metric("holdfast_store_trimmed_total", table="audit") > 0)
    entries = audit(gw)
    queued = [e for e in entries if e["type"] == "message.queued"]
    assert len(queued) == 300 - gw.metric("holdfast_store_trimmed_total", table="audit") and len(entries) == gw.metric("holdfast_store_rows", table="audit")
    assert queued[0]["seq"] - queued[-1]["seq"] == len(queued) - 1, "the newest of them"
    assert [e["key"] for e in entries if e["type"] == "key.created"] == [made]


def test_the_console_looks_behind_the_log(gateways, browser):
    """In pages, each entry once, to the first one; then there is nothing to look for."""
    gw = gateways({"log": {"segment_bytes": 1 << 20, "retention_bytes": 2 << 20}, "console": {"mode": "on"}})
    gw.known("kept")
    api, count = gw.api(), 250
    for n in range(count):
        api.post("/v1/devices/kept/messages", {"payload": n, "topic": f"t{n}"})
    cut_the_log(gw)
    api.post("/v1/revocations", {"token_jti": "later"})
    assert eventually(lambda: len(audit(gw)) == count + 2)
    with Console(browser, gw.url()) as admin:
        admin.login(gw.keys["admin"]).go("/changes")
        rows = "[...document.querySelectorAll('table.changes tbody tr')].map((one) => one.innerText)"
        admin.until(f"{rows}.some((one) => one.includes('token:later'))")
        while admin.run("[...document.querySelectorAll('button')].some((one) => one.innerText === 'Look further back')"):
            admin.press("Look further back")
            admin.until("![...document.querySelectorAll('button')].some((one) => one.innerText === 'Look further back' && one.disabled)")
        topics = admin.run(f"{rows}.map((one) => one.match(/\\bt(\\d+)/)?.[1])")
        assert [int(topic) for topic in topics if topic is not None] == list(range(count - 1, -1, -1))
