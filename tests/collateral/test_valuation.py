"""From contract and market to one explained mark, and how long its loan lasts."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.curve import Curve
from exchange.collateral.haircut import Regime
from exchange.collateral.haircut_lines import Grade, Liquidity, Supplier
from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import Contract
from exchange.collateral.valuation import ContractInputs, glided_ltv_ppm, value_contract
from exchange.collateral.volatility import Volatility, observe

from .first_proposal import LEVEL, PARAMETERS, contract, day, flat

EVE = day("2024-12-31")
YEAR = contract(1000, "2025-01-01", "2026-01-01")


def quiet_market():
    """Twenty days at one price."""
    state = Volatility()
    for at in range(EVE - 19, EVE + 1):
        state = observe(state, 8_000_000, at, PARAMETERS)
    return state


INPUTS = ContractInputs(
    contract=YEAR,
    valuation_day=EVE,
    curve=flat(8_000_000),
    volatility=quiet_market(),
    liquidity=Liquidity(position_hours=8_760_000, adv_hours=4_000_000, half_spread_ppm=10_000),
    supplier=Supplier(grade=Grade.A, pool_share_ppm=200_000, uptime_ppm=995_000),
    level=MarkLevel.TRADES,
)


def test_a_year_in_a_quiet_market_lends_between_floor_and_cap():
    mark = value_contract(INPUTS, LEVEL)
    assert mark.pv_amount == mark.value_amount == 68_071_909_22
    assert mark.market_amount == mark.nominal_amount == 70_080_000_00
    assert abs(mark.strip_factor_e12 - 435_088_274_498) < 100
    assert mark.haircut.regime is Regime.NORMAL
    assert mark.lendable_amount == mark.value_amount * mark.haircut.ltv_ppm // 1_000_000
    assert mark.haircut.sentence() == (
        "haircut 35.4620% = base 30.0000% + apc_buffer 1.4316% + liquidity 1.3864%"
        " + tenor_obsolescence 2.4652% + supplier_wrong_way 0.1788%"
    )


def test_a_rise_of_one_month_alone_may_lower_what_is_lent_and_one_of_all_months_does_not():
    """The near month weighs more, so the shortfall passes 20 %: stress, and no floor at 60 %."""
    sigma_e12 = 28_300_000_000
    market = replace(
        INPUTS,
        volatility=Volatility(
            sigma_ewma_e12=sigma_e12,
            sigma_stress_e12=sigma_e12,
            sigma_sum_e12=sigma_e12 // 2,
            observed_count=1,
        ),
        recorded_es_e12=0,
    )

    def lent(*marks_micro: int):
        months = tuple(202501 + after for after in range(12))
        curve = Curve(months=months, marks_micro=marks_micro)
        return value_contract(replace(market, curve=curve), PARAMETERS)

    before = lent(*[8_000_000] * 12)
    near, parallel = lent(8_800_000, *[8_000_000] * 11), lent(*[8_800_000] * 12)
    assert (before.haircut.regime, near.haircut.regime) == (Regime.NORMAL, Regime.STRESS)
    assert near.value_amount > before.value_amount
    assert near.lendable_amount < before.lendable_amount < parallel.lendable_amount


def test_an_unmarkable_month_leaves_no_eligible_value():
    mark = value_contract(replace(INPUTS, level=MarkLevel.UNMARKABLE), PARAMETERS)
    assert (mark.value_amount, mark.lendable_amount) == (0, 0)
    assert mark.haircut.regime is Regime.STRESS


def test_a_delivered_contract_lends_nothing():
    mark = value_contract(replace(INPUTS, valuation_day=YEAR.end_day), PARAMETERS)
    assert (mark.value_amount, mark.lendable_amount, mark.slices_count) == (0, 0, 0)


def test_the_same_question_has_the_same_bytes():
    encoded = [msgspec.json.encode(value_contract(INPUTS, PARAMETERS)) for _ in range(2)]
    assert encoded[0] == encoded[1]


def test_a_drawn_loan_follows_a_harsher_model_in_steps():
    harsher = value_contract(replace(INPUTS, is_halted=True, ruled_ppm=100_000), PARAMETERS)
    applied_ppm = 1_000_000 - value_contract(INPUTS, PARAMETERS).haircut.ltv_ppm
    assert glided_ltv_ppm(applied_ppm, harsher, PARAMETERS) == 1_000_000 - applied_ppm - 20_000


@settings(deadline=None)
@given(
    st.lists(st.integers(100, 3_000), min_size=1, max_size=12),
    st.integers(1, 500),
    st.integers(1, 1_000),
    st.integers(0, 300),
    st.integers(1, 500),
)
def test_at_unchanged_volatility_a_higher_price_never_lowers_what_is_lent(
    prices, rise, qty, start, days
):
    """A tick is 10 000 micro; ticks are what a price can rise by."""
    window = Contract(contract_qty=qty, start_day=EVE + start, end_day=EVE + start + days)
    lent = []
    for added in (0, rise):
        curve = Curve(
            months=tuple(range(202501, 202501 + len(prices))),
            marks_micro=tuple((price + added) * 10_000 for price in prices),
        )
        inputs = replace(INPUTS, contract=window, curve=curve)
        lent.append(value_contract(inputs, PARAMETERS).lendable_amount)
    assert lent[0] <= lent[1]
