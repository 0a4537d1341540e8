"""
Compare-and-append on a real server: whoever comes between two commands of the appender is seen.

Other writers, trims, old and foreign logs put in this one's place, rights taken away, answers that
are not as asked: the append conflicts, is refused or unknown, and is never a silent success.
"""

import time

import msgspec
import pytest

from exchange.log import (
    AppendOutcomeUnknown,
    LogConflict,
    encode_barrier,
    encode_records,
    errors,
    take_over,
)
from exchange.log.access import ENGINE
from exchange.log.appender import open_appender
from exchange.log.resp import ReplyError

from .conftest import (
    NAME,
    as_operator,
    barrier,
    first_appender,
    read_all,
    record,
    records,
    second_writer,
)


async def append_after(server, writer, frame, prev_id):
    """Compare-and-append past the appender's own guards; the error, if it was refused."""
    other = await second_writer(server, writer)
    try:
        await other._append_after(prev_id, frame)
        return None
    except errors.LogError as error:
        return error.code
    finally:
        await other.close()


async def test_the_server_appends_once_and_only_after_the_named_entry(server):
    writer = await first_appender(server)
    frame = encode_records(NAME, writer.head, 7, records(2))
    assert await append_after(server, writer, frame, "1-1") == "log_conflict"
    assert await append_after(server, writer, frame, "1-0") is None
    assert await append_after(server, writer, frame, "1-0") == "log_append_duplicate"
    other = encode_records(NAME, writer.head, 8, records(2))
    assert await append_after(server, writer, other, "1-0") == "log_conflict"
    await writer.close()
    assert read_all(server)[1].frame_count == 2


@pytest.mark.parametrize("lost_count", [1, 2])
async def test_nothing_is_appended_over_entries_that_the_server_lost(server, lost_count):
    """Nothing follows the entry believed in then: it is not there."""
    writer = await first_appender(server)
    for number in range(3):
        await writer.append(records(1, number))
    left = 3 - lost_count
    with as_operator(server.address).client() as client:
        assert client.xdel(NAME.key, *(f"1-{seq}" for seq in range(left + 1, 4))) == lost_count
    with pytest.raises(LogConflict, match=f"1-{left}"):
        await writer.append(records(1, 3))
    await writer.close()
    assert read_all(server)[0] == records(left)


async def test_nothing_is_appended_to_an_old_copy_put_in_the_logs_place(server):
    """It has as many entries as the log had, and none after the one believed in."""
    writer = await first_appender(server)
    for number in range(4):
        await writer.append(records(1, number))
    with as_operator(server.address).client() as client:
        copy = client.dump(NAME.key)
        client.xtrim(NAME.key, minid="1-2", approximate=False)
        for number in range(4, 6):
            await writer.append(records(1, number))
        assert client.xlen(NAME.key) == 5
        client.restore(NAME.key, 0, copy, replace=True)
        assert client.xlen(NAME.key) == 5
        with pytest.raises(LogConflict, match="1-4"):
            await writer.append(records(1, 6))
    await writer.close()


async def test_a_trim_between_two_appends_breaks_the_watch_and_nothing_else(server):
    writer = await first_appender(server)
    for number in range(3):
        await writer.append(records(1, number))
    with as_operator(server.address).client() as client:
        for number in range(3, 5):
            assert writer._is_watched
            assert client.xtrim(NAME.key, minid=f"1-{number}", approximate=False)
            await writer.append(records(1, number))
        assert [entry_id for entry_id, _ in client.xrange(NAME.key)] == [b"1-4", b"1-5"]
    await writer.close()


def put_an_older_copy(client, copy):
    """Of fewer entries, in the log's place."""
    client.restore(NAME.key, 0, copy, replace=True)


def append_behind(client, copy):
    """Another writer's entry."""
    epoch, seq = client.xrevrange(NAME.key, count=1)[0][0].split(b"-")
    client.xadd(NAME.key, {"f": b"x"}, id=b"%b-%d" % (epoch, int(seq) + 1))


def append_behind_and_trim(client, copy):
    """There are as many entries as before."""
    append_behind(client, copy)
    first_id = client.xrange(NAME.key, count=2)[1][0]
    client.xtrim(NAME.key, minid=first_id, approximate=False)


def put_another_end(client, copy):
    """Another log whose last entry has the same id."""
    last_id = client.xrevrange(NAME.key, count=1)[0][0]
    client.delete(NAME.key)
    client.xadd(NAME.key, {"f": bytes(200)}, id=last_id)


def take_the_last_away(client, copy):
    """Nothing follows the entry believed in then."""
    client.xdel(NAME.key, client.xrevrange(NAME.key, count=1)[0][0])


@pytest.mark.parametrize(
    "interfere",
    [put_an_older_copy, append_behind, append_behind_and_trim, take_the_last_away, put_another_end],
)
@pytest.mark.parametrize("is_watched", [True, False])
@pytest.mark.parametrize("place", range(1, 8))
async def test_whoever_comes_between_two_commands_of_the_appender_is_seen(
    server, interfere, is_watched, place
):
    """What is one write arrives in two pieces; the append or the next one conflicts."""
    writer = await first_appender(server)
    with as_operator(server.address).client() as client:
        await writer.append(records(1))
        copy = client.dump(NAME.key)
        for number in range(1, 4):
            await writer.append(records(1, number))
        writer._is_watched = is_watched
        connection = writer._connection
        send = connection.send

        def send_in_pieces(*commands):
            connection.send = send
            send(*commands[:place])
            time.sleep(0.02)  # Until the server has done the first of them.
            interfere(client, copy)
            connection._awaited_count = 0
            if commands[place:]:
                send(*commands[place:])
            connection._awaited_count = len(commands)

        connection.send = send_in_pieces
        with pytest.raises(LogConflict):
            await append_each(writer, records(1, 4), records(9, 5))
        assert not any(record(5) in fields[b"f"] for _, fields in client.xrange(NAME.key))
    await writer.close()


