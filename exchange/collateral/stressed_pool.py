"""
What scenarios leave of all loans of a pool at once: for each what `stress` answers, to the fen.

Pledges that are valued alike share a market, so that ten thousand loans take seconds.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from exchange.collateral.pool import PledgeColumns, revalue, shares
from exchange.collateral.present_value import Contract
from exchange.collateral.runway import Loan
from exchange.collateral.slice_table import Integers
from exchange.collateral.stress import Scenario, StressedLoan, kept_ppm, shocked, standing_after
from exchange.collateral.valuation import ContractInputs
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE

_NO_CONTRACT = Contract(contract_qty=0, start_day=0, end_day=0)


class LoanColumns(Struct, frozen=True, kw_only=True):
    """Loans, and the pledges behind all of them with their markets."""

    loans: list[Loan]
    loan_of: NDArray[np.int64]
    """Which loan a pledge secures."""
    pledges: PledgeColumns
    markets: list[ContractInputs]


def loan_columns(pool: Sequence[tuple[Loan, Sequence[ContractInputs]]]) -> LoanColumns:
    """Loans with their contracts as columns; contracts that differ in nothing else share one."""
    markets: dict[ContractInputs, int] = {}
    rows = []
    for number, (_, contracts) in enumerate(pool):
        for inputs in contracts:
            market = markets.setdefault(replace(inputs, contract=_NO_CONTRACT), len(markets))
            terms = inputs.contract
            rows.append((number, market, terms.contract_qty, terms.start_day, terms.end_day))
    loan_of, market_of, qty, start, end = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    return LoanColumns(
        loans=[loan for loan, _ in pool],
        loan_of=loan_of,
        pledges=PledgeColumns(market=market_of, pledged_qty=qty, start_day=start, end_day=end),
        markets=list(markets),
    )


def loans_after(
    columns: LoanColumns, scenario: Scenario, parameters: RiskParameters
) -> list[StressedLoan]:
    """Every loan after a scenario: the sum over its pledges of what that leaves of each."""
    after = [shocked(market, scenario, parameters) for market in columns.markets]
    found = revalue(columns.pledges, after, parameters)
    kept_ppms = [kept_ppm(market, scenario, parameters) for market in columns.markets]
    kept = np.array(kept_ppms, dtype=np.int64)[columns.pledges.market]
    left = shares(found.value_amounts, kept)

    def by_loan(amounts: Integers) -> list[int]:
        totals = np.zeros(len(columns.loans), dtype=np.int64)
        np.add.at(totals, columns.loan_of, amounts)
        return [int(total) for total in totals]

    def of_pledges(figures_ppm: list[int]) -> Integers:
        return np.array(figures_ppm, dtype=np.int64)[found.haircut_of]

    ltvs_ppm = of_pledges([cut.ltv_ppm for cut in found.haircuts])
    costs_ppm = of_pledges([cut.lines.liquidity_ppm for cut in found.haircuts])
    values = by_loan(left)
    lent = by_loan(shares(left, ltvs_ppm))
    proceeds = by_loan(shares(left, PPM_WHOLE - costs_ppm))
    return [
        standing_after(scenario.name, *of_loan, parameters)
        for of_loan in zip(columns.loans, values, lent, proceeds, strict=True)
    ]
