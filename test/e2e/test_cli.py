"""The command line against a running gateway: each command once as meant, and with one wrong input."""
import json
import os
import signal
import subprocess

import pytest

from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S


@pytest.fixture
def cli(gw, tmp_path):
    def run(*args, stdin="", env=None, key="admin", timeout=WAIT_S, url=True):
        environment = {**{k: v for k, v in os.environ.items() if not k.startswith("HOLDFAST")},
                       **({"HOLDFAST_URL": gw.url(), "HOLDFAST_API_KEY": gw.keys[key]} if url else {}), **(env or {})}
        return subprocess.run([str(BINARY), *args], input=stdin, capture_output=True, text=True, timeout=timeout,
                              env=environment, cwd=tmp_path)
    return run


def start(gw, *args, **options):
    return subprocess.Popen([str(BINARY), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "HOLDFAST_URL": gw.url(), "HOLDFAST_API_KEY": gw.keys["admin"]}, **options)


COMMANDS = ("connect", "tail", "send", "devices", "audit", "explain", "top")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(cli, command):
    done = cli(command, "--help")
    assert done.returncode == 0 and f"usage: holdfast {command}" in done.stdout and f"  holdfast {command}" in done.stdout


@pytest.mark.parametrize("args,status,said", [
    (("send",), 2, "to which device"), (("send", "d"), 2, "to which device"), (("send", "d", "a", "b"), 2, "'b' is too many"),
    (("send", "never-seen", "1"), 1, "not_found"), (("send", "bad id", "1"), 1, "bad_request"),
    (("send", "d", "1", "--wait", "soon"), 2, "write 500ms"), (("send", "d", "-c", "x", "--topic", "t"), 2, "--topic"),
    (("devices", "here"), 2, "--prefix"), (("devices", "--state", "asleep"), 1, "state must be online"),
    (("devices", "--limit", "0"), 2, "1 to 1000"), (("devices", "--nonsense"), 2, "holdfast help devices"),
    (("audit", "x"), 2, "--by or --device"), (("audit", "--type", "nonsense"), 1, "no event type nonsense"), (("audit", "--from", "soon"), 1, "from must be"),
    (("explain",), 2, "which device"), (("explain", "never-seen"), 1, "not_found"), (("explain", "a", "b"), 2, "one device"),
    (("tail", "x"), 2, "'x' is there"), (("tail", "--type", "nonsense"), 1, "no event type nonsense"),
    (("tail", "--from", "soon"), 1, "from must be"), (("top", "--interval", "1"), 2, "100ms to 1h"),
    (("top", "--url", "ftp://x"), 2, "http://"), (("top", "--url", "http://127.0.0.1:1"), 1, "no answer"),
    (("connect", "nonsense"), 2, "is not a URL"), (("connect", "http+x://h"), 2, "neither ws://"),
    (("connect", "ws://127.0.0.1:1"), 1, "REFUSED"), (("connect", "ws://h", "--cert", "c"), 2, "belong together"),
    (("connect", "ws://nowhere.invalid"), 1, "cannot find"), (("connect", "--auto-result", "{"), 2, "not JSON"),
    (("connect", "--token", "a", "--token-file", "b"), 2, "two answers"), (("connect", "--token-in", "hat", "ws://h"), 2, "header, query"),
    (("connect", "--protocol", "sesion"), 2, "'sesion'; it is session, or a list of holdfast.v1"),
    (("connect", "--protocol", "holdfast.raw, session"), 2, "has 'session'"), (("connect", "--protocol", "holdfast.raw,"), 2, "has ''"),
    (("connect", "--count", "0"), 2, "--count"), (("send", "never-seen", "1"), 1, "no device with this id was ever connected"),
    (("gen", "key", "api", "--scopes", "read,reed"), 2, "there is no scope 'reed'"),
    (("gen", "token", "--key", "k", "--tenant", "acme", "--device", "a b"), 2, "--device has 1 to 128 of"),
    (("gen", "token", "--key", "k", "--tenant", "", "--device", "a"), 2, "--tenant has 1 to"),
    (("agent", "--source", "ride.csv"), 2, "--source is 'ride.csv'; it is bicycle, csv:FILE"),
    (("agent", "ws://127.0.0.1:1", "--source", "bicycle", "--device", "a/b"), 2, "device may have A-Z a-z 0-9"),
    (("agent", "ws://127.0.0.1:1", "--source", "bicycle", "--device", "a", "--queue", "/nowhere/q.db"), 1, "'/nowhere/q.db': not allowed: No such file or directory"),
])
def test_wrong_inputs(cli, args, status, said):
    done = cli(*args)
    assert done.returncode == status and said in done.stderr, done.stderr
    assert done.stderr.startswith("holdfast " + args[0]) and done.stdout == ""


