"""A broker that knows MQTT 3.1.1 alone: a real one, behind a door that refuses what begins with 5.0 as 3.1.1 demands (CONNACK, return code 1), or as some do: by closing. Everything else passes, byte for byte."""
import socket
import threading


class OldBroker:
    def __init__(self, port, silent=False):
        self.port, self.silent = port, silent
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.versions = []  # of the CONNECTs that came
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path=""):
        return f"mqtt://127.0.0.1:{self.listener.getsockname()[1]}{path}"

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            head = b""
            while b"\0\4MQTT" not in head or head.index(b"MQTT") + 5 > len(head):
                some = client.recv(4096)
                if not some:
                    return
                head += some
            version = head[head.index(b"MQTT") + 4]
            self.versions.append(version)
            if version != 4:
                if not self.silent:
                    client.sendall(b"\x20\x02\x00\x01")
                return
            try:
                with socket.create_connection(("127.0.0.1", self.port)) as broker:
                    broker.sendall(head)
                    back = threading.Thread(target=self.copy, args=(broker, client), daemon=True)
                    back.start()
                    self.copy(client, broker)
                    back.join()
            except OSError:
                return

    @staticmethod
    def copy(source, sink):
        """Until either has ended; then both have."""
        try:
            while some := source.recv(65536):
                sink.sendall(some)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.listener.close()
