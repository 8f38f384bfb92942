"""Behind load balancers: the PROXY protocol by hand, then nginx and haproxy with the shipped examples, scaled to a test's time."""
import json
import re
import shutil
import socket
import struct
from pathlib import Path

import pytest

from lib.gateway import eventually
from lib.ports import own_port
from lib.proxy import Proxy
from lib.rawws import PING, PONG, RawWs

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PROXIED = {"name": "proxied", "address": "127.0.0.1", "port": 0, "roles": ["devices", "api"], "proxy_protocol": "v1v2",
           "proxy_allow": ["127.0.0.1/32"]}
SOON = {"heartbeat": {"idle_ms": 1000, "repeat_ms": 500, "dead_ms": 10000}}


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway({**SOON, "listeners": [{"name": "main", "address": "127.0.0.1", "port": 0,
                                                  "roles": ["devices", "api"]}, PROXIED]})


def v2(family, addresses, command=1):
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20 | command, family]) + struct.pack(">H", len(addresses)) + addresses


V4 = socket.inet_aton("203.0.113.9") + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 40000, 443)
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") * 2 + struct.pack(">HH", 40000, 443)


@pytest.mark.parametrize("header,peer", [
    (b"PROXY TCP4 203.0.113.9 127.0.0.1 40000 443\r\n", "203.0.113.9:40000"),
    (b"PROXY TCP6 2001:db8::9 2001:db8::1 40000 443\r\n", "[2001:db8::9]:40000"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1:"),
    (v2(0x11, V4), "203.0.113.9:40000"),
    (v2(0x21, V6), "[2001:db8::9]:40000"),
    (v2(0x11, V4 + b"\x04\x00\x02hi"), "203.0.113.9:40000"),
    (v2(0x00, b"", command=0), "127.0.0.1:"),
])
def test_the_real_peer_is_known(gw, header, peer):
    with gw.connect("proxied", listener="proxied", before=header):
        assert gw.api().device("proxied")["live"]["peer"].startswith(peer)


@pytest.mark.parametrize("header", [b"", b"PROXY TCP4 nonsense\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n",
                                    v2(0x11, V4[:8]), b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x00", b"PROXY " + b"x" * 200])
def test_without_a_good_header_nobody_gets_in(gw, header):
    with pytest.raises(Exception) as error:
        gw.connect("proxied", listener="proxied", before=header)
    assert not isinstance(error.value, AssertionError)


def test_who_may_not_send_one(gateways):
    gw = gateways({"listeners": [{"name": "main", "address": "127.0.0.1", "port": 0, "roles": ["devices", "api"]},
                                 {**PROXIED, "proxy_allow": ["192.0.2.0/24"]}]})
    with pytest.raises(Exception):
        gw.connect("liar", listener="proxied", before=b"PROXY TCP4 203.0.113.9 127.0.0.1 40000 443\r\n")


# ---- real proxies ----

def nginx(gw, folder, name, listener):
    """An example of deploy/ without its TLS, on our ports, with its 300 s as 6 s."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    port = own_port()
    text = (DEPLOY / name).read_text()
    text = re.sub(r"listen 443 ssl(.*);", rf"listen 127.0.0.1:{port}\1;", text)
    text = re.sub(r"^\s*ssl_.*;$", "", text, flags=re.M)
    text = text.replace("127.0.0.1:8080", "%s:%d" % gw.address(listener)).replace("300s", "6s")
    text = re.sub(r"access_log [^;]*;", f"access_log {folder}/access.log holdfast;", text)
    text = f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n" + re.sub(r"worker_rlimit_nofile.*", "", text)
    (folder / "nginx.conf").write_text(text)
    (folder / "modules").symlink_to("/usr/share/nginx/modules")  # the paths in modules-enabled are relative to the prefix
    return Proxy(["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(folder / "nginx.conf")], port)


def haproxy(gw, folder, name, listener):
    if not shutil.which("haproxy"):
        pytest.skip("haproxy is not installed")
    port = own_port()
    text = (DEPLOY / name).read_text()
    text = re.sub(r"bind :443.*", f"bind 127.0.0.1:{port}", text)
    text = text.replace("127.0.0.1:8080", "%s:%d" % gw.address(listener)).replace("300s", "6s")
    text = text.replace("port 6060", f"port {gw.listener('admin')['port']}").replace("maxconn 100000", "maxconn 1000")
    (folder / "haproxy.cfg").write_text(text)
    return Proxy(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], port)


PROXIES = {
    "nginx": (nginx, "nginx.conf", "main"),
    "nginx-proxy-protocol": (nginx, "nginx-proxy-protocol.conf", "proxied"),
    "haproxy": (haproxy, "haproxy.cfg", "main"),
    "haproxy-proxy-protocol": (haproxy, "haproxy-proxy-protocol.cfg", "proxied"),
}


@pytest.fixture(params=PROXIES)
def proxy(request, gw, tmp_path):
    make, file, listener = PROXIES[request.param]
    made = make(gw, tmp_path, file, listener)
    made.name = request.param
    yield made
    made.end()


def through(proxy, gw, device, **options):
    def attempt():  # haproxy may still be waiting for its first health check
        try:
            return RawWs(("127.0.0.1", proxy.port), f"/v1/connect/{device}",
                         {"Authorization": "Bearer " + gw.token(device)}, **options)
        except Exception as error:
            raise AssertionError(str(error)) from error
    return eventually(attempt, every_s=0.1)


def test_the_peer_is_the_device_or_the_proxy(proxy, gw):
    """With the PROXY protocol the gateway knows the device's own address and port, without it the proxy's."""
    with through(proxy, gw, "addressed", source=("127.0.0.77", 0)) as ws:
        own = "%s:%d" % ws.sock.getsockname()
        peer = gw.api().device("addressed")["live"]["peer"]
        if proxy.name.endswith("proxy-protocol"):
            assert peer == own
        else:
            assert peer.startswith("127.0.0.1:") and peer != own


def test_a_silent_device_behind_a_proxy_stays(proxy, gw):
    """90 s of silence against 60 s cutters, scaled by 15: the gateway's Pings keep the path open and the device in."""
    device = f"behind-{proxy.name}"
    with through(proxy, gw, device) as ws:
        for _ in range(7):  # longer than the proxy's timeout of 6 s
            opcode, payload = ws.recv(answer_pings=False)
            assert opcode == PING
            ws.send(PONG, payload)
        ws.text('{"type":"data","id":1,"payload":{"still":"here"}}')
        assert json.loads(ws.recv_text())["type"] == "ack"
        gw.api().send(device, {"to": "you"})
        assert json.loads(ws.recv_text()) == {"to": "you"}
        assert ws.close()[0] == 1000
    gw.api().wait("offline", device=device)
    events = gw.api().events(device=device)
    assert [e["type"] for e in events if e["type"] in ("online", "offline", "unknown")] == ["online", "offline"]


def test_the_api_behind_a_proxy(proxy, gw):
    through(proxy, gw, "warm").close()
    base = f"http://127.0.0.1:{proxy.port}"
    assert gw.api().do("GET", "/v1/devices?limit=1", base=base).status == 200
    refused = gw.api("wrong").do("GET", "/v1/devices", base=base)
    assert refused.status == 401 and refused.reason == "credentials_invalid"
