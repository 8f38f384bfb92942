"""Trust and configuration that change under load (LT-8 F16, F27; TLS-3, TLS-9): live connections stay unless they themselves are meant,
what is wrong is named and changes nothing."""
import shutil
import socket
import ssl
import time
from datetime import datetime, timedelta

import pytest

from lib.faults import P99_S, Pki, Witness, balanced
from lib.gateway import eventually
from lib.rawws import CLOSE, RawWs, Refused, close_payload
from test_faults_peers import main_listener


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.ca("old").ca("new").server("old").device("old", "load").device("old", "bad").device("old", "fine").device("new", "modern")
    return pki


@pytest.fixture
def pki(made, tmp_path):
    """A copy for this test, whose files may be changed."""
    shutil.copytree(made.folder, tmp_path / "pki")
    own = Pki(tmp_path / "pki")
    own.folder.joinpath("cas.pem").write_text(own.folder.joinpath("old.pem").read_text())
    own.folder.joinpath("deny").write_text("")
    crl(own, [])
    return own


def crl(pki, names):
    """A list by the old CA that revokes these."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    ca = x509.load_pem_x509_certificate((pki.folder / "old.pem").read_bytes())
    key = serialization.load_pem_private_key((pki.folder / "old.key").read_bytes(), None)
    now = datetime.utcnow()
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.subject).last_update(now - timedelta(hours=1)) \
        .next_update(now + timedelta(days=1))
    for name in names:
        cert = x509.load_pem_x509_certificate((pki.folder / f"{name}.pem").read_bytes())
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(cert.serial_number)
                                                  .revocation_date(now - timedelta(minutes=1)).build())
    (pki.folder / "crl.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def config(pki, **tls):
    return {"listeners": [main_listener(),
                          {"name": "tls", "address": "127.0.0.1", "port": 0, "roles": ["devices", "api"],
                           "tls": {"cert_file": pki.path("server.pem"), "key_file": pki.path("server.key"),
                                   "client_ca_file": pki.path("cas.pem"), "verify": "required",
                                   "deny_list_file": pki.path("deny"), "crl_file": pki.path("crl.pem"), **tls}}]}


def enter(gw, pki, name, context=None):
    return RawWs(gw.address("tls"), "/v1/connect", context=context or pki.context("old", name))


def alive(ws):
    ws.text('{"type":"ping"}')
    return "pong" in ws.recv_text()


def refused(gw, pki, name):
    with pytest.raises((ssl.SSLError, OSError, Refused)):
        enter(gw, pki, name).abort()
    return True


def load(gw, pki):
    return Witness(gw, "load", listener="tls", context=pki.context("old", "load"))


def server_serial(gw, pki):
    with socket.create_connection(gw.address("tls")) as raw, \
            pki.context("old", "fine").wrap_socket(raw, server_hostname="127.0.0.1") as sock:
        return sock.getpeercert()["serialNumber"]


def test_rotation_of_the_server_certificate_under_load(gateways, pki):
    gw = gateways(config(pki))
    with load(gw, pki) as witness, enter(gw, pki, "fine") as fine:
        seen = {server_serial(gw, pki)}
        for _ in range(5):
            pki.server("old")
            gw.reload()
            seen.add(eventually(lambda: server_serial(gw, pki) not in seen and server_serial(gw, pki)))
        assert len(seen) == 6, "each new handshake got the new one"
        (pki.folder / "server.key").write_text("no key")
        assert "server.key" in gw.reload()
        assert server_serial(gw, pki) in seen, "a bad file keeps the old set"
        assert alive(fine)
        assert witness.p99_s() < P99_S
    assert gw.metric("holdfast_disconnects_total", reason="tls_failed") == 0


def test_a_deny_list_entry_ends_the_live_session(gateways, pki):
    """Within a second of the reload, by fingerprint, with 4403; and the door stays shut, also for a resumption."""
    gw = gateways(config(pki))
    context = pki.context("old", "bad")
    with load(gw, pki) as witness, enter(gw, pki, "bad", context) as bad, enter(gw, pki, "fine") as fine:
        assert alive(bad)
        session = bad.sock.session
        (pki.folder / "deny").write_text("sha256 " + pki.fingerprint("bad") + "\n")
        gw.reload()
        begin = time.monotonic()
        assert bad.recv_close()[0] == 4403 and time.monotonic() - begin < 1.5
        bad.send(CLOSE, close_payload(4403))
        assert refused(gw, pki, "bad")
        resumed_is_refused(gw, context, session)
        assert alive(fine) and witness.p99_s() < P99_S
        event = gw.api().wait("offline,unknown", device="bad")
        assert event["reason"] == "revoked" and event["code"] == 4403
        (pki.folder / "deny").write_text("sha256 nonsense\n")
        said = gw.reload()
        assert "deny" in said and "1" in said, "file and line are named"
        assert refused(gw, pki, "bad"), "a bad list changes nothing"
        (pki.folder / "deny").write_text("")
        gw.reload()
        with enter(gw, pki, "bad") as again:
            assert alive(again), "taken off the list, let in again"


def resumed_is_refused(gw, context, session):
    """TLS 1.3: the client believes it is in until it reads."""
    with pytest.raises((ssl.SSLError, OSError, AssertionError)):
        with socket.create_connection(gw.address("tls"), 10) as raw:
            with context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as sock:
                sock.sendall(b"GET /v1/connect HTTP/1.1\r\nHost: x\r\n\r\n")
                assert sock.recv(1000), "closed"


def test_a_revocation_list_ends_the_live_session(gateways, pki):
    gw = gateways(config(pki))
    with load(gw, pki) as witness, enter(gw, pki, "bad") as bad, enter(gw, pki, "fine") as fine:
        crl(pki, ["bad"])
        gw.reload()
        begin = time.monotonic()
        assert bad.recv_close()[0] == 4403 and time.monotonic() - begin < 1.5
        assert refused(gw, pki, "bad")
        assert alive(fine) and witness.p99_s() < P99_S
        (pki.folder / "crl.pem").write_text("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
        assert "crl.pem" in gw.reload()
        assert refused(gw, pki, "bad"), "a broken list keeps the old one"


def test_a_ca_is_replaced_under_load(gateways, pki):
    """Old and new side by side, then the old one goes: its devices cannot come back, neither anew nor by resumption."""
    gw = gateways(config(pki))
    assert refused(gw, pki, "modern")
    cas = pki.folder / "cas.pem"
    context = pki.context("old", "fine")
    with load(gw, pki) as witness:
        with enter(gw, pki, "fine", context) as fine:
            assert alive(fine)
            session = fine.sock.session
        cas.write_text((pki.folder / "old.pem").read_text() + (pki.folder / "new.pem").read_text())
        gw.reload()
        with enter(gw, pki, "modern") as modern:
            assert alive(modern)
            assert witness.p99_s() < P99_S
            cas.write_text("rubbish")
            assert "cas.pem" in gw.reload()
            assert alive(modern) and not witness.failure
            witness.enough.set()
            witness.join(15)
            cas.write_text((pki.folder / "new.pem").read_text())
            crl_file_of_no_ca(gw, pki)
            assert alive(modern), "its CA is still there"
            eventually(lambda: refused(gw, pki, "fine"))
            resumed_is_refused(gw, context, session)
            with enter(gw, pki, "modern") as another:
                assert alive(another)


def crl_file_of_no_ca(gw, pki):
    """The list of revocations goes with its CA."""
    listeners = gw.config["listeners"]
    del listeners[1]["tls"]["crl_file"]
    gw.write_config({"listeners": listeners})
    said = gw.reload()
    assert "tls_rejected" not in said, said


# ---- F27 ----

def test_reloads_with_errors_under_load(gateways, pki):
    """All mistakes are named at once, nothing changes, nobody is dropped; then a good one is taken."""
    gw = gateways(config(pki))
    good = gw.config
    with load(gw, pki) as witness, gw.connect("plain") as plain:
        rows = [
            ({"websocket": {"mesage_bytes_max": 1, "write_timeout_ms": "soon"}}, ["message_bytes_max", "write_timeout_ms"]),
            ({"admission": {"connections_max": 0}}, ["connections_max"]),
            ({"tenants": [{"name": "acme", "jwt_keys": [{"kid": "k1", "alg": "HS256", "secret_file": "/nowhere"}]}, {"name": "umbrella"}]},
             ["/nowhere"]),
            ({"api": {"api_keys": [{"id": "abcdefgh", "tenant": "acme", "sha256": "z" * 64}]}}, ["sha256"]),
            ({"delivery": {"telemetry": "sometimes"}}, ["telemetry"]),
        ]
        for changes, named in rows * 3:
            gw.config = good
            gw.write_config(changes)
            said = gw.reload()
            assert "config_rejected" in said, said
            for name in named:
                assert name in said, (name, said)
            assert gw.connect("newcomer").close()[0] == 1000, "the old keys are still good"
            assert gw.api().get("/v1/devices?limit=1") is not None
        for text in ("}{", "", "\0\0\0", "a: &a [*a, *a]", "x" * 100000):
            gw.write_config(text=text)
            assert "config_rejected" in gw.reload()
        (gw.folder / "holdfast.yaml").unlink()
        assert "holdfast.yaml" in gw.reload()
        assert alive(plain)
        gw.config = good
        gw.write_config({"websocket": {"message_bytes_max": 4096}})
        assert "config_rejected" not in gw.reload()
        with gw.connect("newcomer") as ws:
            ws.text("x" * 5000)
            assert ws.recv_close()[0] == 1009
        assert alive(plain) and witness.p99_s() < P99_S
    assert gw.metric("holdfast_disconnects_total") <= 20
    balanced(gw)


def test_what_needs_a_restart_is_said(gateways):
    gw = gateways()
    gw.write_config({"node": {"workers": 1}})
    said = gw.reload()
    assert "node.workers" in said and "restart" in said
    assert gw.process.poll() is None
