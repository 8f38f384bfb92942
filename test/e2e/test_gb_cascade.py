"""Cascading upwards: the gateway as a lower platform. Above it a platform in Python (lib/gbplatform.py), sipp, or another gateway; below it the simulated camera."""
import signal

import pytest

from lib import sip
from lib.gateway import eventually
from lib.gbplatform import SERVER, Platform

US = "34010000002000000009"  # our id at platforms above


def below(port, changes=None, **options):
    """A configuration with one platform above, at that port of loopback."""
    row = {"name": "city", "address": "127.0.0.1", "port": port, "server_id": SERVER, "device_id": US, "password_env": "UP_PASSWORD", **options}
    return sip.cameras(changes, upstreams=[{name: value for name, value in row.items() if value is not None}], server_id="34010000002000000001")


ENV = {**sip.ENV, "UP_PASSWORD": "12345678"}


def row(gateway, name="city"):
    return next((one for one in gateway.api().get("/v1/upstreams")["upstreams"] if one["name"] == name), None)


def registered(gateway, name="city"):
    return eventually(lambda: (one := row(gateway, name)) and one["registered"] and one)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_registers_lives_and_leaves(gateways, transport):
    with Platform(transport == "tcp") as platform:
        gateway = gateways(below(platform.port, transport=transport, edition="2022", expires_ms="1000s"), env=ENV)
        register = platform.next("REGISTER")
        assert register.start == f"REGISTER sip:{SERVER}@3402000000 SIP/2.0"
        assert register["Expires"] == "1000" and register["X-GB-Ver"] == "3.0" and register["Max-Forwards"] == "70"
        assert f"sip:{US}@127.0.0.1:" in register["Contact"] and f"sip:{US}@" in register["To"]
        assert register["CSeq"] == "2 REGISTER"  # the first was challenged: same Call-ID, the next number
        assert "rport" in register["Via"] and f"SIP/2.0/{transport.upper()}" in register["Via"]
        keepalive = platform.keepalives.get(timeout=10)
        assert f"<DeviceID>{US}</DeviceID>".encode() in keepalive.body and b"<Status>OK</Status>" in keepalive.body
        one = registered(gateway)
        assert one["transport"] == transport and one["failures"] == 0 and one["expires_s"] == 1000 and "reason" not in one
        assert one["counters"]["challenged"] == 1 and one["counters"]["accepted"] == 1
        platform.ask(US, "", "OPTIONS")
        answer = platform.next()
        assert answer.status == 200 and "OPTIONS" in answer["Allow"]
        eventually(lambda: gateway.metric("holdfast_gb_upstream_keepalives_total", upstream="city") == 1)
        assert gateway.metric("holdfast_gb_upstream_state", upstream="city", state="registered") == 1
        assert gateway.stop() == 0
        bye = platform.next("REGISTER")
        assert bye["Expires"] == "0" and bye["Call-ID"] == register["Call-ID"] and bye["CSeq"] == "4 REGISTER"
    log = gateway.log_path.read_text()
    assert "upstream_registered" in log and "upstream_left" in log and "upstream_failed" not in log


def test_a_wrong_password_is_said_and_waited_out(gateways):
    with Platform(password="something else") as platform:
        gateway = gateways(below(platform.port), env=ENV)
        one = eventually(lambda: (one := row(gateway)) and one["state"] == "waiting" and one)
        assert one["reason"] == "it answered 403 Forbidden" and one["status"] == 403 and one["failures"] == 1
        assert one["next_attempt"] > one["since"]
        assert platform.came.empty()
        line = next(line for line in gateway.log().splitlines() if "upstream_failed" in line)
        fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
        assert 60000 <= int(fields["next_ms"]) <= 90000
        assert gateway.metric("holdfast_gb_upstream_refused_total", upstream="city") == 1
        assert gateway.stop() == 0


def test_nobody_there(gateways):
    with Platform() as gone:
        port = gone.port
    gateway = gateways(below(port), env=ENV)
    one = eventually(lambda: (one := row(gateway)) and one["state"] == "waiting" and one)
    assert "ICMP" in one["reason"] or "no answer" in one["reason"]
    gateway.write_config(below(port, transport="tcp"))
    gateway.reload()
    one = eventually(lambda: (one := row(gateway)) and one["transport"] == "tcp" and one["state"] == "waiting" and one)
    assert one["reason"] == "it refused the connection" and one["counters"]["registers"] == 0


