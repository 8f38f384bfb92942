"""`holdfast agent` and any MQTT broker: Mosquitto, and mosquitto_sub as the one who reads. What was accepted arrives, whatever is killed; what is refused is told."""
import signal
import socket
import subprocess
import time

import pytest

from lib.agent import Agent, read_batch
from lib.gateway import BINARY, eventually
from lib.mosquitto import Mosquitto, Reader
from lib.old_broker import OldBroker
from lib.pace import WAIT_S


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """One for tests that leave it alone: devices have names of their own."""
    with Mosquitto(tmp_path_factory.mktemp("broker")) as one:
        yield one


def samples(messages):
    """In the order in which they came first: what a receiver has that drops what it has by boot and time."""
    seen = {}
    for message in messages:
        batch = read_batch(message.payload)
        for sample in batch.samples:
            seen.setdefault((batch.boot, sample.ts_ns), sample)
    return list(seen.values())


def powers(messages):
    return [sample.power for sample in samples(messages)]


def rows(first, end):
    """Of a driver that says itself when, as those rows that are read at once would all have one time."""
    return b"".join(b"90,%d,0,%d\n" % (n, time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)) for n in range(first, end))


def driver(path):
    eventually(path.exists)
    one = socket.socket(socket.AF_UNIX)
    one.connect(str(path))
    return one


def closed(text):
    return lambda row: row["type"] == "close" and text in row["text"]


def test_a_recording_arrives_row_by_row(broker, tmp_path):
    path = tmp_path / "ride.csv"
    rows = [(80 + n % 20 / 2, n % 400 - 100, n % 90 - 45.5) for n in range(300)]
    path.write_text("\n".join(["time_s,cadence_rpm,power_w,lean_deg"] + [f"{n / 100},{cadence},{power},{lean}" for n, (cadence, power, lean) in enumerate(rows)]))
    with Reader(broker, "acme/replay%2F1/#", "replay-reader") as reader:
        with Agent(broker.url("/acme"), "replay/1", None, "--source", f"csv:{path}", "--speed", 10, "--queue", tmp_path / "q.db") as one:
            status, end = one.end()
        assert (status, end["lost"], end["batches_queued"]) == (0, 0, 0), (one.rows, broker.logs()[-40:])
        messages = reader.wait(lambda messages: len(messages) == end["batches_sent"])
    assert [sample[1:] for sample in samples(messages)] == rows
    assert {(message.topic, message.retained) for message in messages} == {("acme/replay%2F1/up/samples", False)}
    assert sum("Received PUBLISH from replay/1 (d0, q1, r0," in line for line in broker.run.lines) == len(messages), "each once, with QoS 1"
    assert len({message.content_type for message in messages}) == 1 and messages[0].content_type
    assert len({message.user["id"] for message in messages}) == len(messages), "each message has an id of its own"
    assert len({message.user["queue"] for message in messages}) == 1
    numbers = [int(message.user["seq"]) for message in messages]
    assert numbers == list(range(numbers[0], numbers[0] + len(messages)))


def test_what_was_accepted_outlives_broker_and_agent(tmp_path):
    queue = ("--queue", tmp_path / "q.db", "--uplink", "20ms")
    with Mosquitto(tmp_path / "broker") as broker, Reader(broker, "+/up/#") as reader:
        eventually(lambda: broker.knows("reader"))
        with Agent(broker.url(), "survivor", None, "--source", f"socket:{tmp_path / 'one'}", *queue) as one:
            source = driver(tmp_path / "one")
            source.sendall(rows(0, 100))
            reader.wait(lambda messages: len(samples(messages)) == 100)
            broker.kill()
            one.wait(lambda row: row["type"] == "close")
            source.sendall(rows(100, 300))
            one.wait_status("accepted", 300)
            one.process.kill()
            one.process.wait()
            source.close()
        broker.start()
        with Agent(broker.url(), "survivor", None, "--source", f"socket:{tmp_path / 'two'}", *queue) as two:
            source = driver(tmp_path / "two")
            for n in range(300, 900):
                source.sendall(rows(n, n + 1))
                if n == 600:
                    reader.wait(lambda messages: len(samples(messages)) > 300)
                    broker.kill()  # with messages under way
            two.wait_status("accepted", 600)
            broker.start()
            source.close()
            reader.wait(lambda messages: len(samples(messages)) == 900)
            status, end = two.end(signal.SIGTERM)
        assert (status, end["captured"], end["lost"], end["batches_queued"]) == (0, 600, 0, 0)
        messages = reader.messages()
    assert powers(messages) == list(range(900)), "nothing is lost, and all is in order once what came twice is dropped"
    ids = {message.user["id"]: message.payload for message in messages}
    assert all(ids[message.user["id"]] == message.payload for message in messages), "what comes twice is the same message with the same id"


