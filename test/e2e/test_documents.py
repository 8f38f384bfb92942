"""Documents of devices and groups: the terminals of one user see each other's changes, in both encodings and over the API; conflicts, merging, resume and crash."""
import itertools
import json
import struct

import pytest

from lib.gateway import eventually
from lib.session import Device, Session, frame

FORMS = pytest.mark.parametrize("form", ["binary", "json"])
MERGE, PATCH = "application/merge-patch+json", "application/json-patch+json"
LONG = "a document is told as a patch only when that is shorter than the whole, so this one is long enough for it"
numbers = itertools.count(1)


class Terminal:
    """A device that keeps its documents as doc/protocol.md section 9 says."""

    def __init__(self, name, group=None):
        self.device, self.group = Device(name), group
        self.documents = {"context": (0, {}), "group": (0, {})}

    def open(self, gw, form="binary", **hello):
        self.session = Session(gw, self.device, form)
        known = [{"document": name, "version": version} for name, (version, _) in self.documents.items() if version]
        welcome = self.session.welcomed(capabilities=["heartbeat", "resume", "selective_ack", "documents"], documents=known,
                                        **({"groups": [self.group]} if self.group else {}), **hello)
        assert "documents" in welcome["capabilities"]
        return self

    def close(self):
        self.session.ws.abort()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def take(self):
        """The next DELTA, applied."""
        delta = {"request": 0, "reason": "none", "base_version": 0, **self.session.recv("delta")}
        name = delta["document"]
        if "change" not in delta:
            return delta
        version, content = self.documents[name]
        if delta["kind"] == "full":
            if delta["base_version"] == 0 or delta["version"] > version:
                self.documents[name] = delta["version"], delta["change"]
        elif delta["version"] > version:
            assert delta["base_version"] <= version, "a change that cannot be applied to what is here"
            self.documents[name] = delta["version"], applied(content, delta["change"])
        return delta

    def until(self, name, content):
        while self.documents[name][1] != content:
            self.take()
        return self.documents[name][0]

    def ask(self, document, change=None, kind="merge", base=None, **members):
        """A PATCH and its answer; what is told meanwhile is taken as well."""
        request = next(numbers)
        base = self.documents[document][0] if base is None and document in self.documents else base or 0
        self.session.send({"type": "patch", "request": request, "document": document, "kind": kind, "base_version": base,
                           **({"change": change} if change is not None else {}), **members})
        while True:
            delta = self.take()
            if delta["request"] == request:
                return delta


def applied(content, patch):
    """The patches of the gateway replace and remove whole members."""
    out = dict(content)
    for step in patch:
        name = step["path"][1:].replace("~1", "/").replace("~0", "~")
        if step["op"] == "remove":
            del out[name]
        else:
            out[name] = step["value"]
    return out


def change(gw, owner, body, kind=MERGE, status=200, headers=None, query=""):
    return gw.api().do("PATCH", f"/v1/{owner}/context{query}", json.dumps(body).encode() if not isinstance(body, bytes) else body,
                       headers={"Content-Type": kind, **(headers or {})}, status=status)


@pytest.mark.parametrize("forms", [("binary", "json"), ("json", "binary"), ("binary", "binary")])
def test_two_terminals_of_a_group_see_each_other(gw, forms):
    group = f"user-{'-'.join(forms)}"
    with Terminal(f"phone-{group}", group).open(gw, forms[0]) as phone, Terminal(f"tablet-{group}", group).open(gw, forms[1]) as tablet:
        answer = phone.ask("group", {"screen": "cart", "note": LONG})
        assert (answer["reason"], answer["version"], answer["kind"]) == ("none", 1, "full")
        assert tablet.until("group", {"screen": "cart", "note": LONG}) == 1
        answer = tablet.ask("group", [{"op": "add", "path": "/items", "value": [1, 2]}], kind="json")
        assert (answer["version"], answer["kind"], answer["change"]) == (2, "json", [{"op": "add", "path": "/items", "value": [1, 2]}])
        told = phone.take()
        assert (told["request"], told["base_version"], told["version"], told["kind"]) == (0, 1, 2, "json")
        assert told["snapshot_id"] == answer["snapshot_id"]
        assert phone.documents["group"] == tablet.documents["group"] == (2, {"screen": "cart", "note": LONG, "items": [1, 2]})
        assert phone.ask("context", {"mine": True})["version"] == 1, "its own is another document"
        phone.ask("group", {"screen": None})
        told = tablet.take()
        assert told["document"] == "group" and told["version"] == 3, "and nobody is told of it"
        event = gw.api().wait("document.changed", where=lambda e: e.get("group") == group and e["version"] == 2)
        assert event["who"] == tablet.device.name and event["document"] == {"screen": "cart", "note": LONG, "items": [1, 2]}
        assert event["snapshot_id"] == answer["snapshot_id"] and "device" not in event and "writes" not in event


