"""Who changed what: every change that comes by the HTTP API is an event with the id of the key, and says so when it came from the console."""
import json

from lib.rawws import RawWs

MERGE = {"Content-Type": "application/merge-patch+json"}
CONSOLE = {"Holdfast-Client": "console"}


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
    gw.api().wait("audit", where=lambda e: e.get("action") == "revoke")
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
