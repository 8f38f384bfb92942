"""Frames of `holdfast.v1` and `holdfast.v1.json`, written from doc/protocol.md alone; section numbers are of that page.

A frame is a dict with the member names of section 8, without those that are zero or empty. One thing differs from the JSON text:
`payload` and `change` are bytes, and `text` stands for flag bit 1. So both encodings decode to the same dict, and a frame kept
in one can be sent in the other. What is recorded rather than believed has a type of its own: `unknown`, `corrupt` (a wrong CRC),
`bad_heartbeat`; a payload that is not what format or flag say makes the frame `invalid`."""
import base64
import json
import re

from .fields import KINDS, REPEATED, Malformed, Reader, TooBig, crc32c, number, text

TYPES = dict(enumerate("hello welcome data ack gap command result patch delta ping pong bye auth subscribe refuse".split(), 1))
NUMBER_OF = {name: n for n, name in TYPES.items()}
MESSAGE_BYTES_MAX = 1 << 20  # section 10, until WELCOME says otherwise
OVERHEAD_BYTES = 1024        # section 2: what a body may have beyond the message limit
DEPTH_MAX = 16               # of a JSON payload
JSON = 1                     # of the formats of a payload
# What a member that is not there means.
ABSENT = (0, "", b"", [], None)
ABSENT_NAMES = (["reason", "none"], ["durability", "none"], ["profile", "any"], ["merge", "keep"])

# Section 2, in the order of the tables there. "extensions" is dealt with by itself.
LAYOUTS = {name: [field.split(":") for field in fields.split()] for name, fields in {
    "hello": "version_min:u8 version_max:u8 capabilities:capabilities session_id:hex16 downlink_position:u64 queue_id:hex8"
             " uplink_first:u64 uplink_next:u64 window_messages:u16 window_bytes:u32 boot_id:hex16 profile:profile device:text",
    "welcome": "version:u8 result:result reason:reason capabilities:capabilities session_id:hex16 epoch:u64 connection_id:hex8"
               " uplink_received:u64 uplink_durable:u64 downlink_next:u64 gap_from:u64 gap_to:u64 window_messages:u16"
               " window_bytes:u32 message_bytes_max:u32 rate:u32 durability:durability profile:profile k:u8 interval_ms:u32"
               " resume_ms:u32 ticket_ms:u32 time:u64",
    "data": "seq:u32 id:uuid format:u8 time:u64 topic:topic payload:rest",
    "ack": "received_through:u32 durable_through:u32 window_messages:u16 window_bytes:u32 ranges:ranges",
    "gap": "from:u32 to:u32 reason:reason detail:text",
    "command": "seq:u32 id:uuid expires:u64 ttl_ms:u32 format:u8 idempotency_key:text name:topic payload:rest",
    "result": "seq:u32 id:uuid status:status format:u8 payload:rest",
    "patch": "request:u32 document:document kind:kind base_version:u64 merge:merge ttl_ms:u32 change:rest",
    "delta": "request:u32 document:document kind:kind reason:reason base_version:u64 version:u64 snapshot_id:uuid change:rest",
    "ping": "heartbeat:heartbeat interval_ms:u32",
    "pong": "heartbeat:heartbeat interval_ms:u32",
    "bye": "reason:reason retry_ms:u32 ticket_ms:u32 alternates:texts detail:text",
    "auth": "token:rest_token",
    "auth_ok": "expires:u64",  # AUTH down, told apart by flag bit 1
    "subscribe": "topic:rest_topic",
    "refuse": "seq:u32 reason:reason retry_ms:u32 detail:rest_text",
}.items()}

CRC = 1
FLAGS = {"data": {2: "text", 4: "publish"}, "command": {2: "text"}, "result": {2: "text"}, "ack": {2: "nack", 4: "ask"},
         "subscribe": {2: "unsubscribe"}}

EXTENSIONS = {"hello": {1: "software", 2: "trace", 3: "documents", 4: "groups"}, "welcome": {1: "node", 2: "alternates", 3: "durable_id"}}


def extension(name):
    """(read, write) of one value."""
    if name == "documents":
        (read_name, write_name), (read_version, write_version) = KINDS["document"], number(8)
        return (lambda r: {"document": read_name(r), "version": read_version(r)},
                lambda value: write_name(value["document"]) + write_version(value["version"]))
    read, write = text(0)
    if name == "trace":
        def traced(value):
            if not re.fullmatch("[A-Za-z0-9_-]{1,32}", value):
                raise Malformed("this is no trace id")
            return value
        return lambda r: traced(read(r)), lambda value: write(traced(value))
    return read, write


