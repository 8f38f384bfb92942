"""Device certificates renewed over the live session (SEC-9, TLS-2; doc/protocol.md section 9, Certificate): requests made by openssl, the real gateway, certificates read by another library."""
import base64
import os
import shutil
import ssl
import subprocess
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lib.faults import Pki
from lib.gateway import eventually
from lib.rawws import CLOSE, Refused, close_payload
from lib.session import Device, Session
from lib.tokens import jwt
from test_client import Example, ws_url
from test_faults_peers import main_listener

DAY = timedelta(days=1)
EARLY, DUE = (-10 * DAY, 80 * DAY), (-70 * DAY, 20 * DAY)  # of 90 days: before and behind two thirds


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """acme-ca signs devices, and what stands on the gateway is an intermediate below it."""
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.ca("gateway-ca").server("gateway-ca").ca("acme-ca").ca("other-ca")
    pki.gen("ca", "--name", "renewal", "--parent", "acme-ca", "--out", "issuing")
    issue(pki, "acme", "early", *EARLY)
    for tenant, device in (("acme", "due"), ("acme", "again"), ("acme", "often"), ("acme", "gone"), ("umbrella", "foreign")):
        issue(pki, tenant, device, *DUE)
    return pki


@pytest.fixture
def pki(made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "pki")
    own = Pki(tmp_path / "pki")
    own.folder.joinpath("deny").write_text("")
    return own


