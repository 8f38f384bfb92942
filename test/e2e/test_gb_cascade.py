"""Cascading upwards: the gateway as a lower platform. Above it a platform in Python (lib/gbplatform.py), sipp, or another gateway; below it the simulated camera."""
import signal
import xml.etree.ElementTree as tree

import pytest

from lib import pscamera, sip
from lib.camera import Camera
from lib.gateway import eventually
from lib.gbplatform import SERVER, Platform
from lib.pace import WAIT_S
from lib.ports import own_port

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
        keepalive = platform.keepalives.get(timeout=WAIT_S)
        assert f"<DeviceID>{US}</DeviceID>".encode() in keepalive.body and b"<Status>OK</Status>" in keepalive.body
        one = registered(gateway)
        assert one["transport"] == transport and one["failures"] == 0 and one["expires_s"] == 1000 and "reason" not in one
        assert one["counters"]["challenged"] == 1 and one["counters"]["accepted"] == 1
        platform.ask(US, "", "OPTIONS")
        answer = platform.next()
        assert answer.status == 200 and "OPTIONS" in answer["Allow"]
        eventually(lambda: gateway.metric("holdfast_gb_upstream_keepalives_total", upstream="city") == 1)
        eventually(lambda: gateway.metric("holdfast_gb_upstream_state", upstream="city", state="registered") == 1)
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
        (line,) = eventually(lambda: [line for line in gateway.log().splitlines() if "upstream_failed" in line])
        fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
        assert 60000 <= int(fields["next_ms"]) <= 90000
        eventually(lambda: gateway.metric("holdfast_gb_upstream_refused_total", upstream="city") == 1)
        assert gateway.stop() == 0


def test_a_port_of_our_own(gateways):
    port = own_port()
    with Platform() as platform:
        gateway = gateways(below(platform.port, local_port=port, local_address="127.0.0.1", external_host="192.0.2.99", external_port=7000), env=ENV)
        register = platform.next("REGISTER")
        assert platform.peers[0] == ("127.0.0.1", port)
        assert "192.0.2.99:7000" in register["Via"] and "192.0.2.99:7000" in register["Contact"]
        registered(gateway)


def test_nobody_there(gateways):
    port = own_port()
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
        eventually(lambda: gateway.log().count("upstream_registered") == 2)


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


ASKS = """<send><![CDATA[
OPTIONS sip:34010000002000000009@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:34020000002000000001@3402000000>;tag=o
To: <sip:34010000002000000009@3402000000>
Call-ID: o///[call_id]
CSeq: 1 OPTIONS
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200" timeout="60000"/>
<send><![CDATA[
MESSAGE sip:34010000002000000009@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:34020000002000000001@3402000000>;tag=m
To: <sip:34010000002000000009@3402000000>
Call-ID: m///[call_id]
CSeq: 2 MESSAGE
Max-Forwards: 70
Content-Type: Application/MANSCDP+xml
Content-Length: [len]

<?xml version="1.0" encoding="GB2312"?>
<Query>
<CmdType>Catalog</CmdType>
<SN>5</SN>
<DeviceID>34010000002000000009</DeviceID>
</Query>
]]></send>
<recv response="200" timeout="60000"/>
<nop next="over"/>
"""


def test_sipp_asks(gateways, tmp_path):
    """OPTIONS and the catalogue, whose parts it takes one by one: each is a call of its scenario."""
    asks = REGISTRAR.replace('<nop next="over"/>\n<label id="alive"/>', ASKS + '<label id="alive"/>')
    with sip.Registrar(tmp_path / "sipp", asks, calls=100) as above:
        gateway = gateways(below(above.port), start=False)
        gateway.start(ENV)
        registered(gateway)
        counters = eventually(lambda: (row(gateway)["counters"]["answers"] == 1) and row(gateway)["counters"])
        assert counters["queries"] == 1 and counters["answers_failed"] == 0 and counters["requests"] == 2, above.said()


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


def test_a_platform_cannot_be_above_and_below(gateways):
    with Platform() as platform:
        gateway = gateways(below(platform.port), env=ENV)
        registered(gateway)
        with Camera(sip.port(gateway), SERVER, "12345678") as camera:
            camera.wait("refused", status=403)
        eventually(lambda: [line for line in gateway.log().splitlines() if "upstream_loop" in line and SERVER in line])


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


