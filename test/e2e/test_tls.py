"""TLS: device certificates made by the product's own tools, expired and revoked ones, renewal without dropping anybody."""
import json
import socket
import ssl
import subprocess

import pytest

from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S, Stopwatch
from lib.rawws import CLOSE, RawWs, Refused, close_payload, read_body, read_head


def gen(folder, *args):
    done = subprocess.run([str(BINARY), "gen", *args], cwd=folder, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki")
    gen(folder, "ca", "--out", "ca")
    gen(folder, "ca", "--out", "other")
    gen(folder, "cert", "--ca", "ca", "--server", "localhost", "--server", "127.0.0.1", "--out", "server")
    for name in ("good", "revoked", "listed"):
        gen(folder, "cert", "--ca", "ca", "--device", f"acme/{name}", "--out", name)
    gen(folder, "cert", "--ca", "other", "--device", "acme/stranger", "--out", "stranger")
    gen(folder, "cert", "--ca", "ca", "--device", "nobody/x", "--out", "unknown-tenant")
    expired(folder)
    return folder


def expired(folder):
    from datetime import datetime, timedelta
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    ca_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(ca.subject).public_key(key.public_key())
            .serial_number(77).not_valid_before(now - timedelta(days=9)).not_valid_after(now - timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:holdfast:acme:expired")]), True)
            .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), False)
            .sign(ca_key, hashes.SHA256()))
    (folder / "expired.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "expired.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                           serialization.NoEncryption()))


def context(pki, name=None, ca="ca"):
    made = ssl.create_default_context(cafile=str(pki / f"{ca}.pem"))
    if name:
        made.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
    return made


def config(pki, **tls):
    return {"listeners": [{"name": "main", "address": "127.0.0.1", "port": 0, "roles": ["devices", "api"]},
                          {"name": "tls", "address": "127.0.0.1", "port": 0, "roles": ["devices", "api"],
                           "tls": {"cert_file": str(pki / "server.pem"), "key_file": str(pki / "server.key"),
                                   "client_ca_file": str(pki / "ca.pem"), "verify": "required", **tls}}]}


@pytest.fixture(scope="module")
def tls_gw(shared_gateway, pki):
    return shared_gateway(config(pki))


def enter(gw, pki, name, **options):
    return RawWs(gw.address("tls"), "/v1/connect", context=context(pki, name), **options)


def test_a_certificate_is_an_identity(tls_gw, pki):
    with enter(tls_gw, pki, "good") as ws:
        assert ws.sock.version() == "TLSv1.3"
        ws.text('{"type":"data","id":1,"payload":1}')
        assert json.loads(ws.recv_text())["type"] == "ack"
        assert tls_gw.api().device("good")["live"]["tls"] is True
        assert ws.close()[0] == 1000
    assert tls_gw.api().wait("message", device="good")


def test_both_credentials_must_name_the_same_device(tls_gw, pki):
    with enter(tls_gw, pki, "good", headers={"Authorization": "Bearer " + tls_gw.token("good")}) as ws:
        assert ws.close()[0] == 1000
    with pytest.raises(Refused) as refused:
        enter(tls_gw, pki, "good", headers={"Authorization": "Bearer " + tls_gw.token("else")})
    assert refused.value.status == 403 and json.loads(refused.value.body)["reason"] == "identity_mismatch"


@pytest.mark.parametrize("name, cause", [("expired", "expired"), ("stranger", "untrusted"), (None, "missing")])
def test_certificates_that_are_none(tls_gw, pki, name, cause):
    """A TLS 1.3 client learns of its refusal only when it reads; the operator by what it was."""
    with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
        enter(tls_gw, pki, name)
    eventually(lambda: tls_gw.metric("holdfast_tls_client_certificates_refused_total", listener="tls", cause=cause) >= 1)
    words = {"expired": "it is no longer valid", "untrusted": "no CA of this listener issued it", "missing": "the client sent no certificate"}
    eventually(lambda: [line for line in tls_gw.log().splitlines() if "event=conn_error" in line and "reason=tls_failed" in line
                        and words[cause] in line and "peer=127.0.0.1:" in line])


