"""How each kind of field is read from a binary frame and written to one: pairs of functions. A value of None is written as zero or
empty. Section 2 of doc/protocol.md."""
import re
import uuid

TOPIC_BYTES_MAX, TEXT_BYTES_MAX, TOKEN_BYTES_MAX, RANGES_MAX = 256, 255, 4096, 16  # section 10
REPEATED = {"groups": 8, "alternates": 8, "documents": 4}                          # further ones are ignored

# doc/reasons.md
REASONS = {name: int(number) for name, number in (row.split("=") for row in """
    none=0 normal=1 drain=2 protocol_error=3 unsupported_data=4 invalid_utf8=5 policy=6 message_too_big=7 internal_error=8
    restart=9 try_later=10 peer_closed=11 connection_lost=12 connection_reset=13 credentials_missing=20 credentials_invalid=21
    credentials_expired=22 auth_timeout=23 forbidden=24 revoked=25 identity_mismatch=26 origin_forbidden=27
    heartbeat_timeout=30 write_timeout=31 header_timeout=32 tls_timeout=33 tls_failed=34 close_timeout=35 replaced=40
    admin_disconnect=41 rate_limit=50 slow_reader=51 tenant_limit=52 connection_limit=53 accept_rate=54 prefix_rate=55
    descriptor_limit=56 memory_limit=57 storage_full=60 storage_failed=61 busy=62 deadline_exceeded=63 canceled=64
    queue_full=70 expired=71 drop_oldest=72 drop_newest=73 conflated=74 device_offline=75 connection_gone=76
    device_refused=77 retention=78 log_damaged=79 node_restart=80 silence=81 connected=82 bad_request=90 not_found=91
    method_not_allowed=92 body_too_big=93 header_too_big=94 upgrade_required=95 id_conflict=96 in_progress=97 version=98
    not_implemented=99 session_broken=100 gap=101 unknown_session=102 invalid_heartbeat=103 corrupt=104 stalled=105
    version_conflict=106 unmatched=107 queue_lost=108 sampled=112""".split())}
REASON_NAMES = {number: name for name, number in REASONS.items()}
CAPABILITIES = {"heartbeat": 1, "resume": 2, "selective_ack": 4, "crc": 16, "documents": 32, "shadow": 64, "refusals": 128, "certificates": 256}


class Malformed(Exception):
    """The peer broke the frame format: close 4400."""


class TooBig(Malformed):
    """Close 1009."""


# ---- checksums ----

def _crc_table(polynomial):
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return table


_CRC32C, _CRC8 = _crc_table(0x82F63B78), _crc_table(0xE0)  # both polynomials are reflected


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def crc8(data):
    crc = 0xFF
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


# ---- fields: how each kind is read and written; a value of None is written as zero or empty ----

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if len(self.data) - self.at < count:
            raise Malformed("a body is shorter than its type needs")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), "big")

    def rest(self):
        return self.take(len(self.data) - self.at)


def number(count):
    def write(value):
        if isinstance(value, bool):
            raise ValueError("true and false are no numbers")
        return (value or 0).to_bytes(count, "big")
    return lambda r: r.number(count), write


def text(length_bytes, bytes_max=TEXT_BYTES_MAX):
    """length_bytes 0: the rest of the body."""
    def read(r):
        data = r.take(r.number(length_bytes)) if length_bytes else r.rest()
        if len(data) > bytes_max:
            raise Malformed("a text above its limit")
        return data.decode()

    def write(value):
        data = (value or "").encode()
        if len(data) > bytes_max:
            raise Malformed("a text above its limit")
        return (len(data).to_bytes(length_bytes, "big") if length_bytes else b"") + data
    return read, write


def ident(count, pattern, spell):
    """Bytes that JSON has in hexadecimal; all zero is none."""
    def read(r):
        data = r.take(count)
        return spell(data) if any(data) else ""

    def write(value):
        if value and not re.fullmatch(pattern, value, re.I | re.A):
            raise ValueError("this is no id")
        return bytes.fromhex(value.replace("-", "")) if value else bytes(count)
    return read, write


def named(names, count=1):
    """Names in JSON, numbers on the wire. A number without a name stays one: it is of a newer peer."""
    names = names if isinstance(names, dict) else dict(enumerate(names.split()))
    numbers, (_, write_number) = {name: n for n, name in names.items()}, number(count)

    def read(r):
        n = r.number(count)
        return names.get(n, n)
    return read, lambda value: write_number(numbers[value] if isinstance(value, str) else value)


def reason():
    """An unknown one counts as none, as a name and as a number."""
    return lambda r: REASON_NAMES.get(r.number(2), ""), lambda value: REASONS.get((value or "") + "", 0).to_bytes(2, "big")


def capabilities():
    def read(r):
        bits = r.number(4)
        return [name for name, bit in CAPABILITIES.items() if bits & bit]
    return read, lambda value: sum(CAPABILITIES.get(name, 0) for name in set(value or ())).to_bytes(4, "big")


def counted(one, most=None, ignored_above=None):
    """A count and so many of them. Above `most` it is malformed; those above ignored_above are read over."""
    def read(r):
        count = r.number(1)
        if most and count > most:
            raise Malformed("more ranges than there may be")
        return [one[0](r) for _ in range(count)][:ignored_above]

    def write(value):
        value = (value or [])[:ignored_above]
        if most and len(value) > most:
            raise Malformed("more ranges than there may be")
        return bytes([len(value)]) + b"".join(map(one[1], value))
    return read, write


def pair():
    def write(value):
        first, last = value
        return number(4)[1](first) + number(4)[1](last)
    return lambda r: [r.number(4), r.number(4)], write


def heartbeat():
    """Section 6: 13 bytes with a checksum of their own. Read as (seq, ts), or None when it is wrong."""
    def read(r):
        data = r.take(13)
        return (int.from_bytes(data[:4], "big"), int.from_bytes(data[4:12], "big")) if crc8(data[:12]) == data[12] else None

    def write(value):
        data = number(4)[1](value[0]) + number(8)[1](value[1])
        return data + bytes([crc8(data)])
    return read, write


def hexadecimal(count):
    return ident(count, "[0-9a-f]{%d}" % (2 * count), bytes.hex)


KINDS = {
    "u8": number(1), "u16": number(2), "u32": number(4), "u64": number(8), "text": text(1), "topic": text(2, TOPIC_BYTES_MAX),
    "rest_text": text(0), "rest_topic": text(0, TOPIC_BYTES_MAX), "rest_token": text(0, TOKEN_BYTES_MAX),
    "rest": (Reader.rest, lambda value: value or b""), "hex8": hexadecimal(8), "hex16": hexadecimal(16),
    "uuid": ident(16, "-".join("[0-9a-f]{%d}" % n for n in (8, 4, 4, 4, 12)), lambda data: str(uuid.UUID(bytes=data))),
    "reason": reason(), "capabilities": capabilities(), "ranges": counted(pair(), most=RANGES_MAX), "heartbeat": heartbeat(),
    "texts": counted(text(1), ignored_above=REPEATED["alternates"]), "document": named({1: "context", 2: "group", 3: "shadow", 4: "certificate"}),
    "result": named("new resumed rebuilt"), "durability": named("none fsync replicated"), "kind": named("full merge json"),
    "profile": named("any default ha adaptive"), "status": named("ok failed expired unsupported"),
    "merge": named("keep lww version conflict_free"),
}
