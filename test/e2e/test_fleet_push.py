"""Configuration pushed to a group: one desired patch for each member, there or not, counted as far as they are, over a crash."""
import json
import os
import subprocess

from lib.gateway import BINARY, eventually
from lib.session import Device, Session
from test_shadow_device import Twin

MERGE = "application/merge-patch+json"


def joined(gw, name, group="vans"):
    session = Session(gw, Device(name))
    session.welcomed()
    session.ws.abort()
    gw.api().do("PATCH", f"/v1/devices/{name}/shadow", json.dumps({"tags": {"groups": [group]}}).encode(),
                headers={"Content-Type": MERGE}, status=200)


def push(gw, body, group="vans", status=202, kind=MERGE):
    return gw.api().do("POST", f"/v1/groups/{group}/shadow", json.dumps(body).encode(), headers={"Content-Type": kind}, status=status)


def state(gw, made):
    return gw.api().get(f"/v1/groups/{made['group']}/shadow/pushes/{made['id']}")


def counts(gw, made, **wanted):
    assert eventually(lambda: {name: state(gw, made)[name] for name in wanted} == wanted), state(gw, made)


def members(gw, count, group="vans"):
    assert eventually(lambda: len(gw.api().get(f"/v1/devices?group={group}")["devices"]) == count)


def test_a_push_reaches_every_member(gateways):
    gw = gateways()
    for name in ("p1", "p2", "p3"):
        joined(gw, name)
    joined(gw, "other", "bikes")
    members(gw, 3)
    gw.api().do("PATCH", "/v1/devices/p3/shadow", b'{"desired":{"interval":5}}', headers={"Content-Type": MERGE}, status=200)
    answer = push(gw, {"desired": {"interval": 5}})
    made = answer.json
    assert answer.headers["Location"] == f"/v1/groups/vans/shadow/pushes/{made['id']}"
    assert made["group"] == "vans" and made["change"] == {"desired": {"interval": 5}} and made["refused"] == {}
    counts(gw, made, state="done", members=3, stored=2, unchanged=1, delivered=0, applied=0)
    shadow = gw.api().get("/v1/devices/p1/shadow")
    assert shadow["delta"] == {"interval": 5}
    assert gw.api().get("/v1/devices/other/shadow")["desired"] == {}
    event = gw.api().wait("shadow.changed", where=lambda e: e.get("push") == made["id"] and e["device"] == "p1")
    assert event["who"].startswith("key/")
    gw.api().wait("shadow.push_done", where=lambda e: e["id"] == made["id"])
    gw.api().wait("shadow.push_member", where=lambda e: e["id"] == made["id"] and e["device"] == "p3")

    gw.kill()
    gw.start()
    assert state(gw, made)["stored"] == 2, "the counts outlive a crash"
    second = push(gw, {"desired": {"interval": 9}}).json
    counts(gw, second, state="done", members=3, stored=3)
    counts(gw, made, superseded=2)
    assert eventually(lambda: gw.metric("holdfast_pushes_done_total") == 1) and gw.metric("holdfast_push_changes_total") == 3
    page = gw.api().get("/v1/groups/vans/shadow/pushes?limit=1")
    assert [p["id"] for p in page["pushes"]] == [second["id"]]
    page = gw.api().get(f"/v1/groups/vans/shadow/pushes?limit=1&cursor={page['next_cursor']}")
    assert [p["id"] for p in page["pushes"]] == [made["id"]]
    assert gw.api().get("/v1/groups/bikes/shadow/pushes")["pushes"] == []


