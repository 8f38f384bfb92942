"""What the sections of scripts/bench share: servers pinned to their CPU, the generator, tables and the JSON file."""
import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
OUT = os.path.join(BUILD, "bench")
HOLDFAST = os.path.join(BUILD, "holdfast")
BENCH_WS = os.environ.get("BENCH_WS", os.path.join(BUILD, "bench_ws"))
FLOOR = os.environ.get("FLOOR", os.path.join(BUILD, "floor_echo"))
FANOUT = os.environ.get("FANOUT", os.path.join(BUILD, "floor_fanout"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = float(os.environ.get("SECONDS", "4"))
FORCE = os.environ.get("FORCE") == "1"
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[0], CPUS[-1]
SOURCES = "127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5"
START_SECONDS = 60  # a start after kill -9 replays the log first

report = {"tool": "scripts/bench", "rounds": ROUNDS, "seconds": SECONDS, "cpus": len(CPUS), "sections": {}}


def say(*text):
    print(*text, file=sys.stderr, flush=True)


# ---- servers ----

class Server:
    """A process of ours on one CPU, or on all. It dies with us, and we end only what we started."""

    def __init__(self, name, command, port, cpu=SERVER_CPU, cwd=None, path="/"):
        self.name, self.port, self.path, self.cwd = name, port, path, cwd
        self.command = (["taskset", "-c", str(cpu)] if cpu is not None else []) + command
        self.log = open(os.path.join(OUT, name.replace(" ", "-") + ".log"), "w")
        self.launch()

    def launch(self):
        """Seconds until it takes connections."""
        began = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log,
                                        cwd=self.cwd)
        self.pid = self.process.pid
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return time.monotonic() - began
            except OSError:
                if self.process.poll() is not None or time.monotonic() > began + START_SECONDS:
                    self.stop()
                    raise SystemExit("%s did not start; see %s" % (self.name, self.log.name))
                time.sleep(0.05)

    def crash(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def url(self, scheme="ws"):
        return "%s://127.0.0.1:%d%s" % (scheme, self.port, self.path)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.log.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def floor_server(*options):
    port = free_port()
    return Server("floor echo" if "--echo" in options else "floor", [FLOOR, "--port", str(port), *options], port)


def lws_server():
    binary = os.path.join(OUT, "lws_echo")
    source = os.path.join(ROOT, "bench/peers/lws/lws_echo.c")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libwebsockets"], capture_output=True, text=True)
    if flags.returncode != 0:
        say("lws is left out: libwebsockets-dev is not installed")
        return None
    subprocess.run(["cc", "-O2", "-o", binary, source, *flags.stdout.split()], check=True)
    port = free_port()
    return Server("libwebsockets", [binary, str(port)], port)


def gorilla_server():
    binary = os.path.join(OUT, "gorilla_echo")
    gopath = "/usr/share/gocode"
    if not shutil.which("go") or not os.path.isdir(gopath + "/src/github.com/gorilla/websocket"):
        say("gorilla is left out: golang-go and golang-github-gorilla-websocket-dev are not installed")
        return None
    environment = dict(os.environ, GO111MODULE="off", GOPATH=gopath, GOFLAGS="", GOCACHE=os.path.join(OUT, "gocache"))
    subprocess.run(["go", "build", "-o", binary, "main.go"], check=True, env=environment,
                   cwd=os.path.join(ROOT, "bench/peers/gorilla"))
    port = free_port()
    return Server("gorilla", [binary, "-addr", "127.0.0.1:%d" % port], port)


class Holdfast(Server):
    """A gateway of its own: data in a fresh directory, tokens signed with a fresh secret, one API key. Its limits are
    above what is measured, except where a section sets them."""

    RAISED = "admission.accept_per_s and tls_accept_per_s 100,000, admission.prefix_per_s off, limits.api_key_per_s 100,000"

    def __init__(self, name="holdfast", cpu=SERVER_CPU, workers=1, echo=False, tls=False, admission=None, limits=None, gb28181=None, tenant=None):
        self.dir = tempfile.mkdtemp(prefix="holdfast-bench-", dir=OUT)
        port, echo_port = free_port(), free_port()
        self.secret_file = os.path.join(self.dir, "tenant.secret")
        with open(self.secret_file, "w") as file:
            file.write(os.urandom(32).hex())
        os.chmod(self.secret_file, 0o600)
        self.key = "hfk_benchbench12_" + base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
        listener = {"name": "bench", "address": "127.0.0.1", "port": port, "roles": ["devices", "api"]}
        if tls:
            listener["tls"] = self.certificate()
        config = {  # JSON is YAML
            "node": {"name": "bench", "data_dir": self.dir, "workers": workers},
            "listeners": [listener],
            "admin": {"enabled": False},
            "admission": {"connections_max": 200000, "accept_per_s": 100000, "accept_capacity": 100000,
                          "tls_accept_per_s": 100000, "tls_accept_capacity": 100000, "prefix_per_s": 0,
                          **(admission or {})},
            "limits": {"api_key_per_s": 100000, "api_key_capacity": 100000, **(limits or {})},
            "api": {"api_keys": [{"id": "benchbench12", "tenant": "bench", "scopes": ["read", "write", "command", "metrics:read"],
                                  "sha256": hashlib.sha256(self.key.encode()).hexdigest()}]},
            "tenants": [{"name": "bench", "jwt_keys": [{"kid": "bench", "alg": "HS256",
                                                        "secret_file": self.secret_file}], **(tenant or {})}],
            "logging": {"level": "warn"},
            "dev": {"echo": echo, "echo_port": echo_port},
        }
        if gb28181:
            config["gb28181"] = gb28181
        path = os.path.join(self.dir, "holdfast.yaml")
        with open(path, "w") as file:
            json.dump(config, file, indent=1)
        super().__init__(name, [HOLDFAST, "serve", "--config", path], echo_port if echo else port, cpu, cwd=self.dir,
                         path="/" if echo else "/v1/connect/{device}")

    def certificate(self):
        for command in (["gen", "ca", "--out", "ca"], ["gen", "cert", "--server", "127.0.0.1", "--out", "server"]):
            subprocess.run([HOLDFAST, *command], cwd=self.dir, check=True, stdout=subprocess.DEVNULL)
        self.ca_file = os.path.join(self.dir, "ca.pem")
        return {"cert_file": os.path.join(self.dir, "server.pem"), "key_file": os.path.join(self.dir, "server.key")}

    def options(self):
        return ["--secret-file", self.secret_file, "--tenant", "bench", "--kid", "bench"]

    def stop(self):
        super().stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def wait_until_quiet(server):
    """Until the server has closed every connection and forgotten what it keeps for a moment (Holdfast: 10 s a device)."""
    deadline = time.monotonic() + 30
    while len(os.listdir("/proc/%d/fd" % server.pid)) > 100 and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(13 if server.name in ("holdfast device", "holdfast session") else 1)


def has_holdfast():
    if os.access(HOLDFAST, os.X_OK):
        return True
    say("holdfast is left out: %s is not built" % HOLDFAST)
    return False


# ---- the generator ----

def bench(server, mode, *options, cpu=LOAD_CPU, quiet_exit=(0,), url=None):
    """One run; returns (verdict, result by name, whole document). Anything but a measurement gives result None."""
    pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
    command = pin + [BENCH_WS, mode, url or server.url(), "--json", "--quiet", "--server-pid", str(server.pid),
                     *(["--force"] if FORCE else []), *[str(o) for o in options]]
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout:
        raise SystemExit("%s: %s" % (" ".join(command), done.stderr.strip()))
    document = json.loads(done.stdout)
    if done.returncode not in quiet_exit:
        say("  %s %s: %s %s" % (server.name, mode, document["verdict"], " ".join(document["runs"][0]["saturation"])))
    result = {k: v["median"] for k, v in (document["result"] or {}).items()}
    return document["verdict"], result or None, document


def save(section, rows):
    report["sections"][section] = rows
    with open(os.path.join(OUT, "bench.json"), "w") as file:
        json.dump(report, file, indent=1)


def table(title, head, rows):
    print("\n## %s\n" % title)
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    sys.stdout.flush()


def bar(value, limit, below=True):
    return "met" if (value <= limit if below else value >= limit) else "MISSED"


def spread(values):
    return "%.3f [%.3f .. %.3f]" % (statistics.median(values), min(values), max(values))
