"""The section `sessions` of scripts/bench: holdfast.v1, what a session costs beside a raw connection, and what it is for."""
import contextlib
import json
import os
import re
import selectors
import signal
import socket
import statistics
import subprocess

from kit import (BENCH_WS, CPUS, FORCE, HOLDFAST, ROUNDS, SECONDS, SOURCES, Holdfast, bar, bench, floor_server, has_holdfast, save, say,
                 spread, table, wait_until_quiet)

SESSION = ["--protocol", "holdfast.v1"]
BEAT_BYTES, BEATS_PER_SECOND = 22, 0.2  # a PING in its WebSocket message; every 5 s
COMMAND_CONNECTIONS = 64
RESUME_RATE = 5000  # dials a second


def faults_of(document):
    counters = document["runs"][0]["counters"]
    return sum(counters[n] for n in ("lost", "duplicate", "reordered", "corrupt", "refused", "unsent"))


def sessions_uplink(connections=1000):
    """Raw and holdfast.v1 in turn, on the same CPUs as the generator, as in the section uplink."""
    kinds = {"raw": [], "holdfast.v1": SESSION}
    rates, cpu, p99, faults = ({kind: [] for kind in kinds} for _ in range(4))
    ratios, cpu_ratios = [], []
    server = Holdfast("holdfast uplink", cpu=None, workers=len(CPUS))
    try:
        for turn in range(ROUNDS):
            now = {}
            for kind in list(kinds)[::1 if turn % 2 == 0 else -1]:
                _, result, document = bench(server, "uplink", "--connections", connections, "--payload", 200, "--window", 32,
                                            "--warmup", "2s", "--duration", "%gs" % (2 * SECONDS), "--processes", len(CPUS),
                                            "--stall-max", "1s", *kinds[kind], *server.options(), cpu=None)
                faults[kind].append(faults_of(document))
                if result:
                    now[kind] = result
                    rates[kind].append(result["messages_per_second"])
                    cpu[kind].append(result["server_cpu_per_message"])
                    p99[kind].append(result["latency_p99"])
            if len(now) == len(kinds):
                ratios.append(now["holdfast.v1"]["messages_per_second"] / now["raw"]["messages_per_second"])
                cpu_ratios.append(now["holdfast.v1"]["server_cpu_per_message"] / now["raw"]["server_cpu_per_message"])
                say("round %d: %.0f/s of %.0f/s" % (turn + 1, rates["holdfast.v1"][-1], rates["raw"][-1]))
    finally:
        server.stop()
    save("sessions_uplink", {"rates": rates, "cpu_us": cpu, "p99_us": p99, "ratios": ratios, "cpu_ratios": cpu_ratios,
                             "faults": faults})
    if not ratios:
        print("\nSessions, uplink: no result")
        return
    rows = []
    for kind in kinds:
        session = kind != "raw"
        met = bar(statistics.median(ratios), 0.9, False) + " (0.90)" if sum(faults[kind]) == 0 else "MISSED (faults)"
        rows.append((kind, "%.0f" % statistics.median(rates[kind]), spread(ratios) if session else "1",
                     "%.2f" % statistics.median(cpu[kind]), spread(cpu_ratios) if session else "1",
                     "%.0f" % (statistics.median(p99[kind]) / 1e3), sum(faults[kind]), met if session else ""))
    table("Sessions: durable uplink, 200 bytes, %d devices, 32 under way" % connections,
          ["protocol", "acknowledged 1/s", "x raw, median [min .. max] of %d rounds" % len(ratios), "CPU us/message",
           "x raw", "p99 ms", "faults", "bar"], rows)


