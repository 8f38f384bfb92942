"""What becomes of registered cameras: commands, silence, lost connections, registrations that run out, drain and restart. sipp plays the cameras."""
import signal

import pytest

from lib import sip
from lib.gateway import eventually

PASSWORD = sip.ENV["GB_PASSWORD"]


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(), env=sip.ENV)


def camera(n):
    return [(sip.device_id(n), PASSWORD)]


def online(gw, device):
    answer = gw.api().do("GET", f"/v1/devices/{device}")
    return answer.status == 200 and answer.json["state"] == "online"


@pytest.mark.parametrize("transport,first", [(sip.UDP, 200), (sip.ONE_TCP, 210), (sip.TCP_EACH, 220)])
def test_commands_are_answered_by_the_device(gw, tmp_path, transport, first):
    """Six devices on one socket: whose home is the other worker gets its command through it."""
    devices = [row for n in range(first, first + 6) for row in camera(n)]
    with sip.Sipp(tmp_path / "cams", sip.port(gw), devices, sip.register() + sip.FOREVER, transport=transport, answers=True):
        for device, _ in devices:
            eventually(lambda: online(gw, device))
            answer = gw.api().command(device, "DeviceStatus", wait_ms=8000)
            assert answer["state"] == "done", answer
            assert answer["result"]["command"] == "DeviceStatus" and answer["result"]["device_id"] == device
            assert gw.api().device(device)["protocol"] == "gb28181"


def test_a_command_that_is_not_answered_says_what_was_waited_for(gateways, tmp_path):
    gw = gateways(sip.cameras(answer_wait_ms="500ms"), env=sip.ENV)
    with sip.Sipp(tmp_path / "cam", sip.port(gw), camera(1), sip.register() + sip.FOREVER, answers=True):
        device = sip.device_id(1)
        eventually(lambda: online(gw, device))
        answer = gw.api().command(device, "DeviceInfo", wait_ms=8000)  # sipp says 200 and nothing more
        assert answer["result"] == {"confirmed": False, "status": 200, "timer": "answer_wait", "limit_ms": 500}


def test_silence_expiry_and_a_lost_connection_each_have_their_reason(gateways, tmp_path):
    gw = gateways(sip.cameras(keepalive_ms="5s", keepalive_count=1, keepalive_grace_ms="1ms"), env=sip.ENV)
    silent, expiring, cut = (sip.device_id(n) for n in range(3))

    def run(n, steps, **options):
        return sip.Sipp(tmp_path / f"cam{n}", sip.port(gw), camera(n), steps, **options)
    run(0, sip.register()).wait()
    run(1, sip.register(expires=1)).wait()
    with run(2, sip.register() + sip.FOREVER, transport=sip.ONE_TCP):
        eventually(lambda: online(gw, cut))
    # Its end is noticed at once; after the grace without a new connection, or the silence that is over before, it is offline.
    assert gw.api().wait("unknown", device=cut)["reason"]
    assert gw.api().wait("offline", device=expiring)["reason"] == "registration_expired"
    assert gw.api().wait("offline", device=silent)["reason"] == "heartbeat_timeout"
    assert gw.api().wait("offline", device=cut)["reason"] in ("connection_lost", "heartbeat_timeout")
    eventually(lambda: gw.metric("holdfast_gb_streams") == 0 and gw.metric("holdfast_gb_silences_total") >= 1 and
               gw.metric("holdfast_gb_expiries_total") == 1)


def test_drain_and_restart(gateways, tmp_path):
    """TERM ends registrations with the reason drain, REGISTER is 503 meanwhile; the next start takes them up, and the same devices go on."""
    gw = gateways(sip.cameras({"drain": {"window_ms": "60s"}}), env=sip.ENV)  # as long as somebody looks: a second TERM ends it
    devices = [row for n in range(4) for row in camera(n)]
    sip.Sipp(tmp_path / "cams", sip.port(gw), devices, sip.register()).wait()
    with sip.Sipp(tmp_path / "tcp", sip.port(gw), camera(9), sip.register() + sip.FOREVER, transport=sip.ONE_TCP):
        eventually(lambda: online(gw, sip.device_id(9)))
        gw.signal(signal.SIGTERM)
        gw.notify.wait("STOPPING=1", gw.process.pid)
        with sip.datagram_socket(sip.port(gw)) as peer:
            def refused():
                peer.send(sip.request("REGISTER", sip.device_id(20), more="Expires: 60\r\n"))
                answer = peer.recv(65535)
                return answer.startswith(b"SIP/2.0 503 ") and b"\r\nRetry-After: " in answer
            eventually(refused)
        assert gw.stop() == 0
    gw.start(sip.ENV)
    for device in [row[0] for row in devices] + [sip.device_id(9)]:
        said = [(e["type"], e["reason"]) for e in gw.api().events(device=device) if e["type"] != "camera.bound"]
        assert said == [("online", "connected"), ("unknown", "drain")]
    eventually(lambda: gw.metric("holdfast_gb_restored_total") == 5)
    sip.Sipp(tmp_path / "again", sip.port(gw), devices, sip.register()).wait()
    for device, _ in devices:
        # An answered REGISTER says nothing of its event yet, that comes with the next commit of the log.
        eventually(lambda: [e["epoch"] for e in gw.api().events(device=device, type="online")] == [1, 1])


def test_after_kill_9_devices_are_unknown_until_they_are_heard(gateways, tmp_path):
    gw = gateways(sip.cameras(), env=sip.ENV)
    device = sip.device_id(1)
    sip.Sipp(tmp_path / "cam", sip.port(gw), camera(1), sip.register()).wait()
    gw.api().wait("online", device=device)
    gw.kill()
    gw.start(sip.ENV)
    assert gw.api().device(device)["state"] == "unknown"
    sip.Sipp(tmp_path / "back", sip.port(gw), camera(1), sip.keepalive() + sip.register(cseq=30) + sip.keepalive(cseq=50)).wait()
    eventually(lambda: online(gw, device))
