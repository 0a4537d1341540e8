"""
Cash out: asked for by its holder, booked by an operator when the venue's bank has paid it.

    RequestWithdrawal ─▶ requested ─▶ WithdrawCash by an operator ─▶ withdrawn
                            └─▶ DeclineWithdrawal by the holder or an operator ─▶ declined

What is asked for is set aside at once, so a booking cannot fail for want of it: cash in CNY is held
by the core, and what is asked of another wallet counts as gone. An operator restates whose cash and
how much, and is not the holder. An external reference is good for one booking, as in `treasury`.
"""

from exchange.domain.commands import DeclineWithdrawal, RequestWithdrawal, WithdrawCash
from exchange.domain.enums import Currency, Role
from exchange.domain.events import (
    Event,
)
from exchange.domain.movements import (
    HoldClosed,
    HoldOpened,
)
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.withdrawal_events import CashWithdrawn, WithdrawalDeclined, WithdrawalRequested

from .persons import require_apart
from .state import State
from .treasury import change_wallet, require_unused

MAX_OPEN_WITHDRAWALS = 20
"""Of an account."""


# -- decide ---------------------------------------------------------------------------------------


def decide_request(command: RequestWithdrawal, state: State, account_id: int) -> list[Event]:
    """A holder wants available cash paid out."""
    open_count = sum(asked.account_id == account_id for asked in state.withdrawals.values())
    require(open_count < MAX_OPEN_WITHDRAWALS, Reason.DESK_ITEMS, open_count, MAX_OPEN_WITHDRAWALS)
    wanted_amount = command.withdrawal_amount
    available_amount = _available_amount(account_id, command.currency, state)
    require(wanted_amount <= available_amount, Reason.CASH, wanted_amount, available_amount)
    requested = WithdrawalRequested(
        withdrawal_id=state.seq + 1,
        account_id=account_id,
        withdrawal_amount=wanted_amount,
        currency=command.currency,
    )
    if command.currency is not Currency.CNY:
        return [requested]
    hold = HoldOpened(
        hold_id=requested.withdrawal_id, account_id=account_id, held_amount=wanted_amount
    )
    return [requested, hold]


def decide_withdrawal(command: WithdrawCash, state: State, account_id: int) -> list[Event]:
    """The venue's bank has paid; what was set aside is gone."""
    require_unused(f"withdrawal:{command.external_reference}", state)
    asked = _asked(command.withdrawal_id, state)
    wanted = (asked.account_id, asked.withdrawal_amount, asked.currency)
    booked = (command.account_id, command.withdrawal_amount, command.currency)
    require(booked == wanted, Reason.EVIDENCE, command.withdrawal_id)
    require_apart(account_id, [asked.account_id], state)
    withdrawn = CashWithdrawn(
        account_id=asked.account_id,
        withdrawal_amount=asked.withdrawal_amount,
        external_reference=command.external_reference,
        currency=asked.currency,
        withdrawal_id=asked.withdrawal_id,
    )
    return [*_released(asked), withdrawn]


def decide_decline(command: DeclineWithdrawal, state: State, account_id: int) -> list[Event]:
    """The holder thinks again, or an operator will not pay; the cash is available."""
    asked = _asked(command.withdrawal_id, state)
    is_operator = Role.OPERATOR in state.participants[account_id].roles
    may_decline = is_operator or asked.account_id == account_id
    require(may_decline, Reason.UNKNOWN_WITHDRAWAL, command.withdrawal_id)
    declined = WithdrawalDeclined(withdrawal_id=asked.withdrawal_id, account_id=account_id)
    return [declined, *_released(asked)]


def _asked(withdrawal_id: int, state: State) -> WithdrawalRequested:
    asked = state.withdrawals.get(withdrawal_id)
    if asked is None:
        raise Refused(Reason.UNKNOWN_WITHDRAWAL, withdrawal_id)
    return asked


def _released(asked: WithdrawalRequested) -> list[Event]:
    """The end of what the core holds for a request."""
    if asked.currency is not Currency.CNY:
        return []
    return [HoldClosed(hold_id=asked.withdrawal_id, account_id=asked.account_id)]


def _available_amount(account_id: int, currency: Currency, state: State) -> int:
    """What nobody has set aside or asked for."""
    if currency is Currency.CNY:
        return state.core.balances(account_id)[0]
    asked_amount = sum(
        asked.withdrawal_amount
        for asked in state.withdrawals.values()
        if (asked.account_id, asked.currency) == (account_id, currency)
    )
    return state.wallets.get(account_id, {}).get(currency, 0) - asked_amount


# -- evolve ---------------------------------------------------------------------------------------


def evolve_requested(event: WithdrawalRequested, state: State) -> None:
    """The request waits for an operator."""
    state.withdrawals[event.withdrawal_id] = event


def evolve_declined(event: WithdrawalDeclined, state: State) -> None:
    """The request is over."""
    del state.withdrawals[event.withdrawal_id]


def evolve_withdrawn(event: CashWithdrawn, state: State) -> None:
    """The money is gone, and its request over."""
    state.references[f"withdrawal:{event.external_reference}"] = state.seq
    del state.withdrawals[event.withdrawal_id]
    if event.currency is Currency.CNY:
        state.core.withdraw(event.account_id, event.withdrawal_amount)
    else:
        change_wallet(event.account_id, event.currency, -event.withdrawal_amount, state)
