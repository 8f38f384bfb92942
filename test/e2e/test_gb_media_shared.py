"""One port for all media: two cameras over UDP and two over TCP at a time, each with a film of its own, seen by ffprobe."""
import concurrent.futures
import contextlib
import json
import subprocess

import pytest

from lib import pscamera, sip
from lib.camera import Camera
from lib.gateway import eventually

PORT = 26500  # below those that the kernel gives out by itself
MEDIA = {"media": {"address": "127.0.0.1", "port_first": 26600, "port_last": 26699, "shared_port": PORT, "unwatched_ms": "1s"}}
SIZES = ["320x240", "160x120"]


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(MEDIA), env=sip.ENV)


def test_streams_at_one_port_are_told_apart(gw, tmp_path):
    cameras = []
    try:
        for n, (size, transport) in enumerate([(size, transport) for size in SIZES for transport in ("udp", "tcp_passive")]):
            folder = tmp_path / size
            if not folder.exists():
                folder.mkdir()
                pscamera.picture(folder, size=size)
            camera = Camera(sip.port(gw), f"3402000000132{n + 1:07d}", sip.ENV["GB_PASSWORD"], "--media", folder / "libx264.mpg")
            cameras.append(camera)
            camera.wait("registered", status=200)
            gw.api().wait("online", device=camera.id)
            camera.udp = transport == "udp"
            camera.path, camera.size = f"/v1/cameras/{camera.id}/3402000000131{camera.id[13:]}/", size
            answer = gw.api().do("POST", camera.path + "play", {"transport": transport})
            assert answer.status == 200 and answer.json["result"]["to"]["port"] == PORT, answer.body

        def probe(camera):
            run = subprocess.run(["ffprobe", "-v", "error", "-headers", f"Authorization: Bearer {gw.keys['admin']}\r\n", "-read_intervals", "%+3", "-count_packets", "-show_entries",
                                  "stream=width,height,nb_read_packets", "-of", "json", gw.url() + camera.path + "live.mp4"], capture_output=True, text=True, timeout=60)
            assert run.returncode == 0, run.stderr
            return json.loads(run.stdout)["streams"][0]
        with contextlib.ExitStack() as watchers, concurrent.futures.ThreadPoolExecutor(4) as pool:
            for camera in cameras:
                watchers.enter_context(pscamera.watching(gw, camera.path + "live.mp4"))
            for camera, video in zip(cameras, pool.map(probe, cameras)):
                assert f"{video['width']}x{video['height']}" == camera.size
                assert int(video["nb_read_packets"]) >= 20
            for camera in cameras:
                media = gw.api().get(camera.path + "media")
                assert (media["port"], media["lost"], media["resyncs"], media["ssrc_agreed"]) == (PORT, 0, 0, True)
        assert gw.metric("holdfast_media_ports", state="used") == 0
        for camera in cameras:
            ended = camera.wait("hung_up")["text"]  # nobody watches any more; over TCP the end of the media connection may overtake the BYE
            assert ended in (["BYE came"] if camera.udp else ["BYE came", "the media connection is lost"]), ended
        eventually(lambda: gw.metric("holdfast_media_legs") == 0)
        assert gw.metric("holdfast_media_ssrc_collisions_total") == 0
    finally:
        for camera in cameras:
            camera.__exit__()
