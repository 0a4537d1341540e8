"""One script of commands, once to the fake server and once to the real one: the same answers."""

from pathlib import Path
from typing import Any

import hiredis
import msgspec
import pytest

from exchange.log import EmbeddedServer, appender
from exchange.log.access import OPERATOR
from exchange.log.configuration import REQUIRED
from exchange.log.resp import Connection, ReplyError
from tests.simulation.fake_stream import FakeStream

KEY = "ev:{main}:log"
Command = tuple[str | bytes, ...]
CALLS: tuple[Command, ...] = (
    ("FCALL", appender.FUNCTION),
    ("EVALSHA", appender.SCRIPT_SHA),
)


def append(call: Command, prev_id: str, new_id: str, data: bytes) -> Command:
    """One compare-and-append."""
    return (*call, "1", KEY, prev_id, new_id, data)


def appends(call: Command) -> list[Command]:
    """Right and wrong ones, from the empty stream on."""
    return [
        append(call, "0-0", "1-0", b"before it is loaded"),
        ("FUNCTION", "LOAD", "REPLACE", appender.LIBRARY),
        ("SCRIPT", "LOAD", appender.SCRIPT),
        append(call, "1-0", "1-1", b"after what is not there"),
        append(call, "0-0", "1-0", b"barrier"),
        append(call, "1-0", "1-5", b"five\0records\r\n"),
        append(call, "1-0", "1-5", b"five\0records\r\n"),
        append(call, "1-0", "1-5", b"five other records"),
        append(call, "1-0", "1-6", b"after an earlier one"),
        append(call, "1-9", "1-10", b"after a later one"),
        append(call, "1-5", "1-5", b"upon itself"),
        append(call, "1-5", "1-4", b"an id that goes back"),
        append(call, "1-5", "0-9", b"an epoch that goes back"),
        append(call, "1-5", "no id", b"words"),
        append(call, "1-5", "2-5", b"the next epoch"),
        append(call, "1-5", "2-5", b"the next epoch"),
        append(call, "2-5", f"2-{2**63}", b""),
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
    append(CALLS[0], "0-0", "1-7", b"an id below one that was trimmed"),
    append(CALLS[0], f"2-{2**63}", "3-0", b"after what was trimmed"),
    append(CALLS[0], "0-0", "3-0", b"upon the emptied stream"),
    *READING,
]
ABOUT_ITSELF: list[Command] = [
    ("CLIENT", "SETINFO", "LIB-NAME", "redis-py"),
    ("CONFIG", "GET", *REQUIRED),
    ("CONFIG", "GET", "no such setting"),
    ("NO SUCH COMMAND",),
]


def answer_of_fake(stream: FakeStream, command: Command) -> Any:
    """What a client makes of the fake's bytes."""
    words = [word if isinstance(word, bytes) else word.encode() for word in command]
    replies = hiredis.Reader()
    replies.feed(stream.answer(words))
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
    if isinstance(answer, list) and answer and not isinstance(answer[0], list):
        return dict(zip(answer[::2], answer[1::2], strict=True))
    return answer


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
async def test_the_fake_answers_as_the_real_server_does(tmp_path: Path, call: Command) -> None:
    script = [*READING, *appends(call), *READING, *TRIMMING, *ABOUT_ITSELF]
    fake = FakeStream()
    server = EmbeddedServer.start(tmp_path)
    try:
        address = msgspec.structs.replace(server.address, username=OPERATOR)
        connection = await Connection.open(address)
        for command in script:
            expected = comparable(await answer_of_real(connection, command))
            assert comparable(answer_of_fake(fake, command)) == expected, command
        for section, line in (
            ("server", "redis_version:"),
            ("replication", "role:master"),
            ("replication", "master_replid:"),
            ("stats", "sync_partial_ok:0"),
        ):
            for answer in (
                await answer_of_real(connection, ("INFO", section)),
                answer_of_fake(fake, ("INFO", section)),
            ):
                assert line in answer.decode()
        await connection.close()
    finally:
        server.stop()
