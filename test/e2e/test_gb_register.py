"""Cameras over SIP, played by sipp: who gets in, over UDP and TCP, to whichever worker their datagrams come. Two workers: about half of the messages cross."""
import pytest

from lib import sip
from lib.gateway import eventually
from lib.pace import WAIT_S

PASSWORD = sip.ENV["GB_PASSWORD"]
CAMERAS = [(sip.device_id(n), PASSWORD) for n in range(8)]


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(), env=sip.ENV)


@pytest.fixture
def sipp(tmp_path, gw):
    """sipp(devices, steps, ...) runs against the gateway of this file; what is left of it ends with the test."""
    runs = []

    def run(devices, steps, **options):
        runs.append(sip.Sipp(tmp_path / f"sipp{len(runs)}", sip.port(options.pop("to", gw)), devices, steps, **options))
        return runs[-1]
    yield run
    for one in runs:
        one.end()


@pytest.mark.parametrize("transport", [sip.UDP, sip.ONE_TCP, sip.TCP_EACH])
def test_register_keepalive_alarm_and_goodbye(gw, sipp, transport):
    api = gw.api()
    begin = max((event["offset"] for event in api.events()), default=0) + 1
    sipp(CAMERAS, sip.register() + sip.keepalive() + sip.alarm() + sip.pause(50) + sip.register(expires=0, cseq=40),
         transport=transport, answers=True).wait()
    for device, _ in CAMERAS:
        api.wait("offline", device=device, from_=begin)
        online, bound, message, offline = api.events(device=device, from_=begin)
        assert (online["type"], online["protocol"], online["reason"]) == ("online", "gb28181", "connected")
        assert (bound["type"], bound["payload"]["peer"]) == ("camera.bound", "127.0.0.1")
        assert bound["payload"]["transport"] == ("udp" if transport == sip.UDP else "tcp")
        assert (message["type"], message["topic"]) == ("message", "gb/Alarm")
        assert (message["payload"]["command"], message["payload"]["sn"]) == ("Alarm", 7)
        assert (offline["type"], offline["reason"]) == ("offline", "normal")
    eventually(lambda: gw.metric("holdfast_gb_devices") == 0)
    eventually(lambda: gw.metric("holdfast_gb_forwarded_total") > 0)  # or this test would show nothing
    assert gw.metric("holdfast_gb_misrouted_total") == 0


def test_wrong_password_is_403_and_five_lock_the_address(gw, sipp):
    api, device = gw.api(), sip.device_id(100)
    for n in range(5):
        sipp([(device, "wrong")], sip.register(answer=403)).wait()
    sipp([(device, PASSWORD)], sip.register(answer=403)).wait()
    assert api.do("GET", f"/v1/devices/{device}").json.get("state") != "online"
    eventually(lambda: (gw.metric("holdfast_gb_locks_total"), gw.metric("holdfast_gb_auth_failed_total"),
                        gw.metric("holdfast_gb_auth_locked_total")) == (1, 5, 1))
    eventually(lambda: [line for line in gw.log().splitlines() if "event=auth_failed" in line and f"device={device}" in line])


def test_who_is_not_registered_is_403(gw, sipp):
    sipp([(sip.device_id(101), PASSWORD)], sip.keepalive(answer=403)).wait()
    eventually(lambda: gw.metric("holdfast_gb_strangers_total") >= 1)


def test_devices_of_their_own(gateways, tmp_path):
    """An own password by its hash, no password at all, forbidden, unknown; and a reload changes who may come."""
    import hashlib
    own, opened, denied, unknown = (sip.device_id(n) for n in range(4))

    def ha1(password):
        return hashlib.md5(f"{own}:{sip.REALM}:{password}".encode()).hexdigest()

    def rows(password):
        return [{"id": own, "ha1": ha1(password)}, {"id": opened, "open": True}, {"id": denied, "allow": False}]
    gw = gateways(sip.cameras(devices=rows("first"), password_env=None), env=sip.ENV)
    runs = iter(range(100))

    def sipp(device, password, steps):
        sip.Sipp(tmp_path / f"own{next(runs)}", sip.port(gw), [(device, password)], steps).wait()
    sipp(own, "first", sip.register())
    assert gw.api().device(own)["state"] == "online"
    sipp(opened, "", sip.send(f"REGISTER sip:{sip.SERVER_ID}@3402000000 SIP/2.0\n" +
                              sip.HEAD.format(to="[field0]", cseq=1, method="REGISTER") +
                              "Expires: 60\nContent-Length: 0\n\n") + sip.receive(200))
    sipp(denied, "first", sip.register(answer=403))
    sipp(unknown, "first", sip.register(answer=403))
    gw.write_config({"gb28181": {"devices": rows("second")}})
    said = gw.reload()
    assert f"option=gb28181.devices.{own}.ha1" in said and 'effect="in force"' in said
    sipp(own, "first", sip.register(answer=403))
    sipp(own, "second", sip.register())


def test_five_wrong_passwords_do_not_end_who_is_there(gw, sipp):
    device = sip.device_id(102)
    with sipp([(device, PASSWORD)], sip.register() + sip.FOREVER):
        eventually(lambda: gw.api().do("GET", f"/v1/devices/{device}").status == 200)
        sipp([(device, "guess")], sip.register(answer=403)).wait()
        assert gw.api().device(device)["state"] == "online"


def test_dev_has_a_port_for_cameras(tmp_path):
    """What `holdfast dev` prints and writes is enough to be a camera."""
    import json
    import subprocess
    from lib.gateway import BINARY
    ports = [f"--set={name}.port=0" for name in ("listeners.plain", "listeners.tls", "admin", "gb28181.listeners.sip")]
    dev = subprocess.Popen([str(BINARY), "dev", "--fleet", "0", "--data", str(tmp_path / "data"), *ports], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = next(line for line in dev.stdout if "GB/T 28181" in line)
        row = json.loads((tmp_path / "data" / "dev.json").read_text())["sip"]
        assert row["password"] in line and row["server_id"] in line and f"at {row['address']}," in line
        assert (row["server_id"], row["domain"]) == (sip.SERVER_ID, sip.REALM)
        sip.Sipp(tmp_path / "sipp", int(row["address"].rsplit(":", 1)[1]), [(sip.device_id(1), row["password"])], sip.register()).wait()
    finally:
        dev.terminate()
        dev.stdout.close()
        assert dev.wait(WAIT_S) == 0