async def test_an_emptied_log_has_no_second_genesis(server):
    """Who read it when it was new is stopped, and goes on when others have written and trimmed."""
    slow = await open_appender(server.address, NAME, NAME.genesis)
    opening = encode_barrier(NAME, NAME.genesis, 7, barrier())
    await slow._watch("0-0", opening)
    writer = await first_appender(server)
    for number in range(3):
        await writer.append(records(1, number))
    await writer.close()
    with as_operator(server.address).client() as client:
        client.xtrim(NAME.key, maxlen=0, approximate=False)
        with pytest.raises(ReplyError, match="equal or smaller"):
            await slow._append_after("0-0", opening)
        assert client.xlen(NAME.key) == 0
        assert client.xinfo_stream(NAME.key)["last-generated-id"] == b"1-3"
    await slow.close()


async def test_an_id_that_somebody_moved_up_is_a_refusal_and_ends_the_connection(server):
    writer = await first_appender(server)
    with as_operator(server.address).client() as client:
        client.execute_command("XSETID", NAME.key, "1-50")
        with pytest.raises(errors.AppendRefused, match="equal or smaller"):
            await writer.append(records(1))
        assert client.xlen(NAME.key) == 1
    assert writer._connection._transport.is_closing()
    await writer.close()


@pytest.mark.parametrize("number", range(4))
async def test_an_answer_that_was_not_asked_for_leaves_the_outcome_unknown(server, number):
    """All later answers would be taken for their neighbours."""
    writer = await first_appender(server)
    await writer.append(records(1))
    receive, count = writer._connection.receive_any, 0

    async def receive_one_too_many():
        nonlocal count
        count += 1
        return b"OK" if count == 1 + number else await receive()

    writer._connection.receive_any = receive_one_too_many
    with pytest.raises(AppendOutcomeUnknown):
        await append_each(writer, records(1, 1), records(1, 2))
    assert not writer.is_open
    await writer.close()


async def test_a_transaction_that_is_refused_may_have_let_the_frame_through(server):
    """What was to be in it is then carried out by itself."""
    writer = await first_appender(server)
    await writer.append(records(1))
    with as_operator(server.address).client() as client:
        client.acl_setuser(ENGINE, enabled=True, commands=["-multi"])
        with pytest.raises(AppendOutcomeUnknown):
            await writer.append(records(1, 1))
        assert client.xlen(NAME.key) == 3
    await writer.close()


async def test_an_answer_that_is_there_before_the_question_leaves_the_outcome_unknown(server):
    writer = await first_appender(server)
    await writer.append(records(1))
    writer._connection.data_received(b"+OK\r\n")
    with pytest.raises(AppendOutcomeUnknown, match="was not asked"):
        await writer.append(records(1, 1))
    await writer.close()
    assert read_all(server)[0] == records(1)


async def test_without_transactions_nothing_is_sent(server):
    """The frame would be appended to whatever is there."""
    writer = await first_appender(server)
    with as_operator(server.address).client() as client:
        client.acl_setuser(ENGINE, enabled=True, commands=["-multi"])
        writer._is_watched = False
        with pytest.raises(errors.AppendRefused, match="NOPERM"):
            await writer.append(records(1))
        assert client.xlen(NAME.key) == 1
    await writer.close()


async def test_a_login_is_used_and_where_what_follows_may_not_be_asked_the_last_entry_is_read(
    server,
):
    with as_operator(server.address).client() as client:
        client.acl_setuser(
            "writer", enabled=True, passwords=["+secret"], keys=["*"],
            commands=["+@all", "-xrange"],
        )  # fmt: skip
        address = msgspec.structs.replace(server.address, username="writer", password="secret")
        writer = await take_over(address, NAME, NAME.genesis, barrier())
        for number in range(3):
            await writer.append(records(1, number))
            assert not writer._is_watched
        assert read_all(server)[0] == records(3)
        client.xdel(NAME.key, "1-3")
    with pytest.raises(LogConflict, match="1-2"):
        await writer.append(records(1, 3))
    await writer.close()
    wrong = msgspec.structs.replace(address, password="wrong")
    with pytest.raises(errors.AppendRefused, match="WRONGPASS"):
        await take_over(wrong, NAME, writer.head, barrier())


async def test_what_is_refused_behind_an_append_is_the_next_ones_refusal(server):
    """The frame is in the log by then: its own answer is not an error."""
    writer = await first_appender(server)
    with as_operator(server.address).client() as client:
        client.acl_setuser(ENGINE, enabled=True, commands=["-watch"])
        assert (await writer.append(records(1))).seq == 1
        with pytest.raises(errors.AppendRefused, match="NOPERM"):
            await writer.append(records(1, 1))
    await writer.close()
    assert read_all(server)[0] == records(1)


async def append_each(writer, *frames):
    """One after the other."""
    for each in frames:
        await writer.append(each)
