"""The load generator against a small gateway that misbehaves on purpose: what goes wrong must be found and counted,
and nothing else. Independent of the product's codecs: frames are cut by hand here.

    python3 test/e2e/test_bench.py        BENCH_WS names the program; else it is beside $HOLDFAST or in build
"""
import asyncio
import base64
import concurrent.futures
import hashlib
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH_WS = os.environ.get("BENCH_WS") or os.path.join(
    os.path.dirname(os.environ.get("HOLDFAST", "")) or os.path.join(ROOT, "build"), "bench_ws")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(opcode, payload):
    head = bytes([0x80 | opcode])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    return head + bytes([126]) + struct.pack(">H", len(payload)) + payload


async def read_frame(reader):
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        length = struct.unpack(">H", await reader.readexactly(2))[0]
    assert second & 0x80, "a client frame must be masked"
    mask = await reader.readexactly(4)
    data = await reader.readexactly(length)
    return first & 0x0F, bytes(b ^ mask[i & 3] for i, b in enumerate(data))


class Gateway(threading.Thread):
    """fault(self, n, reply) -> list of replies for the n-th message of the whole run; the default is [reply]."""

    def __init__(self, status=101, fault=None, close_after=None, accept=None, http_status=202, tls=None, raw=False):
        super().__init__(daemon=True)
        self.tls, self.raw = tls, raw
        self.status, self.fault, self.close_after, self.accept = status, fault, close_after, accept
        self.http_status = http_status
        self.count = self.offset = self.posted = 0
        self.devices = {}
        self.tokens = []
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.start()
        self.ready.wait(5)

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self.copy if self.raw else self.serve,
                                                                          "127.0.0.1", 0, ssl=self.tls))
        self.port = self.server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join(5)
        self.server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(self.server.wait_closed())
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    async def copy(self, reader, writer):
        try:
            while data := await reader.read(4096):
                writer.write(data[:7])  # a stream has no message bounds: cut it
                await writer.drain()
                writer.write(data[7:])
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:] if line)}
                method, target, _ = lines[0].split(" ")
                if method == "POST":
                    await self.post(target, await reader.readexactly(int(fields["content-length"])), writer)
                    continue
                if self.status != 101:
                    writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % self.status)
                    await writer.drain()
                    break
                digest = hashlib.sha1(fields["sec-websocket-key"].encode() + GUID).digest()
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             b"Sec-WebSocket-Accept: " + (self.accept or base64.b64encode(digest)) + b"\r\n\r\n")
                path, _, token = target.partition("?token=")
                self.tokens.append(token)
                self.devices[path.rsplit("/", 1)[1]] = writer
                writer.write(frame(1, b'{"type":"welcome"}') if "/v1/connect/" in path else b"")
                await self.frames(reader, writer)
                break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def frames(self, reader, writer):
        while True:
            opcode, data = await read_frame(reader)
            if opcode == 8:
                writer.write(frame(8, data))
                return
            n, self.count = self.count, self.count + 1
            if self.close_after is not None and n >= self.close_after[0]:
                writer.write(frame(8, struct.pack(">H", self.close_after[1])))
                return
            reply, kind = data, opcode
            if opcode == 1:
                self.offset += 1
                message = json.loads(data)
                reply, kind = b'{"type":"ack","id":"%s","offset":%d}' % (message["id"].encode(), self.offset), 1
            for out in self.fault(self, n, reply) if self.fault else [reply]:
                writer.write(frame(kind, out))

    async def post(self, target, body, writer):
        payload = json.loads(body)["payload"]
        n, self.posted = self.posted, self.posted + 1
        out = frame(1, json.dumps({"type": "message", "payload": payload}, separators=(",", ":")).encode())
        ok = self.http_status < 300
        writers = list(self.devices.values()) if target == "/v1/broadcast" else \
            [self.devices[target.split("/")[3]]]
        for number, device in enumerate(writers if ok else []):
            if not self.fault or self.fault(self, n, number):
                device.write(out)
        writer.write(b"HTTP/1.1 %d OK\r\nContent-Length: 2\r\n\r\n{}" % self.http_status)
        await writer.drain()


