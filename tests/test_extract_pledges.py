"""A mark that flatters its own pledge is found, in the whole log and in an extract of it."""

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.collateral.haircut_lines import Grade
from exchange.collateral.pledge_marks import figures_of, priced, sources_of
from exchange.domain.commands import ReleasePledge
from exchange.domain.enums import Role
from exchange.domain.events import ParticipantAdmitted
from exchange.domain.lending_commands import AddCollateral, SubstituteCollateral
from exchange.domain.lending_events import PledgeMarked, PledgesMarked
from exchange.domain.record import Record
from exchange.domain.windows import day_at, start_ns
from exchange.extract import records_in
from exchange.marks_replay import MarkDiffers
from tests.projections.test_collateral_marks import records_of, replayed
from tests.rules.lending import YUAN, LendingMarket, offer
from tests.rules.markets import cross
from tests.rules.pledge_marks import MarkedMarket
from tests.rules.test_mark_disputes import OPERATOR, countersign, dispute, ruling
from tests.scenario import AUDITOR, BANK, SUPPLIER, TRADER
from tests.test_extract_uptime import extract_of


@pytest.fixture(scope="module")
def market() -> MarkedMarket:
    """A pledge of ten GPUs, of which two are released, and another; three days of marks."""
    market = MarkedMarket()
    market.pledge("M2702")
    market.pledge("X270105-270320", 7)
    market.tomorrow()
    market.cycle()
    market.do(BANK, ReleasePledge(pledge_id=1, released_qty=2))
    for _ in range(2):
        market.tomorrow()
        market.cycle()
    return market


def logs_of(market: MarkedMarket) -> list[list[Record]]:
    """All records, and those of the bank's extract."""
    return [records_of(market), list(records_in(extract_of(market))[1])]


def flattered(records: list[Record], at: int, **fields: object) -> list[Record]:
    """The records with the n-th mark made from other figures, consistently."""
    found, marks = [], 0
    for record in records:
        events = []
        for event in record.events:
            if isinstance(event, PledgeMarked):
                marks += 1
                if marks == at or (at < 0 and marks == _count(records) + 1 + at):
                    figures, sources = _changed(event, fields)
                    event = priced(figures, sources, genesis.risk_parameters())
            events.append(event)
        found.append(replace(record, events=events))
    return found


def _changed(mark: PledgeMarked, fields: dict[str, object]):
    figures, sources = figures_of(mark), sources_of(mark)
    made = {n: f(getattr(mark, n)) if callable(f) else f for n, f in fields.items()}
    of_figures = {n: v for n, v in made.items() if n in figures.__struct_fields__}
    of_sources = {n: v for n, v in made.items() if n in sources.__struct_fields__}
    return replace(figures, **of_figures), replace(sources, **of_sources)


def _count(records: list[Record]) -> int:
    return sum(isinstance(e, PledgeMarked) for r in records for e in r.events)


def assert_found(market: MarkedMarket, named: str, at: int = -1, **fields: object) -> None:
    """The lie is found in both, by the name of the field."""
    for records in logs_of(market):
        seq = records[-1].seq
        assert replayed(records).answer(seq, BANK).startswith(b"[{"), "the truth passes"
        with pytest.raises(MarkDiffers, match=named):
            replayed(flattered(records, at, **fields)).answer(seq, BANK)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pledged_qty", lambda qty: 2 * qty),
        ("start_day", lambda day: day + 5),
        ("end_day", lambda day: day - 1),
        ("position_hours", 1),
        ("valuation_day", lambda day: day - 3),
    ],
)
def test_a_mark_of_another_quantity_window_or_day_than_was_pledged_is_named(market, name, value):
    assert_found(market, "is recorded as", **{name: value})


def test_what_was_released_is_of_no_mark_any_more(market):
    assert_found(market, "pledged_qty is recorded as 10 and comes out as 8", pledged_qty=10, at=-2)


def test_a_mark_that_was_made_at_another_time_is_named(market):
    assert_found(market, "market_ns is recorded as", market_ns=lambda at: at - 1)


def test_a_mark_rests_on_those_before_it_and_one_of_these_that_differs_is_named(market):
    assert_found(market, "position_hours is recorded as 1 ", at=1, position_hours=1)


@pytest.fixture(scope="module")
def ruled() -> MarkedMarket:
    """
    A mark is disputed and ruled, with a value for its day; then comes another day.

    Between them GPUs are released, and a cycle marks what is left.
    """
    market = MarkedMarket()
    market.pledge("M2702")
    market.cycle()
    dispute_id = dispute(market)
    market.tomorrow()
    market.cycle()
    market.do(AUDITOR, ruling(dispute_id, 20_000, 10**7))
    market.do(OPERATOR, countersign(dispute_id))
    market.do(BANK, ReleasePledge(pledge_id=1, released_qty=2))
    market.tomorrow()
    market.cycle()
    return market


def test_disputes_and_rulings_are_in_the_marks_of_an_extract_as_they_happened(ruled):
    marks = [e for r in records_of(ruled) for e in r.events if isinstance(e, PledgeMarked)]
    seen = [(m.is_disputed, m.ruled_ppm, m.ruled_amount, bool(m.supersedes_seq)) for m in marks]
    assert seen[-3:] == [
        (False, 20_000, 10**7, True),
        (False, 20_000, 8 * 10**6, False),
        (False, 20_000, 0, False),
    ]
    assert (True, 0, 0, False) in seen
    for records in logs_of(ruled):
        assert replayed(records).answer(records[-1].seq, BANK).startswith(b"[{")


