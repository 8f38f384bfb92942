"""Trust and configuration that change under load (LT-8 F16, F27; TLS-3, TLS-9): live connections stay unless they themselves are meant,
what is wrong is named and changes nothing."""
import json
import shutil
import socket
import ssl
import subprocess
from datetime import datetime, timedelta

import pytest

from lib.faults import P99_S, Pki, Witness, balanced
from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S, Stopwatch
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
        with Stopwatch() as watch:
            assert bad.recv_close()[0] == 4403 and watch.s() < 1.5
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
        with Stopwatch() as watch:
            assert bad.recv_close()[0] == 4403 and watch.s() < 1.5
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
            witness.join(WAIT_S)
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


# ---- a dry run before that ----

DRY_RUN = "/v1/listeners/{}/client-ca/dry-run"


def dry_run(gw, body=b"", query="", listener="tls", key="operator", status=200):
    return gw.api(key).do("POST", DRY_RUN.format(listener) + query, body, status=status).json


def both_cas(pki):
    (pki.folder / "cas.pem").write_text((pki.folder / "old.pem").read_text() + (pki.folder / "new.pem").read_text())


def rows(gw, pki, names, cause):
    return sorted(({"tenant": "acme", "device": name, "connection": gw.api().device(name)["conn"],
                    "fingerprint": pki.fingerprint(name), "cause": cause} for name in names), key=lambda row: row["connection"])


def closed(ws):
    """4403 within a second and the time that it takes to look at them."""
    with Stopwatch() as watch:
        return ws.recv_close()[0] == 4403 and watch.s() < 2.5


def test_a_dry_run_names_those_whom_the_reload_cuts(gateways, pki):
    """Devices of two CAs: what a set without the old one would do is what it does."""
    both_cas(pki)
    gw = gateways(config(pki))
    old, new = ["load", "bad", "fine"], (pki.folder / "new.pem").read_bytes()
    live = {name: enter(gw, pki, name) for name in old + ["modern"]}
    assert all(alive(ws) for ws in live.values())
    found = dry_run(gw, new, "?crl=none")
    assert found == {"listener": "tls", "looked_at": 4, "cut": 3, "causes": {"untrusted": 3}, "sessions": rows(gw, pki, old, "untrusted")}
    pages, query = [], "?crl=none&limit=1"
    while query:
        page = dry_run(gw, new, query)
        assert ("cut" in page) == (not pages) and len(page["sessions"]) == 1, "counted once, with the first page"
        pages += page["sessions"]
        query = f"?crl=none&limit=1&cursor={page['next_cursor']}" if "next_cursor" in page else ""
    assert pages == found["sessions"]
    assert dry_run(gw)["cut"] == 0, "the files as they are"
    assert all(alive(ws) for ws in live.values()), "nothing has changed"
    (pki.folder / "cas.pem").write_bytes(new)
    live["modern"].text('{"type":"ping"}')
    crl_file_of_no_ca(gw, pki)
    assert dry_run(gw)["cut"] <= 3, "asked while they are being closed"
    assert all(closed(live[name]) for name in old)
    assert "pong" in live["modern"].recv_text() and alive(live["modern"])
    event = gw.api().wait("offline,unknown", device="fine")
    assert event["reason"] == "revoked" and event["code"] == 4403
    assert all(refused(gw, pki, name) for name in old)
    assert eventually(lambda: dry_run(gw)["looked_at"] == 1)


def test_a_dry_run_takes_revocation_lists(gateways, pki):
    both_cas(pki)
    gw = gateways(config(pki))
    with enter(gw, pki, "bad") as bad, enter(gw, pki, "fine") as fine:
        in_force = (pki.folder / "crl.pem").read_bytes()
        crl(pki, ["bad"])
        wanted = rows(gw, pki, ["bad"], "revoked")
        assert dry_run(gw)["sessions"] == wanted, "as the file lies there"
        given = (pki.folder / "crl.pem").read_bytes()
        (pki.folder / "crl.pem").write_bytes(in_force)
        assert dry_run(gw)["sessions"] == []
        assert dry_run(gw, given)["sessions"] == wanted, "alone"
        assert dry_run(gw, (pki.folder / "cas.pem").read_bytes() + given)["sessions"] == wanted, "with its CAs"
        assert dry_run(gw, given, "?crl=none")["sessions"] == []
        said = dry_run(gw, (pki.folder / "new.pem").read_bytes(), status=400)
        assert "crl.pem" in said["detail"] and "issuer" in said["detail"], "as a reload would refuse it"
        assert alive(bad) and alive(fine)


