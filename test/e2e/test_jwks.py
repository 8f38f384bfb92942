"""Keys of tokens that come by URL: rotation without a restart, and servers that are away, slow, or talk nonsense."""
import http.server
import json
import ssl
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lib.gateway import BINARY, eventually
from lib.rawws import RawWs, Refused
from lib.tokens import b64

UNKNOWN_KID_S = 30  # between two fetches for kids that no key has


class Key:
    def __init__(self, kid):
        self.kid, self.private = kid, Ed25519PrivateKey.generate()

    def jwk(self):
        point = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.kid, "x": b64(point)}

    def token(self, device):
        head, body = {"alg": "EdDSA", "kid": self.kid}, {"sub": device, "exp": int(time.time()) + 3600}
        signed = b64(json.dumps(head).encode()) + "." + b64(json.dumps(body).encode())
        return signed + "." + b64(self.private.sign(signed.encode()))


def key_set(*keys):
    return json.dumps({"keys": [key.jwk() for key in keys]}).encode()


class Server:
    """Answers each path with what stands in `answers`: bytes, or a function of the handler. `asked` has the times."""

    def __init__(self, certificate=None):
        self.answers, self.asked = {}, {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.setdefault(self.path, []).append(time.monotonic())
                answer = outer.answers.get(self.path)
                if callable(answer):
                    return answer(self)
                self.send_response(200 if answer is not None else 404)
                self.send_header("Content-Length", str(len(answer or b"")))
                self.end_headers()
                self.wfile.write(answer or b"")

            def log_message(self, *arguments):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # a client that hangs up is what some tests are about

        self.http = Quiet(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https" if certificate else "http"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def url(self, path, host="127.0.0.1"):
        return f"{self.scheme}://{host}:{self.http.server_address[1]}{path}"

    def count(self, path):
        return len(self.asked.get(path, ()))

    def end(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.end()


def tenants(**urls):
    return {"tenants": [{"name": name, "jwt_keys": [{"jwks_url": url} if isinstance(url, str) else url]} for name, url in urls.items()],
            "api": {"api_keys": []}}


def answer(gw, token, device):
    """"in", or the reason."""
    try:
        with RawWs(gw.address(), f"/v1/connect/{device}", {"Authorization": "Bearer " + token}) as ws:
            ws.close()
        return "in"
    except Refused as refused:
        problem = json.loads(refused.body)
        if problem["reason"] == "try_later":
            assert refused.status == 503 and int(refused.headers["retry-after"]) > 0
        return problem["reason"]


def let_in(gw, key, device):
    eventually(lambda: answer(gw, key.token(device), device) == "in")


def fetched(gw, tenant):
    return gw.metric("holdfast_jwks_fetches_total", tenant=tenant)


def failed(gw, tenant):
    return gw.metric("holdfast_jwks_fetches_failed_total", tenant=tenant)


def test_keys_rotate_and_a_flood_of_unknown_kids_is_one_fetch(gateways, server):
    one, two, never = Key("one"), Key("two"), Key("never")
    server.answers["/acme"] = key_set(one)
    gw = gateways(tenants(acme=server.url("/acme")))
    eventually(lambda: fetched(gw, "acme") == 1)
    let_in(gw, one, "a")
    assert server.count("/acme") == 1

    with ThreadPoolExecutor(8) as pool:  # the set is seconds old: nobody is fetched for, and the answer is final
        reasons = set(pool.map(lambda i: answer(gw, never.token(f"d{i}"), f"d{i}"), range(200)))
    assert reasons == {"credentials_invalid"} and server.count("/acme") == 1
    eventually(lambda: gw.metric("holdfast_jwks_unknown_kids_unfetched_total", tenant="acme") == 200)

    server.answers["/acme"] = key_set(two)
    with RawWs(gw.address(), "/v1/connect/stays", {"Authorization": "Bearer " + one.token("stays")}) as stays:
        seen = set()

        def is_in():
            seen.add(answer(gw, two.token("b"), "b"))
            return "in" in seen

        eventually(is_in, every_s=0.2)
        assert "try_later" in seen, "who made it be fetched is told to come back"
        first, second = server.asked["/acme"]
        assert second - first >= UNKNOWN_KID_S - 0.5
        assert answer(gw, one.token("a"), "a") == "credentials_invalid", "what is no longer in the set is no longer good"
        assert stays.close()[0] == 1000
    assert server.count("/acme") == 2 and gw.stop() == 0


def test_servers_that_fail_cost_only_their_tenant(gateways, server):
    good, late, garbage, slow = (Key(kid) for kid in ("good", "late", "garbage", "slow"))
    hold = threading.Event()

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        while not hold.wait(0.2):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1 << 12):
            handler.wfile.write(b" " * 65536)

    def elsewhere(handler):
        handler.send_response(302)
        handler.send_header("Location", server.url("/good"))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers.update({"/good": key_set(good), "/garbage": b"<html>no</html>", "/none": b'{"keys":[]}', "/huge": b" " * 65536 + key_set(good),
                           "/endless": endless, "/drip": drip, "/elsewhere": elsewhere})
    names = ["good", "garbage", "none", "huge", "endless", "drip", "elsewhere", "late"]
    gw = gateways(tenants(**{name: server.url("/" + name) for name in names}))
    let_in(gw, good, "a")  # long before the slow one is given up
    for name in names[1:]:
        eventually(lambda name=name: failed(gw, name) == 1)
        assert gw.metric("holdfast_jwks_age_seconds", tenant=name) == -1
    assert fetched(gw, "good") == 1 and gw.metric("holdfast_jwks_keys", tenant="good") == 1
    eventually(lambda: gw.log().count("event=jwks_failed") == 7)
    log = gw.log()
    for cause in ("not a JWKS", "no usable key", "larger than 65536 bytes", "no whole answer within 5000 ms", "answers 302; redirects are not followed",
                  "answers 404"):
        assert cause in log, cause
    assert answer(gw, late.token("l"), "l") == "try_later", "while a set cannot be had nobody is told that the kid is wrong"

    before = {name: server.count("/" + name) for name in names}
    server.answers["/late"] = key_set(late)      # up now
    server.answers["/good"] = b"out of order"    # and down
    eventually(lambda: answer(gw, late.token("l"), "l") == "in", every_s=0.2)
    eventually(lambda: failed(gw, "good") == 1)
    let_in(gw, good, "a")  # the last good set is kept
    assert all(server.count("/" + name) == before[name] + 1 for name in names)
    eventually(lambda: failed(gw, "drip") == 2)
    assert gw.log().count("event=jwks_failed") == 8, "the same cause again is not said again"
    hold.set()


def test_a_url_that_is_taken_out_takes_its_keys_along_and_keys_of_others_are_not_taken_over(gateways, server):
    mine, other = Key("mine"), Key("other")
    thief = Key("mine")
    server.answers.update({"/acme": key_set(mine), "/umbrella": key_set(thief, other)})
    gw = gateways(tenants(acme=server.url("/acme"), umbrella=server.url("/umbrella")))
    let_in(gw, mine, "a")
    let_in(gw, other, "b")
    eventually(lambda: answer(gw, thief.token("a"), "a") == "credentials_invalid")
    gw.write_config(tenants(acme=gw.jwt_row("k1"), umbrella=server.url("/umbrella")))
    gw.reload()
    eventually(lambda: answer(gw, mine.token("a"), "a") == "credentials_invalid")
    let_in(gw, thief, "a")  # nobody else's any more
    let_in(gw, other, "b")
    assert gw.metric("holdfast_jwks_keys", tenant="acme") == 0
    assert server.count("/acme") == server.count("/umbrella") == 1, "what stays is not fetched anew"


def test_a_reload_and_a_stop_end_what_is_being_fetched(gateways, server):
    gone, key = threading.Event(), Key("k")

    def silence(handler):
        while handler.rfile.read(1):
            pass
        gone.set()

    server.answers.update({"/silent": silence, "/other": silence, "/good": key_set(key)})
    gw = gateways(tenants(acme=server.url("/silent"), umbrella=server.url("/good")))
    eventually(lambda: server.count("/silent") == 1)
    gw.write_config(tenants(acme=server.url("/other"), umbrella=server.url("/good")))
    gw.reload()
    assert gone.wait(4), "not after the 5 s that a fetch may take"
    let_in(gw, key, "a")
    eventually(lambda: server.count("/other") == 1)
    gone.clear()
    assert gw.stop(timeout_s=4) == 0 and gone.wait(4)


def test_the_server_is_verified(gateways, tmp_path):
    for name in ("right", "wrong"):
        subprocess.run([BINARY, "gen", "ca", "--name", name, "--out", tmp_path / name], check=True, capture_output=True)
    subprocess.run([BINARY, "gen", "cert", "--ca", tmp_path / "right", "--server", "localhost", "--out", tmp_path / "server"], check=True,
                   capture_output=True)
    server, key = Server((tmp_path / "server.pem", tmp_path / "server.key")), Key("k")
    try:
        for path in ("/right", "/wrong", "/name", "/system"):
            server.answers[path] = key_set(key)
        gw = gateways(tenants(
            right={"jwks_url": server.url("/right", "localhost"), "jwks_ca_file": str(tmp_path / "right.pem")},
            wrong={"jwks_url": server.url("/wrong", "localhost"), "jwks_ca_file": str(tmp_path / "wrong.pem")},
            name={"jwks_url": server.url("/name", "127.0.0.1"), "jwks_ca_file": str(tmp_path / "right.pem")},
            system=server.url("/system", "localhost")))
        let_in(gw, key, "a")
        for name in ("wrong", "name", "system"):
            eventually(lambda name=name: failed(gw, name) == 1)
            assert server.count("/" + name) == 0, "nothing was asked of a server that is not the one"
    finally:
        server.end()


@pytest.mark.parametrize("row,error", [
    ({"jwks_url": "http://idp.example.com/jwks"}, "http is for loopback only"),
    ({"jwks_url": "ftp://127.0.0.1/jwks"}, "not an https URL"),
    ({"jwks_url": "file:///etc/passwd"}, "not a URL"),
    ({"jwks_url": "idp.example.com/jwks"}, "not a URL"),
    ({"jwks_url": "https://me:secret@idp.example.com/jwks"}, "a user in a URL"),
    ({"jwks_url": "https://idp.example.com/jwks", "jwks_file": "/dev/null"}, "exactly one of public_key_file, jwks_file, jwks_url"),
    ({"jwks_url": "https://idp.example.com/jwks", "alg": "HS256"}, "exactly one of secret_file, secret_env"),
    ({"jwks_url": "https://idp.example.com/jwks", "jwks_ca_file": "/nowhere.pem"}, "there is no file /nowhere.pem"),
    ({"jwks_ca_file": "/etc/hostname", "public_key_file": "/etc/hostname"}, "jwks_ca_file is for jwks_url"),
])
def test_what_check_config_says(gateways, row, error):
    gw = gateways(tenants(acme=row), start=False)
    done = subprocess.run([BINARY, "check-config", gw.write_config()], capture_output=True, text=True)
    assert done.returncode == 1 and error in done.stdout + done.stderr and "tenants.acme" in done.stdout + done.stderr


def test_more_urls_than_are_taken(gateways):
    gw = gateways(tenants(**{f"t{i}": f"https://idp.example.com/{i}" for i in range(65)}), start=False)
    done = subprocess.run([BINARY, "check-config", gw.write_config()], capture_output=True, text=True)
    assert done.returncode == 1 and "65 keys have a jwks_url; 64 are taken at most" in done.stdout + done.stderr
