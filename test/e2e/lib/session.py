"""A device of holdfast.v1, binary or JSON, by doc/protocol.md alone: it shares no code with the product. Frames are dicts with the names of the JSON form."""
import base64
import collections
import json
import os
import struct
import uuid

from lib.rawws import BINARY, CLOSE, TEXT

TYPES = dict(hello=1, welcome=2, data=3, ack=4, gap=5, command=6, result=7, patch=8, delta=9, ping=10, pong=11, bye=12,
             auth=13, subscribe=14, refuse=15)
NAMES = {number: name for name, number in TYPES.items()}
CAPABILITIES = dict(heartbeat=1, resume=2, selective_ack=4, crc=16, documents=32, shadow=64, refusals=128, certificates=256)
RESULTS = ["new", "resumed", "rebuilt"]
PROFILES = ["any", "default", "ha", "adaptive"]
DOCUMENTS, KINDS, MERGES = ["none", "context", "group", "shadow", "certificate"], ["full", "merge", "json"], ["keep", "lww", "version", "conflict_free"]
STATUSES = ["ok", "failed", "expired", "unsupported"]
REASONS = dict(none=0, normal=1, drain=2, protocol_error=3, unsupported_data=4, message_too_big=7, internal_error=8, try_later=10, credentials_missing=20,
               credentials_invalid=21, credentials_expired=22, auth_timeout=23, forbidden=24, revoked=25, identity_mismatch=26,
               heartbeat_timeout=30, replaced=40, admin_disconnect=41, rate_limit=50, tenant_limit=52, storage_full=60, busy=62, canceled=64,
               expired=71, bad_request=90, not_found=91, version=98, not_implemented=99, session_broken=100, gap=101, unknown_session=102,
               invalid_heartbeat=103, corrupt=104, stalled=105, version_conflict=106, unmatched=107, queue_lost=108)
REASON_NAMES = {number: name for name, number in REASONS.items()}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def crc8(data):
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xE0 if crc & 1 else 0)
    return crc


def frame(kind, body, flags=0, crc=False):
    """kind: a name or a number."""
    number = TYPES.get(kind, kind)
    if crc:
        whole = bytes([number]) + (len(body) + 4).to_bytes(3, "big") + bytes([flags | 1]) + body
        return whole + struct.pack(">I", crc32c(whole))
    return bytes([number]) + len(body).to_bytes(3, "big") + bytes([flags]) + body


def text8(value):
    value = value.encode()
    return bytes([len(value)]) + value


def text16(value):
    value = value.encode()
    return struct.pack(">H", len(value)) + value


def extension(tag, value):
    return struct.pack(">HH", tag, len(value)) + value


def pack_hello(f):
    out = struct.pack(">BBI", f.get("version_min", 1), f.get("version_max", 1), sum(CAPABILITIES[c] for c in f.get("capabilities", [])))
    out += bytes.fromhex(f.get("session_id", "00" * 16)) + struct.pack(">Q", f.get("downlink_position", 0))
    out += bytes.fromhex(f["queue_id"]) + struct.pack(">QQ", f["uplink_first"], f["uplink_next"])
    out += struct.pack(">HI", f["window_messages"], f["window_bytes"]) + bytes.fromhex(f.get("boot_id", "00" * 16))
    out += bytes([PROFILES.index(f.get("profile", "any"))]) + text8(f.get("device", ""))
    if "trace" in f:
        out += extension(2, f["trace"].encode())
    for document in f.get("documents", []):
        out += extension(3, struct.pack(">BQ", DOCUMENTS.index(document["document"]), document["version"]))
    for group in f.get("groups", []):
        out += extension(4, group.encode())
    return out


def index(names, value):
    return names.index(value) if isinstance(value, str) else value


def payload_of(f):
    """Bytes, and whether they are text."""
    if "payload_base64" in f:
        return base64.b64decode(f["payload_base64"]), False
    if f.get("format") == 1:
        return json.dumps(f["payload"]).encode(), True
    return f.get("payload", "").encode(), "payload" in f


