"""Media sessions with cameras played by sipp: its SIP stack rings, answers, refuses, is silent, hangs up; over UDP and TCP."""
import pytest

from lib import sip
from lib.gateway import eventually

PASSWORD = sip.ENV["GB_PASSWORD"]
CHANNEL = "34020000001310000001"
TO = {"host": "203.0.113.7", "port": 30000}
ACCEPT = (sip.ring() + sip.say(100, "Trying") + sip.say(180, "Ringing") + sip.say(200, "OK", sip.SDP) + sip.hear("ACK"))


@pytest.fixture(scope="module")
def gw(shared_gateway):
    return shared_gateway(sip.cameras(), env=sip.ENV)


@pytest.fixture
def camera(tmp_path, gw):
    """camera(n, steps, ...) is registered and does that when it is called."""
    runs = []

    def run(n, steps, at=gw, **options):
        device = sip.device_id(n)
        runs.append(sip.Sipp(tmp_path / f"sipp{n}", sip.port(at), [(device, PASSWORD)], sip.register() + sip.FOREVER,
                             answers=sip.called(steps), **options))
        eventually(lambda: at.api().device(device)["state"] == "online")
        return device
    yield run
    for one in runs:
        one.end()


def play(gw, device, **payload):
    """The command's result, with its fate."""
    answer = gw.api().command(device, "Play", {"channel": CHANNEL, "to": TO, **payload}, wait_ms=15000)
    return answer["state"], answer["result"]


def calls_are_over(gw):
    eventually(lambda: (gw.metric("holdfast_gb_calls"), gw.metric("holdfast_gb_ssrc_used")) == (0, 0))


@pytest.mark.parametrize("n,transport", [(200, sip.UDP), (201, sip.TCP_EACH)])
def test_play_and_stop(gw, camera, n, transport):
    api = gw.api()
    device = camera(n, ACCEPT + sip.hear("BYE") + sip.say(200, "OK", within=True), transport=transport)
    state, result = play(gw, device)
    assert state == "done", result
    assert (result["confirmed"], result["state"], result["users"], result["joined"]) == (True, "connected", 1, False)
    assert (result["to"], result["from"]["port"], result["format"], result["payload_type"]) == (TO, 15060, "PS", 96)
    started = api.wait("message", device=device, where=lambda event: event["topic"] == "gb/call")
    assert (started["payload"]["event"], started["payload"]["call"]) == ("started", result["call"])
    assert play(gw, device)[1]["joined"] is True
    answer = api.command(device, "Stop", {"call": result["call"]}, wait_ms=5000)
    assert answer["result"]["users"] == 1
    answer = api.command(device, "Stop", {"call": result["call"]}, wait_ms=5000)
    assert (answer["result"]["users"], answer["result"]["ended"]) == (0, True)
    ended = api.wait("message", device=device, where=lambda event: event["topic"] == "gb/call" and event["payload"]["event"] == "ended")
    assert (ended["payload"]["by"], ended["payload"]["reason"]) == ("us", "stopped")
    calls_are_over(gw)
    eventually(lambda: gw.metric('holdfast_sip_transactions{kind="client",state="trying"}') == 0)  # sipp answered the BYE


def test_the_device_hangs_up(gw, camera):
    device = camera(202, ACCEPT + sip.HANG_UP)
    state, result = play(gw, device)
    assert state == "done", result
    ended = gw.api().wait("message", device=device, where=lambda event: event["topic"] == "gb/call" and event["payload"]["event"] == "ended")
    assert (ended["payload"]["by"], ended["payload"]["reason"]) == ("device", "bye")
    calls_are_over(gw)
    assert gw.metric("holdfast_gb_byes_unknown_total") == 0


def test_a_busy_device_says_so(gw, camera):
    device = camera(203, sip.hear("INVITE") + sip.say(486, "Busy Here") + sip.hear("ACK"))
    state, result = play(gw, device)
    assert (state, result["confirmed"], result["reason"], result["status"], result["text"]) == ("failed", False, "refused", 486, "Busy Here")
    calls_are_over(gw)


def test_ringing_for_too_long_is_cancelled(gateways, camera):
    gw = gateways(sip.cameras(call_setup_ms="2s"), env=sip.ENV)
    device = camera(204, sip.hear("INVITE") + sip.say(180, "Ringing") + sip.hear("CANCEL") + sip.say(200, "OK") +
                    sip.send(f"SIP/2.0 487 Request Terminated\n{sip.ANSWER_HEAD.replace('[last_CSeq:]', 'CSeq: [last_cseq_number] INVITE')}"
                             "Content-Length: 0\n\n") + sip.hear("ACK"), at=gw)
    state, result = play(gw, device)
    assert (state, result["reason"], result["timer"], result["limit_ms"]) == ("failed", "no_answer", "setup", 2000)
    calls_are_over(gw)


def test_playback_is_steered(gw, camera):
    device = camera(205, ACCEPT + "".join(sip.hear("INFO") + sip.say(200, "OK", within=True) for _ in range(3)) + sip.hear("BYE") + sip.say(200, "OK", within=True))
    api = gw.api()
    answer = api.command(device, "Playback", {"channel": CHANNEL, "to": TO, "from": 1767225600, "until": 1767229200}, wait_ms=15000)
    call = answer["result"]["call"]
    assert answer["result"]["kind"] == "playback"
    for name, payload in (("Pause", {}), ("Speed", {"scale": 2}), ("Seek", {"range": 100})):
        answer = api.command(device, name, {"call": call, **payload}, wait_ms=8000)
        assert (answer["state"], answer["result"]["status"]) == ("done", 200), answer
    assert answer["result"]["position_ms"] == 100000
    api.command(device, "Stop", {"call": call}, wait_ms=5000)
    calls_are_over(gw)


def test_what_is_wrong_is_named(gw, camera):
    device = camera(206, ACCEPT)
    for payload, element, text in (({"to": {"host": "media", "port": 1}}, "to", '{"host": a numeric address, "port": 1 to 65535}'),
                                   ({"nonsense": 1}, "nonsense", "this command has no such member"), ({"stream": 10}, "stream", "0 to 9")):
        state, result = play(gw, device, **payload)
        assert (state, result["reason"], result["element"], result["text"]) == ("failed", "bad_request", element, text)
