"""The merge rule oplog (TWIN-2): a device and an application change one shadow at once, by HTTP, holdfast.v1 and raw WebSocket; what is refused is refused alone, and named."""
import threading

from lib.gateway import eventually
from test_shadow import MERGE, PATCH, change, known, read
from test_shadow_device import FORMS, Raw, Twin

OPLOG = {"shadow": {"merge": "oplog"}}


def op(path, value, name="replace"):
    return {"op": name, "path": path, "value": value}


def stale(gw, name, body, base, kind=PATCH, **options):
    return change(gw, name, body, kind=kind, headers={"If-Match": f'"{base}"'}, **options)


def test_what_has_been_changed_since_is_refused_alone(gw):
    name = known(gw, "alone")
    change(gw, name, {"desired": {"a": 1, "b": 1, "n": {"x": 1, "y": 1}, "list": [1, 2]}})
    change(gw, name, {"desired": {"b": 2, "n": {"x": None}}})
    body = [op("/desired/a", 3), op("/desired/b", 3), op("/desired/n/y", 3), op("/desired/n/x", 3, "add"), op("/desired/list/0", 3)]
    assert stale(gw, name, body, 1, status=409).reason == "version_conflict", "the rule is `version` unless it is said"
    answer = stale(gw, name, body, 1, query="?merge=oplog")
    assert answer.json["desired"] == {"a": 3, "b": 2, "n": {"y": 3}, "list": [3, 2]} and answer.headers["ETag"] == '"3"'
    assert answer.json["refused"] == [{"index": 1, "path": "/desired/b", "version": 2}, {"index": 3, "path": "/desired/n/x", "version": 2}]
    event = gw.api().wait("shadow.changed", where=lambda e: e.get("device") == name and e["version"] == 3)
    assert event["change"] == [body[0], body[2], body[4]], "the log has what was done"
    answer = stale(gw, name, [op("/desired/b", 4)], 1, query="?merge=oplog", status=409)
    assert answer.reason == "version_conflict" and answer.json["refused"] == [{"index": 0, "path": "/desired/b", "version": 2}]
    assert answer.json["document"]["version"] == answer.json["version"] == 3 and "refused" not in answer.json["document"]
    again = stale(gw, name, body[:1], 1, query="?merge=oplog")
    assert again.json["version"] == 3 and "refused" not in again.json, "sent again: it is so already"
    answer = stale(gw, name, {"desired": {"a": 5, "n": {"z": 5}}}, 2, kind=MERGE, query="?merge=oplog")
    assert answer.json["refused"] == [{"path": "/desired/a", "version": 3}] and answer.json["desired"]["n"] == {"y": 3, "z": 5}
    test = [{"op": "test", "path": "/desired/a", "value": 1}, op("/desired/c", 1, "add")]
    assert stale(gw, name, test, 1, query="?merge=oplog", status=409).json.get("refused") is None, "a test holds for all of it"
    assert eventually(lambda: gw.metric("holdfast_shadow_operations_refused_total") >= 4)


def test_the_rule_of_one_shadow_and_of_a_tenant(gateways):
    gw = gateways(OPLOG)
    name = known(gw, "ruled")
    change(gw, name, {"desired": {"a": 1, "b": 1}})
    change(gw, name, {"desired": {"b": 2}})
    assert stale(gw, name, [op("/desired/a", 3), op("/desired/b", 3)], 1).json["refused"][0]["path"] == "/desired/b"
    shadow = change(gw, name, {"merge": "version"}).json
    assert (shadow["version"], shadow["merge"]) == (4, "version")
    gw.kill()
    gw.start()
    assert stale(gw, name, [op("/desired/a", 4)], 3, status=409).reason == "version_conflict", "its own rule outlives a crash"
    assert stale(gw, name, [op("/desired/a", 4)], 3, query="?merge=conflict_free").json["version"] == 5, "one change may have another"
    assert "merge" not in change(gw, name, {"merge": None}).json
    assert stale(gw, name, [op("/desired/c", 4, "add")], 3).json["desired"]["c"] == 4
    for body in ({"merge": "best"}, {"merge": 4}, {"merge": "keep"}):
        assert change(gw, name, body, status=400).reason == "bad_request"
    twin = Twin(gw, name).open()
    twin.take()
    assert twin.ask({"merge": "lww", "reported": {"a": 1}})["reason"] == "forbidden", "the applications choose"
    twin.close()


@FORMS
def test_a_device_is_told_what_was_refused(gateways, form):
    gw = gateways(OPLOG)
    twin = Twin(gw, "told", form).open()
    assert twin.ask({"reported": {"a": 1}, "desired": {"x": 1, "y": 1}})["version"] == 1
    change(gw, "told", {"desired": {"x": 2}})
    twin.take()
    delta = twin.ask([op("/reported/a", 2), op("/desired/x", 3)], kind="json", base=1)
    assert (delta["reason"], delta["version"]) == ("none", 3)
    assert delta["change"] == {"version": 3, "delta": {"x": 2, "y": 1}, "refused": [{"index": 1, "path": "/desired/x", "version": 2}]}
    delta = twin.ask([op("/desired/x", 3)], kind="json", base=1)
    assert delta["reason"] == "version_conflict" and delta["change"]["refused"][0]["version"] == 2
    twin.close()


def test_a_raw_device_is_told_what_was_refused(gateways):
    gw = gateways(OPLOG)
    ws = Raw(gw, "rough")
    ws.say("data", topic="$shadow/update", id=1, payload={"reported": {"a": 1, "b": 1}})
    assert ws.hear() == {"type": "ack", "id": 1, "version": 1}
    ws.say("data", topic="$shadow/update", id=2, payload={"reported": {"b": 2}})
    assert ws.hear() == {"type": "ack", "id": 2, "version": 2}
    ws.say("data", topic="$shadow/update", id=3, payload={"version": 1, "reported": {"a": 2, "b": 3}})
    assert ws.hear() == {"type": "ack", "id": 3, "version": 3, "refused": [{"path": "/reported/b", "version": 2}]}
    ws.ws.close()


def test_two_writers_at_once_lose_nothing_of_each_other(gateways):
    """Each adds members of its own and fights for a common one, always from a version that it has read some time ago."""
    gw = gateways({"shadow": {"merge": "oplog", "changes_capacity": 100000, "changes_per_s": 100000}})
    name, rounds = known(gw, "fought"), 25
    change(gw, name, {"desired": {"common": "nobody"}})
    taken = {"left": {}, "right": {}}  # version -> who wrote the common one
    failures = []

    def write(who):
        try:
            base = 1
            for n in range(rounds):
                answer = stale(gw, name, [op(f"/desired/{who}{n}", n, "add"), op("/desired/common", f"{who}{n}")], base).json
                lost = answer.get("refused", [])
                assert [row["path"] for row in lost] in ([], ["/desired/common"]) and all(row["version"] > base for row in lost)
                assert answer["desired"][f"{who}{n}"] == n
                if not lost:
                    taken[who][answer["changed_version"]] = f"{who}{n}"
                base = answer["changed_version"]
        except BaseException as error:  # a thread's failure is the test's
            failures.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    shadow = read(gw, name)
    assert shadow["version"] == 1 + 2 * rounds
    assert {key: value for key, value in shadow["desired"].items() if key != "common"} == {
        f"{who}{n}": n for who in taken for n in range(rounds)}
    last = max([*taken["left"], *taken["right"]])
    assert shadow["metadata"]["/desired/common"]["version"] == last
    assert shadow["desired"]["common"] == {**taken["left"], **taken["right"]}[last]
