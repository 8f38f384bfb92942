"""A platform of GB/T 28181 in Python, for tests of the simulated camera: a registrar with digest that can ask."""
import hashlib
import queue
import re
import socket
import threading

from lib.pace import WAIT_S

REALM, SERVER = "3402000000", "34020000002000000001"


class Message:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.start, self.data = lines[0], data
        self.method = None if self.start.startswith("SIP/2.0") else self.start.split()[0]
        self.status = int(self.start.split()[1]) if self.method is None else None
        self.headers = [line.split(":", 1) for line in lines[1:]]

    def __getitem__(self, name):
        return next((value.strip() for key, value in self.headers if key.strip().lower() == name.lower()), None)

    def text(self):
        charset = re.search(rb'encoding="([^"]+)"', self.body)
        return self.body.decode("gb18030" if charset and charset[1].upper().startswith(b"GB") else "utf-8")

    def answer(self, status, reason="Whatever", **headers):
        lines = [f"SIP/2.0 {status} {reason}"] + [f"{name}:{value}" for name, value in self.headers if name.lower() in ("via", "from", "to", "call-id", "cseq")]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()] + ["Content-Length: 0", "", ""]
        return "\r\n".join(lines).encode()


def proven(message, password):
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', message["Authorization"] or ""))
    if not given:
        return False

    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()
    ha1, ha2 = md5(f"{given['username']}:{given['realm']}:{password}"), md5(f"{message.method}:{given['uri']}")
    return given["response"] == md5(":".join([ha1, given["nonce"], given["nc"], given["cnonce"], given["qop"], ha2]))


class Platform:
    """Answers REGISTER and MESSAGE; keeps what came in `came` (Message), apart from keepalives. One device."""

    def __init__(self, tcp=False, password="12345678"):
        self.password, self.tcp, self.came, self.keepalives, self.number = password, tcp, queue.Queue(), queue.Queue(), 0
        self.known = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port, self.peer, self.peers, self.link = self.socket.getsockname()[1], None, [], None
        if tcp:
            self.socket.listen()
        self.thread = threading.Thread(target=self.serve_tcp if tcp else self.serve_udp, daemon=True)
        self.thread.start()

    def send(self, data):
        if self.tcp:
            self.link.sendall(data)
        else:
            self.socket.sendto(data, self.peer)

    def take(self, data):
        message = Message(data)
        if message.method == "REGISTER":
            if proven(message, self.password):
                self.send(message.answer(200, Expires=message["Expires"]))
                self.keep(message)
            elif message["Authorization"]:
                self.send(message.answer(403, "Forbidden"))
            else:
                self.send(message.answer(401, WWW_Authenticate=f'Digest realm="{REALM}",qop="auth",nonce="n{self.number}",algorithm=MD5'))
            return
        if message.method not in (None, "ACK"):
            self.send(message.answer(200))
        self.keep(message)

    def keep(self, message):
        """Once: a request that is answered late comes again (RFC 3261, T1 is 500 ms)."""
        request = message.method and (message["Call-ID"], message["CSeq"])
        if request not in self.known:
            (self.keepalives if b"Keepalive" in message.body else self.came).put(message)
        if request:
            self.known.add(request)

    def serve_udp(self):
        while True:
            try:
                data, self.peer = self.socket.recvfrom(65536)
            except OSError:
                return
            if not data:
                return
            self.peers.append(self.peer)
            self.take(data)

    def serve_tcp(self):
        while True:
            try:
                self.link, _ = self.socket.accept()
            except OSError:
                return
            kept = b""
            while True:
                try:
                    data = self.link.recv(65536)
                except OSError:
                    data = b""
                if not data:
                    break
                kept += data
                while b"\r\n\r\n" in kept:
                    head = kept.index(b"\r\n\r\n") + 4
                    length = head + int(re.search(rb"(?i)content-length: *(\d+)", kept[:head])[1])
                    if len(kept) < length:
                        break
                    self.take(kept[:length])
                    kept = kept[length:]

    def ask(self, device, body, method="MESSAGE", **headers):
        """Sends a request; gives its SN or number."""
        self.number += 1
        data = body.format(sn=self.number, device=device).encode()
        lines = [f"{method} sip:{device}@x SIP/2.0", f"Via: SIP/2.0/{'TCP' if self.tcp else 'UDP'} 127.0.0.1:{self.port};rport;branch=z9hG4bK{self.number}",
                 f"From: <sip:{SERVER}@{REALM}>;tag=p", f"To: <sip:{device}@{REALM}>", f"Call-ID: p{self.number}", f"CSeq: {self.number} {method}",
                 "Max-Forwards: 70", f"Contact: <sip:{SERVER}@127.0.0.1:{self.port}>"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += (["Content-Type: Application/MANSCDP+xml"] if data else []) + [f"Content-Length: {len(data)}", "", ""]
        self.send("\r\n".join(lines).encode() + data)
        return self.number

    # ---- calls ----

    def request(self, method, uri, cseq, call, to_tag="", body="", more=()):
        """A request of a call, and its Via for what must have the same (ACK to a refusal is not sent here: CANCEL)."""
        self.number += 1
        data = body.encode()
        to = f"<sip:{uri.split(':', 1)[1].split('@')[0]}@{REALM}>" + (f";tag={to_tag}" if to_tag else "")
        lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/{'TCP' if self.tcp else 'UDP'} 127.0.0.1:{self.port};rport;branch=z9hG4bKc{self.number}",
                 f"From: <sip:{SERVER}@{REALM}>;tag=p", f"To: {to}", f"Call-ID: {call}", f"CSeq: {cseq} {method}", "Max-Forwards: 70",
                 f"Contact: <sip:{SERVER}@127.0.0.1:{self.port}>", *more]
        lines += (["Content-Type: application/sdp"] if data else []) + [f"Content-Length: {len(data)}", "", ""]
        self.send("\r\n".join(lines).encode() + data)

    def invite(self, channel, sdp):
        """Gives the call's id."""
        call = f"call{self.number}-{channel}"
        self.request("INVITE", f"sip:{channel}@x", 1, call, body=sdp)
        return call

    def answer_to(self, call, method="INVITE"):
        """The final answer to that request of the call."""
        while True:
            answer = self.next()
            if answer["Call-ID"] == call and answer["CSeq"].endswith(method) and answer.status >= 200:
                return answer

    def within(self, answer, method, cseq, body="", more=()):
        """In the dialog that the 200 has made."""
        target = re.search(r"<(sip:[^>]+)>", answer["Contact"])[1]
        self.request(method, target, cseq, answer["Call-ID"], re.search(r"tag=([^;\s]+)", answer["To"])[1], body, more)

    def next(self, method=None, timeout_s=WAIT_S):
        """The next that came: of that method, or (None) an answer."""
        while True:
            message = self.came.get(timeout=timeout_s)
            if message.method == method:
                return message

    def close(self):
        for one in (self.link, self.socket):
            if one is not None:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                one.close()
        self.thread.join(WAIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
