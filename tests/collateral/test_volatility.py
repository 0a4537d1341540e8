"""The fold of marks into volatility, and the shortfall read from it."""

from functools import reduce

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.expected_shortfall import historical_es_e12, strip_factor_e12
from exchange.collateral.rounding import E12
from exchange.collateral.volatility import Volatility, observe

from .first_proposal import PARAMETERS

SPOT = E12
histories = st.lists(
    st.tuples(st.integers(1, 40), st.integers(100_000, 90_000_000)), min_size=1, max_size=40
)


def seen(*observations):
    """The state after (day, mark) pairs."""
    return reduce(lambda state, at: observe(state, at[1], at[0], PARAMETERS), observations, NEVER)


NEVER = Volatility()


def test_before_any_return_the_volatility_is_the_floor():
    state = seen((1, 8_000_000))
    assert state.sigma_ewma_e12 == state.sigma_stress_e12 == PARAMETERS.sigma_floor_e12
    assert state.sigma_long_e12() == PARAMETERS.sigma_floor_e12
    assert NEVER.sigma_long_e12() == 0


def test_a_quiet_day_lowers_the_current_volatility_and_not_the_worst():
    state = seen((1, 8_000_000), (2, 7_000_000), (3, 7_000_000))
    assert state.sigma_ewma_e12 < state.sigma_stress_e12
    assert state.sigma_stress_e12 == seen((1, 8_000_000), (2, 7_000_000)).sigma_ewma_e12


def test_a_gap_weighs_as_many_days_as_it_lasted():
    at_once = seen((1, 8_000_000), (2, 6_000_000))
    after_a_gap = seen((1, 8_000_000), (11, 6_000_000))
    assert after_a_gap.sigma_ewma_e12 < at_once.sigma_ewma_e12
    long_quiet = seen((1, 8_000_000), (400, 8_000_000))
    assert long_quiet.sigma_ewma_e12 < 100_000


def test_a_second_mark_on_the_same_day_changes_nothing():
    once = seen((1, 8_000_000), (2, 7_000_000))
    assert observe(once, 1_000_000, 2, PARAMETERS) is once


def test_days_do_not_run_backwards_and_nothing_is_no_price():
    with pytest.raises(AssertionError, match="day 1 is before"):
        seen((2, 8_000_000), (1, 8_000_000))
    with pytest.raises(AssertionError, match="mark 0"):
        seen((1, 0))


@given(histories)
def test_a_state_survives_the_log_and_stays_bounded(steps):
    day, state = 20_000, NEVER
    for gap, mark_micro in steps:
        day += gap
        state = observe(state, mark_micro, day, PARAMETERS)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=Volatility) == state
    assert state.recent_days[0] >= day - PARAMETERS.history_days_count
    assert len(state.recent_days) == len(state.recent_marks_micro) <= state.observed_count
    assert state.sigma_long_e12() <= state.sigma_stress_e12
    assert state.sigma_ewma_e12 <= state.sigma_stress_e12


def test_without_a_whole_holding_period_the_history_says_nothing():
    assert historical_es_e12(NEVER, SPOT, PARAMETERS) == 0
    assert historical_es_e12(seen((1, 8_000_000), (10, 4_000_000)), SPOT, PARAMETERS) == 0
    assert historical_es_e12(seen((1, 8_000_000), (11, 4_000_000)), SPOT, PARAMETERS) == E12 // 2


def test_gains_count_as_no_loss():
    assert historical_es_e12(seen((1, 4_000_000), (11, 8_000_000)), SPOT, PARAMETERS) == 0


def test_the_history_is_the_mean_of_the_worst_fortieth_of_the_periods():
    flat = [(day, 8_000_000) for day in range(1, 81)]
    state = seen(*flat, (81, 4_000_000), (82, 6_000_000))
    assert len(state.recent_days) == 82
    assert historical_es_e12(state, SPOT, PARAMETERS) == (E12 // 2 + E12 // 4) // 2


def test_a_strip_bears_the_history_damped():
    state = seen((1, 8_000_000), (11, 4_000_000))
    half = historical_es_e12(state, E12 // 2, PARAMETERS)
    assert half == 292_893_218_814


def test_the_strip_factor_is_one_of_nothing_and_falls_with_distance():
    assert strip_factor_e12([], 365, PARAMETERS) == E12
    assert strip_factor_e12([(0, 5)], 365, PARAMETERS) == E12
    near, far = (strip_factor_e12([(days, 1)], 365, PARAMETERS) for days in (30, 31))
    assert far < near < E12


def test_no_fading_means_that_a_strip_moves_like_spot():
    rigid = replace(PARAMETERS, kappa_e12=0)
    assert strip_factor_e12([(100, 3), (300, 4)], 365, rigid) == E12