def pack(f):
    """A frame of the device, in binary."""
    kind, crc = f["type"], f.get("crc", False)
    if kind == "hello":
        return frame(kind, pack_hello(f), crc=crc)
    if kind == "data":
        payload, text = payload_of(f)
        body = struct.pack(">I16sBQ", f["seq"], uuid.UUID(f["id"]).bytes if "id" in f else bytes(16), f.get("format", 0), f.get("time", 0))
        return frame(kind, body + text16(f.get("topic", "")) + payload, 2 if text else 0, crc)
    if kind == "result":
        payload, text = payload_of(f)
        body = struct.pack(">I16sBB", f["seq"], uuid.UUID(f["id"]).bytes, STATUSES.index(f.get("status", "ok")), f.get("format", 0))
        return frame(kind, body + payload, 2 if text else 0, crc)
    if kind == "ack":
        ranges = f.get("ranges", [])
        body = struct.pack(">IIHIB", f["received_through"], f["durable_through"], f.get("window_messages", 256),
                           f.get("window_bytes", 1 << 20), len(ranges)) + b"".join(struct.pack(">II", *r) for r in ranges)
        return frame(kind, body, (2 if f.get("nack") else 0) | (4 if f.get("ask") else 0), crc)
    if kind == "gap":
        return frame(kind, struct.pack(">IIH", f["from"], f["to"], REASONS[f.get("reason", "none")]) + text8(f.get("detail", "")), crc=crc)
    if kind in ("ping", "pong"):
        beat = struct.pack(">IQ", f["seq"], f.get("ts", 0))
        return frame(kind, beat + bytes([f.get("crc8", crc8(beat))]) + struct.pack(">I", f.get("interval_ms", 0)), crc=crc)
    if kind == "bye":
        return frame(kind, struct.pack(">HIIB", REASONS[f.get("reason", "normal")], 0, 0, 0) + text8(""), crc=crc)
    if kind == "auth":
        return frame(kind, f["token"].encode(), crc=crc)
    if kind == "subscribe":
        return frame(kind, f["topic"].encode(), 2 if f.get("unsubscribe") else 0, crc)
    if kind == "patch":
        body = struct.pack(">IBBQBI", f["request"], index(DOCUMENTS, f["document"]), index(KINDS, f["kind"]), f.get("base_version", 0),
                           index(MERGES, f.get("merge", "keep")), f.get("ttl_ms", 0))
        return frame(kind, body + (json.dumps(f["change"]).encode() if "change" in f else b""), crc=crc)
    raise ValueError(kind)


class Reader:
    def __init__(self, body):
        self.body = body

    def take(self, form):
        size = struct.calcsize(">" + form)
        values = struct.unpack(">" + form, self.body[:size])
        self.body = self.body[size:]
        return values[0] if len(values) == 1 else values

    def bytes(self, count):
        out, self.body = self.body[:count], self.body[count:]
        return out

    def text8(self):
        return self.bytes(self.take("B")).decode()

    def text16(self):
        return self.bytes(self.take("H")).decode()

    def rest(self):
        return self.bytes(len(self.body))

    def extensions(self):
        while self.body:
            tag, size = self.take("HH")
            yield tag, self.bytes(size)


def payload_into(f, flags, payload):
    if f["format"] == 1:
        f["payload"] = json.loads(payload)
    elif flags & 2:
        f["payload"] = payload.decode()
    elif payload:
        f["payload_base64"] = base64.b64encode(payload).decode()


def id_into(f, raw):
    if raw != bytes(16):
        f["id"] = str(uuid.UUID(bytes=raw))