@FORMS
def test_a_conflict_brings_the_current_document(gw, form):
    group = f"strict-{form}"
    with Terminal(f"a-{group}", group).open(gw, form) as a, Terminal(f"b-{group}", group).open(gw, form) as b:
        assert a.ask("group", {"n": 1}, merge="version")["version"] == 1
        b.until("group", {"n": 1})
        assert a.ask("group", {"n": 2})["version"] == 2
        answer = b.ask("group", {"n": 3}, base=1)
        assert (answer["reason"], answer["version"], answer["kind"], answer["change"]) == ("version_conflict", 2, "full", {"n": 2})
        assert b.ask("group", {"n": 3}, base=2)["reason"] == "none"
        a.until("group", {"n": 3})
        assert a.ask("group", {"n": 9}, base=17)["reason"] == "version_conflict", "a version that was never given"


@FORMS
def test_conflict_free_changes_are_merged(gw, form):
    group = f"free-{form}"
    with Terminal(f"a-{group}", group).open(gw, form) as a, Terminal(f"b-{group}", group).open(gw, form) as b:
        a.ask("group", {"x": 0, "y": 0, "z": 0}, merge="conflict_free")
        b.until("group", {"x": 0, "y": 0, "z": 0})
        a.ask("group", {"x": "a", "z": "a"}, base=1)
        assert b.ask("group", {"y": "b", "z": "b"}, base=1)["reason"] == "none", "neither knew of the other"
        want = {"x": "a", "y": "b", "z": "b"}  # both: the device with the greater name
        a.until("group", want)
        b.until("group", want)
        answer = a.ask("group", {"z": "late"}, base=1)
        assert answer["reason"] == "none" and a.documents["group"][1] == want, "b's write, unknown to it, is the greater one's"


@FORMS
def test_a_resume_gets_what_it_lacks(gw, form):
    group = f"away-{form}"
    with Terminal(f"here-{group}", group).open(gw, form) as here:
        away = Terminal(f"away-{group}", group).open(gw, form)
        here.ask("group", {"note": LONG})
        away.until("group", {"note": LONG})
        away.close()
        here.ask("group", {"n": 1})
        here.ask("group", {"m": 2})
        with away.open(gw, form):
            told = away.take()
            assert away.session.welcome["result"] == "resumed"
            assert (told["request"], told["base_version"], told["version"], told["kind"]) == (0, 1, 3, "json")
            assert away.documents["group"] == (3, {"note": LONG, "n": 1, "m": 2})
        with Terminal(f"new-{group}", group).open(gw, form) as fresh:
            assert fresh.until("group", {"note": LONG, "n": 1, "m": 2}) == 3
        with away.open(gw, form):  # it lacks nothing: the first thing it hears is the answer to its question
            away.session.send({"type": "patch", "request": 77, "document": "group", "kind": "merge", "base_version": 3})
            assert away.take()["request"] == 77