def test_which_gateway(cli, gw, tmp_path):
    lost = cli("devices", url=False)
    assert lost.returncode == 2 and "there is no data/dev.json" in lost.stderr
    dev = tmp_path / "data" / "dev.json"
    dev.parent.mkdir()
    dev.write_text("not json")
    assert "is not what `holdfast dev` writes" in cli("devices", url=False).stderr
    dev.write_text('{"api_key":"x"}')
    assert '"url" is missing' in cli("devices", url=False).stderr
    dev.write_text(json.dumps({"url": gw.url(), "api_key": gw.keys["admin"], "device": "dev-1", "device_token": gw.token("dev-1")}))
    assert cli("devices", url=False).returncode == 0
    done = cli("connect", "--json", url=False, stdin='{"type":"ping"}\n', env={})
    assert done.returncode == 0, done.stderr
    refused = cli("devices", url=False, env={"HOLDFAST_API_KEY": "hfk_wrongwrong_x"})
    assert refused.returncode == 1 and "HTTP 401" in refused.stderr
    elsewhere = cli("devices", "--url", gw.url(), url=False)
    assert elsewhere.returncode == 2 and "API key" in elsewhere.stderr, "the dev key stays with its own gateway"
    key = tmp_path / "key"
    key.write_text(gw.keys["admin"] + "\n")
    assert cli("devices", "--url", gw.url() + "/", "--key-file", str(key), url=False).returncode == 0


def test_connect_talks_and_counts(cli, gw):
    done = cli("connect", gw.url().replace("http", "ws"), "--token", gw.token("cli-1"), "--json", "--count", "2",
               stdin='{"type":"data","id":"a","payload":1}\n{"type":"ping","n":2}\n')
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "sent"] == ["open", "received", "received", "close"]
    assert lines[0]["conn"].startswith("c_") and lines[-1] == {**lines[-1], "by": "us", "code": 1000}
    received = [json.loads(line["text"]) for line in lines if line["event"] == "received"]
    assert {r["type"] for r in received} == {"ack", "pong"}
    plain = cli("connect", gw.url(), "-t", gw.token("cli-1"), "-n", "1", stdin='{"type":"ping"}')
    assert plain.returncode == 0 and plain.stdout.rstrip().endswith('< {"type":"pong"}') and "closed by us: 1000" in plain.stderr


@pytest.mark.parametrize("place", ["header", "query", "protocol"])
def test_connect_shows_its_token_anywhere(cli, gw, place):
    token = gw.token("cli-2")
    done = cli("connect", gw.url(), "--token", token, "--token-in", place)
    assert done.returncode == 0 and token not in done.stdout + done.stderr


def test_connect_offers_raw_by_its_name(cli, gw):
    done = cli("connect", gw.url(), "-t", gw.token("cli-9"), "--protocol", " holdfast.raw", "-n", "1", stdin='{"type":"ping"}')
    assert done.returncode == 0 and "pong" in done.stdout, done.stderr


def test_connect_in_the_first_message(cli, gw):
    done = cli("connect", gw.url() + "/v1/connect?auth=message", "--token", gw.token("cli-3"), "--token-in", "message",
               "--count", "1", "--json")
    assert done.returncode == 0 and "auth_ok" in done.stdout


def test_connect_says_why_it_was_refused(cli, gw):
    done = cli("connect", gw.url(), "--token", gw.token("cli-4", life_s=-5), "--json")
    assert done.returncode == 1 and "AUTH_REFUSED" in done.stderr and "credentials_expired" in done.stderr and "exp" in done.stderr
    assert json.loads(done.stdout)["cause"] == "AUTH_REFUSED"