# ---- what platforms ask ----

RECORDER = "34020000001180000001"
CHANNEL = "34020000001310000003"  # the first of three
QUERY = '<?xml version="1.0"?>\r\n<Query><CmdType>%s</CmdType><SN>{sn}</SN><DeviceID>{device}</DeviceID>%s</Query>'
CONTROL = '<?xml version="1.0"?>\r\n<Control><CmdType>DeviceControl</CmdType><SN>{sn}</SN><DeviceID>{device}</DeviceID>%s</Control>'


def root_of(message):
    text = message.text()
    return tree.fromstring(text[text.index("?>") + 2:])


def channels_below(gateway, count, device=RECORDER):
    """The ids, once the tables have all."""
    def all_there():
        rows = gateway.api().get(f"/v1/cameras/{device}/channels")
        return rows["complete"] and rows["count"] == count and rows["channels"]
    return [one["channel"] for one in eventually(all_there)]


def whole(platform, number):
    """The items of an answer in parts, and how many messages it took."""
    items, parts = [], 0
    while True:
        root = root_of(platform.next("MESSAGE"))
        assert (root.tag, root.findtext("SN")) == ("Response", str(number))
        found, parts = list(root.iter("Item")), parts + 1
        total, items = int(root.findtext("SumNum")), items + found
        assert len(found) == int(root.find(".//*[@Num]").get("Num")) if found else total == 0
        if len(items) >= total:
            return items, parts


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_catalogue_goes_up(gateways, transport):
    with Platform(transport == "tcp") as platform:
        gateway = gateways(below(platform.port, transport=transport, ids=[
            {"id": "34010000001320000777", "device": RECORDER, "channel": "34020000001310000007"},
            {"id": "34010000001180000777", "device": RECORDER}]), env=ENV)
        with Camera(sip.port(gateway), RECORDER, "12345678", "-c", 7):
            registered(gateway)
            ids = channels_below(gateway, 7)
            number = platform.ask(US, QUERY % ("Catalog", ""))
            items, parts = whole(platform, number)
            assert parts == 1 if transport == "tcp" else parts >= 4
            by_id = {item.findtext("DeviceID"): item for item in items}
            mapped = {"34020000001310000007": "34010000001320000777"}
            assert set(by_id) == {"34010000001180000777"} | {mapped.get(one, one) for one in ids}
            recorder = by_id["34010000001180000777"]
            assert recorder.findtext("ParentID") == US and recorder.findtext("Parental") == "1"
            one = by_id["34010000001320000777"]
            assert one.findtext("ParentID") == "34010000001180000777" and one.findtext("Status") == "ON" and one.findtext("Name").startswith("摄像机")
            assert one.findtext("Manufacturer") == "Holdfast"
            # One channel, and one that is not there.
            assert len(whole(platform, platform.ask("34010000001320000777", QUERY % ("Catalog", "")))[0]) == 1
            assert whole(platform, platform.ask("34010000001320000999", QUERY % ("Catalog", "")))[0] == []
            eventually(lambda: row(gateway)["shown"] == 8)


