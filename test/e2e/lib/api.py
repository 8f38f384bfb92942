"""The HTTP API through Python's own client, one connection for each request."""
import contextlib
import http.client
import json
import ssl
import time
import urllib.parse

from lib.pace import WAIT_S


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def reason(self):
        """Of a problem document."""
        return self.json["reason"]

    def __repr__(self):
        return f"HTTP {self.status} {self.body[:500]!r}"


class Api:
    def __init__(self, url, key, context=None, timeout_s=WAIT_S):
        self.url, self.key, self.context, self.timeout_s = url, key, context, timeout_s

    def connection(self, base=None):
        parts = urllib.parse.urlsplit(base or self.url)
        if parts.scheme == "https":
            context = self.context or ssl._create_unverified_context()
            return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=self.timeout_s, context=context)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.timeout_s)

    def headers(self, more):
        return {**({"Authorization": f"Bearer {self.key}"} if self.key else {}), **(more or {})}

    def do(self, method, path, body=None, headers=None, status=None, base=None):
        """body: bytes as they are, anything else as JSON. status: what must come back, a number or a set."""
        if body is not None and not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})}
        connection = self.connection(base)
        try:
            connection.request(method, path, body, self.headers(headers))
            response = connection.getresponse()
            answer = Answer(response, response.read())
        finally:
            connection.close()
        if status is not None:
            assert answer.status in (status if isinstance(status, (set, tuple)) else {status}), \
                f"{method} {path}: {answer!r}"
        return answer

    def get(self, path, status=200, **options):
        return self.do("GET", path, status=status, **options).json

    def post(self, path, body=None, status=(200, 201, 202), **options):
        return self.do("POST", path, body, status=status, **options).json

    def text(self, method, path, **options):
        return self.do(method, path, status=200, **options).body.decode()

    # ---- what comes up again and again ----

    def device(self, device):
        return self.get(f"/v1/devices/{device}")

    def send(self, device, payload, status=202, headers=None, **members):
        return self.post(f"/v1/devices/{device}/messages", {"payload": payload, **members}, status=status, headers=headers)

    def command(self, device, name, payload=None, status=(200, 202), headers=None, **members):
        body = {"name": name, **({} if payload is None else {"payload": payload}), **members}
        return self.post(f"/v1/devices/{device}/commands", body, status=status, headers=headers)

    # ---- events ----

    @contextlib.contextmanager
    def stream(self, headers=None, **query):
        """The response of GET /v1/events, to be read line by line."""
        connection = self.connection()
        query = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        try:
            connection.request("GET", "/v1/events?" + urllib.parse.urlencode(query), headers=self.headers(headers))
            response = connection.getresponse()
            if response.status != 200:
                raise AssertionError(f"GET /v1/events {query}: {Answer(response, response.read())!r}")
            yield response
        finally:
            connection.close()

    def follow(self, from_=1, timeout_s=WAIT_S, **query):
        """Events as they come, one by one; TimeoutError when timeout_s passes."""
        until = time.monotonic() + timeout_s
        with self.stream(from_=from_, follow="true", **query) as response:
            while True:
                if time.monotonic() > until:
                    raise TimeoutError(f"no such event within {timeout_s} s: {query}")
                line = response.readline()
                if not line:
                    raise AssertionError("the event stream ended")
                if line.strip():
                    yield json.loads(line)

    def events(self, from_=1, **query):
        """All there are now."""
        with self.stream(from_=from_, follow="false", **query) as response:
            return [json.loads(line) for line in response.read().splitlines() if line.strip()]

    def wait(self, type_=None, where=None, from_=1, timeout_s=WAIT_S, **query):
        """The first event that fits."""
        seen = []
        connection_timeout, self.timeout_s = self.timeout_s, timeout_s
        try:
            for event in self.follow(from_, timeout_s, **({"type": type_} if type_ else {}), **query):
                seen.append(event)
                if where is None or where(event):
                    return event
        except TimeoutError as late:
            raise AssertionError(f"no {type_} event for {query}; seen: {seen[-5:]}") from late
        finally:
            self.timeout_s = connection_timeout
