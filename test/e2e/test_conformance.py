"""RFC 6455 and RFC 7692, case by case, with sockets of our own. The groups are those of the Autobahn suite (1 framing, 2 pings,
3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 closing, 9 limits, 10 fragmentation by us, 12 and 13 compression).

A case is a list of steps. bytes are sent; ("chop", n, bytes) sends them n at a time; everything else is what must come back, in
this order: ("text", payload), ("binary", payload), ("pong", payload), ("close", code or set of codes), after which TCP must
end. Cases that end in a refusal run against the device listener as well: there the same decoder guards the real thing."""
import os

import pytest

from lib.rawws import BINARY, CLOSE, CONT, PING, PONG, TEXT, Ended, RawWs, close_payload, deflate, frame, inflate

KIND = {TEXT: "text", BINARY: "binary", PONG: "pong"}


def text(payload):
    return ("text", payload.encode() if isinstance(payload, str) else payload)


def f(opcode, payload=b"", **options):
    return frame(opcode, payload, **options)


def parts(opcode, *payloads):
    """One message in several frames."""
    last = len(payloads) - 1
    return [f(opcode if i == 0 else CONT, part, fin=i == last) for i, part in enumerate(payloads)]


def fragmented(opcode, payload, n):
    return b"".join(parts(opcode, *[payload[at:at + n] for at in range(0, len(payload), n)]))


BYE = f(CLOSE, close_payload(1000))
OK = ("close", 1000)
BAD = ("close", 1002)
UTF8 = ("close", 1007)
SMALL = (0, 125, 126, 127, 128, 65535, 65536)


def framing():
    for kind, opcode, byte in (("1", TEXT, b"*"), ("2", BINARY, b"\xfe")):
        for i, n in enumerate(SMALL, 1):
            yield f"1.{kind}.{i}", [f(opcode, byte * n), (KIND[opcode], byte * n), BYE, OK]
        yield f"1.{kind}.8", [("chop", 997, f(opcode, byte * 65536)), (KIND[opcode], byte * 65536), BYE, OK]
        yield f"1.{kind}.9", [("chop", 1, f(opcode, byte * 300)), (KIND[opcode], byte * 300), BYE, OK]


def pings():
    full = bytes(range(125))
    yield "2.1", [f(PING), ("pong", b""), BYE, OK]
    yield "2.2", [f(PING, b"Hello, world!"), ("pong", b"Hello, world!"), BYE, OK]
    yield "2.3", [f(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), ("pong", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), BYE, OK]
    yield "2.4", [f(PING, full), ("pong", full), BYE, OK]
    yield "2.5", [f(PING, b"\xfe" * 126), BAD]
    yield "2.6", [("chop", 1, f(PING, full)), ("pong", full), BYE, OK]
    yield "2.7", [f(PONG), BYE, OK]
    yield "2.8", [f(PONG, b"unsolicited"), BYE, OK]
    yield "2.9", [f(PONG, b"unsolicited"), f(PING, b"mine"), ("pong", b"mine"), BYE, OK]
    ten = [b"payload-%d" % i for i in range(10)]
    yield "2.10", [b"".join(f(PING, p) for p in ten), *[("pong", p) for p in ten], BYE, OK]
    yield "2.11", [("chop", 1, b"".join(f(PING, p) for p in ten)), *[("pong", p) for p in ten], BYE, OK]


def reserved_bits():
    for rsv in range(1, 8):
        yield f"3.{rsv}", [f(TEXT, b"small"), text("small"), f(TEXT, b"small", rsv=rsv), BAD]
        yield f"3.{rsv}.ping", [f(PING, b"x", rsv=rsv), BAD]
        yield f"3.{rsv}.close", [f(CLOSE, close_payload(1000), rsv=rsv), BAD]
        yield f"3.{rsv}.chopped", [("chop", 1, f(BINARY, b"", rsv=rsv)), BAD]


def opcodes():
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield f"4.{opcode}.1", [f(opcode), BAD]
        yield f"4.{opcode}.2", [f(opcode, b"reserved"), BAD]
        yield f"4.{opcode}.3", [f(TEXT, b"first") + f(opcode, b"x") + f(PING), text("first"), BAD]


