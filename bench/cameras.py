"""The section `cameras` of scripts/bench: what a camera of GB/T 28181 costs. CPU of an authenticated REGISTER pair beside Debian's kamailio as a digest registrar, and
100,000 of them: held, and all registering again within a minute."""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import time

from kit import BUILD, FORCE, LOAD_CPU, OUT, ROUNDS, SECONDS, SERVER_CPU, Holdfast, bar, has_holdfast, save, say, spread, table

BENCH_GB = os.environ.get("BENCH_GB", os.path.join(BUILD, "bench_gb"))
FLEET = int(os.environ.get("CAMERAS", "100000"))
SERVER_ID, REALM, PASSWORD = "34020000002000000001", "3402000000", "12345678"
BUSY_SHARE = 0.8  # of its CPU: below, the server waited for the generator
FILES_OF_A_PROCESS = 15000  # below the usual limit of 20,000

KAMAILIO = """#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:%(port)d
mpath="%(modules)s"
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 16)
modparam("registrar", "max_expires", 86400)
modparam("auth", "nonce_expire", 60)
request_route {
    if (method == "REGISTER") {
        if (!pv_www_authenticate("%(realm)s", "%(password)s", "0")) {
            www_challenge("%(realm)s", "1");
            exit;
        }
        save("location");
        exit;
    }
    if (method == "MESSAGE") {
        sl_send_reply("200", "OK");
        exit;
    }
    sl_send_reply("405", "Method Not Allowed");
}
"""


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Kamailio:
    """One UDP worker, bindings in memory, digest with one password in its configuration: no database, as ours. All its processes on one CPU."""

    name = "kamailio"

    def __init__(self, modules):
        self.dir = os.path.join(OUT, "kamailio")
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.sip_port = free_udp_port()
        path = os.path.join(self.dir, "kamailio.cfg")
        with open(path, "w") as file:
            file.write(KAMAILIO % {"port": self.sip_port, "modules": modules, "realm": REALM, "password": PASSWORD})
        self.log = open(os.path.join(OUT, "kamailio.log"), "w")
        self.process = subprocess.Popen(["taskset", "-c", str(SERVER_CPU), "kamailio", "-f", path, "-DD", "-E", "-m", "512", "-M", "32", "-Y", self.dir],
                                        stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit("kamailio did not start; see %s" % self.log.name)
            time.sleep(0.2)

    def answers(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.3)
            probe.connect(("127.0.0.1", self.sip_port))
            try:
                probe.send((f"MESSAGE sip:{SERVER_ID}@{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{probe.getsockname()[1]};rport;branch=z9hG4bKup\r\n"
                            f"From: <sip:up@{REALM}>;tag=1\r\nTo: <sip:up@{REALM}>\r\nCall-ID: up\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n"
                            "Content-Length: 0\r\n\r\n").encode())
                return probe.recv(4096).startswith(b"SIP/2.0 200")
            except OSError:
                return False

    def pids(self):
        children = open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)).read().split()
        return ",".join([str(self.process.pid), *children])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def kamailio():
    found = [path for path in ("/usr/lib/x86_64-linux-gnu/kamailio/modules/", "/usr/lib/aarch64-linux-gnu/kamailio/modules/", "/usr/lib/kamailio/modules/")
             if os.path.exists(path + "auth.so")]
    if not shutil.which("kamailio") or not found:
        say("kamailio is left out: the package kamailio is not installed")
        return None
    return Kamailio(found[0])


class Cameras(Holdfast):
    """A gateway with a SIP port."""

    def __init__(self, name, **options):
        self.sip_port = free_udp_port()
        password = os.path.join(OUT, "gb.password")
        with open(password, "w") as file:
            file.write(PASSWORD)
        os.chmod(password, 0o600)
        super().__init__(name, gb28181={"enabled": True, "server_id": SERVER_ID, "password_file": password,
                                        "listeners": [{"name": "sip", "address": "127.0.0.1", "port": self.sip_port}]}, **options)

    def pids(self):
        return str(self.pid)


def bench_gb(server, mode, *options):
    """One run; (verdict, result by name, document)."""
    command = ["taskset", "-c", str(LOAD_CPU), BENCH_GB, mode, "127.0.0.1:%d" % server.sip_port, "--json", "--quiet", "--server-pid", server.pids(),
               "--password-env", "CAMERA_PASSWORD", *(["--force"] if FORCE else []), *[str(option) for option in options]]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, CAMERA_PASSWORD=PASSWORD))
    if not done.stdout:
        raise SystemExit("%s: %s" % (" ".join(command), done.stderr.strip()))
    document = json.loads(done.stdout)
    if document["verdict"] != "measured":
        say("  %s %s: %s %s" % (server.name, mode, document["verdict"], " ".join(document["runs"][0]["saturation"])))
    return document["verdict"], {name: value["median"] for name, value in (document["result"] or {}).items()} or None, document


