"""The section `fleet` of scripts/bench: how long does a query over the shadows of a large fleet take, beside a plain page of the list?"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import socket
import threading
import time
from urllib.parse import urlencode

from kit import CPUS, ROUNDS, Holdfast, bar, has_holdfast, save, say, table

BAR_MS = 100  # the 95th percentile
DEVICES = int(os.environ.get("FLEET", "100000"))
THREADS, PIPELINE, PAGE = 4, 100, 100
INDEX = ["desired.firmware", "desired.battery"]

# What stands in the shadow of device n: sites of 1,000 devices, groups of half of them, 50 versions, a rare state of charge.
def shadow(n):
    return {"tags": {"site": "s%03d" % (n % 100), "groups": ["even" if n % 2 == 0 else "odd"], "rack": n // 100},
            "desired": {"firmware": "1.%d.%d" % (n % 10, n % 5), "battery": 3 if n % 5000 == 7 else 20 + n % 80}}


QUERIES = {
    "plain page": {},
    "one tag, 1 % of the fleet": {"filter": "tags.site=s042"},
    "two tags": {"filter": "tags.site=s042,tags.groups=even"},
    "two tags that never meet": {"filter": "tags.site=s042,tags.groups=odd"},
    "tag and presence": {"filter": "tags.site=s042", "state": "unknown"},
    "tag, presence that nobody has": {"filter": "tags.site=s042", "state": "online"},
    "beginning of a text": {"filter": "desired.firmware=1.7.*"},
    "range, 20 of the fleet": {"filter": "desired.battery<10"},
    "range that nobody fits": {"filter": "desired.battery<1"},
    "tag and range": {"filter": "tags.groups=even,desired.battery>98"},
}


def token(server, device):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    body = part(b'{"alg":"HS256","kid":"bench"}') + b"." + part(json.dumps(
        {"tenant": "bench", "device": device, "sub": device, "iat": int(time.time()), "exp": int(time.time()) + 3600}).encode())
    with open(server.secret_file, "rb") as file:
        return (body + b"." + part(hmac.new(file.read(), body, hashlib.sha256).digest())).decode()


def name(n):
    return "fleet-%06d" % n


def connect(server, numbers):
    """Each device comes once and goes: then it has a shadow."""
    for n in numbers:
        with socket.create_connection(("127.0.0.1", server.port), 30, source_address=("127.0.0.%d" % (2 + n % 200), 0)) as sock:
            sock.sendall(("GET /v1/connect/%s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer %s\r\n\r\n" % (name(n), token(server, name(n)))).encode())
            if b" 101 " not in sock.recv(4096):
                raise SystemExit("a device was not let in")


def change(server, numbers):
    with socket.create_connection(("127.0.0.1", server.port), 60) as sock:
        answers = sock.makefile("rb")
        for at in range(0, len(numbers), PIPELINE):
            some = numbers[at:at + PIPELINE]
            for n in some:
                body = json.dumps(shadow(n)).encode()
                sock.sendall(("PATCH /v1/devices/%s/shadow HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Type: application/merge-patch+json\r\n"
                              "Content-Length: %d\r\n\r\n" % (name(n), server.key, len(body))).encode() + body)
            for _ in some:
                status, length = answers.readline(), 0
                while (line := answers.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                answers.read(length)
                if b" 200 " not in status:
                    raise SystemExit("a shadow was not changed: %r" % status)


def in_threads(do, server):
    threads = [threading.Thread(target=do, args=(server, range(start, DEVICES, THREADS))) for start in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def query(server, connection, options):
    """Pages until PAGE devices are there or the fleet ends; ms, devices, requests."""
    began, found, requests, cursor = time.monotonic(), 0, 0, {}
    while True:
        connection.request("GET", "/v1/devices?" + urlencode({"limit": PAGE, **options, **cursor}), headers={"Authorization": "Bearer " + server.key})
        answer = connection.getresponse()
        page = json.loads(answer.read())
        if answer.status != 200:
            raise SystemExit(page)
        found, requests = found + len(page["devices"]), requests + 1
        if found >= PAGE or "next_cursor" not in page:
            return (time.monotonic() - began) * 1e3, found, requests
        cursor = {"cursor": page["next_cursor"]}


def ask(server, connection, method, path, body=None):
    connection.request(method, path, body, {"Authorization": "Bearer " + server.key, "Content-Type": "application/merge-patch+json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status >= 300:
        raise SystemExit("%d %s" % (answer.status, text))
    return text


def stalls(server, connection):
    """Turns so far by the bucket of how long they were, in ms."""
    return {le: float(count) for le, count in re.findall(r'^holdfast_loop_stall_seconds_bucket\{le="([^"]+)"\} (\S+)$', ask(server, connection, "GET", "/metrics"), re.M)}


def push(server, connection):
    """One change for half of the fleet: seconds until each of them was looked at, the push, and the turns above 5 ms meanwhile."""
    before, began = stalls(server, connection), time.monotonic()
    made = json.loads(ask(server, connection, "POST", "/v1/groups/even/shadow", '{"desired":{"mode":"eco"}}'))
    while made["state"] != "done":
        time.sleep(0.1)
        made = json.loads(ask(server, connection, "GET", "/v1/groups/even/shadow/pushes/" + made["id"]))
    seconds = time.monotonic() - began
    time.sleep(2)  # workers show their counters once a second
    after = stalls(server, connection)
    below = max((le for le in after if le != "+Inf" and float(le) <= 0.005), key=float)
    turns = {le: after[le] - before.get(le, 0) for le in (below, "+Inf")}
    return seconds, made, below, turns["+Inf"] - turns[below], turns["+Inf"]


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def section_fleet():
    if not has_holdfast():
        return
    server = Holdfast("holdfast fleet", cpu=None, workers=len(CPUS), tenant={"shadow_index": INDEX})
    times, found, requests = {kind: [] for kind in QUERIES}, {}, {}
    try:
        for what, do in (("connects", connect), ("shadows", change)):
            began = time.monotonic()
            in_threads(do, server)
            say("fleet: %d %s in %.0f s" % (DEVICES, what, time.monotonic() - began))
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while query(server, connection, {"filter": "tags.rack=%d" % ((DEVICES - 1) // 100)})[1] < min(100, DEVICES):
            time.sleep(0.1)  # the index follows the log
        for turn in range(20 * ROUNDS):
            for kind in list(QUERIES)[::1 if turn % 2 == 0 else -1]:
                ms, found[kind], requests[kind] = query(server, connection, QUERIES[kind])
                times[kind].append(ms)
        seconds, pushed, below, long, turns = push(server, connection)
    finally:
        server.stop()
    save("fleet", {"devices": DEVICES, "ms": times, "found": found, "requests": requests, "push": pushed, "push_s": seconds, "turns_long": long, "turns": turns})
    plain = percentile(times["plain page"], 0.95)
    rows = [(kind, found[kind], requests[kind], "%.1f" % percentile(ms, 0.5), "%.1f" % percentile(ms, 0.95), "%.1f" % max(ms),
             "%.1f" % (percentile(ms, 0.95) / plain), bar(percentile(ms, 0.95), BAR_MS) + " (P95 <= 100 ms)") for kind, ms in times.items()]
    table("Queries over a fleet: %d devices, up to %d of them wanted, all pages that it takes" % (DEVICES, PAGE),
          ["query", "found", "requests", "median ms", "P95 ms", "max ms", "x P95 of the plain page", "bar"], rows)
    table("A push to the half of it", ["members", "stored", "seconds", "members 1/s", "turns above %g ms" % (float(below) * 1e3)],
          [(pushed["members"], pushed["stored"], "%.1f" % seconds, "%.0f" % (pushed["members"] / seconds), "%d of %d" % (long, turns))])
