"""
The server's answers to the commands of our appender and readers: one key, a stream, no time.

`test_fake_is_real` runs the same commands against this and the real server.
"""

from collections.abc import Callable, Sequence
from typing import Any

from exchange.log.configuration import REQUIRED

Entry = tuple[tuple[int, int], bytes]
"""Id and frame; an entry has the one field `f`."""
_HIGHEST = 2**64 - 1
_INFO = {
    b"server": b"# Server\r\nredis_version:7.2.4\r\n",
    b"replication": b"# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
    b"master_replid:0123456789abcdef0123456789abcdef01234567\r\nmaster_repl_offset:0\r\n",
    b"stats": b"# Stats\r\nsync_full:0\r\nsync_partial_ok:0\r\n",
}


_NO_MEMORY = "OOM command not allowed when used memory > 'maxmemory'."


class ErrorAnswer(Exception):
    """The server refuses the command; nothing has changed."""


class Status(bytes):
    """An answer like OK, which is no bulk string."""


class FakeSession:
    """What the server knows of one connection."""

    def __init__(self) -> None:
        self.queued: list[Sequence[bytes]] | None = None
        """Commands of a transaction that was begun."""
        self.is_refused = False
        """Whether one of them was."""
        self.watched: int | None = None
        """How often the stream had been touched when it began to be watched."""