def write_extensions(kind, frame):
    out = b""
    for tag, name in EXTENSIONS[kind].items():
        values = frame.get(name, [])[:REPEATED[name]] if name in REPEATED else [frame[name]] if name in frame else []
        for value in values:
            data = extension(name)[1](value)
            out += tag.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data
    return out


def read_extensions(kind, reader, frame):
    while reader.at < len(reader.data):
        name, value = EXTENSIONS[kind].get(reader.number(2)), Reader(reader.take(reader.number(2)))
        if name is None:
            continue  # an unknown tag is skipped
        value = extension(name)[0](value)
        if name not in REPEATED:
            if name in frame:
                raise Malformed("an extension that may not repeat")
            frame[name] = value
        elif len(frame.setdefault(name, [])) < REPEATED[name]:
            frame[name].append(value)


# ---- payloads ----

def no_number(spelled):
    raise ValueError(f"{spelled} is Python's, not JSON")


def loads(data, **options):
    return json.loads(data, parse_constant=no_number, **options)


def is_json(data):
    def depth(value):
        return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0) if isinstance(value, (dict, list)) else 0
    try:
        return depth(loads(data.decode())) <= DEPTH_MAX
    except (ValueError, RecursionError):
        return False


def is_text(data):
    try:
        data.decode()
        return True
    except UnicodeDecodeError:
        return False


def holds(frame):
    """The payload is what format and flag say. Others are refused by the gateway, and come to the application as bytes (section 2)."""
    payload = frame.get("payload", b"")
    return (frame.get("format") != JSON or not payload or is_json(payload)) and (not frame.get("text") or is_text(payload))


# ---- binary ----

def encode_binary(frame, crc=False):
    kind = frame["type"]
    layout = LAYOUTS["auth_ok" if kind == "auth" and "expires" in frame else kind]
    values = {**frame, "heartbeat": (frame.get("seq", 0), frame.get("ts", 0))}
    body = b"".join(KINDS[field][1](values.get(name)) for name, field in layout)
    if kind in EXTENSIONS:
        body += write_extensions(kind, frame)
    flags = sum(bit for bit, name in FLAGS.get(kind, {}).items() if frame.get(name))
    if layout is LAYOUTS["auth_ok"] or (frame.get("format") == JSON and kind in ("data", "command", "result")):
        flags |= 2
    out = bytes([NUMBER_OF[kind]]) + (len(body) + 4 * crc).to_bytes(3, "big") + bytes([flags | CRC * crc]) + body
    return out + (crc32c(out).to_bytes(4, "big") if crc else b"")


def decode_body(type_number, flags, body, payload_bytes_max):
    kind = TYPES.get(type_number)
    if kind is None:
        return {"type": "unknown", "number": type_number}  # skipped and counted: so the protocol grows
    if kind in ("ping", "pong") and len(body) < 17:  # recorded, where other types close
        return {"type": "bad_heartbeat"}
    reader, frame = Reader(body), {"type": kind}
    try:
        for name, field in LAYOUTS["auth_ok" if kind == "auth" and flags & 2 else kind]:
            frame[name] = KINDS[field][0](reader)
        if kind in EXTENSIONS:
            read_extensions(kind, reader, frame)
    except UnicodeDecodeError as error:
        raise Malformed("a text that is not UTF-8") from error
    if "heartbeat" in frame:
        pulse = frame.pop("heartbeat")
        if pulse is None:
            return {"type": "bad_heartbeat"}
        frame["seq"], frame["ts"] = pulse
    frame.update({name: True for bit, name in FLAGS.get(kind, {}).items() if flags & bit})
    payload, change = frame.get("payload", b""), frame.get("change", b"")
    if max(len(payload), len(change)) > payload_bytes_max:
        raise TooBig("a payload above the limit")
    if frame.get("format") == JSON:
        frame.pop("text", None)  # implied
    if not holds(frame) or (change and not is_json(change)):
        frame["invalid"] = True
    return {name: value for name, value in frame.items()
            if value not in ABSENT and [name, value] not in ABSENT_NAMES}


