"""What a broker has for a device: Mosquitto, mosquitto_pub, and a device of examples/ that says itself when it is done with a message. What was acknowledged never comes again, what was not does, in order."""
import subprocess
import uuid

import pytest

from lib.mosquitto import Mosquitto
from lib.old_broker import OldBroker
from lib.pace import WAIT_S
from test_client import Example


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("broker")) as one:
        yield one


def publish(broker, topic, *payloads, qos=1, args=(), stdin=None):
    """One connection a payload: mosquitto_pub has one set of properties for all that it sends."""
    for payload in payloads:
        subprocess.run(["mosquitto_pub", "-p", str(broker.port), "-V", "mqttv5", "-t", topic, "-q", str(qos), *args, *(["-s"] if stdin else ["-m", payload])], input=stdin, check=True,
                       timeout=WAIT_S)


def with_id(one=None):
    return ["-D", "publish", "user-property", "id", str(one or uuid.uuid4())]


class Device(Example):
    def __init__(self, url, name, folder):
        super().__init__("device_messages", url, name, folder / f"{name.replace('/', '_')}.db", folder=folder)
        self.wait_line(lambda line: line.startswith("open "))

    def messages(self):
        """[(handle, topic, payload)], in the order in which they came."""
        with self.news:
            words = [line.split(" ", 5) for line in self.lines if line.startswith("message ")]
        return [(int(handle), topic, payload) for _, handle, _, topic, _, payload in words]

    def wait_payloads(self, *payloads):
        """These came, and nothing else."""
        self.wait_line(lambda line: line.endswith(f" {payloads[-1]}"))
        assert [payload for _, _, payload in self.messages()] == list(payloads)

    def acknowledge(self, payload):
        handle = next(handle for handle, _, came in self.messages() if came == payload)
        self.write(str(handle))
        assert self.wait_line(lambda line: line.startswith(f"acknowledged {handle} ")).endswith(" ok")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.kill()


def acked(broker, name, count):
    """The broker has so many PUBACKs of the device."""
    broker.run.wait(lambda lines: sum(f"Received PUBACK from {name} (" in line for line in lines) >= count)


def test_they_come_in_order_and_are_acknowledged_when_they_are_done(broker, tmp_path):
    with Device(broker.url("/acme"), "order", tmp_path) as device:
        publish(broker, "acme/order/down/x", "one", "two")
        publish(broker, "acme/order/down/x", "zero", qos=0)
        publish(broker, "acme/order/down/y", "three", args=with_id())
        publish(broker, "acme/order/down/y", "four", qos=2)  # the subscription has QoS 1
        device.wait_payloads("one", "two", "zero", "three", "four")
        assert [handle for handle, _, payload in device.messages() if payload == "zero"] == [0]
        assert [topic for _, topic, _ in device.messages()] == ["x", "x", "x", "y", "y"]
        assert not any("Received PUBACK from order" in line for line in broker.logs())
        for payload in ("four", "three", "two", "one"):  # PUBACKs keep the order of the messages all the same
            device.acknowledge(payload)
        acked(broker, "order", 4)
        acks = [line for line in broker.logs() if "Received PUBACK from order" in line]
        sent = [line for line in broker.logs() if "Sending PUBLISH to order" in line and "q1" in line]
        ids = [line.split("Mid: ")[1].split(",")[0] for line in acks]
        assert ids == [line.split(", m")[1].split(",")[0] for line in sent]
        assert device.end() == 0


