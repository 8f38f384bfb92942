"""One WebSocket from HELLO to its end. The client and its store outlive it (sections 1 to 6)."""
import asyncio
import contextlib
from collections import deque

from websockets.exceptions import ConnectionClosed

from .codec import decode_binary, decode_json, encode_binary, encode_json
from .fields import RANGES_MAX
from .heartbeat import Heartbeat
from .store import following, low32, preceding

WINDOW_MESSAGES, WINDOW_BYTES = 256, 1 << 20        # downlink: what HELLO promises to hold
ACK_AFTER_MESSAGES, ACK_AFTER_S = 64, 0.2
NACK_AFTER_S, HOLE_S, PROGRESS_S, DURABLE_S = 1, 5, 10, 60
FAULTS_MAX, FAULTS_S = 3, 60
BATCH_BYTES = 65536                                 # frames that go into one WebSocket message
CLOSE_CODES = {"normal": 1000, "queue_lost": 1001, "version": 1002, "unsupported_data": 1003, "message_too_big": 1009,
               "heartbeat_timeout": 4408, "stalled": 4408}  # of what we say; everything else is 4400


class End(Exception):
    """The connection is over. Code 1006: nobody said why."""

    def __init__(self, reason, code=1006, retry_ms=0, local=False):
        super().__init__(f"{reason} ({code})")
        self.reason, self.code, self.retry_ms, self.local = reason, code, retry_ms, local


def ours(reason):
    """We end it, with BYE and the close code of the reason."""
    return End(reason, CLOSE_CODES.get(reason, 4400), local=True)


def extend(low, near):
    """Section 3: the 64-bit number nearest to `near` whose low 32 bits are `low`."""
    distance = (low - near + 2**31) % 2**32 - 2**31
    if distance == -2**31 or near + distance < 0:
        raise ours("session_broken")
    return near + distance


def number(low):
    if not low:
        raise ours("session_broken")
    return low


