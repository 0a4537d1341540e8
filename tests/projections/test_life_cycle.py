"""The life of a window as the read models show it, and open interest against the core."""

import random
from collections.abc import Iterator

import pytest

from exchange.domain.commands import (
    Command,
    HaltInstrument,
    ListInstrument,
    PlaceOrder,
    PublishSettlementPrice,
    ResumeInstrument,
    ScheduleListings,
)
from exchange.domain.delivery_commands import AttestDelivery
from exchange.domain.enums import InstrumentStatus, Side, WindowKind
from exchange.domain.meter_readings import HourRuling
from exchange.domain.reasons import Reason
from exchange.domain.trading_sessions import TRADING_DAY
from exchange.domain.units import NS_PER_MINUTE
from exchange.domain.windows import Window, gate_ns, start_ns
from exchange.projections import Projections
from exchange.projections.deliveries import KEPT_DAYS
from exchange.projections.status import status_of
from exchange.rules.schedule import sold_by_day
from tests.projections.test_sessions import folded
from tests.properties.test_deliveries import deliver_step
from tests.properties.test_market import new_market, step
from tests.rules.deliveries import attest, countersign, dispute, rule
from tests.rules.markets import OtherMarket, calendar, cross, day, own, span
from tests.scenario import AUDITOR, FIRST_DAY, OTHER, SUPPLIER, TRADER, Market

LISTED, OPEN, HALTED, LAST_DAY, EXPIRED, DELIVERING, SETTLED = InstrumentStatus
OPERATOR = 1
FOLLOWS = {
    LISTED: {OPEN, HALTED, LAST_DAY, EXPIRED},
    OPEN: {HALTED, LAST_DAY, EXPIRED},
    HALTED: {LISTED, OPEN, LAST_DAY, EXPIRED},
    LAST_DAY: {HALTED, EXPIRED},
    EXPIRED: {DELIVERING},
    DELIVERING: {SETTLED},
    SETTLED: set(),
}
"""What may come after each status, while no calendar moves a gate."""
WEDNESDAY = day("2026-11-25")


class Life:
    """One day window, Friday's, on a mainland venue from Sunday night on."""

    def __init__(self) -> None:
        self.market = OtherMarket({"is_always_open": False})
        for year in (2026, 2027):
            published = calendar(year)
            self.market.do(
                OPERATOR,
                type(published)(
                    year=year,
                    version=1,
                    trading_days=published.trading_days,
                    session_starts=TRADING_DAY,
                ),
            )
        self.market.grant("X261124-261231", 10)
        cross(self.market, self.market.state.market_ns + 1)
        self.market.list_window("D261127")
        self.projections = Projections()

    @property
    def status(self) -> InstrumentStatus:
        """Of the window, now."""
        folded(self.market, self.projections)
        return status_of(1, self.projections)

    def at(self, day_number: int, minutes: int = 0) -> InstrumentStatus:
        """The status after market time has come to a minute of a day."""
        cross(self.market, start_ns(day_number) + minutes * NS_PER_MINUTE)
        return self.status

    def until(self, status: InstrumentStatus) -> Market:
        """The market with the window in this status."""
        last_day = FIRST_DAY + 3
        moments = {
            LISTED: (FIRST_DAY, 8 * 60),
            OPEN: (FIRST_DAY, 10 * 60),
            HALTED: (FIRST_DAY, 10 * 60),
            LAST_DAY: (last_day, 10 * 60),
            EXPIRED: (last_day, 16 * 60),
            DELIVERING: (last_day + 1, 0),
            # Nobody bought, so there is nothing to attest.
            SETTLED: (last_day + 2, 12 * 60),
        }
        self.at(*moments[status])
        if status is HALTED:
            self.market.do(OPERATOR, HaltInstrument(instrument_id=1))
        assert self.status is status
        return self.market


def attest_all(at_day: int) -> AttestDelivery:
    """Everything was there, says the auditor of a day without readings."""
    rulings = [HourRuling(hour, 10) for hour in range(24)]
    return attest(at_day, rulings)


