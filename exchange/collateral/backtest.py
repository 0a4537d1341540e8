"""
What the model would have said, day by day, over prices that were, and what loans would have lost.

The collateral is the price itself, not a strip: a GPU-hour of spot moves in full (factor 1), so
this is the hardest case. On each priced day a loan is drawn at a flat ratio or at the model's; the
price then runs `exit_days_count` days, the collateral is sold at what it fetches less a cost, and
what the proceeds do not repay is lost. On the way the loan is looked at once a day: whether it is
called, whether it may be liquidated. The model only knows prices up to the day.

A price stands until the next one, at most `carry_days_count` days. Volatility sees real prices
only, with the days between them. What prices alone cannot tell is fixed in `Terms`: an index mark
(level 6), a good supplier, half a day's volume to sell.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from exchange.collateral.expected_shortfall import historical_es_e12
from exchange.collateral.haircut import Regime, haircut
from exchange.collateral.haircut_lines import Grade, HaircutInputs, Liquidity, Supplier
from exchange.collateral.ladder import rungs
from exchange.collateral.marks import MarkLevel
from exchange.collateral.rounding import E12, in_model_context, to_integer
from exchange.collateral.volatility import Volatility, observe
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE

MODEL = "CR-1"


class Terms(Struct, frozen=True, kw_only=True):
    """What a back-test asks, and what it supposes."""

    flat_ltvs_ppm: tuple[int, ...] = (650_000, 700_000)
    exit_days_count: int = 10
    """From drawdown to sale."""
    exit_cost_ppm: int = 50_000
    strip_factor_e12: int = E12
    wal_years_e12: int = 80_000_000_000
    liquidity: Liquidity = Liquidity(position_hours=1, adv_hours=2, half_spread_ppm=10_000)
    supplier: Supplier = Supplier(grade=Grade.A, pool_share_ppm=100_000, uptime_ppm=995_000)
    level: MarkLevel = MarkLevel.INDEX


class Price(Struct, frozen=True, array_like=True, kw_only=True):
    """A price that holds on a day; any unit, as only ratios matter."""

    day: int
    price_micro: int
    is_observed: bool = True
    """False where an older one stands."""


class TestedDay(Struct, frozen=True, kw_only=True):
    """What the model says on a day."""

    day: int
    price_micro: int
    haircut_ppm: int
    ltv_raw_ppm: int
    ltv_ppm: int
    regime: Regime


class Tally(Struct, frozen=True, kw_only=True):
    """What became of the loans that were drawn at one ratio, one a day."""

    name: str
    starts_count: int
    called_count: int
    """Reached the margin call before the sale."""
    liquidated_count: int
    """Reached liquidation before the sale."""
    lost_count: int
    """Were not repaid by the proceeds."""
    worst_loss_ppm: int
    """Of the price at drawdown, up."""


class Moves(Struct, frozen=True, kw_only=True):
    """How the price itself behaved."""

    worst_move_ppm: int
    """Over the exit days; negative is a fall."""
    worst_end_day: int
    still_days_ppm: int
    """Days, of those after a priced one, on which it did not move."""
    variance_ratio_ppm: int
    """Variance over the exit days to that many times the daily one; 0 where nothing moved."""


class Backtest(Struct, frozen=True, kw_only=True):
    """A series' days, what its price did, and what loans on it did."""

    days: tuple[TestedDay, ...]
    moves: Moves
    tallies: tuple[Tally, ...]
    """The flat ratios in their order, then the model."""


@in_model_context
def back_test(
    observed: Sequence[Price],
    carry_days_count: int | None,
    parameters: RiskParameters,
    terms: Terms | None = None,
) -> Backtest | None:
    """Runs the model over a series; None where no day has another so many days later."""
    terms = terms or Terms()
    days = tuple(_tested_days(list(standing(observed, carry_days_count)), parameters, terms))
    prices = {day.day: day.price_micro for day in days}
    starts = [day for day in days if day.day + terms.exit_days_count in prices]
    if not starts:
        return None
    flat = [
        _tally(
            f"{ltv_ppm // 10_000} %",
            [(start.day, ltv_ppm) for start in starts],
            prices,
            parameters,
            terms,
        )
        for ltv_ppm in terms.flat_ltvs_ppm
    ]
    drawn = [(start.day, start.ltv_ppm) for start in starts]
    return Backtest(
        days=days,
        moves=_moves(prices, terms.exit_days_count),
        tallies=(*flat, _tally(MODEL, drawn, prices, parameters, terms)),
    )


