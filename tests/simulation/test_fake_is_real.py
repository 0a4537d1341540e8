"""One script of commands, once to the fake server and once to the real one: the same answers."""

from pathlib import Path
from typing import Any

import hiredis
import msgspec

from exchange.log import EmbeddedServer
from exchange.log.access import OPERATOR
from exchange.log.configuration import REQUIRED
from exchange.log.resp import Connection, ReplyError
from tests.simulation.fake_stream import FakeSession, FakeStream

KEY = "ev:{main}:log"
Command = tuple[str | bytes, ...]


def append(new_id: str, data: bytes) -> list[Command]:
    """What the appender sends for a frame."""
    return [
        ("MULTI",),
        ("XADD", KEY, new_id, "f", data),
        ("XLEN", KEY),
        ("EXEC",),
        *watch(new_id),
    ]


def watch(last_id: str) -> list[Command]:
    """What it sends behind: is this the last entry?"""
    return [
        ("WATCH", KEY),
        ("XRANGE", KEY, f"({last_id}", "+", "COUNT", "1"),
        ("XLEN", KEY),
    ]


FRESH: list[Command] = [
    ("MULTI",),
    ("DISCARD",),
    ("WATCH", KEY),
    ("XREVRANGE", KEY, "+", "-", "COUNT", "1"),
]
BREAKING: list[Command] = [("XADD", KEY, "1-7", "f", b"somebody else's")]
"""Touches the key, in a transaction's own connection too."""
APPENDS: list[Command] = [
    *watch("1-0"),
    *FRESH,
    *append("1-0", b"barrier"),
    *append("1-5", b"five\0records\r\n"),
    *append("1-5", b"an id that is there"),
    *append("1-4", b"an id that goes back"),
    *append("0-9", b"an epoch that goes back"),
    ("MULTI",),
    ("XADD", KEY, "no id", "f", b"words"),
    ("EXEC",),
    ("EXEC",),
    ("DISCARD",),
    ("MULTI",),
    ("NO SUCH COMMAND",),
    ("XADD", KEY, "1-6", "f", b"with what was refused"),
    ("EXEC",),
    *watch("1-4"),
    *watch("1-5"),
    *watch("1-6"),
    *BREAKING,
    *append("1-8", b"after what broke the watch"),
    *append("1-8", b"after the watch that was begun behind it"),
    *FRESH,
    *append("2-5", b"the next epoch"),
    ("WATCH", KEY),
    ("XTRIM", KEY, "MINID", "=", "0-1"),
    *append(f"2-{2**62}", b"after a trim of nothing"),
    ("XTRIM", KEY, "MINID", "=", "1-0"),
    *append(f"2-{2**63}", b""),
]


READING: list[Command] = [
    ("XLEN", KEY),
    ("WAITAOF", "1", "0", "1000"),
    ("XRANGE", KEY, "-", "+"),
    ("XRANGE", KEY, "-", "+", "COUNT", "1"),
    ("XRANGE", KEY, "(1-0", "2-5", "COUNT", "16"),
    ("XRANGE", KEY, "(1-0", "(2-5"),
    ("XRANGE", KEY, "1-1", "1-4"),
    ("XRANGE", KEY, "1-5", "1-5"),
    ("XRANGE", KEY, "0-0", "0-0"),
    ("XRANGE", KEY, "2", "2"),
    ("XRANGE", KEY, "2-6", "1-0"),
    ("XRANGE", KEY, "no id", "+"),
    ("XREVRANGE", KEY, "+", "-", "COUNT", "1"),
    ("XREVRANGE", KEY, "+", "-", "COUNT", "2"),
    ("XREVRANGE", KEY, "+", "-", "COUNT", "9"),
]
TRIMMING: list[Command] = [
    ("XTRIM", KEY, "MINID", "=", "1-5"),
    *READING,
    ("XTRIM", KEY, "MINID", "=", "9-0"),
    *READING,
    *FRESH,
    *append("1-7", b"an id below one that was trimmed"),
    *append(f"2-{2**63}", b"the last id that was trimmed"),
    *FRESH,
    *watch(f"2-{2**63}"),
    *append("3-0", b"upon the emptied stream, which somebody touched"),
    *FRESH,
    *append("3-0", b"upon the emptied stream"),
    *READING,
]
ABOUT_ITSELF: list[Command] = [
    ("CLIENT", "SETINFO", "LIB-NAME", "redis-py"),
    ("CONFIG", "GET", *REQUIRED),
    ("CONFIG", "GET", "no such setting"),
    ("NO SUCH COMMAND",),
]


def answer_of_fake(stream: FakeStream, session: FakeSession, command: Command) -> Any:
    """What a client makes of the fake's bytes."""
    words = [word if isinstance(word, bytes) else word.encode() for word in command]
    replies = hiredis.Reader()
    replies.feed(stream.answer(words, session))
    return replies.gets()


async def answer_of_real(connection: Connection, command: Command) -> Any:
    """What a client makes of the server's bytes."""
    try:
        return await connection.call(*command)
    except ReplyError as error:
        return error


def comparable(answer: Any) -> Any:
    """An error by its code: that is all our code looks at. CONFIG GET's answer has no order."""
    if isinstance(answer, ReplyError):
        return f"error {str(answer).split()[0]}"
    if isinstance(answer, list) and answer and isinstance(answer[-1], int | ReplyError):
        return [comparable(each) for each in answer]
    if isinstance(answer, list) and answer and not isinstance(answer[0], list):
        return dict(zip(answer[::2], answer[1::2], strict=True))
    return answer


async def test_the_fake_answers_as_the_real_server_does(tmp_path: Path) -> None:
    script = [*READING, *APPENDS, *READING, *TRIMMING, *ABOUT_ITSELF]
    fake, session = FakeStream(), FakeSession()
    server = EmbeddedServer.start(tmp_path)
    try:
        address = msgspec.structs.replace(server.address, username=OPERATOR)
        connection = await Connection.open(address)
        for command in script:
            expected = comparable(await answer_of_real(connection, command))
            assert comparable(answer_of_fake(fake, session, command)) == expected, command
        for section, line in (
            ("server", "redis_version:"),
            ("replication", "role:master"),
            ("replication", "master_replid:"),
            ("stats", "sync_partial_ok:0"),
        ):
            for answer in (
                await answer_of_real(connection, ("INFO", section)),
                answer_of_fake(fake, session, ("INFO", section)),
            ):
                assert line in answer.decode()
        await connection.close()
    finally:
        server.stop()
