"""README.md and doc/ against the program: their commands, options, metrics, settings and code are those that there are, and the walk of
doc/api.md is walked."""
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import urllib.request

import yaml

from lib import docs, sip
from lib.dev import Dev
from lib.gateway import BINARY, ROOT, eventually
from lib.pace import WAIT_S


def run(*args, **options):
    return subprocess.run([str(arg) for arg in args], capture_output=True, text=True, timeout=60, **options)


# ---- names ----

ACTIONS = ("console.login", "heartbeat.invalid")  # of audit events

def test_commands_and_their_options_are_those_of_the_program():
    helps, wrong = {}, []
    known = {"help"} | set(re.findall(r"^  ([a-z-]+)  ", run(BINARY, "help").stdout, re.M))
    for page, words in docs.commands():
        program, *rest = words
        path = (["agent"] if program == "holdfast-agent" else []) + [word for word in rest if re.fullmatch(r"[a-z][a-z-]*", word)][:2]
        if path[0] not in known:
            wrong.append(f"{page}: {' '.join(words)}: no such command")
            continue
        if path[0] == "help" or "..." in words:
            continue
        path = path if path[0] in ("gen", "check", "bench", "chaos") else path[:1]
        if tuple(path) not in helps:
            asked = run(BINARY, *path, "--help")
            helps[tuple(path)] = asked.stdout + (run(BINARY, path[0], "--help").stdout if len(path) > 1 else "")
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", " ".join(rest)):
            if not re.search(rf"{option}(?![a-z-])", helps[tuple(path)]) and option not in ("--help", "--version"):
                wrong.append(f"{page}: {' '.join(words)}: {option}")
    assert len(helps) > 15 and wrong == []


def test_settings_are_those_of_the_program(gateway):
    rows, sections, section = [], set(), ""
    for line in run(BINARY, "default-config", "--markdown").stdout.splitlines():
        heading, row = re.match(r"## `(\S+)`", line), re.match(r"\| `(\w+)`", line)
        if heading:  # an item of a list is named by its place or name, or not at all
            section = re.escape(heading.group(1)).replace(r"\[\]", r"(\.\w+)?")
            sections.add(heading.group(1).split(".")[0].split("[")[0])
        elif row:
            rows.append(re.compile(rf"{section}(\.{row.group(1)}\w*)?|{section}\.{row.group(1)}"))
    names = {(page.name, name) for page in docs.PAGES for name in re.findall(r"`([a-z0-9]+(?:\.\w+)+\w)(?:: [^`]*)?`", page.read_text()) if name.split(".")[0] in sections}
    wrong = sorted(one for one in names if one[1] not in ACTIONS and not any(row.fullmatch(one[1]) for row in rows)
                   and gateway.api().do("GET", f"/v1/events?type={one[1]}&limit=1").status != 200)  # the name of an event
    assert len(rows) > 200 and len(names) > 80 and wrong == []


def test_metrics_are_those_of_the_gateway(gateways):
    """One with cameras and with a platform above it, which need not be there."""
    above = {"name": "city", "address": "127.0.0.1", "port": 9, "server_id": "34010000002000000001", "device_id": sip.SERVER_ID, "password_env": "GB_PASSWORD"}
    gateway = gateways(sip.cameras(upstreams=[above]), env=sip.ENV)
    served = urllib.request.urlopen(gateway.admin_url + "/metrics").read().decode()
    names = {(page.name, name) for page in docs.PAGES for name in re.findall(r"`(holdfast_[a-z0-9_]+[a-z0-9])", page.read_text())}
    assert len(names) > 60 and sorted(one for one in names if one[1] not in served) == []


