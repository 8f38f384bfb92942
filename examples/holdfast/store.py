"""What survives the process: the uplink queue, the session with its downlink position, and the answers of commands.

Rows hold binary frames, whatever encoding the next connection speaks. Each public method is one transaction; but for forget() it
is on disk when the method returns (synchronous=FULL)."""
import os
import sqlite3

from .codec import decode_binary, encode_binary

QUEUE_MESSAGES_MAX = 100_000  # uplink messages that wait for the gateway
DONE_MAX = 4096               # ids of messages and commands that are remembered: as many as the largest window, at least


class QueueFull(Exception):
    """QUEUE_MESSAGES_MAX messages wait for the gateway."""


def low32(seq):
    return seq & 0xFFFFFFFF


def following(seq):
    """Section 3: the number behind seq. No number has low 32 bits of 0, which mean "not numbered"."""
    return seq + 1 if low32(seq + 1) else seq + 2


def preceding(seq):
    """The last number before seq; 0 when there is none."""
    return max(seq - 1 if low32(seq - 1) else seq - 2, 0)


def _frame(data):
    return next(decode_binary(data, 1 << 24)) if data else {}


class Store:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.executescript("""PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
            CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value);
            CREATE TABLE IF NOT EXISTS queue(seq INTEGER PRIMARY KEY, id TEXT, frame BLOB);
            CREATE INDEX IF NOT EXISTS queue_id ON queue(id);
            CREATE TABLE IF NOT EXISTS done(n INTEGER PRIMARY KEY, id TEXT UNIQUE, frame BLOB);""")
        self.meta = {"session_id": "", "position": 0, "next": 1, **dict(self.db.execute("SELECT name, value FROM meta"))}
        if "queue_id" not in self.meta:
            self.put(queue_id=os.urandom(8).hex())

    def __getitem__(self, name):
        """session_id and position (durable at the application) of the downlink; queue_id and next of the uplink."""
        return self.meta[name]

    def put(self, **values):
        with self.db:
            self._put(**values)

    def _put(self, **values):
        self.db.executemany("INSERT OR REPLACE INTO meta VALUES(?, ?)", values.items())
        self.meta.update(values)

    def _one(self, query, *values):
        row = self.db.execute(query, values).fetchone()
        return row[0] if row else None

    def close(self):
        self.db.close()

    # ---- uplink ----

    def add(self, frame):
        if self.waiting() >= QUEUE_MESSAGES_MAX:
            raise QueueFull
        with self.db:
            return self._add(frame)

    def _add(self, frame):
        seq = self["next"]
        self.db.execute("INSERT INTO queue VALUES(?, ?, ?)", (seq, frame.get("id"), encode_binary({**frame, "seq": low32(seq)})))
        self._put(next=following(seq))
        return seq

    def waiting(self):
        return self._one("SELECT count(*) FROM queue")

    def first(self):
        """The first that can still be sent; the next new one when nothing waits (HELLO)."""
        return self._one("SELECT min(seq) FROM queue") or self["next"]

    def rows(self, first, last=2**63 - 1):
        """(seq, frame) in order. Nothing may be changed while this is read."""
        for seq, data in self.db.execute("SELECT seq, frame FROM queue WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, last)):
            yield seq, _frame(data)

    def id_of(self, seq):
        """Of the message that has this number; None when it is gone or has no id."""
        return self._one("SELECT id FROM queue WHERE seq = ?", seq)

    def forget(self, through):
        """Need not be on disk: what comes back is sent again, and recognised."""
        self.db.execute("PRAGMA synchronous=NORMAL")
        with self.db:
            self.db.execute("DELETE FROM queue WHERE seq <= ?", (through,))
        self.db.execute("PRAGMA synchronous=FULL")

    def give_up(self, seq, reason):
        """The message will never be sent again. Its number stays, or the gateway would see a hole: a GAP takes its place."""
        with self.db:
            self.db.execute("UPDATE queue SET id = NULL, frame = ? WHERE seq = ?",
                            (encode_binary({"type": "gap", "from": low32(seq), "to": low32(seq), "reason": reason}), seq))

    def renumber(self):
        """What waits goes into a queue of a new id."""
        rows = [frame for _, frame in self.rows(0) if frame["type"] != "gap"]
        with self.db:
            self.db.execute("DELETE FROM queue")
            self._put(queue_id=os.urandom(8).hex(), next=1)
            for frame in rows:
                self._add(frame)

    # ---- downlink ----

    def result_of(self, ident):
        """The RESULT of a command that was done; {} for a message that was delivered; None for an id that is unknown."""
        data = self._one("SELECT frame FROM done WHERE id = ?", ident)
        return None if data is None else _frame(data)

    def answer_waits(self, ident):
        return self._one("SELECT 1 FROM queue WHERE id = ?", ident) is not None

    def finish(self, session_id, position, ident=None, result=None):
        """The application has it, its answer waits in the queue, the position moves: all of it or nothing."""
        with self.db:
            if result:
                self._add(result)
            if ident:
                answer = encode_binary(result) if result else b""
                self.db.execute("INSERT OR REPLACE INTO done(id, frame) VALUES(?, ?)", (ident, answer))
                self.db.execute("DELETE FROM done WHERE n <= (SELECT max(n) FROM done) - ?", (DONE_MAX,))
            if session_id == self["session_id"] and position > self["position"]:
                self._put(position=position)
