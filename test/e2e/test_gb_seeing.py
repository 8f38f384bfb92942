"""What one sees of cameras, and that registrations outlive the gateway."""
import contextlib
import hashlib
import os
import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from lib import sip
from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S

KEEPALIVE = ('<?xml version="1.0" encoding="GB2312"?>\r\n<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>{}</DeviceID>'
             "<Status>OK</Status></Notify>")


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def credentials(answer, device, password):
    """The Authorization for a REGISTER after this 401."""
    realm, nonce = (re.search(f'{name}="([^"]*)"', answer).group(1) for name in ("realm", "nonce"))
    uri, nc, cnonce = f"sip:{sip.SERVER_ID}@{sip.REALM}", "00000001", "0a4f113b"
    ha1, ha2 = md5(f"{device}:{realm}:{password}"), md5(f"REGISTER:{uri}")
    response = md5(f"{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}")
    return (f'Authorization: Digest username="{device}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", '
            f'algorithm=MD5, cnonce="{cnonce}", qop=auth, nc={nc}\r\n')


class Camera:
    """One device on one socket that stays while gateways come and go."""

    def __init__(self, device, password=sip.ENV["GB_PASSWORD"]):
        self.device, self.password, self.cseq = device, password, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)

    def ask(self, port, method, body="", more=""):
        """Sent again until it is answered, as a device does; its status and the answer. Requests of the gateway are answered 200 meanwhile."""
        self.cseq += 1
        text = sip.request(method, self.device, self.cseq, body, more, call="see")
        for _ in range(20):
            self.socket.sendto(text, ("127.0.0.1", port))
            try:
                while True:
                    answer = self.socket.recv(65536).decode()
                    if answer.startswith("SIP/2.0 ") and f"CSeq: {self.cseq} " in answer:
                        return int(answer.split()[1]), answer
            except (TimeoutError, ConnectionRefusedError):
                pass
        raise AssertionError(f"{method} was not answered")

    def register(self, port, expires=3600, more=""):
        status, answer = self.ask(port, "REGISTER", more=f"{more}Expires: {expires}\r\n")
        assert status == 401
        return self.ask(port, "REGISTER", more=f"Expires: {expires}\r\n{credentials(answer, self.device, self.password)}")[0]

    def keepalive(self, port):
        return self.ask(port, "MESSAGE", KEEPALIVE.format(self.device), "Content-Type: Application/MANSCDP+xml\r\n")[0]

    @contextlib.contextmanager
    def answering(self):
        """Every request of the gateway gets its 200 meanwhile, and nothing else."""
        over = threading.Event()

        def run():
            while not over.is_set():
                try:
                    text, peer = self.socket.recvfrom(65536)
                except (TimeoutError, ConnectionRefusedError):
                    continue
                lines = text.decode("utf-8", "replace").split("\r\n")
                if not lines[0].startswith("SIP/2.0 "):
                    kept = [line for line in lines if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
                    kept = [line + ";tag=cam" if line.startswith("To:") and "tag=" not in line else line for line in kept]
                    self.socket.sendto("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]).encode(), peer)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def close(self):
        self.socket.close()


def explain(gw, *args):
    done = subprocess.run([str(BINARY), "explain", *args], capture_output=True, text=True, timeout=WAIT_S,
                          env={**os.environ, "HOLDFAST_URL": gw.url(), "HOLDFAST_API_KEY": gw.keys["admin"]})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def camera():
    made = []

    def make(n, **options):
        made.append(Camera(sip.device_id(n), **options))
        return made[-1]
    yield make
    for one in made:
        one.close()


def test_the_last_messages_of_a_camera(gateways, camera):
    gw = gateways(sip.cameras(), env=sip.ENV)
    api, port = gw.api(), sip.port(gw)
    one, stranger = camera(1), camera(2, password="wrong")
    assert one.register(port) == 200
    for _ in range(3):
        assert one.keepalive(port) == 200
    said = api.get(f"/v1/devices/{one.device}/sip")
    assert said["device"] == one.device
    lines = [(m["direction"], m["first_line"].split(" sip:")[0], m.get("count", 1)) for m in said["messages"]]
    assert lines[:2] == [("out", "SIP/2.0 200 OK", 3), ("in", "MESSAGE", 3)]
    assert lines[-4:] == [("out", "SIP/2.0 200 OK", 1), ("in", "REGISTER", 1), ("out", "SIP/2.0 401 Unauthorized", 1), ("in", "REGISTER", 1)]
    newest = said["messages"][0]
    assert newest["transport"] == "udp" and newest["peer"] == "127.0.0.1:%d" % one.socket.getsockname()[1]
    with_credentials = said["messages"][-3]["text"]
    assert "response=***" in with_credentials and f'username="{one.device}"' in with_credentials
    assert len(api.get(f"/v1/devices/{one.device}/sip?limit=2")["messages"]) == 2
    # Who never got in can be looked at, too.
    assert stranger.register(port) == 403
    assert "403" in api.get(f"/v1/devices/{stranger.device}/sip?limit=1")["messages"][0]["first_line"]
    assert api.do("GET", "/v1/devices/nobody/sip").status == 404
    assert "was never let in" in explain(gw, stranger.device) and "SIP/2.0 403" in explain(gw, stranger.device)
    assert "response=***" in explain(gw, "--sip", stranger.device)
    story = explain(gw, one.device)
    assert "the last SIP messages" in story and "401 Unauthorized" in story and "(3 times)" in story
    assert "response=***" in explain(gw, "--sip", one.device)
    eventually(lambda: gw.metric("holdfast_sip_traced_added_total") > 8)


@pytest.mark.parametrize("planned", [False, True])
def test_registrations_outlive_the_gateway(gateways, camera, planned):
    gw = gateways(sip.cameras(), env=sip.ENV, lasting=True)
    port = sip.port(gw)
    one = camera(3)
    assert one.register(port) == 200
    assert one.keepalive(port) == 200
    gw.api().wait("camera.bound", device=one.device)
    epoch = gw.api().device(one.device)["epoch"]
    if planned:
        gw.stop()
    else:
        gw.kill()
    gw.start(sip.ENV)
    api = gw.api()
    eventually(lambda: gw.metric("holdfast_gb_restored_total") == 1)
    assert api.device(one.device)["state"] == "unknown"
    assert one.keepalive(port) == 200  # no 403, no REGISTER
    eventually(lambda: api.device(one.device)["state"] == "online")
    assert api.device(one.device)["epoch"] == epoch
    assert not api.events(type="offline", device=one.device)
    assert gw.metric("holdfast_gb_registered_total") == 0


def test_the_health_of_a_link(gateways, camera):
    gw = gateways(sip.cameras(), env=sip.ENV)
    api, port = gw.api(), sip.port(gw)
    one = camera(4)
    assert one.register(port) == 200
    with one.answering():
        for _ in range(6):
            api.post(f"/v1/devices/{one.device}/commands", {"name": "PTZCmd", "payload": "A50F010000000066", "wait_ms": 5000})
        health = eventually(lambda: (h := api.get(f"/v1/cameras/{one.device}")["gb28181"].get("health")) and "score" in h and h)
    assert health["level"] == "normal" and health["requests"] >= 6 and health["timed_out"] == 0
    eventually(lambda: gw.metric("holdfast_gb_links", level="normal") == 1)


def test_a_silent_camera_is_asked(gateways, camera):
    gw = gateways(sip.cameras(keepalive_ms="5s"), env=sip.ENV)
    api, port = gw.api(), sip.port(gw)
    one = camera(5)
    assert one.register(port) == 200
    eventually(lambda: api.device(one.device)["state"] == "unknown")
    with one.answering():  # it has no more to say than that it is there
        eventually(lambda: api.device(one.device)["state"] == "online")
    eventually(lambda: gw.metric("holdfast_gb_heals_answered_total") >= 1)
    assert not api.events(type="offline", device=one.device)


def test_makes_have_profiles(gateways, camera):
    gw = gateways(sip.cameras(quirks=[{"name": "old", "user_agent": "nvr-2011*", "no_qop": True, "date": False}]), env=sip.ENV)
    port = sip.port(gw)
    one, other = camera(6), camera(7)
    status, answer = one.ask(port, "REGISTER", more="User-Agent: NVR-2011 v3\r\nExpires: 60\r\n")
    assert status == 401 and "qop" not in answer
    status, answer = other.ask(port, "REGISTER", more="User-Agent: NVR-2022\r\nExpires: 60\r\n")
    assert status == 401 and "qop=" in answer
    gw.write_config({"gb28181": {"quirks": [{"name": "new", "user_agent": "NVR-2022", "no_qop": True}]}})
    gw.reload()
    eventually(lambda: "qop" not in other.ask(port, "REGISTER", more="User-Agent: NVR-2022\r\nExpires: 60\r\n")[1])


def test_the_example_of_profiles_is_right():
    rest = ("tenants.0.name=acme", "gb28181.enabled=true", f"gb28181.server_id={sip.SERVER_ID}", "gb28181.listeners.0.port=0",
            "gb28181.password_env=GB_PASSWORD")
    done = subprocess.run([str(BINARY), "check-config", "--config", str(Path(__file__).parents[2] / "deploy/gb28181-quirks.yaml"),
                           *(word for one in rest for word in ("--set", one))],
                          env={**os.environ, **sip.ENV}, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr


def test_traces_take_what_they_were_given(gateways, camera):
    """64 KiB for each of two workers: the newest messages are there, the oldest are not, and the size is what /metrics says."""
    gw = gateways(sip.cameras(trace_bytes_max="64KiB"), env=sip.ENV)
    api, port = gw.api(), sip.port(gw)
    one = camera(5)
    for _ in range(60):
        while one.register(port) != 200:  # two nonces of one millisecond: the second is as good as used, and the device is asked again
            pass
    messages = eventually(lambda: (rows := api.get(f"/v1/devices/{one.device}/sip")["messages"]) and rows)
    assert messages[0]["first_line"].startswith("SIP/2.0 200") and 20 < len(messages) <= 64
    eventually(lambda: gw.metric("holdfast_sip_trace_bytes_max") == 2 * 65536)
    eventually(lambda: gw.metric("holdfast_sip_traced_overwritten_total") > 60)
