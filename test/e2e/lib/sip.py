"""Cameras played by sipp: its SIP stack, its digest, our scenarios. One process plays any number of devices over one UDP socket, one TCP connection, or a TCP
connection each."""
import os
import signal
import socket
import subprocess
import time
import xml.sax.saxutils
from pathlib import Path

from lib.pace import WAIT_S
from lib.ports import own_port

SERVER_ID, REALM = "34020000002000000001", "3402000000"
UDP, ONE_TCP, TCP_EACH = "u1", "t1", "tn"


def device_id(n):
    return f"{REALM}132{n:07d}"


def cameras(changes=None, **section):
    """A configuration's section with a SIP port on loopback; the domain's password is in the environment (env below)."""
    section = {"enabled": True, "tenant": "acme", "server_id": SERVER_ID, "password_env": "GB_PASSWORD",
               "listeners": [{"name": "sip", "address": "127.0.0.1", "port": 0}], **section}
    return {"gb28181": {name: value for name, value in section.items() if value is not None}, **(changes or {})}


ENV = {"GB_PASSWORD": "12345678"}


def port(gateway, name="sip"):
    return next(row["port"] for row in gateway.run["sip"] if row["name"] == name)


# ---- scenarios: pieces of sipp's XML ----

HEAD = """Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:[field0]@3402000000>;tag=[pid]t[call_number]
To: <sip:{to}@3402000000>
Call-ID: [call_id]
CSeq: {cseq} {method}
Contact: <sip:[field0]@[local_ip]:[local_port]>
Max-Forwards: 70
"""


def send(text):
    return f"<send><![CDATA[\n{text}]]></send>\n"


def receive(status, auth=False):
    """A final answer; a provisional one may come before it."""
    return (f'<recv response="100" optional="true"/>\n<recv response="{status}"{" auth=" + chr(34) + "true" + chr(34) if auth else ""}'
            ' timeout="60000"/>\n')


def register(expires=3600, answer=200, cseq=1, more=""):
    """Challenged, then answered by sipp's digest: field1 is its keyword for that, filled in when the device's row is read."""
    def one(number, authorization=""):
        return send(f"REGISTER sip:{SERVER_ID}@3402000000 SIP/2.0\n{HEAD.format(to='[field0]', cseq=number, method='REGISTER')}"
                    f"{authorization}{more}Expires: {expires}\nContent-Length: 0\n\n")
    return one(cseq) + receive(401, auth=True) + one(cseq + 1, "[field1]\n") + receive(answer)


def message(body, cseq=20, answer=200, to=SERVER_ID):
    head = HEAD.format(to=to, cseq=cseq, method="MESSAGE")
    return (send(f"MESSAGE sip:{SERVER_ID}@3402000000 SIP/2.0\n{head}Content-Type: Application/MANSCDP+xml\nContent-Length: [len]\n\n{body}\n") +
            receive(answer))


def keepalive(cseq=10, answer=200):
    return message('<?xml version="1.0" encoding="GB2312"?>\n<Notify>\n<CmdType>Keepalive</CmdType>\n<SN>1</SN>\n'
                   "<DeviceID>[field0]</DeviceID>\n<Status>OK</Status>\n</Notify>", cseq, answer)


def alarm(cseq=20, answer=200):
    return message('<?xml version="1.0" encoding="GB2312"?>\n<Notify>\n<CmdType>Alarm</CmdType>\n<SN>7</SN>\n'
                   "<DeviceID>[field0]</DeviceID>\n<AlarmPriority>1</AlarmPriority>\n<AlarmMethod>5</AlarmMethod>\n"
                   "<AlarmTime>2026-11-27T09:00:00</AlarmTime>\n</Notify>", cseq, answer)


def pause(ms):
    return f'<pause milliseconds="{ms}"/>\n'


FOREVER = pause(600000)

# What comes from the gateway outside of a device's own call: 200 to every MESSAGE, and the answer to DeviceStatus.
ANSWERS = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="answers">
<recv request="MESSAGE">
<action>
<ereg regexp="&lt;SN&gt;([0-9]+)&lt;" search_in="msg" check_it="false" assign_to="a,sn"/>
<ereg regexp="CmdType&gt;DeviceStatus" search_in="msg" check_it="false" assign_to="status"/>
<ereg regexp="sip:([0-9]{20})@" search_in="hdr" header="To:" check_it="true" assign_to="b,device"/>
</action>
</recv>
<Reference variables="a,b,sn"/>
<send next="over"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]o[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<label id="over"/>
<nop next="answer" test="status"/>
<nop next="end"/>
<label id="answer"/>
<send><![CDATA[
MESSAGE sip:%(server)s@3402000000 SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:[$device]@3402000000>;tag=[pid]s[call_number]
To: <sip:%(server)s@3402000000>
Call-ID: status-[call_id]
CSeq: 30 MESSAGE
Max-Forwards: 70
Content-Type: Application/MANSCDP+xml
Content-Length: [len]

<?xml version="1.0" encoding="GB2312"?>
<Response>
<CmdType>DeviceStatus</CmdType>
<SN>[$sn]</SN>
<DeviceID>[$device]</DeviceID>
<Result>OK</Result>
<Online>ONLINE</Online>
<Status>OK</Status>
</Response>
]]></send>
<recv response="200" optional="true" timeout="60000" ontimeout="end"/>
<label id="end"/>
</scenario>
""" % {"server": SERVER_ID}


# ---- a camera that is called: what it says to an INVITE outside of its own call ----

ANSWER_HEAD = """[last_Via:]
[last_From:]
[last_To:];tag=[pid]c[call_number]
[last_Call-ID:]
[last_CSeq:]
"""
CONTACT = "Contact: <sip:34020000001310000001@[local_ip]:[local_port]>\n"
SDP = """v=0
o=34020000001310000001 0 0 IN IP4 [local_ip]
s=Play
c=IN IP4 [local_ip]
t=0 0
m=video 15060 RTP/AVP 96
a=sendonly
a=rtpmap:96 PS/90000
y=0200000000
"""


def say(status, reason, sdp=None, within=False):
    """An answer to the request that came last; within: a dialog, where To has its tag."""
    head = f"SIP/2.0 {status} {reason}\n{ANSWER_HEAD.replace(';tag=[pid]c[call_number]', '') if within else ANSWER_HEAD}"
    if sdp is None:
        return send(f"{head}Content-Length: 0\n\n")
    return send(f"{head}{CONTACT}Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp}")


def hear(method, timeout_ms=60000):
    return f'<recv request="{method}" timeout="{timeout_ms}"/>\n'


def ring():
    """An INVITE came; who called is kept for a BYE (HANG_UP)."""
    return ('<recv request="INVITE" timeout="60000"><action><ereg regexp=".*" search_in="hdr" header="From:" check_it="true" assign_to="caller"/>'
            '</action></recv>\n<Reference variables="caller"/>\n')


HANG_UP = send(f"""BYE sip:{SERVER_ID}@{REALM} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]
From: <sip:34020000001310000001@{REALM}>;tag=[pid]c[call_number]
To: [$caller]
[last_Call-ID:]
CSeq: 7 BYE
Max-Forwards: 70
Content-Length: 0