class FakeStream:
    """What the server holds in memory; `entries` grow by appends only, and shrink by trims."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = list(entries)
        self.is_full = False
        """Whether writes are refused for want of memory."""
        self._last_id = self.entries[-1][0] if self.entries else (0, 0)
        self._touches_count = 0

    def answer(self, words: Sequence[bytes], session: "FakeSession") -> bytes:
        """The answer to one command of a connection, as it goes over the wire."""
        name = words[0].upper()
        try:
            if name in _OF_SESSIONS:
                return encode(_OF_SESSIONS[name](self, session))
            ask = _COMMANDS.get(name)
            if ask is None:
                raise ErrorAnswer(f"ERR unknown command '{words[0].decode()}'")
            if session.queued is not None:
                if self.is_full and name == b"XADD":
                    raise ErrorAnswer(_NO_MEMORY)
                session.queued.append(words)
                return encode(Status(b"QUEUED"))
            return encode(ask(self, words[1:]))
        except ErrorAnswer as error:
            session.is_refused = True
            return encode(error)

    # -- transactions

    def _multi(self, session: "FakeSession") -> Status:
        session.queued, session.is_refused = [], False
        return Status(b"OK")

    def _exec(self, session: "FakeSession") -> list[Any] | None:
        queued, session.queued = session.queued, None
        watched, session.watched = session.watched, None
        if queued is None:
            raise ErrorAnswer("ERR EXEC without MULTI")
        if session.is_refused:
            raise ErrorAnswer("EXECABORT Transaction discarded because of previous errors.")
        if watched not in (None, self._touches_count):
            return None
        return [self._outcome(words) for words in queued]

    def _discard(self, session: "FakeSession") -> Status:
        if session.queued is None:
            raise ErrorAnswer("ERR DISCARD without MULTI")
        session.queued = session.watched = None
        return Status(b"OK")

    def _outcome(self, words: Sequence[bytes]) -> Any:
        try:
            return _COMMANDS[words[0].upper()](self, words[1:])
        except ErrorAnswer as error:
            return error

    def _watch(self, session: "FakeSession") -> Status:
        # What was touched since an earlier watch stays touched.
        if session.watched is None:
            session.watched = self._touches_count
        return Status(b"OK")

    # -- writing

    def _xadd(self, words: Sequence[bytes]) -> bytes:
        _, entry_id, _, data = words
        if self.is_full:
            raise ErrorAnswer(_NO_MEMORY)
        new = _position(entry_id, 0)
        if new <= self._last_id:
            raise ErrorAnswer(
                "ERR The ID specified in XADD is equal or smaller than the target stream top item"
            )
        self.entries.append((new, data))
        self._last_id = new
        self._touches_count += 1
        return _text(new)

    def _xtrim(self, words: Sequence[bytes]) -> int:
        _, _, _, least_id = words
        kept = [entry for entry in self.entries if entry[0] >= _position(least_id, 0)]
        removed_count = len(self.entries) - len(kept)
        self.entries = kept
        self._touches_count += removed_count > 0
        return removed_count

    # -- reading

    def _xrange(self, words: Sequence[bytes]) -> list[Any]:
        _, start, end, *count = words
        return self._found(start, end, 1, count)

    def _xrevrange(self, words: Sequence[bytes]) -> list[Any]:
        _, end, start, *count = words
        return self._found(start, end, -1, count)

    def _found(self, start: bytes, end: bytes, step: int, count: Sequence[bytes]) -> list[Any]:
        low, is_above = _bound(start, (0, 0), 0)
        high, is_below = _bound(end, (_HIGHEST, _HIGHEST), _HIGHEST)
        found = [
            [_text(at), [b"f", data]]
            for at, data in self.entries
            if low <= at <= high and not (is_above and at == low) and not (is_below and at == high)
        ][::step]
        return found[: int(count[1])] if count else found

    def _xlen(self, words: Sequence[bytes]) -> int:
        return len(self.entries)

    # -- about itself

    def _config(self, words: Sequence[bytes]) -> list[bytes]:
        settings = {**REQUIRED, "maxmemory": "1073741824"}
        asked = [name.decode() for name in words[1:] if name.decode() in settings]
        return [part.encode() for name in asked for part in (name, settings[name])]

    def _info(self, words: Sequence[bytes]) -> bytes:
        return b"".join(_INFO[section] for section in words)

    def _waitaof(self, words: Sequence[bytes]) -> list[int]:
        # Answers leave when they are durable, and nobody else is attached.
        return [1, 0]

    def _client(self, words: Sequence[bytes]) -> bytes:
        return Status(b"OK")


_COMMANDS: dict[bytes, Callable[[FakeStream, Sequence[bytes]], Any]] = {
    b"XADD": FakeStream._xadd,
    b"XTRIM": FakeStream._xtrim,
    b"XRANGE": FakeStream._xrange,
    b"XREVRANGE": FakeStream._xrevrange,
    b"XLEN": FakeStream._xlen,
    b"CONFIG": FakeStream._config,
    b"INFO": FakeStream._info,
    b"WAITAOF": FakeStream._waitaof,
    b"CLIENT": FakeStream._client,
}

_OF_SESSIONS: dict[bytes, Callable[[FakeStream, "FakeSession"], Any]] = {
    b"MULTI": FakeStream._multi,
    b"EXEC": FakeStream._exec,
    b"WATCH": FakeStream._watch,
    b"DISCARD": FakeStream._discard,
}


def encode(answer: Any) -> bytes:
    """An answer in the server's protocol, version 2."""
    match answer:
        case None:
            return b"*-1\r\n"
        case ErrorAnswer():
            return f"-{answer}\r\n".encode()
        case Status():
            return b"+%b\r\n" % answer
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(answer), answer)
        case int():
            return b":%d\r\n" % answer
        case list():
            return b"*%d\r\n%b" % (len(answer), b"".join(map(encode, answer)))
    raise AssertionError(f"no answer: {answer!r}")


def _text(at: tuple[int, int]) -> bytes:
    return b"%d-%d" % at


def _position(entry_id: bytes, missing: int) -> tuple[int, int]:
    first, _, second = entry_id.partition(b"-")
    if not first.isdigit() or not (second.isdigit() or second == b""):
        raise ErrorAnswer("ERR Invalid stream ID specified as stream command argument")
    return int(first), int(second or missing)


def _bound(word: bytes, extreme: tuple[int, int], missing: int) -> tuple[tuple[int, int], bool]:
    if word in (b"-", b"+"):
        return extreme, False
    is_open = word.startswith(b"(")
    return _position(word[is_open:], missing), is_open