def test_questions_and_orders_reach_the_camera(gateways):
    with Platform() as platform:
        gateway = gateways(below(platform.port, ids=[{"id": "34010000001310000001", "device": RECORDER, "channel": CHANNEL}]), env=ENV)
        channel = "34010000001310000001"
        with Camera(sip.port(gateway), RECORDER, "12345678", "-c", 3) as camera:
            registered(gateway)
            channels_below(gateway, 3)
            number = platform.ask(US, QUERY % ("DeviceInfo", ""))
            info = root_of(platform.next("MESSAGE"))
            assert (info.findtext("SN"), info.findtext("Result"), info.findtext("Manufacturer")) == (str(number), "OK", "Holdfast")
            assert info.findtext("Channel") == "3" and info.findtext("DeviceID") == US
            platform.ask(US, QUERY % ("DeviceStatus", ""))
            status = root_of(platform.next("MESSAGE"))
            assert (status.findtext("Online"), status.findtext("Status")) == ("ONLINE", "OK")
            # Of a channel: the camera's own answer, under the ids that are known above.
            number = platform.ask(channel, QUERY % ("DeviceStatus", ""))
            status = root_of(platform.next("MESSAGE"))
            assert (status.findtext("SN"), status.findtext("DeviceID"), status.findtext("Encode")) == (str(number), channel, "ON")
            platform.ask(channel, CONTROL % "<PTZCmd>A50F01082800003E</PTZCmd>")
            assert camera.wait("ordered")["body"]["ptz_cmd"] == "A50F01082800003E"
            assert camera.wait("ordered")["body"]["device_id"] == CHANNEL
            number = platform.ask(channel, CONTROL % "<GuardCmd>SetGuard</GuardCmd>")
            done = root_of(platform.next("MESSAGE"))
            assert (done.findtext("CmdType"), done.findtext("SN"), done.findtext("Result")) == ("DeviceControl", str(number), "OK")
            number = platform.ask(channel, QUERY % ("RecordInfo", "<StartTime>2026-01-01T00:00:00</StartTime><EndTime>2026-01-01T05:00:00</EndTime><Type>all</Type>"))
            items, _ = whole(platform, number)
            assert len(items) == 5 and all(item.findtext("DeviceID") == channel for item in items)
            platform.ask(channel, QUERY % ("PresetQuery", ""))
            assert root_of(platform.next("MESSAGE")).findtext("CmdType") == "PresetQuery"
            # What is not shown is not there.
            platform.ask(CHANNEL, CONTROL % "<GuardCmd>SetGuard</GuardCmd>")
            assert root_of(platform.next("MESSAGE")).findtext("Result") == "ERROR"
        counters = eventually(lambda: (row(gateway)["counters"]["not_shown"] == 1) and row(gateway)["counters"])
        assert counters["forwarded"] == 5 and counters["forwards_failed"] == 0 and counters["answers"] == 7


def test_a_question_that_has_come_too_far(gateways):
    with Platform() as platform:
        gateway = gateways(below(platform.port), env=ENV)
        registered(gateway)
        platform.ask(US, QUERY % ("DeviceInfo", ""), Max_Forwards="0")
        # The helper writes its own Max-Forwards, too: twice is refused by the parser, once with 0 by the rule.
        assert platform.next().status in (400, 483)


def listed(upper):
    """Asked for anew: a platform that asked before the camera's own list was there has the shorter one until it asks again."""
    upper.api().command(US, "Catalog", wait_ms=5000)
    return upper.api().get(f"/v1/cameras/{US}/channels")


def test_two_gateways_and_a_camera(gateways):
    upper = gateways(sip.cameras(server_id=SERVER), env=sip.ENV)
    lower = gateways(below(sip.port(upper)), env=ENV)
    with Camera(sip.port(lower), RECORDER, "12345678", "-c", 5) as camera:
        registered(lower)
        ids = channels_below(lower, 5)
        upper.api().post(f"/v1/cameras/{US}/catalog/refresh")
        rows = eventually(lambda: (rows := listed(upper)) and rows["count"] == 6 and rows, every_s=0.5)
        assert {one["channel"] for one in rows["channels"]} == {RECORDER, *ids}
        assert all(one["state"] == "online" for one in rows["channels"])
        answer = upper.api().post(f"/v1/cameras/{US}/{ids[0]}/ptz", {"pan": 40, "stop_after_ms": 60000})
        assert answer["confirmed"]
        ordered = camera.wait("ordered")["body"]
        assert ordered["device_id"] == ids[0] and ordered["ptz_cmd"].startswith("A50F01")
        assert upper.api().get(f"/v1/cameras/{US}/{ids[0]}/status")["result"]["encode"] == "ON"


# ---- pictures ----

SDP = """v=0\r
o={server} 0 0 IN IP4 127.0.0.1\r
s=Play\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=video {port} RTP/AVP 96\r
a=recvonly\r
a=rtpmap:96 PS/90000\r
y=0200000777\r
"""