def test_connect_says_what_a_closed_door_may_mean(tls_gw, pki):
    def connect(url, *args):
        return subprocess.run([str(BINARY), "connect", url, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S).stderr
    secure = tls_gw.url("tls").replace("https", "wss")
    assert "where it speaks TLS, write wss://" in connect(secure.replace("wss", "ws"), "--token", "a.b.c")
    assert "it may not take this certificate, or want one" in connect(secure, "--ca", str(pki / "ca.pem"), "--cert", str(pki / "stranger.pem"), "--key", str(pki / "stranger.key"))


def test_the_end_of_the_gateway_s_own_certificate_is_known(tls_gw, pki):
    enter(tls_gw, pki, "good").abort()
    expires = ssl.cert_time_to_seconds(ssl._ssl._test_decode_cert(str(pki / "server.pem"))["notAfter"])
    assert tls_gw.metric("holdfast_tls_certificate_expires_seconds", listener="tls") == expires
    assert tls_gw.metric("holdfast_tls_crl_next_update_seconds", listener="tls") == 0
    eventually(lambda: tls_gw.metric("holdfast_tls_full_handshakes_total", listener="tls") >= 1)


def test_a_certificate_of_an_unknown_tenant(tls_gw, pki):
    with pytest.raises(Refused) as refused:
        enter(tls_gw, pki, "unknown-tenant")
    assert refused.value.status == 401


def test_old_versions_are_refused(tls_gw, pki):
    made = context(pki, "good")
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        RawWs(tls_gw.address("tls"), "/v1/connect", context=made)


def test_the_product_s_own_client(tls_gw, pki):
    url = f"wss://127.0.0.1:{tls_gw.listener('tls')['port']}"
    done = subprocess.run([str(BINARY), "connect", url, "--ca", str(pki / "ca.pem"), "--cert", str(pki / "good.pem"),
                           "--key", str(pki / "good.key"), "--count", "1", "--json"], input='{"type":"ping"}\n',
                          capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0 and "pong" in done.stdout, done.stderr
    wrong = subprocess.run([str(BINARY), "connect", url, "--ca", str(pki / "other.pem"), "--cert", str(pki / "good.pem"),
                            "--key", str(pki / "good.key")], input="", capture_output=True, text=True, timeout=WAIT_S)
    assert wrong.returncode == 1 and "TLS_FAILED" in wrong.stderr


def fingerprint(pki, name):
    import hashlib
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert((pki / f"{name}.pem").read_text())).hexdigest()


def test_the_deny_list_closes_live_sessions_within_a_second(gateways, pki, tmp_path):
    deny = tmp_path / "deny"
    deny.write_text("# none yet\n")
    gw = gateways(config(pki, deny_list_file=str(deny)))
    with enter(gw, pki, "listed") as ws, enter(gw, pki, "good") as other:
        deny.write_text(f"sha256 {fingerprint(pki, 'listed')}\n")
        with Stopwatch() as watch:
            gw.reload()
            code, reason = ws.recv_close()
            assert code == 4403 and "revoked" in reason and watch.s() < 1.5
        ws.send(CLOSE, close_payload(4403))
        other.text('{"type":"ping"}')
        assert "pong" in other.recv_text()
        with pytest.raises((ssl.SSLError, OSError, Refused)):
            enter(gw, pki, "listed")


def test_each_listener_has_its_own_deny_list(gateways, pki, tmp_path):
    both = config(pki, deny_list_file=str(tmp_path / "deny"))
    (tmp_path / "deny").write_text(f"sha256 {fingerprint(pki, 'listed')}\n")
    (tmp_path / "deny2").write_text(f"sha256 {fingerprint(pki, 'revoked')}\n")
    second = {**both["listeners"][1], "name": "second", "roles": ["devices"]}
    second["tls"] = {**second["tls"], "deny_list_file": str(tmp_path / "deny2")}
    both["listeners"].append(second)
    gw = gateways(both)
    for _ in range(2):
        for name, listener in (("revoked", "tls"), ("listed", "second")):
            RawWs(gw.address(listener), "/v1/connect", context=context(pki, name)).abort()
        for name, listener in (("listed", "tls"), ("revoked", "second")):
            with pytest.raises((ssl.SSLError, OSError, Refused)):
                RawWs(gw.address(listener), "/v1/connect", context=context(pki, name))
        gw.reload()


def test_a_certificate_denied_between_handshake_and_hello(gateways, pki, tmp_path):
    """One that was good in the handshake, of a connection that has not asked for anything yet, and of a session that has not said HELLO."""
    deny = tmp_path / "deny"
    deny.write_text("")
    gw = gateways(config(pki, deny_list_file=str(deny)))
    with socket.create_connection(gw.address("tls")) as raw, \
            context(pki, "listed").wrap_socket(raw, server_hostname="127.0.0.1") as kept, \
            enter(gw, pki, "listed", protocols=["holdfast.v1.json"]) as session:
        kept.settimeout(WAIT_S)
        kept.sendall(b"GET /v1/nothing HTTP/1.1\r\nHost: h\r\n\r\n")
        status, headers, rest = read_head(kept)
        read_body(kept, headers, rest)
        assert status in (401, 404) and headers.get("connection") != "close"
        deny.write_text(f"sha256 {fingerprint(pki, 'listed')}\n")
        gw.reload()
        assert session.recv_close()[0] == 4403
        kept.sendall(b"GET /v1/connect HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
        status, headers, rest = read_head(kept)
        assert status == 403 and json.loads(read_body(kept, headers, rest))["reason"] == "revoked"
    assert eventually(lambda: [event["reason"] for event in gw.api().events(type="refused", device="listed")] == ["revoked"] * 2)


def test_certificates_are_renewed_without_dropping_anybody(gateways, pki, tmp_path):
    import shutil
    own = tmp_path / "own"
    own.mkdir()
    for name in ("server.pem", "server.key", "ca.pem", "ca.key"):
        shutil.copy(pki / name, own / name)
    gw = gateways(config(pki, cert_file=str(own / "server.pem"), key_file=str(own / "server.key")))

    def serial():
        made = context(pki, "good")
        with socket.create_connection(gw.address("tls")) as raw, made.wrap_socket(raw, server_hostname="localhost") as sock:
            return sock.getpeercert()["serialNumber"]

    before = serial()
    with enter(gw, pki, "good") as ws:
        gen(own, "cert", "--ca", "ca", "--server", "localhost", "--server", "127.0.0.1", "--out", "server", "--overwrite")
        gw.reload()
        eventually(lambda: serial() != before)
        renewed = serial()
        (own / "server.pem").write_text("no certificate")
        said = gw.reload()
        assert "server.pem" in said, said
        assert serial() == renewed, "a bad file keeps the old one"
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()


def test_a_stalled_handshake_costs_only_itself(gateways, pki):
    gw = gateways(config(pki))
    stalled = [socket.create_connection(gw.address("tls")) for _ in range(20)]
    with Stopwatch() as watch:
        with enter(gw, pki, "good") as ws:
            ws.text('{"type":"ping"}')
            assert "pong" in ws.recv_text() and watch.s() < 2
        for sock in stalled:  # and its own time is 10 s (TLS-4)
            sock.settimeout(WAIT_S)
            try:
                assert sock.recv(100) == b""
            except ConnectionResetError:
                pass
            sock.close()
        assert 9 < watch.s() + watch.stood_still_s() and watch.s() < 12
    eventually(lambda: gw.metric("holdfast_tls_handshakes_timed_out_total") == 20)
    eventually(lambda: 0 < gw.log().count("reason=tls_timeout") <= 20)  # lines are rationed


def test_garbage_instead_of_tls(tls_gw, pki):
    with socket.create_connection(tls_gw.address("tls"), 10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while sock.recv(100):
            pass
    with enter(tls_gw, pki, "good") as ws:
        assert ws.close()[0] == 1000
    eventually(lambda: tls_gw.metric("holdfast_tls_handshakes_failed_total") >= 1)


def test_handshakes_are_timed_by_region(gateways, pki):
    """TLS-10: quantiles of the last whole window of 10 s, for each region, whose table a reload exchanges."""
    gw = gateways({**config(pki), "regions": [{"name": "lab", "prefixes": ["127.0.0.0/8"]}, {"name": "far", "prefixes": ["192.0.2.0/24"]}]})

    def timed(region):
        enter(gw, pki, "good").abort()  # of the window that runs
        rows = gw.metrics()
        p999 = rows.get(("holdfast_tls_handshake_window_seconds", (("region", region), ("quantile", "0.999"))))
        return rows[("holdfast_tls_handshake_window_handshakes", (("region", region),))] and p999
    assert 0 < eventually(lambda: timed("lab"), timeout_s=25, every_s=0.5) < 10
    assert not timed("far") and not timed("other")
    gw.write_config({"regions": [{"name": "far", "prefixes": ["127.0.0.0/33"]}]})
    assert "regions.far.prefixes" in gw.reload()
    assert gw.metric("holdfast_tls_handshake_window_handshakes", region="lab") > 0, "the table before stays"
    gw.write_config({"regions": [{"name": "far", "prefixes": ["127.0.0.1"]}]})
    gw.reload()
    assert eventually(lambda: timed("far"), timeout_s=25, every_s=0.5)
    assert ("holdfast_tls_handshake_window_handshakes", (("region", "lab"),)) not in gw.metrics()
