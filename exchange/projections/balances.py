"""
Cash: what each account may use, what its orders and holds keep, what lies in escrow and in trust.

Events carry every amount, so folding only adds. The sum of all available and held cash, of all
escrow and of all trusts is what was deposited less what was withdrawn, after every record. That is
so in CNY; wallets in other currencies only come in and go out.
"""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.enums import Currency, Side, Trust
from exchange.domain.events import (
    CashDeposited,
    EscrowFunded,
    EscrowReturned,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    SubletOpened,
    TradeExecuted,
)
from exchange.domain.movements import (
    CashPaid,
    EscrowReleased,
    HoldClosed,
    HoldOpened,
    TradeSettled,
    TrustFunded,
    TrustReleased,
)
from exchange.domain.record import Record
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.withdrawal_events import CashWithdrawn

from .projection import Handler, Projection

VENUE_ACCOUNT_ID = 0
"""Takes the fees."""


class Balance(Struct):
    """One account's cash in fen."""

    account_id: int
    available_amount: int = 0
    held_amount: int = 0


class BalancesState(Struct):
    """The checkpoint."""

    balances: list[Balance]
    escrow: list[tuple[int, int]]
    trusts: list[tuple[int, int]]
    holds: list[tuple[int, tuple[int, int]]]
    deposited: list[tuple[Currency, int]]
    wallets: list[tuple[tuple[int, Currency], int]]


