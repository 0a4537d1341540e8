"""
What is left of a loan's cover if the market turns: one loan, its contracts, one scenario at a time.

A scenario moves the curve (all months alike, more for months further from that of the valuation, or
by new hardware generations), and may fail one supplier: then its contracts fetch only what a
default leaves and it counts as the worst grade, and those of others are as they were. Volatility
and liquidity stay as they are: a scenario asks what a price costs, not what it does to the next
haircut's history.

The new value gives the new lendable amount, the rung on which the loan then stands, and what the
lender would miss if everything were sold at once: the loan less the value after the liquidity
line's costs. Amounts are fen; a value rounds down where a default takes its part, proceeds down.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from exchange.collateral.curve import moved
from exchange.collateral.haircut_lines import Grade, Supplier
from exchange.collateral.ladder import ladder, lendable_amount
from exchange.collateral.runway import Loan
from exchange.collateral.valuation import ContractInputs, value_contract
from exchange.domain.enums import LadderStatus
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import month_of


class Scenario(Struct, frozen=True, kw_only=True):
    """A shock; the default is none."""

    name: str
    move_ppm: int = 0
    """All prices, signed."""
    later_ppm: int = 0
    """How much more for each month after that of the valuation day, signed: a twist."""
    generations_count: int = 0
    """Hardware generations that come out at once."""
    failed_supplier_account_id: int = 0
    """The one that fails; 0 for none."""

    def is_failed(self, supplier: Supplier) -> bool:
        """Whether it is this one that fails."""
        failed_id = self.failed_supplier_account_id
        return failed_id != 0 and supplier.account_id == failed_id


SCENARIOS = (
    Scenario(name="as it is"),
    Scenario(name="all prices -10 %", move_ppm=-100_000),
    Scenario(name="all prices -20 %", move_ppm=-200_000),
    Scenario(name="all prices -30 %", move_ppm=-300_000),
    Scenario(name="curve twists, -2 % a month", later_ppm=-20_000),
    Scenario(name="new GPU generation", generations_count=1),
)
"""What a screen shows beside a loan; any other may be asked."""


def supplier_fails(account_id: int) -> Scenario:
    """The failure of one supplier, at today's prices."""
    return Scenario(name=f"supplier {account_id} fails", failed_supplier_account_id=account_id)


class StressedLoan(Struct, frozen=True, kw_only=True):
    """A loan after a scenario."""

    scenario: str
    value_amount: int
    """Of all contracts, eligible."""
    lendable_amount: int
    """To a new loan on the same contracts."""
    status: LadderStatus
    ltv_ppm: int
    """Up."""
    call_cash_amount: int
    shortfall_amount: int
    """What would be missing if all were sold at once."""


def stress(
    loan: Loan,
    pool: Sequence[ContractInputs],
    parameters: RiskParameters,
    scenarios: Sequence[Scenario] = SCENARIOS,
) -> list[StressedLoan]:
    """The loan after each scenario, in their order."""
    return [stressed(loan, pool, scenario, parameters) for scenario in scenarios]


def stressed(
    loan: Loan, pool: Sequence[ContractInputs], scenario: Scenario, parameters: RiskParameters
) -> StressedLoan:
    """The loan after one scenario."""
    value_amount = lent_amount = proceeds_amount = 0
    for inputs in pool:
        mark = value_contract(shocked(inputs, scenario, parameters), parameters)
        left_amount = mark.value_amount * kept_ppm(inputs, scenario, parameters) // PPM_WHOLE
        cost_ppm = mark.haircut.lines.liquidity_ppm
        value_amount += left_amount
        lent_amount += lendable_amount(left_amount, mark.haircut.ltv_ppm)
        proceeds_amount += left_amount * (PPM_WHOLE - cost_ppm) // PPM_WHOLE
    amounts = (value_amount, lent_amount, proceeds_amount)
    return standing_after(scenario.name, loan, *amounts, parameters)


def standing_after(
    scenario: str,
    loan: Loan,
    value_amount: int,
    lendable_amount: int,
    proceeds_amount: int,
    parameters: RiskParameters,
) -> StressedLoan:
    """Where a loan stands on what a scenario leaves of its contracts, and of their proceeds."""
    stand = ladder(loan.loan_amount, value_amount, loan.drawn_ltv_ppm, parameters)
    return StressedLoan(
        scenario=scenario,
        value_amount=value_amount,
        lendable_amount=lendable_amount,
        status=stand.status,
        ltv_ppm=stand.ltv_ppm,
        call_cash_amount=stand.call_cash_amount,
        shortfall_amount=max(0, loan.loan_amount - proceeds_amount),
    )


def shocked(
    inputs: ContractInputs, scenario: Scenario, parameters: RiskParameters
) -> ContractInputs:
    """The inputs of the valuation under a scenario."""
    supplier = inputs.supplier
    if scenario.is_failed(supplier):
        supplier = replace(supplier, grade=Grade.E)
    curve = moved(
        inputs.curve,
        scenario.move_ppm,
        scenario.later_ppm,
        this_month=month_of(inputs.valuation_day),
        generations_count=scenario.generations_count,
        loss_ppm=parameters.generation_loss_ppm,
    )
    return replace(inputs, curve=curve, supplier=supplier)


def kept_ppm(inputs: ContractInputs, scenario: Scenario, parameters: RiskParameters) -> int:
    """What a contract is still good for: all, or what a default of its supplier leaves."""
    if not scenario.is_failed(inputs.supplier):
        return PPM_WHOLE
    return max(0, PPM_WHOLE - parameters.loss_given_default_ppm)