def test_devices_are_counted_as_far_as_they_are(gw):
    here, away = Twin(gw, "here").open(), Twin(gw, "away").open()
    for twin in (here, away):
        twin.ask({"reported": {"interval": 1}})
        gw.api().do("PATCH", f"/v1/devices/{twin.device.name}/shadow", b'{"tags":{"groups":"both"}}', headers={"Content-Type": MERGE}, status=200)
        twin.take()
    away.close()
    members(gw, 2, "both")
    made = push(gw, {"desired": {"interval": 5}}, group="both").json
    told = here.take()
    assert told["change"]["delta"] == {"interval": 5}
    counts(gw, made, state="done", members=2, stored=2, delivered=0, applied=0)
    here.ask(base=here.version)
    counts(gw, made, delivered=1, applied=0)
    here.ask({"reported": {"interval": 5}})
    counts(gw, made, delivered=1, applied=1)
    away.open()
    assert away.take()["change"]["delta"] == {"interval": 5}, "it waited in the answer to its coming back"
    away.ask({"reported": {"interval": 5}})
    counts(gw, made, delivered=2, applied=2, superseded=0)
    here.close()
    away.close()


def test_what_is_no_push_is_refused(gw):
    for body in ({}, [], {"desired": 5}, {"desired": {}, "version": 1}, {"desired": {}, "merge": "lww"}, {"desired": {}, "more": 1}):
        assert push(gw, body, status=400).json["field"] == "body", body
    assert push(gw, {"tags": {"groups": []}}, status=400).json["field"] == "body"
    assert push(gw, {"desired": {"a": 1}}, group="a%20b", status=400).json["field"] == "group"
    assert push(gw, {"desired": {"a": 1}}, kind="application/json", status=415).json["field"] == "Content-Type"
    assert push(gw, {"desired": {"a": "x" * 33000}}, status=413).reason == "message_too_big"
    made = push(gw, {"desired": {"a": 1}}, group="nobody").json
    counts(gw, made, state="done", members=0)
    gw.api().get(f"/v1/groups/vans/shadow/pushes/{made['id']}", status=404)
    gw.api().get("/v1/groups/nobody/shadow/pushes/x", status=400)


def holdfast(gw, *args):
    return subprocess.run([str(BINARY), *args], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "HOLDFAST_URL": gw.url(), "HOLDFAST_API_KEY": gw.keys["admin"]})


def test_the_command_line_pushes(gw):
    joined(gw, "cli-1", "cli")
    members(gw, 1, "cli")
    done = holdfast(gw, "push", "--json", "cli", '{"interval":5}')
    made = json.loads(done.stdout)
    assert done.returncode == 0 and made["group"] == "cli", done.stderr
    counts(gw, made, state="done", stored=1)
    done = holdfast(gw, "push", "--wait", "60s", "cli", '{"interval":5}')
    assert done.returncode == 0 and "members 1: stored 0, unchanged 1, refused 0" in done.stdout, done.stdout + done.stderr
    done = holdfast(gw, "push", "--wait", "1ms", "cli", '{"interval":6}')
    assert done.returncode == 1, "it is away, and has not applied it"
    for args, said in ((("cli",), "needs a group"), (("cli", "5"), "not a JSON object"), (("cli", "{"), "not a JSON object")):
        done = holdfast(gw, "push", *args)
        assert done.returncode == 2 and said in done.stderr
    assert "bad_request" in holdfast(gw, "push", "a b", "{}").stderr


def test_the_command_line_lists_groups(gw):
    for name, group in (("list-1", "listed-a"), ("list-2", "listed-b"), ("list-3", "listed-b")):
        joined(gw, name, group)
    members(gw, 2, "listed-b")
    wanted = [{"group": "listed-a", "members": 1}, {"group": "listed-b", "members": 2}]
    assert eventually(lambda: gw.api().get("/v1/groups?prefix=listed-")["groups"] == wanted)
    done = holdfast(gw, "groups", "--prefix", "listed-", "--limit", "1", "--all", "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == wanted, done.stderr
    done = holdfast(gw, "groups", "--prefix", "listed-", "--limit", "1")
    assert done.stdout.split() == ["GROUP", "MEMBERS", "listed-a", "1"] and "there are more" in done.stderr
    assert "no group has a member" in holdfast(gw, "groups", "--prefix", "none").stderr
    assert holdfast(gw, "groups", "x").returncode == 2
