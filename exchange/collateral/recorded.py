"""
From a recorded mark of a pledge back to what it was valued from.

The record holds every figure but the prices behind the volatility, of which it states what follows
from them; so a scenario can be asked of any mark of any day.
"""

from exchange.collateral.curve import Curve
from exchange.collateral.haircut_lines import Grade, Liquidity, Supplier
from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import Contract
from exchange.collateral.valuation import ContractInputs
from exchange.collateral.volatility import Volatility
from exchange.domain.lending_events import PledgeMarked


def curve_of(mark: PledgeMarked) -> Curve:
    """The prices that it rests on; months without one are not on the curve."""
    priced = [
        (month, mark_micro)
        for month, mark_micro in zip(mark.curve_months, mark.curve_marks_micro, strict=True)
        if mark_micro > 0
    ]
    return Curve(
        months=tuple(month for month, _ in priced),
        marks_micro=tuple(mark_micro for _, mark_micro in priced),
    )


def inputs_of(
    mark: PledgeMarked, contract: Contract, valuation_day: int, supplier_account_id: int
) -> ContractInputs:
    """
    The inputs of a valuation of this contract, on a day, with all else as it was marked.

    Who the supplier is the mark does not say.
    """
    is_that_day = valuation_day == mark.valuation_day
    still_count, left_count = mark.opening_recovery_days_count, mark.recovery_days_count
    return ContractInputs(
        contract=contract,
        valuation_day=valuation_day,
        curve=curve_of(mark),
        volatility=Volatility(
            sigma_ewma_e12=mark.sigma_ewma_e12,
            sigma_stress_e12=mark.sigma_stress_e12,
            sigma_sum_e12=mark.sigma_long_e12,
            observed_count=1,
        ),
        liquidity=Liquidity(
            position_hours=mark.position_hours,
            adv_hours=mark.adv_hours,
            half_spread_ppm=mark.half_spread_ppm,
        ),
        supplier=Supplier(
            grade=Grade(mark.supplier_grade),
            pool_share_ppm=mark.pool_share_ppm,
            uptime_ppm=mark.uptime_ppm,
            is_affiliated=mark.is_affiliated,
            account_id=supplier_account_id,
        ),
        level=MarkLevel(mark.level),
        age_days_count=mark.age_days_count,
        ruled_ppm=mark.ruled_ppm,
        is_disputed=mark.is_disputed,
        is_halted=mark.is_halted,
        recovery_days_count=still_count if is_that_day else left_count,
        is_stressed_day=is_that_day and mark.is_stressed_day,
        is_trading_day=mark.is_trading_day or not is_that_day,
        recorded_es_e12=mark.historical_es_e12,
    )