def fragmentation():
    yield "5.1", [f(PING, b"a", fin=False) + f(CONT, b"b"), BAD]
    yield "5.2", [f(PONG, b"a", fin=False) + f(CONT, b"b"), BAD]
    yield "5.3", [b"".join(parts(TEXT, b"fragment1", b"fragment2")), text("fragment1fragment2"), BYE, OK]
    yield "5.4", [*parts(TEXT, b"fragment1", b"fragment2"), text("fragment1fragment2"), BYE, OK]
    yield "5.5", [("chop", 1, b"".join(parts(TEXT, b"fragment1", b"fragment2"))), text("fragment1fragment2"), BYE, OK]
    one, two = parts(TEXT, b"fragment1", b"fragment2")
    for i, chop in ((6, None), (8, 1)):
        yield f"5.{i}", [("chop", chop, one + f(PING, b"ping") + two), ("pong", b"ping"), text("fragment1fragment2"), BYE, OK]
    yield "5.7", [one, f(PING, b"ping"), ("pong", b"ping"), two, text("fragment1fragment2"), BYE, OK]
    for i, fin in ((9, True), (12, False)):
        yield f"5.{i}", [f(CONT, b"non-continuation", fin=fin) + f(TEXT, b"Hello"), BAD]
        yield f"5.{i + 1}", [f(CONT, b"non-continuation", fin=fin), BAD]
        yield f"5.{i + 2}", [("chop", 1, f(CONT, b"non-continuation", fin=fin)), BAD]
    yield "5.15", [*parts(TEXT, b"fragment1", b"fragment2"), text("fragment1fragment2"), f(CONT, b"x", fin=False), BAD]
    yield "5.16", [f(CONT, b"x", fin=False) + f(TEXT, b"y") + f(CONT, b"z"), BAD]
    yield "5.17", [f(CONT, b"x") + f(TEXT, b"y") + f(CONT, b"z"), BAD]
    yield "5.18", [f(TEXT, b"fragment1", fin=False) + f(TEXT, b"fragment2"), BAD]
    five = parts(TEXT, *[b"fragment%d" % i for i in range(1, 6)])
    whole = text("fragment1fragment2fragment3fragment4fragment5")
    yield "5.19", [five[0] + five[1] + f(PING, b"p1"), ("pong", b"p1"), five[2] + five[3] + f(PING, b"p2") + five[4],
                   ("pong", b"p2"), whole, BYE, OK]
    yield "5.20", [*five[:2], f(PING, b"p1"), ("pong", b"p1"), *five[2:4], f(PING, b"p2"), ("pong", b"p2"), five[4], whole,
                   BYE, OK]
    yield "5.empty", [*parts(TEXT, b"", b"", b""), text(""), BYE, OK]
    yield "5.lone_end", [*parts(BINARY, b"abc", b""), ("binary", b"abc"), BYE, OK]


GOOD_TEXT = "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\x00", "\u0080", "\u0800", "\U00010000", "\x7f", "\u07ff", "\uffff", \
            "\U0010ffff", "\ud7ff", "\ue000", "\ufffd", "\ufeff", "\U0001f6b2 bike"
BAD_TEXT = ("cebae1bdb9cf83cebcceb5eda080656469746564", "f8", "fc", "80", "bf", "80bf80bf80", "c0", "c1", "e0", "f0", "f5",
            "fe", "ff", "fefeffff", "c0af", "e080af", "f08080af", "f8808080af", "fc80808080af", "c1bf", "e09fbf", "f08fbfbf",
            "c080", "e08080", "f0808080", "eda080", "edadbf", "edae80", "edafbf", "edb080", "edbfbf", "eda080edb080",
            "f4908080", "f7bfbfbf", "c3", "e282", "f09f98", "c328", "e228a1", "f0288cbc")