def sessions_idle(connections=15000, rounds=min(ROUNDS, 3)):
    """Memory as in the section idle. CPU with a heartbeat every 5 s, beside the bare loop that echoes messages of the same
    size: in the same rhythm (as many connections, 3,000 messages a second, where each message finds cold caches and mostly a sleeping process),
    and busy all the time with 200 connections, the least that an echo can cost here."""
    sessions, rhythm, busy = [], [], []
    floor = floor_server("--echo")
    opening = ["--connections", connections, "--sources", SOURCES, "--timeout", "30s", "--lag-max", "20ms"]
    try:
        for _ in range(rounds):
            server = Holdfast("holdfast session")
            try:
                options = [*SESSION, "--heartbeat", "5s", *server.options()]
                bench(server, "hold", "--connections", 1000, "--warmup", "0s", "--duration", "100ms", *options)
                wait_until_quiet(server)
                _, result, _ = bench(server, "hold", *opening, "--connect-rate", 1500, "--warmup", "6s", "--duration", "10s",
                                     *options)
            finally:
                server.stop()
            _, same, _ = bench(floor, "echo", *opening, "--connect-rate", 3000, "--payload", BEAT_BYTES, "--rate",
                               connections * BEATS_PER_SECOND, "--warmup", "2s", "--duration", "10s")
            _, least, _ = bench(floor, "echo", "--connections", 200, "--window", 1, "--payload", BEAT_BYTES, "--warmup", "500ms",
                                "--duration", "%gs" % SECONDS, "--cpu-max", 101, "--stall-max", "1s")
            if not result or not same or not least:
                continue
            sessions.append(result)
            rhythm.append(same["server_cpu_per_message"] * BEATS_PER_SECOND)
            busy.append(least["server_cpu_per_message"] * BEATS_PER_SECOND)
            say("idle: %.0f bytes, %.2f us/s; the bare loop %.2f in the same rhythm, %.2f busy" %
                (result["private_per_connection"], result["idle_cpu_per_connection"], rhythm[-1], busy[-1]))
    finally:
        floor.stop()
    save("sessions_idle", {"sessions": sessions, "floor_rhythm_us": rhythm, "floor_busy_us": busy})
    if not sessions:
        print("\nSessions, idle: no result")
        return
    middle = {name: statistics.median(s[name] for s in sessions) for name in sessions[0]}
    private, cpu = middle["private_per_connection"], middle["idle_cpu_per_connection"]
    least, same = statistics.median(busy), statistics.median(rhythm)
    table("Sessions: %d idle ones, %d rounds" % (connections, len(sessions)), ["what", "measured", "bar"],
          [("RSS bytes/session", "%.0f" % middle["rss_per_connection"], ""),
           ("of it anonymous", "%.0f" % private, bar(private, 1024) + " (1,024)"),
           ("CPU us/s of a session, a heartbeat every 5 s", "%.2f" % cpu, bar(cpu, 0.5) + " (0.5)"),
           ("the bare loop, %d bytes echoed in the same rhythm" % BEAT_BYTES, "%.2f" % same, ""),
           ("x the bare loop, median [min .. max]",
            spread([s["idle_cpu_per_connection"] / f for s, f in zip(sessions, rhythm)]), ""),
           ("the bare loop, busy all the time", "%.2f" % least, "")])
    if min(least, same) > 0.5:
        print("\nThe bare loop alone is above the bar here: that is the kernel's share, one recv() and one send() for each heartbeat%s."
              % (", and waking up for it" if same > least else ""))


@contextlib.contextmanager
def chaos(server, *options):
    """The port of `holdfast chaos` in front of a server."""
    proxy = subprocess.Popen([HOLDFAST, "chaos", "--to", "127.0.0.1:%d" % server.port, "--listen", "127.0.0.1:0", *options],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=server.log)
    try:
        yield int(json.loads(proxy.stdout.readline())["listen"].rsplit(":", 1)[1])
    finally:
        proxy.terminate()
        proxy.communicate()


def sessions_path(rtt_ms=62):
    """One connection over a long path: its window, and what the gateway takes from one device, are the bounds."""
    rows, values = [], {}
    for name, limits in (("as by default: 1,000/s of a device", None),
                         ("limits.device_uplink_per_s raised", {"device_uplink_per_s": 100000, "device_uplink_capacity": 100000})):
        server = Holdfast("holdfast path", cpu=None, limits=limits)
        try:
            with chaos(server, "--rtt", "%dms" % rtt_ms) as port:
                verdict, result, document = bench(server, "uplink", "--connections", 1, "--payload", 200, "--window", 256,
                                                  "--warmup", "5s", "--duration", "%gs" % (2 * SECONDS), "--drain", "10s",
                                                  "--stall-max", "1s", *SESSION, *server.options(), cpu=None,
                                                  url="ws://127.0.0.1:%d%s" % (port, server.path))
        finally:
            server.stop()
        values[name] = {"verdict": verdict, "result": result}
        if result is None:
            rows.append((name, verdict, "", "", "no result"))
            continue
        faults = faults_of(document)
        rows.append((name, "%.0f" % result["messages_per_second"], "%.0f" % (result["latency_p50"] / 1e3), faults,
                     bar(result["messages_per_second"], 800, False) + " (800)" if faults == 0 else "MISSED (faults)"))
    save("sessions_path", values)
    table("Sessions: one connection, %d ms round trip, window 256, 200 bytes" % rtt_ms,
          ["limits", "acknowledged 1/s", "p50 ms", "faults", "bar"], rows)


class Lane:
    """One keep-alive connection that posts its requests one after the other."""

    LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

    def __init__(self, server, requests):
        self.requests, self.answer, self.refused = requests, b"", []
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self):
        """False: there is nothing more."""
        request = next(self.requests, None)
        if request is not None:
            self.socket.sendall(request)
        return request is not None

    def answered(self):
        """Reads on; true when an answer is complete."""
        got = self.socket.recv(65536)
        if not got:
            raise SystemExit("the gateway ended a connection of the API")
        self.answer += got
        head, end, body = self.answer.partition(b"\r\n\r\n")
        if not end or len(body) < int(self.LENGTH.search(head).group(1)):
            return False
        if not head.startswith(b"HTTP/1.1 202"):
            self.refused.append(body)
        self.answer = b""
        return True