class Connection:
    def __init__(self, client, ws):
        self.client, self.store, self.ws = client, client.store, ws
        self.json, self.crc, self.now = ws.subprotocol.endswith(".json"), False, asyncio.get_running_loop().time
        self.wake, self.bye, self.faults = asyncio.Event(), {}, {}
        self.heard_at, self.peer_seq = self.now(), None
        # Uplink: durable <= received <= sent_max. `sent` is how far this connection has come; `sizes` are the payload bytes
        # behind durable; asked_for is what was sent when we asked the gateway what it has.
        self.durable = self.received = self.sent = self.sent_max = 0
        self.sizes, self.asked_for, self.backoff, self.progress_at, self.ask_at, self.durable_at = {}, None, 1, None, None, None
        # Downlink: everything through `arrived` has come on this connection, in order; `early` = {first: (last, frame)}.
        self.arrived, self.early, self.hole_at, self.nacked = 0, {}, None, False
        self.unacked, self.ack_at, self.acked = 0, None, None

    async def send(self, *frames):
        if self.json:
            for frame in frames:
                await self.ws.send(encode_json(frame))
        elif frames:
            await self.ws.send(b"".join(encode_binary(frame, self.crc) for frame in frames))

    async def frames(self):
        """Everything that comes and is not dealt with here, until the peer ends it."""
        async for message in self.ws:
            if isinstance(message, str) != self.json:
                raise ours("unsupported_data")
            limit = self.client.message_bytes_max
            for frame in [decode_json(message, limit)] if self.json else decode_binary(message, limit):
                if frame["type"] == "corrupt":
                    await self.send(self.ack(nack=True))
                    self.fault("corrupt")
                elif frame["type"] == "bad_heartbeat":
                    self.fault("invalid_heartbeat")
                else:
                    self.heard_at = self.now()
                    if frame["type"] == "ping":
                        await self.on_ping(frame)
                    elif frame["type"] == "bye":
                        self.bye = frame
                    elif frame["type"] == "unknown":
                        self.client.unknown_frames += 1
                    else:
                        yield frame
        raise ConnectionClosed(None, None)  # after 1000 and 1001 the loop just ends

    def fault(self, reason):
        """The third of its kind within a minute ends it."""
        times = self.faults.setdefault(reason, deque(maxlen=FAULTS_MAX))
        times.append(self.now())
        if len(times) == FAULTS_MAX and times[-1] - times[0] < FAULTS_S:
            raise ours(reason)

    async def on_ping(self, frame):
        seq = frame.get("seq", 0)
        if self.peer_seq is not None and not 0 < (seq - self.peer_seq) % 2**32 < 2**31:
            return self.fault("invalid_heartbeat")  # an old one
        self.peer_seq = seq
        await self.send({**frame, "type": "pong"})
        if frame.get("interval_ms") and not self.pulse.sends:
            self.pulse.given_s = frame["interval_ms"] / 1000

    # ---- HELLO and WELCOME ----

    async def open(self):
        client, store = self.client, self.store
        if client.auth_message:
            await self.send({"type": "auth", "token": client.fresh_token()})
        await self.send({
            "type": "hello", "version_min": 1, "version_max": 1, "device": client.device, "profile": client.profile,
            "capabilities": ["heartbeat", "resume", "selective_ack"] + ["crc"] * (client.crc and not self.json),
            "session_id": store["session_id"], "downlink_position": store["position"], "queue_id": store["queue_id"],
            "uplink_first": store.first(), "uplink_next": store["next"], "window_messages": WINDOW_MESSAGES,
            "window_bytes": WINDOW_BYTES, "boot_id": client.boot_id, "software": "holdfast_client.py 1",
            **({"groups": client.groups} if client.groups else {}), **({"trace": client.trace} if client.trace else {})})
        self.pulse, self.incoming = Heartbeat({}), self.frames()
        async for frame in self.incoming:
            if frame["type"] == "welcome":
                return await self.welcome(frame)
            if frame["type"] != "auth":
                raise ours("session_broken")
            client.app.on_other(frame)

    async def welcome(self, welcome):
        client, store = self.client, self.store
        self.pulse, self.crc = Heartbeat(welcome), "crc" in welcome.get("capabilities", [])
        self.ping_at, self.pinged_at = self.now() + self.pulse.interval_s(), self.now()
        self.window_messages, self.window_bytes = welcome["window_messages"], welcome["window_bytes"]
        self.durable = self.sent = welcome.get("uplink_durable", 0)
        # What an earlier connection has sent counts as sent: the gateway may acknowledge it before it comes again.
        self.received = self.sent_max = max(self.durable, welcome.get("uplink_received", 0))
        mine = store.id_of(self.durable)
        if self.received >= store["next"] or (mine and welcome.get("durable_id", mine) != mine):
            # The gateway has more of this queue than we ever numbered, or another message under the last durable number: our
            # store is an older copy of itself. What has these numbers now would be taken for repetitions and be lost, so what
            # waits goes into a new queue.
            store.renumber()
            raise ours("queue_lost")
        self.arrived = preceding(welcome["downlink_next"])
        if welcome.get("result") != "resumed":
            store.put(session_id=welcome["session_id"], position=self.arrived)
            client.taken = self.arrived
        elif welcome["session_id"] != store["session_id"] or self.arrived > store["position"]:
            raise ours("session_broken")
        self.acked = self.position()
        client.up(self, welcome)
        client.acknowledged(self.durable)
        await self.send(*({"type": "subscribe", "topic": topic} for topic in client.topics))

    # ---- what comes ----

    async def read(self):
        async for frame in self.incoming:
            kind = frame["type"]
            if kind == "data" and not frame.get("seq"):
                self.client.give(0, frame)  # not numbered: not acknowledged, at most once
            elif kind in ("data", "command", "gap"):
                self.on_numbered(frame)
            elif kind == "ack":
                await self.on_ack(frame)
            elif kind == "pong":
                if not self.pulse.pong(frame, self.now()):
                    self.fault("invalid_heartbeat")
            elif kind == "refuse":
                self.on_refuse(frame)
            elif kind in ("auth", "delta"):
                self.client.app.on_other(frame)
            else:  # one that only devices send, or a second WELCOME
                raise ours("session_broken")
            self.wake.set()

    def on_numbered(self, frame):
        """In order to the application, each once. What comes early waits, what comes again is passed over."""
        gap = frame["type"] == "gap"
        first = extend(number(frame.get("from" if gap else "seq", 0)), self.arrived + 1)
        last = extend(number(frame.get("to", 0)), first) if gap else first
        if last < first:
            raise ours("session_broken")
        self.unacked += 1
        if self.unacked >= ACK_AFTER_MESSAGES:
            self.ack_at = self.now()
        elif self.ack_at is None:
            self.ack_at = self.now() + ACK_AFTER_S
        if first > self.store["position"] + WINDOW_MESSAGES:
            raise ours("session_broken")
        if last > self.arrived:
            self.early[first] = (last, frame)
        while (key := min(self.early, default=self.arrived + 3)) <= following(self.arrived):
            last, frame = self.early.pop(key)
            if last > self.arrived:
                self.arrived = last
                self.client.give(last, frame)
        self.hole_at = (self.hole_at or self.now()) if self.early else None

    async def on_ack(self, frame):
        if frame.get("ask"):
            self.ack_at = self.now()
        received = extend(frame.get("received_through", 0), self.received)
        durable = extend(frame.get("durable_through", 0), self.received)
        if received > self.sent_max or durable > received:
            raise ours("session_broken")  # it acknowledges what was never sent
        if durable < self.durable:
            return  # an old one
        self.window_messages, self.window_bytes = frame.get("window_messages", 0), frame.get("window_bytes", 0)
        if received > self.received:
            self.received, self.progress_at, self.backoff = received, None, 1
        if durable > self.durable:
            self.durable, self.sent, self.durable_at = durable, max(self.sent, durable), None
            self.sizes = {seq: size for seq, size in self.sizes.items() if seq > durable}
            self.client.acknowledged(durable)
        # Nothing is sent again but what the receiver says is missing: by NACK, or in the answer to our question.
        have = [(extend(a, received), extend(b, received)) for a, b in frame.get("ranges", [])]
        last = max((b for _, b in have), default=self.sent) if frame.get("nack") else self.asked_for or 0
        if last > received:
            await self.send(*(row for seq, row in self.store.rows(received + 1, min(last, self.sent))
                              if not any(a <= seq <= b for a, b in have)))
        self.asked_for = None

    def on_refuse(self, frame):
        if frame.get("seq"):
            frame = {**frame, "seq": extend(frame["seq"], self.received)}
            self.store.give_up(frame["seq"], frame.get("reason", "none"))
        self.client.app.on_refused(frame)

    # ---- what goes ----

    def position(self):
        """What to call durable, and of which session. The worker may be ahead of what this connection has seen again."""
        return min(self.store["position"], self.arrived), self.store["session_id"]

    def ack(self, **flags):
        self.unacked, self.ack_at, self.acked = 0, None, self.position()
        spans = []
        for first in sorted(self.early):
            last = self.early[first][0]
            if spans and first <= spans[-1][1] + 1:
                spans[-1][1] = max(last, spans[-1][1])
            else:
                spans.append([first, last])
        return {"type": "ack", "received_through": low32(self.arrived), "durable_through": low32(self.acked[0]),
                "window_messages": WINDOW_MESSAGES, "window_bytes": WINDOW_BYTES, **flags,
                "ranges": [[low32(a), low32(b)] for a, b in spans[:RANGES_MAX]]}

    def take(self):
        """The next frames that the window has room for, one WebSocket message full. One message always fits: what is larger
        than the window would wait for ever."""
        batch, batch_bytes, open_bytes = [], 0, sum(self.sizes.values())
        for seq, frame in self.store.rows(self.sent + 1):
            size = len(frame.get("payload", b""))
            self.skip_to(seq, batch)
            if seq > min(following(self.sent), self.durable + self.window_messages) or batch_bytes > BATCH_BYTES:
                break
            if self.sizes and open_bytes + size > self.window_bytes:
                break
            batch.append(frame)
            batch_bytes, open_bytes = batch_bytes + size, open_bytes + size
            self.sizes[seq], self.sent = size, seq
        else:
            self.skip_to(self.store["next"], batch)
        self.sent_max = max(self.sent_max, self.sent)
        return batch

    def skip_to(self, seq, batch):
        """Numbers without a row, whatever happened to it: the gateway would wait for them, and only the sender can say so."""
        first = following(self.sent)
        if seq > first <= self.durable + self.window_messages:  # a gap begins in the window, wherever it ends
            self.sent = preceding(seq)
            batch.append({"type": "gap", "from": low32(first), "to": low32(self.sent), "reason": "queue_lost"})

    async def write(self):
        """One loop has all the timers: it does what is due, then sleeps until the next one or until something happens."""
        while True:
            self.wake.clear()
            if self.client.stopping and (not self.client.drain or not self.store.waiting()):
                raise ours("normal")
            while batch := self.take():
                await self.send(*batch)
            now = self.now()
            if self.acked != self.position() or (self.ack_at is not None and now >= self.ack_at):
                await self.send(self.ack())
            due = [await watch(now) for watch in (self.watch_line, self.watch_progress, self.watch_hole)] + [self.ack_at]
            with contextlib.suppress(asyncio.TimeoutError):  # not wait_for, which can swallow a cancellation (bpo-37658)
                async with asyncio.timeout(max(0.001, min(at for at in due if at is not None) - self.now())):
                    await self.wake.wait()

    # Each of these gives the time at which it wants to be called again, or None.

    async def watch_line(self, now):
        dead_at = self.heard_at + self.pulse.silence_s()
        if self.pulse.sends:
            if now >= self.ping_at:
                await self.send(self.pulse.ping(now))
                self.ping_at, self.pinged_at = now + self.pulse.interval_s(), now
            # DEGRADED shortens T; the last heartbeat has its time all the same.
            dead_at = max(self.heard_at + self.pulse.silence_s(), self.pinged_at + self.pulse.answer_s())
        if now >= dead_at or self.pulse.missed >= self.pulse.k:
            raise ours("heartbeat_timeout")
        return min(dead_at, self.ping_at) if self.pulse.sends else dead_at

    async def watch_progress(self, now):
        if self.received >= self.sent:
            self.progress_at = None
            return await self.watch_durable(now)
        if self.progress_at is None:
            self.progress_at, self.ask_at = now, now + self.pulse.rto_s()
        if now >= self.progress_at + PROGRESS_S:
            raise ours("stalled")
        if now >= self.ask_at:
            self.asked_for, self.backoff = self.sent, self.backoff * 2
            self.ask_at = now + self.backoff * self.pulse.rto_s()
            await self.send(self.ack(ask=True))
        return min(self.ask_at, self.progress_at + PROGRESS_S)

    async def watch_durable(self, now):
        """All has been received. An ACK that was damaged on its way would leave us waiting: no stall, but a question."""
        if self.durable >= self.sent:
            self.durable_at = None
            return None
        if self.durable_at is None or now >= self.durable_at + DURABLE_S:
            if self.durable_at is not None:
                await self.send(self.ack(ask=True))
            self.durable_at = now
        return self.durable_at + DURABLE_S

    async def watch_hole(self, now):
        if self.hole_at is None:
            self.nacked = False
            return None
        if now >= self.hole_at + HOLE_S:
            raise ours("gap")
        if not self.nacked and now >= self.hole_at + NACK_AFTER_S:
            self.nacked = True
            await self.send(self.ack(nack=True))
        return self.hole_at + (HOLE_S if self.nacked else NACK_AFTER_S)
