"""Sound to a camera through the gateway: `talk`, then `sound` by HTTP, which `holdfast gb-device` hears over UDP and over TCP and writes to a file."""
import http.client
import itertools
import socket
import subprocess
import threading

import pytest

from lib import sip
from lib.camera import Camera
from lib.gateway import eventually

MEDIA = {"media": {"address": "127.0.0.1", "port_first": 27000, "port_last": 27499, "talk_bytes_max": 8000}}
PACKET_BYTES, SECOND_BYTES = 160, 8000
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(MEDIA), env=sip.ENV)


@pytest.fixture(scope="module")
def tone():
    """Three seconds of G.711 A-law, made by a coder that is not ours; no byte of it twice at the same place of two packets by accident: it sweeps."""
    run = subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "aevalsrc=0.4*sin(2*PI*(200+150*t)*t):s=8000:d=3", "-f", "alaw", "-"],
                         capture_output=True, check=True)
    assert len(run.stdout) == 3 * SECOND_BYTES
    return run.stdout


@pytest.fixture
def cameras(gw, tmp_path):
    made = []

    def make(*options):
        camera = Camera(sip.port(gw), f"3402000000132{next(numbers):07d}", sip.ENV["GB_PASSWORD"], "--sound", tmp_path / f"heard{len(made)}", *options)
        made.append(camera)
        camera.heard = tmp_path / f"heard{len(made) - 1}"
        camera.wait("registered", status=200)
        gw.api().wait("online", device=camera.id)
        camera.path = f"/v1/cameras/{camera.id}/3402000000131{camera.id[13:]}/"
        return camera
    yield make
    for camera in made:
        camera.__exit__()


def talk(gw, camera):
    answer = gw.api().do("POST", camera.path + "talk", {})
    assert answer.status == 200, answer.body
    result = answer.json["result"]
    assert (result["confirmed"], result["relayed"], result["format"], result["kind"]) == (True, True, "PCMA", "talk")
    camera.wait("listening")
    return result


def say(gw, camera, sound, query="", kind="audio/PCMA"):
    return gw.api().do("POST", camera.path + "sound" + query, sound, headers={"Content-Type": kind})


@pytest.mark.parametrize("options, transport", [((), "udp"), (("--sound-tcp",), "tcp_passive"), (("-t", "tcp"), "udp")])
def test_what_is_said_is_heard(gw, cameras, tone, options, transport):
    camera = cameras(*options)
    packets = gw.metric("holdfast_media_talk_packets_total")
    assert talk(gw, camera)["transport"] == transport
    assert gw.api().do("GET", camera.path + "media?kind=talk").json["transport"] == transport
    said = [say(gw, camera, tone[:9000]), say(gw, camera, tone[9000:], "?last=true")]
    assert [answer.status for answer in said] == [200, 200], [answer.body for answer in said]
    # Three seconds do not fit into the buffer of one: the second answer came when all but that had been sent.
    assert 2 * SECOND_BYTES - PACKET_BYTES <= said[1].json["said"]["bytes"] <= 3 * SECOND_BYTES
    assert said[1].json["said"]["lost"] == 0
    over = camera.wait("listened")
    assert over["text"] == f"BYE came: {len(tone)} bytes, 0 lost" and over["number"] == len(tone) // PACKET_BYTES
    assert camera.heard.read_bytes() == tone
    assert over["time_ms"] - camera.wait("listening")["time_ms"] >= 2900  # as fast as it is to be heard, not as it came
    eventually(lambda: gw.metric("holdfast_media_talk_packets_total") - packets == len(tone) // PACKET_BYTES)
    eventually(lambda: gw.metric("holdfast_media_ports", state="used") == 0)


def test_a_rest_is_filled_up_with_silence(gw, cameras, tone):
    camera = cameras()
    talk(gw, camera)
    assert say(gw, camera, tone[:1000]).status == 200
    eventually(lambda: camera.heard.stat().st_size == 7 * PACKET_BYTES)
    assert camera.heard.read_bytes() == tone[:1000] + b"\xd5" * 120
    assert say(gw, camera, b"", "?last=true").status == 200
    assert camera.wait("listened")["text"] == "BYE came: 1120 bytes, 0 lost"


def test_one_speaks_at_a_time_and_who_leaves_makes_room(gw, cameras, tone):
    camera = cameras()
    talk(gw, camera)
    long, failed = gw.api().connection(), []
    long.connect()
    line = long.sock

    def speak():
        try:
            long.request("POST", camera.path + "sound", tone * 20, gw.api().headers({"Content-Type": "audio/PCMA"}))
            long.getresponse()
        except (OSError, http.client.HTTPException) as error:
            failed.append(error)
    speaker = threading.Thread(target=speak)
    speaker.start()
    eventually(lambda: camera.heard.stat().st_size > 0)
    other = say(gw, camera, tone)
    assert other.status == 409 and other.json["reason"] == "in_progress"
    line.shutdown(socket.SHUT_RDWR)
    speaker.join()
    long.close()
    assert failed  # it left in the middle
    eventually(lambda: say(gw, camera, tone[:160]).status == 200)
    assert gw.api().do("POST", camera.path + "stop", {"call": gw.api().do("GET", camera.path + "calls").json["result"]["calls"][0]["call"]}).status == 200
    camera.wait("listened")


def test_what_cannot_be_said(gw, cameras, tone):
    camera = cameras()
    assert say(gw, camera, tone).status == 404  # nobody listens
    talk(gw, camera)
    assert say(gw, camera, tone, kind="audio/PCMU").status == 415  # the talk is in A-law
    assert say(gw, camera, tone, kind="audio/mpeg").status == 415
    assert say(gw, camera, tone, "?last=maybe").status == 400
    assert say(gw, camera, b"\0" * (2 << 20)).status == 413
    camera.type("bye")
    assert camera.wait("listened")["text"].startswith("BYE of its own: 0 bytes")
    eventually(lambda: say(gw, camera, tone).status == 404)


def test_a_camera_that_is_told_and_does_not_call(gw, cameras):
    camera = cameras("--mute")
    answer = gw.api().do("POST", camera.path + "talk", {})
    assert answer.status == 504 and answer.json["result"]["timer"] == "setup"
    eventually(lambda: gw.metric("holdfast_media_ports", state="used") == 0)
