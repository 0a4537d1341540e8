"""What is read from an extract, and what is not."""

import msgspec
import pytest

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
    return records_in(map(msgspec.json.encode, whole))[1]


def test_a_record_is_told_once():
    assert [record.seq for record in read(facts(4, 40), facts(3, 30))] == [3, 4]
    with pytest.raises(ExtractUnreadable, match="line 4: record 3 is told twice"):
        read(facts(3, 30), facts(4, 40), facts(3, 31))


@pytest.mark.parametrize("seq", [0, -1, 10])
def test_a_record_beyond_the_extract_is_refused(seq):
    with pytest.raises(ExtractUnreadable, match=f"line 2: record {seq} is not from 1 to 9"):
        read(facts(seq, 1))


def test_what_is_no_event_is_no_line_of_an_extract():
    bad = msgspec.structs.replace(facts(3, 30), events=["c0"])
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
        records_in(map(msgspec.json.encode, lines))


@pytest.mark.parametrize("lines", [[], [b""], [b'{"format":"gx-extract-1"}'], [b"{}"], [b"no"]])
def test_what_begins_otherwise_is_no_extract(lines):
    with pytest.raises(ExtractUnreadable):
        records_in(lines)