def standing(observed: Sequence[Price], carry_days_count: int | None) -> Iterator[Price]:
    """Every day with a price, its own or one that stands; without a limit until the next one."""
    for price, after in pairwise(observed):
        yield price
        last_day = after.day - 1
        if carry_days_count is not None:
            last_day = min(last_day, price.day + carry_days_count)
        for day in range(price.day + 1, last_day + 1):
            yield replace(price, day=day, is_observed=False)
    yield from observed[-1:]


def _tested_days(
    prices: list[Price], parameters: RiskParameters, terms: Terms
) -> Iterator[TestedDay]:
    """The model's haircut on each day, from what was known on it."""
    volatility, recovery_days_count = Volatility(), 0
    for price in prices:
        if price.is_observed:
            volatility = observe(volatility, price.price_micro, price.day, parameters)
        found = haircut(_inputs(volatility, recovery_days_count, parameters, terms), parameters)
        recovery_days_count = found.recovery_days_count
        yield TestedDay(
            day=price.day,
            price_micro=price.price_micro,
            haircut_ppm=found.haircut_ppm,
            ltv_raw_ppm=found.ltv_raw_ppm,
            ltv_ppm=found.ltv_ppm,
            regime=found.regime,
        )


def _inputs(
    volatility: Volatility, recovery_days_count: int, parameters: RiskParameters, terms: Terms
) -> HaircutInputs:
    return HaircutInputs(
        sigma_ewma_e12=volatility.sigma_ewma_e12,
        sigma_stress_e12=volatility.sigma_stress_e12,
        sigma_long_e12=volatility.sigma_long_e12(),
        strip_factor_e12=terms.strip_factor_e12,
        historical_es_e12=historical_es_e12(volatility, terms.strip_factor_e12, parameters),
        wal_years_e12=terms.wal_years_e12,
        liquidity=terms.liquidity,
        supplier=terms.supplier,
        level=terms.level,
        recovery_days_count=recovery_days_count,
    )


def _tally(
    name: str,
    drawn: Sequence[tuple[int, int]],
    prices: dict[int, int],
    parameters: RiskParameters,
    terms: Terms,
) -> Tally:
    """Follows a loan from each (day, ratio) to its sale, all by cross-multiplication."""
    called = liquidated = lost = worst_loss_ppm = 0
    for day, ltv_ppm in drawn:
        owed = prices[day] * ltv_ppm
        steps = rungs(ltv_ppm, parameters)
        lowest_micro = min(
            prices.get(day + after, prices[day]) for after in range(1, terms.exit_days_count + 1)
        )
        called += owed >= lowest_micro * steps.margin_call_ppm
        liquidated += owed >= lowest_micro * steps.liquidation_ppm
        fetched = prices[day + terms.exit_days_count] * (PPM_WHOLE - terms.exit_cost_ppm)
        if fetched < owed:
            lost += 1
            worst_loss_ppm = max(worst_loss_ppm, -((fetched - owed) // prices[day]))
    return Tally(
        name=name,
        starts_count=len(drawn),
        called_count=called,
        liquidated_count=liquidated,
        lost_count=lost,
        worst_loss_ppm=worst_loss_ppm,
    )


def _moves(prices: dict[int, int], exit_days_count: int) -> Moves:
    """Logarithmic moves about zero, over one day and over the exit days, overlapping."""
    daily = [(Decimal(prices[day]) / prices[day - 1]).ln() for day in prices if day - 1 in prices]
    spans = {
        day: (Decimal(prices[day]) / prices[day - exit_days_count]).ln()
        for day in prices
        if day - exit_days_count in prices
    }
    worst_day = min(spans, key=lambda day: spans[day])
    one_day = sum((move**2 for move in daily), Decimal(0)) / max(1, len(daily))
    many_days = sum((move**2 for move in spans.values()), Decimal(0)) / len(spans)
    still_count = sum(1 for move in daily if not move)
    return Moves(
        worst_move_ppm=to_integer(spans[worst_day].exp() - 1, PPM_WHOLE),
        worst_end_day=worst_day,
        still_days_ppm=still_count * PPM_WHOLE // max(1, len(daily)),
        variance_ratio_ppm=(
            to_integer(many_days / (exit_days_count * one_day), PPM_WHOLE) if one_day else 0
        ),
    )
