"""`holdfast chaos`: commanded while it runs, its profiles, wrong options; and `holdfast chaos process`."""
import json
import signal
import socket
import subprocess

import pytest

from lib.chaos import Chaos, Door, receive, settle, sleeper, state_of, was_reset
from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S


@pytest.fixture
def door():
    door = Door()
    yield door
    door.close()


@pytest.fixture
def chaos(door):
    started = []

    def start(*options):
        started.append(Chaos(door.address, *options))
        return started[-1]
    yield start
    for proxy in started:
        proxy.kill()


def run(*args):
    return subprocess.run([str(BINARY), "chaos", *args], capture_output=True, text=True, timeout=WAIT_S, stdin=subprocess.DEVNULL)


# ---- commands ----

def test_the_first_line_says_where_it_is(chaos, door):
    proxy = chaos("--seed", "42", "--loss-down", "0.5%", "--rtt", "30ms", "--control", "127.0.0.1:0")
    ready = proxy.ready
    assert ready["to"] == "%s:%d" % door.address and ready["seed"] == 42 and ready["transport"] == "tcp"
    assert ready["faults"] == {"latency-up": "15ms", "latency-down": "15ms", "loss-down": "0.5%"}
    assert settle(ready["listen"])[1] > 0 < settle(ready["control"])[1]


def test_settings_change_while_it_runs(chaos):
    proxy = chaos()
    proxy.ok("set loss=10% burst-loss-up=20% rate-down=1MB/s idle-how=fin")
    proxy.ok("every 10m cut")
    state = proxy.ok("faults")
    assert state["faults"] == {"loss-up": "10%", "loss-down": "10%", "burst-loss-up": "20%", "rate-down": "1000000B/s", "idle-how": "fin"}
    assert state["scheduled"] == ["cut"] and not state["silent_up"]
    proxy.ok("silence up")
    assert proxy.ok("faults")["silent_up"] and not proxy.ok("faults")["silent_down"]
    proxy.ok("clear")
    assert proxy.ok("faults") == {"faults": {}, "silent_up": False, "silent_down": False, "hold": False, "refuses": False, "scheduled": []}


@pytest.mark.parametrize("line,said", [
    ("cutt", "no command 'cutt'"), ("cut gently", "cut [rst|fin] [SHARE]"), ("cut 150%", "cut [rst|fin] [SHARE]"),
    ("silence sideways", "silence [up|down]"), ("silence 5", "silence [up|down]"), ("refuse soon", "refuse [TIME|forever]"),
    ("set", "set NAME=VALUE"), ("set loss", "write NAME=VALUE"), ("set los=5%", "no setting 'los'"), ("set loss=5", "write a share"),
    ("set loss=5% rtt=x", "rtt is 'x'"), ("set reorder=5%", "means nothing on TCP"), ("set burst-loss=90%", "burst-length 9"),
    ("set rate=100", "write a rate"), ("set cut-how=silent", "write rst or fin"), ("set latency=2d", "up to a day"),
    ("profile f99", "no profile 'f99'"), ("profile f7", "chaos process"), ("profile f23", "add --udp"), ("at 5s", "at TIME COMMAND"),
    ("every 0 cut", "every TIME COMMAND"), ("at 5s every 5s cut", "may not schedule"), ("at 5s set loss=7", "write a share"),
    ("set loss=" + "1" * 600, "at most 511 bytes"),
])
def test_wrong_commands_change_nothing(chaos, line, said):
    proxy = chaos("--loss", "1%")
    answer = proxy.command(line)
    assert answer["ok"] is False and said in answer["error"], answer
    assert proxy.ok("faults")["faults"] == {"loss-up": "1%", "loss-down": "1%"} and proxy.ok("faults")["scheduled"] == []


def test_what_is_scheduled_is_bounded(chaos):
    proxy = chaos()
    for _ in range(64):
        proxy.ok("at 10m cut")
    assert "64 commands are scheduled" in proxy.command("at 10m cut")["error"]
    assert len(proxy.ok("faults")["scheduled"]) == 64
    proxy.ok("clear")
    proxy.ok("at 10ms quit")
    assert proxy.process.wait(WAIT_S) == 0


def test_a_schedule(chaos, door):
    proxy = chaos("--at", "20ms silence up", "--every", "20ms cut 0%")
    eventually(lambda: proxy.ok("faults")["silent_up"])
    assert proxy.ok("faults")["scheduled"] == ["cut 0%"], "once is over, every stays"
    assert proxy.stat("silences") == 1


@pytest.fixture
def control(chaos):
    proxy = chaos("--control", "127.0.0.1:0")
    proxy.control = settle(proxy.ready["control"])
    return proxy


def ask(sock, line):
    sock.sendall(line)
    with sock.makefile("rb") as lines:
        return json.loads(lines.readline())


