"""
Cash in and out: the only source of money.

A wallet is an account's cash in one currency. That in CNY is the core's, which trades and holds it;
the others come in and go out here, and nothing else touches them.

An external reference names a payment at the venue's bank and is good once, whoever sends it again
and with whatever amount: the refusal names the record that has it. A command that is repeated under
its own id gets its first outcome; another command with the same reference is somebody's mistake,
and an answer that looked like success would hide it.
"""

from exchange.domain.commands import DepositCash, WithdrawCash
from exchange.domain.enums import Currency
from exchange.domain.events import CashDeposited, CashWithdrawn, Event
from exchange.domain.reasons import Reason, require
from exchange.domain.units import MAX_INTEGER

from .state import State

# -- decide ---------------------------------------------------------------------------------------


def decide_deposit(command: DepositCash, state: State, account_id: int) -> list[Event]:
    """Credits a wallet; all cash of the venue in a currency stays an exact integer."""
    state.participant(command.account_id)
    _require_unused(f"deposit:{command.external_reference}", state)
    total_amount = _deposits_amount(command.currency, state) + command.deposit_amount
    require(total_amount <= MAX_INTEGER, Reason.CASH, total_amount, MAX_INTEGER)
    return [
        CashDeposited(
            account_id=command.account_id,
            deposit_amount=command.deposit_amount,
            external_reference=command.external_reference,
            currency=command.currency,
        )
    ]


def decide_withdrawal(command: WithdrawCash, state: State, account_id: int) -> list[Event]:
    """Debits what is available; what open orders hold cannot leave."""
    state.participant(command.account_id)
    _require_unused(f"withdrawal:{command.external_reference}", state)
    available_amount = _available_amount(command.account_id, command.currency, state)
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
            currency=command.currency,
        )
    ]


def _require_unused(reference: str, state: State) -> None:
    seq = state.references.get(reference, 0)
    require(seq == 0, Reason.ALREADY_EXISTS, seq)


def _deposits_amount(currency: Currency, state: State) -> int:
    """Deposits less withdrawals of all accounts."""
    if currency is Currency.CNY:
        return state.core.deposits_amount
    return sum(wallet.get(currency, 0) for wallet in state.wallets.values())


def _available_amount(account_id: int, currency: Currency, state: State) -> int:
    if currency is Currency.CNY:
        return state.core.balances(account_id)[0]
    return state.wallets.get(account_id, {}).get(currency, 0)


# -- evolve ---------------------------------------------------------------------------------------


def evolve_deposit(event: CashDeposited, state: State) -> None:
    """The money is available."""
    state.references[f"deposit:{event.external_reference}"] = state.seq
    if event.currency is Currency.CNY:
        state.core.deposit(event.account_id, event.deposit_amount)
    else:
        _add(event.account_id, event.currency, event.deposit_amount, state)


def evolve_withdrawal(event: CashWithdrawn, state: State) -> None:
    """The money is gone."""
    state.references[f"withdrawal:{event.external_reference}"] = state.seq
    if event.currency is Currency.CNY:
        state.core.withdraw(event.account_id, event.withdrawal_amount)
    else:
        _add(event.account_id, event.currency, -event.withdrawal_amount, state)


def _add(account_id: int, currency: Currency, amount: int, state: State) -> None:
    """Into a wallet; an empty one is forgotten, so that equal states are equal."""
    wallet = state.wallets.setdefault(account_id, {})
    wallet[currency] = wallet.get(currency, 0) + amount
    assert wallet[currency] >= 0, "a wallet is never overdrawn"
    if wallet[currency] == 0:
        del wallet[currency]
    if not wallet:
        del state.wallets[account_id]
