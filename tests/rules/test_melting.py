"""The worked example of a loan that melts, by the clock: called and sold on the model's days."""

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.domain.commands import PublishRiskParameters
from exchange.domain.enums import CallEnd, DefaultCause, LadderStatus
from exchange.domain.lending_events import (
    LadderChanged,
    LoanDefaulted,
    MarginCallEnded,
    MarginCallIssued,
)
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_at, gate_ns, start_ns
from tests.rules.lending import YUAN, LendingMarket, offer
from tests.rules.markets import cross, day, events_of

EVE = day("2026-12-31")
NO_CALL = 10**15
"""A minimum that no call reaches: the ladder goes on without one."""


def lending_at(share_ppm: int, minimum_call_amount: int) -> PublishRiskParameters:
    """The proposal with a flat curve, the example's five per cent and this ratio for anything."""
    found = replace(
        genesis.risk_parameters(),
        curve_decline_ppm=0,
        rate_ppm=50_000,
        base_ppm=PPM_WHOLE - share_ppm,
        vol_allowance_ppm=PPM_WHOLE,
        apc_ppm=0,
        liquidity_cap_ppm=0,
        tenor_cap_ppm=0,
        concentration_cap_ppm=0,
        loss_given_default_ppm=0,
        level_6_ppm=0,
        minimum_call_amount=minimum_call_amount,
    )
    return PublishRiskParameters(risk_parameters=found)


def days_of(share_ppm: int, minimum_call_amount: int, last_count: int) -> LendingMarket:
    """The year's loan, drawn on its eve at ten, and so many days at that price."""
    market = LendingMarket()
    market.do(1, lending_at(share_ppm, minimum_call_amount))
    cross(market, start_ns(EVE))
    market.price(10 * YUAN)
    year = offer("Y27", 1_000)
    loan = market.drawn(collateral=[year], maturity_day=year.end_day - 1)
    assert loan.drawn_ltv_ppm == share_ppm
    assert (market.state.pledges[1].mark.nominal_amount, loan.accrued_day) == (8_760_000_000, EVE)
    market.changes = {}
    for count in range(1, last_count + 1):
        cross(market, start_ns(EVE + count))
        for event in market.price(10 * YUAN):
            if isinstance(event, LadderChanged):
                market.changes.setdefault(event.ladder_status, count)
    return market


@pytest.mark.parametrize(
    ("share_ppm", "call", "sale"), [(650_000, 37, 68), (600_000, 40, 72), (700_000, 35, 64)]
)
def test_a_loan_at_a_flat_price_is_called_and_sold_on_the_days_of_the_example(
    share_ppm, call, sale
):
    market = days_of(share_ppm, NO_CALL, sale)
    assert market.changes[LadderStatus.MARGIN_CALL] == call
    assert market.changes[LadderStatus.LIQUIDATE] == sale
    (default,) = events_of(market, LoanDefaulted)
    assert default.cause is DefaultCause.LIQUIDATION_RATIO
    assert events_of(market, MarginCallIssued) == []


def test_a_call_that_is_not_met_ends_it_a_month_before_the_liquidation_ratio():
    minimum_amount = genesis.risk_parameters().minimum_call_amount
    market = days_of(650_000, minimum_amount, 40)
    (call,) = events_of(market, MarginCallIssued)
    assert call.due_ns == gate_ns(EVE + 39)
    (ended,) = events_of(market, MarginCallEnded)
    assert ended.end is CallEnd.EXPIRED
    (default,) = events_of(market, LoanDefaulted)
    assert default.cause is DefaultCause.CALL_EXPIRED
    assert day_at(market.state.market_ns) == EVE + 40
