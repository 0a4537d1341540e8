"""What borrowers and their bank ask for in a simulation: small loans, from asking to the end."""

import random
from typing import Any

from msgspec.structs import replace

from exchange.domain.commands import Command
from exchange.domain.enums import LoanStatus
from exchange.domain.lending_commands import DeclineLoan, DrawLoan
from exchange.domain.windows import day_at
from tests.rules.lending import APPLICATION, offer, repay, terms
from tests.scenario import BANK, OTHER, TRADER

_WAITING = (LoanStatus.APPLIED, LoanStatus.APPROVED, LoanStatus.DRAWN, LoanStatus.PERFORMING)


def lending_step(rng: random.Random, market: Any) -> tuple[int, Command]:
    """The next word about a loan, and whose key it comes under."""
    state = market.state
    loans = [loan for loan in state.loans.values() if loan.status in _WAITING]
    if not loans or rng.random() < 0.3:
        return rng.choice((TRADER, OTHER)), _application(rng, day_at(state.market_ns))
    loan = rng.choice(loans)
    loan_id, borrower_id = loan.applied.loan_id, loan.applied.account_id
    if rng.random() < 0.1:
        return rng.choice((borrower_id, BANK)), DeclineLoan(loan_id=loan_id)
    if loan.status is LoanStatus.APPLIED:
        marks = [state.pledges[each].mark for each in loan.pledge_ids]
        lendable_amount = sum(mark.lendable_amount for mark in marks if mark is not None)
        return BANK, terms(max(1, lendable_amount), loan_id)
    if loan.status is LoanStatus.APPROVED:
        return borrower_id, DrawLoan(loan_id=loan_id)
    return borrower_id, repay(rng.choice((1, 10**9)), loan_id)


def _application(rng: random.Random, today: int) -> Command:
    """On a few days soon to come."""
    start_day = today + rng.randint(1, 4)
    days = offer(
        start_day=start_day, end_day=start_day + rng.randint(1, 20), pledged_qty=rng.randint(1, 2)
    )
    return replace(APPLICATION, maturity_day=days.end_day - 1, collateral=[days])
