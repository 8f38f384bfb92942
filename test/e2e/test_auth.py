"""Who gets in, how, and what is said to those who do not."""
import json
import socket
import time

import pytest

from lib.gateway import eventually
from lib.pace import WAIT_S, Stopwatch
from lib.rawws import RawWs, Refused, close_payload, read_head, CLOSE
from lib.tokens import jwt


def refusal(gw, path="/v1/connect/a", **options):
    with pytest.raises(Refused) as refused:
        RawWs(gw.address(), path, **options).abort()
    problem = json.loads(refused.value.body)
    assert refused.value.headers["content-type"].startswith("application/problem+json")
    assert problem["status"] == refused.value.status
    return problem


def test_three_places_for_a_token(gw):
    token = gw.token("places")
    with RawWs(gw.address(), "/v1/connect/places", {"Authorization": "Bearer " + token}) as ws:
        assert ws.close()[0] == 1000
    with RawWs(gw.address(), f"/v1/connect/places?token={token}") as ws:
        assert ws.close()[0] == 1000
    with RawWs(gw.address(), "/v1/connect/places", protocols=["holdfast.token." + token]) as ws:
        assert ws.protocol is None or token not in ws.protocol or ws.protocol.startswith("holdfast.token.")
        assert ws.close()[0] == 1000
    with RawWs(gw.address(), "/v1/connect", {"Authorization": "Bearer " + token}) as ws:  # the token names the device
        assert gw.api().device("places")["state"] == "online"
    assert token not in gw.log(), "a token in the query is masked in logs"


def test_a_fourth_place_in_the_first_message(gw):
    with RawWs(gw.address(), "/v1/connect?auth=message") as ws:
        ws.text(json.dumps({"type": "auth", "token": gw.token("inband")}))
        hello = json.loads(ws.recv_text())
        assert hello["type"] == "auth_ok" and hello["device"] == "inband"
        ws.text('{"type":"data","id":1,"payload":1}')
        assert json.loads(ws.recv_text())["type"] == "ack"
    assert gw.api().wait("message", device="inband")


@pytest.mark.parametrize("first", ['{"type":"data","payload":1}', "hello", '{"type":"auth","token":"x.y.z"}', '{"type":"auth"}'])
def test_nothing_else_before_the_first_message_auth(gw, first):
    with RawWs(gw.address(), "/v1/connect?auth=message") as ws:
        ws.text(first)
        assert ws.recv_close()[0] == 4401


@pytest.mark.parametrize("make,check,reason", [
    (lambda gw: jwt(gw.secret, "a", life_s=-10), "exp", "credentials_expired"),
    (lambda gw: jwt(gw.secret, "a", exp=None), "exp", "credentials_invalid"),
    (lambda gw: jwt(b"another secret, long enough......", "a"), "signature", "credentials_invalid"),
    (lambda gw: jwt(gw.secret, "a", kid="unknown"), "signature", "credentials_invalid"),
    (lambda gw: jwt(gw.secret, "a", alg="none"), "signature", "credentials_invalid"),
    (lambda gw: jwt(gw.secret, "a", alg="HS384"), "signature", "credentials_invalid"),
    (lambda gw: jwt(gw.secret, "a", nbf=int(time.time()) + 600), "nbf", "credentials_invalid"),
    (lambda gw: jwt(gw.secret, None), "device", "credentials_invalid"),
    (lambda gw: jwt(gw.secret, "a", tenant="umbrella"), "tenant", "credentials_invalid"),
    (lambda gw: "garbage", "form", "credentials_invalid"),
])
def test_a_bad_token_is_told_which_check_failed(gw, make, check, reason):
    problem = refusal(gw, headers={"Authorization": "Bearer " + make(gw)})
    assert problem["status"] == 401 and problem["reason"] == reason
    assert problem["check"] == check or (check, problem["check"]) == ("form", "signature")