class Balances(Projection[BalancesState]):
    """
    Cash of every account, and the escrow of every product over all its days.

    `changed` collects the accounts whose cash moved since whoever publishes last cleared it.
    """

    state_type = BalancesState

    def __init__(self) -> None:
        super().__init__()
        self.changed: set[int] = set()
        self.escrow_amounts: dict[int, int] = {}
        """By product."""
        self.trust_amounts: dict[int, int] = {}
        """By what the venue keeps it for, see `Trust`."""
        self.deposited_amounts: dict[Currency, int] = {}
        """Deposits less withdrawals of all accounts, by currency."""
        self.wallet_amounts: dict[tuple[int, Currency], int] = {}
        """By account and currency, save those in CNY and those of 0."""
        self._balances: dict[int, Balance] = {}
        self._holds: dict[int, tuple[int, int]] = {}
        """(account, amount) by hold."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Whatever moves cash."""
        return {
            CashDeposited: self._deposit,
            CashWithdrawn: self._withdraw,
            OrderAccepted: self._hold,
            OrderAmended: self._amend,
            OrderCancelled: self._release,
            TradeExecuted: self._trade,
            EscrowFunded: self._fund_escrow,
            EscrowReturned: self._return_escrow,
            EscrowReleased: self._release_escrow,
            SubletOpened: self._open_sublet,
            HoldOpened: self._open_hold,
            HoldClosed: self._close_hold,
            CashPaid: self._pay,
            TradeSettled: self._settle,
            TrustFunded: self._fund_trust,
            TrustReleased: self._release_trust,
        }

    def of(self, account_id: int) -> Balance:
        """The account's cash; nothing where none ever came."""
        return self._balances.get(account_id, Balance(account_id))

    @property
    def deposited_amount(self) -> int:
        """Deposits less withdrawals of all accounts, in CNY."""
        return self.deposited_amounts.get(Currency.CNY, 0)

    def wallets_of(self, account_id: int) -> dict[Currency, int]:
        """What the account has in other currencies than CNY, all of it available."""
        currencies = (currency for currency in Currency if currency is not Currency.CNY)
        found = {c: self.wallet_amounts.get((account_id, c), 0) for c in currencies}
        return {currency: amount for currency, amount in found.items() if amount}

    def total_amount(self) -> int:
        """All CNY there is, wherever it lies; equals what was deposited of it."""
        cash = sum(b.available_amount + b.held_amount for b in self._balances.values())
        return cash + sum(self.escrow_amounts.values()) + sum(self.trust_amounts.values())

    def state(self) -> BalancesState:
        """The tables in the order of their ids."""
        return BalancesState(
            [balance for _, balance in sorted(self._balances.items())],
            sorted(self.escrow_amounts.items()),
            sorted(self.trust_amounts.items()),
            sorted(self._holds.items()),
            sorted(self.deposited_amounts.items()),
            sorted(self.wallet_amounts.items()),
        )

    def load(self, state: BalancesState) -> None:
        """Takes the tables."""
        self._balances = {b.account_id: b for b in state.balances}
        self.escrow_amounts = dict(state.escrow)
        self.trust_amounts = dict(state.trusts)
        self._holds = dict(state.holds)
        self.deposited_amounts = dict(state.deposited)
        self.wallet_amounts = dict(state.wallets)

    def _move(self, account_id: int, available_amount: int, held_amount: int = 0) -> None:
        balance = self._balances.get(account_id)
        if balance is None:
            balance = self._balances[account_id] = Balance(account_id)
        balance.available_amount += available_amount
        balance.held_amount += held_amount
        self.changed.add(account_id)

    def _deposit(self, event: CashDeposited, _record: Record, _index: int) -> None:
        self._transfer(event.account_id, event.currency, event.deposit_amount)

    def _withdraw(self, event: CashWithdrawn, _record: Record, _index: int) -> None:
        self._transfer(event.account_id, event.currency, -event.withdrawal_amount)

    def _transfer(self, account_id: int, currency: Currency, amount: int) -> None:
        """Into the venue, or out of it."""
        total_amount = self.deposited_amounts.get(currency, 0) + amount
        self.deposited_amounts[currency] = total_amount
        if currency is Currency.CNY:
            self._move(account_id, amount)
            return
        self.changed.add(account_id)
        rest_amount = self.wallet_amounts.get((account_id, currency), 0) + amount
        self.wallet_amounts[account_id, currency] = rest_amount
        if rest_amount == 0:
            del self.wallet_amounts[account_id, currency]

    def _hold(self, event: OrderAccepted, _record: Record, _index: int) -> None:
        if event.held_amount:
            self._move(event.account_id, -event.held_amount, event.held_amount)

    def _amend(self, event: OrderAmended, _record: Record, _index: int) -> None:
        if event.held_delta_amount:
            self._move(event.account_id, -event.held_delta_amount, event.held_delta_amount)

    def _release(self, event: OrderCancelled, _record: Record, _index: int) -> None:
        if event.released_amount:
            self._move(event.account_id, event.released_amount, -event.released_amount)

    def _trade(self, event: TradeExecuted, _record: Record, _index: int) -> None:
        is_taker_buying = event.taker_side is Side.BUY
        maker_amount = event.cash_amount if is_taker_buying else -event.notional_amount
        taker_amount = -event.notional_amount if is_taker_buying else event.cash_amount
        self._move(
            event.maker_account_id,
            maker_amount + event.maker_released_amount - event.maker_fee_amount,
            -event.maker_released_amount,
        )
        self._move(
            event.taker_account_id,
            taker_amount + event.taker_released_amount - event.taker_fee_amount,
            -event.taker_released_amount,
        )
        self._move(VENUE_ACCOUNT_ID, event.maker_fee_amount + event.taker_fee_amount)

    def _fund_escrow(self, event: EscrowFunded, _record: Record, _index: int) -> None:
        self._move_escrow(event.product_id, _span_amount(event))

    def _return_escrow(self, event: EscrowReturned, _record: Record, _index: int) -> None:
        self._move_escrow(event.product_id, -_span_amount(event))
        self._move(event.account_id, _span_amount(event))

    def _release_escrow(self, event: EscrowReleased, _record: Record, _index: int) -> None:
        self._move_escrow(event.product_id, -event.released_amount)
        self._move(event.account_id, event.released_amount)

    def _open_sublet(self, event: SubletOpened, _record: Record, _index: int) -> None:
        days_count = event.end_day - event.start_day
        rent_amount = event.rent_price * HOURS_PER_DAY * days_count * event.sublet_qty
        self._move_trust(Trust.RENT, rent_amount)

    def _open_hold(self, event: HoldOpened, _record: Record, _index: int) -> None:
        if event.held_amount:
            self._holds[event.hold_id] = (event.account_id, event.held_amount)
            self._move(event.account_id, -event.held_amount, event.held_amount)

    def _close_hold(self, event: HoldClosed, _record: Record, _index: int) -> None:
        account_id, held_amount = self._holds.pop(event.hold_id, (event.account_id, 0))
        if held_amount:
            self._move(account_id, held_amount, -held_amount)

    def _pay(self, event: CashPaid, _record: Record, _index: int) -> None:
        self._move(event.payer_account_id, -event.paid_amount)
        self._move(event.payee_account_id, event.paid_amount)

    def _settle(self, event: TradeSettled, _record: Record, _index: int) -> None:
        price_amount = event.cash_amount + event.escrow_amount
        self._move(event.buyer_account_id, -price_amount - event.buyer_fee_amount)
        self._move(event.seller_account_id, event.cash_amount - event.seller_fee_amount)
        self._move(VENUE_ACCOUNT_ID, event.buyer_fee_amount + event.seller_fee_amount)

    def _fund_trust(self, event: TrustFunded, _record: Record, _index: int) -> None:
        self._move(event.account_id, -event.funded_amount)
        self._move_trust(event.trust, event.funded_amount)

    def _release_trust(self, event: TrustReleased, _record: Record, _index: int) -> None:
        self._move_trust(event.trust, -event.released_amount)
        self._move(event.account_id, event.released_amount)

    def _move_trust(self, trust: int, amount: int) -> None:
        self.trust_amounts[trust] = self.trust_amounts.get(trust, 0) + amount

    def _move_escrow(self, product_id: int, amount: int) -> None:
        self.escrow_amounts[product_id] = self.escrow_amounts.get(product_id, 0) + amount


def _span_amount(event: EscrowFunded | EscrowReturned) -> int:
    """The amount of all days of the span."""
    return event.day_amount * (event.end_day - event.start_day)
