"""
Cash in and out, and capacity: the only sources of money and title.

An external reference names a payment at the venue's bank and is good once, whoever sends it again.
"""

from exchange.domain.commands import DepositCash, GrantCapacity, WithdrawCash
from exchange.domain.enums import Role
from exchange.domain.events import CapacityGranted, CashDeposited, CashWithdrawn, Event
from exchange.domain.reasons import Reason, require
from exchange.domain.units import MAX_INTEGER, MAX_QTY
from exchange.domain.windows import day_at

from .state import State

MAX_GRANT_DAYS = 3_660
"""Ten years of delivery days in one grant."""


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


def decide_grant(command: GrantCapacity, state: State, account_id: int) -> list[Event]:
    """
    Creates title with the product's supplier, on an operator's and an auditor's word.

    A report proves a product's capacity once: sent again, however late, it creates nothing.
    """
    product = state.product(command.product_id)
    require(_evidence(command) not in state.references, Reason.ALREADY_EXISTS)
    auditor = state.participant_with(command.auditor_account_id, Role.AUDITOR)
    require(auditor.account_id != account_id, Reason.SAME_PERSON, account_id)
    days = command.end_day - command.start_day
    require(0 < days <= MAX_GRANT_DAYS, Reason.BAD_WINDOW, days, MAX_GRANT_DAYS)
    today = day_at(state.market_ns)
    require(command.start_day >= today, Reason.BAD_WINDOW, command.start_day, today)
    is_in_lots = command.granted_qty % product.lot_qty == 0
    require(is_in_lots, Reason.LOT, command.granted_qty, product.lot_qty)
    for start_day, end_day, granted_qty in state.core.granted(product.product_id):
        if start_day < command.end_day and command.start_day < end_day:
            total_qty = granted_qty + command.granted_qty
            binding_day = max(start_day, command.start_day)
            require(total_qty <= MAX_QTY, Reason.TITLE, total_qty, MAX_QTY, binding_day)
    return [
        CapacityGranted(
            grant_id=state.grant_count + 1,
            product_id=product.product_id,
            account_id=product.supplier_account_id,
            start_day=command.start_day,
            end_day=command.end_day,
            granted_qty=command.granted_qty,
            operator_account_id=account_id,
            auditor_account_id=auditor.account_id,
            evidence_sha256=command.evidence_sha256,
        )
    ]


def _evidence(grant: GrantCapacity | CapacityGranted) -> str:
    return f"evidence:{grant.product_id}:{grant.evidence_sha256.hex()}"


# -- evolve ---------------------------------------------------------------------------------------


def evolve_deposit(event: CashDeposited, state: State) -> None:
    """The money is available."""
    state.references.add(f"deposit:{event.external_reference}")
    state.core.deposit(event.account_id, event.deposit_amount)


def evolve_withdrawal(event: CashWithdrawn, state: State) -> None:
    """The money is gone."""
    state.references.add(f"withdrawal:{event.external_reference}")
    state.core.withdraw(event.account_id, event.withdrawal_amount)


def evolve_grant(event: CapacityGranted, state: State) -> None:
    """The supplier owns the unit-days."""
    state.grant_count = event.grant_id
    state.references.add(_evidence(event))
    state.core.grant(
        event.product_id, event.account_id, event.start_day, event.end_day, event.granted_qty
    )
