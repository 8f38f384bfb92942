#!/usr/bin/env python3
"""A device for Holdfast: a client of `holdfast.v1`, written from doc/protocol.md alone to show that this can be done. Needs
Python 3.11 and `websockets` (Debian: python3-websockets); the parts are in holdfast/. Section numbers are of that page.

    holdfast_client.py ws://localhost:8080 --token-file bike-7.token --device bike-7 < lines.txt

publishes each line and prints what comes, one JSON object a line. As a module: derive from Application, then
`await Client(url, token, app).run()`. What publish() took survives the connection, the process and the power supply."""
import argparse
import asyncio
import contextlib
import inspect
import json
import os
import random
import sys
import threading
import time
import uuid

import websockets
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatusCode

from holdfast.codec import JSON, MESSAGE_BYTES_MAX, holds
from holdfast.connection import Connection, End, ours
from holdfast.fields import Malformed, TooBig
from holdfast.store import Store

ATTEMPT_S, STABLE_S, GOODBYE_S, TICKET_S_MAX = 10, 60, 5, 600  # sections 1 and 7
UNNUMBERED_MAX = 1000  # publications that wait for the application; more are dropped and counted


class Unsupported(Exception):
    """Raised by on_command: this device does not know the command."""


class Application:
    """What a client tells. A message counts as received when on_message has returned: only then is its position stored and
    acknowledged, so after a crash in the middle it comes again. The first three may be coroutines."""

    def on_message(self, frame): pass               # DATA, numbered ones in order; value(frame) is its payload
    def on_command(self, frame): raise Unsupported  # gives the payload of the result; an exception is the result `failed`
    def on_gap(self, frame): pass                   # messages that will never come
    def on_session(self, welcome): pass             # new, resumed or rebuilt
    def on_durable(self, through): pass             # everything that was published up to this sequence is on the gateway's disk
    def on_refused(self, frame): pass               # REFUSE
    def on_other(self, frame): pass                 # AUTH, DELTA
    def on_end(self, end, pause_s): pass            # of a connection or an attempt; the next comes after pause_s, None: never


def value(frame):
    """The payload as the application wants it: bytes, str, or what JSON says."""
    payload = frame.get("payload", b"")
    if frame.get("invalid"):  # it is not what it was said to be
        return payload
    return json.loads(payload) if frame.get("format") == JSON and payload else payload.decode() if frame.get("text") else payload


def as_payload(content):
    """Its inverse, as members of a frame."""
    if content is None or isinstance(content, bytes):
        return {"payload": content or b""}
    if isinstance(content, str):
        return {"payload": content.encode(), "text": True}
    return {"format": JSON, "payload": json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()}


def uuid7():
    return str(uuid.UUID(int=int(time.time() * 1000) << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62)))


def retry_delay(code, attempt, base_s=1.0, retry_ms=0, ticket_ms=0, draw=random.uniform, most_s=30):
    """Section 7: seconds until the next attempt, None for never. ticket_ms: of the connection that was just lost; 0 without."""
    if code == 1000:
        return None
    delay_s = draw(0, min(most_s, base_s * 2 ** min(attempt, 20)))
    if ticket_ms and code in (1001, 1006, 4408):  # a slot of our own; in a row of short connections with the delay on top
        delay_s = min(ticket_ms / 1000, TICKET_S_MAX) + (delay_s if attempt else 0)
    least_s = {4403: 300, 4409: 30, 4429: 0 if retry_ms else 5}.get(code, 0)
    return max(retry_ms / 1000, least_s) + delay_s


