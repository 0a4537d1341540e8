"""
How much a node's price moves: an exponentially weighted variance, folded one mark at a time.

The return since the last real price is spread evenly over the days it took, so that a gap
weighs as many days as it lasted:

    s² ← λ^Δt · s² + (1 - λ^Δt) · r² / Δt

The state is bounded: the current volatility, its maximum and its sum over all marks ever seen,
and the prices of the last `history_days_count` days for the historical expected shortfall.
A volatility is the daily standard deviation at twelve places.

Choices the pages leave open: before any return is known the volatility is the parameters'
floor, and that first value counts in the mean; a second mark on the same day is not looked at
(the next day's return contains it); a mark that merely decays an older one is not a price, so
the caller does not show it here.
"""

from decimal import Decimal

from msgspec import Struct

from exchange.collateral.rounding import E12, in_model_context, ratio, to_integer
from exchange.domain.events import NodeObserved
from exchange.domain.risk_parameters import RiskParameters


class Volatility(Struct, frozen=True, array_like=True, kw_only=True):
    """What is remembered of a node's prices; the default is a node that never had one."""

    sigma_ewma_e12: int = 0
    sigma_stress_e12: int = 0
    """The largest `sigma_ewma_e12` so far."""
    sigma_sum_e12: int = 0
    """Sum of `sigma_ewma_e12` over all observations."""
    observed_count: int = 0
    recent_days: tuple[int, ...] = ()
    """Days of the kept prices, rising; the last is that of the last real price."""
    recent_marks_micro: tuple[int, ...] = ()

    def sigma_long_e12(self) -> int:
        """The mean of the EWMA over all observations, down; 0 before the first."""
        return self.sigma_sum_e12 // max(1, self.observed_count)


@in_model_context
def observe(state: Volatility, mark_micro: int, day: int, parameters: RiskParameters) -> Volatility:
    """The state after one real mark of level 1 to 6; a day is observed once."""
    assert mark_micro > 0, f"mark {mark_micro} is not above 0"
    if not state.observed_count:
        return _appended(state, parameters.sigma_floor_e12, mark_micro, day, parameters)
    days_count = day - state.recent_days[-1]
    assert days_count >= 0, f"day {day} is before the last one {state.recent_days[-1]}"
    if days_count == 0:
        return state
    variance = ewma_variance(
        ratio(state.sigma_ewma_e12, E12) ** 2,
        (Decimal(mark_micro) / state.recent_marks_micro[-1]).ln(),
        days_count,
        parameters,
    )
    return _appended(state, to_integer(variance.sqrt(), E12), mark_micro, day, parameters)


def observed(known: Volatility, event: NodeObserved) -> Volatility:
    """The state after an observation that the log holds."""
    return Volatility(
        sigma_ewma_e12=event.sigma_ewma_e12,
        sigma_stress_e12=event.sigma_stress_e12,
        sigma_sum_e12=event.sigma_sum_e12,
        observed_count=event.observed_count,
        recent_days=(*known.recent_days[event.dropped_count :], event.observed_day),
        recent_marks_micro=(*known.recent_marks_micro[event.dropped_count :], event.mark_micro),
    )


def ewma_variance(
    variance: Decimal, log_return: Decimal, days_count: int, parameters: RiskParameters
) -> Decimal:
    """The daily variance after a return that took `days_count` days; in the model's context."""
    kept = ratio(parameters.ewma_decay_ppm) ** days_count
    return kept * variance + (1 - kept) * log_return**2 / days_count


def blended_sigma(
    sigma_ewma_e12: int, sigma_stress_e12: int, parameters: RiskParameters
) -> Decimal:
    """The volatility the haircut uses: now and at its worst, never under the floor."""
    weight = ratio(parameters.stress_weight_ppm)
    mixed = (1 - weight) * sigma_ewma_e12 + weight * sigma_stress_e12
    return max(Decimal(parameters.sigma_floor_e12), mixed) / E12


def _appended(
    state: Volatility, sigma_e12: int, mark_micro: int, day: int, parameters: RiskParameters
) -> Volatility:
    """Takes in one observation and drops the prices that are too old."""
    dropped = sum(1 for old in state.recent_days if old < day - parameters.history_days_count)
    return Volatility(
        sigma_ewma_e12=sigma_e12,
        sigma_stress_e12=max(state.sigma_stress_e12, sigma_e12),
        sigma_sum_e12=state.sigma_sum_e12 + sigma_e12,
        observed_count=state.observed_count + 1,
        recent_days=(*state.recent_days[dropped:], day),
        recent_marks_micro=(*state.recent_marks_micro[dropped:], mark_micro),
    )