def test_a_crash_keeps_what_was_answered(gateways):
    gw = gateways()
    for n in range(1, 6):
        with Terminal("d1", "home") as terminal:
            terminal.documents = {"context": (n - 1, {"n": n - 1} if n > 1 else {}), "group": (0, {})}
            terminal.open(gw)
            if n > 1:
                terminal.until("group", {f"k{i}": i for i in range(1, n)})
            assert terminal.ask("context", {"n": n}, base=n - 1)["version"] == n
            assert terminal.ask("group", {f"k{n}": n}, base=n - 1)["version"] == n
            gw.kill()
        gw.start()
    assert gw.api().get("/v1/devices/d1/context")["document"] == {"n": 5}
    assert gw.api().get("/v1/groups/home/context")["document"] == {f"k{i}": i for i in range(1, 6)}
    versions = [event["version"] for event in gw.api().events(type="document.changed", device="d1")]
    assert versions == [1, 2, 3, 4, 5], "each change is in the log once"


# ---- applications ----


@FORMS
def test_application_and_device_change_the_same_document(gw, form):
    name = f"shared-{form}"
    with Terminal(name).open(gw, form) as terminal:
        made = change(gw, f"devices/{name}", {"mode": "eco", "note": LONG})
        assert made.headers["ETag"] == '"1"' and made.json["document"] == {"mode": "eco", "note": LONG}
        assert terminal.until("context", {"mode": "eco", "note": LONG}) == 1
        terminal.ask("context", {"mode": "sport"})
        news = gw.api().do("GET", f"/v1/devices/{name}/context?since=1", status=200)
        assert news.headers["ETag"] == '"2"'
        assert (news.json["from_version"], news.json["patch"]) == (1, [{"op": "add", "path": "/mode", "value": "sport"}])
        assert gw.api().do("GET", f"/v1/devices/{name}/context?since=2").status == 304
        assert gw.api().do("GET", f"/v1/devices/{name}/context", headers={"If-None-Match": '"2"'}).body == b""
        events = gw.api().events(type="document.changed", device=name)
        assert [e["who"] for e in events] == ["key/" + gw.keys["admin"].split("_")[1], name]
    change(gw, f"devices/{name}", [{"op": "remove", "path": "/mode"}], PATCH, headers={"If-Match": '"2"'})
    with terminal.open(gw, form):
        terminal.until("context", {"note": LONG})


def test_an_application_meets_a_conflict(gw):
    gw.known("strict")
    change(gw, "devices/strict", {"n": 1}, query="?merge=version")
    change(gw, "devices/strict", {"n": 2}, headers={"If-Match": '"1"'})
    refused = change(gw, "devices/strict", {"n": 3}, headers={"If-Match": '"1"'}, status=409)
    assert refused.reason == "version_conflict" and refused.headers["ETag"] == '"2"'
    assert (refused.json["version"], refused.json["document"]) == (2, {"n": 2})
    change(gw, "devices/strict", {"n": 3}, headers={"If-Match": refused.headers["ETag"]})
    eventually(lambda: gw.metric("holdfast_documents_refused_total", reason="version_conflict") >= 1)
    eventually(lambda: gw.metric("holdfast_documents_changed_total") >= 3 and gw.metric("holdfast_document_bytes") > 0)


def test_wrong_requests(gw):
    for owner in ("devices/never-seen", "groups/never-used"):
        assert gw.api().do("GET", f"/v1/{owner}/context").status == 404
    assert change(gw, "devices/never-seen", {}, status=404).reason == "not_found"
    gw.known("strange")
    deep = {}
    for _ in range(9):
        deep = {"a": deep}
    for body, kind, status, reason in ((b"{", MERGE, 400, "bad_request"), ([], MERGE, 400, "bad_request"), ({}, PATCH, 400, "bad_request"),
                                       ([{"op": "fly", "path": ""}], PATCH, 400, "bad_request"), (deep, MERGE, 413, "message_too_big"),
                                       ({"a": "x" * 32768}, MERGE, 413, "message_too_big"), ({}, "text/plain", 415, "unsupported_data")):
        assert change(gw, "devices/strange", body, kind, status=status).reason == reason
    assert gw.api().do("GET", "/v1/devices/strange/context").status == 404
    for key, method, status in (("reader", "GET", 404), ("reader", "PATCH", 403), (None, "GET", 401)):
        answer = gw.api(key).do(method, "/v1/devices/strange/context", b"{}" if method == "PATCH" else None, headers={"Content-Type": MERGE})
        assert answer.status == status, (key, method, answer)


