"""A wire tap: a UDP hop between a camera and the gateway that writes down every datagram, as the gateway's socket sees and sends it, in a pcap file for dissectors."""
import selectors
import socket
import struct
import threading
import time

RAW_IPV4 = 101  # LINKTYPE_RAW


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packet(source, target, data):
    """An IPv4 and a UDP header in front of it; no UDP checksum, which IPv4 allows."""
    (from_host, from_port), (to_host, to_port) = source, target
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0, 64, socket.IPPROTO_UDP, 0, socket.inet_aton(from_host), socket.inet_aton(to_host))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return head + struct.pack("!HHHH", from_port, to_port, 8 + len(data), 0) + data


class Tap:
    """One camera's hop; tap.port is where it finds its gateway."""

    def __init__(self, gateway_port, path):
        self.gateway = ("127.0.0.1", gateway_port)
        self.near, self.far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.near, self.far):
            one.bind(("127.0.0.1", 0))
        self.port = self.near.getsockname()[1]
        self.wake, self.woken = socket.socketpair()
        self.camera = None
        self.from_gateway = self.to_gateway = 0
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, RAW_IPV4))
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def write(self, source, target, data):
        now, whole = time.time(), packet(source, target, data)
        self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(whole), len(whole)) + whole)

    def run(self):
        here = self.far.getsockname()
        with selectors.DefaultSelector() as ready:
            for one in (self.near, self.far, self.woken):
                ready.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    if key.fileobj is self.woken:
                        return
                    data, peer = key.fileobj.recvfrom(65535)
                    if key.fileobj is self.near:
                        self.camera, self.to_gateway = peer, self.to_gateway + 1
                        self.write(here, self.gateway, data)
                        self.far.sendto(data, self.gateway)
                    elif self.camera is not None:
                        self.from_gateway += 1
                        self.write(self.gateway, here, data)
                        self.near.sendto(data, self.camera)

    def end(self):
        self.wake.send(b"x")
        self.thread.join()
        for one in (self.near, self.far, self.wake, self.woken, self.file):
            one.close()