def test_a_window_goes_through_its_life_in_order():
    life = Life()
    assert life.status is LISTED
    assert life.at(FIRST_DAY, 9 * 60 - 1) is LISTED
    assert life.at(FIRST_DAY, 9 * 60) is OPEN
    assert life.at(FIRST_DAY, 23 * 60) is OPEN
    assert life.at(WEDNESDAY, 10 * 60) is OPEN
    own(life.market, TRADER, 1, 5)
    life.market.do(OPERATOR, HaltInstrument(instrument_id=1))
    assert life.status is HALTED
    life.market.do(OPERATOR, ResumeInstrument(instrument_id=1))
    assert life.status is OPEN
    assert life.at(WEDNESDAY, 24 * 60 - 1) is OPEN
    assert life.at(WEDNESDAY + 1) is LAST_DAY
    assert life.at(WEDNESDAY + 1, 16 * 60 - 1) is LAST_DAY
    assert life.at(WEDNESDAY + 1, 16 * 60) is EXPIRED
    assert life.at(WEDNESDAY + 2) is DELIVERING
    assert life.at(WEDNESDAY + 3) is DELIVERING
    assert life.at(WEDNESDAY + 3, 12 * 60) is DELIVERING
    life.market.do(AUDITOR, attest_all(WEDNESDAY + 2))
    assert life.at(WEDNESDAY + 4, 12 * 60 - 1) is DELIVERING
    assert life.at(WEDNESDAY + 4, 12 * 60) is SETTLED
    assert life.at(WEDNESDAY + 9) is SETTLED


def test_a_window_is_not_settled_while_one_of_its_days_waits_for_a_ruling():
    life = Life()
    life.at(FIRST_DAY, 10 * 60)
    own(life.market, TRADER, 1, 5)
    life.at(WEDNESDAY + 3, 12 * 60)
    life.market.do(TRADER, dispute(WEDNESDAY + 2))
    assert life.at(WEDNESDAY + 30) is DELIVERING
    life.market.do(AUDITOR, rule([10] * 24, WEDNESDAY + 2))
    assert life.status is DELIVERING
    life.market.do(OPERATOR, countersign([10] * 24, WEDNESDAY + 2))
    assert life.status is DELIVERING
    assert life.at(WEDNESDAY + 31) is SETTLED


def test_a_day_that_nobody_attests_is_overdue_from_noon_of_the_second_day():
    """Nobody's silence settles it: it waits, and operators see that it does."""
    life = Life()
    life.at(FIRST_DAY, 10 * 60)
    own(life.market, TRADER, 1, 5)

    def overdue_count() -> int:
        return life.projections.deliveries.overdue_count(life.market.state.market_ns)

    life.at(WEDNESDAY + 4, 12 * 60 - 1)
    assert overdue_count() == 0
    life.at(WEDNESDAY + 4, 12 * 60)
    assert overdue_count() == 1
    life.market.do(AUDITOR, attest_all(WEDNESDAY + 2))
    folded(life.market, life.projections)
    assert overdue_count() == 0


def test_a_day_that_waits_longer_than_days_are_kept_is_still_there_to_be_attested():
    life = Life()
    life.at(FIRST_DAY, 10 * 60)
    own(life.market, TRADER, 1, 5)
    life.market.grant("X261201-270401", 10)
    assert life.at(WEDNESDAY + 3 + KEPT_DAYS) is DELIVERING
    life.market.do(AUDITOR, attest_all(WEDNESDAY + 2))
    assert life.at(WEDNESDAY + 4 + KEPT_DAYS) is SETTLED
    again = Projections.restore(life.projections.checkpoint())
    assert status_of(1, again) is SETTLED


@pytest.mark.parametrize("status", [LISTED, OPEN, LAST_DAY])
def test_a_halt_hides_what_comes_back_with_its_end(status):
    life = Life()
    market = life.until(status)
    market.do(OPERATOR, HaltInstrument(instrument_id=1))
    assert life.status is HALTED
    if status is LISTED:
        outcome = market.refused(OPERATOR, ResumeInstrument(instrument_id=1))
        assert outcome.reason is Reason.HALTED
    else:
        market.do(OPERATOR, ResumeInstrument(instrument_id=1))
        assert life.status is status


ORDER = PlaceOrder(instrument_id=1, side=Side.BUY, order_qty=1, limit_price=100)
HALT = HaltInstrument(instrument_id=1)
RESUME = ResumeInstrument(instrument_id=1)
PRICE = PublishSettlementPrice(instrument_id=1, settlement_price=100)
LIST = ListInstrument(product_id=1, kind=WindowKind.DAY, **span("D261127"))
AFTER = (EXPIRED, DELIVERING, SETTLED)


@pytest.mark.parametrize(
    ("command", "reasons"),
    [
        (ORDER, {LISTED: Reason.HALTED, HALTED: Reason.HALTED}),
        (HALT, {HALTED: Reason.ALREADY_DONE}),
        (RESUME, dict.fromkeys((LISTED, OPEN, LAST_DAY), Reason.WRONG_STATE)),
        (PRICE, {}),
        (LIST, dict.fromkeys((LISTED, OPEN, HALTED, LAST_DAY), Reason.ALREADY_EXISTS)),
    ],
    ids=["order", "halt", "resume", "price", "list"],
)
@pytest.mark.parametrize("status", list(InstrumentStatus))
def test_in_each_status_only_what_it_allows_is_done(status, command: Command, reasons):
    market = Life().until(status)
    over = Reason.WINDOW_CLOSED
    if command is LIST and status in AFTER:
        over = Reason.BAD_WINDOW if status is not EXPIRED else Reason.ALREADY_EXISTS
    wanted = over if status in AFTER else reasons.get(status)
    key_id = TRADER if command is ORDER else OPERATOR
    assert market.execute(key_id, command).reason is wanted


