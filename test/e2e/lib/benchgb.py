"""`holdfast bench gb` as a process, against a gateway of the tests."""
import json
import os
import subprocess

from lib import sip
from lib.gateway import BINARY

EASY = ["--force", "--quiet", "--json", "--lag-max", "10s", "--stall-max", "10s", "--cpu-max", "101"]  # a test machine is busy; figures are not judged here


def bench(gw, mode, *options, password=None, env=None, serial=1):
    """Exit status, verdict, result, counters."""
    environment = {**os.environ, "BENCH_PASSWORD": password or sip.ENV["GB_PASSWORD"], **(env or {})}
    done = subprocess.run([str(BINARY), "bench", "gb", mode, "127.0.0.1:%d" % sip.port(gw), "--password-env", "BENCH_PASSWORD", "--first-id",
                           "34020000001320%06d" % serial, *EASY, *map(str, options)], capture_output=True, text=True, env=environment, timeout=120)
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    result = {name: value["median"] for name, value in (document["result"] or {}).items()}
    return done.returncode, document["verdict"], result, document["runs"][0]["counters"]