""") + '<recv response="200" timeout="60000"/>\n'


def called(steps):
    """For Sipp(answers=...)."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="called">\n{steps}</scenario>\n'


class Sipp:
    """One run. devices: [(id, password)]; steps: the scenario of each. Its files are in folder, which a failing test shows."""

    def __init__(self, folder, to_port, devices, steps, transport=UDP, answers=False, rate=200, local_port=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "scenario.xml").write_text(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="camera">\n{steps}</scenario>\n')
        (self.folder / "devices.csv").write_text("SEQUENTIAL\n" + "".join(
            f"{device};[authentication username={device} password={password}]\n" for device, password in devices))
        options = []
        if answers:  # True, or a scenario of its own
            (self.folder / "answers.xml").write_text(ANSWERS if answers is True else answers)
            options = ["-oocsf", "answers.xml"]
        if local_port:
            options += ["-p", str(local_port)]
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["sipp", f"127.0.0.1:{to_port}", "-i", "127.0.0.1", "-sf", "scenario.xml", "-inf", "devices.csv", "-m", str(len(devices)),
             "-l", str(len(devices)), "-r", str(rate), "-t", transport, "-nd", "-nostdin", "-trace_err", *(["-trace_msg", "-message_file", "msgs"] if os.environ.get("SIPP_TRACE") else []), "-error_file", "errors",
             "-max_socket", "500", *options],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env={**os.environ, "TERM": "dumb"})

    def wait(self, timeout_s=2 * WAIT_S):
        """Every device's scenario went through."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.end()
            raise AssertionError(f"sipp did not end\n{self.said()}") from None
        self.log.close()
        assert status == 0, f"sipp ended with {status}\n{self.said()}"

    def said(self):
        out = ""
        for name in ("errors", "log"):
            path = self.folder / name
            if path.exists():
                out += f"--- {name}\n{path.read_text(errors='replace')[-4000:]}\n"
        return out

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Registrar(Sipp):
    """sipp as the server: a platform above. Each Call-ID is a call of the scenario; it ends after so many."""

    def __init__(self, folder, steps, transport=UDP, calls=1):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = own_port()
        (self.folder / "scenario.xml").write_text(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="platform">\n{steps}</scenario>\n')
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["sipp", "-i", "127.0.0.1", "-p", str(self.port), "-sf", "scenario.xml", "-m", str(calls), "-t", transport, "-nd", "-nostdin", "-trace_err",
             "-error_file", "errors"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env={**os.environ, "TERM": "dumb"})
        self.listens(transport)

    def listens(self, transport):
        """Until the kernel says so: a datagram to a port that is not open yet is refused."""
        table = Path("/proc/net/udp" if transport == UDP else "/proc/net/tcp")
        for _ in range(1000):
            if f"0100007F:{self.port:04X}" in table.read_text():
                return
            time.sleep(0.01)
        raise AssertionError(f"sipp does not listen\n{self.said()}")


# ---- a peer that is no SIP stack: raw bytes ----

def datagram_socket(to_port):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.connect(("127.0.0.1", to_port))
    peer.settimeout(WAIT_S)
    return peer


class Sink:
    """A UDP port that media is sent to."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(WAIT_S)
        self.port = self.socket.getsockname()[1]

    def receive(self):
        return self.socket.recv(2048)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def request(method, device, cseq=1, body="", more="", transport="UDP", call="c"):
    return (f"{method} sip:{SERVER_ID}@{REALM} SIP/2.0\r\nVia: SIP/2.0/{transport} 127.0.0.1:5060;rport;branch=z9hG4bK{call}{cseq}{device}\r\n"
            f"From: <sip:{device}@{REALM}>;tag=t{call}\r\nTo: <sip:{device}@{REALM}>\r\nCall-ID: {call}{device}\r\nCSeq: {cseq} {method}\r\n"
            f"Max-Forwards: 70\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}").encode()
