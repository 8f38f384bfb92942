"""The section `shadow` of scripts/bench: what does a durable change of a shadow cost beside a durable message of the same size?"""
import statistics

from kit import CPUS, ROUNDS, SECONDS, Holdfast, bar, bench, save, say, spread, table

BAR = 30000  # changes a second


def section_shadow(connections=1000, payload=150):
    """Messages and reports in turn, on the same CPUs as the generator, as in the section uplink. A change of a shadow waits for the one before it, so 4 are under way for each device."""
    kinds = {"message": [], "report": ["--shadow"]}
    rates, cpu, p99, faults = ({kind: [] for kind in kinds} for _ in range(4))
    ratios = []
    server = Holdfast("holdfast shadow", cpu=None, workers=len(CPUS))
    try:
        for turn in range(ROUNDS):
            now = {}
            for kind in list(kinds)[::1 if turn % 2 == 0 else -1]:
                _, result, document = bench(server, "uplink", "--connections", connections, "--payload", payload, "--window", 4,
                                            "--warmup", "2s", "--duration", "%gs" % (2 * SECONDS), "--processes", len(CPUS),
                                            "--stall-max", "1s", *kinds[kind], *server.options(), cpu=None)
                counters = document["runs"][0]["counters"]
                faults[kind].append(sum(counters[n] for n in ("lost", "duplicate", "reordered", "corrupt", "refused", "unsent")))
                if result:
                    now[kind] = result["messages_per_second"]
                    rates[kind].append(now[kind])
                    cpu[kind].append(result["server_cpu_per_message"])
                    p99[kind].append(result["latency_p99"])
            if len(now) == len(kinds):
                ratios.append(now["report"] / now["message"])
                say("round %d: %.0f reports/s, %.0f messages/s" % (turn + 1, now["report"], now["message"]))
    finally:
        server.stop()
    save("shadow", {"rates": rates, "cpu_us": cpu, "p99_us": p99, "ratios": ratios, "faults": faults})
    if not ratios:
        print("\nShadow: no result")
        return
    rows = []
    for kind in kinds:
        report = kind == "report"
        met = bar(statistics.median(rates[kind]), BAR, False) + " (30,000/s)" if sum(faults[kind]) == 0 else "MISSED (faults)"
        rows.append((kind, "%.0f" % statistics.median(rates[kind]), spread(ratios) if report else "1", "%.2f" % statistics.median(cpu[kind]),
                     "%.0f" % (statistics.median(p99[kind]) / 1e3), sum(faults[kind]), met if report else ""))
    table("Shadow: durable reports beside durable messages, %d bytes, %d devices, 4 under way" % (payload, connections),
          ["what", "acknowledged 1/s", "x messages, median [min .. max] of %d rounds" % len(ratios), "CPU us/message", "p99 ms", "faults", "bar"], rows)
