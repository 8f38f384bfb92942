"""libholdfast against the real gateway: the example devices, killed at every wrong moment, lose and double nothing."""
import os
import random
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from lib.gateway import BINARY, ROOT, eventually
from lib.pace import WAIT_S

EXAMPLES = BINARY.parent / "examples"


class Example:
    """An example device as a process; its lines are read as they come."""

    def __init__(self, name, *args, folder, stdin=subprocess.PIPE):
        self.stderr_path = Path(folder) / f"{name}-{os.urandom(4).hex()}.err"
        with open(self.stderr_path, "wb") as err:
            self.process = subprocess.Popen([str(EXAMPLES / name), *map(str, args)], stdin=stdin, stdout=subprocess.PIPE,
                                            stderr=err, text=True)
        self.lines = []
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()

    def wait_line(self, fits, timeout_s=WAIT_S):
        with self.news:
            assert self.news.wait_for(lambda: any(map(fits, self.lines)), timeout_s), (self.lines[-5:], self.stderr())
            return next(filter(fits, self.lines))

    def write(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def end(self, timeout_s=WAIT_S):
        """Closes stdin; gives the exit status."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        status = self.process.wait(timeout_s)
        self.reader.join(timeout_s)
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(WAIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.kill()


def ws_url(gw, listener="main"):
    return gw.url(listener).replace("http", "ws", 1)


def payloads(gw, device):
    return [event["text"] for event in gw.api().events(type="message", device=device)]


@pytest.fixture
def token_file(tmp_path):
    def write(gw, device):
        path = tmp_path / f"{device}.token"
        path.write_text(gw.token(device) + "\n")
        return path
    return write


def minimal(gw, device, token_file, tmp_path):
    return Example("device_minimal", ws_url(gw), device, tmp_path / f"{device}.db", token_file(gw, device), folder=tmp_path)


# ---- the examples work ----


def test_minimal_sends_its_lines_and_ends_when_they_are_there(gateway, token_file, tmp_path):
    with minimal(gateway, "mini", token_file, tmp_path) as device:
        device.write(*[f"line {n}" for n in range(500)])
        assert device.end() == 0, device.stderr()
    assert payloads(gateway, "mini") == [f"line {n}" for n in range(500)]
    event = gateway.api().wait("message", device="mini")
    assert event["topic"] == "lines"
    assert gateway.api().wait("offline", device="mini")["reason"] == "normal"


def test_a_restored_queue_loses_nothing(gateway, token_file, tmp_path):
    """The disk of the device is an older copy of itself: new messages do not pass for those that had their numbers."""
    path = tmp_path / "restored.db"

    def send(what, count):
        with minimal(gateway, "restored", token_file, tmp_path) as device:
            device.write(*[f"{what} {n}" for n in range(count)])
            assert device.end() == 0, device.stderr()

    send("first", 3)
    shutil.copy(path, tmp_path / "copy")
    send("then", 4)
    for file in tmp_path.glob("restored.db*"):
        file.unlink()
    shutil.copy(tmp_path / "copy", path)
    send("now", 9)
    assert payloads(gateway, "restored") == \
        [f"first {n}" for n in range(3)] + [f"then {n}" for n in range(4)] + [f"now {n}" for n in range(9)]


def test_custom_loop_without_a_thread(gateway, tmp_path):
    gateway.known("loop")
    with Example("device_custom_loop", ws_url(gateway), "loop", gateway.token("loop"), folder=tmp_path) as device:
        device.wait_line(lambda line: line.endswith("-> connected"))
        assert len(os.listdir(f"/proc/{device.process.pid}/task")) == 1, "no thread of its own"
        gateway.api().send("loop", "to you")
        device.wait_line(lambda line: line == 'message "to you"')
        device.write("a", "b")
        assert device.end() == 0, device.stderr()
    assert payloads(gateway, "loop") == ["a", "b"]


def commands_device(gw, tmp_path, device="cmd"):
    return Example("device_commands", ws_url(gw), device, tmp_path / f"{device}.db", tmp_path / f"{device}.done",
                   gw.token(device), folder=tmp_path, stdin=subprocess.DEVNULL)


def test_commands_are_answered(gateway, tmp_path):
    api = gateway.known("cmd").api()
    with commands_device(gateway, tmp_path) as device:
        device.wait_line(lambda line: line.startswith("open"))
        done = api.command("cmd", "echo", {"n": 1}, wait_ms=10000)
        assert (done["state"], done["result"]) == ("done", {"n": 1}), done
        slow = api.command("cmd", "slow", wait_ms=10000)
        assert (slow["state"], slow["result"]) == ("done", {"slow": True}), slow
        refused = api.command("cmd", "fly", wait_ms=10000)
        assert refused["state"] == "failed", refused
        device.process.send_signal(signal.SIGTERM)
        assert device.process.wait(WAIT_S) == 0


def test_terminals_of_a_group_share_a_context(gateway, tmp_path):
    def terminal(name):
        return Example("device_context", ws_url(gateway), name, "home", gateway.token(name), folder=tmp_path)

    note = "long enough that a patch is shorter than the whole document, which the gateway would send instead"
    with terminal("phone") as phone, terminal("tablet") as tablet:
        for device in (phone, tablet):
            device.wait_line(lambda line: line.startswith("open"))
        phone.write('{"note":"%s"}' % note)
        assert phone.wait_line(lambda line: line.startswith("answer")) == 'answer none version 1 is {"note":"%s"}' % note
        tablet.wait_line(lambda line: line == 'told none version 1 is {"note":"%s"}' % note)
        tablet.write('{"n":1}')
        patch = 'none version 2 patch [{"op":"add","path":"/n","value":1}]'
        tablet.wait_line(lambda line: line == "answer " + patch)
        phone.wait_line(lambda line: line == "told " + patch)
        phone.write("{")
        phone.wait_line(lambda line: line.startswith("answer bad_request"))
        gateway.kill()
        phone.write('{"n":2}')
        phone.wait_line(lambda line: line.startswith("answer connection_gone"))
        gateway.start()
        gateway.api().do("PATCH", "/v1/groups/home/context", b'{"m":3}', headers={"Content-Type": "application/merge-patch+json"}, status=200)
    with terminal("fresh") as fresh:
        fresh.wait_line(lambda line: line.startswith("told none version 3 is"))
        assert fresh.end() == 0, fresh.stderr()


# ---- killed at every wrong moment ----


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_of_device_and_gateway_loses_and_doubles_nothing(gateways, token_file, tmp_path, seed):
    """What `queued` was said about is in the log exactly once and in order, whatever dies."""
    draw = random.Random(seed)
    gw = gateways()
    promised, n = [], 0
    for _ in range(8):
        with minimal(gw, "mortal", token_file, tmp_path) as device:
            count = draw.randrange(1, 200)
            lines = [f"{n + i}" for i in range(count)]
            n += count
            device.write(*lines)
            want = draw.randrange(0, count + 1)
            if want:
                device.wait_line(lambda line: len(device.lines) >= want)
            if draw.random() < 0.4:
                gw.kill()
                gw.start()
            device.kill()
            promised += lines[:sum(line.startswith("queued") for line in device.lines)]
    with minimal(gw, "mortal", token_file, tmp_path) as device:
        assert device.end(60) == 0, device.stderr()
    there = [int(payload) for payload in payloads(gw, "mortal")]
    assert there == sorted(set(there)), "in order, none twice"
    assert set(map(int, promised)) <= set(there), "nothing that was promised is missing"


@pytest.mark.parametrize("seed", range(2))
def test_messages_and_commands_are_done_once(gateways, tmp_path, seed):
    """Messages down while the gateway dies again and again: each reaches the application once, in order. Commands: each has one result."""
    draw = random.Random(seed)
    gw = gateways(lasting=True)  # the device comes back to where it was
    gw.known("cmd")
    ids = []
    with commands_device(gw, tmp_path) as device:
        device.wait_line(lambda line: line.startswith("open"))
        for n in range(120):
            gw.api().send("cmd", f"m{n}")
            if n % 10 == 0:
                ids.append(gw.api().command("cmd", "echo", {"n": n})["id"])
            if draw.random() < 0.05:
                gw.kill()
                gw.start()
        eventually(lambda: all(gw.api().get(f"/v1/commands/{id}")["state"] == "done" for id in ids))
        eventually(lambda: (tmp_path / "cmd.done").read_text().count("message ") >= 120)
    done = (tmp_path / "cmd.done").read_text().splitlines()
    assert [line.split()[-1] for line in done if line.startswith("message")] == [f'"m{n}"' for n in range(120)]
    assert sorted(line.split()[1] for line in done if line.startswith("command")) == sorted(ids)


def test_a_queue_file_has_one_owner_and_reads_as_sql(gateway, token_file, tmp_path):
    with minimal(gateway, "one", token_file, tmp_path) as device:
        device.write("x")
        device.wait_line(lambda line: line == "queued 1")
        second = minimal(gateway, "one", token_file, tmp_path)
        assert second.process.wait(WAIT_S) == 1
        assert "busy" in second.stderr()
        assert device.end() == 0
    import sqlite3
    with sqlite3.connect(tmp_path / "one.db") as db:
        assert db.execute("SELECT count(*) FROM msg_queue").fetchone() == (0,)
        schema = db.execute("SELECT sql FROM sqlite_master WHERE name='msg_queue'").fetchone()[0]
    for part in ("id INTEGER PRIMARY KEY AUTOINCREMENT", "topic TEXT NOT NULL", "payload BLOB NOT NULL",
                 "CHECK(status IN ('pending','inflight','acked','failed'))"):
        assert part in schema


def test_offline_first_then_everything(gateways, token_file, tmp_path):
    """Published before there is a gateway."""
    gw = gateways()
    gw.stop()
    with minimal(gw, "early", token_file, tmp_path) as device:
        device.write(*[f"{n}" for n in range(50)])
        device.wait_line(lambda line: line == "queued 50")
        device.kill()
    gw.start()
    with minimal(gw, "early", token_file, tmp_path) as device:
        assert device.end(60) == 0, device.stderr()
    assert payloads(gw, "early") == [f"{n}" for n in range(50)]


def test_install(tmp_path):
    """make install: a program outside of the tree builds against what was installed, shared and static."""
    build = BINARY.parent
    subprocess.run(["cmake", "--install", str(build), "--prefix", "/opt/hf"], check=True, capture_output=True,
                   env={**os.environ, "DESTDIR": str(tmp_path)})
    root = tmp_path / "opt" / "hf"
    env = {**os.environ, "PKG_CONFIG_PATH": str(root / "lib" / "pkgconfig")}
    flags = {}
    for static in ("", "--static"):
        flags[static] = subprocess.run(["pkg-config", "--cflags", "--libs", *static.split(), "holdfast"], check=True, env=env,
                                       capture_output=True, text=True).stdout.split()
    source = str(ROOT / "examples" / "device_custom_loop.c")
    subprocess.run(["cc", source, "-o", str(tmp_path / "shared"), *flags[""]], check=True)
    subprocess.run(["cc", source, "-o", str(tmp_path / "static"), *[f for f in flags["--static"] if f != "-lholdfast"],
                    str(root / "lib" / "libholdfast.a"), *[f for f in flags["--static"] if f.startswith("-l") and f != "-lholdfast"]],
                   check=True)
    for program in ("shared", "static"):
        ran = subprocess.run([str(tmp_path / program), "nonsense", "d"], capture_output=True, text=True,
                             env={**os.environ, "LD_LIBRARY_PATH": str(root / "lib")})
        assert ran.returncode == 1 and "url must be" in ran.stderr
    exported = subprocess.run(["nm", "-D", "--defined-only", str(root / "lib" / "libholdfast.so")], check=True,
                              capture_output=True, text=True).stdout.split("\n")
    names = [line.split()[2] for line in exported if line.strip()]
    assert names and all(name.startswith("hf_client_") for name in names), names
    inside = subprocess.run(["nm", "-g", "--defined-only", str(root / "lib" / "libholdfast.a")], check=True,
                            capture_output=True, text=True).stdout
    assert all(line.split()[2].startswith("hf_client_") for line in inside.splitlines() if len(line.split()) == 3)
    header = (ROOT / "include/holdfast/holdfast.h").read_text()
    assert all(f"{name}(" in header for name in names), "what is exported is documented"
    text = int(subprocess.run(["size", str(root / "lib" / "libholdfast.so")], check=True, capture_output=True,
                              text=True).stdout.split("\n")[1].split()[0])
    assert text <= 250 * 1024, f"{text} bytes of text (CQ-1)"
