"""The real gateway as a child process, with a configuration of its own in a folder of its own."""
import copy
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import yaml

from lib.api import Api
from lib.notify import Notify
from lib.pace import WAIT_S
from lib.ports import own_port
from lib.rawws import RawWs
from lib.tokens import api_key, jwt

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("HOLDFAST", ROOT / "build" / "holdfast"))


def merge(base, changes):
    """changes over base: objects member by member, everything else as a whole."""
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return copy.deepcopy(changes)
    out = dict(base)
    for name, value in changes.items():
        out[name] = merge(base.get(name), value) if name in base else copy.deepcopy(value)
    return out


class Gateway:
    def __init__(self, folder, changes=None, binary=BINARY, lasting=False):
        """lasting: each start is at the same ports, those of the first listener and for SIP."""
        self.folder, self.binary = Path(folder), binary
        self.folder.mkdir(parents=True, exist_ok=True)
        self.secret = os.urandom(32).hex().encode()
        (self.folder / "k1.secret").write_bytes(self.secret)
        (self.folder / "k1.secret").chmod(0o600)
        self.other_secret = os.urandom(32).hex().encode()
        (self.folder / "k2.secret").write_bytes(self.other_secret)
        (self.folder / "k2.secret").chmod(0o600)
        self.keys = {}
        rows = []
        for name, tenant, scopes in (("admin", "acme", ["admin"]), ("reader", "acme", ["read"]),
                                     ("foreign", "umbrella", ["admin"]), ("operator", "*", ["admin"])):
            self.keys[name], row = api_key(name)
            rows.append({**row, "tenant": tenant, "scopes": scopes})
        self.config = merge({
            "node": {"name": "e2e", "data_dir": str(self.folder / "data"), "workers": 2},
            "listeners": [{"name": "main", "address": "127.0.0.1", "port": 0, "roles": ["devices", "api", "console"]}],
            "admin": {"port": 0},
            "store": {"map_initial_bytes": "16MiB"},
            "api": {"api_keys": rows},
            "tenants": [{"name": "acme", "token_leeway_ms": 0, "jwt_keys": [self.jwt_row("k1")]},
                        {"name": "umbrella", "token_leeway_ms": 0, "jwt_keys": [self.jwt_row("k2")]}],
            "drain": {"window_ms": "100ms"},
        }, changes or {})
        if lasting:
            for row in (self.config["listeners"][0], *self.config.get("gb28181", {}).get("listeners", [])):
                row["port"] = own_port()
        self.process = self.notify = None
        self.starts = 0

    def jwt_row(self, kid):
        return {"kid": kid, "alg": "HS256", "secret_file": str(self.folder / f"{kid}.secret")}

    # ---- life ----

    def write_config(self, changes=None, text=None):
        self.config = merge(self.config, changes or {})
        path = self.folder / "holdfast.yaml"
        path.write_text(text if text is not None else yaml.safe_dump(self.config, sort_keys=False))
        return path

    def start(self, env=None, stderr=None, **popen):
        path = self.write_config()
        self.starts += 1
        self.notify = Notify(self.folder / f"notify{self.starts}")
        self.log_path = self.folder / f"log{self.starts}"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [str(self.binary), "serve", "--config", str(path)], stdin=subprocess.DEVNULL, stdout=log, stderr=log if stderr is None else stderr,
                env={**os.environ, "NOTIFY_SOCKET": self.notify.path, **(env or {})}, **popen)
        try:
            self.notify.wait("READY=1", self.process.pid)
        except Exception as error:
            self.kill()
            raise AssertionError(f"the gateway did not start: {error}\n{self.log()}") from error
        self.run = json.loads((Path(self.config["node"]["data_dir"]) / "run.json").read_text())
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout_s=WAIT_S):
        """TERM; gives the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout_s)
        self.ended()
        return status

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.ended()

    def ended(self):
        self.process = None
        if self.notify is not None:
            self.notify.close()
            self.notify = None

    def reload(self):
        """HUP, until the gateway says that it is ready again. Gives what its log said meanwhile."""
        before = len(self.log())
        self.signal(signal.SIGHUP)
        self.notify.wait("RELOADING=1", self.process.pid)
        self.notify.wait("READY=1", self.process.pid)
        return self.log()[before:]

    def rss_bytes(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def fds(self):
        """Open descriptors but for the files of its data: those it opens when it first needs them."""
        folder, data, count = Path(f"/proc/{self.process.pid}/fd"), str(self.config["node"]["data_dir"]), 0
        for fd in os.listdir(folder):
            try:
                count += not os.readlink(folder / fd).startswith(data)
            except FileNotFoundError:
                pass  # closed meanwhile
        return count

    # ---- doors ----

    def listener(self, name="main"):
        for row in self.run["listeners"]:
            if row["name"] == name:
                return row
        raise AssertionError(f"no listener {name} in {self.run}")

    def address(self, name="main"):
        row = self.listener(name)
        return row["address"].rsplit(":", 1)[0].strip("[]"), row["port"]

    def url(self, name="main"):
        row = self.listener(name)
        return f"{'https' if row['tls'] else 'http'}://{row['address']}"

    @property
    def admin_url(self):
        return self.url("admin")

    def api(self, key="admin", **options):
        return Api(self.url(), self.keys.get(key, key), **options)

    def token(self, device, **options):
        return jwt(self.secret, device, **options)

    def connect(self, device="d1", listener="main", token=None, path=None, headers=None, **options):
        """A raw device, let in by a token in the Authorization header."""
        auth = {"Authorization": "Bearer " + (token or self.token(device))} if token != "" else {}
        return RawWs(self.address(listener), path or f"/v1/connect/{device}", {**auth, **(headers or {})}, **options)

    def known(self, *devices):
        """Devices that were here once: to a stranger nothing can be sent."""
        for device in devices:
            self.connect(device).close()
        return self

    def in_tables(self, device):
        """Until they know it; GET /v1/devices/... knows it before, from memory."""
        eventually(lambda: self.api().get(f"/v1/devices?contains={device}&limit=1")["devices"])

    def metrics(self):
        """{("name", (("label", "value"), ...)): number}"""
        from lib.metrics import parse
        return parse(self.api(None).text("GET", "/metrics", base=self.admin_url))

    def metric(self, name, **labels):
        """The sum over all rows of that name whose labels hold these."""
        return sum(value for (row, have), value in self.metrics().items()
                   if row == name and set(labels.items()) <= set(have))


def eventually(check, timeout_s=WAIT_S, every_s=0.02):
    """Until check() is true or raises nothing: for states that no event announces (counters, tables). Gives its value."""
    import threading
    pause, until, error = threading.Event(), time.monotonic() + timeout_s, None
    while True:
        try:
            value, error = check(), None
            if value:
                return value
        except AssertionError as failed:
            error = failed
        if time.monotonic() > until:
            raise error or AssertionError(f"not true within {timeout_s:g} s: {check}")
        pause.wait(every_s)