def register_pairs(devices=200):
    """REGISTER, 401, REGISTER with digest, 200, over UDP, of devices that are in: server CPU of a pair, in turn, ratio within a round. A closed loop keeps the server's CPU busy, so
    that waking up from idle, which depends on the rate and not on the server, stays out of the figure; on a quiet machine rounds in which it was less than 80 % busy are
    dropped. The first list of each camera is asked for before, as far as 20 s go."""
    servers = [server for server in (kamailio(), Cameras("holdfast cameras")) if server]
    cost = {server.name: [] for server in servers}
    rate = {server.name: [] for server in servers}
    ratios = []
    try:
        for turn in range(ROUNDS):
            now = {}
            for server in servers[:: 1 if turn % 2 == 0 else -1]:
                verdict, result, _ = bench_gb(server, "refresh", "--devices", devices, "--rate", 200, "--closed", "--duration", "%gs" % SECONDS, "--settle",
                                              "15s" if turn == 0 else "1s", "--keepalive", "1h", "--cpu-max", 101, "--stall-max", "1s")
                if verdict == "measured" and (FORCE or result["server_cpu_share"] >= BUSY_SHARE):
                    now[server.name] = result["server_cpu_per_pair"]
                    cost[server.name].append(result["server_cpu_per_pair"])
                    rate[server.name].append(result["refreshes_per_second"])
            say("round %d: %s" % (turn + 1, "  ".join("%s %.2f us" % item for item in now.items())))
            if len(now) == 2:
                ratios.append(now["holdfast cameras"] / now["kamailio"])
    finally:
        for server in servers:
            server.stop()
    save("cameras_register", {"cost_us": cost, "pairs_per_second": rate, "ratios": ratios})
    rows = []
    for server in servers:
        if cost[server.name]:
            ours = server.name != "kamailio"
            rows.append((server.name, "%.2f" % statistics.median(cost[server.name]), spread(ratios) if ours and ratios else "1" if not ours else "",
                         "%.0f" % statistics.median(rate[server.name]), bar(statistics.median(ratios), 0.7) + " (0.70)" if ours and ratios else ""))
    table("REGISTER with challenge over UDP, closed loop of %d devices" % devices, ["server", "CPU us/pair", "of kamailio", "pairs 1/s", "bar"], rows)


def held():
    """All come in, stay for two minutes at 60 s, and register again within 60 s."""
    processes = -(-FLEET // FILES_OF_A_PROCESS)
    common = ["--devices", FLEET, "--processes", processes, "--keepalive", "60s", "--expires", 86400, "--settle", "35s", "--timeout", "120s"]
    rows, saved = [], {}
    server = Cameras("holdfast fleet")
    try:
        verdict, result, document = bench_gb(server, "hold", *common, "--rate", 2000, "--duration", "120s")
        saved["hold"] = document
        if result:
            rows += [("CPU of one core, keepalives each 60 s", "%.1f %%" % (100 * result["server_cpu_share"]), bar(result["server_cpu_share"], 0.15) + " (15 %)"),
                     ("memory of a camera", "%.0f bytes" % result["private_at_rest"], bar(result["private_at_rest"], 2048) + " (2,048)"),
                     ("not registered at the end", "%.0f" % result["out_at_end"], bar(result["out_at_end"], 0) + " (0)")]
        say("hold: %s" % verdict)
    finally:
        server.stop()
    server = Cameras("holdfast fleet")
    try:
        verdict, result, document = bench_gb(server, "refresh", *common, "--rate", 2000, "--duration", "60s", "--drain", "10s")
        saved["refresh"] = document
        if result:
            counters = document["runs"][0]["counters"]
            rows += [("all register again within 60 s: CPU of one core", "%.1f %%" % (100 * result["server_cpu_share"]), ""),
                     ("of these answered", "%.0f of %.0f" % (counters["refreshes"], counters["refreshes_meant"]),
                      bar(counters["refreshes"], counters["refreshes_meant"], False) + " (all)"),
                     ("not registered at the end", "%.0f" % result["out_at_end"], bar(result["out_at_end"], 0) + " (0)"),
                     ("REGISTER to its 200, 99 %", "%.1f ms" % (result["refresh_p99"] / 1e3), "")]
        say("refresh: %s" % verdict)
    finally:
        server.stop()
    save("cameras_fleet", saved)
    table("%d cameras over UDP, server on one CPU" % FLEET, ["what", "measured", "bar"], rows)


def section_cameras():
    if not has_holdfast():
        return
    register_pairs()
    held()
