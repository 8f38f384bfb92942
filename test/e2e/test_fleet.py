"""`holdfast dev` has a small living fleet: child processes that live as long as it does."""
import os
import re
import signal
import subprocess

import pytest

from lib.agent import samples
from lib.dev import Dev
from lib.gateway import BINARY, eventually
from lib.pace import WAIT_S


@pytest.fixture
def dev(tmp_path):
    all_of_them = []

    def start(*args, **options):
        all_of_them.append(Dev(tmp_path / "data", *args, **options))
        return all_of_them[-1]
    yield start
    for one in all_of_them:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        one.process.stdout.close()


def test_bicycles_and_cameras_live_as_long_as_the_gateway(dev, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to("/bin/sh")
    one = dev("--fleet", "3", env={**os.environ, "PATH": str(tmp_path / "bin")})  # without an ffmpeg there is no film, and no waiting for it
    (line,) = one.said("fleet")
    assert re.search(r"3 simulated bicycles, bicycle-001 to 003, and 2 cameras; --fleet 0", line)
    bicycles = {"bicycle-001", "bicycle-002", "bicycle-003"}
    eventually(lambda: one.online() >= bicycles | {"34020000001320000101", "34020000001320000102"})
    eventually(lambda: all(len(samples(one, bicycle)) > 8 for bicycle in bicycles))
    (agent,) = one.children("agent")
    os.kill(agent, signal.SIGKILL)
    eventually(lambda: one.children("agent") not in ([], [agent]))
    eventually(lambda: one.online() >= bicycles)
    one.process.terminate()
    assert one.process.wait(WAIT_S) == 0
    assert one.children("agent") == one.children("gb-device") == []


def test_the_console_is_said_last_when_the_fleet_is_there(dev):
    one = dev("--fleet", "3", cameras=False, until="  console ")
    assert all(one.client.get(f"/v1/devices/bicycle-00{i}")["live"]["connected"] for i in (1, 2, 3))


def test_no_gateway_no_fleet(dev):
    one = dev(cameras=False)
    (line,) = one.said("fleet")
    assert "25 simulated bicycles, bicycle-001 to 025;" in line
    eventually(lambda: one.children("agent"))
    one.process.kill()
    one.process.wait()
    eventually(lambda: not one.children("agent"))


def test_it_can_be_turned_off(dev):
    one = dev("--fleet", "0")
    assert one.said("fleet") == [] and not (one.folder / "dev" / "fleet.tokens").exists()
    one.process.terminate()
    assert one.process.wait(WAIT_S) == 0
    result = subprocess.run([str(BINARY), "dev", "--fleet", "1000"], capture_output=True, text=True)
    assert result.returncode == 2 and "--fleet" in result.stderr
