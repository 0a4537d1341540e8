"""
Cash in: the only source of money; `withdrawals` has the way out.

A wallet is an account's cash in one currency. That in CNY is the core's, which trades and holds it;
the others come in and go out, and nothing else touches them.

An external reference names a payment at the venue's bank and is good once, whoever sends it again
and with whatever amount: the refusal names the record that has it. A command that is repeated under
its own id gets its first outcome; another command with the same reference is somebody's mistake,
and an answer that looked like success would hide it.
"""

from exchange.domain.commands import DepositCash
from exchange.domain.enums import Currency
from exchange.domain.events import CashDeposited, Event
from exchange.domain.reasons import Reason, require
from exchange.domain.units import MAX_INTEGER

from .state import State

# -- decide ---------------------------------------------------------------------------------------


def decide_deposit(command: DepositCash, state: State, account_id: int) -> list[Event]:
    """Credits a wallet; all cash of the venue in a currency stays an exact integer."""
    state.participant(command.account_id)
    require_unused(f"deposit:{command.external_reference}", state)
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


def require_unused(reference: str, state: State) -> None:
    """Refuses a reference that a record has already, and names that record."""
    seq = state.references.get(reference, 0)
    require(seq == 0, Reason.ALREADY_EXISTS, seq)


def _deposits_amount(currency: Currency, state: State) -> int:
    """Deposits less withdrawals of all accounts."""
    if currency is Currency.CNY:
        return state.core.deposits_amount
    return sum(wallet.get(currency, 0) for wallet in state.wallets.values())


# -- evolve ---------------------------------------------------------------------------------------


def evolve_deposit(event: CashDeposited, state: State) -> None:
    """The money is available."""
    state.references[f"deposit:{event.external_reference}"] = state.seq
    if event.currency is Currency.CNY:
        state.core.deposit(event.account_id, event.deposit_amount)
    else:
        change_wallet(event.account_id, event.currency, event.deposit_amount, state)


def change_wallet(account_id: int, currency: Currency, amount: int, state: State) -> None:
    """Into a wallet, or out of it; an empty one is forgotten, so that equal states are equal."""
    wallet = state.wallets.setdefault(account_id, {})
    wallet[currency] = wallet.get(currency, 0) + amount
    assert wallet[currency] >= 0, "a wallet is never overdrawn"
    if wallet[currency] == 0:
        del wallet[currency]
    if not wallet:
        del state.wallets[account_id]
