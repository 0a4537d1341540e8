"""Of a whole log every command that made a mark is decided again, whoever wrote its records."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import ReleasePledge
from exchange.domain.events import Event, NodeMarked, NodeObserved
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.record import decode_body, encode_command, encode_event, join_record
from exchange.engine.engine import Difference
from exchange.log import Frame, LogName, decode_frame, encode_records
from exchange.marks_cli import of_log
from tests.projections.test_collateral_marks import records_of, replayed
from tests.rules.pledge_marks import MarkedMarket
from tests.scenario import BANK


@pytest.fixture(scope="module")
def market() -> MarkedMarket:
    """A pledge is marked, some of it released, and marked again."""
    market = MarkedMarket()
    market.pledge("M2702")
    market.tomorrow()
    market.cycle()
    market.do(BANK, ReleasePledge(pledge_id=1, released_qty=2))
    market.tomorrow()
    market.cycle()
    return market


def frames_of(records: list[bytes]) -> list[Frame]:
    """A log of these records, its chain and checksums as they belong."""
    return [decode_frame(encode_records(LogName("test"), LogName("test").genesis, 0, records).data)]


def forged(records: list[bytes], kind: type[Event], changes: dict[str, object]) -> list[bytes]:
    """The log with the last event of a kind changed, or left out where nothing is to be changed."""
    decoded = [decode_body(record) for record in records]
    at = max(n for n, (_, events) in enumerate(decoded) if any(isinstance(e, kind) for e in events))
    command, events = decoded[at]
    made = [replace(e, **changes) if isinstance(e, kind) else e for e in events]
    left = [e for e in made if changes or not isinstance(e, kind)]
    record = join_record(encode_command(command), len(left), b"".join(map(encode_event, left)))
    return [*records[:at], record, *records[at + 1 :]]


def test_marks_that_are_decided_again_are_those_that_the_records_tell(market):
    seq = len(market.records)
    account_id, replay = of_log(frames_of(market.records), seq, "")
    assert (account_id, replay.at_seq) == (0, seq)
    assert replay.answer(seq) == replayed(records_of(market)).answer(seq)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (NodeMarked, {"mark_micro": 16_000_000}),
        (NodeMarked, {"level": 2}),
        (NodeMarked, {}),
        (NodeObserved, {"sigma_ewma_e12": 1}),
        (PledgeMarked, {"is_halted": True}),
        (PledgeMarked, {"is_affiliated": True}),
        (PledgeMarked, {"value_amount": 1}),
        (PledgeMarked, {}),
    ],
)
def test_a_mark_that_no_rule_made_is_named_by_its_record(market, kind, changes):
    records = forged(market.records, kind, changes)
    with pytest.raises(Difference, match="verify failed: record"):
        of_log(frames_of(records), len(records), "")