def issue(pki, tenant, device, begin, end):
    """A certificate of any age, as `gen cert` makes none."""
    ca = x509.load_pem_x509_certificate((pki.folder / "acme-ca.pem").read_bytes())
    ca_key = serialization.load_pem_private_key((pki.folder / "acme-ca.key").read_bytes(), None)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)]))
            .issuer_name(ca.subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + begin).not_valid_after(now + end)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:holdfast:{tenant}:{device}")]), False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False)
            .sign(ca_key, hashes.SHA256()))
    (pki.folder / f"{device}.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (pki.folder / f"{device}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def csr(pki, name, kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"), subject="/CN=x", more=()):
    """A request by openssl, with a new key that stays with it."""
    subprocess.run(["openssl", "req", "-new", "-newkey", *kind, "-nodes", "-keyout", f"{name}.key", "-subj", subject, "-out",
                    f"{name}.csr", *more], cwd=pki.folder, check=True, capture_output=True)
    return (pki.folder / f"{name}.csr").read_text()


def utc_ms(when):
    return round((when - datetime(1970, 1, 1)).total_seconds() * 1000)


def forged(text):
    """The same request, with one bit of its signature turned."""
    der = bytearray(base64.b64decode("".join(text.splitlines()[1:-1])))
    der[-1] ^= 1
    return "-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(der).decode() + "-----END CERTIFICATE REQUEST-----\n"


def token(pki, device):
    return jwt((pki.folder / "k1.secret").read_bytes(), device)


def config(pki, **device_ca):
    (pki.folder / "k1.secret").write_text("0123456789abcdef0123456789abcdef")
    (pki.folder / "k1.secret").chmod(0o600)
    ca = {"cert_file": pki.path("issuing.pem"), "key_file": pki.path("issuing.key"), **device_ca}
    return {"listeners": [main_listener(),
                          {"name": "tls", "address": "127.0.0.1", "port": 0, "roles": ["devices"],
                           "tls": {"cert_file": pki.path("server.pem"), "key_file": pki.path("server.key"), "verify": "optional",
                                   "client_ca_file": pki.path("acme-ca.pem"), "deny_list_file": pki.path("deny")}}],
            "tenants": [{"name": "acme", "device_ca": ca, "jwt_keys": [{"kid": "k1", "alg": "HS256", "secret_file": pki.path("k1.secret")}]},
                        {"name": "umbrella"}]}


class Renewing(Session):
    def __init__(self, gw, pki, name, cert=None, form="binary", token="", **hello):
        super().__init__(gw, Device(name), form, listener="tls", token=token, context=pki.context("gateway-ca", cert))
        self.welcomed(capabilities=["heartbeat", "resume", "certificates"], **hello)
        self.requests = 0

    def ask(self, change):
        self.requests += 1
        self.send({"type": "patch", "request": self.requests, "document": "certificate", "kind": "full",
                   **({"change": change} if change is not None else {})})
        answer = self.recv("delta")
        assert answer["document"] == "certificate" and answer["kind"] == "full" and answer["request"] == self.requests, answer
        return answer

    def refused(self, change):
        answer = self.ask(change)
        return answer["reason"], answer["change"]["result"]

    def offer(self):
        offer = self.recv("delta")
        assert offer["document"] == "certificate" and not offer.get("request"), offer
        return offer["change"]


@pytest.mark.parametrize("form", ["binary", "json"])
def test_the_renewed_certificate_connects(gateways, pki, form):
    gw = gateways(config(pki, days=30))
    old = pki.fingerprint("due")
    request = csr(pki, "next", subject="/CN=somebody-else", more=("-addext", "subjectAltName=URI:urn:holdfast:umbrella:foreign"))
    with Renewing(gw, pki, "due", "due", form) as device:
        assert "certificates" in device.welcome["capabilities"]
        offer = device.offer()
        now_ms = datetime.now().timestamp() * 1000
        assert offer["renew_from_ms"] < now_ms < offer["not_after_ms"] < now_ms + 21 * 86400000
        assert device.ask(None)["change"] == offer, "a question is answered the same"
        answer = device.ask({"csr": request})
        assert answer.get("reason", "none") == "none" and answer["change"]["result"] == "issued", answer
        chain = answer["change"]["certificate"]
    (pki.folder / "next.pem").write_text(chain)
    leaf, above = [x509.load_pem_x509_certificate((part + "-----END CERTIFICATE-----").encode())
                   for part in chain.split("-----END CERTIFICATE-----")[:-1]]
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.UniformResourceIdentifier) == ["urn:holdfast:acme:due"], "who it is for, the session says"
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert timedelta(days=30) <= leaf.not_valid_after - leaf.not_valid_before < timedelta(days=30, hours=1)
    assert leaf.issuer == above.subject
    key = serialization.load_pem_private_key((pki.folder / "next.key").read_bytes(), None)
    assert leaf.public_key().public_numbers() == key.public_key().public_numbers()
    assert answer["change"]["not_after_ms"] == utc_ms(leaf.not_valid_after)
    event = gw.api().wait("audit", device="due")
    assert event["action"] == "certificate.issue" and event["who"] == "due"
    assert event["details"]["serial"] == f"{leaf.serial_number:x}" and event["details"]["sha256"] == leaf.fingerprint(hashes.SHA256()).hex()
    assert event["details"]["replaces"] == old
    eventually(lambda: gw.metric("holdfast_certificate_renewals_total", result="issued") == 1)
    with Renewing(gw, pki, "due", "next", form) as device:
        assert device.offer()["renew_from_ms"] > now_ms
        assert device.refused({"csr": request}) == ("try_later", "too_early")
        # and its fingerprint is denied as any is
        (pki.folder / "deny").write_text("sha256 " + event["details"]["sha256"] + "\n")
        gw.reload()
        assert device.closed() == ("revoked", 4403)
    with pytest.raises((ssl.SSLError, OSError, Refused)):
        Renewing(gw, pki, "due", "next", form)
    with Renewing(gw, pki, "due", "due", form) as device:
        assert device.offer(), "the old one is as good as it was"


def test_libholdfast_puts_the_new_one_to_use(gateways, pki, tmp_path):
    """It is stored by the program, read for the next connection, and not before; what is refused changes nothing."""
    gw = gateways(config(pki))
    pair = pki.folder / "pair.pem"
    pair.write_text((pki.folder / "due.pem").read_text() + (pki.folder / "due.key").read_text())
    old = pair.read_text()
    csr(pki, "next")
    csr(pki, "rsa", ("rsa:2048",))
    with Example("device_certificate", ws_url(gw, "tls"), pki.path("gateway-ca.pem"), pair, folder=tmp_path) as device:
        device.wait_line(lambda line: line.startswith("open"))
        device.wait_line(lambda line: line.startswith("offer"))
        device.write(pki.path("rsa"))
        device.wait_line(lambda line: line.startswith("refused bad_request key"))
        assert pair.read_text() == old
        device.write(pki.path("next"))
        stored = device.wait_line(lambda line: line.startswith("stored until"))
        new = x509.load_pem_x509_certificate(pair.read_bytes())
        assert int(stored.split()[-1]) == utc_ms(new.not_valid_after) and pair.stat().st_mode & 0o777 == 0o600
        assert len([line for line in device.lines if line.startswith("open")]) == 1, "the session goes on"
        gw.api().post("/v1/devices/due/disconnect", {})
        late = device.wait_line(lambda line: line.startswith("offer") and int(line.split()[1]) > utc_ms(datetime.utcnow()), timeout_s=40)
        assert int(late.split()[1]) == utc_ms(new.not_valid_before) + (utc_ms(new.not_valid_after) - utc_ms(new.not_valid_before)) // 3 * 2
        device.write(pki.path("next"))
        device.wait_line(lambda line: line.startswith("refused try_later too_early"))


def test_each_refusal_has_its_name(gateways, pki):
    gw = gateways(config(pki))
    good = csr(pki, "good")
    with Renewing(gw, pki, "early", "early") as device:
        assert device.offer()
        answer = device.ask({"csr": good})
        assert (answer["reason"], answer["change"]["result"]) == ("try_later", "too_early")
        cert = x509.load_pem_x509_certificate((pki.folder / "early.pem").read_bytes())
        begin, end = utc_ms(cert.not_valid_before), utc_ms(cert.not_valid_after)
        assert answer["change"]["renew_from_ms"] == begin + (end - begin) // 3 * 2, "it says from when on"
    rows = [({"csr": forged(good)}, "bad_request", "signature"),
            ({"csr": csr(pki, "rsa", ("rsa:2048",))}, "bad_request", "key"),
            ({"csr": csr(pki, "p384", ("ec", "-pkeyopt", "ec_paramgen_curve:P-384"))}, "bad_request", "key"),
            ({"csr": csr(pki, "spelled", ("ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"))}, "bad_request", "key")]
    for n, (change, reason, result) in enumerate(rows):
        issue(pki, "acme", f"row{n}", *DUE)
        with Renewing(gw, pki, f"row{n}", f"row{n}") as device:
            device.offer()
            assert device.refused(change) == (reason, result), result
    with Renewing(gw, pki, "again", "again") as device:
        device.offer()
        assert device.refused({"csr": good + "x" * 8192}) == ("message_too_big", "too_big")
        assert device.refused({"csr": "y" * 100000}) == ("message_too_big", "too_big")
        for change in ({"csr": "no request"}, {"csr": 7}, {"csr": ""}, {"key": good}, [good]):
            assert device.refused(change) == ("bad_request", "malformed"), change
    with Renewing(gw, pki, "by-token", token=token(pki, "by-token")) as device:
        assert "certificates" not in device.welcome["capabilities"]
        assert device.refused({"csr": good}) == ("forbidden", "no_certificate")
    with Renewing(gw, pki, "foreign", "foreign") as device:
        assert "certificates" not in device.welcome["capabilities"]
        assert device.refused({"csr": good}) == ("not_implemented", "no_ca")
    wanted = {"issued": 0, "too_early": 1, "signature": 1, "key": 3, "too_big": 2, "malformed": 5, "no_certificate": 1, "no_ca": 1, "failed": 0}
    eventually(lambda: {name: gw.metric("holdfast_certificate_renewals_total", result=name) for name in wanted} == wanted)
    assert not gw.api().events(type="audit")


def test_a_device_asks_only_so_often(gateways, pki):
    """Three in an hour, over all its connections: one that loses the answer may ask again, one that is mad costs nothing."""
    gw = gateways(config(pki))
    good = csr(pki, "good")
    for _ in range(3):
        with Renewing(gw, pki, "often", "often") as device:
            device.offer()
            assert device.ask({"csr": good})["change"]["result"] == "issued"
    with Renewing(gw, pki, "often", "often") as device:
        device.offer()
        answer = device.ask({"csr": good})
        assert (answer["reason"], answer["change"]["result"]) == ("rate_limit", "rate_limit")
        assert 3500000 < answer["change"]["retry_ms"] <= 3600000
    with Renewing(gw, pki, "again", "again") as device:
        device.offer()
        assert device.ask({"csr": good})["change"]["result"] == "issued", "another device is not held up"
    eventually(lambda: gw.metric("holdfast_certificate_renewals_total", result="issued") == 4)


def test_a_revoked_certificate_renews_nothing(gateways, pki):
    gw = gateways(config(pki))
    good = csr(pki, "good")
    with Renewing(gw, pki, "gone", "gone") as device:
        device.offer()
        gw.api().post("/v1/revocations", {"device": "gone"})
        assert device.closed() == ("revoked", 4403)
        device.ws.send(CLOSE, close_payload(4403))
    with pytest.raises(Refused):
        Renewing(gw, pki, "gone", "gone")
    assert not gw.api().events(type="audit", device="gone")


def with_ca(gw, ca):
    gw.write_config({"tenants": [{**gw.config["tenants"][0], "device_ca": ca}, {"name": "umbrella"}]})


def test_what_is_wrong_with_the_ca_is_named(gateways, pki):
    gw = gateways(config(pki))
    good = csr(pki, "good")
    rows = [({"cert_file": pki.path("other-ca.pem"), "key_file": pki.path("other-ca.key")}, "no listener takes what"),
            ({"cert_file": pki.path("issuing.pem"), "key_file": pki.path("other-ca.key")}, "device_ca"),
            ({"cert_file": pki.path("due.pem"), "key_file": pki.path("due.key")}, "device_ca"),
            ({"cert_file": pki.path("issuing.pem"), }, "both cert_file and key_file")]
    for ca, said in rows:
        with_ca(gw, ca)
        assert said in gw.reload(), ca
    with_ca(gw, config(pki)["tenants"][0]["device_ca"])
    os.chmod(pki.path("issuing.key"), 0o640)
    assert "chmod 600" in gw.reload()
    with Renewing(gw, pki, "due", "due") as device:
        device.offer()
        assert device.ask({"csr": good})["change"]["result"] == "issued", "the CA that was in force stays"
    os.chmod(pki.path("issuing.key"), 0o600)
    with_ca(gw, {})
    gw.reload()
    with Renewing(gw, pki, "again", "again") as device:
        assert device.refused({"csr": good}) == ("not_implemented", "no_ca"), "taken out, with a reload"


def test_who_does_not_know_of_it_hears_nothing_of_it(gateways, pki):
    gw = gateways(config(pki))
    with Session(gw, Device("due"), listener="tls", token="", context=pki.context("gateway-ca", "due")) as device:
        assert "certificates" not in device.welcomed()["capabilities"]
        device.durable(device.data("x"))
        assert not device.frames
