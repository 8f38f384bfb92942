"""Devices that speak holdfast.v1: the client of examples/ in a thread of its own, a relay that cuts lines, and single frames."""
import asyncio
import socket
import struct
import sys
import threading
import time

from lib.gateway import ROOT
from lib.pace import WAIT_S
from lib.rawws import BINARY, CLOSE, TEXT, RawWs

sys.path.insert(0, str(ROOT / "examples"))

import holdfast_client  # noqa: E402
from holdfast.codec import decode_binary, decode_json, encode_binary, encode_json  # noqa: E402

PROTOCOLS = {"binary": "holdfast.v1", "json": "holdfast.v1.json"}


class Diary(holdfast_client.Application):
    """Writes down all that it is told."""

    def __init__(self, answer):
        self.rows, self.changed, self.answer = [], threading.Condition(), answer
        self.open = threading.Event()  # clear: the application is busy with its message, while the client goes on
        self.open.set()

    def note(self, kind, what):
        with self.changed:
            self.rows.append((kind, what))
            self.changed.notify_all()

    def on_command(self, frame):
        self.note("command", frame)
        return self.answer(frame)

    async def on_message(self, frame):
        self.note("message", frame)
        while not self.open.is_set():
            await asyncio.sleep(0.01)

    def on_gap(self, frame): self.note("gap", frame)
    def on_session(self, welcome): self.note("session", welcome)
    def on_durable(self, through): self.note("durable", through)
    def on_refused(self, frame): self.note("refused", frame)
    def on_other(self, frame): self.note("other", frame)
    def on_end(self, end, pause_s): self.note("end", (end.reason, end.code, pause_s))


class Device(threading.Thread):
    """with Device(gw, "bike-7", tmp_path / "store") as bike: bike.publish(1); bike.wait("durable")"""

    def __init__(self, gw, name, store, encoding="binary", url=None, answer=lambda frame: {"done": True}, token=None, diary=Diary,
                 retry_most_s=30, **options):
        """retry_most_s: the longest delay between attempts. Tests cut more often than lines break, so it never becomes short again."""
        super().__init__(daemon=True)
        self.diary, self.failure, self.ready = diary(answer), None, threading.Event()
        self.retry_most_s = retry_most_s
        self.settings = dict(url=url or gw.url().replace("http", "ws"), token=token or gw.token(name), app=self.diary, device=name,
                             store=str(store), encoding=encoding, **{"profile": "ha", **options})
        self.start()
        self.ready.wait(WAIT_S)

    def run(self):
        async def live():
            self.loop, self.client = asyncio.get_running_loop(), holdfast_client.Client(**self.settings)
            self.client.retry_most_s = self.retry_most_s
            self.ready.set()
            await self.client.run()
        try:
            asyncio.run(live())
        except Exception as error:  # told to the test, which alone may fail
            self.failure = error
        finally:
            self.ready.set()
            with self.diary.changed:
                self.diary.changed.notify_all()

    def call(self, function, *args, **members):
        """In the device's own thread; coroutines are awaited."""
        async def inside():
            got = function(*args, **members)
            return await got if asyncio.iscoroutine(got) else got
        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(WAIT_S)

    def publish(self, content, topic="", **members):
        return self.call(self.client.publish, content, topic, **members)

    def cut(self):
        """The line breaks without a word."""
        def abort():
            if self.client.connection:
                self.client.connection.ws.transport.abort()
        self.call(abort)

    def seen(self, kind):
        with self.diary.changed:
            return [what for name, what in self.diary.rows if name == kind]

    def wait(self, kind, where=lambda what: True, count=1, timeout_s=WAIT_S):
        """The count-th that fits."""
        until = time.monotonic() + timeout_s
        with self.diary.changed:
            while True:
                fits = [what for name, what in self.diary.rows if name == kind and where(what)]
                if len(fits) >= count:
                    return fits[count - 1]
                assert self.failure is None, f"the device failed: {self.failure!r}"
                if not self.diary.changed.wait(until - time.monotonic()):
                    raise AssertionError(f"no {kind} within {timeout_s} s; last: {self.diary.rows[-5:]}")

    def wait_durable(self, through):
        return self.wait("durable", lambda n: n >= through)

    def new_session(self):
        """Gives the old one, which is still the device's own, but not known any more."""
        old, count = self.call(lambda: self.client.store["session_id"]), len(self.seen("session"))
        self.call(self.client.store.put, session_id="", position=0)
        self.cut()
        assert self.wait("session", count=count + 1)["result"] == "new"
        return old

    def lose_session(self, old):
        """As if its store were an older one: the downlink begins anew with the next connection."""
        self.call(self.client.store.put, session_id=old, position=0)

    def stop(self, drain=False):
        if self.is_alive():
            self.loop.call_soon_threadsafe(lambda: self.client.stop(drain))
            self.join(WAIT_S)
        assert not self.is_alive(), "the device does not stop"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
            assert self.failure is None, f"the device failed: {self.failure!r}"
        elif self.is_alive():
            self.loop.call_soon_threadsafe(lambda: self.client.stop(False))


