"""`holdfast agent`: samples of recordings, drivers, sensors and simulated bicycles arrive as what they were, once, whatever ends in between."""
import json
import signal
import socket
import subprocess
import time

import pytest

from lib.agent import Agent, batches, samples
from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S


def agent(gw, device, *args, **options):
    return Agent(gw.url().replace("http", "ws", 1), device, gw.token(device), *args, **options)


def test_a_long_period_loses_nothing_at_a_high_rate(gw):
    """3,000 samples do not wait for 10 s, and the 16 batches of one turn would not hold them."""
    with agent(gw, "slow", "--source", "stdin", "--uplink", "10s", stdin=subprocess.PIPE) as one:
        one.process.stdin.write("".join(f"90,{n % 2000},0\n" for n in range(3000)))
        one.process.stdin.flush()
        one.wait_status("accepted", 2560)
        one.process.stdin.close()
        status, end = one.end()
    assert (status, end["captured"], end["lost"]) == (0, 3000, 0)
    got = batches(gw, "slow")
    assert [sample.power for batch in got for sample in batch.samples] == [n % 2000 for n in range(3000)]
    assert len(got) == 47, "full batches"


def test_a_recording_arrives_row_by_row(gw, tmp_path):
    path = tmp_path / "ride.csv"
    rows = [(80 + n % 20 / 2, n % 400 - 100, n % 90 - 45.5) for n in range(300)]
    lines = ["time_s,lean_deg,speed,power_w,cadence_rpm"] + [f"{n / 100},{lean},7,{power},{cadence}" for n, (cadence, power, lean) in enumerate(rows)]
    lines[150:150] = ["1.485,1,1,9999,1", "1.485,1,1", "# a remark", "", "0.5,1,7,1,1"]  # too much, too few, none, none, back in time
    lines += ["3.0,,7,250,"]
    path.write_text("\n".join(lines))
    begin_ns = time.time_ns()
    with agent(gw, "replay", "--source", f"csv:{path}", "--speed", 10, "--queue", tmp_path / "q.db") as one:
        status, end = one.end()
    assert status == 0 and end["type"] == "end"
    assert (end["captured"], end["accepted"], end["lost"], end["batches_queued"]) == (301, 301, 0, 0)
    assert end["bad_lines"] == {"out of range": 1, "another number of columns": 1, "its time is missing, goes back, or is to come": 1}
    assert [row["text"] for row in one.rows if row["type"] == "source"][0] == "line 151: out of range: power_w"
    got = samples(gw, "replay")
    assert [sample[1:] for sample in got] == [*rows, (None, 250, None)]
    assert [round((sample.ts_ns - got[0].ts_ns) / 1e6) for sample in got] == list(range(301)), "10 ms apart, ten times as fast"
    for batch in batches(gw, "replay"):
        assert begin_ns < batch.samples[0].ts_ns + batch.offset_ns and batch.samples[-1].ts_ns + batch.offset_ns < time.time_ns()
        assert batch.lost == 0 and batch.boot == bytes.fromhex(open("/proc/sys/kernel/random/boot_id").read().strip().replace("-", ""))
        assert 1 <= batch.uncertainty_us < 1000000
    events = gw.api().events(type="message", device="replay")
    assert {event["topic"] for event in events} == {"samples"} and len(events) == end["batches_accepted"] == end["batches_sent"]


def test_what_was_accepted_outlives_agent_and_gateway(gateways, tmp_path):
    gw = gateways(lasting=True)
    path, queue = tmp_path / "driver", tmp_path / "q.db"
    with agent(gw, "survivor", "--source", f"socket:{path}", "--queue", queue) as one:
        one.wait(lambda row: row["type"] == "open")
        driver = socket.socket(socket.AF_UNIX)
        driver.connect(str(path))
        driver.sendall(b"".join(b"90,%d,0\n" % n for n in range(100)))
        eventually(lambda: len(samples(gw, "survivor")) == 100)
        gw.kill()
        one.wait(lambda row: row["type"] == "close")
        for n in range(100, 500):
            driver.sendall(b"90,%d,0\n" % n)
        one.wait_status("accepted", 500)
        one.process.kill()
        one.process.wait()
        driver.close()
    gw.start()
    with agent(gw, "survivor", "--source", "stdin", "--queue", queue, stdin=subprocess.PIPE) as two:
        two.process.stdin.write('{"power_w":500,"lean_deg":-1.5}\n')
        two.process.stdin.close()
        status, end = two.end()
    assert (status, end["captured"], end["batches_queued"]) == (0, 1, 0)
    got = samples(gw, "survivor")
    assert [sample.power for sample in got] == list(range(501)), "nothing is lost, nothing comes twice, all in order"
    assert got[-1][1:] == (None, 500, -1.5)
    assert sorted(got) == got, "times do not go back"


