"""The section `twin` of scripts/bench: samples of bicycles, from capture to the twin, and how many are taken, unpacked and kept."""
import json
import re
import time
import urllib.request

from kit import CPUS, SECONDS, Holdfast, bar, bench, has_holdfast, save, table

SESSION = ["--protocol", "holdfast.v1"]
AGE_MS, RATE, BYTES = 50, 1_000_000, 6  # the bars


def get(server, path):
    request = urllib.request.Request("http://127.0.0.1:%d%s" % (server.port, path), headers={"Authorization": "Bearer " + server.key})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def metric(server, name):
    return sum(float(value) for value in re.findall(r"^holdfast_%s(?:\{[^}]*\})? (\S+)$" % name, get(server, "/metrics"), re.M))


def settled(server):
    """Until the series have what the twins have; seconds."""
    began = time.monotonic()
    while time.monotonic() < began + 60:
        if metric(server, "samples_total") == metric(server, "series_samples_total") > 0:
            return time.monotonic() - began
        time.sleep(0.2)
    raise SystemExit("the series did not follow")


def run(name, samples, *options):
    server = Holdfast(name, cpu=None, workers=len(CPUS), limits={"device_uplink_per_s": 100000, "device_uplink_capacity": 100000})
    try:
        _, result, document = bench(server, "uplink", "--samples", samples, *options, *SESSION, *server.options(), cpu=None)
        counters = document["runs"][0]["counters"]
        behind_s = settled(server)
        pairs = {(pair["source"], pair["destination"]): pair for pair in json.loads(get(server, "/v1/heatmap"))["pairs"]}
        time.sleep(11)  # samples.series_commit_ms: the blocks are written
        found = {
            "result": result, "faults": {n: counters[n] for n in ("lost", "duplicate", "reordered", "corrupt", "refused", "unsent")},
            "capture": pairs["capture", "gateway"], "durable": pairs["gateway", "durable"],
            "behind_s": behind_s, "samples": metric(server, "samples_total"), "kept": metric(server, "series_samples_total"),
            "corrupt": metric(server, "sample_batches_corrupt_total"),
            "raw": {n: float(re.search(r'^holdfast_series_%s\{tier="raw"\} (\S+)$' % n, get(server, "/metrics"), re.M)[1])
                    for n in ("bytes", "points", "blocks")},
            "seconds_bytes": float(re.search(r'^holdfast_series_bytes\{tier="second"\} (\S+)$', get(server, "/metrics"), re.M)[1]),
        }
        return found
    finally:
        server.stop()


def section_twin():
    if not has_holdfast():
        return
    # Long enough that a bicycle fills some blocks: the last one of each takes a whole page, too.
    live = run("holdfast bicycles", 5, "--connections", 1000, "--rate", 20000, "--tick", "1ms", "--lag-max", "20ms", "--warmup", "2s", "--duration", "%gs" % (10 * SECONDS))
    full = run("holdfast samples", 64, "--connections", 200, "--window", 16, "--warmup", "2s", "--duration", "%gs" % (2 * SECONDS), "--processes", len(CPUS),
               "--stall-max", "1s")
    save("twin", {"bicycles": live, "closed": full})
    rows = []
    for what, found, age in (("1,000 bicycles, 100 Hz, batches of 5", live, True), ("closed loop, batches of 64, 200 bicycles", full, False)):
        whole = found["samples"] == found["kept"] == found["raw"]["points"] and sum(found["faults"].values()) == 0
        # Ages and what is kept are the gateway's word. The generator's is missing when it was late itself, on a machine that is busy.
        rate = found["result"]["messages_per_second"] * (5 if age else 64) if found["result"] else 0
        each = found["raw"]["bytes"] / found["raw"]["points"]
        rows.append((what, "%.0f" % rate if rate else "generator late", "%.1f / %.1f / %.1f" % tuple(found["capture"][q] for q in ("p50_ms", "p95_ms", "p99_ms")),
                     "%.1f" % found["durable"]["p99_ms"], "%.1f" % found["behind_s"], "%.2f" % each, "all kept" if whole else "MISSED: %s" % found["faults"],
                     bar(found["capture"]["p95_ms"], AGE_MS) + " (p95 50 ms)" if age else bar(rate, RATE, False) + " (1,000,000/s)"))
        rows[-1] = rows[-1][:-1] + (rows[-1][-1] + ", " + bar(each, BYTES) + " (6 bytes)",)
    table("Samples of sensors", ("load", "samples/s", "capture to twin p50 / p95 / p99 ms", "durable p99 ms", "series behind at the end, s", "bytes a sample, pages whole", "accounted for",
                                 "bar"), rows)
