"""`holdfast gb-device` against a platform that we did not write in C: whatever a camera says is checked by another reader."""
import signal
import socket
import xml.etree.ElementTree as tree

import pytest

from lib.camera import Camera
from lib.gateway import eventually
from lib.gbplatform import Platform
from lib.pace import WAIT_S

QUERY = '<?xml version="1.0"?>\r\n<Query><CmdType>%s</CmdType><SN>{sn}</SN><DeviceID>{device}</DeviceID>%s</Query>'
CONTROL = '<?xml version="1.0"?>\r\n<Control><CmdType>DeviceControl</CmdType><SN>{sn}</SN><DeviceID>{device}</DeviceID>%s</Control>'


def root_of(message):
    text = message.text()
    return tree.fromstring(text[text.index("?>") + 2:])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_registers_answers_and_leaves(transport):
    with Platform(transport == "tcp") as platform, Camera(platform.port, "34020000001180000001", "12345678", "-t", transport, "-c", 7, "-k", "1s") as camera:
        row = camera.wait("registered", status=200)
        assert row["number"] == 3600 and row["device"] == camera.id
        assert platform.next("REGISTER")["Expires"] == "3600"
        assert b"<Status>OK</Status>" in platform.keepalives.get(timeout=WAIT_S).body
        camera.wait("alive", status=200)
        sn = platform.ask(camera.id, QUERY % ("Catalog", ""))
        assert platform.next().status == 200
        ids, total = [], 7
        while len(ids) < total:
            root = root_of(platform.next("MESSAGE"))
            assert (root.tag, root.findtext("SN"), root.findtext("SumNum")) == ("Response", str(sn), str(total))
            ids += [item.findtext("DeviceID") for item in root.iter("Item")]
        assert len(set(ids)) == total and all(one[10:13] == "131" for one in ids)
        assert root.find(".//Item/Name").text.startswith("摄像机")
        assert camera.wait("asked")["body"]["command"] == "Catalog"
        assert camera.wait("answered", text="Catalog")["number"] == (4 if transport == "udp" else 1)
        assert camera.end() == 0
        assert platform.next("REGISTER")["Expires"] == "0"
        assert camera.wait("left")["status"] == 200


def test_orders_are_told_and_obeyed():
    with Platform() as platform, Camera(platform.port) as camera:
        camera.wait("registered")
        platform.ask(camera.id, CONTROL % "<GuardCmd>SetGuard</GuardCmd>")
        assert root_of(platform.next("MESSAGE")).findtext("Result") == "OK"
        assert camera.wait("ordered")["body"]["guard"] == "SetGuard"
        platform.ask(camera.id, QUERY % ("DeviceStatus", ""))
        assert root_of(platform.next("MESSAGE")).findtext(".//DutyStatus") == "ONDUTY"


def test_keys_and_subscriptions():
    with Platform() as platform, Camera(platform.port) as camera:
        camera.wait("registered")
        camera.type("alarm fire in hall 3")
        alarm = root_of(platform.next("MESSAGE"))
        assert (alarm.findtext("CmdType"), alarm.findtext("AlarmDescription")) == ("Alarm", "fire in hall 3")
        camera.wait("notified", text="Alarm", status=200)
        platform.ask(camera.id, QUERY % ("MobilePosition", "<Interval>1</Interval>"), "SUBSCRIBE", Event="presence", Expires="60")
        assert camera.wait("subscribed", text="MobilePosition")["number"] == 60
        for _ in range(2):
            notify = platform.next("NOTIFY")
            assert notify["Event"] == "presence" and notify["Subscription-State"].startswith("active;expires=")
            assert float(root_of(notify).findtext("Longitude")) > 100
        camera.type("fault")
        while b"<Status>ERROR</Status>" not in platform.keepalives.get(timeout=WAIT_S).body:
            pass  # the first of its own comes at any moment of the interval, also before the fault
        camera.type("what")
        camera.wait("keys")


def test_a_wrong_password_ends_it():
    with Platform(password="other") as platform, Camera(platform.port) as camera:
        assert camera.wait("refused")["status"] == 403
        assert camera.process.wait(WAIT_S) == 1


def test_a_stubborn_one_tries_again():
    with Platform(password="other") as platform, Camera(platform.port, "34020000001320000001", "12345678", "--stubborn", "--retry", "100ms") as camera:
        camera.wait("refused", count=2)
        platform.password = "12345678"
        camera.wait("registered")
        assert camera.end(signal.SIGINT) == 0


def test_a_new_port_of_its_nat():
    with Platform() as platform, Camera(platform.port) as camera:
        camera.wait("registered")
        before = platform.peers[-1]
        camera.type("rebind", "keepalive")
        eventually(lambda: platform.peers[-1] != before)
        camera.wait("alive")


def test_nobody_answers_its_goodbye():
    platform = Platform()
    with Camera(platform.port) as camera:
        camera.wait("registered")
        platform.close()
        assert camera.end(signal.SIGTERM) == 1
        assert "left without an answer" in camera.process.stderr.read()


def test_a_lost_connection_is_made_again():
    with Platform(tcp=True) as platform, Camera(platform.port, "34020000001320000001", "12345678", "-t", "tcp") as camera:
        camera.wait("registered")
        platform.link.shutdown(socket.SHUT_RDWR)
        camera.wait("trouble", text="connection lost")
        camera.wait("registered", count=2)


def test_trace_masks_what_could_be_tried():
    with Platform() as platform, Camera(platform.port, "34020000001320000001", "12345678", "--trace") as camera:
        camera.wait("registered")
        assert camera.end() == 0
        text = camera.process.stderr.read()
        assert 'response=***' in text and "REGISTER sip:34020000002000000001@3402000000" in text


@pytest.mark.parametrize("arguments, text", [
    ([], "--server and --id are needed"),
    (["-s", "127.0.0.1", "-i", "3402"], "it has 20 digits"),
    (["-s", "127.0.0.1", "-i", "34020000001320000001", "-t", "sctp"], "--transport is 'sctp'"),
    (["-s", "127.0.0.1", "-i", "34020000001320000001", "-k", "1ms"], "from 1000 to 3600000 ms"),
    (["-s", "127.0.0.1", "-i", "34020000001320000001", "--password-env", "A", "--password-file", "B"], "two answers"),
])
def test_wrong_command_lines(arguments, text):
    import subprocess
    from lib.gateway import BINARY
    done = subprocess.run([str(BINARY), "gb-device", *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and text in done.stderr
