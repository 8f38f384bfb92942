"""A WebSocket client on a bare socket, which can break every rule of RFC 6455 on purpose. Blocking, with a deadline on
every read; shares no code with the product."""
import base64
import hashlib
import os
import socket
import struct
import zlib

from lib.pace import WAIT_S

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Refused(Exception):
    """The server did not answer 101."""

    def __init__(self, status, headers, body):
        super().__init__(f"HTTP {status}: {body[:300]!r}")
        self.status, self.headers, self.body = status, headers, body


class Ended(Exception):
    """The TCP connection ended."""


def frame(opcode, payload=b"", fin=True, rsv=0, mask=os.urandom, length=None):
    """One frame. mask: a 4-byte key, a function that makes one, or None for an unmasked frame; length: 7, 16 or 64 for
    a length that is not in its shortest form."""
    payload = payload.encode() if isinstance(payload, str) else payload
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    key = mask(4) if callable(mask) else mask
    bit = 0x80 if key is not None else 0
    n = len(payload)
    form = length or (7 if n < 126 else 16 if n < 65536 else 64)
    if form == 7:
        head += bytes([bit | n])
    elif form == 16:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    if key is None:
        return head + payload
    pad = (key * (n // 4 + 1))[:n]
    return head + key + (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(n, "big")


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + (reason.encode() if isinstance(reason, str) else reason)


def read_head(sock):
    """Status, headers (lower-case names) and what came behind the head."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            raise Ended(f"the server closed before its answer was whole: {data!r}")
        data += part
    head, rest = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(lines[0].split(" ", 2)[1]), headers, rest


def read_body(sock, headers, rest):
    wanted = int(headers.get("content-length", 0))
    while len(rest) < wanted:
        part = sock.recv(65536)
        if not part:
            break
        rest += part
    return rest


class RawWs:
    """ws = RawWs(("127.0.0.1", port), "/v1/connect", {"Authorization": "Bearer ..."})"""

    def __init__(self, address, path="/", headers=(), protocols=None, extensions=None, context=None,
                 server_hostname=None, before=b"", receive_buffer=None, timeout_s=WAIT_S, source=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.sock.settimeout(timeout_s)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            self.sock.bind(source)
        self.sock.connect(address)
        self.sock.sendall(before)
        if context is not None:
            self.sock = context.wrap_socket(self.sock, server_hostname=server_hostname or address[0])
        key = base64.b64encode(os.urandom(16))
        lines = [f"GET {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key.decode()}"]
        if protocols:
            lines.append("Sec-WebSocket-Protocol: " + ", ".join(protocols))
        if extensions:
            lines.append("Sec-WebSocket-Extensions: " + extensions)
        lines += [f"{name}: {value}" for name, value in dict(headers).items()]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        status, self.headers, self.data = read_head(self.sock)
        if status != 101:
            body = read_body(self.sock, self.headers, self.data)
            self.sock.close()
            raise Refused(status, self.headers, body)
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        assert self.headers["sec-websocket-accept"] == accept
        self.deflate = "permessage-deflate" in self.headers.get("sec-websocket-extensions", "")
        self.protocol = self.headers.get("sec-websocket-protocol")

    # ---- sending ----

    def raw(self, data, chop=None):
        for at in range(0, len(data), chop or len(data) or 1):
            self.sock.sendall(data[at:at + (chop or len(data))])

    def send(self, opcode, payload=b"", **options):
        self.raw(frame(opcode, payload, **options))

    def text(self, payload):
        self.send(TEXT, payload)

    def binary(self, payload):
        self.send(BINARY, payload)

    # ---- receiving ----

    def take(self, n):
        while len(self.data) < n:
            part = self.sock.recv(1 << 18)
            if not part:
                raise Ended(f"the connection ended {n - len(self.data)} bytes too early")
            self.data += part
        out, self.data = self.data[:n], self.data[n:]
        return out

    def recv_frame(self):
        """(fin, rsv, opcode, payload) of the next frame; a masked one is an error of the server."""
        first, second = self.take(2)
        assert not second & 0x80, "a server must not mask"
        n = second & 0x7F
        if n == 126:
            n = struct.unpack(">H", self.take(2))[0]
            assert n > 125, "length not in its shortest form"
        elif n == 127:
            n = struct.unpack(">Q", self.take(8))[0]
            assert n > 65535, "length not in its shortest form"
        return bool(first & 0x80), first >> 4 & 7, first & 15, self.take(n)

    def recv(self, answer_pings=True):
        """(opcode, payload) of the next whole message or control frame; Pings are answered and skipped."""
        whole, kind, compressed = b"", None, False
        while True:
            fin, rsv, opcode, payload = self.recv_frame()
            if opcode == PING and answer_pings:
                self.send(PONG, payload)
            elif opcode >= 8:
                return opcode, payload
            else:
                if kind is None:
                    kind, compressed = opcode, bool(rsv & 4)
                whole += payload
                if fin:
                    return kind, inflate(whole) if compressed else whole

    def recv_text(self):
        opcode, payload = self.recv()
        assert opcode == TEXT, f"opcode {opcode}: {payload[:200]!r}"
        return payload.decode()

    def recv_close(self):
        """Code and reason of the Close frame that ends it; messages before it are passed over."""
        while True:
            opcode, payload = self.recv()
            if opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                return code, payload[2:].decode()

    def expect_end(self):
        """The server ends TCP; it may have reset it."""
        try:
            rest = self.data or self.sock.recv(65536)
        except ConnectionError:
            return
        assert rest == b"", f"nothing may follow, but came {rest[:100]!r}"

    def close(self, code=1000, reason=""):
        """The closing handshake; gives the code that came back."""
        self.send(CLOSE, close_payload(code, reason) if code else b"")
        got = self.recv_close()
        self.abort()
        return got

    def abort(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.abort()


def deflate(payload, bits=15):
    """RFC 7692 7.2.1: a raw deflate stream without its 00 00 ff ff."""
    packer = zlib.compressobj(wbits=-bits)
    data = packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)
    return data[:-4]


def inflate(payload):
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff")