def test_a_wrong_password_is_told(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("power_w\n1\n2\n")
    with Mosquitto(tmp_path / "broker", users={"bike": "right", "reader": "reads"}) as broker:
        url, args = broker.url().replace("//", "//bike@"), ("--source", f"csv:{path}", "--queue", tmp_path / "q.db")
        with Agent(url, "d", "wrong", *args) as one:
            row = one.wait(closed("the broker says: "))
            assert "the user or the token is not taken" in row["text"], row
            one.end(signal.SIGTERM)
        with Agent(broker.url(), "d", None, *args) as one:  # nobody at all
            assert "the user or the token is not taken" in one.wait(closed("the broker says: "))["text"]
            one.end(signal.SIGTERM)
        with Reader(broker, "#", args=["-u", "reader", "-P", "reads"]) as reader, Agent(url, "d", "right", *args) as one:
            status, end = one.end()
            assert (status, end["batches_queued"]) == (0, 0)
            assert set(powers(reader.wait(lambda messages: samples(messages)))) == {1, 2}


def test_what_is_too_large_for_the_broker_is_told_and_holds_nothing_up(tmp_path):
    """Mosquitto says so in a PUBACK, with a reason code that the standard gives to other packets only."""
    with Mosquitto(tmp_path / "broker", options=["message_size_limit 100"]) as broker, Reader(broker, "#") as reader:
        with Agent(broker.url(), "large", None, "--source", f"socket:{tmp_path / 's'}", "--queue", tmp_path / "q.db") as one:
            source = driver(tmp_path / "s")
            source.sendall(rows(0, 1))
            reader.wait(lambda messages: powers(messages) == [0])
            source.sendall(rows(1, 200))  # batches of up to 64: up to 936 bytes
            one.wait(lambda row: "message_too_big" in row.get("text", ""))
            one.wait_status("accepted", 200)
            source.sendall(rows(200, 201))
            reader.wait(lambda messages: powers(messages)[-1] == 200)
            source.close()
            status, end = one.end(signal.SIGTERM)
    assert (end["batches_queued"], end["lost"]) == (0, 0)  # it may end the connection besides, each time
    assert end["batches_failed"] >= 3


@pytest.mark.parametrize("silent", [False, True])
def test_a_broker_of_3_1_1_is_spoken_to_in_3_1_1(broker, tmp_path, silent):
    path = tmp_path / "r.csv"
    path.write_text("power_w\n1\n2\n")
    name = f"old-{silent}"
    with Reader(broker, f"{name}/#", f"{name}-reader") as reader, OldBroker(broker.port, silent) as old:
        with Agent(old.url(), name, None, "--source", f"csv:{path}", "--queue", tmp_path / "q.db") as one:
            status, end = one.end()
        assert (status, end["batches_queued"]) == (0, 0), one.rows
        assert powers(reader.wait(lambda messages: len(samples(messages)) == 2)) == [1, 2]
    assert old.versions == ([5, 5, 5, 4] if silent else [5, 4])
    assert any(row["type"] == "open" and "MQTT 3.1.1" in row["text"] for row in one.rows)


def test_a_message_that_ends_connections_lets_others_by_and_is_not_lost(tmp_path):
    """In 3.1.1 Mosquitto closes the connection when a packet is above max_packet_size. What comes after more of them, the verdict, is in client_mqtt_suspect_test.c: it takes a minute of pauses."""
    with Mosquitto(tmp_path / "broker", options=["max_packet_size 200"]) as broker, Reader(broker, "large/#") as reader, OldBroker(broker.port) as old:
        with Agent(old.url(), "large", None, "--source", f"socket:{tmp_path / 's'}", "--queue", tmp_path / "q.db", "--uplink", "200ms") as one:
            source = driver(tmp_path / "s")
            source.sendall(rows(0, 1))
            reader.wait(lambda messages: powers(messages) == [0])
            source.sendall(rows(1, 41))
            one.wait_status("accepted", 41)
            source.sendall(rows(41, 42))
            one.wait(lambda row: "others go first" in row.get("text", ""))
            reader.wait(lambda messages: 41 in powers(messages))
            assert set(powers(reader.messages())) <= {0, 41}
            eventually(lambda: broker.knows("reader"))
            broker.kill()  # somebody raises the limit
            broker.options = []
            broker.start()
            one.wait(lambda row: row["type"] == "status" and row["batches_sent"] == 3)
            source.close()
            status, end = one.end(signal.SIGTERM)
        got = powers(reader.wait(lambda messages: len(samples(messages)) == 42))
    assert (end["batches_failed"], end["lost"]) == (0, 0)
    assert sorted(got) == list(range(42)) and got[1] == 41


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    for words in ("ca --out ca", "ca --out other", "cert --ca ca --server localhost --out server", "cert --ca ca --device acme/good --out good",
                  "cert --ca other --device acme/stranger --out stranger"):
        done = subprocess.run([str(BINARY), "gen", *words.split()], cwd=folder, capture_output=True, text=True, timeout=WAIT_S)
        assert done.returncode == 0, done.stderr
    return folder


def test_tls_with_a_client_certificate(pki, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("power_w\n1\n2\n")

    def certificate(name, ca="ca"):
        return ("--ca", pki / f"{ca}.pem", "--cert", pki / f"{name}.pem", "--key", pki / f"{name}.key")

    with Mosquitto(tmp_path / "broker", tls=pki) as broker:
        def agent(*args):
            return Agent(broker.url("/acme"), "good", None, "--source", f"csv:{path}", *args)

        accepted = 0
        for wrong, text in ((("--ca", pki / "ca.pem"), "certificate required"), (certificate("stranger"), "the server refuses TLS: "),
                            (certificate("good", ca="other"), "the server's certificate is not trusted")):
            with agent(*wrong, "--queue", tmp_path / "q.db") as one:
                one.wait(closed(text))
                accepted += one.end(signal.SIGTERM)[1]["accepted"]
                assert not any(row["type"] == "open" for row in one.rows)
        with Reader(broker, "#", host="localhost", args=["--cafile", *certificate("good")[1:]]) as reader:
            with agent(*certificate("good"), "--queue", tmp_path / "q.db") as one:
                status, end = one.end()
            assert (status, end["batches_queued"]) == (0, 0)
            got = powers(reader.wait(lambda messages: len(samples(messages)) == accepted + 2))
    assert got[-2:] == [1, 2] and set(got) <= {1, 2}, "what was queued while nobody let it in came before"