def test_the_control_port(control, door):
    client, server = control.connect(), door.accept()
    with socket.create_connection(control.control, timeout=WAIT_S) as sock:
        for byte in b"sta":
            sock.sendall(bytes([byte]))
        sock.sendall(b"ts\r\n\n  cut  rst \nnonsense\n")
        with sock.makefile("rb") as lines:
            stats, cut, wrong = [json.loads(lines.readline()) for _ in range(3)]
        assert stats["connections_now"] == 1 and cut == {"ok": True, "cut": 1} and wrong["ok"] is False
    assert was_reset(client) and was_reset(server)


def test_the_control_port_is_bounded(control):
    held = [socket.create_connection(control.control, timeout=WAIT_S) for _ in range(8)]
    for sock in held:
        assert ask(sock, b"help\n")["ok"]
    with socket.create_connection(control.control, timeout=WAIT_S) as ninth:
        assert b"too many control connections" in receive(ninth, 1000)
    held.pop().close()

    def again():
        with socket.create_connection(control.control, timeout=WAIT_S) as sock:
            return b'"ok":true' in ask_raw(sock)
    assert eventually(again)


def ask_raw(sock):
    sock.sendall(b"help\n")
    sock.shutdown(socket.SHUT_WR)
    return receive(sock, 100000)


def test_who_asks_and_never_reads_is_ended(control):
    """Its answers are bounded; the proxy and other controls go on."""
    with socket.create_connection(control.control, timeout=WAIT_S) as sock:
        with pytest.raises(ConnectionError):
            while True:
                sock.sendall(b"help\n" * 1000)
    with socket.create_connection(control.control, timeout=WAIT_S) as sock:
        assert ask(sock, b"help\n")["ok"] and control.ok("help")["commands"]


def test_stdin_may_end(chaos, door):
    proxy = chaos()
    proxy.process.stdin.close()
    proxy.connect().close()
    assert door.accept().recv(1) == b""
    proxy.process.stdin = None
    assert proxy.end()["connections_opened"] == 1


# ---- profiles ----

def test_profiles_are_listed():
    done = run("--list-profiles")
    names = {line.split()[0] for line in done.stdout.splitlines() if line[0] != " "}
    assert done.returncode == 0 and {f"f{i}" for i in range(1, 28)} <= names
    assert "set rtt=200ms loss=5%" in done.stdout and "holdfast chaos process" in done.stdout


@pytest.mark.parametrize("udp", [False, True])
def test_each_profile_starts(door, udp):
    """All that --list-profiles says of this transport."""
    proxy = Chaos(door.address, *(["--udp"] if udp else []))
    names = proxy.ok("profiles")["profiles"]
    works = [name for name in names if proxy.command("profile " + name)["ok"]]
    assert set(works) >= {"none", "f1", "f2", "f3", "f4", "f10", "f11", "f15", "f21"} and ("f23" in works) == udp
    proxy.ok("profile f1")
    assert proxy.ok("faults")["faults"] == {"latency-up": "100ms", "latency-down": "100ms", "loss-up": "5%", "loss-down": "5%"}
    proxy.ok("profile none")
    assert proxy.ok("faults")["faults"] == {}
    assert proxy.end()["connections_opened"] == 0


def test_options_change_a_profile(chaos):
    proxy = chaos("--loss-up", "0", "--profile", "f1")
    assert proxy.ready["faults"] == {"latency-up": "100ms", "latency-down": "100ms", "loss-down": "5%"}


# ---- wrong options ----

