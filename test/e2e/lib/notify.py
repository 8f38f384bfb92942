"""The service manager's side of sd_notify(3): what the gateway says about itself arrives as datagrams, so that nothing has to
be waited for by the clock."""
import os
import select
import socket
import time

from lib.pace import WAIT_S


class Notify:
    def __init__(self, path):
        self.path = str(path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.seen = []

    def wait(self, line, pid):
        """Until a datagram holds `line`; an error when the process ends first."""
        until = time.monotonic() + WAIT_S
        pidfd = os.pidfd_open(pid)
        try:
            while True:
                ready, _, _ = select.select([self.sock, pidfd], [], [], max(0, until - time.monotonic()))
                if self.sock in ready:
                    said = self.sock.recv(4096).decode().split("\n")
                    self.seen.append(said)
                    if line in said:
                        return said
                elif pidfd in ready:
                    raise RuntimeError(f"the process ended before it said {line}")
                elif not ready:
                    raise TimeoutError(f"{line} did not come in {WAIT_S:g} s; came: {self.seen}")
        finally:
            os.close(pidfd)

    def close(self):
        self.sock.close()
        os.unlink(self.path)
