"""Pictures of cameras: a Python camera sends what ffmpeg made, ffprobe and ffmpeg read what the gateway makes of it."""
import itertools
import json
import socket
import struct
import subprocess

import pytest

from lib import pscamera, sip
from lib.gateway import eventually
from lib.pace import WAIT_S, Stopwatch

H264, H265, SOUND = "34020000001320000001", "34020000001320000002", "34020000001320000003"
MEDIA = {"media": {"address": "127.0.0.1", "port_first": 25000, "port_last": 25999, "unwatched_ms": "1s"}}


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    return {H264: pscamera.picture(folder), H265: pscamera.picture(folder, "libx265"), SOUND: pscamera.picture(folder, sound="mp2")}


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(MEDIA), env=sip.ENV)


numbers = itertools.count(1)


@pytest.fixture
def cameras(gw, streams):
    made = []

    def make(**options):
        device = f"3402000000111{next(numbers):07d}"  # one of its own: what is left of the test before has another
        made.append(pscamera.Camera(("127.0.0.1", sip.port(gw)), device, sip.ENV["GB_PASSWORD"], streams, **options))
        made[-1].start()
        assert made[-1].registered.wait(WAIT_S)
        gw.api().wait("online", device=device)
        return made[-1]
    yield make
    for one in made:
        one.stop()


def url(gw, one, channel, what):
    return f"{gw.url()}{path(one, channel, what)}"


def path(one, channel, what):
    return f"/v1/cameras/{one.device}/{channel}/{what}"


def headers(gw):
    return f"Authorization: Bearer {gw.keys['admin']}\r\n"