def test_a_dry_run_says_what_is_wrong(gateways, pki):
    gw = gateways(config(pki))
    pem = (pki.folder / "old.pem").read_bytes()
    for body, said in ((b"rubbish", "holds no certificate"), (pem[:300] + b"\n-----END CERTIFICATE-----\n", "certificate 1 is damaged"),
                       ((pki.folder / "fine.pem").read_bytes(), "is not a CA"), (pem + b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "no readable CRL")):
        problem = dry_run(gw, body, status=400)
        assert said in problem["detail"] and problem["field"] == "body", problem
    assert dry_run(gw, pem, listener="nowhere", status=404)["field"] == "listener"
    assert "no TLS" in dry_run(gw, pem, listener="main", status=400)["detail"]
    assert dry_run(gw, pem, key="admin", status=403)["reason"] == "forbidden", "of one tenant"
    (pki.folder / "cas.pem").unlink()
    assert "cas.pem" in dry_run(gw, status=400)["detail"]
    assert gw.api(None).do("POST", DRY_RUN.format("tls"), pem, base=gw.admin_url, status=200).json["cut"] == 0


def test_the_command_of_a_dry_run(gateways, pki):
    both_cas(pki)
    gw = gateways(config(pki))

    def check_ca(*args, status=0):
        done = subprocess.run([str(BINARY), "check-ca", "--url", gw.admin_url, *args], capture_output=True, text=True, timeout=60, cwd=pki.folder)
        assert done.returncode == status, done
        return done
    with enter(gw, pki, "bad"), enter(gw, pki, "fine"), enter(gw, pki, "modern"):
        secret = (pki.folder / "new.key").read_text()
        (pki.folder / "new-and-key.pem").write_text(secret + (pki.folder / "new.pem").read_text())
        done = check_ca("--no-crl", "--json", "--all", "--limit", "1", "tls", "new-and-key.pem")
        assert [json.loads(line) for line in done.stdout.splitlines()] == rows(gw, pki, ["bad", "fine"], "untrusted")
        assert done.stderr == "of 3 sessions with a client certificate 2 would be cut: untrusted 2\n"
        done = check_ca("--no-crl", "--limit", "1", "tls", "new.pem")
        head, row = done.stdout.splitlines()
        assert head.split()[:4] == ["TENANT", "DEVICE", "CONNECTION", "CAUSE"] and "untrusted" in row and "--all" in done.stderr
        assert check_ca("tls").stdout == ""
        crl(pki, ["fine"])
        subprocess.run(["openssl", "crl", "-in", "crl.pem", "-outform", "DER", "-out", "crl.der"], cwd=pki.folder, check=True)
        crl(pki, [])
        for name in ("crl.der", "crl.pem"):
            assert ("revoked" in check_ca("--crl", name, "tls").stdout) == (name == "crl.der")
    assert "'absent.pem'" in check_ca("tls", "absent.pem", status=1).stderr
    assert "'server.key' holds no certificate" in check_ca("tls", "server.key", status=1).stderr
    assert "holds no revocation list" in check_ca("--crl", "new.pem", "tls", status=1).stderr
    assert "no listener of this name" in check_ca("nowhere", "new.pem", status=1).stderr
    assert "name of a listener" in check_ca(status=2).stderr
    assert "one or the other" in check_ca("--no-crl", "--crl", "crl.pem", "tls", status=2).stderr


# ---- F27 ----

def test_reloads_with_errors_under_load(gateways, pki):
    """All mistakes are named at once, nothing changes, nobody is dropped; then a good one is taken."""
    gw = gateways(config(pki))
    good = gw.config
    with load(gw, pki) as witness, gw.connect("plain") as plain:
        mistakes = [
            ({"websocket": {"mesage_bytes_max": 1, "write_timeout_ms": "soon"}}, ["message_bytes_max", "write_timeout_ms"]),
            ({"admission": {"connections_max": 0}}, ["connections_max"]),
            ({"tenants": [{"name": "acme", "jwt_keys": [{"kid": "k1", "alg": "HS256", "secret_file": "/nowhere"}]}, {"name": "umbrella"}]},
             ["/nowhere"]),
            ({"api": {"api_keys": [{"id": "abcdefgh", "tenant": "acme", "sha256": "z" * 64}]}}, ["sha256"]),
            ({"delivery": {"telemetry": "sometimes"}}, ["telemetry"]),
        ]
        for changes, named in mistakes * 3:
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