def post_commands(server, devices, each):
    """`each` commands to each device, with the marks that `bench ws resume` checks, in each device's order. Returns how many were
    not taken."""
    def requests(mine):
        for number in range(each):
            for device in mine:
                body = '{"name":"blink","payload":{"hfb":"%d-%d"}}' % (device, number)
                yield ("POST /v1/devices/bench-%06d/commands HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                       "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                       % (device, server.key, len(body), body)).encode()

    lanes = [Lane(server, requests(devices[i::COMMAND_CONNECTIONS])) for i in range(COMMAND_CONNECTIONS)]
    with selectors.DefaultSelector() as selector:
        for lane in lanes:
            if lane.post():
                selector.register(lane.socket, selectors.EVENT_READ, lane)
        while selector.get_map():
            for key, _ in selector.select():
                if key.data.answered() and not key.data.post():
                    selector.unregister(key.fileobj)
    refused = [body for lane in lanes for body in lane.refused]
    for lane in lanes:
        lane.socket.close()
    if refused:
        say("  %d commands not taken: %s" % (len(refused), refused[0].decode()))
    return len(refused)


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resume_run(connections, each):
    """The fleet opens, is dropped, misses `each` commands; kill -9, a new start; all come back. Neither side is pinned. Times are from the first
    redial: a generator that is late makes them longer, so it needs no verdict of its own."""
    server = Holdfast("holdfast resume", cpu=None, workers=len(CPUS))
    fleet = subprocess.Popen([BENCH_WS, "resume", server.url(), "--json", "--quiet", *(["--force"] if FORCE else []), *SESSION,
                              "--connections", str(connections), "--connect-rate", str(RESUME_RATE), "--sources", SOURCES,
                              "--processes", str(len(CPUS)), "--expect", str(each), "--timeout", "30s", "--duration", "60s",
                              "--drain", "20s", "--lag-max", "10s", "--stall-max", "10s", "--cpu-max", "101", *server.options()],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def until(word):
        said = []
        for line in fleet.stderr:
            if ": %s: " % word in line:
                return
            said.append(line.strip())
        raise SystemExit("resume: %s" % " ".join(said))
    try:
        until("ready")
        fleet.send_signal(signal.SIGUSR1)
        until("away")
        refused = post_commands(server, range(1, connections + 1), each) if each else 0
        server.crash()
        start_s = server.launch()
        start_cpu_s = cpu_seconds(server.pid)
        fleet.send_signal(signal.SIGUSR2)
        document = json.loads(fleet.communicate(timeout=200)[0])
        cpu_s = cpu_seconds(server.pid) - start_cpu_s
    finally:
        if fleet.poll() is None:
            fleet.kill()
            fleet.communicate()
        server.stop()
    counters, result = document["runs"][0]["counters"], {k: v["median"] for k, v in document["result"].items()}
    run = {"not_resumed": connections - counters["resumed"], "wrong": refused + faults_of(document), "start_s": start_s,
           "back_s": result["back_last"] / 1e6, "last_s": result["missed_last" if each else "back_last"] / 1e6,
           "cpu_us": 1e6 * cpu_s / connections, "document": document}
    say("resume, %d commands: %.1f s, %d not resumed, %d wrong %s" %
        (each, run["last_s"], run["not_resumed"], run["wrong"],
         {k: v for k, v in document["runs"][0]["connections"]["failures"].items() if v} or ""))
    return run


def sessions_resume(connections=15000, rounds=min(ROUNDS, 3)):
    rows, values = [], {}
    for each, limit in ((0, 5), (10, 10)):
        runs = values[each] = [resume_run(connections, each) for _ in range(rounds)]
        middle = {name: statistics.median(run[name] for run in runs) for name in ("start_s", "back_s", "cpu_us")}
        gone, wrong = sum(run["not_resumed"] for run in runs), sum(run["wrong"] for run in runs)
        worst = max(run["last_s"] for run in runs)
        rows.append(("%d commands each" % each if each else "nothing", "%.1f" % middle["start_s"], "%.2f" % middle["back_s"],
                     spread([run["last_s"] for run in runs]) if each else "", gone, wrong, "%.0f" % middle["cpu_us"],
                     bar(worst, limit) + " (%d s)" % limit if gone + wrong == 0 else "MISSED (faults)"))
    save("sessions_resume", values)
    table("Sessions: %d resume after kill -9 and a new start, %d dials a second, %d runs" % (connections, RESUME_RATE, rounds),
          ["missed", "start until it listens s", "first redial to last WELCOME s", "to last command s, median [min .. max]",
           "not resumed", "lost, doubled, misdirected", "CPU us/session", "bar (worst run)"], rows)
    print("\nLimits raised: %s. Commands came over %d keep-alive connections while the devices were away, and each is answered with a RESULT that becomes "
          "durable, too." % (Holdfast.RAISED, COMMAND_CONNECTIONS))


def section_sessions():
    if has_holdfast():
        for part in (sessions_uplink, sessions_idle, sessions_path, sessions_resume):
            part()