def decode_binary(message, payload_bytes_max=MESSAGE_BYTES_MAX):
    """The frames of a binary message, one by one. Raises Malformed, TooBig."""
    if not message:
        raise Malformed("a message without a frame")
    at = 0
    while at < len(message):
        if len(message) - at < 5:
            raise Malformed("bytes behind the last whole frame")
        length, flags = int.from_bytes(message[at + 1:at + 4], "big"), message[at + 4]
        if length > payload_bytes_max + OVERHEAD_BYTES:
            raise TooBig("a body above the limit")
        body, end = at + 5, at + 5 + length
        if end > len(message):
            raise Malformed("a frame that spans two messages")
        if not flags & CRC:
            yield decode_body(message[at], flags, message[body:end], payload_bytes_max)
        elif length < 4:
            raise Malformed("no room for the CRC")
        elif crc32c(message[at:end - 4]) != int.from_bytes(message[end - 4:end], "big"):
            yield {"type": "corrupt"}
        else:
            yield decode_body(message[at], flags, message[body:end - 4], payload_bytes_max)
        at = end


# ---- JSON ----

# Section 8: members that must be there even when they are zero.
REQUIRED = {kind: names.split() for kind, names in {
    "hello": "version_min version_max queue_id uplink_first uplink_next window_messages window_bytes",
    "welcome": "version result session_id epoch uplink_received uplink_durable downlink_next window_messages window_bytes"
               " message_bytes_max",
    "ack": "received_through durable_through window_messages window_bytes", "gap": "from to", "command": "seq id name",
    "result": "seq id status", "patch": "request document kind", "delta": "document kind version", "ping": "seq", "pong": "seq",
    "bye": "reason", "refuse": "reason", "subscribe": "topic", "data": "", "auth": "",
}.items()}
ZEROS = {"reason": "none", "topic": "", "name": ""}  # of others 0


class Members(dict):
    """A JSON object that knows whether a member came twice."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.twice = len(self) != len(pairs)


def encode_json(frame):
    out = {name: value for name, value in frame.items() if name not in ("payload", "change", "text") and value not in ABSENT}
    out = {**{name: ZEROS.get(name, 0) for name in REQUIRED[frame["type"]]}, **out}
    payload, change, spelled = frame.get("payload", b""), frame.get("change"), ""
    if change:
        spelled = ',"change":' + change.decode()  # JSON goes as it is spelled
    elif payload and frame.get("format") == JSON:
        spelled = ',"payload":' + payload.decode()
    elif frame.get("text") and frame.get("format") != JSON:
        out["payload"] = payload.decode()
    elif payload:
        out["payload_base64"] = base64.b64encode(payload).decode()
    return json.dumps(out, ensure_ascii=False, separators=(",", ":"))[:-1] + spelled + "}"


def as_json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def decode_json(message, payload_bytes_max=MESSAGE_BYTES_MAX):
    """The frame of a text message. It is good when it has a binary spelling, so that is what checks it. Raises Malformed, TooBig."""
    try:
        frame = loads(message, object_pairs_hook=Members)
        if frame.twice or not isinstance(frame["type"], str):
            raise Malformed("a member twice, or a type that is no text")
        kind = frame["type"]
        if kind not in NUMBER_OF:
            return {"type": "unknown", "number": kind}
        known = {name for name, _ in LAYOUTS[kind] + LAYOUTS["auth_ok"]} | {"seq", "ts", *EXTENSIONS.get(kind, {}).values()}
        flags = set(FLAGS.get(kind, {}).values()) - {"text"}
        if any(frame[name] is None for name in known & set(frame) - {"payload", "change"}) \
                or any(not isinstance(frame[name], bool) for name in flags & set(frame)):
            raise Malformed("null, or a flag that is neither true nor false")
        missing = [name for name in REQUIRED[kind] if name not in frame]
        if missing or (kind == "auth" and ("token" in frame) == ("expires" in frame)):
            raise Malformed(f"{kind} without {missing}")
        frame.pop("text", None)  # not a member of the protocol
        if "payload_base64" in frame:
            if "payload" in frame:
                raise Malformed("two payloads")
            frame["payload"] = base64.b64decode(frame["payload_base64"], validate=True)
        elif "payload" in frame and frame.get("format") == JSON:
            frame["payload"] = as_json(frame["payload"])
        elif "payload" in frame:
            frame["payload"], frame["text"] = frame["payload"].encode(), True
        if "change" in frame:
            frame["change"] = as_json(frame["change"])
        data = encode_binary(frame)
        return decode_body(data[0], data[4], data[5:], payload_bytes_max)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Malformed(f"this is not a frame: {error!r}") from error
