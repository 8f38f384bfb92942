"""Shadows of devices over the HTTP API: patches of both kinds, versions, conflicts, limits, events, history, crash."""
import json

from lib.gateway import eventually
from lib.session import Device, Session

MERGE, PATCH = "application/merge-patch+json", "application/json-patch+json"


def known(gw, name):
    """A device that was here once."""
    device = Device(name)
    session = Session(gw, device)
    session.welcomed()
    session.ws.abort()
    return name


def change(gw, name, body, kind=MERGE, status=200, headers=None, query="", shadow=""):
    return gw.api().do("PATCH", f"/v1/devices/{name}/shadow{shadow}{query}", json.dumps(body).encode() if not isinstance(body, bytes) else body,
                       headers={"Content-Type": kind, **(headers or {})}, status=status)


def read(gw, name, query="", status=200):
    return gw.api().get(f"/v1/devices/{name}/shadow{query}", status=status)


def test_a_shadow_is_patched_and_read(gw):
    name = known(gw, "patched")
    assert read(gw, name) == {"device": name, "version": 0, "reported": {}, "desired": {}, "delta": {}, "tags": {}, "metadata": {}}
    answer = change(gw, name, {"desired": {"interval": 5, "led": {"on": True, "color": "red"}}, "tags": {"floor": 2}})
    assert answer.headers["ETag"] == '"1"'
    shadow = answer.json
    assert (shadow["version"], shadow["changed_version"], shadow["labels"]) == (1, 1, ["stored"])
    assert shadow["delta"] == shadow["desired"] == {"interval": 5, "led": {"on": True, "color": "red"}}
    assert set(shadow["metadata"]) == {"/desired/interval", "/desired/led/on", "/desired/led/color", "/tags/floor"}
    change(gw, name, {"desired": {"interval": None, "led": {"color": "blue"}}})
    shadow = read(gw, name)
    assert shadow["version"] == 2 and shadow["desired"] == {"led": {"on": True, "color": "blue"}} and shadow["tags"] == {"floor": 2}
    assert {path: field["version"] for path, field in shadow["metadata"].items()} == {
        "/desired/led/on": 1, "/desired/led/color": 2, "/tags/floor": 1}
    assert shadow["metadata"]["/desired/led/color"]["updated"] == shadow["updated"]
    change(gw, name, [{"op": "test", "path": "/desired/led/on", "value": True}, {"op": "add", "path": "/desired/list", "value": [1, 2]},
                      {"op": "add", "path": "/desired/list/1", "value": 7}], kind=PATCH)
    assert read(gw, name)["desired"]["list"] == [1, 7, 2]
    assert change(gw, name, {"desired": {"list": [1, 7, 2]}}).json["version"] == 3, "nothing differs"
    event = gw.api().wait("shadow.changed", where=lambda e: e.get("device") == name and e["version"] == 2)
    assert event["change"] == {"desired": {"interval": None, "led": {"color": "blue"}}} and event["who"].startswith("key/")
    answer = gw.api().do("GET", f"/v1/devices/{name}/shadow", headers={"If-None-Match": '"3"'})
    assert answer.status == 304 and answer.body == b""


def test_numbers_come_back_as_they_are(gw):
    name = known(gw, "exact")
    numbers = [9007199254740991, 9007199254740990, 1795815949954123, 0.1, 0.30000000000000004, 1.5e300, -7]
    answer = change(gw, name, {"desired": {"list": numbers, "n": 9007199254740991}})
    assert answer.json["desired"]["list"] == numbers and b"9007199254740991" in answer.body
    assert change(gw, name, {"desired": {"n": 9007199254740990}}).json["version"] == 2, "neighbours are two numbers"
    assert change(gw, name, [{"op": "test", "path": "/desired/n", "value": 9007199254740991}], kind=PATCH, status=409).reason == "version_conflict"


