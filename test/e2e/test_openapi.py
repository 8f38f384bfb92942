"""doc/openapi.yaml against the running server: every operation answers with a documented status and a body of its schema, and
every route that the server has is in the document."""
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from lib.gateway import eventually
from lib.pace import Stopwatch

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "doc" / "openapi.yaml").read_text()
DOCUMENT = yaml.safe_load(TEXT)
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [(path, method) for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item]


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        target = DOCUMENT
        for part in node["$ref"].lstrip("#/").split("/"):
            target = target[part]
        node = target
    return node


def check(value, schema):
    """OpenAPI 3.1 schemas are JSON Schemas; references are into the document."""
    resolver = jsonschema.RefResolver("", DOCUMENT)
    jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)


def answer_fits(path, method, answer):
    responses = DOCUMENT["paths"][path][method]["responses"]
    response = responses.get(str(answer.status), responses.get("default"))
    assert response is not None, f"{method} {path}: {answer.status} is not documented"
    if str(answer.status) not in responses:
        assert answer.status >= 400, f"{method} {path}: {answer.status} is not documented"
    content = resolve(response).get("content")
    kind = (answer.headers.get("content-type") or "").split(";")[0]
    if not content:
        assert answer.body == b"", f"{method} {path}: {answer.status} has an undocumented body"
        return
    assert kind in content, f"{method} {path}: {answer.status} comes as {kind}, documented are {list(content)}"
    schema = content[kind].get("schema")
    if "json" in kind and kind != "application/jsonl":
        check(answer.json, schema)
    elif kind == "application/jsonl":
        for line in answer.body.splitlines():
            check(json.loads(line), schema)


@pytest.fixture(scope="module")
def world(gw):
    """Something of everything, for the paths' parameters."""
    api = gw.api()
    with gw.connect("doc-1") as ws:
        ws.text('{"type":"data","id":1,"payload":{}}')
        ws.recv_text()
        message = api.send("doc-1", 1)["id"]
        command = api.command("doc-1", "c")["id"]
        broadcast = api.post("/v1/broadcast", {"target": "all", "payload": 1})["id"]
        key = api.post("/v1/keys", {"name": "doc", "scopes": "devices:read"})
        for owner in ("devices/doc-1", "groups/home"):
            api.do("PATCH", f"/v1/{owner}/context", b'{"a":1}', headers={"Content-Type": "application/merge-patch+json"}, status=200)
        for shadow in ("shadow", "shadow/led"):
            api.do("PATCH", f"/v1/devices/doc-1/{shadow}", b'{"desired":{"a":1}}', headers={"Content-Type": "application/merge-patch+json"}, status=200)
        push = api.do("POST", "/v1/groups/home/shadow", b'{"desired":{"a":1}}', headers={"Content-Type": "application/merge-patch+json"}, status=202).json["id"]
        yield {"device": "doc-1", "message": message, "push": push, "command": command, "broadcast": broadcast, "key": key["id"]}


BODIES = {
    "sendMessage": {"payload": {"a": 1}, "topic": "t", "class": "message", "ttl_ms": 60000},
    "sendCommand": {"name": "c", "payload": 1, "ttl_ms": 60000, "wait_ms": 0},
    "broadcast": {"target": "all", "payload": 1},
    "createKey": {"name": "n", "scopes": "devices:read"},
    "revoke": {"token_jti": "j-1"},
    "disconnectDevice": {"text": "bye"},
    "patchDeviceContext": {"a": 1},
    "patchGroupContext": {"a": 1},
    "patchShadow": {"desired": {"a": 2}},
    "patchNamedShadow": {"tags": {"a": 2}},
    "pushToGroup": {"desired": {"a": 1}},
    "speakToChannel": "la",
    "loginConsole": {"code": "0" * 32},
}


def concrete(path, operation, world):
    kind = "push" if "pushes" in path else "command" if "commands" in path else "broadcast" if "broadcasts" in path else "message"
    return (path.replace("{camera}", "34020000001180000009").replace("{channel}", "34020000001310000001").replace("{device}", world["device"]).replace("{group}", "home").replace("{name}", "led").replace("{id}", world[kind]).replace("{key}", world["key"]).replace("{file}", "index.html").replace("{listener}", "main"))


