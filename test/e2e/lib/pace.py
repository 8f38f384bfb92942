"""How long a test waits before it gives up, and how long something took. A sanitizer makes the programs several times slower; its script (scripts/tsan) says how many in TEST_PACE.

Whoever waits for what must come waits WAIT_S: it costs nothing when it comes early, and a machine with other work may be ten times slower than the one where the test was written.
Shorter limits are for what must be quick, and those are asserted, with a Stopwatch."""
import os
import threading
import time

PACE = float(os.environ.get("TEST_PACE", "1"))
WAIT_S = max(60, 20 * PACE)
STEP_S, LATE_S = 0.01, 0.05


class Stopwatch(threading.Thread):
    """What passes while the whole machine stands still is no time of the product's. A thread that only wants to run each 10 ms sees that: it is late itself."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.begin = threading.Event(), time.monotonic()
        self.ran, self.late_s = self.begin, 0.0
        self.lock = threading.Lock()
        self.start()

    def run(self):
        while not self.over.wait(STEP_S):
            with self.lock:
                now = time.monotonic()
                self.ran, self.late_s = now, self.late_s + self.late_now_s(now)

    def late_now_s(self, now):
        late_s = now - self.ran - STEP_S
        return late_s if late_s > LATE_S else 0

    def stood_still_s(self):
        """Since it was made."""
        with self.lock:
            return self.late_s + self.late_now_s(time.monotonic())

    def s(self):
        """Since it was made, less that."""
        with self.lock:
            now = time.monotonic()
            return now - self.begin - self.late_s - self.late_now_s(now)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