def test_a_conflict_brings_the_current_document(gw):
    name = known(gw, "conflicted")
    change(gw, name, {"desired": {"a": 1, "b": 1}})
    change(gw, name, {"desired": {"a": 2}}, headers={"If-Match": '"1"'})
    for options in ({"headers": {"If-Match": '"1"'}}, {"query": "?base_version=1"}, {"body": {"version": 1, "desired": {"a": 3}}},
                    {"headers": {"If-Match": '"9"'}}, {"headers": {"If-Match": '"1"'}, "query": "?merge=fields"}):
        answer = change(gw, name, options.pop("body", {"desired": {"a": 3}}), status=409, **options)
        assert answer.headers["Content-Type"] == "application/problem+json" and answer.headers["ETag"] == '"2"'
        problem = answer.json
        assert problem["reason"] == "version_conflict" and problem["version"] == problem["document"]["version"] == 2
        assert problem["document"]["desired"] == {"a": 2, "b": 1}
    assert change(gw, name, [{"op": "test", "path": "/desired/a", "value": 1}], kind=PATCH, status=409).reason == "version_conflict"
    answer = change(gw, name, {"desired": {"b": 3}}, headers={"If-Match": '"1"'}, query="?merge=fields")
    assert answer.json["desired"] == {"a": 2, "b": 3}, "nobody has written b since"
    assert change(gw, name, {"desired": {"a": 4}}, headers={"If-Match": '"1"'}, query="?merge=lww").json["version"] == 4


def test_what_is_refused(gw):
    name = known(gw, "refused")
    change(gw, name, {"desired": {"a": 1}})
    for body, kind, status, reason in ((b"{", MERGE, 400, "bad_request"), ([], MERGE, 400, "bad_request"),
                                       ({"wanted": {}}, MERGE, 400, "bad_request"), ({"desired": 7}, MERGE, 400, "bad_request"),
                                       ({"desired": {"a\0b": 7}}, MERGE, 400, "bad_request"), ({"desired": {"b": "x\0"}}, MERGE, 400, "bad_request"),
                                       (b'{"desired":{"b":1e999}}', MERGE, 400, "bad_request"),
                                       ([{"op": "remove", "path": "/desired/none"}], PATCH, 400, "bad_request"),
                                       ([{"op": "add", "path": "/more", "value": {}}], PATCH, 400, "bad_request"),
                                       ({"reported": {"a": 1}}, MERGE, 403, "forbidden"),
                                       ({"desired": {}}, "application/json", 415, "unsupported_data"),
                                       ({"desired": {"a": "x" * 33000}}, MERGE, 413, "message_too_big"),
                                       (b'{"tags":' + b'{"a":' * 8 + b"{}" + b"}" * 9, MERGE, 413, "message_too_big"),
                                       (b" " * 100000, MERGE, 413, "message_too_big")):
        assert change(gw, name, body, kind=kind, status=status).reason == reason, body
    assert change(gw, name, {"desired": {}}, headers={"If-Match": "7"}, status=400).json["field"] == "If-Match"
    for body, status, detail in (([{"op": "add", "path": "/tags/a", "value": 1}, {"op": "remove", "path": "/tags/b"}], 400, "operation 1: path"),
                                 ([{"op": "test", "path": "/desired/a", "value": 2}], 409, "operation 0: the test failed")):
        assert change(gw, name, body, kind=PATCH, status=status).json["detail"].startswith(detail)
    for field, value in (("version", 0), ("merge", "best"), ("tags", [])):
        assert change(gw, name, {field: value}, status=400).json["field"] == field
    for query in ("?merge=best", "?wait=done", "?timeout_ms=x", "?base_version=0"):
        change(gw, name, {"desired": {"b": 1}}, query=query, status=400)
    assert change(gw, "never-here", {"desired": {"a": 1}}, status=404).reason == "not_found"
    assert read(gw, "never-here", status=404)["reason"] == "not_found"
    assert read(gw, "never-here", "/versions", status=404)["reason"] == "not_found"
    assert read(gw, name, "/other/versions")["versions"] == []
    assert read(gw, name, "/other", status=404)["reason"] == "not_found"
    for shadow in ("/versions", "/a%2Fb", "/" + "x" * 65):
        assert change(gw, name, {"desired": {"a": 1}}, shadow=shadow, status=400).json["field"] == "name"
    assert read(gw, name)["version"] == 1