def unpack(message):
    """The frames of the gateway in one binary message."""
    while message:
        kind, length, flags = NAMES.get(message[0], message[0]), int.from_bytes(message[1:4], "big"), message[4]
        whole, message = message[:5 + length], message[5 + length:]
        assert len(whole) == 5 + length, "a frame spans two messages"
        f = {"type": kind}
        if flags & 1:
            assert struct.pack(">I", crc32c(whole[:-4])) == whole[-4:], "wrong CRC-32C"
            whole, f["crc"] = whole[:-4], True
        r = Reader(whole[5:])
        if kind == "welcome":
            f["version"], result = r.take("BB")
            f["result"], f["reason"] = RESULTS[result], REASON_NAMES[r.take("H")]
            bits = r.take("I")
            f["capabilities"] = [name for name, bit in CAPABILITIES.items() if bits & bit]
            f["session_id"], f["epoch"] = r.bytes(16).hex(), r.take("Q")
            f["connection_id"] = r.bytes(8).hex()
            for name, form in (("uplink_received", "Q"), ("uplink_durable", "Q"), ("downlink_next", "Q"), ("gap_from", "Q"), ("gap_to", "Q"),
                               ("window_messages", "H"), ("window_bytes", "I"), ("message_bytes_max", "I"), ("rate", "I")):
                f[name] = r.take(form)
            f["durability"] = ["none", "fsync", "replicated"][r.take("B")]
            f["profile"] = PROFILES[r.take("B")]
            for name, form in (("k", "B"), ("interval_ms", "I"), ("resume_ms", "I"), ("ticket_ms", "I"), ("time", "Q")):
                f[name] = r.take(form)
            for tag, value in r.extensions():
                if tag == 1:
                    f["node"] = value.decode()
        elif kind == "data":
            f["seq"], raw, f["format"], f["time"] = r.take("I16sBQ")
            id_into(f, raw)
            f["topic"], f["publish"] = r.text16(), bool(flags & 4)
            payload_into(f, flags, r.rest())
        elif kind == "command":
            f["seq"], raw, f["expires"], f["ttl_ms"], f["format"] = r.take("I16sQIB")
            id_into(f, raw)
            f["idempotency_key"], f["name"] = r.text8(), r.text16()
            payload_into(f, flags, r.rest())
        elif kind == "ack":
            f["received_through"], f["durable_through"], f["window_messages"], f["window_bytes"], count = r.take("IIHIB")
            f["ranges"] = [list(r.take("II")) for _ in range(count)]
            f["nack"], f["ask"] = bool(flags & 2), bool(flags & 4)
        elif kind == "gap":
            f["from"], f["to"], reason = r.take("IIH")
            f["reason"] = REASON_NAMES[reason]
        elif kind in ("ping", "pong"):
            beat = r.bytes(13)
            assert crc8(beat[:12]) == beat[12]
            f["seq"], f["ts"] = struct.unpack(">IQ", beat[:12])
            f["interval_ms"] = r.take("I")
        elif kind == "bye":
            reason, f["retry_ms"], f["ticket_ms"], count = r.take("HIIB")
            f["reason"] = REASON_NAMES[reason]
            f["alternates"] = [r.text8() for _ in range(count)]
            f["detail"] = r.text8()
        elif kind == "auth":
            assert flags & 2
            f["expires"] = r.take("Q")
        elif kind == "refuse":
            f["seq"], reason, f["retry_ms"] = r.take("IHI")
            f["reason"], f["detail"] = REASON_NAMES[reason], r.rest().decode()
        elif kind == "delta":
            f["request"], document, delta, reason, f["base_version"], f["version"] = r.take("IBBHQQ")
            f["document"] = DOCUMENTS[document] if document < len(DOCUMENTS) else document
            f["kind"], f["reason"] = KINDS[delta], REASON_NAMES[reason]
            f["snapshot_id"] = str(uuid.UUID(bytes=r.bytes(16)))
            change = r.rest()
            if change:
                f["change"] = json.loads(change)
        yield f


