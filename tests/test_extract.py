"""What is read from an extract, and what is not."""

import tracemalloc

import msgspec
import pytest
from msgspec.structs import replace

from exchange.domain.events import ClockAdvanced
from exchange.domain.record import encode_event
from exchange.extract import (
    END_FORMAT,
    EXTRACT_FORMAT,
    FACTS_FORMAT,
    ExtractEnd,
    ExtractHead,
    ExtractUnreadable,
    Facts,
    records_in,
)

HEAD = ExtractHead(
    format=EXTRACT_FORMAT, venue_id="test", bank="bank", bank_account_id=5, last_seq=9
)


def facts(seq: int, market_ns: int) -> Facts:
    """A record of which one event is told."""
    event = encode_event(ClockAdvanced(market_ns=market_ns)).hex()
    return Facts(format=FACTS_FORMAT, seq=seq, events=[event], trades=[])


def end(count: int) -> ExtractEnd:
    """The last line, after so many."""
    return ExtractEnd(format=END_FORMAT, lines_count=count)


def read(*lines: msgspec.Struct):
    """The records of an extract with these lines."""
    whole = (HEAD, *lines, end(1 + len(lines)))
    return list(records_in(map(msgspec.json.encode, whole))[1])


def test_a_record_is_told_once_and_in_the_order_of_the_log():
    assert [record.seq for record in read(facts(3, 30), facts(4, 40))] == [3, 4]
    for seq in (3, 4):
        with pytest.raises(ExtractUnreadable, match=f"line 4: record {seq} is told after record 4"):
            read(facts(3, 30), facts(4, 40), facts(seq, 31))


def test_nothing_of_an_extract_is_held_while_it_is_read():
    head = replace(HEAD, last_seq=10**6)

    def peak_bytes(count: int) -> int:
        lines = (head, *(facts(seq, seq) for seq in range(1, count + 1)), end(1 + count))
        encoded = list(map(msgspec.json.encode, lines))
        tracemalloc.start()
        assert sum(1 for _ in records_in(encoded)[1]) == count
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    peak_bytes(10)
    assert peak_bytes(5_000) < 2 * peak_bytes(500)


@pytest.mark.parametrize("seq", [0, -1, 10])
def test_a_record_beyond_the_extract_is_refused(seq):
    with pytest.raises(ExtractUnreadable, match=f"line 2: record {seq} is not from 1 to 9"):
        read(facts(seq, 1))


def test_what_is_no_event_is_no_line_of_an_extract():
    bad = replace(facts(3, 30), events=["c0"])
    with pytest.raises(ExtractUnreadable, match="line 2"):
        read(bad)


@pytest.mark.parametrize(
    "lines",
    [
        [HEAD, facts(3, 30)],
        [HEAD, end(2)],
        [HEAD, facts(3, 30), end(1)],
        [HEAD, end(1), facts(3, 30)],
        [HEAD, end(1), end(2)],
    ],
    ids=["no end", "a line fewer", "a line more", "goes on", "ends twice"],
)
def test_what_does_not_end_where_it_says_is_refused(lines):
    with pytest.raises(ExtractUnreadable, match=r"cut off|behind its end"):
        list(records_in(map(msgspec.json.encode, lines))[1])


@pytest.mark.parametrize("lines", [[], [b""], [b'{"format":"gx-extract-1"}'], [b"{}"], [b"no"]])
def test_what_begins_otherwise_is_no_extract(lines):
    with pytest.raises(ExtractUnreadable):
        records_in(lines)
