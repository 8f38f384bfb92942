"""Eclipse Mosquitto as a broker of ours: a process with a configuration, a folder and a port of its own. The broker that the package may have started by itself, on port 1883, is never
talked to. Beside it mosquitto_sub, which reads what the broker has and knows nothing of the product."""
import os
import shutil
import signal
import subprocess
import threading
from collections import namedtuple

from lib.pace import WAIT_S
from lib.ports import own_port

# Debian has the broker where only root looks.
BROKER = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

Message = namedtuple("Message", "topic retained content_type user payload")


class Lines:
    """A process whose lines are read while it runs, so that a test can wait for one."""

    def __init__(self, argv):
        self.process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors="replace")
        self.lines, self.news, self.ended = [], threading.Condition(), False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def wait(self, fits, timeout_s=WAIT_S):
        """Until fits(lines) is true; gives its value."""
        with self.news:
            assert self.news.wait_for(lambda: fits(self.lines) or self.ended, timeout_s) and fits(self.lines), self.lines[-20:]
            return fits(self.lines)

    def end(self, how):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        self.process.stdout.close()


class Mosquitto:
    """users: {name: password}; without it anybody may come. tls: a folder with ca.pem, server.pem and server.key; then every client shows a certificate of that CA. Sessions outlive
    kill(), and a message is on its way to a reader that is there before its PUBACK is: max_inflight_messages. (That it outlives kill() in the broker's own file would be too much
    to ask: Mosquitto writes that one behind the PUBACK.)"""

    def __init__(self, folder, users=None, tls=None, options=()):
        self.folder, self.users, self.tls, self.options = folder, users, tls, options
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.run = None, None
        if users:
            passwords = folder / "passwords"
            passwords.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
            subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, timeout=WAIT_S)

    def write_config(self):
        rows = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {'false' if self.users else 'true'}", "log_dest stderr", "log_type all",
                "persistence true", f"persistence_location {self.folder}/", "autosave_on_changes true", "autosave_interval 1",
                "max_inflight_messages 0", "max_queued_messages 0", "queue_qos0_messages true", *self.options]
        if os.geteuid() == 0:
            rows.append("user root")  # else it becomes another one, who may not read the folder
        if self.users:
            rows.append(f"password_file {self.folder}/passwords")
        if self.tls:
            rows += [f"cafile {self.tls}/ca.pem", f"certfile {self.tls}/server.pem", f"keyfile {self.tls}/server.key", "require_certificate true"]
        (self.folder / "mosquitto.conf").write_text("\n".join(rows) + "\n")

    def start(self):
        self.port = self.port or own_port()
        self.write_config()
        self.run = Lines([BROKER, "-c", self.folder / "mosquitto.conf"])
        self.run.wait(lambda lines: any(line.endswith(" running") for line in lines))
        return self

    def kill(self):
        self.run.end(signal.SIGKILL)

    def stop(self):
        self.run.end(signal.SIGTERM)

    def url(self, path=""):
        return f"{'mqtts' if self.tls else 'mqtt'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}{path}"

    def knows(self, client_id):
        """Is the client's session in the file that outlives kill()?"""
        path = self.folder / "mosquitto.db"
        return path.exists() and client_id.encode() in path.read_bytes()

    def logs(self):
        return self.run.lines if self.run else []

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        if self.run and self.run.process.poll() is None:
            self.stop()


class Reader:
    """mosquitto_sub with a session that the broker keeps: what comes while it is away comes after it, and what comes twice is there twice. Ready when it is made. With QoS 0, as one
    that had to answer a broker that was killed would give up what it has not read yet."""

    FORMAT = "%t|%r|%C|%P|%x"

    def __init__(self, broker, topic, name="reader", host="127.0.0.1", args=()):
        self.run = Lines(["mosquitto_sub", "-p", broker.port, "-h", host, "-V", "mqttv5", "-i", name, "-c", "-x", "3600", "-q", "0", "-t", topic, "-F", self.FORMAT, *args])
        broker.run.wait(lambda lines: any(f"Sending SUBACK to {name}" in line for line in lines))

    def messages(self):
        with self.run.news:
            lines = [line for line in self.run.lines if line.count("|") == self.FORMAT.count("|")]
        return [self.message(line) for line in lines]

    @staticmethod
    def message(line):
        topic, retained, content_type, user, payload = line.split("|")
        return Message(topic, retained == "1", content_type, dict(pair.split(":", 1) for pair in user.split(" ") if pair), bytes.fromhex(payload))

    def wait(self, fits, timeout_s=WAIT_S):
        """Until fits(messages) is true; gives the messages."""
        self.run.wait(lambda lines: fits(self.messages()), timeout_s)
        return self.messages()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.run.end(signal.SIGKILL)
