"""A camera of GB/T 28181 in Python: registers over UDP, answers what it is asked, and sends the program stream that ffmpeg made, cut into RTP packets, when
it is called. Not our code's idea of one: SIP by hand, the stream by ffmpeg, whose packs have nothing to do with frames."""
import hashlib
import re
import socket
import struct
import subprocess
import threading
import time
import urllib.request

from lib.pace import WAIT_S

PAYLOAD_BYTES = 1400


def picture(folder, codec="libx264", seconds=20, size="320x240", rate=10, every=10, sound=None):
    """A program stream of ffmpeg's test picture, with a key frame each `every` frames."""
    path = folder / f"{codec}{'-' + sound if sound else ''}.mpg"
    if not path.exists():
        extra = (["-x265-params", f"keyint={every}:min-keyint={every}:log-level=none"] if codec == "libx265" else
                 ["-x264-params", "scenecut=0", "-g", str(every)])
        if sound:
            extra += ["-c:a", sound]
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}",
                        *(["-f", "lavfi", "-i", "sine=r=48000"] if sound else []), "-t", str(seconds), "-c:v", codec, "-preset", "ultrafast", "-pix_fmt", "yuv420p", *extra, "-f", "vob", str(path)], check=True)
    return path.read_bytes()


def watching(gw, path):
    """A watcher until it is closed: without one a call of the relay is soon over (media.unwatched_ms)."""
    return urllib.request.urlopen(urllib.request.Request(gw.url() + path, headers={"Authorization": f"Bearer {gw.keys['admin']}"}), timeout=WAIT_S)


def packs(stream):
    """(clock in 90 kHz, bytes) of each pack."""
    starts = [m.start() for m in re.finditer(rb"\x00\x00\x01\xba", stream)]
    for at, end in zip(starts, starts[1:] + [len(stream)]):
        scr = int.from_bytes(stream[at + 4:at + 10], "big")
        yield (scr >> 43 & 7) << 30 | (scr >> 27 & 0x7fff) << 15 | (scr >> 11 & 0x7fff), stream[at:end]


class Sender(threading.Thread):
    """Sends a stream in real time until it is stopped; then goes on from its beginning."""

    def __init__(self, stream, ssrc, target, own, tcp=False, lose=0):
        """own: a socket that is bound (UDP), or listens (TCP: the other side connects), or None (TCP: we do)."""
        super().__init__(daemon=True)
        self.packs, self.ssrc, self.lose, self.over, self.sent = list(packs(stream)), ssrc, lose, threading.Event(), 0
        self.tcp, self.target, self.own = tcp, target, own
        self.socket = own if own and not tcp else socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def packet(self, payload, clock):
        self.sent += 1
        head = struct.pack("!BBHII", 0x80, 96, self.sent & 0xffff, clock & 0xffffffff, self.ssrc)
        if self.lose and self.sent % self.lose == 0:
            return
        data = head + payload
        self.socket.sendall(struct.pack("!H", len(data)) + data if self.tcp else data)

    def run(self):
        try:
            if self.tcp and self.own:
                self.own.settimeout(WAIT_S)
                self.socket = self.own.accept()[0]
            else:
                self.socket.connect(self.target)
            while not self.over.is_set():
                begun, first = time.monotonic(), self.packs[0][0]
                for clock, data in self.packs:
                    late = (clock - first) / 90000 - (time.monotonic() - begun)
                    if self.over.wait(max(late, 0)):
                        return
                    for at in range(0, len(data), PAYLOAD_BYTES):
                        self.packet(data[at:at + PAYLOAD_BYTES], clock)
        except OSError:
            pass  # the other side has closed it

    def ended_by_them(self):
        """Their end of the connection is closed already."""
        try:
            return self.tcp and self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def stop(self):
        self.over.set()
        self.join()
        self.socket.close()
        if self.own:
            self.own.close()