def utf8():
    for i, good in enumerate(GOOD_TEXT, 1):
        data = good.encode()
        yield f"6.2.{i}", [f(TEXT, data), text(data), BYE, OK]
        yield f"6.2.{i}.bytes", [b"".join(parts(TEXT, *[data[k:k + 1] for k in range(len(data))])), text(data), BYE, OK]
        yield f"6.2.{i}.chopped", [("chop", 1, f(TEXT, data)), text(data), BYE, OK]
    for i, bad in enumerate(BAD_TEXT, 1):
        data = bytes.fromhex(bad)
        yield f"6.3.{i}", [f(TEXT, b"before " + data), UTF8]
        yield f"6.3.{i}.bytes", [b"".join(parts(TEXT, *[data[k:k + 1] for k in range(len(data))])), UTF8]
    start = "κόσμε".encode()
    yield "6.4.1", [f(TEXT, start, fin=False) + f(CONT, b"\xf4\x90\x80\x80", fin=False), UTF8]  # refused before its end
    yield "6.4.2", [("chop", 1, f(TEXT, start + b"\xf4\x90" + b"x" * 40, fin=False)[:2 + 4 + len(start) + 2]), UTF8]
    yield "6.binary", [f(BINARY, b"\xff\xfe\xc0\x80"), ("binary", b"\xff\xfe\xc0\x80"), BYE, OK]  # no text, no rule
    yield "6.1.1", [f(TEXT), text(""), BYE, OK]
    yield "6.1.2", [*parts(TEXT, b"", b"middle", b""), text("middle"), BYE, OK]


def closing():
    yield "7.1.1", [f(TEXT, b"Hello"), text("Hello"), BYE, OK]
    yield "7.1.2", [BYE + BYE, OK]
    yield "7.1.3", [BYE + f(PING, b"late"), OK]
    yield "7.1.4", [BYE + f(TEXT, b"late"), OK]
    yield "7.1.5", [f(TEXT, b"fragment1", fin=False) + BYE + f(CONT, b"fragment2"), OK]
    yield "7.1.6", [f(TEXT, b"x" * 262144) + f(TEXT, b"Hello") + BYE, text(b"x" * 262144), text("Hello"), OK]
    yield "7.3.1", [f(CLOSE), ("close", 1005)]
    yield "7.3.2", [f(CLOSE, b"a"), BAD]
    yield "7.3.3", [f(CLOSE, close_payload(1000)), OK]
    yield "7.3.4", [f(CLOSE, close_payload(1000, "Hello World!")), OK]
    yield "7.3.5", [f(CLOSE, close_payload(1000, "*" * 123)), OK]
    yield "7.3.6", [f(CLOSE, close_payload(1000, "*" * 124)), BAD]
    yield "7.5.1", [f(CLOSE, close_payload(1000, bytes.fromhex("cebae1bdb9cf83cebcceb5eda080656469746564"))), UTF8]
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
        yield f"7.7.{code}", [f(CLOSE, close_payload(code)), ("close", code)]
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield f"7.9.{code}", [f(CLOSE, close_payload(code)), BAD]
    yield "7.fragmented", [f(CLOSE, close_payload(1000), fin=False), BAD]
    yield "7.masked", [f(TEXT, b"naked", mask=None), BAD]
    yield "7.length.16", [f(TEXT, b"x" * 10, length=16), BAD]
    yield "7.length.64", [f(TEXT, b"x" * 200, length=64), BAD]
    yield "7.length.sign", [b"\x81\xff" + b"\x80" + b"\x00" * 7 + b"mask", BAD]


