"""A wall clock that jumps (LT-8 F8): ten minutes forward and back, to before 1970 and far ahead. Nobody is disconnected, nothing changes
its order. The clock of the process alone is moved, by a small library that stands before clock_gettime(2)."""
import json
import shutil
import subprocess

import pytest

from lib.faults import P99_S, Witness, balanced
from lib.rawws import PING, PONG

SHIM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *ts)
{
    char text[32] = "";
    int result = (int)syscall(SYS_clock_gettime, id, ts), fd;

    if (id != CLOCK_REALTIME || result != 0 || (fd = open(getenv("CLOCK_STEP"), O_RDONLY)) < 0)
        return result;
    if (read(fd, text, sizeof(text) - 1) > 0)
        ts->tv_sec += atoll(text);
    close(fd);
    return 0;
}
"""

MINUTE, YEAR = 60, 365 * 86400


@pytest.fixture
def clock(tmp_path):
    """Sets by how many seconds the gateway's wall clock is wrong; .env is for its start."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, library, step = tmp_path / "clock.c", tmp_path / "clock.so", tmp_path / "step"
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    step.write_text("0")

    def put(seconds):
        fresh = tmp_path / "step.new"
        fresh.write_text(str(seconds))
        fresh.rename(step)
    put.env = {"LD_PRELOAD": str(library), "CLOCK_STEP": str(step)}
    return put


def test_steps_disconnect_nobody_and_reorder_nothing(gateways, clock):
    gw = gateways({"heartbeat": {"idle_ms": 1000, "repeat_ms": 500, "dead_ms": 2500}}, start=False)
    gw.start(clock.env)
    life = {"life_s": 50 * YEAR}  # a token that ends is another matter
    with Witness(gw, token=gw.token("witness", **life)) as witness, gw.connect("steps", token=gw.token("steps", **life)) as ws:
        for number, step in enumerate([10 * MINUTE, -10 * MINUTE, 0, -80 * YEAR, 0, 20 * YEAR, 0]):
            clock(step)
            ws.text(json.dumps({"type": "data", "id": number, "payload": number}))
            assert json.loads(ws.recv_text())["id"] == number
            gw.api().send("steps", {"n": number}, ttl_ms=60000)
            assert json.loads(ws.recv_text())["n"] == number
            opcode, payload = ws.recv(answer_pings=False)
            assert opcode == PING, "the connection's timer has run, in this time"
            ws.send(PONG, payload)
        assert witness.p99_s() < P99_S
        assert gw.api().device("steps")["state"] == "online"
        assert [e["payload"] for e in gw.api().events(type="message", device="steps")] == list(range(7))
        offsets = [e["offset"] for e in gw.api("operator").events()]
        assert offsets == sorted(offsets)
        assert gw.metric("holdfast_disconnects_total") == 0
    balanced(gw)
    gw.kill()
    clock(-YEAR)
    gw.start(clock.env)
    with gw.connect("steps", token=gw.token("steps")) as ws:
        ws.text('{"type":"data","id":"after","payload":7}')
        assert json.loads(ws.recv_text())["offset"] > offsets[-1]
    assert [e["payload"] for e in gw.api().events(type="message", device="steps")] == list(range(8))