class Camera(threading.Thread):
    """One device with channels; `streams` by channel id: bytes of a program stream."""

    def __init__(self, server, device, password, streams, realm="3402000000", server_id="34020000002000000001", lose=0, busy=False):
        super().__init__(daemon=True)
        self.server, self.device, self.password, self.streams = server, device, password, streams
        self.realm, self.server_id = realm, server_id
        self.lose, self.busy = lose, busy
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.registered, self.over = threading.Event(), threading.Event()
        self.senders, self.invites, self.byes, self.byes_too_late, self.cseq = {}, [], [], 0, 0
        self.call_id = f"{device}-{self.port}@127.0.0.1"

    # ---- texts ----

    def register(self, challenge=None, expires=3600):
        self.cseq += 1
        uri = f"sip:{self.server_id}@{self.realm}"
        lines = [f"REGISTER {uri} SIP/2.0", f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch=z9hG4bK{self.device}{self.cseq}",
                 f"From: <sip:{self.device}@{self.realm}>;tag=c{self.port}", f"To: <sip:{self.device}@{self.realm}>", f"Call-ID: {self.call_id}",
                 f"CSeq: {self.cseq} REGISTER", f"Contact: <sip:{self.device}@127.0.0.1:{self.port}>", "Max-Forwards: 70", f"Expires: {expires}"]
        if challenge:
            found = dict(re.findall(r'(\w+)="([^"]*)"', challenge))

            def md5(text):
                return hashlib.md5(text.encode()).hexdigest()
            ha1, ha2 = md5(f"{self.device}:{found['realm']}:{self.password}"), md5(f"REGISTER:{uri}")
            answer = md5(f"{ha1}:{found['nonce']}:00000001:abc:auth:{ha2}") if "qop" in challenge else md5(f"{ha1}:{found['nonce']}:{ha2}")
            qop = ', qop=auth, nc=00000001, cnonce="abc"' if "qop" in challenge else ""
            lines.append(f'Authorization: Digest username="{self.device}", realm="{found["realm"]}", nonce="{found["nonce"]}", '
                         f'uri="{uri}", response="{answer}", algorithm=MD5{qop}')
        self.send("\r\n".join(lines + ["Content-Length: 0", "", ""]))

    def send(self, text):
        self.socket.sendto(text.encode(), self.server)

    def answer(self, request, status, body="", more=()):
        copied = [line for line in request.split("\r\n\r\n")[0].split("\r\n")[1:] if re.match(r"(?i)(via|from|call-id|cseq):", line)]
        to = re.search(r"(?im)^to:.*$", request)[0].strip()
        if "tag=" not in to:
            to += f";tag=d{self.port}"
        self.send("\r\n".join([f"SIP/2.0 {status}", *copied, to, f"Contact: <sip:{self.device}@127.0.0.1:{self.port}>", *more, f"Content-Length: {len(body)}", "", body]))

    # ---- life ----

    def run(self):
        self.register()
        while not self.over.is_set():
            try:
                text = self.socket.recv(65536).decode("latin-1")
            except socket.timeout:
                continue
            except OSError:
                return
            if text.startswith("SIP/2.0 401"):
                self.register(re.search(r"(?im)^www-authenticate:.*$", text)[0])
            elif text.startswith("SIP/2.0 200"):
                self.registered.set()
            elif text.startswith("INVITE"):
                self.invite(text)
            elif text.startswith("ACK"):
                self.ack(text)
            elif text.startswith("BYE"):
                self.bye(text)
            elif not text.startswith("SIP/2.0"):
                self.answer(text, "200 OK")

    def invite(self, text):
        call = re.search(r"(?im)^call-id:\s*(\S+)", text)[1]
        if self.busy:
            self.answer(text, "486 Busy Here")
            return
        if call not in self.senders:
            self.invites.append(text)
            channel = re.match(r"INVITE sip:(\d+)@", text)[1]
            host = re.search(r"(?m)^c=IN IP4 (\S+)", text)[1]
            port, protocol = re.search(r"(?m)^m=video (\d+) (\S+)", text).groups()
            ssrc = re.search(r"(?m)^y=(\d+)", text)[1]
            tcp = protocol.startswith("TCP")
            passive = tcp and "a=setup:active" in text  # they connect
            own = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
            own.bind(("127.0.0.1", 0))
            if passive:
                own.listen(1)
            number = own.getsockname()[1]
            if tcp and not passive:
                own.close()
                own = None
            setup = f"a=setup:{'passive' if passive else 'active'}\r\na=connection:new\r\n" if tcp else ""
            body = (f"v=0\r\no={channel} 0 0 IN IP4 127.0.0.1\r\ns=Play\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {number} {protocol} 96\r\n"
                    f"a=sendonly\r\na=rtpmap:96 PS/90000\r\n{setup}y={ssrc}\r\n")
            self.senders[call] = [body, lambda: Sender(self.streams[channel], int(ssrc), (host, int(port)), own, tcp, self.lose), None]
        self.answer(text, "200 OK", self.senders[call][0], ["Content-Type: application/sdp"])

    def ack(self, text):
        row = self.senders.get(re.search(r"(?im)^call-id:\s*(\S+)", text)[1])
        if row and row[2] is None:
            row[2] = row[1]()
            row[2].start()

    def bye(self, text):
        row = self.senders.get(re.search(r"(?im)^call-id:\s*(\S+)", text)[1])
        if text not in self.byes and row and row[2]:  # it comes again when it is answered late
            self.byes_too_late += row[2].ended_by_them()
            row[2].stop()
        if text not in self.byes:
            self.byes.append(text)
        self.answer(text, "200 OK")

    def stop(self):
        self.over.set()
        self.join()
        for row in self.senders.values():
            if row[2]:
                row[2].stop()
        self.socket.close()