def limits():
    for i, n in enumerate((65536, 262144, 1 << 20), 1):
        data = os.urandom(n // 4).hex().encode() + b"=" * (n - 2 * (n // 4))
        yield f"9.1.{i}", [f(TEXT, data), text(data), BYE, OK]
        yield f"9.2.{i}", [f(BINARY, data), ("binary", data), BYE, OK]
        yield f"9.3.{i}", [fragmented(TEXT, data, max(n // 512, 64)), text(data), BYE, OK]
        yield f"9.5.{i}", [("chop", 4096, f(TEXT, data)), text(data), BYE, OK]
    yield "9.big", [f(BINARY, b"x" * ((1 << 20) + 1))[:100], ("close", 1009)]  # refused by its head alone
    yield "9.grown", [f(BINARY, b"x" * (1 << 19), fin=False) + f(CONT, b"x" * (1 << 19), fin=False) + f(CONT, b"x"),
                      ("close", 1009)]
    yield "9.fragments", [f(TEXT, b"x", fin=False) + f(CONT, b"x", fin=False) * 1024, ("close", 1009)]
    many = [b"%04d" % i for i in range(2000)]
    yield "9.7", [b"".join(f(TEXT, m) for m in many), *[text(m) for m in many], BYE, OK]
    data = os.urandom(32768).hex().encode()
    yield "10.1.1", [fragmented(TEXT, data, 1300), text(data), BYE, OK]


CASES = [case for group in (framing, pings, reserved_bits, opcodes, fragmentation, utf8, closing, limits) for case in group()]
REFUSED = [(name, steps) for name, steps in CASES
           if steps[-1][0] == "close" and steps[-1][1] != 1000 and not any(step[0] in ("text", "binary") for step in steps)]


def run(ws, steps):
    for step in steps:
        if isinstance(step, bytes):
            send(ws, step)
        elif step[0] == "chop":
            send(ws, step[2], step[1])
        elif step[0] == "close":
            code, _ = ws.recv_close()
            assert code == step[1]
            ws.expect_end()
        else:
            opcode, payload = ws.recv(answer_pings=False)
            assert (KIND.get(opcode, opcode), len(payload)) == (step[0], len(step[1]))
            assert payload == step[1]


def send(ws, data, chop=None):
    """A server that has refused may reset while we still write: what it says about it is judged by the next step."""
    try:
        ws.raw(data, chop)
    except ConnectionError:
        pass


@pytest.fixture(scope="module")
def server(shared_gateway):
    return shared_gateway({"dev": {"echo": True, "echo_port": 0},
                           "websocket": {"deflate": {"enabled": True, "server_window_bits": 15, "client_window_bits": 15}},
                           "limits": {"device_uplink_per_s": 100000, "device_uplink_capacity": 100000}})


@pytest.mark.parametrize("steps", [pytest.param(steps, id=name) for name, steps in CASES])
def test_echo(server, steps):
    with RawWs(server.address("echo")) as ws:
        run(ws, steps)


@pytest.mark.parametrize("steps", [pytest.param(steps, id=name) for name, steps in REFUSED])
def test_device_listener_refuses(server, steps):
    with server.connect("conformance") as ws:
        run(ws, steps)


# ---- 12 and 13: permessage-deflate (RFC 7692) between two devices through the gateway ----

OFFERS = ("permessage-deflate", "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
          "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=15",
          "permessage-deflate; server_no_context_takeover; client_max_window_bits=12",
          "x-unknown, permessage-deflate; client_max_window_bits; server_no_context_takeover")


def packed(payload, **options):
    return f(TEXT, deflate(payload), rsv=4, **options)


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("size", (16, 64, 256, 1024, 4096, 8192, 16384, 65536, 131072))
def test_compressed(server, offer, size):
    topic = f"deflate/{size}/{OFFERS.index(offer)}"
    bits = 12 if "client_max_window_bits=12" in offer else 15
    with server.connect("deflate-a", extensions=offer) as a, server.connect("deflate-b", extensions=offer) as b:
        assert a.deflate and b.deflate
        b.text('{"type":"subscribe","topic":"%s"}' % topic)
        b.text('{"type":"ping","n":1}')
        b.recv_text()
        for i in range(3):
            body = ('{"type":"data","topic":"%s","payload":"%s"}' % (topic, ("telemetry %d " % i * size)[:size])).encode()
            data = deflate(body, bits)
            if i == 2:  # the compressed message in fragments
                a.send(TEXT, data[:5], rsv=4, fin=False)
                a.send(CONT, data[5:])
            else:
                a.send(TEXT, data, rsv=4)
            got = b.recv_text()
            assert '"payload":"' + ("telemetry %d " % i * size)[:size] + '"' in got


def test_large_answers_travel_compressed(server):
    with server.connect("deflate-c") as a, server.connect("deflate-d", extensions=OFFERS[1]) as b:
        b.text('{"type":"subscribe","topic":"packed"}')
        b.text('{"type":"ping"}')
        b.recv_text()
        a.text('{"type":"data","topic":"packed","payload":"%s"}' % ("abc" * 5000))
        fin, rsv, opcode, payload = b.recv_frame()
        assert (fin, rsv, opcode) == (True, 4, TEXT) and len(payload) < 500
        assert b'"' + b"abc" * 5000 + b'"' in inflate(payload)


COMPRESSED_ERRORS = [
    ("rsv1 on a continuation", f(TEXT, deflate(b"{}" * 50)[:3], rsv=4, fin=False) + f(CONT, b"x", rsv=4), 1002),
    ("rsv1 on a ping", f(PING, b"x", rsv=4), 1002),
    ("not deflate", f(TEXT, b"\xff\xff\xff\xff\xff", rsv=4), 1007),
    ("not utf-8 inside", packed(b"\xc0\xaf" * 10), 1007),
    ("too big inside", f(BINARY, deflate(b"\0" * ((1 << 20) + 1)), rsv=4), 1009),
    ("a bomb", f(BINARY, deflate(b"\0" * (200 << 20)), rsv=4), 1009),
]


@pytest.mark.parametrize("data,code", [pytest.param(data, code, id=name) for name, data, code in COMPRESSED_ERRORS])
def test_compressed_refusals(server, data, code):
    with server.connect("deflate-e", extensions=OFFERS[0]) as ws:
        send(ws, data)
        assert ws.recv_close()[0] == code


def test_offer_that_cannot_be_met_is_declined(server):
    with server.connect("deflate-f", extensions="permessage-deflate; unknown_parameter") as ws:
        assert not ws.deflate
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text()


def test_no_extension_without_an_offer(server):
    with server.connect("deflate-g") as ws:
        assert "sec-websocket-extensions" not in ws.headers
        send(ws, packed(b'{"type":"ping"}'))
        assert ws.recv_close()[0] == 1002


# ---- the handshake, byte for byte ----

GOOD = {"Host": "x", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
HANDSHAKES = [  # what is changed, line, status
    ({}, "GET {} HTTP/1.1", 101),
    ({"Connection": "keep-alive, Upgrade"}, "GET {} HTTP/1.1", 101),
    ({"Upgrade": "WebSocket", "Connection": "uPGRADE"}, "GET {} HTTP/1.1", 101),
    ({"Upgrade": "h2c, websocket"}, "GET {} HTTP/1.1", 101),
    ({"Connection": "noupgrade"}, "GET {} HTTP/1.1", {400, 426}),
    ({"Upgrade": "websocket2"}, "GET {} HTTP/1.1", {400, 426}),
    ({"Sec-WebSocket-Version": "12"}, "GET {} HTTP/1.1", 426),
    ({"Sec-WebSocket-Version": None}, "GET {} HTTP/1.1", {400, 426}),
    ({"Sec-WebSocket-Key": None}, "GET {} HTTP/1.1", 400),
    ({"Sec-WebSocket-Key": "c2hvcnQ="}, "GET {} HTTP/1.1", 400),
    ({"Sec-WebSocket-Key": "not base64 at all!!!!!!!"}, "GET {} HTTP/1.1", 400),
    ({"Host": None}, "GET {} HTTP/1.1", 400),
    ({}, "POST {} HTTP/1.1", {400, 405}),
    ({}, "GET {} HTTP/1.0", 400),
    ({"Content-Length": "5"}, "GET {} HTTP/1.1", 400),
    ({"Content-Length": "0", "Transfer-Encoding": "chunked"}, "GET {} HTTP/1.1", 400),
]


@pytest.mark.parametrize("changes,line,status", HANDSHAKES)
def test_handshake(server, changes, line, status):
    import socket
    from lib.rawws import read_head
    headers = {**GOOD, "Authorization": "Bearer " + server.token("handshake"), **changes}
    request = line.format("/v1/connect/handshake") + "\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in headers.items() if value is not None) + "\r\n"
    with socket.create_connection(server.address(), 10) as sock:
        sock.sendall(request.encode())
        got, fields, rest = read_head(sock)
        assert got in (status if isinstance(status, set) else {status}), rest
        if got == 101:
            assert fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        if "Sec-WebSocket-Version" in changes and got == 426:
            assert fields["sec-websocket-version"] == "13"


def test_frames_right_behind_the_request_are_read(server):
    """WS-2: bytes read behind the header are the first frame bytes."""
    import socket
    from lib.rawws import read_head
    headers = {**GOOD, "Authorization": "Bearer " + server.token("eager")}
    request = "GET /v1/connect/eager HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n"
    with socket.create_connection(server.address(), 10) as sock:
        sock.sendall(request.encode() + f(TEXT, b'{"type":"ping","n":7}'))
        status, _, rest = read_head(sock)
        assert status == 101
        while b'"pong"' not in rest:
            part = sock.recv(4096)
            if not part:
                raise Ended(rest)
            rest += part