def probe(gw, where, seconds=3):
    """What ffprobe sees of the first seconds."""
    run = subprocess.run(["ffprobe", "-v", "error", "-headers", headers(gw), "-read_intervals", f"%+{seconds}", "-count_packets", "-show_entries",
                          "stream=codec_name,codec_type,width,height,nb_read_packets", "-of", "json", where], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return {row["codec_type"]: row for row in json.loads(run.stdout)["streams"]}


@pytest.mark.parametrize("form, channel, codec", [("live.ps", H264, "h264"), ("live.flv", H264, "h264"), ("live.mp4", H264, "h264"),
                                                  ("live.mp4", H265, "hevc"), ("live.ps", H265, "hevc")])
def test_players_read_it(gw, cameras, form, channel, codec):
    one = cameras()
    video = probe(gw, url(gw, one, channel, form))["video"]
    assert (video["codec_name"], video["width"], video["height"]) == (codec, 320, 240)
    assert int(video["nb_read_packets"]) >= 10
    assert len(one.invites) == 1
    # Whoever watched has gone: the call ends, and its port is given back.
    eventually(lambda: len(one.byes) == 1)
    eventually(lambda: gw.metric("holdfast_media_ports", state="used") == 0)


@pytest.mark.parametrize("transport", ["tcp_passive", "tcp_active", "udp"])
def test_each_transport(gw, cameras, transport):
    """Called by hand; who watches joins the call."""
    one = cameras()
    answer = gw.api().do("POST", f"/v1/devices/{one.device}/commands",
                         {"name": "Play", "payload": {"channel": H264, "transport": transport}, "wait_ms": 10000})
    assert answer.json["result"]["confirmed"], answer.body
    with pscamera.watching(gw, path(one, H264, "live.flv")):
        assert int(probe(gw, url(gw, one, H264, "live.flv"))["video"]["nb_read_packets"]) >= 10
        media = gw.api().get(path(one, H264, "media"))
        assert (media["transport"], media["video"], media["lost"], media["ssrc_agreed"]) == (transport, "H264", 0, True)
        assert media["frames"] > 10 and media["bits_per_s"] > 10000
        gw.api().do("POST", f"/v1/devices/{one.device}/commands", {"name": "Stop", "payload": {"channel": H264, "force": True}, "wait_ms": 10000})
    eventually(lambda: len(one.byes) == 1)
    assert one.byes_too_late == 0, "a connection is ended after BYE, not before"
    assert gw.api().do("GET", path(one, H264, "media")).status == 404


def test_a_playback_is_watched_beside_the_live_picture(gw, cameras):
    one = cameras()
    missing = gw.api().do("GET", path(one, H264, "live.flv?kind=playback"))
    assert missing.status == 404
    answer = gw.api().do("POST", f"/v1/devices/{one.device}/commands",
                         {"name": "Playback", "payload": {"channel": H264, "from": 1767225600, "until": 1767229200}, "wait_ms": 10000})
    assert answer.json["result"]["confirmed"], answer.body
    assert int(probe(gw, url(gw, one, H264, "live.flv?kind=playback"))["video"]["nb_read_packets"]) >= 10
    assert gw.api().do("GET", path(one, H264, "media")).status == 404  # nobody plays it live
    assert int(probe(gw, url(gw, one, H264, "live.flv"))["video"]["nb_read_packets"]) >= 10
    assert len(one.invites) == 2


def test_packets_go_where_they_are_wanted(gw, cameras):
    one = cameras()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(WAIT_S)
        watcher = subprocess.Popen(["curl", "-sN", "-H", headers(gw).strip(), url(gw, one, H264, f"live.rtp?to=127.0.0.1:{sink.getsockname()[1]}")],
                                   stdout=subprocess.PIPE, text=True)
        try:
            packets = [sink.recv(2048) for _ in range(20)]
            numbers = [struct.unpack("!H", packet[2:4])[0] for packet in packets]
            assert numbers == list(range(numbers[0], numbers[0] + 20)) and packets[0][0] == 0x80
            assert packets[0][12:16] == b"\0\0\1\xba"
            line = json.loads(watcher.stdout.readline())
            assert line["relay"]["packets"] >= 1 and line["relays"] == 1
        finally:
            watcher.kill()
            watcher.wait()


def test_a_decoder_finds_nothing_wrong(gw, cameras):
    one = cameras()
    run = subprocess.run(["ffmpeg", "-v", "warning", "-headers", headers(gw), "-i", url(gw, one, H264, "live.mp4"), "-frames:v", "30", "-f", "null", "-"],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and run.stderr == "", run.stderr


def test_a_snapshot_is_a_jpeg(gw, cameras, tmp_path):
    one = cameras()
    answer = gw.api().do("GET", path(one, H264, "snapshot.jpg"))
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    (tmp_path / "one.jpg").write_bytes(answer.body)
    run = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0", str(tmp_path / "one.jpg")],
                         capture_output=True, text=True)
    assert run.stdout.strip() == "mjpeg,320,240"


def test_two_watchers_are_one_call(gw, cameras):
    one = cameras()
    watcher = subprocess.Popen(["curl", "-sN", "-H", headers(gw).strip(), url(gw, one, H264, "live.flv"), "-o", "/dev/null"])
    try:
        eventually(lambda: len(one.invites) == 1 and gw.metric("holdfast_media_views") == 1)
        eventually(lambda: gw.metric("holdfast_media_units_total") > 20)
        with Stopwatch() as watch, pscamera.watching(gw, path(one, H264, "live.flv")) as answer:
            first = answer.read(1001)
            assert first[:3] == b"FLV" and watch.s() < 5  # the group of pictures that was kept
        assert len(one.invites) == 1
    finally:
        watcher.kill()
        watcher.wait()
    eventually(lambda: len(one.byes) == 1)


def test_what_is_played_to_be_watched_ends_when_nobody_comes(gw, cameras):
    one = cameras()
    stays = gw.api().do("POST", path(one, H264, "play"), {"stream": 1}).json["result"]["call"]
    watched = gw.api().do("POST", path(one, H264, "play"), {"until_unwatched": True}).json["result"]["call"]
    over = gw.api().wait("message", device=one.device, where=lambda event: event["topic"] == "gb/call" and event["payload"]["event"] == "ended")
    assert (over["payload"]["call"], over["payload"]["reason"]) == (watched, "unwatched")
    assert [call["call"] for call in gw.api().do("GET", path(one, H264, "calls")).json["result"]["calls"]] == [stays]
    assert gw.api().do("POST", path(one, H264, "stop"), {"call": stays}).status == 200


def test_h265_has_no_place_in_flv(gw, cameras):
    one = cameras()
    answer = gw.api().do("GET", path(one, H265, "live.flv"))
    if answer.status != 200:  # libavformat 6.1 has the enhanced form
        assert answer.status == 415 and "live.mp4" in answer.json["detail"]


def test_a_camera_that_is_busy_or_absent(gw, cameras):
    one = cameras(busy=True)
    answer = gw.api().do("GET", path(one, H264, "live.flv"))
    assert answer.status == 502 and "486" in answer.json["detail"]
    absent = gw.api().do("GET", f"/v1/cameras/34020000001119999999/{H264}/live.flv")
    assert absent.status >= 400


def test_what_is_lost_is_counted_and_the_rest_is_seen(gw, cameras):
    one = cameras(lose=50)
    video = probe(gw, url(gw, one, H264, "live.mp4"), seconds=4)["video"]
    assert int(video["nb_read_packets"]) >= 10
    eventually(lambda: gw.metric("holdfast_media_lost_total") > 0 and gw.metric("holdfast_media_units_dropped_total") > 0)