def test_a_reload_adds_changes_and_removes(gateways):
    with Platform() as first, Platform() as second:
        gateway = gateways(sip.cameras(server_id="34010000002000000001"), env=ENV)
        assert gateway.api().get("/v1/upstreams") == {"upstreams": []}
        gateway.write_config(below(first.port))
        gateway.reload()
        call_id = first.next("REGISTER")["Call-ID"]
        registered(gateway)
        gateway.reload()  # nothing changed: nothing happens
        gateway.write_config(below(second.port))
        gateway.reload()
        bye = first.next("REGISTER")
        assert (bye["Expires"], bye["Call-ID"]) == ("0", call_id)
        assert second.next("REGISTER")["Expires"] == "3600"
        registered(gateway)
        gateway.write_config({"gb28181": {"upstreams": []}})
        gateway.reload()
        assert second.next("REGISTER")["Expires"] == "0"
        eventually(lambda: row(gateway) is None)
        assert gateway.log().count("upstream_registered") == 2


REGISTRAR = """<recv request="MESSAGE" optional="true" next="alive"/>
<recv request="REGISTER"/>
<send><![CDATA[
SIP/2.0 401 Unauthorized
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
WWW-Authenticate: Digest realm="3402000000",nonce="a1b2c3",qop="auth",algorithm=MD5
Content-Length: 0

]]></send>
<recv request="REGISTER" auth="true">
<action>
<ereg regexp=".*" search_in="hdr" header="Authorization:" assign_to="given"/>
<verifyauth assign_to="right" username="34010000002000000009" password="12345678"/>
</action>
</recv>
<Reference variables="given"/>
<nop next="ok" test="right"/>
<send next="over"><![CDATA[
SIP/2.0 403 Forbidden
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<label id="ok"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
[last_Contact:]
Expires: 600
Content-Length: 0

]]></send>
<nop next="over"/>
<label id="alive"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<label id="over"/>
"""


@pytest.mark.parametrize("transport", [sip.UDP, sip.ONE_TCP])
def test_sipp_verifies_our_credentials(gateways, tmp_path, transport):
    """A registrar that we did not write checks the digest."""
    with sip.Registrar(tmp_path / "sipp", REGISTRAR, transport, calls=3) as above:
        gateway = gateways(below(above.port, transport="udp" if transport == sip.UDP else "tcp"), env=ENV)
        assert registered(gateway)["expires_s"] == 600, above.said()


def test_two_gateways(gateways):
    upper = gateways(sip.cameras(server_id=SERVER), env=sip.ENV)
    lower = gateways(below(sip.port(upper)), env=ENV)
    registered(lower)
    eventually(lambda: upper.api().get(f"/v1/cameras/{US}")["state"] == "online")
    lower.signal(signal.SIGTERM)
    eventually(lambda: upper.api().get(f"/v1/cameras/{US}")["state"] == "offline")


@pytest.mark.parametrize("changes, what", [
    ({"server_id": None}, "gb28181.upstreams.city.server_id is missing"),
    ({"server_id": "123"}, "gb28181.upstreams.city.server_id '123' is not 20 digits"),
    ({"server_id": "34010000002000000001"}, "our own gb28181.server_id"),
    ({"address": "city.example"}, "gb28181.upstreams.city.address 'city.example' is no numeric address"),
    ({"device_id": "99"}, "gb28181.upstreams.city.device_id '99' is not 20 digits"),
    ({"domain": "a b"}, "gb28181.upstreams.city.domain 'a b'"),
    ({"external_port": 5060}, "gb28181.upstreams.city.external_port has no effect without external_host"),
    ({"keepalive_ms": "1s"}, "gb28181.upstreams.0.keepalive_ms is 1s, outside 5s"),
    ({"name": "a city"}, "the name 'a city'"),
])
def test_what_is_wrong_is_named(gateways, changes, what):
    gateway = gateways(below(5060, **changes), start=False)
    with pytest.raises(AssertionError, match="did not start") as error:
        gateway.start(ENV)
    assert what in str(error.value)