def test_a_full_queue_keeps_what_it_has_and_says_what_is_lost(gateways, tmp_path):
    gw = gateways()
    path, queue = tmp_path / "driver", ("--queue", tmp_path / "q.db", "--queue-mib", 1)
    with Agent("ws://127.0.0.1:1", "full", None, "--source", f"socket:{path}", "--uplink", "5ms", *queue) as one:
        eventually(path.exists)
        driver = socket.socket(socket.AF_UNIX)
        driver.connect(str(path))
        rows = b"".join(b"90,%d,0\n" % n for n in range(1000))
        while not any(row.get("batches_put_back") for row in one.rows[-1:]):
            driver.sendall(rows)
        driver.close()
        status, end = one.end(signal.SIGTERM)
    assert status == 3 and end["batches_put_back"] > 0 and end["queued_bytes"] <= 1 << 20
    with agent(gw, "full", "--source", "stdin", *queue) as two:
        status, after = two.end()
    assert status == 0 and after["batches_sent"] == end["batches_accepted"] > 100
    got = batches(gw, "full")
    assert sum(len(batch.samples) for batch in got) == end["accepted"]
    numbers, lost = [], 0
    for batch in got:
        lost += batch.lost
        for sample in batch.samples:
            numbers.append((lost + len(numbers)) % 1000)
            assert sample.power == numbers[-1], "each hole is where a batch says that it is"
    assert lost <= end["lost"]


def test_a_damaged_queue_ends_it_or_is_put_aside(gw, tmp_path):
    queue, damaged = tmp_path / "q.db", tmp_path / "q.db.damaged"
    with Agent("ws://127.0.0.1:1", "torn", None, "--source", "bicycle", "--queue", queue) as one:
        one.wait_status("accepted", 100)
        one.process.kill()
        one.process.wait()
    with Agent("ws://127.0.0.1:1", "torn", None, "--source", "stdin", "--queue", queue, "--linger", "0s") as two:  # a log is read after kill -9
        status, end = two.end()
    assert status == 0 and end["batches_queued"] > 0
    queue.write_bytes(queue.read_bytes()[:10000])
    with agent(gw, "torn", "--source", "bicycle", "--queue", queue) as three:
        assert three.process.wait(WAIT_S) == 1 and "damaged" in three.process.stderr.read()
    assert queue.stat().st_size == 10000 and not damaged.exists()
    with agent(gw, "torn", "--source", "bicycle", "--queue", queue, "--when-damaged", "aside") as four:
        assert "new one begins" in four.wait(lambda row: row["type"] == "trouble")["text"]
        four.wait_status("batches_sent", 3)
        status, end = four.end(signal.SIGTERM)
    assert (status, end["lost"], end["batches_queued"]) == (0, 0, 0) and len(samples(gw, "torn")) == end["captured"]
    assert damaged.stat().st_size == 10000


@pytest.mark.parametrize("linger", ["60s", "forever"])
def test_after_its_duration_it_brings_what_is_queued(gateways, linger):
    gw = gateways(lasting=True)
    gw.kill()
    with agent(gw, "lingers", "--source", "bicycle", "--duration", "200ms", "--linger", linger) as one:
        def captures_no_more():
            last = [row["captured"] for row in one.rows if row["type"] == "status"][-8:]
            return len(last) == 8 and last[0] == last[-1] > 0

        eventually(captures_no_more)
        assert one.process.poll() is None and not any(row["type"] == "end" for row in one.rows)
        gw.start()
        status, end = one.end()
    assert (status, end["lost"], end["batches_queued"], end["batches_sent"]) == (0, 0, 0, end["batches_accepted"])
    assert len(samples(gw, "lingers")) == end["captured"] > 0