class Relay:
    """Between a device and the gateway: it can swallow what the device says, damage what it hears, and cut every line."""

    def __init__(self, gw):
        self.target, self.lines, self.mute, self.damage = gw.address(), [], False, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "ws://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            self.lines += [near, far]
            for source, sink, up in ((near, far, True), (far, near, False)):
                threading.Thread(target=self.pump, args=(source, sink, up), daemon=True).start()

    def pump(self, source, sink, up):
        try:
            while data := source.recv(65536):
                if not up and self.damage and self.damage in data:  # once: the last bit of it
                    data, self.damage = data.replace(self.damage, self.damage[:-1] + bytes([self.damage[-1] ^ 1])), None
                if not (up and self.mute):
                    sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self, mute=False):
        """Resets every line. What was swallowed before stays lost; later lines are whole unless `mute`."""
        lines, self.lines, self.mute = self.lines, [], mute
        for line in lines:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()


class Frames:
    """A device that sends the frames it is told to, good or not. Blocking, with a deadline on every read."""

    def __init__(self, gw, device, encoding="binary", token=None, path=None, hello=True, **members):
        auth = {"Authorization": "Bearer " + (token or gw.token(device))} if token != "" else {}
        self.ws = RawWs(gw.address(), path or f"/v1/connect/{device}", auth, protocols=[PROTOCOLS[encoding]])
        self.json, self.waiting, self.welcome = encoding == "json", [], None
        assert self.ws.protocol == PROTOCOLS[encoding]
        if hello:
            self.hello(**members)
            self.welcome = self.recv("welcome")

    HELLO = {"type": "hello", "version_min": 1, "version_max": 1, "queue_id": "00000000000000aa", "uplink_first": 1, "uplink_next": 1,
             "window_messages": 256, "window_bytes": 1 << 20, "boot_id": "b0" * 16, "capabilities": ["heartbeat", "resume", "selective_ack"]}

    def hello(self, **members):
        self.send({**self.HELLO, **members})

    def send(self, *frames, crc=False):
        if self.json:
            for frame in frames:
                self.ws.send(TEXT, encode_json(frame))
        else:
            self.ws.send(BINARY, b"".join(encode_binary(frame, crc) for frame in frames))

    def data(self, seq, content, **members):
        self.send({"type": "data", "seq": seq, "topic": "t", **holdfast_client.as_payload(content), **members})

    def recv(self, kind=None, where=lambda frame: True):
        """The next frame (of that kind, others are passed over). A Close is {"type": "close", "code": ..., "text": ...}."""
        while True:
            while self.waiting:
                frame = self.waiting.pop(0)
                if (kind is None or frame["type"] == kind) and where(frame):
                    return frame
                assert frame["type"] != "close", f"closed while waiting for {kind}: {frame}"
            opcode, payload = self.ws.recv()
            if opcode == CLOSE:
                self.waiting.append({"type": "close", "code": struct.unpack(">H", payload[:2])[0], "text": payload[2:].decode()})
            elif opcode in (BINARY, TEXT):
                assert (opcode == TEXT) == self.json
                self.waiting += [decode_json(payload)] if self.json else decode_binary(payload)

    def close(self):
        """(code, reason) of the end that the gateway makes."""
        frame = self.recv("close")
        return frame["code"], dict(part.split("=") for part in frame["text"].split(";"))["reason"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ws.abort()
