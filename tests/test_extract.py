"""What is read from an extract, and what is not."""

import msgspec
import pytest

from exchange.domain.events import ClockAdvanced
from exchange.domain.record import encode_event
from exchange.extract import (
    EXTRACT_FORMAT,
    FACTS_FORMAT,
    ExtractHead,
    ExtractUnreadable,
    Facts,
    records_in,
)

HEAD = ExtractHead(format=EXTRACT_FORMAT, venue_id="test", bank_account_id=5, last_seq=9)


def facts(seq: int, market_ns: int) -> Facts:
    """A record of which one event is told."""
    event = encode_event(ClockAdvanced(market_ns=market_ns)).hex()
    return Facts(format=FACTS_FORMAT, seq=seq, events=[event], trades=[])


def read(*lines: msgspec.Struct):
    """The records of an extract with these lines."""
    return records_in(map(msgspec.json.encode, (HEAD, *lines)))[1]


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
