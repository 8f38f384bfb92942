"""The Prometheus text format, read strictly: what is not a sample, a HELP, a TYPE or empty is an error."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)(?: -?\d+)?$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def labels_of(text):
    out, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"bad labels: {text!r}"
        out.append((match[1], match[2]))
        at = match.end()
    return tuple(out)


def parse(text, with_types=False):
    samples, types, helps = {}, {}, set()
    assert text.endswith("\n"), "the last line has no end"
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} has two types"
            types[name] = kind
        elif line.startswith("# HELP "):
            helps.add(line.split(" ")[2])
        elif line and not line.startswith("#"):
            match = SAMPLE.match(line)
            assert match, f"not a sample: {line!r}"
            key = (match[1], labels_of(match[2] or ""))
            assert key not in samples, f"twice: {line!r}"
            samples[key] = float(match[3])
    return (samples, types, helps) if with_types else samples