class Session:
    """One connection. `device` outlives it: positions, queue, session id."""

    def __init__(self, gw, device, form="binary", **options):
        self.device, self.form = device, form
        options.setdefault("path", "/v1/connect")
        self.ws = gw.connect(device.name, protocols=["holdfast.v1" if form == "binary" else "holdfast.v1.json"], **options)
        assert self.ws.protocol == ("holdfast.v1" if form == "binary" else "holdfast.v1.json")
        self.frames = collections.deque()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ws.abort()

    # ---- frames ----

    def send(self, *frames):
        if self.form == "binary":
            self.ws.binary(b"".join(f if isinstance(f, bytes) else pack(f) for f in frames))
        else:
            for f in frames:
                self.ws.text(json.dumps(f))

    def recv(self, *kinds):
        """The next frame; with kinds, the next one of these. PINGs are answered and skipped."""
        while True:
            while not self.frames:
                opcode, payload = self.ws.recv()
                if opcode == CLOSE:
                    raise Closed(struct.unpack(">H", payload[:2])[0] if payload else 1005, payload[2:].decode())
                assert opcode == (BINARY if self.form == "binary" else TEXT), (opcode, payload)
                self.frames.extend(unpack(payload) if self.form == "binary" else [json.loads(payload)])
            f = self.frames.popleft()
            if f["type"] == "ping" and "ping" not in kinds:
                self.send({**f, "type": "pong"})
            elif not kinds or f["type"] in kinds:
                return f

    def closed(self, mute=False):
        """(reason of BYE, close code); whatever else comes before is passed over. mute: PINGs are not answered."""
        reason = None
        try:
            while True:
                f = self.recv(*(TYPES if mute else ()))
                if f["type"] == "bye":
                    reason = f["reason"]
        except Closed as end:
            return reason, end.code

    # ---- what every device does ----

    def hello(self, **members):
        d = self.device
        self.send({"type": "hello", "version_min": 1, "version_max": 1, "capabilities": ["heartbeat", "resume", "selective_ack"],
                   **({"session_id": d.session_id} if d.session_id else {}), "downlink_position": d.position, "queue_id": d.queue_id,
                   "uplink_first": d.first, "uplink_next": d.next, "window_messages": 256, "window_bytes": 1 << 20, "device": d.name, **members})
        return self

    def welcomed(self, **members):
        d, welcome = self.device, self.hello(**members).recv("welcome")
        d.session_id = welcome["session_id"]
        if welcome["result"] != "resumed":
            d.position = 0
        d.forget(welcome["uplink_durable"])
        self.welcome = welcome
        return welcome

    def data(self, payload, **members):
        """A new message of the device's queue; gives its number."""
        f = {"type": "data", "seq": self.device.next, "topic": "t", **({"payload": payload} if isinstance(payload, str) else
             {"payload_base64": base64.b64encode(payload).decode()} if isinstance(payload, bytes) else {"format": 1, "payload": payload}), **members}
        self.device.keep(f)
        self.send(f)
        return f["seq"]

    def durable(self, through):
        """Until the gateway says that it has everything up to here on disk."""
        while True:
            ack = self.recv("ack")
            self.device.forget(ack["durable_through"])
            if ack["durable_through"] >= through:
                return ack

    def result(self, command, payload=None, **members):
        f = {"type": "result", "seq": self.device.next, "id": command["id"], "status": "ok", "format": 1, "payload": payload,
             **members}
        self.device.keep(f)
        self.send(f)
        return f["seq"]

    def ack(self, received, durable=None):
        self.device.position = max(self.device.position, received if durable is None else durable)
        self.send({"type": "ack", "received_through": received, "durable_through": received if durable is None else durable,
                   "window_messages": 256, "window_bytes": 1 << 20})

    def resend(self):
        """Everything that is not durable yet, after a resume."""
        for f in list(self.device.queue.values()):
            self.send(f)


class Closed(Exception):
    def __init__(self, code, text):
        super().__init__(f"closed with {code} {text}")
        self.code, self.text = code, text


class Device:
    """What a device keeps on its disk."""

    def __init__(self, name):
        self.name, self.session_id, self.position = name, None, 0
        self.queue_id, self.first, self.next = os.urandom(8).hex(), 1, 1
        self.queue = {}

    def keep(self, f):
        self.queue[f["seq"]] = f
        self.next = f["seq"] + 1

    def forget(self, through):
        for seq in [seq for seq in self.queue if seq <= through]:
            del self.queue[seq]
        self.first = min(self.queue, default=self.next)