def test_killed_before_it_was_done_it_comes_again_and_then_never(broker, tmp_path):
    def start():
        return Device(broker.url("/acme"), "killed", tmp_path)

    with start() as device:
        publish(broker, "acme/killed/down/x", "a", "b")
        publish(broker, "acme/killed/down/x", "c", args=with_id())
        device.wait_payloads("a", "b", "c")
        device.kill()  # between delivery and PUBACK
    publish(broker, "acme/killed/down/x", "away", args=with_id())
    with start() as device:
        assert "open resumed" in device.lines
        device.wait_payloads("a", "b", "c", "away")
        device.acknowledge("c")  # durable here; its PUBACK waits for those of a and b, and never goes
        device.acknowledge("away")
        device.kill()
    with start() as device:
        publish(broker, "acme/killed/down/x", "last")
        device.wait_payloads("a", "b", "last")
        for payload in ("a", "b", "last"):
            device.acknowledge(payload)
        acked(broker, "killed", 5)
        assert device.end() == 0
    with start() as device:
        publish(broker, "acme/killed/down/x", "new")
        device.wait_payloads("new")


def test_what_a_broker_has_outlives_the_broker(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker, Device(broker.url(), "loyal", tmp_path) as device:
        one = uuid.uuid4()
        publish(broker, "loyal/down/x", "done", args=with_id(one))
        device.wait_payloads("done")
        device.acknowledge("done")
        publish(broker, "loyal/down/x", "in hand", args=with_id())
        device.wait_line(lambda line: line.endswith(" in hand"))
        broker.stop()
        device.wait_line(lambda line: line.startswith("closed "))
        broker.start()
        publish(broker, "loyal/down/x", "done", args=with_id(one))  # whoever sent it was not sure
        publish(broker, "loyal/down/x", "next", args=with_id())
        device.wait_payloads("done", "in hand", "next")  # each once
        device.acknowledge("in hand")
        device.acknowledge("next")
        acked(broker, "loyal", 3)


def test_retained_comes_when_the_subscription_is_new_and_not_again(broker, tmp_path):
    publish(broker, "acme/kept/down/state", "on", args=["-r"])
    for first in (True, False):
        with Device(broker.url("/acme"), "kept", tmp_path) as device:
            publish(broker, "acme/kept/down/x", "other")
            device.wait_payloads(*(["on"] if first else []), "other")
            for _, _, payload in device.messages():
                device.acknowledge(payload)
            assert device.end() == 0


def test_topics_that_are_not_its_own(broker, tmp_path):
    with Device(broker.url("/acme"), "mine/1", tmp_path) as device:
        for topic in ("acme/mine%2F1/up/x", "acme/mine/1/down/x", "acme/mine%2F1/downward", "mine%2F1/down/x", "acme/mine%2F10/down/x"):
            publish(broker, topic, "no")
        publish(broker, "acme/mine%2F1/down", "parent")
        publish(broker, "acme/mine%2F1/down/a/b", "tree")
        publish(broker, "acme/mine%2F1/down/a%2Fb", "name")
        device.wait_payloads("parent", "tree", "name")
        assert [topic for _, topic, _ in device.messages()] == ["", "a/b", "a/b"]


def test_one_that_is_too_large_holds_nothing_up(broker, tmp_path):
    with Device(broker.url("/acme"), "small", tmp_path) as device:
        publish(broker, "acme/small/down/x", "large", stdin=b"x" * (2 << 20))  # the broker was told the limit, and drops it
        publish(broker, "acme/small/down/x", "after")
        device.wait_payloads("after")
        publish(broker, "acme/small/down/x", "large", stdin=b"y" * (1 << 20))  # just at the limit
        device.wait_line(lambda line: f" {1 << 20} y" in line)
        assert sum(line.startswith("open") for line in device.lines) == 1


def test_one_that_is_too_large_is_passed_over_in_3_1_1(broker, tmp_path):
    """Nobody can tell the broker the limit, and it would bring the message again for ever, before all others."""
    with OldBroker(broker.port) as old, Device(old.url("/acme"), "old", tmp_path) as device:
        publish(broker, "acme/old/down/x", "large", stdin=b"x" * (2 << 20))
        publish(broker, "acme/old/down/x", "after")
        device.wait_payloads("after")
        device.wait_line(lambda line: line.startswith("error message_too_big"))
        device.acknowledge("after")
        acked(broker, "old", 2)
        assert sum(line.startswith("open") for line in device.lines) == 1