def test_sensors_of_the_kernel(gw, tmp_path):
    for name, text in {"iio:device2/in_anglvel_z_raw": "500", "iio:device2/in_anglvel_scale": "0.02", "iio:device2/in_anglvel_z_offset": "-25",
                       "iio:device10/in_power_raw": "251400", "iio:device10/in_incli_x_raw": "-91", "iio:device10/in_incli_x_scale": "0.5",
                       "iio:device11/in_incli_x_raw": "7"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    with agent(gw, "sensors", "--source", f"iio:{tmp_path}", "--rate", 200) as one:
        one.wait_status("accepted", 20)
        (tmp_path / "iio:device10/in_power_raw").write_text("")
        one.wait_status("unread", 1)
        status, end = one.end(signal.SIGTERM)
    assert (status, end["lost"], end["batches_queued"]) == (0, 0, 0)
    got = samples(gw, "sensors")
    assert len(got) == end["captured"] and got[0][1:] == (90.5, 251, -45.5)  # (500 - 25) x 0.02 rad/s
    assert got[-1][1:] == (90.5, None, -45.5)


def test_many_bicycles_in_one_process(gw, tmp_path):
    names = [f"bike-{n:03}" for n in range(1, 5)]
    (tmp_path / "tokens").write_text("".join(gw.token(name) + "\n" for name in names))
    url = gw.url().replace("http", "ws", 1)
    with Agent(url, "bike-", None, "--bicycles", 4, "--token-file", tmp_path / "tokens", "--queue", tmp_path / "queues") as one:
        one.wait_status("connected", 4)
        one.wait_status("batches_sent", 40)
        status, end = one.end(signal.SIGTERM)
    assert (status, end["lost"], end["batches_queued"], end["accepted"]) == (0, 0, 0, end["captured"])
    rides = [samples(gw, name) for name in names]
    assert sum(map(len, rides)) == end["captured"] and len({len(ride) for ride in rides}) == 1
    assert len({tuple(sample.power for sample in ride) for ride in rides}) == 4, "each its own ride"
    for ride in rides:
        assert {b.ts_ns - a.ts_ns for a, b in zip(ride, ride[1:])} == {10000000}
    (tmp_path / "tokens").write_text(gw.token(names[0]))
    with Agent(url, "bike-", None, "--bicycles", 4, "--token-file", tmp_path / "tokens") as one:
        assert one.process.wait(WAIT_S) == 1 and "has 1 tokens" in one.process.stderr.read()


@pytest.mark.parametrize("args, names", [(["--source", "bicycle"], ["renewed"]), (["--bicycles", 3], ["renewed001", "renewed002", "renewed003"])])
def test_a_refused_token_is_read_again_from_its_file(gw, tmp_path, args, names):
    """The last one has expired until the file is written anew; also of a fleet it takes its own line."""
    tokens = tmp_path / "tokens"
    tokens.write_text("".join(gw.token(name) + "\n" for name in names[:-1]) + gw.token(names[-1], life_s=-10))
    with Agent(gw.url().replace("http", "ws", 1), "renewed", None, *args, "--token-file", tokens) as one:
        closed = one.wait(lambda row: row["type"] == "close")
        assert "credentials_expired" in closed["text"]
        tokens.write_text("".join(gw.token(name) + "\n" for name in names))
        one.wait_status("connected", len(names))
        assert one.end(signal.SIGTERM)[0] == 0


def test_its_shadow_says_what_it_is_and_takes_wishes(gw):
    def shadow(method="GET", body=None, query=""):
        return gw.api().do(method, "/v1/devices/wished/shadow" + query, None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/merge-patch+json"}).json

    with agent(gw, "wished", "--source", "bicycle", "--uplink", "100ms") as one:
        one.wait_status("batches_sent", 3)
        eventually(lambda: shadow().get("reported", {}).get("agent", {}).get("uplink_ms") == 100)
        assert shadow()["reported"]["agent"]["source"] == "bicycle" and shadow()["reported"]["agent"]["software"].startswith("holdfast-agent/")
        applied = shadow("PATCH", {"desired": {"agent": {"uplink_ms": 20}}}, "?wait=applied&timeout_ms=10000")
        assert applied["labels"][-1] == "applied", applied
        assert shadow()["reported"]["agent"]["uplink_ms"] == 20 and not shadow()["delta"]
        shadow("PATCH", {"desired": {"agent": {"uplink_ms": 1}}})
        eventually(lambda: shadow()["reported"]["agent"].get("refused") == "uplink_ms is a whole number from 5 to 10000")
        assert shadow()["reported"]["agent"]["uplink_ms"] == 20 and shadow()["delta"] == {"agent": {"uplink_ms": 1}}
        shadow("PATCH", {"desired": {"agent": None}})
        eventually(lambda: "refused" not in shadow()["reported"]["agent"])
        eventually(lambda: len([batch for batch in batches(gw, "wished") if len(batch.samples) <= 3]) > 3)  # each 20 ms
        status, end = one.end(signal.SIGTERM)
    assert (status, end["lost"]) == (0, 0)


def test_a_refused_device_says_why(gw):
    with Agent(gw.url().replace("http", "ws", 1), "nobody", gw.token("somebody"), "--source", "bicycle") as one:
        closed = one.wait(lambda row: row["type"] == "close")
        status, end = one.end(signal.SIGTERM)
    assert "identity_mismatch" in closed["text"]
    assert status == 3 and end["batches_queued"] > 0, "it goes on trying; they were in memory only"


@pytest.mark.parametrize("args, status, text", [
    (["ws://h", "--device", "d"], 2, "--source is missing"),
    (["ws://h", "--device", "d", "--source", "csv:"], 2, "--source is 'csv:'"),
    (["ws://h", "--source", "bicycle"], 2, "--device is missing"),
    (["ws://h", "--device", "d", "--source", "csv:/nowhere"], 1, "cannot read '/nowhere'"),
    (["ws://h", "--device", "d", "--source", "csv:/tmp", "--linger", "1ms"], 1, "cannot read on: Is a directory"),
    (["ws://h", "--device", "d", "--source", "bicycle", "--topic", "a+b"], 2, "topic must be"),
    (["ws://h", "--device", "d", "--source", "bicycle", "--topic", ""], 2, "topic must be"),
    (["ws://h", "--device", "d", "--source", "iio:/nowhere"], 1, "no device below '/nowhere'"),
    (["nonsense", "--device", "d", "--source", "bicycle"], 2, "url"),
    (["ws://h", "--device", "d", "--source", "bicycle", "--rate", "10241"], 2, "--rate"),
    (["ws://h", "--device", "d", "--source", "bicycle", "--uplink", "1ms"], 2, "--uplink"),
    (["ws://h", "--device", "d", "--source", "stdin", "--bicycles", "2"], 2, "--bicycles is a source"),
    (["ws://h", "--device", "d", "--source", "bicycle", "--when-full", "never"], 2, "newest or oldest"),
    (["ws://h", "--device", "d", "--source", "bicycle", "--when-damaged", "never"], 2, "fail or aside"),
])
def test_wrong_command_lines(args, status, text):
    result = subprocess.run([str(BINARY), "agent", *args], capture_output=True, text=True, timeout=WAIT_S)
    assert result.returncode == status and text in result.stderr, result.stderr


def test_the_agent_alone_is_the_same_command(gw, tmp_path):
    alone = BINARY.parent / "holdfast-agent"
    for option in ("--help", "--version"):
        assert subprocess.run([str(alone), option], capture_output=True, text=True, timeout=WAIT_S).returncode == 0
    (tmp_path / "r.csv").write_text("power_w\n1\n2\n")
    done = subprocess.run([str(alone), gw.url(), "--device", "alone", "--token", gw.token("alone"), "--source", f"csv:{tmp_path}/r.csv", "--json"],
                          capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0 and [sample.power for sample in samples(gw, "alone")] == [1, 2]
    assert subprocess.run([str(alone), "x"], capture_output=True, text=True, timeout=WAIT_S).returncode == 2