def test_limits_are_the_tenants(gateways):
    gw = gateways({"shadow": {"names_max": 1, "changes_capacity": 3, "changes_per_s": 1, "section_bytes": 256, "depth": 2}})
    name = known(gw, "limited")
    large = change(gw, name, {"desired": {"a": "x" * 300}}, status=413)
    assert large.reason == "message_too_big" and large.json["field"] == "desired"
    assert (large.json["limit"], large.json["observed"]) == (256, 308) and "shadow.section_bytes" in large.json["detail"]
    deep = change(gw, name, {"desired": {"a": {"b": {}}}}, status=413)
    assert deep.reason == "message_too_big" and deep.json["limit"] == 2 and "shadow.depth" in deep.json["detail"]
    assert change(gw, name, {"desired": {"a": 1}}, shadow="/one").json["name"] == "one"
    assert gw.api().get(f"/v1/devices/{name}/shadow/one/versions")["versions"], "the tables have it now"
    problem = change(gw, name, {"desired": {"a": 1}}, shadow="/two", status=429).json
    assert (problem["reason"], problem["limit"]) == ("tenant_limit", 1)
    taken = [change(gw, name, {"desired": {"n": n}}, status={200, 429}) for n in range(50)]
    refused = [answer for answer in taken if answer.status == 429]
    assert refused and taken[0].status == 200 and all(a.reason == "rate_limit" and "Retry-After" in a.headers for a in refused)
    assert eventually(lambda: gw.metric("holdfast_shadows_refused_total", reason="rate_limit") == len(refused))
    assert eventually(lambda: gw.metric("holdfast_shadows_refused_total", reason="tenant_limit") == 1)


def test_what_was_can_be_read_again(gateways):
    gw = gateways({"shadow": {"history_versions": 3}})
    name = known(gw, "historic")
    updated = [change(gw, name, {"desired": {"n": n}}).json["updated"] for n in range(1, 6)]
    assert read(gw, name, "?version=4")["desired"] == {"n": 4}
    assert read(gw, name, "?version=2", status=404)["reason"] == "not_found", "not any more"
    assert read(gw, name, "?version=6", status=404)["reason"] == "not_found"
    at = read(gw, name, f"?at={updated[3]}")
    assert at["updated"] == updated[3] and at["desired"]["n"] >= 4
    assert read(gw, name, "?at=1", status=404)["reason"] == "not_found"
    for query in ("?at=yesterday", "?version=0", "?version=4&at=5"):
        read(gw, name, query, status=400)
    pages = []
    query = "?limit=2"
    while query:
        page = gw.api().get(f"/v1/devices/{name}/shadow/versions{query}")
        pages.append([(v["version"], v["change"]["desired"]["n"]) for v in page["versions"]])
        query = f"?limit=2&cursor={page['next_cursor']}" if "next_cursor" in page else None
    assert pages == [[(5, 5), (4, 4)], [(3, 3)]]
    change(gw, name, {"desired": {"x": 1}}, shadow="/aside")
    assert [v["version"] for v in gw.api().get(f"/v1/devices/{name}/shadow/aside/versions")["versions"]] == [1]


def test_presence_has_a_history(gw):
    name = known(gw, "present")
    gw.api().wait("unknown", device=name)
    history = gw.api().get(f"/v1/devices/{name}/presence")["history"]
    assert [event["type"] for event in history[:2]] == ["unknown", "online"]
    online = history[1]
    at = gw.api().get(f"/v1/devices/{name}/presence?from={online['time']}&to={online['time']}")["history"]
    assert online in at and all(event["time"] == online["time"] for event in at)
    assert gw.api().get(f"/v1/devices/{name}/presence?from=0")["history"] == history, "from the beginning"
    assert gw.api().get(f"/v1/devices/{name}/presence?to={online['time']}&limit=1")["history"][0]["time"] == online["time"], "as it was then"
    assert gw.api().get(f"/v1/devices/{name}/presence?to=1000")["history"] == []
    for query in ("from=soon", "to=0", "from=2&to=1", "cursor=0", "limit=0"):
        gw.api().get(f"/v1/devices/{name}/presence?{query}", status=400)
    gw.api().get("/v1/devices/never-here/presence", status=404)


def test_presence_history_is_longer_than_what_explains(gateways):
    """More than the 256 rows of `explain`, in pages, and after a crash the same."""
    gw = gateways()
    name = "restless"
    for _ in range(140):
        gw.connect(name).abort()
    assert eventually(lambda: len(pages(gw, name, 1000)[0]) >= 280)
    whole = pages(gw, name, 1000)[0]
    parts = pages(gw, name, 100)
    assert len(parts) >= 3 and [event for part in parts for event in part] == whole
    assert [event["offset"] for event in whole] == sorted((event["offset"] for event in whole), reverse=True)
    assert gw.api().get(f"/v1/devices/{name}/presence?from=0&limit=1000")["history"] == whole
    assert eventually(lambda: gw.metric("holdfast_store_rows", table="presence") == len(whole))
    gw.kill()
    gw.start()
    assert [event for event in pages(gw, name, 1000)[0] if event["offset"] <= whole[0]["offset"]] == whole