class Client:
    """token: text, or a function that fetches a fresh one for each attempt. One client to a store at a time. Everything is to be
    called in the event loop's thread."""

    def __init__(self, url, token, app=None, device="", store="holdfast.db", encoding="binary", profile="adaptive", crc=False,
                 groups=(), trace="", auth_message=False, ssl=None):
        self.url, self.token, self.app, self.device, self.profile = url.rstrip("/"), token, app or Application(), device, profile
        self.protocol = {"binary": "holdfast.v1", "json": "holdfast.v1.json"}[encoding]
        self.store, self.crc, self.groups, self.trace, self.ssl = Store(store), crc, list(groups), trace, ssl
        self.auth_message, self.base_s, self.retry_most_s = auth_message, 0.1 if profile == "ha" else 1.0, 30
        self.boot_id, self.connection, self.topics = os.urandom(16).hex(), None, []
        self.stopping = self.drain = False
        self.inbox, self.stopped = asyncio.Queue(), asyncio.Event()
        self.taken = self.store["position"]  # downlink: the last number that the worker was given
        self.message_bytes_max, self.unknown_frames, self.publications_dropped = MESSAGE_BYTES_MAX, 0, 0

    # ---- for the application ----

    def publish(self, content, topic="", **members):
        """Takes a message into the queue on disk; gives its sequence, which on_durable reaches. QueueFull; ValueError when it is
        too big, or not what it says it is: the gateway would refuse it."""
        frame = {"type": "data", "id": uuid7(), "topic": topic, "time": int(time.time() * 1000), **as_payload(content), **members}
        if not holds(frame):
            raise ValueError("the payload is not what its format or the text flag says")
        if len(frame["payload"]) > self.message_bytes_max:
            raise ValueError(f"a message has at most {self.message_bytes_max} bytes")
        seq = self.store.add(frame)
        self.poke()
        return seq

    async def subscribe(self, topic, on=True):
        """Holds for later connections, too."""
        self.topics = [known for known in self.topics if known != topic] + [topic] * on
        if self.connection:
            await self.connection.send({"type": "subscribe", "topic": topic, **({} if on else {"unsubscribe": True})})

    async def authenticate(self, token):
        """Prolongs the connection; the answer comes to on_other."""
        if self.connection:
            await self.connection.send({"type": "auth", "token": token})

    def stop(self, drain=True):
        """Ends run(); drain: when everything is durable."""
        self.stopping, self.drain = True, drain
        if self.connection is None and not (drain and self.store.waiting()):
            self.stopped.set()
        self.poke()

    async def run(self):
        """Until stop(), or until the gateway says that it is over (1000). What the application raises ends it, too."""
        worker, attempt, now = asyncio.create_task(self.work()), 0, asyncio.get_running_loop().time
        try:
            while not self.stopped.is_set():
                begin, self.ticket_ms, self.welcomed = now(), 0, False
                end = await self.attempt(worker)
                if worker.done():
                    worker.result()
                if self.welcomed and now() - begin >= STABLE_S:
                    attempt = 0
                pause_s = retry_delay(end.code, attempt, self.base_s, end.retry_ms, self.ticket_ms, most_s=self.retry_most_s)
                attempt += 1
                self.app.on_end(end, pause_s)
                if pause_s is None:
                    break
                with contextlib.suppress(asyncio.TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self.stopped.wait()
        finally:
            worker.cancel()
            self.store.close()

    # ---- what the connection calls ----

    def fresh_token(self):
        return self.token() if callable(self.token) else self.token

    def up(self, connection, welcome):
        self.connection, self.welcomed, self.ticket_ms = connection, True, welcome.get("ticket_ms", 0)
        self.message_bytes_max = welcome.get("message_bytes_max") or self.message_bytes_max
        self.app.on_session(welcome)

    def acknowledged(self, durable):
        self.store.forget(durable)
        self.app.on_durable(durable)

    def give(self, seq, frame):
        """To the worker, unless an earlier connection of this session gave it already."""
        if seq and seq <= self.taken:
            return
        if not seq and self.inbox.qsize() >= UNNUMBERED_MAX:
            self.publications_dropped += 1
            return
        self.taken = seq or self.taken
        ttl_ms = frame.get("ttl_ms")
        self.inbox.put_nowait((self.store["session_id"], seq, frame, time.monotonic() + ttl_ms / 1000 if ttl_ms else None))

    # ---- downlink: one by one, so that a slow application fills the window and nothing else ----

    async def work(self):
        while True:
            session_id, seq, frame, until = await self.inbox.get()
            ident, result = frame.get("id"), None
            if frame["type"] == "gap":
                await self.call(self.app.on_gap, frame)
            elif seq and ident and (known := self.store.result_of(ident)) is not None:
                # It was done before a rebuild: the same answer, unless that waits in the queue anyway; and nothing is done again.
                result, ident = None if self.store.answer_waits(ident) else known, None
            elif frame["type"] == "data":
                await self.call(self.app.on_message, frame)
            else:
                result = {"type": "result", "id": ident, **await self.execute(frame, until)}
            if seq:
                self.store.finish(session_id, seq, ident, result)
            self.poke()

    async def execute(self, frame, until):
        if until is not None and time.monotonic() >= until:
            return {"status": "expired"}
        try:
            answer = as_payload(await self.call(self.app.on_command, frame))
            return {"status": "ok", **answer} if holds(answer) else {"status": "failed", **as_payload("its answer is no JSON")}
        except Unsupported:
            return {"status": "unsupported"}
        except Exception as error:
            return {"status": "failed", **as_payload(str(error))}

    @staticmethod
    async def call(function, frame):
        answer = function(frame)
        return await answer if inspect.isawaitable(answer) else answer

    def poke(self):
        if self.connection:
            self.connection.wake.set()

    # ---- one attempt, from DNS to the end of its connection ----

    async def attempt(self, worker):
        connection = None
        try:
            async with asyncio.timeout(ATTEMPT_S):  # everything up to WELCOME is one attempt together
                ws = await self.dial()
                connection = Connection(self, ws)
                await connection.open()
            await self.live(connection, worker)
        except End as error:
            end = error
        except Malformed as error:
            end = ours("message_too_big" if isinstance(error, TooBig) else "session_broken")
        except ConnectionClosed:
            end = self.what_was_said(connection)
        except InvalidStatusCode as refused:  # an HTTP answer means what its close code means
            code = {401: 4401, 403: 4403, 429: 4429, 503: 1013}.get(refused.status_code, 1006)
            retry = refused.headers.get("Retry-After", "")
            end = End(f"HTTP {refused.status_code}", code, int(retry) * 1000 if retry.isdecimal() else 0)
        except (OSError, InvalidHandshake, asyncio.TimeoutError) as lost:
            end = End(type(lost).__name__)
        self.connection = None
        if connection is not None:
            await self.say_goodbye(connection, end)
        if end.code == 4400:
            self.store.put(session_id="", position=0)  # the next one is a full rebuild
            self.taken = 0
        return end

    async def dial(self):
        path = "/v1/connect" + (f"/{self.device}" if self.device else "") + ("?auth=message" if self.auth_message else "")
        ws = await websockets.connect(
            self.url + path, subprotocols=[self.protocol], ping_interval=None, max_size=4 * MESSAGE_BYTES_MAX, ssl=self.ssl,
            open_timeout=None, close_timeout=GOODBYE_S,
            extra_headers={} if self.auth_message else {"Authorization": "Bearer " + self.fresh_token()})
        if ws.subprotocol != self.protocol:
            await ws.close(1002)
            raise End("version", 1002)
        return ws

    async def live(self, connection, worker):
        tasks = [asyncio.create_task(connection.read()), asyncio.create_task(connection.write())]
        try:
            done, _ = await asyncio.wait([*tasks, worker], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {worker}:
                task.result()  # raises: they do not return
            raise ours("application_failed")  # the worker ended, with what the application raised; run() tells it
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def what_was_said(self, connection):
        """Of an end by the peer: the Close frame's text is `reason=<name>;retry_ms=<n>`, and a BYE may have come before it."""
        ws, bye = connection.ws, connection.bye
        said = dict(part.split("=", 1) for part in (ws.close_reason or "").split(";") if "=" in part)
        retry = said.get("retry_ms", "")
        self.ticket_ms = bye.get("ticket_ms") or self.ticket_ms
        if ws.close_code == 1009:
            self.give_up_the_biggest(connection)
        return End(said.get("reason") or bye.get("reason") or "connection_lost", ws.close_code or 1006,
                   max(bye.get("retry_ms", 0), int(retry) if retry.isdecimal() else 0))

    def give_up_the_biggest(self, connection):
        """1009 does not say which one it was: the biggest of those that were sent and are not durable."""
        sizes = {seq: len(frame.get("payload", b"")) for seq, frame in self.store.rows(0, connection.sent)}
        if sizes:
            seq = max(sizes, key=sizes.get)
            self.store.give_up(seq, "message_too_big")
            self.app.on_refused({"type": "refuse", "seq": seq, "reason": "message_too_big"})

    @staticmethod
    async def say_goodbye(connection, end):
        if end.reason == "heartbeat_timeout":  # nobody is there to answer, and the next connection is waiting
            connection.ws.transport.abort()
            return
        with contextlib.suppress(OSError, ConnectionClosed, asyncio.TimeoutError):
            async with asyncio.timeout(2 * GOODBYE_S):
                if end.local:
                    await connection.send({"type": "bye", "reason": end.reason})
                await connection.ws.close(end.code if end.local else 1000, f"reason={end.reason};retry_ms=0" if end.local else "")


# ---- the program ----

class Printer(Application):
    """One JSON object a line, for people and for scripts."""

    def __init__(self, result):
        self.result = result

    @staticmethod
    def say(what, frame):
        row = {"event": what, **{name: part for name, part in frame.items() if name not in ("type", "payload", "text", "format")}}
        if "payload" in frame:
            content = value(frame)
            row["payload"] = content.hex() if isinstance(content, bytes) else content
        print(json.dumps(row), flush=True)

    def on_command(self, frame):
        self.say("command", frame)
        if self.result is None:
            raise Unsupported
        return self.result

    def on_message(self, frame): self.say("message", frame)
    def on_gap(self, frame): self.say("gap", frame)
    def on_session(self, welcome): self.say("session", welcome)
    def on_durable(self, through): self.say("durable", {"through": through})
    def on_refused(self, frame): self.say("refused", frame)
    def on_other(self, frame): self.say(frame["type"], frame)
    def on_end(self, end, pause_s): self.say("end", {"reason": end.reason, "code": end.code, "pause_s": pause_s})


def arguments():
    parser = argparse.ArgumentParser(description="Publishes the lines of standard input and prints what comes.")
    parser.add_argument("url", help="ws://host:port or wss://host:port")
    parser.add_argument("--token")
    parser.add_argument("--token-file", help="read again for each attempt")
    parser.add_argument("--device", default="")
    parser.add_argument("--store", default="holdfast.db", help="queue, session and results (default: %(default)s)")
    parser.add_argument("--encoding", choices=["binary", "json"], default="binary")
    parser.add_argument("--profile", choices=["default", "ha", "adaptive"], default="adaptive")
    parser.add_argument("--topic", default="")
    parser.add_argument("--subscribe", action="append", default=[], metavar="TOPIC")
    parser.add_argument("--result", type=json.loads, help="JSON that answers every command; without it they are unsupported")
    parser.add_argument("--wait", action="store_true", help="stay when standard input ends")
    options = parser.parse_args()
    if options.token is None and options.token_file is None:
        parser.error("--token or --token-file is needed")
    return options


async def main():
    options, loop = arguments(), asyncio.get_running_loop()

    def token():
        if options.token is not None:
            return options.token
        with open(options.token_file, encoding="ascii") as file:
            return file.read().strip()

    client = Client(options.url, token, Printer(options.result), options.device, options.store, options.encoding, options.profile)
    client.topics = options.subscribe

    async def take(line):
        if line is not None:
            client.publish(line, options.topic)
        elif not options.wait:
            client.stop()

    def read_lines():  # a thread, because standard input may be a file, which an event loop cannot watch
        with contextlib.suppress(RuntimeError):  # the loop is over first
            for line in sys.stdin:
                asyncio.run_coroutine_threadsafe(take(line.rstrip("\n")), loop).result()
            asyncio.run_coroutine_threadsafe(take(None), loop).result()

    threading.Thread(target=read_lines, daemon=True).start()
    await client.run()


if __name__ == "__main__":
    asyncio.run(main())