def test_connect_too_few_messages(gw):
    device = start(gw, "connect", gw.url(), "-t", gw.token("cli-5"), "--count", "3", "--wait", "100ms", "--json", stdin=subprocess.PIPE)
    device.stdin.write('{"type":"ping"}\n')
    device.stdin.flush()
    while json.loads(device.stdout.readline())["event"] != "received":
        pass
    _, err = device.communicate(timeout=WAIT_S)  # the 100 ms begin with the end of its input
    assert device.returncode == 1 and "1 of 3 messages came" in err


def test_connect_shows_a_close_by_the_gateway(gw):
    old = start(gw, "connect", gw.url(), "-t", gw.token("cli-6"), "--wait", "forever", "--json", stdin=subprocess.DEVNULL)
    assert json.loads(old.stdout.readline())["event"] == "open"
    gw.connect("cli-6").close()
    out, _ = old.communicate(timeout=WAIT_S)
    close = json.loads(out.splitlines()[-1])
    assert old.returncode == 1 and close["code"] == 4409 and close["reason"] == "replaced" and close["by"] == "gateway"
    assert close["retry_ms"] == 30000


def test_connect_leaves_in_good_order_on_interrupt(gw):
    device = start(gw, "connect", gw.url(), "-t", gw.token("cli-7"), "--wait", "forever", "--json", stdin=subprocess.DEVNULL)
    device.stdout.readline()
    device.send_signal(signal.SIGINT)
    assert device.wait(WAIT_S) == 0
    assert gw.api().wait("offline", device="cli-7")["reason"] == "normal"


def test_send_waits_for_the_answer_of_connect(cli, gw):
    device = start(gw, "connect", gw.url(), "-t", gw.token("cli-8"), "--wait", "forever", "--json", "--auto-result",
                   '{"unlocked":true}', stdin=subprocess.DEVNULL)
    assert json.loads(device.stdout.readline())["event"] == "open"
    try:
        done = cli("send", "cli-8", "--command", "unlock", '{"seconds":5}', "--wait", "10s")
        assert done.returncode == 0 and done.stdout.startswith("done  ") and '{"unlocked":true}' in done.stdout
        sent = cli("send", "cli-8", "hello", "--wait", "10s", "--json")
        assert sent.returncode == 0 and json.loads(sent.stdout)["state"] == "sent"
        binary = cli("send", "cli-8", "-", stdin="\x01\x00", env={"LC_ALL": "C"})
        assert binary.returncode == 0
        lines = [json.loads(device.stdout.readline()) for _ in range(4)]
        received = [line for line in lines if line["event"] == "received"]
        assert received[1]["text"] == "hello" and received[2]["base64"] == "AQA="
    finally:
        device.terminate()
        device.communicate(timeout=WAIT_S)
    late = cli("send", "cli-8", "--command", "never", "--wait", "300ms")
    assert late.returncode == 1 and "still queued" in late.stderr
    once = [cli("send", "cli-8", "1", "--id", "k-1", "--json").stdout for _ in range(2)]
    assert json.loads(once[0])["id"] == json.loads(once[1])["id"]


def test_devices_lists_filters_and_pages(cli, gw):
    for n in range(12):
        gw.connect(f"list-{n:02}").close()
    eventually(lambda: len(gw.api().get("/v1/devices?prefix=list-&state=offline")["devices"]) == 12)
    table = cli("devices", "--prefix", "list-", "--limit", "5")
    assert table.returncode == 0 and table.stdout.splitlines()[0].startswith("DEVICE") and len(table.stdout.splitlines()) == 6
    assert "--all shows them" in table.stderr
    everything = cli("devices", "--prefix", "list-", "--limit", "5", "--all", "--json", "--state", "offline")
    rows = [json.loads(line) for line in everything.stdout.splitlines()]
    assert [row["device"] for row in rows] == [f"list-{n:02}" for n in range(12)]
    assert "no device fits" in cli("devices", "--prefix", "zzz").stderr


def test_explain_tells_a_story(cli, gw):
    gw.connect("tale").close()
    gw.connect("tale").close(4000)
    eventually(lambda: len(gw.api().get("/v1/devices/tale/explain")["history"]) >= 4)
    done = cli("explain", "tale")
    assert done.returncode == 0 and done.stdout.startswith("tale is offline since ")
    assert "peer_closed" in done.stdout.splitlines()[0]
    story = done.stdout[done.stdout.index("oldest first"):]
    assert story.index("normal") < story.index("peer_closed")
    assert json.loads(cli("explain", "tale", "--json").stdout)["now"]["device"] == "tale"