def test_raw_members_read_an_envelope(gw):
    with gw.connect("raw-1", path="/v1/connect/raw-1?groups=mixed") as ws, Terminal("session-1", "mixed").open(gw) as terminal:
        terminal.ask("group", {"note": LONG})
        first = json.loads(ws.recv_text())
        assert {**first, "snapshot_id": None} == {"type": "document", "topic": "group/mixed", "version": 1, "from_version": 0,
                                                  "snapshot_id": None, "kind": "full", "document": {"note": LONG}}
        terminal.ask("group", {"n": 1})
        second = json.loads(ws.recv_text())
        assert (second["kind"], second["from_version"], second["version"]) == ("json", 1, 2)
        assert second["patch"] == [{"op": "add", "path": "/n", "value": 1}]


def test_a_document_ends_with_its_time(gw):
    gw.known("brief")
    change(gw, "devices/brief", {"n": 1}, query="?ttl_ms=1")
    eventually(lambda: gw.api().do("GET", "/v1/devices/brief/context").status == 404)
    over = gw.api().wait("document.changed", where=lambda e: e.get("reason") == "expired", device="brief")
    assert over["version"] == 1 and "document" not in over
    eventually(lambda: gw.metric("holdfast_documents_expired_total") >= 1)
    with Terminal("brief") as terminal:
        terminal.documents["context"] = (1, {"n": 1})
        terminal.open(gw)
        gone = terminal.take()
        assert (gone["request"], gone["reason"], gone["version"]) == (0, "not_found", 0)
        assert terminal.ask("context", {"n": 2}, base=0)["version"] == 3  # the end of the first was 2


# ---- what devices do wrong ----


@FORMS
def test_wrong_patches_are_answered_one_by_one(gw, form):
    with Terminal(f"wrong-{form}").open(gw, form) as terminal:
        deep = 1
        for _ in range(9):
            deep = {"a": deep}
        for document, change_, members, want in (("context", {"a": "x" * 32768}, {}, "message_too_big"), ("context", deep, {}, "message_too_big"),
                                                 ("context", [1], {}, "bad_request"), ("context", {}, {"kind": 9}, "bad_request"),
                                                 ("context", {}, {"merge": 9}, "bad_request"), (7, {}, {}, "bad_request"),
                                                 ("context", {}, {"kind": "json"}, "bad_request"), ("group", {}, {}, "not_found"),
                                                 ("context", None, {}, "not_found"),
                                                 ("context", [{"op": "remove", "path": "/x"}], {"kind": "json"}, "bad_request")):
            answer = terminal.ask(document, change_, **{"kind": "merge", **members})
            assert (answer["reason"], "change" in answer) == (want, False), (document, change_, members)
        if form == "binary":
            terminal.session.send(frame("patch", struct.pack(">IBBQBI", 99, 1, 1, 0, 0, 0) + b'{"a":'))
            delta = terminal.session.recv("delta")
            assert (delta["request"], delta["reason"]) == (99, "bad_request"), "not JSON"
        terminal.session.send({"type": "patch", "request": 0, "document": "context", "kind": "merge", "change": {}})
        assert terminal.session.recv("refuse")["reason"] == "bad_request"
        assert terminal.ask("context", {"fine": True})["reason"] == "none", "and the connection goes on"


def test_who_offers_no_documents_has_none(gw):
    with Terminal("modern", "fleet").open(gw) as modern:
        old = Session(gw, Device("old"))
        assert "documents" not in old.welcomed(groups=["fleet"])["capabilities"]
        old.send({"type": "patch", "request": 5, "document": "context", "kind": "merge", "change": {}})
        assert old.recv("delta")["reason"] == "not_implemented"
        modern.ask("group", {"a": 1})
        gw.api().post("/v1/broadcast", {"target": {"group": "fleet"}, "payload": 1})
        assert old.recv("delta", "data")["type"] == "data", "nothing was told before"
        old.ws.abort()