@pytest.mark.parametrize(
    ("at", "name", "value"),
    [
        (1, "is_disputed", True),
        (1, "ruled_ppm", 100_000),
        (1, "ruled_amount", 10**9),
        (1, "supersedes_seq", 3),
        (-5, "is_disputed", False),
        (-4, "is_disputed", False),
        (-3, "is_disputed", True),
        (-3, "ruled_amount", 10**9),
        (-3, "supersedes_seq", 0),
        (-2, "ruled_amount", 10**7),
        (-1, "ruled_ppm", 0),
        (-1, "ruled_amount", 8 * 10**6),
    ],
)
def test_a_dispute_or_a_ruling_that_was_not_is_named(ruled, at, name, value):
    assert_found(ruled, f"{name} is recorded as {value} and comes out", at, **{name: value})


@pytest.fixture(scope="module")
def gliding() -> LendingMarket:
    """
    A ratio bears the charge for a dispute and glides up again when it is ruled to be nothing.

    Meanwhile collateral is added and substituted; then the price falls.
    """
    market = LendingMarket()
    market.drawn(30_000_000)
    market.mark()
    dispute_id = dispute(market)
    tomorrow(market, 10 * YUAN)
    market.do(AUDITOR, ruling(dispute_id))
    market.do(OPERATOR, countersign(dispute_id))
    tomorrow(market, 10 * YUAN)
    market.do(TRADER, AddCollateral(loan_id=1, collateral=offer("Q271", 50)))
    market.do(TRADER, SubstituteCollateral(pledge_id=1, collateral=offer("Q271", 300)))
    for price in (10 * YUAN, 6 * YUAN, 6 * YUAN):
        tomorrow(market, price)
    return market


def tomorrow(market: LendingMarket, price_micro: int) -> None:
    """The next day's marks, at a price."""
    cross(market, start_ns(day_at(market.state.market_ns) + 1))
    market.price(price_micro)


def test_a_mark_begins_where_the_one_before_it_ended(gliding):
    marks = [e for r in records_of(gliding) for e in r.events if isinstance(e, PledgeMarked)]
    seen = [(m.pledge_id, m.opening_ltv_ppm < m.applied_ltv_ppm < m.ltv_ppm) for m in marks]
    assert seen[5:9] == [(1, True), (1, True), (2, True), (3, True)], "it glides, in new ones too"
    for records in logs_of(gliding):
        replay = replayed(records)
        assert replay.answer(records[-1].seq, BANK).startswith(b"[{")
        assert replay.told.openings_stated_count == 0


@pytest.mark.parametrize(
    ("at", "name", "value"),
    [
        (1, "opening_ltv_ppm", 700_000),
        (5, "opening_ltv_ppm", -1),
        (5, "opening_recovery_days_count", 0),
        (6, "is_stressed_day", False),
        (7, "opening_ltv_ppm", 700_000),
        (8, "opening_ltv_ppm", -1),
        (8, "opening_recovery_days_count", 0),
        (9, "opening_ltv_ppm", -1),
        (-1, "opening_recovery_days_count", 9),
        (-1, "opening_ltv_ppm", 440_000),
    ],
)
def test_a_mark_that_begins_elsewhere_is_named(gliding, at, name, value):
    assert_found(gliding, f"{name} is recorded as {value} and comes out", at, **{name: value})


def test_a_first_mark_with_more_recovery_than_is_told_is_taken_as_stated_and_counted(gliding):
    for records in logs_of(gliding):
        lying = flattered(records, 1, opening_recovery_days_count=3)
        assert replayed(lying).told.openings_stated_count == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pool_share_ppm", 0),
        ("pool_share_ppm", lambda share: share - 1),
        ("historical_es_e12", lambda loss: loss + 1),
        ("supplier_grade", Grade.D),
        ("sigma_long_e12", lambda sigma: sigma - 1),
    ],
)
def test_a_mark_with_another_pool_history_or_grade_is_named(gliding, name, value):
    assert_found(gliding, f"{name} is recorded as", **{name: value})


def test_a_pool_is_as_the_last_cycle_found_it_and_of_the_bank_alone():
    market = MarkedMarket()
    market.pledge("M2702")
    market.cycle()
    market.pledge("M2703", 20)
    market.tomorrow()
    market.cycle()
    for records in logs_of(market):
        assert replayed(records).answer(records[-1].seq, BANK).startswith(b"[{")
    begun = [r for r in logs_of(market)[1] if any(isinstance(e, PledgesMarked) for e in r.events)]
    assert len(begun) > 2, "that a cycle began is told"


def test_a_suppliers_grade_is_told_and_no_name(gliding):
    events = [event for record in logs_of(gliding)[1] for event in record.events]
    told = {e.account_id: (e.name, e.roles) for e in events if isinstance(e, ParticipantAdmitted)}
    assert told.pop(SUPPLIER) == ("", [Role.SUPPLIER])
    assert set(told) == {1, 2}, "the operators of genesis"
