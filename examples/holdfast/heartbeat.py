"""Section 6: when to ask for a sign of life, and what the answers say about the line. Seconds, on a clock that is handed in."""
import time
from collections import deque

HISTORY = 20  # heartbeats whose loss is counted


class Heartbeat:
    def __init__(self, welcome):
        self.profile, self.k = welcome.get("profile", "default"), welcome.get("k") or 3
        self.sends = self.profile in ("ha", "adaptive")
        self.given_s = welcome.get("interval_ms", 0) / 1000 or 5
        self.srtt = self.rttvar = None
        self.seq, self.sent, self.degraded = 0, {}, False
        self.answered = deque(maxlen=HISTORY)
        self.in_time = self.late = self.missed = 0  # in a row

    def interval_s(self):
        """I. WELCOME's interval counts until there is a round-trip time."""
        if self.profile == "ha":
            return 2
        healthy = self.given_s
        if self.profile == "adaptive" and self.srtt is not None:
            healthy = min(60, max(5, 5 * max(1, self.srtt / 0.1)))
        return max(2, 0.7 * healthy) if self.degraded else healthy

    def silence_s(self):
        """T."""
        return self.k * self.interval_s() + self.answer_s()

    def answer_s(self):
        """What an answer may take; 1 s on a side that measures nothing."""
        return 1 if self.srtt is None else min(2, max(0.1, self.srtt + 4 * self.rttvar))

    def rto_s(self):
        """RFC 6298: 1 s at the beginning and at least."""
        return 1 if self.srtt is None else max(1, self.srtt + 4 * self.rttvar)

    def ping(self, now):
        """The next PING. The one before it is missed when it has no answer yet."""
        if self.seq in self.sent:
            self.in_time, self.missed = 0, self.missed + 1
            self.answered.append(False)
            self.judge()
        self.seq = (self.seq + 1) % 2**32
        self.sent = {seq: at for seq, at in self.sent.items() if now - at < 60} | {self.seq: now}
        return {"type": "ping", "seq": self.seq, "ts": int(time.time() * 1000), "interval_ms": int(self.interval_s() * 1000)}

    def pong(self, frame, now):
        """False when it answers nothing that was asked."""
        sent_at = self.sent.pop(frame.get("seq", 0), None)
        if sent_at is None:
            return False
        rtt = now - sent_at
        late = self.srtt is not None and rtt > max(0.2, 3 * self.srtt, self.srtt + 4 * self.rttvar)
        if self.srtt is None:  # RFC 6298 2.2, 2.3
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar += (abs(self.srtt - rtt) - self.rttvar) / 4
            self.srtt += (rtt - self.srtt) / 8
        if frame.get("seq", 0) == self.seq:  # an older one was counted as a miss already
            self.answered.append(True)
            self.missed, self.late, self.in_time = 0, self.late + 1 if late else 0, 0 if late else self.in_time + 1
            self.judge()
        return True

    def judge(self):
        if self.late >= 3 or self.missed >= 2 or self.answered.count(False) >= 0.2 * HISTORY:
            self.degraded = True
        elif self.in_time >= 5:
            self.degraded = False