def test_play_from_above(gateways, tmp_path):
    """Media goes from the camera straight to where the platform says."""
    pscamera.picture(tmp_path)
    film = tmp_path / "libx264.mpg"
    with Platform() as platform, sip.Sink() as sink:
        gateway = gateways(below(platform.port, ids=[{"id": "34010000001310000001", "device": RECORDER, "channel": CHANNEL}]), env=ENV)
        channel = "34010000001310000001"

        def calls():
            return gateway.api().get(f"/v1/cameras/{RECORDER}/calls")["result"]["calls"]
        with Camera(sip.port(gateway), RECORDER, "12345678", "-c", 3, "--media", film) as camera:
            registered(gateway)
            channels_below(gateway, 3)
            call = platform.invite(channel, SDP.format(server=SERVER, port=sink.port))
            answer = platform.answer_to(call)
            assert answer.status == 200 and channel in answer["Contact"]
            sdp = answer.text()
            assert all(text in sdp for text in ("a=sendonly", "y=0200000777", "m=video", "PS/90000", f"o={channel}"))
            platform.within(answer, "ACK", 1)
            camera.wait("playing")
            assert sink.receive()[0] >> 6 == 2  # RTP, from the camera
            assert [(one["ssrc"], one["channel"], one["to"]["port"]) for one in calls()] == [("0200000777", CHANNEL, sink.port)]
            # BYE from above reaches the camera.
            platform.within(answer, "BYE", 2)
            assert platform.answer_to(call, "BYE").status == 200
            camera.wait("hung_up")
            eventually(lambda: calls() == [])
            # And BYE from below goes up.
            call = platform.invite(channel, SDP.format(server=SERVER, port=sink.port).replace("777", "778"))
            answer = platform.answer_to(call)
            assert answer.status == 200
            platform.within(answer, "ACK", 1)
            camera.wait("playing", count=2)
            gateway.api().post(f"/v1/cameras/{RECORDER}/{CHANNEL}/stop", {"call": calls()[0]["call"]})
            assert platform.next("BYE")["Call-ID"] == call
            # What cannot be played.
            assert platform.answer_to(platform.invite(CHANNEL, SDP.format(server=SERVER, port=9))).status == 404
            assert platform.answer_to(platform.invite(channel, "v=0\r\n")).status == 488
        counters = eventually(lambda: row(gateway)["counters"]["calls"] == 4 and row(gateway)["counters"])
        assert (counters["calls_answered"], counters["calls_refused"], counters["calls_ended_above"], counters["calls_ended_below"]) == (2, 2, 1, 1)


def test_a_player_above_sees_the_camera_below(gateways, tmp_path):
    """Two gateways: the upper one's relay gets the film of a camera that only the lower one knows."""
    pscamera.picture(tmp_path)
    film = tmp_path / "libx264.mpg"
    upper = gateways(sip.cameras({"media": {"address": "127.0.0.1", "port_first": 23000, "port_last": 23999, "unwatched_ms": "1s"}}, server_id=SERVER), env=sip.ENV)
    lower = gateways(below(sip.port(upper)), env=ENV)
    with Camera(sip.port(lower), RECORDER, "12345678", "--media", film) as camera:
        registered(lower)
        (channel,) = channels_below(lower, 1)
        upper.api().post(f"/v1/cameras/{US}/catalog/refresh")
        eventually(lambda: listed(upper)["count"] == 2, every_s=0.5)
        picture = upper.api().do("GET", f"/v1/cameras/{US}/{channel}/snapshot.jpg", status=200)
        assert picture.body[:2] == b"\xff\xd8"
        camera.wait("hung_up")  # nobody watches any more: BYE goes all the way down
        eventually(lambda: lower.api().get(f"/v1/cameras/{RECORDER}/calls")["result"]["calls"] == [])


def test_changes_below_are_seen_above(gateways):
    """The upper gateway subscribes to the lower one's catalogue: nobody asks for the list again."""
    upper = gateways(sip.cameras(server_id=SERVER, subscribe_catalog=True), env=sip.ENV)
    lower = gateways(below(sip.port(upper)), env=ENV)
    registered(lower)
    eventually(lambda: row(lower)["counters"]["subscribes"] >= 1)

    def above():
        return {one["channel"]: one["state"] for one in upper.api().get(f"/v1/cameras/{US}/channels")["channels"]}
    with Camera(sip.port(lower), RECORDER, "12345678", "-c", 2) as camera:
        ids = channels_below(lower, 2)
        eventually(lambda: set(above()) == {RECORDER, *ids} and set(above().values()) == {"online"})
        assert camera.end() == 0
    eventually(lambda: set(above().values()) == {"offline"})
