"""Devices by what their shadows say: tags at once, fields when the configuration names them, over restarts and crashes."""
import json
import os
import subprocess
from urllib.parse import urlencode

from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S
from lib.session import Device, Session

MERGE = "application/merge-patch+json"


def known(gw, name, body):
    """A device that was here once, and its shadow."""
    session = Session(gw, Device(name))
    session.welcomed()
    session.ws.abort()
    gw.api().do("PATCH", f"/v1/devices/{name}/shadow", json.dumps(body).encode(), headers={"Content-Type": MERGE}, status=200)


def find(gw, status=200, **query):
    page = gw.api().get("/v1/devices?" + urlencode(query), status=status)
    return [device["device"] for device in page["devices"]] if status == 200 else page


def finds(gw, wanted, **query):
    assert eventually(lambda: find(gw, **query) == wanted), find(gw, **query)


def restart(gw, index, kill=False):
    if kill:
        gw.kill()
    else:
        gw.stop()
    gw.config["tenants"][0]["shadow_index"] = index
    gw.start()


def test_tags_and_fields_find_devices(gateways):
    gw = gateways()
    known(gw, "q1", {"tags": {"site": "berlin", "groups": ["vans", "a,b"]}, "desired": {"mode": "eco", "limit": 20}})
    known(gw, "q2", {"tags": {"site": "bern", "groups": ["vans"]}, "desired": {"mode": "eco", "limit": 5}})
    known(gw, "q3", {"tags": {"site": "berlin", "floor": 3}, "desired": {"mode": "full"}})
    finds(gw, ["q1", "q3"], filter="tags.site=berlin")
    finds(gw, ["q1", "q2", "q3"], filter="tags.site=ber*")
    finds(gw, ["q1", "q2"], group="vans")
    finds(gw, ["q1"], group="vans", filter='tags.groups="a,b"')
    finds(gw, ["q3"], filter="tags.floor<=3,tags.site=berlin")
    page = gw.api().get("/v1/devices?limit=1&group=vans")
    assert [d["device"] for d in page["devices"]] == ["q1"]
    assert find(gw, group="vans", cursor=page["next_cursor"]) == ["q2"]
    assert gw.api().get("/v1/groups") == {"groups": [{"group": "vans", "members": 2}]}, "no group has a comma in its name"
    problem = find(gw, status=400, filter="desired.mode=eco")
    assert problem["field"] == "filter" and "desired.mode is not indexed; indexed are all tags (tags.NAME). " in problem["detail"]

    restart(gw, ["desired.mode", "desired.limit"])
    finds(gw, ["q1", "q2"], filter="desired.mode=eco")
    finds(gw, ["q1"], filter="desired.limit>5,tags.site=berlin")
    gw.api().do("PATCH", "/v1/devices/q1/shadow", b'{"desired":{"mode":"full"}}', headers={"Content-Type": MERGE}, status=200)
    finds(gw, ["q1", "q3"], filter="desired.mode=full")

    restart(gw, ["desired.limit"], kill=True)
    finds(gw, ["q2"], filter="desired.limit<20")
    assert "desired.limit" in find(gw, status=400, filter="desired.mode=eco")["detail"]
    known(gw, "q4", {"tags": {"note": "x" * 121}})
    assert eventually(lambda: gw.metric("holdfast_fleet_values_left_out") == 1)


def run(*args, **env):
    return subprocess.run([str(BINARY), *args], capture_output=True, text=True, timeout=WAIT_S, env={**os.environ, **env})


def test_a_wrong_list_of_fields_is_refused(tmp_path):
    config = tmp_path / "wrong.yaml"
    config.write_text("tenants: [{name: acme, shadow_index: [tags.site, reported.ok, reported.ok, 'reported.']}]\n")
    done = run("check-config", "--config", str(config))
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert "tenants.acme.shadow_index: 'tags.site' is not reported. or desired." in text, text
    assert "'reported.' is not" in text and "'reported.ok' stands twice" in text, text


def test_the_command_line_filters(gw):
    known(gw, "cli-q", {"tags": {"site": "cli", "groups": ["cli-vans"]}})
    finds(gw, ["cli-q"], group="cli-vans")
    for options in (["--filter", "tags.site=c*"], ["--group", "cli-vans"]):
        done = run("devices", "--json", *options, HOLDFAST_URL=gw.url(), HOLDFAST_API_KEY=gw.keys["admin"])
        assert [json.loads(line)["device"] for line in done.stdout.splitlines()] == ["cli-q"], done.stderr
