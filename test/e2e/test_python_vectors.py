"""Every vector of doc/protocol-vectors.json through the codec of examples/, both ways. It was written from the document; the vectors
are the gateway's own spelling."""
import json

import pytest

from lib.gateway import ROOT
from lib.v1 import decode_binary, decode_json, encode_binary, encode_json
from holdfast.codec import LAYOUTS
from holdfast.connection import End, extend, number
from holdfast.fields import Malformed, TooBig, crc8, crc32c
from holdfast.store import following, preceding

VECTORS = json.loads((ROOT / "doc" / "protocol-vectors.json").read_text())
LIMIT = VECTORS["limits"]["payload_bytes_max"]
GOOD = [vector for vector in VECTORS["vectors"] if "error" not in vector]
BAD = [vector for vector in VECTORS["vectors"] if "error" in vector]


def rows(vectors):
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


def one(frames):
    frames = list(frames)
    assert len(frames) == 1
    return frames[0]


def spellings(vector):
    """Each with the frame that it is read as."""
    if "binary" in vector:
        yield one(decode_binary(bytes.fromhex(vector["binary"]), LIMIT))
    if "json_text" in vector:
        yield decode_json(vector["json_text"], LIMIT)
    if "json" in vector:
        yield decode_json(json.dumps(vector["json"]), LIMIT)


def test_there_are_vectors_of_every_type():
    assert {vector["type"] for vector in GOOD} == set(LAYOUTS) - {"auth_ok"} and len(BAD) > 50


@rows(GOOD)
def test_read_and_written(vector):
    frames = list(spellings(vector))
    assert all(frame == frames[0] for frame in frames), "all spellings are one frame"
    frame = frames[0]
    assert frame["type"] == vector["type"]
    if "json" in vector:
        assert plain(json.loads(encode_json(frame))) == plain(vector["json"])
        written = vector.get("canonical", vector.get("binary"))
        if written is not None:
            assert encode_binary(frame, vector.get("crc", False)).hex() == written


def plain(members):
    """Without members that are zero or empty, which may be there or not."""
    return {name: value for name, value in members.items() if value not in (0, "", [], None) or name in ("payload", "change")}


def number_of(row):
    try:
        return extend(number(row["wire"]), row["expected"])
    except End:
        return None


def test_numbers():
    assert [number_of(row) for row in VECTORS["numbers"]] == [row.get("seq") for row in VECTORS["numbers"]]
    for row in VECTORS["successors"]:
        assert following(row["after"]) == row["next"] and preceding(row["next"]) == row["after"]
    assert preceding(1) == 0


VERDICTS = {"corrupt": "corrupt", "heartbeat": "bad_heartbeat", "unknown": "unknown"}


@rows(BAD)
def test_verdict(vector):
    error = vector["error"]
    if error in ("malformed", "too_big"):
        with pytest.raises(Malformed) as failed:
            list(spellings(vector))
        assert (failed.type is TooBig) == (error == "too_big")
        return
    for frame in spellings(vector):
        if error == "refused":
            assert frame["type"] == vector["type"] and frame.get("invalid")
        else:
            assert frame["type"] == VERDICTS[error]


@rows(VECTORS["messages"])
def test_messages(vector):
    frames, error = [], None
    try:
        for frame in decode_binary(bytes.fromhex(vector["binary"]), LIMIT):
            frames.append(frame)
    except Malformed:
        error = "malformed"
    assert error == vector.get("error") and len(frames) == len(vector["frames"])
    for frame, want in zip(frames, vector["frames"]):
        if "unknown" in want:
            assert frame == {"type": "unknown", "number": want["unknown"]}
        elif "error" in want:
            assert frame["type"] == VERDICTS[want["error"]]
        else:
            assert frame == decode_json(json.dumps(want), LIMIT)


@pytest.mark.parametrize("row", VECTORS["heartbeats"], ids=lambda row: row["hex"])
def test_heartbeats(row):
    frame = {"type": "ping", "seq": row["seq"], "ts": row["ts"]}
    assert encode_binary(frame)[5:18].hex() == row["hex"]
    got = one(decode_binary(encode_binary(frame), LIMIT))
    assert (got["seq"], got.get("ts", 0)) == (row["seq"], row["ts"])


@pytest.mark.parametrize("row", VECTORS["crcs"], ids=lambda row: row["crc32c"])
def test_crcs(row):
    data = bytes.fromhex(row["data"])
    assert (f"{crc8(data):02x}", f"{crc32c(data):08x}") == (row["crc8"], row["crc32c"])
