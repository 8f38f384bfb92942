"""The event log as applications read it: three forms, filters, resuming, gaps."""
import json

import pytest

from lib.gateway import eventually
from lib.rawws import RawWs, TEXT


@pytest.fixture(scope="module")
def told(gw):
    """Twenty numbered messages of two devices on two topics; gives the offset of the first."""
    offsets = []
    with gw.connect("ev-a") as a, gw.connect("ev-b") as b:
        for n in range(20):
            ws = (a, b)[n % 2]
            ws.text(json.dumps({"type": "data", "id": n, "topic": f"plant/{n % 2}/temp", "payload": n}))
            offsets.append(json.loads(ws.recv_text())["offset"])
    assert offsets == sorted(set(offsets))
    return offsets


def numbers(events):
    return [e["payload"] for e in events]


def test_json_lines_with_filters(gw, told):
    api = gw.api()
    assert numbers(api.events(type="message")) == list(range(20))
    assert numbers(api.events(type="message", device="ev-a")) == list(range(0, 20, 2))
    assert numbers(api.events(topic="plant/1/temp")) == list(range(1, 20, 2))
    assert numbers(api.events(topic="plant/+/temp")) == list(range(20))
    assert numbers(api.events(topic="plant/#", device="ev-b")) == list(range(1, 20, 2))
    assert numbers(api.events(from_=told[5], type="message", limit=3)) == [5, 6, 7]
    assert numbers(api.events(from_=told[5], until=told[8], type="message")) == [5, 6, 7, 8]
    api.wait("unknown", device="ev-a")  # its connection has just been left
    assert {e["type"] for e in api.events(device="ev-a")} == {"online", "message", "unknown"}
    assert all(e["offset"] > told[-1] for e in api.events(from_=told[-1] + 1))
    time = api.events(type="message")[10]["time_ms"]
    assert numbers(api.events(from_=None, from_time=time, type="message"))[-1] == 19


@pytest.mark.parametrize("query,field", [
    ({"from_": 0}, "from"), ({"from_": "soon"}, "from"), ({"type": "nonsense"}, "type"), ({"topic": "a/#/b"}, "topic"),
    ({"device": "a b"}, "device"), ({"limit": 0}, "limit"), ({"follow": "maybe"}, "follow"), ({"from_time": "now"}, "from_time")])
def test_bad_questions_name_the_field(gw, query, field):
    import urllib.parse
    answer = gw.api().do("GET", "/v1/events?" + urllib.parse.urlencode({k.rstrip("_"): v for k, v in query.items()}))
    assert answer.status == 400 and answer.json["field"] == field


def test_follow_sees_what_comes(gw, told):
    with gw.api().stream(from_="latest", follow="true", type="message") as stream, gw.connect("ev-live") as ws:
        ws.text('{"type":"data","id":1,"payload":"fresh"}')
        assert json.loads(next(line for line in stream if line.strip()))["payload"] == "fresh"


def read_sse(stream, count):
    out, event = [], {}
    while len(out) < count:
        line = stream.readline().decode().rstrip("\n")
        if line.startswith("id: "):
            event["id"] = int(line[4:])
        elif line.startswith("data: "):
            event["data"] = json.loads(line[6:])
        elif not line and event:
            out.append(event)
            event = {}
        else:
            assert line == "" or line.startswith(":"), line
    return out


def test_server_sent_events_resume_by_last_event_id(gw, told):
    sse = {"Accept": "text/event-stream"}
    with gw.api().stream(headers=sse, from_=told[0], type="message") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        first = read_sse(stream, 7)
    assert [e["data"]["payload"] for e in first] == list(range(7))
    assert all(e["id"] == e["data"]["offset"] for e in first)
    with gw.api().stream(headers={**sse, "Last-Event-ID": str(first[-1]["id"])}, from_=told[0], type="message") as stream:
        assert [e["data"]["payload"] for e in read_sse(stream, 13)] == list(range(7, 20))


def test_events_by_websocket(gw, told):
    headers = {"Authorization": "Bearer " + gw.keys["admin"]}
    with RawWs(gw.address(), f"/v1/events?from={told[0]}&type=message", headers) as ws:
        assert [json.loads(ws.recv_text())["payload"] for _ in range(20)] == list(range(20))
        with gw.connect("ev-ws") as device:
            device.text('{"type":"data","id":1,"payload":"pushed"}')
            while json.loads(ws.recv_text())["payload"] != "pushed":  # other tests of this file have written, too
                pass
        ws.send(9, b"x")
        opcode, payload = ws.recv(answer_pings=False)
        while opcode == TEXT:
            opcode, payload = ws.recv(answer_pings=False)
        assert (opcode, payload) == (10, b"x")
        assert ws.close()[0] == 1000


def test_events_need_a_key(gw):
    assert gw.api(None).do("GET", "/v1/events").status == 401
    with pytest.raises(Exception) as refused:
        RawWs(gw.address(), "/v1/events")
    assert refused.value.status == 401


def test_a_slow_event_reader_costs_nobody(gw, told):
    """One that never reads, beside one that does."""
    with gw.api().stream(from_=1, follow="true"), gw.connect("ev-fast") as ws:
        for n in range(200):
            ws.text(json.dumps({"type": "data", "id": n, "payload": "y" * 4000}))
        for n in range(200):
            assert json.loads(ws.recv_text())["id"] == n
    assert len(gw.api().events(type="message", device="ev-fast")) == 200


def test_the_gap_after_retention_is_told(gateways):
    gw = gateways({"log": {"segment_bytes": 1 << 20, "retention_bytes": 2 << 20}})
    with gw.connect("writer") as ws:
        for n in range(40):
            ws.text(json.dumps({"type": "data", "id": n, "payload": "z" * 200000}))
            assert json.loads(ws.recv_text())["id"] == n
        eventually(lambda: gw.metric("holdfast_log_oldest_offset") > 1)
        first, *rest = gw.api().events(from_=1)
        assert first["type"] == "gap" and first["from"] == 1 and first["reason"] == "retention"
        assert rest[0]["offset"] == first["to"] + 1
        assert [e["offset"] for e in rest] == list(range(first["to"] + 1, first["to"] + 1 + len(rest)))


def test_keys_that_are_revoked_end_their_streams(gw):
    api = gw.api()
    made = api.post("/v1/keys", {"name": "tail", "scopes": "events:read"})
    with gw.api(made["key"]).stream(from_="latest", follow="true") as stream:
        api.do("DELETE", f"/v1/keys/{made['id']}", status={200, 204})
        while stream.readline():  # what came before the end
            pass