@pytest.mark.parametrize("path,method", OPERATIONS)
def test_operations_answer_as_documented(gw, world, path, method):
    operation = DOCUMENT["paths"][path][method]
    url = concrete(path, operation, world)
    needed = [wish for wish in map(resolve, operation.get("parameters", [])) if wish["in"] == "query" and wish.get("required") and "example" in wish]
    if needed:
        url += "?" + "&".join(f"{wish['name']}={wish['example']}" for wish in needed)
    body = BODIES.get(operation["operationId"])
    headers = {}
    if body is not None:
        kind, content = next(iter(operation["requestBody"]["content"].items()))
        check(body, content["schema"])
        headers["Content-Type"] = kind
    answer = gw.api().do(method.upper(), url, body, headers=headers)
    answer_fits(path, method, answer)
    if "{camera}" in path or path.endswith("/sip"):  # no camera is registered here: test_cameras.py and test_gb_seeing.py have some
        assert answer.status in (400, 404, 501), answer  # 501: nor does media come in
    elif not path.startswith(("/v1/connect", "/v1/live")):  # upgrades; api_feed_test.c and test_console.py talk to it
        assert answer.status < 400 or operation["operationId"] in ("cancelMessage", "cancelCommand", "loginConsole", "tryClientCa"), answer  # codes: test_console.py; for a key of all tenants: test_faults_trust.py
    if "Location" in answer.headers:
        assert gw.api().do("GET", answer.headers["Location"]).status == 200


@pytest.mark.parametrize("path,method", OPERATIONS)
def test_refusals_are_problem_documents(gw, world, path, method):
    """Without a key, with a wrong one, and with a body that is no JSON."""
    url = concrete(path, DOCUMENT["paths"][path][method], world)
    for key, body in ((None, None), ("hfk_wrongwrong_x", None), ("admin", b"{")):
        headers = {"Content-Type": "application/json"} if body else None
        answer = gw.api(key).do(method.upper(), url, body, headers=headers)
        answer_fits(path, method, answer)
        if answer.status >= 400:
            problem = answer.json
            assert problem["status"] == answer.status and problem["reason"] and problem["title"]
            assert gw.api().get("/v1/reasons") and problem["type"]


def test_nothing_is_said_twice():
    """YAML forbids it, and its reader takes the last one without a word."""
    def walk(node, path):
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value]
            assert sorted(names) == sorted(set(names)), path
            for key, value in node.value:
                walk(value, [*path, key.value])
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                walk(value, path)
    walk(yaml.compose(TEXT, yaml.SafeLoader), [])


def test_every_route_of_the_server_is_documented():
    source = (ROOT / "src" / "adapter" / "api" / "request.c").read_text()
    routes = {(m.lower(), re.sub(r"\{[^}]*\}", "{}", p))
              for m, p in re.findall(r'\{(GET|POST|PUT|PATCH|DELETE), *"([^"]+)"', source)}
    assert len(routes) > 15, "the table of routes was not found"
    documented = {(method, re.sub(r"\{[^}]*\}", "{}", path)) for path, method in OPERATIONS}
    assert routes <= documented, f"not documented: {routes - documented}"
    assert documented - routes <= {("get", "/v1/connect"), ("get", "/v1/connect/{}")}, f"not served: {documented - routes}"


def test_every_reason_and_event_type_is_documented(gw, world):
    reasons = {r["name"] for r in gw.api().get("/v1/reasons")["reasons"]}
    assert {"heartbeat_timeout", "storage_full", "replaced"} <= reasons
    types = set(DOCUMENT["components"]["schemas"]["Event"]["properties"]["type"]["enum"])
    source = (ROOT / "src" / "core" / "event.h").read_text()
    served = set(re.findall(r'X\(HF_EVENT_[A-Z_]+, \d+,\s*(?:\\\s*)?"([a-z._]+)"', source))
    assert len(served) > 15 and served <= types, served - types


def test_unknown_paths_and_methods(gw):
    assert gw.api().do("GET", "/v1/nothing").status == 404
    wrong = gw.api().do("DELETE", "/v1/devices")
    assert wrong.status == 405 and "GET" in wrong.headers["Allow"] and wrong.reason == "method_not_allowed"
    head = gw.api().do("HEAD", "/v1/devices")
    assert head.status == 200 and head.body == b""


def test_lists_page_by_cursor(gw):
    for n in range(25):
        gw.connect(f"page-{n:02}").close()
    eventually(lambda: len(gw.api().get("/v1/devices?prefix=page-&state=offline")["devices"]) == 25)  # the tables follow the log
    seen, cursor = [], None
    while True:
        page = gw.api().get("/v1/devices?prefix=page-&limit=10" + (f"&cursor={cursor}" if cursor else ""))
        seen += [d["device"] for d in page["devices"]]
        assert len(page["devices"]) <= 10
        cursor = page.get("next_cursor")
        if not cursor:
            break
    assert seen == [f"page-{n:02}" for n in range(25)]
    assert gw.api().do("GET", "/v1/devices?limit=1001").status == 400
    assert gw.api().do("GET", "/v1/devices?cursor=%21%21").status == 400
    offline = gw.api().get("/v1/devices?prefix=page-&state=offline&limit=100")["devices"]
    assert len(offline) == 25 and all(d["reason"] == "normal" for d in offline)


def test_answers_are_quick(gw):
    with Stopwatch() as watch:
        for _ in range(50):
            gw.api().get("/v1/devices?limit=10")
        assert watch.s() / 50 < 0.1
