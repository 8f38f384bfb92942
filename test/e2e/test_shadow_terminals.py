"""Several terminals of one shadow (TWIN-4): who comes back says which version it has and gets the changes since then, or the whole where the history does not reach so far."""
import copy
import random

from test_shadow import MERGE, PATCH, change, known, read

SECTIONS = ("reported", "desired", "tags")


def merged(target, patch):
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merged(target.get(key), value)
    return target


def operated(document, operations):
    """RFC 6902 on members of objects."""
    document = copy.deepcopy(document)
    for operation in operations:
        *parents, last = operation["path"].split("/")[1:]
        place = document
        for name in parents:
            place = place[name]
        if operation["op"] == "remove":
            del place[last]
        else:
            place[last] = operation["value"]
    return document


class Terminal:
    def __init__(self, gw, device):
        self.gw, self.device, self.version, self.document, self.wholes = gw, device, 0, None, 0

    def come_back(self):
        since = f"?since={self.version}" if self.version else ""
        answer = self.gw.api().do("GET", f"/v1/devices/{self.device}/shadow{since}", status={200, 304})
        assert int(answer.headers["ETag"].strip('"')) >= self.version
        if answer.status == 304:
            return
        news = answer.json
        if "changes" in news:
            assert news["from_version"] == self.version
            assert [row["version"] for row in news["changes"]] == list(range(self.version + 1, news["version"] + 1))
            for row in news["changes"]:
                made = row["change"]
                self.document = operated(self.document, made) if isinstance(made, list) else {
                    name: merged(self.document[name], made.get(name, {})) for name in SECTIONS}
        else:
            self.wholes += 1
            self.document = {name: news[name] for name in SECTIONS}
        self.version = news["version"]

    def write(self, body, kind=PATCH):
        """From the version that it has, whatever has come since; what it wrote and what was refused it sees when it asks."""
        return change(self.gw, self.device, body, kind=kind, headers={"If-Match": f'"{self.version}"'}, status={200, 409})


def test_who_comes_back_gets_the_changes_since(gw):
    name = known(gw, "since")
    change(gw, name, {"desired": {"a": 1}, "tags": {"t": 1}})
    terminal = Terminal(gw, name)
    terminal.come_back()
    terminal.come_back()
    assert (terminal.version, terminal.wholes) == (1, 1)
    change(gw, name, {"desired": {"a": None, "b": {"c": 2}}})
    change(gw, name, [{"op": "add", "path": "/desired/b/d", "value": 3}, {"op": "remove", "path": "/tags/t"}], kind=PATCH)
    news = read(gw, name, "?since=1")
    assert (news["device"], news["version"], news["from_version"]) == (name, 3, 1) and "desired" not in news
    assert news["changes"] == list(reversed(gw.api().get(f"/v1/devices/{name}/shadow/versions?limit=2")["versions"]))
    terminal.come_back()
    assert (terminal.version, terminal.wholes) == (3, 1)
    assert terminal.document == {"reported": {}, "desired": {"b": {"c": 2, "d": 3}}, "tags": {}}
    assert read(gw, name, "?since=9")["desired"] == {"b": {"c": 2, "d": 3}}, "it never was: the whole"
    change(gw, name, {"desired": {"x": 1}}, shadow="/led")
    change(gw, name, {"desired": {"x": 2}}, shadow="/led")
    assert [row["change"] for row in read(gw, name, "/led?since=1")["changes"]] == [{"desired": {"x": 2}}]
    for query in ("?since=0", "?since=x", "?since=1&version=1", "?since=1&at=5"):
        read(gw, name, query, status=400)
    read(gw, name, "/none?since=1", status=404)


def test_the_whole_where_the_history_does_not_reach(gateways):
    gw = gateways({"shadow": {"history_versions": 3}})
    name = known(gw, "reach")
    terminal = Terminal(gw, name)
    change(gw, name, {"desired": {"n": 0}})
    terminal.come_back()
    for n in range(1, 4):
        change(gw, name, {"desired": {"n": n}})
    terminal.come_back()
    assert (terminal.version, terminal.wholes, terminal.document["desired"]) == (4, 1, {"n": 3})
    for n in range(4, 8):
        change(gw, name, {"desired": {"n": n}})
    terminal.come_back()
    assert (terminal.version, terminal.wholes, terminal.document["desired"]) == (8, 2, {"n": 7})


def test_terminals_that_were_away_agree_in_the_end(gateways):
    """They write from what they had, offline from each other; the rule oplog merges, and each ends with what the gateway has, from the changes alone."""
    gw = gateways({"shadow": {"merge": "oplog", "changes_capacity": 100000, "changes_per_s": 100000}})
    name, draw = known(gw, "agreed"), random.Random(7)
    change(gw, name, {"desired": {"group": {}}, "tags": {}})
    terminals = [Terminal(gw, name) for _ in range(3)]
    for terminal in terminals:
        terminal.come_back()
    refused = 0
    for step in range(60):
        terminal = draw.choice(terminals)
        key = draw.choice("abcdef")
        if draw.random() < 0.5:
            answer = terminal.write([{"op": "add", "path": f"/desired/group/{key}", "value": step}, {"op": "add", "path": f"/tags/{key}{step}", "value": step}])
            assert answer.status == 200, "its own tag is nobody else's"
        else:
            answer = terminal.write({"desired": {"group": {key: draw.choice([None, step])}}}, kind=MERGE)
        refused += len(answer.json.get("refused", []))
        if draw.random() < 0.4:
            draw.choice(terminals).come_back()
    assert refused > 0
    whole = read(gw, name)
    for terminal in terminals:
        terminal.come_back()
        assert terminal.wholes == 1 and terminal.version == whole["version"]
        assert terminal.document == {section: whole[section] for section in SECTIONS}