def pages(gw, name, limit):
    found, cursor = [], ""
    while True:
        page = gw.api().get(f"/v1/devices/{name}/presence?limit={limit}{cursor}")
        found.append(page["history"])
        if "next_cursor" not in page:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_named_shadows_are_listed_and_deleted(gateways):
    gw = gateways({"shadow": {"history_versions": 2}})
    name = known(gw, "named")
    change(gw, name, {"desired": {"unnamed": 1}})
    assert gw.api().get(f"/v1/devices/{name}/shadows") == {"device": name, "shadows": []}
    for n, shadow in enumerate(["led", "motor", "alarm"], 1):
        for value in range(n):
            change(gw, name, {"desired": {"n": value}}, shadow=f"/{shadow}")
    listed = gw.api().get(f"/v1/devices/{name}/shadows")
    assert [(row["name"], row["version"]) for row in listed["shadows"]] == [("alarm", 3), ("led", 1), ("motor", 2)]
    assert all(row["who"].startswith("key/") and row["updated"] for row in listed["shadows"]) and "next_cursor" not in listed
    first = gw.api().get(f"/v1/devices/{name}/shadows?limit=2")
    assert [row["name"] for row in first["shadows"]] == ["alarm", "led"]
    assert [row["name"] for row in gw.api().get(f"/v1/devices/{name}/shadows?limit=2&cursor={first['next_cursor']}")["shadows"]] == ["motor"]
    gw.api().get("/v1/devices/never-here/shadows", status=404)
    gw.api().get(f"/v1/devices/{name}/shadows?cursor=!", status=400)
    assert eventually(lambda: gw.metric("holdfast_store_rows", table="twins") == 6), "one, one, two and the last two of three"
    assert eventually(lambda: gw.metric("holdfast_store_trimmed_total", table="twins") == 1 and gw.metric("holdfast_store_table_bytes", table="twins") > 0)

    def delete(shadow, status, headers=None):
        return gw.api().do("DELETE", f"/v1/devices/{name}/shadow/{shadow}", headers=headers or {}, status=status)

    conflict = delete("alarm", 409, {"If-Match": '"2"'})
    assert conflict.reason == "version_conflict" and conflict.json["document"]["version"] == 3 and conflict.headers["ETag"] == '"3"'
    delete("alarm", 204, {"If-Match": '"3"'})
    assert delete("alarm", 404).reason == "not_found"
    assert delete("versions", 400).json["field"] == "name"
    gw.api().do("DELETE", f"/v1/devices/{name}/shadow", status={404, 405})
    event = gw.api().wait("shadow.changed", where=lambda e: e.get("shadow") == "alarm" and e.get("removed"))
    assert event["version"] == 3 and event["who"].startswith("key/") and "change" not in event
    for _ in range(2):
        assert read(gw, name, "/alarm", status=404)["reason"] == "not_found"
        assert gw.api().get(f"/v1/devices/{name}/shadow/alarm/versions")["versions"] == []
        assert [row["name"] for row in gw.api().get(f"/v1/devices/{name}/shadows")["shadows"]] == ["led", "motor"]
        gw.kill()  # and so it stays
        gw.start()
    assert change(gw, name, {"desired": {"n": 7}}, shadow="/alarm").json["version"] == 5
    whole = gw.api().get(f"/v1/devices/{name}/shadow/alarm?since=3")  # whoever knew the one before is not told a patch of it
    assert whole["desired"] == {"n": 7} and "changes" not in whole
    assert change(gw, name, {"desired": {"n": 8}}, shadow="/alarm", status=409, headers={"If-Match": '"3"'}).reason == "version_conflict"
    assert read(gw, name)["desired"] == {"unnamed": 1}


def test_a_shadow_outlives_a_crash(gateways):
    gw = gateways()
    name = known(gw, "crashed")
    for n in range(1, 4):
        change(gw, name, {"desired": {"n": n}, "tags": {"t": n}})
    before = read(gw, name)
    gw.kill()
    gw.start()
    assert read(gw, name) == before
    assert change(gw, name, {"desired": {"n": 9}}, headers={"If-Match": '"3"'}).json["version"] == 4
