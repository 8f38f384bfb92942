"""A fleet with the peculiarities of real makes: what is tolerated costs no device, and what needs a profile needs that profile only."""
import re
import subprocess

from lib import pscamera, sip
from lib.benchgb import bench
from lib.gateway import BINARY, eventually

# Profiles are chosen by the User-Agent, in which a simulated camera names its quirks.
PROFILES = [{"name": "old digest", "user_agent": "*(bad_qop)*", "no_qop": True}, {"name": "new", "user_agent": "*(silent_2022)*", "edition": "2022"}]
HEAD_QUIRKS = ["lf_only", "no_max_forwards", "empty_value", "length_repeated", "length_short", "length_long", "display_raw", "no_host", "no_from_tag", "no_via",
               "cseq_large", "expires_odd", "bare_uri", "call_id_odd", "digest_quotes", "digest_commas"]


def names():
    text = subprocess.run([str(BINARY), "bench", "gb", "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  ([a-z0-9_]+)$", text[text.index("\nquirks ("):], re.M)


def test_every_quirk_registers_lives_and_answers(gateways):
    gw = gateways(sip.cameras(quirks=PROFILES, catalog_per_s=1000), env=sip.ENV)
    quirks = names()
    assert set(HEAD_QUIRKS) < set(quirks) and len(quirks) == len(set(quirks)) >= 37
    status, verdict, result, counters = bench(gw, "hold", "--devices", len(quirks), "--rate", 400, "--quirks", "all", "--keepalive", "1s", "--settle", "0s",
                                              "--duration", "2s", "--leave")
    assert (status, verdict, counters["refused"], counters["missed"], counters["left"]) == (0, "measured", 0, 0, len(quirks)), counters
    assert counters["answered"] >= len(quirks) and counters["unanswered"] == 0  # the gateway asked each for its list
    for name in HEAD_QUIRKS[:-2]:
        eventually(lambda: gw.metric("holdfast_sip_tolerated_total", tolerance=name) > 0)


def test_without_its_profile_it_stays_out(gateways):
    gw = gateways(sip.cameras(), env=sip.ENV)
    status, verdict, _, counters = bench(gw, "register", "--devices", 4, "--quirks", "bad_qop,cdata+lf_only", "--user-agent", "NVR", "--timeout", "10s")
    assert (status, verdict, counters["in"], counters["refused"]) == (1, "failed", 2, 2), counters
    assert "User-Agent: NVR (lf_only, cdata)" in gw.api().do("GET", "/v1/devices/34020000001320000002/sip").body.decode()


def test_calls_with_other_ssrcs_are_heard(gateways, tmp_path):
    pscamera.picture(tmp_path, seconds=3)
    gw = gateways(sip.cameras({"media": {"address": "127.0.0.1", "port_first": 23200, "port_last": 23299}}), env=sip.ENV)
    status, _, _, counters = bench(gw, "media", "--media", tmp_path / "libx264.mpg", "--devices", 2, "--quirks", "no_ssrc,other_ssrc", "--settle", "0s",
                                   "--duration", "1s", "--api", gw.url(), "--api-key-env", "KEY", env={"KEY": gw.keys["admin"]})
    assert (status, counters["plays"], counters["streams"], counters["heard_lost"]) == (0, 2, 2, 0), counters
    eventually(lambda: gw.metric("holdfast_gb_calls_tolerated_total") == 2)
