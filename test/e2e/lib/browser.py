"""A headless Chromium, driven by its DevTools protocol over two pipes: commands and events are JSON texts that end in NUL."""
import base64
import collections
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from lib.pace import WAIT_S

PROGRAM = "chromium-headless-shell"
OPTIONS = ["--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--mute-audio",
           "--in-process-gpu", "--renderer-process-limit=1"]  # a process less for each page: they take longer to start than most tests last
ANSWER_S = 2 * WAIT_S  # also of a script that waits for something in its page


def above_ten(fd):
    """The program wants its pipes as 3 and 4: neither may be in the other's way."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD, 10)
    os.close(fd)
    return moved


class Browser:
    def __init__(self):
        program = shutil.which(PROGRAM)
        assert program, f"{PROGRAM} is not installed: scripts/setup"
        self.profile = tempfile.mkdtemp(prefix="browser")
        commands, self.to = os.pipe()
        self.events, back = os.pipe()
        commands, back = above_ten(commands), above_ten(back)
        root = ["--no-sandbox"] if os.getuid() == 0 else []  # its sandbox is not made for root
        self.log = open(os.path.join(self.profile, "stderr"), "w+b")
        self.process = subprocess.Popen(["bash", "-c", f'exec "$@" 3<&{commands} 4>&{back}', "bash", program, *OPTIONS, *root, f"--user-data-dir={self.profile}"],
                                        pass_fds=(commands, back), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        os.close(commands)
        os.close(back)
        self.number, self.bytes = 0, b""
        self.answers, self.said = {}, collections.deque()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.to)  # its end of file ends it
        try:
            self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.events)
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _read(self, until):
        left = until - time.monotonic()
        if left <= 0 or not select.select([self.events], [], [], left)[0]:
            raise AssertionError("the browser does not answer")
        part = os.read(self.events, 1 << 20)
        if not part:
            self.log.seek(0)
            raise AssertionError(f"the browser is gone: {self.log.read()[-2000:].decode(errors='replace')}")
        *whole, self.bytes = (self.bytes + part).split(b"\0")
        for text in map(json.loads, whole):
            if "id" in text:
                self.answers[text["id"]] = text
            else:
                self.said.append(text)

    def do(self, method, session=None, **params):
        self.number += 1
        text = {"id": self.number, "method": method, "params": params}
        if session:
            text["sessionId"] = session
        os.write(self.to, json.dumps(text).encode() + b"\0")
        until = time.monotonic() + ANSWER_S
        while self.number not in self.answers:
            self._read(until)
        answer = self.answers.pop(self.number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def page(self, url):
        return Page(self, url)


class Page:
    """What a page says on its console, and what goes wrong in it or with what it loads, is in `complaints`; `asked` are the addresses that it went to, sockets' too."""

    def __init__(self, browser, url):
        self.browser, self.complaints, self.asked = browser, [], []
        self.target = browser.do("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.do("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page", "Network"):
            self.do(f"{domain}.enable")
        self.do("Page.navigate", url=url)

    def do(self, method, **params):
        return self.browser.do(method, self.session, **params)

    def run(self, script):
        """The value of an expression, a promise's when it is there."""
        answer = self.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def listen(self):
        for text in list(self.browser.said):
            if text.get("sessionId") != self.session:
                continue
            self.browser.said.remove(text)
            params = text["params"]
            if text["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                self.complaints.append([arg.get("value", arg.get("description")) for arg in params["args"]])
            elif text["method"] == "Runtime.exceptionThrown":
                self.complaints.append(params["exceptionDetails"]["text"] + " " + params["exceptionDetails"].get("exception", {}).get("description", ""))
            elif text["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(params["entry"]["text"] + (" " + params["entry"]["url"] if "url" in params["entry"] else ""))
            elif text["method"] == "Network.requestWillBeSent":
                self.asked.append(params["request"]["url"])
            elif text["method"] == "Network.webSocketCreated":
                self.asked.append(params["url"])
        return self.complaints

    def reload(self):
        """Anew, and loaded: who runs something in a page that is about to go gets no answer."""
        self.listen()
        self.do("Page.reload")
        until = time.monotonic() + ANSWER_S
        while not any(one.get("sessionId") == self.session and one["method"] == "Page.loadEventFired" for one in self.browser.said):
            self.browser._read(until)

    def window(self, width, height, scale=1, dark=False):
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=width < 600)
        self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self):
        """What it looks like: PNG."""
        return base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"])

    def close(self):
        self.browser.do("Target.closeTarget", targetId=self.target)
        self.browser.said = collections.deque(one for one in self.browser.said if one.get("sessionId") != self.session)
