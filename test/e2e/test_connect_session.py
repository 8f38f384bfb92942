"""`holdfast connect --protocol session`: a device of holdfast.v1 by hand, or in a script."""
import json
import os
import signal
import subprocess
import threading

import pytest

from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S


class Terminal:
    """The command as a process; its JSON lines are read as they come."""

    def __init__(self, gw, device, *args):
        env = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST")}
        self.process = subprocess.Popen(
            [str(BINARY), "connect", gw.url().replace("http", "ws", 1), "--device", device, "--token", gw.token(device), "--protocol",
             "session", "--json", *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        self.rows, self.news = [], threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.rows.append(json.loads(line))
                self.news.notify_all()

    def wait(self, event, count=1, timeout_s=WAIT_S):
        def seen():
            return [row for row in self.rows if row["event"] == event]
        with self.news:
            assert self.news.wait_for(lambda: len(seen()) >= count, timeout_s), self.rows
            return seen()[count - 1]

    def type(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def end(self):
        """Closes stdin; gives the exit status."""
        self.process.stdin.close()
        status = self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()


@pytest.fixture
def lasting(gateways):
    return gateways(lasting=True)


def texts(gw, device):
    return [event["text"] for event in gw.api().events(type="message", device=device)]


def test_a_line_typed_while_the_gateway_is_down_arrives_once(lasting, tmp_path):
    queue = tmp_path / "queue.db"
    with Terminal(lasting, "typist", "--queue", queue, "--wait", "forever") as terminal:
        assert "session new" in terminal.wait("open")["text"]
        terminal.type("before")
        eventually(lambda: texts(lasting, "typist") == ["before"])
        lasting.kill()
        terminal.wait("close")
        terminal.type("while it is down")
        assert terminal.wait("sent", count=2)["text"] == "while it is down"
        lasting.start()
        assert "session resumed" in terminal.wait("open", count=2)["text"]
        eventually(lambda: texts(lasting, "typist")[1:] == ["while it is down"])
        # And over the end of the process: what is in the queue file goes with the next one.
        lasting.kill()
        terminal.wait("close", count=2)
        terminal.type("before the end")
        terminal.wait("sent", count=3)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(WAIT_S) == 0
    lasting.start()
    with Terminal(lasting, "typist", "--queue", queue) as terminal:
        terminal.type("after it")
        assert terminal.end() == 0, terminal.rows
    assert texts(lasting, "typist") == ["before", "while it is down", "before the end", "after it"]


def test_commands_are_answered(gw):
    api = gw.known("answerer").api()
    with Terminal(gw, "answerer", "--auto-result", '{"unlocked":true}', "--count", "2") as terminal:
        terminal.wait("open")
        done = api.command("answerer", "unlock", {"seconds": 30}, wait_ms=10000)
        assert (done["state"], done["result"]) == ("done", {"unlocked": True})
        assert terminal.wait("received")["text"] == f'command {done["id"]} unlock {{"seconds": 30}}'
        assert terminal.wait("sent")["text"] == '{"unlocked":true}'
        made = api.send("answerer", {"a": 1})
        assert json.loads(terminal.wait("received", count=2)["text"]) == {"a": 1}
        assert terminal.process.wait(WAIT_S) == 0, "two have come"
        eventually(lambda: api.get(f"/v1/messages/{made['id']}")["state"] == "delivered")


def test_without_an_answer_commands_are_unsupported(gw):
    api = gw.known("mute").api()
    with Terminal(gw, "mute", "--wait", "forever") as terminal:
        terminal.wait("open")
        done = api.command("mute", "unlock", wait_ms=10000)
        assert (done["state"], done["reason"]) == ("failed", "not_implemented")


def test_fewer_messages_than_counted_are_a_failure(gw):
    with Terminal(gw, "counter", "--count", "1") as terminal:
        terminal.wait("open")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(WAIT_S) == 1
        assert "0 of 1 messages came" in terminal.process.stderr.read()


@pytest.mark.parametrize("args,said", [
    (("--queue", "q.db"), "--queue needs --protocol session"),
    (("--protocol", "holdfast.v1", "--queue", "q.db"), "--queue needs --protocol session"),
    (("--protocol", "session", "--token-in", "message"), "the token goes in the header"),
    (("--protocol", "session", "--token-in", "query"), "the token goes in the header"),
    (("--protocol", "session", "--auto-result", "{"), "not JSON"),
    (("--protocol", "session", "--queue", "/nowhere/q.db"), "q.db"),
])
def test_wrong_combinations(tmp_path, args, said):
    done = subprocess.run([str(BINARY), "connect", "ws://127.0.0.1:1", "--token", "t", *args], capture_output=True, text=True, timeout=WAIT_S,
                          cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and said in done.stderr, (done.returncode, done.stderr)


def test_a_token_that_is_refused(gw):
    """It is fetched again with each attempt, so the session goes on trying; whoever started it sees why."""
    with Terminal(gw, "refused", "--wait", "forever") as terminal:
        terminal.wait("open")
    other = subprocess.Popen([str(BINARY), "connect", gw.url().replace("http", "ws", 1), "--device", "refused", "--token", "no.token.atall",
                              "--protocol", "session", "--json", "--wait", "forever"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        row = json.loads(other.stdout.readline())
        assert row["event"] == "close" and "credentials_invalid" in row["text"] and "again in" in row["text"], row
    finally:
        other.kill()
        other.wait()