LOSSY = ("--drain", "2s")  # what is lost is waited for so long; else draining ends when all is there


def bench(mode, gateway, *options, path="/", scheme="ws"):
    command = [BENCH_WS, mode, "%s://127.0.0.1:%d%s" % (scheme, gateway.port, path), "--json", "--force", "--connections", "4",
               "--warmup", "0s", "--duration", "1s", "--drain", "20s", "--lag-max", "5s", "--stall-max", "5s",
               "--cpu-max", "101", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    document = json.loads(done.stdout) if done.stdout else None
    return done.returncode, document, document["runs"][0] if document else done.stderr


class Refuser(threading.Thread):
    """Sends everyone away before it has read a byte: by a reset, or in words."""

    def __init__(self, words=b""):
        super().__init__(daemon=True)
        self.words, self.accepted = words, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            with connection:
                if self.words:
                    connection.sendall(self.words)
                else:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join(5)


DEVICE = "/v1/connect/{device}"


class Bench(unittest.TestCase):
    def gateway(self, **options):
        gateway = Gateway(**options)
        self.addCleanup(gateway.stop)
        return gateway

    def counters(self, run, **expected):
        names = ("lost", "duplicate", "reordered", "corrupt", "refused")
        self.assertEqual({n: run["counters"][n] for n in names}, {n: expected.get(n, 0) for n in names})

    def test_echo_in_good_order(self):
        status, document, run = bench("echo", self.gateway(), "--rate", "200")
        self.assertEqual(status, 0, run)
        self.assertEqual(document["verdict"], "measured")
        self.assertEqual(run["counters"]["sent"], 200)
        self.assertEqual(run["counters"]["answered"], 200)
        self.assertEqual(run["times_us"]["latency"]["count"], 200)
        self.counters(run)

    def test_closed_loop_keeps_the_window(self):
        status, _, run = bench("uplink", self.gateway(), "--window", "3", "--payload", "200", path=DEVICE)
        self.assertEqual(status, 0, run)
        self.assertEqual(run["counters"]["answered"], run["counters"]["sent"])
        self.assertEqual(run["counters"]["foreign"], 4)  # a greeting each

    def test_a_lost_answer_is_found(self):
        fault = lambda g, n, reply: [] if n in (10, 11, 150) else [reply]
        for mode, path in (("echo", "/"), ("uplink", DEVICE)):
            status, document, run = bench(mode, self.gateway(fault=fault), "--rate", "200", *LOSSY, path=path)
            self.assertEqual((status, document["verdict"]), (1, "failed"))
            self.counters(run, lost=3)

    def test_a_repeated_answer_is_found(self):
        fault = lambda g, n, reply: [reply, reply] if n == 50 else [reply]
        _, _, run = bench("echo", self.gateway(fault=fault), "--rate", "200")
        self.counters(run, duplicate=1)
        self.assertEqual(run["counters"]["answered"], 200)  # the repeat is not one more

    def test_exchanged_answers_are_found(self):
        def fault(gateway, n, reply):
            if n == 40:
                gateway.kept = reply
                return []
            return [reply, gateway.kept] if n == 44 else [reply]  # the next message of the same connection
        self.counters(bench("echo", self.gateway(fault=fault), "--rate", "200")[2], reordered=1)

    def test_changed_content_is_found(self):
        fault = lambda g, n, reply: [reply[:-1] + b"!"] if n == 7 else [reply]
        self.counters(bench("echo", self.gateway(fault=fault), "--rate", "200", *LOSSY)[2], corrupt=1, lost=1)

    def test_an_offset_that_goes_back_is_found(self):
        def fault(gateway, n, reply):
            return [reply.replace(b'"offset":%d' % gateway.offset, b'"offset":1')] if n == 100 else [reply]
        self.counters(bench("uplink", self.gateway(fault=fault), "--rate", "200", path=DEVICE)[2], corrupt=1)

    def test_a_refusal_is_not_a_loss(self):
        fault = lambda g, n, reply: [reply.replace(b'"ack"', b'"error"')] if n == 9 else [reply]
        self.counters(bench("uplink", self.gateway(fault=fault), "--rate", "200", path=DEVICE)[2], refused=1)

    def test_a_stall_shows_in_the_latency(self):
        def fault(gateway, n, reply):
            if n == 50:
                time.sleep(0.4)
            return [reply]
        _, _, run = bench("echo", self.gateway(fault=fault), "--rate", "200")
        latency = run["times_us"]["latency"]
        self.assertGreater(latency["max"], 390e3)
        self.assertGreater(latency["p90"], 250e3)  # a closed loop would have seen one slow message in 200

    def test_downlink(self):
        status, _, run = bench("downlink", self.gateway(), "--rate", "100", "--payload", "100", path=DEVICE)
        self.assertEqual(status, 0, run)
        self.assertEqual(run["counters"]["answered"], 100)
        fault = lambda g, n, number: n != 30
        self.counters(bench("downlink", self.gateway(fault=fault), "--rate", "100", *LOSSY, path=DEVICE)[2], lost=1)

    def test_broadcast_over_processes(self):
        status, _, run = bench("broadcast", self.gateway(), "--rate", "20", "--processes", "2", path=DEVICE)
        self.assertEqual(status, 0, run)
        self.assertEqual(run["counters"]["answered"], 80)
        self.assertEqual(run["times_us"]["last"]["count"], 20)
        fault = lambda g, n, number: not (n == 5 and number == 2)
        self.counters(bench("broadcast", self.gateway(fault=fault), "--rate", "20", *LOSSY, path=DEVICE)[2], lost=1)

    def test_api_refusals_are_counted(self):
        for mode in ("downlink", "broadcast"):
            status, _, run = bench(mode, self.gateway(http_status=429), "--rate", "20", path=DEVICE)
            self.assertEqual(status, 1)
            self.counters(run, refused=20)
            self.assertEqual(run["connections"]["http_status"], {"429": 20})

    def test_causes_of_failed_connections(self):
        closed_port = type("Closed", (), {"port": 1})  # nobody listens on port 1
        rows = (
            (self.gateway(status=401), "AUTH_REFUSED", 0),
            (self.gateway(status=403), "AUTH_REFUSED", 0),
            (self.gateway(status=503), "HTTP_REFUSED", 0),
            (self.gateway(status=200), "HTTP_REFUSED", 0),
            (self.gateway(accept=b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="), "PROTOCOL", 0),
            (closed_port, "REFUSED", 1),
        )
        for gateway, cause, hard in rows:
            status, document, run = bench("connect", gateway)
            self.assertEqual(status, 1)
            failures = {k: v for k, v in run["connections"]["failures"].items() if v}
            self.assertEqual(failures, {cause: 4})
            self.assertEqual(run["result"]["hard_failure_ratio"], hard)

    def test_a_silent_server_times_out(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(16)
            silent = type("Silent", (), {"port": listener.getsockname()[1]})
            _, _, run = bench("connect", silent, "--timeout", "200ms")
        self.assertEqual(run["connections"]["failures"]["TIMEOUT"], 4)

    def test_close_codes(self):
        _, _, run = bench("echo", self.gateway(close_after=(3, 4403)), "--rate", "200", *LOSSY)
        self.assertEqual(run["connections"]["close_code"], {"4403": 4})
        self.assertEqual(run["connections"]["failures"]["AUTH_REFUSED"], 4)

    def test_churn_and_flood(self):
        # As many connections as dials: a machine that stops for a moment makes nobody wait for one beyond the end.
        status, _, run = bench("churn", self.gateway(), "--connect-rate", "100", "--connections", "100")
        self.assertEqual((status, run["connections"]["opened"], run["connections"]["closed"]), (0, 100, 100))
        status, _, run = bench("flood", self.gateway(status=503), "--connect-rate", "100", "--connections", "100")
        self.assertEqual((status, run["connections"]["failures"]["HTTP_REFUSED"]), (0, 100))

    def test_a_flood_hears_refusals_that_need_no_request(self):
        for words, cause, codes in ((b"", "REFUSED", {}),
                                    (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "HTTP_REFUSED", {"503": 100})):
            refuser = Refuser(words)
            self.addCleanup(refuser.stop)
            status, _, run = bench("flood", refuser, "--connect-rate", "100", "--connections", "100", "--patience", "10s")
            self.assertEqual((status, run["connections"]["failures"].get(cause), refuser.accepted), (0, 100, 100), run)
            self.assertEqual(run["connections"]["http_status"], codes)

    def test_who_waits_for_a_connection_until_the_end_is_counted(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(16)
            silent = type("Silent", (), {"port": listener.getsockname()[1]})
            _, _, run = bench("flood", silent, "--connect-rate", "100", "--patience", "10s", "--timeout", "10s", *LOSSY)
        self.assertEqual((run["counters"]["attempted"], run["counters"]["undialled"]), (4, 96))

    def test_a_flood_out_of_patience_asks(self):
        _, _, run = bench("flood", self.gateway(status=503), "--connect-rate", "20", "--connections", "20", "--patience", "0s")
        self.assertEqual(run["connections"]["failures"]["HTTP_REFUSED"], 20)
        _, _, run = bench("flood", self.gateway(), "--connect-rate", "20", "--patience", "1ms")
        self.assertEqual((run["connections"]["opened"], run["connections"]["closed"]), (20, 20))

    def test_hold_answers_with_memory_of_a_local_server(self):
        status, _, run = bench("hold", self.gateway(), "--server-pid", str(os.getpid()), "--duration", "200ms")
        self.assertEqual(status, 0)
        self.assertIn("rss_per_connection", run["result"])

    def test_tokens(self):
        gateway = self.gateway()
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("one\ntwo\nthree\nfour\n")
            file.flush()
            bench("connect", gateway, "--token-file", file.name, path=DEVICE)
        self.assertEqual(sorted(gateway.tokens), ["four", "one", "three", "two"])
        self.assertEqual(sorted(gateway.devices), ["bench-00000%d" % i for i in range(1, 5)])
        gateway = self.gateway()
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("0123456789abcdef0123456789abcdef")
            file.flush()
            bench("connect", gateway, "--secret-file", file.name, "--tenant", "acme", "--kid", "k1", path=DEVICE)
        claims = [json.loads(base64.urlsafe_b64decode(t.split(".")[1] + "==")) for t in gateway.tokens]
        self.assertEqual({c["tenant"] for c in claims}, {"acme"})
        self.assertEqual(len(set(gateway.tokens)), 4)

    def test_raw_tcp(self):
        status, _, run = bench("echo", self.gateway(raw=True), "--raw-tcp", "--rate", "200")
        self.assertEqual((status, run["counters"]["answered"]), (0, 200))

    def test_tls_and_client_certificates(self):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        for name, extra in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-subj", "/CN=" + name, "-addext", extra, "-keyout", "%s/%s.key" % (directory, name),
                            "-out", "%s/%s.pem" % (directory, name)], check=True, capture_output=True)
        file = lambda name: os.path.join(directory, name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file("server.pem"), file("server.key"))
        gateway = self.gateway(tls=context)
        status, _, run = bench("echo", gateway, "--rate", "100", "--ca", file("server.pem"), scheme="wss")
        self.assertEqual((status, run["counters"]["answered"]), (0, 100))
        self.assertEqual(run["times_us"]["tls"]["count"], 4)
        _, _, run = bench("connect", gateway, scheme="wss")  # the system's trust store does not know it
        self.assertEqual(run["connections"]["failures"]["TLS_FAILED"], 4)
        self.assertEqual(run["result"]["hard_failure_ratio"], 1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file("server.pem"), file("server.key"))
        context.load_verify_locations(file("client.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        gateway = self.gateway(tls=context)
        status, _, run = bench("echo", gateway, "--rate", "100", "--ca", file("server.pem"), "--cert",
                               file("client.pem"), "--key", file("client.key"), scheme="wss")
        self.assertEqual((status, run["counters"]["answered"]), (0, 100))
        _, _, run = bench("connect", gateway, "--ca", file("server.pem"), scheme="wss")
        self.assertEqual(run["connections"]["failures"]["TLS_FAILED"], 4)  # refused after our side was done

    def test_a_saturated_generator_has_no_result(self):
        status, document, run = bench("echo", self.gateway(), "--rate", "200", "--lag-max", "0ns", "--cpu-max", "1")
        self.assertEqual((status, document["verdict"]), (3, "generator_saturated"))
        self.assertIsNone(document["result"])
        self.assertIsNone(run["result"])
        self.assertNotIn("times_us", run)

    def test_three_runs_give_an_interval_and_an_archive(self):
        with tempfile.TemporaryDirectory() as directory:
            later = lambda g, n, reply: time.sleep(0.002 * (n // 20)) or [reply]  # each run is slower than the one before: no two of the same median
            _, document, _ = bench("echo", self.gateway(fault=later), "--rate", "100", "--runs", "3", "--duration", "200ms",
                                   "--archive", directory)
            files = set(os.listdir(directory))
        metric = document["result"]["latency_p50"]
        self.assertEqual(metric["runs"], 3)
        self.assertLess(metric["low95"], metric["high95"])
        self.assertLessEqual({"result.json", "run-1-latency.hist", "run-3-lag.hist"}, files)
        self.assertNotIn("--token", document["command"])

    def test_secrets_stay_out_of_the_record(self):
        _, document, _ = bench("connect", self.gateway(), "--token", "s3cret", path=DEVICE)
        self.assertNotIn("s3cret", json.dumps(document))


# ---- resume, against the real gateway (pytest only: it has the fixtures) ----

SESSIONS, MISSED, PREFIX = 200, 3, "resume-"
RAISED = {"admission": {"prefix_per_s": 0}, "limits": {"command_per_s": 1000, "api_key_per_s": 100000, "api_key_capacity": 100000}}


class Fleet:
    """`resume` as a child, with what has to happen around it."""

    def __init__(self, gw, *options, sessions=SESSIONS):
        self.gw = gw
        command = [BENCH_WS, "resume", "ws://127.0.0.1:%d%s" % (gw.address()[1], DEVICE), "--json", "--force", "--protocol",
                   "holdfast.v1", "--connections", str(sessions), "--processes", "2", "--device", PREFIX, "--secret-file",
                   str(gw.folder / "k1.secret"), "--tenant", "acme", "--kid", "k1", "--timeout", "20s", "--drain", "10s",
                   "--lag-max", "10s", "--stall-max", "10s", "--cpu-max", "101", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.until("ready")

    def until(self, word):
        for line in self.process.stderr:
            if "holdfast bench ws: %s: " % word in line:
                return
        raise AssertionError("it ended before it was %s" % word)

    def drop(self):
        self.process.send_signal(signal.SIGUSR1)
        self.until("away")

    def resume(self):
        self.process.send_signal(signal.SIGUSR2)
        out, err = self.process.communicate(timeout=180)
        document = json.loads(out)
        return self.process.returncode, document, document["runs"][0]["counters"]


def devices():
    return ["%s%06d" % (PREFIX, n) for n in range(1, SESSIONS + 1)]


def send_commands(gw, names, count=MISSED):
    """In order for each; several at once, as a slow disk takes its time for each commit."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for n in range(count):
            list(pool.map(lambda name: gw.api().command(name, "blink", {"hfb": "%d-%d" % (int(name[len(PREFIX):]), n)}), names))


def test_resume_across_a_crash_loses_and_doubles_nothing(gateways):
    gw = gateways(RAISED, lasting=True)
    fleet = Fleet(gw, "--expect", str(MISSED), "--duration", "30s")
    fleet.drop()
    send_commands(gw, devices())
    gw.kill()
    gw.start()
    status, document, counters = fleet.resume()
    assert (status, document["verdict"]) == (0, "measured"), document
    assert (counters["resumed"], counters["rebuilt"]) == (SESSIONS, 0)
    assert (counters["answered"], counters["sent"]) == (MISSED * SESSIONS, MISSED * SESSIONS), "each has come and was answered"
    assert 0 < document["result"]["missed_last"]["median"] < 30e6
    done = [event["id"] for event in gw.api().events(type="command.done")]
    assert len(done) == len(set(done)) == MISSED * SESSIONS


ROLLED = 10000 if os.environ.get("HOLDFAST_NETWORK") == "long" else 400  # scripts/network


def test_a_fleet_rolls_through_a_restart(gateways):
    """The gateway says goodbye, another takes its place, every session goes on; and a command that was given before is carried out once."""
    gw = gateways({**RAISED, "admission": {"prefix_per_s": 0, "accept_per_s": 100000, "accept_capacity": 100000}}, lasting=True)
    fleet = Fleet(gw, "--expect", "1", "--duration", "60s", "--connect-rate", "3000", sessions=ROLLED)
    assert gw.stop() == 0
    gw.start()
    send_commands(gw, ["%s%06d" % (PREFIX, n) for n in range(1, ROLLED + 1)], 1)
    status, document, counters = fleet.resume()
    assert (status, document["verdict"]) == (0, "measured"), document
    assert (counters["resumed"], counters["rebuilt"], counters["answered"]) == (ROLLED, 0, ROLLED)


def test_resume_finds_what_is_missing_or_not_meant_for_it(gateways):
    gw = gateways(RAISED, lasting=True)
    fleet = Fleet(gw, "--expect", str(MISSED), "--duration", "10s")
    fleet.drop()
    names = devices()
    send_commands(gw, names[2:])
    send_commands(gw, names[:1], MISSED - 1)  # one too few
    gw.api().command(names[1], "blink", {"hfb": "2-0"})
    gw.api().command(names[1], "blink", {"hfb": "2-0"})  # the same again
    gw.api().command(names[1], "blink", {"hfb": "3-2"})  # somebody else's
    status, document, counters = fleet.resume()
    assert (status, document["verdict"]) == (1, "failed")
    assert (counters["resumed"], counters["lost"], counters["corrupt"]) == (SESSIONS, 1, 2)


def test_resume_is_no_success_when_the_sessions_are_gone(gateways, tmp_path):
    gw = gateways(RAISED, lasting=True)
    fleet = Fleet(gw, "--duration", "30s")
    gw.kill()  # nobody said a word: SIGUSR2 alone drops what is left
    gw.config["node"]["data_dir"] = str(tmp_path / "another")
    gw.start()
    status, document, counters = fleet.resume()
    assert (status, document["verdict"]) == (1, "failed")
    assert (counters["resumed"], counters["rebuilt"]) == (0, SESSIONS)


def test_a_fleet_that_dials_at_once_is_let_in(gateways):
    """Half of it has to move to the other worker, through a mailbox that is much smaller than the fleet: it waits, and nobody is sent away."""
    gw = gateways({**RAISED, "admission": {"prefix_per_s": 0, "accept_per_s": 100000, "accept_capacity": 100000},
                   "limits": {"mailbox_entries_max": 64}})
    for turn in range(3):
        gateway = type("Real", (), {"port": gw.address()[1]})
        status, _, run = bench("connect", gateway, "--connections", "2000", "--connect-rate", "50000", "--device", "m%d-" % turn,
                               "--secret-file", str(gw.folder / "k1.secret"), "--tenant", "acme", "--kid", "k1", "--protocol",
                               "holdfast.v1", "--timeout", "30s", path=DEVICE)
        assert (status, run["connections"]["opened"], run["connections"]["http_status"]) == (0, 2000, {})
    rows = {labels for name, labels in gw.metrics() if name == "holdfast_mailbox_full_total"}
    assert rows == {(("to", "worker"),), (("to", "log"),)}  # how often, is the machine's


if __name__ == "__main__":
    unittest.main()
