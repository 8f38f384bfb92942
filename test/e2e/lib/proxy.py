"""Real proxies in front of the gateway."""
import socket
import subprocess

from lib.gateway import eventually
from lib.pace import WAIT_S


class Proxy:
    def __init__(self, command, port):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.port = port

        def listening():
            assert self.process.poll() is None, self.process.stdout.read()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False
        eventually(listening)

    def end(self):
        self.process.terminate()
        self.process.communicate(timeout=WAIT_S)
