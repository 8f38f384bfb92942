"""`holdfast gb-device` as a process: its JSON lines are read as they come, its keys typed."""
import json
import os
import subprocess
import threading

from lib.gateway import BINARY
from lib.pace import WAIT_S


class Camera:
    def __init__(self, port, device="34020000001320000001", password="12345678", *options, host="127.0.0.1"):
        env = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST")}
        env["CAMERA_PASSWORD"] = password
        self.id = device
        self.process = subprocess.Popen(
            [str(BINARY), "gb-device", "--server", f"{host}:{port}", "--id", device, "--password-env", "CAMERA_PASSWORD", "--json", *map(str, options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        self.rows, self.news = [], threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.rows.append(json.loads(line))
                self.news.notify_all()

    def wait(self, event, count=1, timeout_s=WAIT_S, **members):
        """The row of the count-th such event; members must be equal, those of its body with body_ before their name."""
        def fits(row):
            body = row.get("body", {})
            return row["event"] == event and all(
                (body.get(name[5:]) if name.startswith("body_") else row.get(name)) == value for name, value in members.items())

        def seen():
            return [row for row in self.rows if fits(row)]
        with self.news:
            assert self.news.wait_for(lambda: len(seen()) >= count, timeout_s), self.rows
            return seen()[count - 1]

    def type(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def end(self, signal=None):
        """By the key, or by a signal; gives the exit status."""
        if signal is None:
            self.type("quit")
        else:
            self.process.send_signal(signal)
        status = self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stderr):
            pipe.close()
