"""
The server's answers to the commands of our appender and readers: one key, a stream, no time.

`test_fake_is_real` runs the same commands against this and the real server.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from exchange.log import appender
from exchange.log.configuration import REQUIRED
from tests.simulation.protections import ALL_ON, Off, Protection

Entry = tuple[tuple[int, int], bytes]
"""Id and frame; an entry has the one field `f`."""
_HIGHEST = 2**64 - 1
_INFO = {
    b"server": b"# Server\r\nredis_version:7.2.4\r\n",
    b"replication": b"# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
    b"master_replid:0123456789abcdef0123456789abcdef01234567\r\nmaster_repl_offset:0\r\n",
    b"stats": b"# Stats\r\nsync_full:0\r\nsync_partial_ok:0\r\n",
}


class ErrorAnswer(Exception):
    """The server refuses the command; nothing has changed."""


class Status(bytes):
    """An answer like OK, which is no bulk string."""


class FakeStream:
    """What the server holds in memory; `entries` grow by appends only, and shrink by trims."""

    def __init__(self, entries: Sequence[Entry] = (), off: Off = ALL_ON) -> None:
        self.entries = list(entries)
        self.is_full = False
        """Whether writes are refused for want of memory."""
        self.has_functions = True
        self._last_id = self.entries[-1][0] if self.entries else (0, 0)
        self._off = off
        self._functions: set[bytes] = set()
        self._scripts: set[bytes] = set()

    def answer(self, words: Sequence[bytes]) -> bytes:
        """The answer to one command, as it goes over the wire."""
        try:
            ask = _COMMANDS.get(words[0].upper())
            if ask is None:
                raise ErrorAnswer(f"ERR unknown command '{words[0].decode()}'")
            return encode(ask(self, words[1:]))
        except ErrorAnswer as error:
            return f"-{error}\r\n".encode()

    # -- writing

    def _function(self, words: Sequence[bytes]) -> bytes:
        if not self.has_functions:
            raise ErrorAnswer("ERR unknown command 'FUNCTION'")
        assert words == [b"LOAD", b"REPLACE", appender.LIBRARY.encode()], "the fake knows one"
        self._functions.add(appender.FUNCTION.encode())
        return appender.FUNCTION.encode()

    def _fcall(self, words: Sequence[bytes]) -> bytes:
        if words[0] not in self._functions:
            raise ErrorAnswer("ERR Function not found")
        return self._append(words[1:])

    def _script(self, words: Sequence[bytes]) -> bytes:
        assert words == [b"LOAD", appender.SCRIPT.encode()], "the fake knows one script"
        digest = hashlib.sha1(words[1], usedforsecurity=False).hexdigest().encode()
        self._scripts.add(digest)
        return digest

    def _evalsha(self, words: Sequence[bytes]) -> bytes:
        if words[0] not in self._scripts:
            raise ErrorAnswer("NOSCRIPT No matching script.")
        return self._append(words[1:])

    def _append(self, words: Sequence[bytes]) -> bytes:
        """Our append, said again in Python."""
        _, _, prev_id, new_id, data = words
        last_id, last_data = self.entries[-1] if self.entries else ((0, 0), b"")
        if self.is_full:
            raise ErrorAnswer("OOM command not allowed when used memory > 'maxmemory'.")
        if Protection.COMPARE_AND_APPEND not in self._off:
            if _text(last_id) == new_id and data == last_data:
                has_counted = Protection.DUPLICATE_IS_NO_SUCCESS in self._off
                return Status(b"OK" if has_counted else b"DUP")
            if _text(last_id) != prev_id:
                return Status(b"CONFLICT " + _text(last_id))
        new = _position(new_id, 0)
        if new <= self._last_id:
            raise ErrorAnswer(
                "ERR The ID specified in XADD is equal or smaller than the target stream top item"
            )
        self.entries.append((new, data))
        self._last_id = new
        return Status(b"OK")

    def _xtrim(self, words: Sequence[bytes]) -> int:
        _, _, _, least_id = words
        kept = [entry for entry in self.entries if entry[0] >= _position(least_id, 0)]
        removed_count = len(self.entries) - len(kept)
        self.entries = kept
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
    b"FUNCTION": FakeStream._function,
    b"FCALL": FakeStream._fcall,
    b"SCRIPT": FakeStream._script,
    b"EVALSHA": FakeStream._evalsha,
    b"XTRIM": FakeStream._xtrim,
    b"XRANGE": FakeStream._xrange,
    b"XREVRANGE": FakeStream._xrevrange,
    b"XLEN": FakeStream._xlen,
    b"CONFIG": FakeStream._config,
    b"INFO": FakeStream._info,
    b"WAITAOF": FakeStream._waitaof,
    b"CLIENT": FakeStream._client,
}


def encode(answer: Any) -> bytes:
    """An answer in the server's protocol, version 2."""
    match answer:
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