def test_packages_are_what_the_program_is_linked_with():
    """A Debian package is named for the soname in it."""
    odd = {"libz.so.1": "zlib1g", "libcrypto.so.3": "libssl3"}
    needed = [name for name in re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", BINARY).stdout) if not re.match(r"lib(c|m|asan|ubsan|tsan)\.so", name)]
    packages = {odd.get(name) or re.sub(r"(\d)\.so\.", r"\1-", name).replace(".so.", "") for name in needed}
    for page in ("README.md", "doc/operations.md", "deploy/Dockerfile"):
        assert {name for name in packages if name not in docs.text(page)} == set(), page


# ---- code ----

def test_the_device_in_c_compiles(tmp_path):
    first, second = [block for block in docs.blocks(docs.text("doc/client.md")) if "struct hf_client" in block]
    statics, main = first.split("\nstruct hf_client_options", 1)
    source = tmp_path / "device.c"
    source.write_text(f"""#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <holdfast/holdfast.h>
void unlock(const void *payload, size_t payload_bytes);
void die(const char *error);
int read_token(void *user, bool fresh, char *out, size_t out_bytes);
{statics}
void device(void);
void device(void)
{{
struct hf_client_options{main}
{second}
}}
""")
    made = run(os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include", "-c", source, "-o", tmp_path / "device.o")
    assert made.returncode == 0, made.stderr


def test_the_queue_file_is_read_as_said(gateway, tmp_path):
    token = tmp_path / "token"
    token.write_text(gateway.token("bike-1"))
    sent = run(BINARY, "connect", gateway.url().replace("http", "ws"), "--token-file", token, "--device", "bike-1", "--protocol", "session", "--queue", tmp_path / "queue.db", input="one\n")
    assert sent.returncode == 0, sent.stderr
    statements = [line.split("--")[0] for block in docs.blocks(docs.section("doc/client.md", "The queue file")) for line in block.splitlines() if line.strip()]
    assert len(statements) >= 4
    with contextlib.closing(sqlite3.connect(tmp_path / "queue.db")) as queue:
        for statement in statements:
            queue.execute(statement).fetchall()  # raises when a table or column is another


# ---- doc/operations.md: certificates, tokens and keys, as they stand there ----

def test_certificates_tokens_and_keys_of_operations(tmp_path):
    for heading in ("TLS and device certificates", "Tokens and API keys"):
        for block in docs.paragraphs(docs.section("doc/operations.md", heading)):
            if block.startswith("holdfast gen"):
                done = run("bash", "-e", "-c", block, cwd=tmp_path, env={**os.environ, "PATH": f"{BINARY.parent}:{os.environ['PATH']}"})
                assert done.returncode == 0, done.stderr
    config = {}
    for heading in ("TLS and device certificates", "Tokens and API keys"):
        for block in docs.paragraphs(docs.section("doc/operations.md", heading)):
            if re.match(r"(listeners|tenants):", block):
                config.update(yaml.safe_load(block.replace("/etc/holdfast", str(tmp_path))))
    assert set(config) == {"listeners", "tenants"}
    (tmp_path / "denied.txt").write_text("")
    (tmp_path / "holdfast.yaml").write_text(yaml.safe_dump(config))
    assert run(BINARY, "check-config", tmp_path / "holdfast.yaml").returncode == 0
    token = run(BINARY, "check", "token", "-", "--config", tmp_path / "holdfast.yaml", input=(tmp_path / "bike-3.token").read_text())
    said = dict(re.findall(r"^(\w+) +(\S+)$", token.stdout, re.M))
    shown = dict(re.findall(r"^(\w+) +(\S+)$", dict(docs.sessions(docs.section("doc/operations.md", "Tokens and API keys")))["holdfast check token - --config /etc/holdfast/holdfast.yaml < bike-3.token"], re.M))
    assert {**said, "expires": shown["expires"]} == shown


# ---- doc/api.md: the walk, from its beginning to its end ----

SETUP = "data/dev.json"  # the block that begins the walk reads it
SAME = ("type", "title", "status", "detail", "field", "version", "changed_version", "merge", "document", "patch", "labels", "missing", "refused", "group", "members", "stored",
        "unchanged", "applied", "scopes", "target", "desired", "ready", "revoked", "index", "path", "from_version")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CHANGES = re.compile(r" --json | -X | -d | --data ")
NEEDS = "reported."  # a filter by it needs a tenant with `shadow_index`, which `holdfast dev` has not


def members(answer):
    """Every name in a JSON text, and of those that must be the same every value that is no object."""
    return (set(re.findall(r'"([a-z_]+)":', answer)),
            {pair for pair in re.findall(r'"([a-z_]+)": ?("(?:[^"\\]|\\.)*"|[0-9.]+|true|false|\[\]|\{\})', answer) if pair[0] in SAME and not UUID.search(pair[1])})


def agrees(said, answer):
    """The answer has all that is said: names, values that do not depend on the day, the status line."""
    (names, values), (real_names, real_values) = members(said), members(answer)
    return names <= real_names and values <= real_values and (not said.startswith("HTTP/1.1 ") or answer.splitlines()[0] == said.splitlines()[0])


class Shell:
    """A bash that is told one command after the other."""

    def __init__(self, cwd):
        self.process = subprocess.Popen(["bash"], cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)

    def __call__(self, command):
        self.process.stdin.write(f"{command}\necho; echo @@done\n")
        return "".join(iter(self.process.stdout.readline, "@@done\n"))

    def end(self):
        self.process.stdin.close()
        self.process.wait(WAIT_S)
        self.process.stdout.close()


def test_the_walk_through_the_api(tmp_path):
    dev = Dev(tmp_path / "data", "--fleet", "0", cameras=False)
    device = subprocess.Popen([str(BINARY), "connect", "--wait", "forever"], cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    shell, ids = Shell(tmp_path), {}
    try:
        assert "connected" in device.stderr.readline()
        page = docs.text("doc/api.md")
        shell(next(block for block in docs.blocks(page) if SETUP in block))
        admin = next(row["port"] for row in json.loads((tmp_path / "data" / "run.json").read_text())["listeners"] if row["name"] == "admin")
        for line in re.findall(r"^    (MERGE=.*)$", page.replace("$ MERGE=", "MERGE="), re.M):
            shell(line)
        walked, wrong = 0, []
        for command, said in docs.sessions(page):
            if NEEDS in command or command.startswith("MERGE="):
                continue
            for shown, real in ids.items():
                command = command.replace(shown, real)
            command = command.replace("127.0.0.1:6060", f"127.0.0.1:{admin}")
            answer = shell(command)
            if not agrees(said, answer) and not CHANGES.search(command):  # a push takes a moment
                with contextlib.suppress(AssertionError):
                    answer = eventually(lambda: agrees(said, again := shell(command)) and again)
            if not agrees(said, answer):
                wrong.append(f"{command}\nsays {answer.strip()}\nnot {said}")
            ids.update(zip(UUID.findall(said), UUID.findall(answer)))
            walked += 1
        assert wrong == [], "\n\n".join(wrong)
        assert walked > 30
    finally:
        shell.end()
        device.kill()
        device.wait()
        device.stderr.close()
        dev.process.terminate()
        dev.process.wait(WAIT_S)
        dev.process.stdout.close()


# ---- README.md: the first device ----

def test_the_first_device_of_the_readme(tmp_path):
    (tmp_path / "build").symlink_to(BINARY.parent)
    dev = Dev(tmp_path / "data", "--fleet", "0", cameras=False)
    rows = [row for row in docs.sessions(docs.section("README.md", "First device, first command")) if re.match(r"\./build/holdfast (?!gb-device)", row[0])]
    first, shell = rows.pop(0)[0], Shell(tmp_path)
    device = subprocess.Popen(["bash", "-c", f"exec {first}"], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert "connected" in device.stderr.readline()
        asked = [row for row in rows if " connect " not in row[0]]
        for command, said in asked:
            *answer, status = shell(f"{command}; echo $?").strip().splitlines()
            shown = said.splitlines()[0].split()[0]
            assert status == "0" and (answer[0].split()[0] == shown or ":" in shown), f"{command}\n{answer}"
        assert [row[0].split()[1] for row in asked] == ["send", "devices", "tail", "explain"]
    finally:
        shell.end()
        device.kill()
        device.wait()
        device.stderr.close()
        dev.process.terminate()
        dev.process.wait(WAIT_S)
        dev.process.stdout.close()