@pytest.mark.parametrize("args,said", [
    ((), "--to HOST:PORT is needed"), (("--to", "nowhere"), "--to: 'nowhere' is not HOST:PORT"), (("--to", "h:99999"), "not HOST:PORT"),
    (("--to", "127.0.0.1:0"), "port 0"), (("--to", "127.0.0.1:9", "x"), "'x' is there"),
    (("--to", "127.0.0.1:9", "--listen", "99"), "--listen: '99'"), (("--to", "127.0.0.1:9", "--control", "0.0.0.0:0"), "--control is '0.0.0.0:0'"),
    (("--to", "127.0.0.1:9", "--loss", "5"), "--loss is '5'; write a share"), (("--to", "127.0.0.1:9", "--rtt", "200"), "--rtt is '200'; write a time"),
    (("--to", "127.0.0.1:9", "--reorder", "5%"), "--reorder means nothing on TCP"),
    (("--to", "127.0.0.1:9", "--udp", "--reset-loss", "5%"), "--reset-loss means nothing on UDP"),
    (("--to", "127.0.0.1:9", "--burst-loss", "60%", "--burst-drop", "50%"), "--burst-loss 60% is above burst-drop 50%"),
    (("--to", "127.0.0.1:9", "--profile", "f99"), "--profile: there is no profile"), (("--to", "127.0.0.1:9", "--profile", "f14"), "disk"),
    (("--to", "127.0.0.1:9", "--at", "cut"), "--at 'cut'"), (("--to", "127.0.0.1:9", "--every", "5s cat"), "no command 'cat'"),
    (("--to", "127.0.0.1:9", "--seed", "x"), "--seed is 'x'"), (("--to", "127.0.0.1:9", "--connections", "0"), "1 to 100000"),
    (("--to", "127.0.0.1:9", "--buffer", "1"), "4KiB to 64MiB"), (("--to", "127.0.0.1:9", "--duration", "1"), "--duration is '1'"),
    (("--to", "127.0.0.1:9", "--nonsense"), "holdfast help chaos"), (("proces",), "did you mean 'process'"),
    (("process",), "--pid PID is needed"), (("process", "--pid", "1"), "--pid is '1'"), (("process", "--pid", "99"), "what shall it do"),
    (("process", "--pid", "99", "--stop", "5s", "--every", "5s"), "--every must be longer"),
    (("process", "--pid", "99", "--kill-after", "5s", "--first", "1s"), "about --stop"), (("process", "--pid", "99", "--stop", "x"), "--stop is 'x'"),
])
def test_wrong_options(args, said):
    done = run(*args)
    assert done.returncode == 2 and said in done.stderr and done.stdout == "", done.stderr
    assert done.stderr.startswith("holdfast chaos")


def test_what_fails_at_the_start(door):
    taken = "%s:%d" % door.address
    done = run("--to", taken, "--listen", taken)
    assert done.returncode == 1 and f"--listen {taken}: cannot listen there" in done.stderr and "port 0" in done.stderr
    done = run("--to", taken, "--control", taken)
    assert done.returncode == 1 and f"--control {taken}: cannot listen there" in done.stderr
    done = run("--to", "nowhere.invalid:80")
    assert done.returncode == 1 and "--to: cannot find 'nowhere.invalid'" in done.stderr


def test_help_has_examples():
    for args in (("--help",), ("--to", "h:1", "--help"), ("process", "--help")):
        done = run(*args)
        assert done.returncode == 0 and "Examples:" in done.stdout and "  holdfast chaos" in done.stdout


def test_counters_for_people(door):
    done = run("--to", "%s:%d" % door.address, "--duration", "20ms", "--at", "0 silence")
    assert done.returncode == 0 and json.loads(done.stdout.splitlines()[0])["listen"]
    assert "silences of all connections" in done.stdout and "cuts" not in done.stdout.splitlines()[1]


# ---- processes ----

@pytest.fixture
def victim():
    process = sleeper()
    yield process
    process.kill()
    process.wait()


def acts(victim, *options):
    return subprocess.Popen([str(BINARY), "chaos", "process", "--pid", str(victim.pid), "--json", *options], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, bufsize=1)


def test_stopped_and_killed(victim):
    with acts(victim, "--stop", "20ms", "--every", "60ms", "--first", "10ms", "--kill-after", "1s") as process:
        lines = [json.loads(line) for line in process.stdout]
    assert [line["act"] for line in lines[:-1]] == (["stop", "continue"] * 20)[:len(lines) - 2] + ["kill"]
    assert process.returncode == 0 and lines[0]["at_ms"] >= 10 and lines[1]["at_ms"] >= lines[0]["at_ms"] + 20
    assert lines[-1]["killed"] and lines[-1]["stops"] >= 1 and victim.wait(WAIT_S) == -signal.SIGKILL


def test_it_is_never_left_stopped(victim):
    with acts(victim, "--stop", "1h") as process:
        assert json.loads(process.stdout.readline())["act"] == "stop"
        eventually(lambda: state_of(victim.pid) == "T")
        process.send_signal(signal.SIGTERM)
        lines = [json.loads(line) for line in process.stdout]
    assert lines[0]["act"] == "continue" and lines[1]["stops"] == 1
    assert process.returncode == 0
    eventually(lambda: state_of(victim.pid) != "T")


def test_once(victim):
    with acts(victim, "--stop", "10ms") as process:
        lines = [json.loads(line) for line in process.stdout]
    assert [line.get("act") for line in lines] == ["stop", "continue", None] and lines[-1]["stopped_ms"] >= 10
    assert process.returncode == 0 and victim.poll() is None


def test_who_ends_by_himself(victim):
    with acts(victim, "--kill-after", "1h") as process:
        victim.kill()
        assert "ended by itself" in process.stderr.read()
    assert process.returncode == 1
    victim.wait()
    with acts(victim, "--kill-after", "1h") as process:
        assert "no process" in process.stderr.read()
    assert process.returncode == 1
