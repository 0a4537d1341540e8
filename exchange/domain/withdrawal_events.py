"""What has happened about cash that its holder wants paid out."""

from .enums import Currency
from .events import Event


class WithdrawalRequested(Event, frozen=True, kw_only=True, tag="withdrawal_requested"):
    """A holder asked for cash; the hold of the same id keeps it where it is in CNY."""

    withdrawal_id: int
    account_id: int
    withdrawal_amount: int
    currency: Currency = Currency.CNY


class WithdrawalDeclined(Event, frozen=True, kw_only=True, tag="withdrawal_declined"):
    """A request came to nothing; what was set aside for it is available."""

    withdrawal_id: int
    account_id: int
    """Whose word it was."""


class CashWithdrawn(Event, frozen=True, kw_only=True, tag="cash_withdrawn"):
    """Money went out."""

    account_id: int
    withdrawal_amount: int
    external_reference: str
    currency: Currency = Currency.CNY
    withdrawal_id: int
