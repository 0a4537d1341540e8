"""
Loans with what secures them, as the model of melting and stress takes them in.

What is gathered here is plain data as of a record; `melting_of` (some 25 ms a loan) and `stress_of`
(some ten seconds for ten thousand loans) are pure and slow, so they run in another process.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import Contract
from exchange.collateral.recorded import curve_of, inputs_of
from exchange.collateral.runway import Loan as ModelLoan
from exchange.collateral.runway import Secured, melting, pool_amount, pool_break_even_price
from exchange.collateral.stress import SCENARIOS, Scenario, StressedLoan, supplier_fails
from exchange.collateral.stressed_pool import loan_columns, loans_after
from exchange.domain import lending_views as wire
from exchange.domain.enums import LIENED, OWING, LadderStatus
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.windows import day_at

from .bundle import Projections
from .loan_views import ALL_ACCOUNTS
from .loans import Loan

MONTH_DAYS = 30
FAILED_SUPPLIERS_COUNT = 5
"""Of a pool, each with a scenario of its own."""
_CALLED = (LadderStatus.MARGIN_CALL, LadderStatus.LIQUIDATE)


class SecuredLoan(Struct, frozen=True, kw_only=True):
    """One loan that owes something, and its collateral under lien with the marks in force."""

    loan_id: int
    account_id: int
    bank_account_id: int
    terms: ModelLoan
    contracts: list[Contract]
    marks: list[PledgeMarked]
    supplier_account_ids: list[int]

    def collateral(self) -> Iterator[tuple[Contract, PledgeMarked, int]]:
        """Each contract with its mark and its supplier."""
        return zip(self.contracts, self.marks, self.supplier_account_ids, strict=True)


class SecuredLoans(Struct, frozen=True, kw_only=True):
    """Loans by id, and the constants they are valued with."""

    as_of_seq: int
    valuation_day: int
    parameters_version: int
    risk_parameters: RiskParameters | None
    """None before genesis, when there are no loans either."""
    loans: list[SecuredLoan]
    left_count: int
    """Loans behind these, which are not gathered."""


def secured_view(
    account_id: int,
    projections: Projections,
    *,
    loan_id: int = 0,
    after_loan_id: int = 0,
    count: int,
) -> SecuredLoans:
    """Loans that concern the account, or all (0): one, or the first so many after an id."""
    found = projections.loans.loans
    wanted = [loan_id] if loan_id in found else []
    if not loan_id:
        wanted = [each for each in sorted(found) if each > after_loan_id]
    chosen = [
        loan
        for loan in map(found.__getitem__, wanted)
        if loan.status in OWING and (account_id == ALL_ACCOUNTS or loan.is_for(account_id))
    ]
    published = projections.marks.parameters_as_of(projections.at_seq)
    return SecuredLoans(
        as_of_seq=projections.at_seq,
        valuation_day=day_at(projections.venue.market_ns),
        parameters_version=published.version if published else 0,
        risk_parameters=published.risk_parameters if published else None,
        loans=[_secured(loan, projections) for loan in chosen[:count]],
        left_count=max(0, len(chosen) - count),
    )


def melting_of(secured: SecuredLoans) -> wire.Melting:
    """How long each loan lasts, and which of them is first."""
    loans = [_melting(loan, secured) for loan in secured.loans]
    moves = [each.move_ppm for each in loans[0].runways] if loans else []
    return wire.Melting(
        as_of_seq=secured.as_of_seq,
        valuation_day=secured.valuation_day,
        parameters_version=secured.parameters_version,
        loans=loans,
        left_count=secured.left_count,
        pool=[_first(loans, number, move_ppm) for number, move_ppm in enumerate(moves)],
    )


def stress_of(secured: SecuredLoans, after_loan_id: int, count: int) -> wire.Stress:
    """Where each of so many loans behind an id stands after each scenario, and the sums of all."""
    day = secured.valuation_day
    columns = loan_columns(
        [
            (
                loan.terms,
                [
                    inputs_of(mark, contract, day, supplier_id)
                    for contract, mark, supplier_id in loan.collateral()
                ],
            )
            for loan in secured.loans
        ]
    )
    scenarios = [*SCENARIOS, *map(supplier_fails, suppliers_at_stake(secured.loans))]
    after = [
        loans_after(columns, scenario, _parameters(secured)) if secured.loans else []
        for scenario in scenarios
    ]
    shown = [at for at, loan in enumerate(secured.loans) if loan.loan_id > after_loan_id]
    return wire.Stress(
        as_of_seq=secured.as_of_seq,
        valuation_day=day,
        parameters_version=secured.parameters_version,
        loans=[
            _stressed(secured.loans[at], [loans[at] for loans in after]) for at in shown[:count]
        ],
        left_count=max(0, len(shown) - count) + secured.left_count,
        pool=[_together(scenario, loans) for scenario, loans in zip(scenarios, after, strict=True)],
        pool_count=len(secured.loans),
        pool_left_count=secured.left_count,
    )


def suppliers_at_stake(loans: Sequence[SecuredLoan]) -> list[int]:
    """
    The suppliers whose failure costs the pool most, the worst first: at most five.

    A failure takes the same part of each, so the order is that of the marks in force, and of equals
    the lower account.
    """
    amounts: dict[int, int] = {}
    for loan in loans:
        for _, mark, supplier_id in loan.collateral():
            amounts[supplier_id] = amounts.get(supplier_id, 0) + mark.value_amount
    return sorted(amounts, key=lambda each: (-amounts[each], each))[:FAILED_SUPPLIERS_COUNT]


def _secured(loan: Loan, projections: Projections) -> SecuredLoan:
    day = day_at(projections.venue.market_ns)
    behind = []
    for pledge_id in loan.pledge_ids:
        pledge = projections.pledges.pledges[pledge_id]
        mark = projections.collateral_marks.as_of(pledge_id, projections.at_seq)
        if pledge.status in LIENED and pledge.pledged_qty and mark is not None:
            behind.append((pledge, mark.event))
    return SecuredLoan(
        loan_id=loan.applied.loan_id,
        account_id=loan.applied.account_id,
        bank_account_id=loan.applied.bank_account_id,
        terms=ModelLoan(
            loan_amount=sum(loan.owed_amounts(day)),
            drawn_ltv_ppm=loan.drawn_ltv_ppm,
            interest_ppm=loan.interest_ppm,
        ),
        contracts=[
            Contract(
                contract_qty=pledge.pledged_qty,
                start_day=pledge.request.start_day,
                end_day=pledge.request.end_day,
            )
            for pledge, _ in behind
        ],
        marks=[mark for _, mark in behind],
        supplier_account_ids=[
            projections.listings.products[pledge.request.product_id].supplier_account_id
            for pledge, _ in behind
        ],
    )


def _parameters(secured: SecuredLoans) -> RiskParameters:
    assert secured.risk_parameters is not None, "a venue has risk parameters before it has loans"
    return secured.risk_parameters


def _melting(loan: SecuredLoan, secured: SecuredLoans) -> wire.MeltingView:
    day, parameters = secured.valuation_day, _parameters(secured)
    pool = [
        Secured(contract=contract, curve=curve_of(mark))
        for contract, mark, _ in loan.collateral()
        if mark.level != MarkLevel.UNMARKABLE
    ]
    return wire.MeltingView(
        loan_id=loan.loan_id,
        account_id=loan.account_id,
        bank_account_id=loan.bank_account_id,
        owed_amount=loan.terms.loan_amount,
        value_amount=pool_amount(pool, day, parameters),
        drawn_ltv_ppm=loan.terms.drawn_ltv_ppm,
        interest_ppm=loan.terms.interest_ppm,
        break_even_price=pool_break_even_price(loan.terms, loan.contracts, day),
        runways=[
            wire.RunwayView(
                move_ppm=each.move_ppm,
                margin_call_days_count=each.margin_call_days_count,
                liquidation_days_count=each.liquidation_days_count,
            )
            for each in melting(loan.terms, pool, day, parameters)
        ],
    )


def _first(loans: Sequence[wire.MeltingView], number: int, move_ppm: int) -> wire.PoolRunwayView:
    """The soonest of the loans at one of the moves."""
    runways = [loan.runways[number] for loan in loans]
    called = [loan for loan in loans if loan.runways[number].margin_call_days_count <= MONTH_DAYS]
    return wire.PoolRunwayView(
        move_ppm=move_ppm,
        margin_call_days_count=min(each.margin_call_days_count for each in runways),
        liquidation_days_count=min(each.liquidation_days_count for each in runways),
        called_30_days_count=len(called),
        called_30_days_amount=sum(loan.owed_amount for loan in called),
    )


def _stressed(loan: SecuredLoan, scenarios: Sequence[StressedLoan]) -> wire.LoanStressView:
    return wire.LoanStressView(
        loan_id=loan.loan_id,
        account_id=loan.account_id,
        bank_account_id=loan.bank_account_id,
        owed_amount=loan.terms.loan_amount,
        scenarios=[
            wire.StressedLoanView(
                scenario=each.scenario,
                value_amount=each.value_amount,
                lendable_amount=each.lendable_amount,
                ladder_status=each.status.value,
                ltv_ppm=each.ltv_ppm,
                call_cash_amount=each.call_cash_amount,
                shortfall_amount=each.shortfall_amount,
            )
            for each in scenarios
        ],
    )


def _together(scenario: Scenario, loans: Sequence[StressedLoan]) -> wire.PoolStressView:
    return wire.PoolStressView(
        scenario=scenario.name,
        failed_supplier_account_id=scenario.failed_supplier_account_id,
        value_amount=sum(each.value_amount for each in loans),
        lendable_amount=sum(each.lendable_amount for each in loans),
        called_count=sum(each.status in _CALLED for each in loans),
        call_cash_amount=sum(each.call_cash_amount for each in loans),
        shortfall_amount=sum(each.shortfall_amount for each in loans),
    )
