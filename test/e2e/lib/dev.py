"""`holdfast dev` as a child process, on ports of its own."""
import json
import os
import subprocess
import threading

from lib.api import Api
from lib.gateway import BINARY


class Dev:
    def __init__(self, folder, *args, cameras=True, env=None, until="Paste these", cwd=None):
        ports = [f"--set={name}.port=0" for name in ("listeners.plain", "listeners.tls", "admin", "gb28181.listeners.sip")]
        self.folder = folder
        self.process = subprocess.Popen([str(BINARY), "dev", "--data", str(folder), *ports, "--set=store.map_initial_bytes=16MiB", *args,
                                         *([] if cameras else ["--set=gb28181.enabled=false"])],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env, cwd=cwd)
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith(until):
                break
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        row = json.loads((folder / "dev.json").read_text())
        self.client = Api(row["url"], row["api_key"])

    def api(self):
        return self.client

    def said(self, word):
        return [line for line in self.lines if line.startswith(f"  {word} ")]

    def children(self, word):
        """Processes of this fleet, wherever they hang."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                args = open(f"/proc/{pid}/cmdline").read().split("\0")
                state = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if word in args and state != "Z" and any(arg.startswith(str(self.folder)) for arg in args) and int(pid) != self.process.pid:
                found.append(int(pid))
        return found

    def online(self):
        return {row["device"] for row in self.client.get("/v1/devices?limit=100")["devices"] if row["state"] == "online"}