def commands(rng: random.Random, market: Market) -> Iterator[tuple[int, Command]]:
    """Random ones, and now and then the operator's, who lets go on what is halted."""
    for number in range(400):
        yield deliver_step(rng, market)
        if number % 10 == 9:
            for instrument_id in list(market.state.halts):
                yield OPERATOR, ResumeInstrument(instrument_id=instrument_id)


def test_no_window_of_a_random_market_ever_skips_or_turns_back():
    seen: set[tuple[InstrumentStatus, InstrumentStatus]] = set()
    for seed in range(10):
        rng, market = random.Random(f"life {seed}"), new_market(has_sessions=seed % 2 == 1)
        projections, last = Projections(), {}
        for key_id, command in commands(rng, market):
            market.execute(key_id, command)
            folded(market, projections)
            for instrument_id in market.state.instruments:
                status = status_of(instrument_id, projections)
                before = last.get(instrument_id, status)
                assert status is before or status in FOLLOWS[before], (before, status)
                seen.add((before, status))
                last[instrument_id] = status
    assert {(LAST_DAY, EXPIRED), (EXPIRED, DELIVERING), (DELIVERING, SETTLED)} <= seen
    assert {(OPEN, HALTED), (HALTED, OPEN), (LISTED, OPEN)} <= seen


# -- open interest --------------------------------------------------------------------------------


def test_open_interest_is_the_cores_through_a_random_market():
    found = 0
    for seed in range(4):
        rng, market, projections = random.Random(seed), new_market(), Projections()
        for _ in range(200):
            market.execute(*step(rng, market))
        folded(market, projections)
        for listed in market.state.instruments.values():
            window = Window(listed.kind, listed.start_day, listed.end_day)
            interest = projections.interest.of(1, window.start_day, window.end_day)
            assert interest == min(sold_by_day(1, window, market.state))
            found += interest
        again = Projections.restore(projections.checkpoint())
        assert again.interest.of(1, FIRST_DAY + 9, FIRST_DAY + 20) == projections.interest.of(
            1, FIRST_DAY + 9, FIRST_DAY + 20
        )
    assert found > 0


def test_of_a_window_it_is_the_least_of_its_days_and_buying_back_ends_it():
    market, projections = Market(), Projections()
    market.grant("X261201-270101", 100)
    market.list_window("D261205")
    market.list_window("M2612")
    for instrument_id, qty in ((1, 7), (2, 4)):
        market.order(SUPPLIER, instrument_id, Side.SELL, qty, 100)
        market.order(OTHER, instrument_id, Side.BUY, qty, 100)
    folded(market, projections)
    december = market.state.instruments[2]
    fifth = market.state.instruments[1]
    assert projections.interest.of(1, december.start_day, december.end_day) == 4
    assert projections.interest.of(1, fifth.start_day, fifth.end_day) == 11
    assert projections.interest.of(1, december.start_day - 1, december.end_day) == 0
    assert projections.interest.of(2, december.start_day, december.end_day) == 0
    market.order(OTHER, 2, Side.SELL, 4, 100)
    market.order(SUPPLIER, 2, Side.BUY, 4, 100)
    folded(market, projections)
    assert projections.interest.of(1, december.start_day, december.end_day) == 0
    assert projections.interest.of(1, fifth.start_day, fifth.end_day) == 7


# -- settlement prices ----------------------------------------------------------------------------


def test_the_curve_of_a_day_is_replaced_by_the_next_days():
    market, projections = Market(), Projections()
    for code in ("M2612", "D261201"):
        market.list_window(code)
    nothing = dict.fromkeys(("day_count", "month_count", "quarter_count", "year_count"), 0)
    market.do(OPERATOR, ScheduleListings(product_id=1, strip_count=0, **nothing))
    for instrument_id, price in ((1, 100), (2, 131)):
        command = PublishSettlementPrice(instrument_id=instrument_id, settlement_price=price)
        market.do(OPERATOR, command)
    cross(market, gate_ns(FIRST_DAY))
    folded(market, projections)
    (rest,) = projections.settlements.curves.values()
    assert (rest.rest_notional_amount, rest.rest_hours) == (744 * 100 - 24 * 131, 720)
    assert projections.settlements.prices[1].price.source == "prior"
    assert projections.settlements.settled_day == FIRST_DAY
    cross(market, gate_ns(day("2026-11-30")))
    folded(market, projections)
    assert projections.settlements.curves == {}
    assert projections.settlements.settled_day == day("2026-11-30")
