"""
Cash in and out: the only source of money.

An external reference names a payment at the venue's bank and is good once, whoever sends it again.
"""

from exchange.domain.commands import DepositCash, WithdrawCash
from exchange.domain.events import CashDeposited, CashWithdrawn, Event
from exchange.domain.reasons import Reason, require
from exchange.domain.units import MAX_INTEGER

from .state import State

# -- decide ---------------------------------------------------------------------------------------


def decide_deposit(command: DepositCash, state: State, account_id: int) -> list[Event]:
    """Credits an account; all cash of the venue together stays an exact integer."""
    state.participant(command.account_id)
    reference = f"deposit:{command.external_reference}"
    require(reference not in state.references, Reason.ALREADY_EXISTS)
    total_amount = state.core.deposits_amount + command.deposit_amount
    require(total_amount <= MAX_INTEGER, Reason.CASH, total_amount, MAX_INTEGER)
    return [
        CashDeposited(
            account_id=command.account_id,
            deposit_amount=command.deposit_amount,
            external_reference=command.external_reference,
        )
    ]


def decide_withdrawal(command: WithdrawCash, state: State, account_id: int) -> list[Event]:
    """Debits what is available; what open orders hold cannot leave."""
    state.participant(command.account_id)
    reference = f"withdrawal:{command.external_reference}"
    require(reference not in state.references, Reason.ALREADY_EXISTS)
    available_amount, _ = state.core.balances(command.account_id)
    require(
        command.withdrawal_amount <= available_amount,
        Reason.CASH,
        command.withdrawal_amount,
        available_amount,
    )
    return [
        CashWithdrawn(
            account_id=command.account_id,
            withdrawal_amount=command.withdrawal_amount,
            external_reference=command.external_reference,
        )
    ]


# -- evolve ---------------------------------------------------------------------------------------


def evolve_deposit(event: CashDeposited, state: State) -> None:
    """The money is available."""
    state.references.add(f"deposit:{event.external_reference}")
    state.core.deposit(event.account_id, event.deposit_amount)


def evolve_withdrawal(event: CashWithdrawn, state: State) -> None:
    """The money is gone."""
    state.references.add(f"withdrawal:{event.external_reference}")
    state.core.withdraw(event.account_id, event.withdrawal_amount)