def test_tail_filters_and_follows(cli, gw):
    with gw.connect("tail-1") as ws:
        for n in range(5):
            ws.text('{"type":"data","id":%d,"topic":"gps","payload":%d}' % (n, n))
            ws.recv_text()
        done = cli("tail", "--from", "1", "--once", "--device", "tail-1", "--type", "message", "--json")
        assert [json.loads(line)["payload"] for line in done.stdout.splitlines()] == list(range(5))
        text = cli("tail", "--from", "1", "--count", "2", "--device", "tail-1")
        assert text.returncode == 0 and "acme/tail-1  online" in text.stdout and "message  gps" in text.stdout
        follow = start(gw, "tail", "--from", "1", "--topic", "gps", "--count", "6", "--json")
        for _ in range(5):
            follow.stdout.readline()
        ws.text('{"type":"data","id":9,"topic":"gps","payload":"live"}')
        out, _ = follow.communicate(timeout=WAIT_S)
        assert json.loads(out)["payload"] == "live" and follow.returncode == 0


def test_tail_misses_and_doubles_nothing_over_a_restart(gateways):
    gw = gateways(lasting=True)
    tail = start(gw, "tail", "--from", "1", "--type", "message", "--json", "--count", "30")
    lines = []
    for round_number in range(3):
        with gw.connect("writer") as ws:
            for n in range(10):
                ws.text(json.dumps({"type": "data", "id": n, "payload": 10 * round_number + n}))
                ws.recv_text()
        lines += [tail.stdout.readline() for _ in range(10)]
        if round_number < 2:
            (gw.kill if round_number else gw.stop)()
            gw.start()
    out, err = tail.communicate(timeout=60)
    assert [json.loads(line)["payload"] for line in lines + out.splitlines()] == list(range(30)), err
    assert tail.returncode == 0 and "trying again" in err


def test_top_shows_the_node(cli, gw):
    with gw.connect("top-1"):
        eventually(lambda: gw.metric("holdfast_connections", state="device") >= 1)
        done = cli("top", "--once", "--interval", "200ms", key="operator")
        assert done.returncode == 0, done.stderr
        for word in ("connections", "group commits/s", "loop stall p99", "resident memory", "unaccounted for"):
            assert word in done.stdout
        numbers = json.loads(cli("top", "--once", "--json", "--interval", "200ms", "--url", gw.admin_url, url=False).stdout)
        assert numbers["connections"] >= 1 and numbers["rss_bytes"] > 1e6 and numbers["difference"] == 0
    foreign = cli("top", "--once", key="reader")
    assert foreign.returncode == 1 and "forbidden" in foreign.stderr


def test_check_access_names_the_rule(cli, tmp_path):
    """What the compiled rules say, rule by rule; a test of the wire is in test_limits.py."""
    rules = [{"devices": "*", "topics": "plant/+/secret", "direction": "up", "allow": False}, {"devices": "bike-*", "topics": "device/{device}/#"}]
    two = tmp_path / "two.yaml"
    two.write_text(json.dumps({"tenants": [{"name": "acme", "access": rules}, {"name": "open"}]}))

    def ask(*args):
        done = cli("check", "access", *args, "--config", str(two), url=False)
        return done.returncode, done.stdout.strip() or done.stderr

    assert ask("bike-3", "plant/7/secret", "up", "--tenant", "acme") == (1, "denied  rule 1 of 2: deny up for device * topic plant/+/secret")
    assert ask("bike-3", "device/bike-3/x", "down", "--tenant", "acme") == (0, "allowed  rule 2 of 2: allow down for device bike-* topic device/{device}/#")
    assert ask("bike-3", "device/bike-4/x", "up", "--tenant", "acme") == (1, "denied  none of 2 rules matches: denied")
    assert ask("bike-3", "x", "up", "--tenant", "open") == (0, "allowed  tenant open has no rules: everything within it is allowed")
    assert "--tenant" in ask("bike-3", "x", "up")[1] and "'nobody'" in ask("bike-3", "x", "up", "--tenant", "nobody")[1]
    assert ask("bike-3", "x", "both", "--tenant", "acme")[0] == 2
