"""Whoever should read the gateway's log lines does not: nobody is held up, what is lost is counted and said, lines stay whole."""
import fcntl
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from lib.gateway import eventually


@pytest.fixture
def unread(gateways, tmp_path):
    """A gateway whose standard error is a pipe of one page that nobody reads, and the pipe's other end. The same lines go to a file."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    gw = gateways({"logging": {"file": str(tmp_path / "lines")}}, start=False).start(stderr=write)
    os.close(write)
    yield gw, read
    os.close(read)


def dropped(gw, to="stderr"):
    return int(gw.metric("holdfast_log_lines_dropped_total", to=to))


def talk_until_lines_are_lost(gw):
    """Each connection is two lines. The counter says when the gateway has more of them than it keeps."""
    while dropped(gw) == 0:
        for _ in range(100):
            with gw.connect("crowd") as ws:
                ws.text('{"type":"data","id":1,"payload":1}')
                assert "ack" in ws.recv_text()


def test_a_log_that_nobody_reads_holds_up_nobody(unread, tmp_path):
    gw, read = unread
    talk_until_lines_are_lost(gw)
    assert gw.api(None).get("/readyz", base=gw.admin_url)["ready"]
    assert gw.api().send("crowd", 1)

    text = b""
    while b"event=log_lines_dropped" not in text or not text.endswith(b"\n"):
        text += os.read(read, 65536)
    lost = dropped(gw)
    gw.connect("after").close()
    while text.count(b"device=after") < 2:
        text += os.read(read, 65536)
    lines = text.decode().splitlines()
    for line in lines:
        assert re.match(r"time=\S+Z level=\w+ event=\w+ text=", line) and line.count(" event=") == 1, line
    said = [line for line in lines if "event=log_lines_dropped" in line]
    assert len(said) == 1 and " level=warn " in said[0] and said[0].endswith(f" lines={lost} to=stderr"), said
    assert dropped(gw) == lost and dropped(gw, "file") == 0

    def in_file():
        return Path(tmp_path / "lines").read_text().splitlines()
    eventually(lambda: sum("device=after" in line for line in in_file()) == 2)
    missing = Counter(in_file()) - Counter(lines)
    assert missing.total() == lost and set(lines) - set(in_file()) == set(said), "the file has what the pipe lost, and nothing else"


def test_a_log_that_nobody_reads_does_not_hold_up_the_end(unread):
    gw, _ = unread
    talk_until_lines_are_lost(gw)
    assert gw.stop(timeout_s=10) == 0