def test_whoever_is_refused_leaves_a_line(gateways):
    """What the device is told, the operator finds: also of those whose credentials say nothing."""
    gw = gateways()
    refusal(gw, "/v1/connect/stranger", headers={"Authorization": "Bearer garbage"})
    refusal(gw, "/v1/connect/other", headers={"Authorization": "Bearer " + gw.token("known")})
    refusal(gw, "/v1/connect/lost")
    refusal(gw, "/v1/connect/page", headers={"Origin": "https://evil.example", "Authorization": "Bearer " + gw.token("page")})

    def line(*parts):
        return eventually(lambda: [row for row in gw.log().splitlines() if all(part in row for part in parts)])

    assert "peer=127.0.0.1:" in line("event=auth_failed", "claimed=stranger", "reason=credentials_invalid", "check=")[0]
    assert "conn=c_" in line("event=auth_failed", "claimed=other", "reason=identity_mismatch")[0]
    assert line("event=auth_failed", "claimed=lost", "reason=credentials_missing")
    assert line("event=conn_refused", "reason=origin_forbidden")
    begin, crowd = time.monotonic(), 0

    def more_come(count):
        """At once, however slow the machine is."""
        nonlocal crowd
        crowd += count
        waiting = [socket.create_connection(gw.address(), WAIT_S) for _ in range(count)]
        for sock in waiting:
            sock.sendall(b"GET /v1/connect/crowd HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        for sock in waiting:
            assert read_head(sock)[0] == 401
            sock.close()

    more_come(400)
    eventually(lambda: more_come(1) or [row for row in gw.log().splitlines() if "left_out=" in row])
    eventually(lambda: gw.metric("holdfast_upgrades_refused_total") == crowd + 4)
    assert gw.log().count("claimed=crowd") <= 2 * (50 + 10 * (time.monotonic() - begin + 1)), "each of two workers has 50 at once and ten a second"


def test_no_token_where_one_is_needed_at_once(gw):
    assert refusal(gw, "/v1/connect")["reason"] == "credentials_missing"
    assert refusal(gw, "/v1/connect/a")["status"] == 401
    assert refusal(gw, "/v1/connect/x/y")["status"] in (400, 404)
    assert refusal(gw, "/nowhere")["status"] == 404


def test_a_token_for_another_device(gw):
    problem = refusal(gw, "/v1/connect/a", headers={"Authorization": "Bearer " + gw.token("b")})
    assert problem["status"] == 403 and problem["reason"] == "identity_mismatch"


def test_a_token_for_any_device_of_its_tenant(gw):
    with RawWs(gw.address(), "/v1/connect/any-7", {"Authorization": "Bearer " + gw.token("*")}) as ws:
        assert ws.close()[0] == 1000
    assert gw.api().wait("online", device="any-7")


def test_auth_timeout(gateways):
    gw = gateways({"admission": {"auth_timeout_ms": 1000}})
    with Stopwatch() as watch, RawWs(gw.address(), "/v1/connect?auth=message") as ws:
        code, reason = ws.recv_close()
        assert code == 4401 and "auth_timeout" in reason
        assert 0.9 < watch.s() + watch.stood_still_s() and watch.s() < 3


def test_expiry_ends_the_connection_within_a_second(gw):
    token, expires = gw.token("mayfly", life_s=3), int(time.time()) + 3
    with gw.connect("mayfly", token=token) as ws, Stopwatch() as watch:
        code, reason = ws.recv_close()
        late = time.time() - watch.stood_still_s() - expires
        assert code == 4401 and "credentials_expired" in reason and late <= 1.2 and time.time() >= expires - 1
        ws.send(CLOSE, close_payload(4401))
    assert gw.api().wait("offline", device="mayfly")["reason"] == "credentials_expired"


def test_a_fresh_token_in_band_prolongs_it(gw):
    with gw.connect("phoenix", token=gw.token("phoenix", life_s=4)) as ws:
        ws.text(json.dumps({"type": "auth", "token": gw.token("phoenix", life_s=600)}))
        assert json.loads(ws.recv_text())["type"] == "auth_ok"
        device = gw.api().device("phoenix")
        assert device["state"] == "online"
        expires = json.dumps(device)
        ws.sock.settimeout(5)
        with pytest.raises(TimeoutError):  # nothing comes when the first token ends
            ws.recv_frame()
        ws.sock.settimeout(WAIT_S)
        ws.text('{"type":"ping"}')
        assert "pong" in ws.recv_text(), expires


def test_a_token_of_another_device_in_band_ends_it(gw):
    with gw.connect("honest") as ws:
        ws.text(json.dumps({"type": "auth", "token": gw.token("thief")}))
        assert ws.recv_close()[0] == 4403


def test_revocation_closes_within_a_second_and_keeps_out(gw):
    api = gw.api()
    token = gw.token("revoked-1", jti="token-77")
    with gw.connect("revoked-1", token=token) as ws, gw.connect("revoked-2") as other:
        with Stopwatch() as watch:
            api.post("/v1/revocations", {"token_jti": "token-77"})
            code, reason = ws.recv_close()
            assert code == 4403 and "revoked" in reason and watch.s() < 1
        problem = refusal(gw, "/v1/connect/revoked-1", headers={"Authorization": "Bearer " + token})
        assert problem["reason"] == "revoked"
        with Stopwatch() as watch:
            api.post("/v1/revocations", {"device": "revoked-2"})
            assert other.recv_close()[0] == 4403 and watch.s() < 1
    assert refusal(gw, "/v1/connect/revoked-2", headers={"Authorization": "Bearer " + gw.token("revoked-2")})["status"] == 403
    assert api.wait("revoked")["what"].startswith(("token", "device"))


@pytest.mark.parametrize("key,path,status", [
    (None, "/v1/devices", 401), ("wrong", "/v1/devices", 401), ("reader", "/v1/devices", 200),
    ("reader", "/v1/keys", 403), ("admin", "/v1/keys", 200)])
def test_keys_of_the_api(gw, key, path, status):
    answer = gw.api(key).do("GET", path)
    assert answer.status == status
    if status != 200:
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_reader_may_not_write(gw):
    answer = gw.api("reader").do("POST", "/v1/devices/a/messages", {"payload": 1})
    assert answer.status == 403 and answer.reason == "forbidden"


def test_keys_made_and_revoked_at_run_time(gw):
    api = gw.api()
    made = api.post("/v1/keys", {"name": "dashboard", "scopes": "devices:read"})
    text = made["key"]
    assert text.startswith("hfk_")
    assert gw.api(text).do("GET", "/v1/devices").status == 200
    assert gw.api(text).do("POST", "/v1/devices/a/messages", {"payload": 1}).status == 403
    listed = json.dumps(api.get("/v1/keys"))
    assert made["id"] in listed and text not in listed
    api.do("DELETE", f"/v1/keys/{made['id']}", status={200, 204})
    assert gw.api(text).do("GET", "/v1/devices").status == 401
    assert text not in gw.log()


def test_the_origin_of_browsers(gateways):
    gw = gateways({"websocket": {"origins": ["https://console.example.com"]}})
    with gw.connect("browser", headers={"Origin": "https://console.example.com"}) as ws:
        assert ws.close()[0] == 1000
    with pytest.raises(Refused) as refused:
        gw.connect("browser", headers={"Origin": "https://evil.example.com"})
    assert refused.value.status == 403 and json.loads(refused.value.body)["reason"] == "origin_forbidden"
