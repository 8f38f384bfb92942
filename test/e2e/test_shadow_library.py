"""The shadow through libholdfast: the example device reports, is told what it is wanted to be, and the library itself says what has come."""
import json
import signal
import subprocess

from lib.gateway import BINARY
from lib.pace import WAIT_S
from test_client import Example, ws_url
from test_shadow import change, read


def test_the_example_device_has_a_shadow(gateway, tmp_path):
    gw, name = gateway, "exemplary"

    def told(device, version, delta, word="told", **more):
        body = json.dumps({**more, "version": version, "delta": delta}, separators=(",", ":"))
        device.wait_line(lambda line: line == f"{word} none version {version} {body}")

    with Example("device_shadow", ws_url(gw), name, gw.token(name), folder=tmp_path) as device:
        device.wait_line(lambda line: line.startswith("open"))
        device.write('{"reported":{"interval":1,"mode":"eco"}}')
        told(device, 1, {}, "answer")
        answer = change(gw, name, {"desired": {"interval": 5}}, query="?wait=delivered&timeout_ms=20000").json
        assert answer["labels"] == ["stored", "delivered"], "by the library, whatever the application does"
        told(device, 2, {"interval": 5})
        named = change(gw, name, {"desired": {"on": True}}, shadow="/led", query="?wait=delivered&timeout_ms=20000").json
        assert named["labels"] == ["stored", "delivered"], "of a named one, too"
        told(device, 1, {"on": True}, name="led")
        device.write('{"name":"led","version":1,"reported":{"on":true}}', '{"version":2,"reported":{"interval":5}}')
        told(device, 2, {}, "answer", name="led")
        told(device, 3, {}, "answer")
        change(gw, name, {"desired": {"mode": "sport"}})
        told(device, 4, {"mode": "sport"})
        device.write('{"version":3,"desired":{"mode":"eco","light":"on"}}')
        device.wait_line(lambda line: line == 'answer none version 5 {"version":5,"delta":{"mode":"sport","light":"on"},"refused":[{"path":"/desired/mode","version":4}]}')
        gw.api().do("DELETE", f"/v1/devices/{name}/shadow/led", status=204)
        told(device, 0, {}, name="led")
        gw.kill()
        device.write('{"reported":{"mode":"lost"}}')
        device.wait_line(lambda line: line.startswith("answer connection_gone"))
        gw.start()
    change(gw, name, {"desired": {"interval": 6}})
    with Example("device_shadow", ws_url(gw), name, gw.token(name), folder=tmp_path) as device:
        told(device, 6, {"interval": 6, "mode": "sport", "light": "on"})
        assert device.end() == 0, device.stderr()
    shadow = read(gw, name)
    assert shadow["reported"] == {"interval": 5, "mode": "eco"} and shadow["desired"] == {"interval": 6, "mode": "sport", "light": "on"}


def test_connect_reports_and_shows_what_is_desired(gateway):
    gw, name = gateway, "by-hand"
    command = [str(BINARY), "connect", ws_url(gw), "--device", name, "--token", gw.token(name), "--protocol", "session", "--shadow"]
    once = subprocess.run(command, input='report {"interval":1}\nreport {"mode":"eco"}\n', text=True, capture_output=True, timeout=WAIT_S)
    assert once.returncode == 0, once.stderr
    assert read(gw, name)["reported"] == {"interval": 1, "mode": "eco"}, "it leaves when both are answered"
    change(gw, name, {"desired": {"interval": 5}})
    with subprocess.Popen([*command, "--json", "--wait", "forever"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as connect:
        def seen(text):
            for line in connect.stdout:
                event = json.loads(line)
                if event["event"] == "received":
                    assert event["text"] == "shadow " + text
                    return

        seen('version 3 {"version":3,"delta":{"interval":5}}')
        connect.stdin.write('report {"interval":5}\n')
        connect.stdin.flush()
        seen('reported, version 4 {"version":4,"delta":{}}')
        change(gw, name, {"desired": {"mode": "sport"}})
        seen('version 5 {"version":5,"delta":{"mode":"sport"}}')
        connect.send_signal(signal.SIGTERM)
        assert connect.wait(WAIT_S) == 0
    bad = subprocess.run(command, input="report 7\n", text=True, capture_output=True, timeout=WAIT_S)
    assert bad.returncode == 1 and "bad_request" in bad.stdout
    assert subprocess.run([*command[:-3], "--shadow"], input="", text=True, capture_output=True, timeout=WAIT_S).returncode == 2
