"""The routes of media sessions against the real gateway, with `holdfast gb-device` as the camera and a socket of ours as the media server: what the API answers, and what arrives."""
import re
import signal
import socket

import pytest

from lib import pscamera, sip
from lib.camera import Camera
from lib.gateway import eventually
from lib.pace import WAIT_S

DEVICE, CHANNEL = "34020000001320000061", "34020000001310000061"
URL = f"/v1/cameras/{DEVICE}/{CHANNEL}"
HISTORY = {"from": 1767225600, "until": 1767229200}


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras({"media": {"address": "127.0.0.1", "port_first": 21000, "port_last": 21999}}), env=sip.ENV)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = tmp_path_factory.mktemp("film")
    pscamera.picture(folder)
    return folder / "libx264.mpg"


@pytest.fixture
def camera(gw, film):
    with Camera(sip.port(gw), DEVICE, sip.ENV["GB_PASSWORD"], "--media", film) as one:
        one.wait("registered")
        eventually(lambda: gw.api().do("GET", f"/v1/cameras/{DEVICE}").status == 200)
        yield one
        one.end(signal.SIGTERM)


@pytest.fixture
def server():
    """Where media goes: (what `to` says of it, the next packet's SSRC as SIP writes it)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind(("127.0.0.1", 0))
        media.settimeout(WAIT_S)

        def ssrc():
            packet = media.recv(65536)
            assert packet[0] >> 6 == 2 and packet[1] & 0x7f == 96, "no RTP of a program stream"
            return f"{int.from_bytes(packet[8:12], 'big'):010d}"
        yield {"host": "127.0.0.1", "port": media.getsockname()[1]}, ssrc


def post(gw, what, payload=None, status=200):
    return gw.api().do("POST", f"{URL}/{what}", payload, status=status).json


def calls(gw, url=URL):
    return gw.api().get(f"{url}/calls")["result"]["calls"]


def nothing_is_left(gw):
    eventually(lambda: calls(gw) == [] and (gw.metric("holdfast_gb_calls"), gw.metric("holdfast_gb_ssrc_used")) == (0, 0))


def test_play_joins_and_stops(gw, camera, server):
    to, ssrc = server
    answer = post(gw, "play", {"to": to})
    call = answer["result"]
    assert (answer["name"], answer["state"], answer["confirmed"]) == ("Play", "done", True)
    assert (call["channel"], call["kind"], call["state"], call["to"], call["relayed"], call["joined"]) == (CHANNEL, "play", "connected", to, False, False)
    assert re.fullmatch("0[0-9]{9}", call["ssrc"]), "a live stream's SSRC begins with 0"
    assert ssrc() == call["ssrc"]
    again = post(gw, "play", {"to": to})["result"]
    assert (again["call"], again["joined"], again["users"]) == (call["call"], True, 2)
    assert [one["call"] for one in calls(gw)] == [one["call"] for one in calls(gw, f"/v1/cameras/{DEVICE}")] == [call["call"]]
    assert post(gw, "stop", {"call": call["call"]})["result"]["users"] == 1
    assert post(gw, "stop")["result"]["ended"] is True  # the channel's live one
    assert camera.wait("hung_up", text="BYE came")["number"] > 0
    assert post(gw, "stop", status=404)["reason"] == "not_found"
    nothing_is_left(gw)


def test_play_to_the_gateway_itself(gw, camera):
    call = post(gw, "play")["result"]
    assert (call["relayed"], call["to"]["host"]) == (True, "127.0.0.1") and 21000 <= call["to"]["port"] <= 21999
    eventually(lambda: gw.api().get(f"{URL}/media").get("video") == "H264")
    post(gw, "stop", {"call": call["call"], "force": True})
    nothing_is_left(gw)


def test_a_recording_is_steered(gw, camera, server):
    to, ssrc = server
    call = post(gw, "playback", {"to": to, **HISTORY})["result"]
    assert call["kind"] == "playback" and re.fullmatch("1[0-9]{9}", call["ssrc"]) and ssrc() == call["ssrc"]
    for what, payload in (("pause", {}), ("resume", {}), ("speed", {"scale": 2}), ("seek", {"range": 5})):
        answer = post(gw, what, {"call": call["call"], **payload})
        assert (answer["state"], answer["result"]["status"]) == ("done", 200), what
    assert calls(gw)[0]["call"] == call["call"]
    post(gw, "stop", {"call": call["call"]})
    assert post(gw, "pause", {"call": call["call"]}, status=404)["reason"] == "not_found"
    nothing_is_left(gw)


def test_a_download(gw, camera, server):
    to, ssrc = server
    call = post(gw, "download", {"to": to, "speed": 4, **HISTORY})["result"]
    assert (call["kind"], ssrc()) == ("download", call["ssrc"])
    assert " download " in camera.wait("called")["text"]
    post(gw, "stop", {"call": call["call"]})
    nothing_is_left(gw)


@pytest.mark.parametrize("what, payload, field, detail", [
    ("play", {"stream": 10}, "stream", "0 to 9"),
    ("play", {"to": {"host": "media.example", "port": 1}}, "to", "a numeric address"),
    ("play", {"call": "e6427022d9b2305f"}, "call", "no such member"),
    ("playback", {"from": 5}, "until", "a time after from"),
    ("playback", {"from": 7, "until": 5}, "until", "a time after from"),
    ("download", {**HISTORY, "speed": 33}, "speed", "1 to 32"),
    ("pause", {}, "call", "the id that Play answered"),
    ("speed", {"call": "e6427022d9b2305f", "scale": 5}, "scale", "0.25 to 4"),
    ("seek", {"call": "e6427022d9b2305f", "range": -1}, "range", "0 to 2678400"),
])
def test_what_is_wrong_is_named(gw, camera, what, payload, field, detail):
    wrong = post(gw, what, payload, status=400)
    assert (wrong["reason"], wrong["field"]) == ("bad_request", field)
    assert f"{field}: " in wrong["detail"] and detail in wrong["detail"]


def test_who_may_only_read_starts_nothing(gw, camera):
    reader = gw.api("reader")
    assert reader.get(f"{URL}/calls", status=403)["reason"] == "forbidden"  # it asks the home worker by a command
    reader.do("POST", f"{URL}/play", {}, status=403)
    nothing_is_left(gw)


def test_a_camera_that_is_not_there(gw):
    answer = gw.api().do("POST", "/v1/cameras/34020000001320000099/34020000001310000099/play", {}, status=404).json
    assert answer["reason"] == "not_found"
