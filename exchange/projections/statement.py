"""
An account's statement, made by folding a stretch of the log when somebody asks.

No read model keeps lines: they grow with the log for ever, while the log is there to be read. So a
statement costs the replay of its days, in the process for questions about the past, and no memory
before or after.

`movements_of` says what an event does to an account's cash. It adds up what `Balances` adds up in
another way, available and held apart, and the tests compare the two.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from exchange.domain import movements as m
from exchange.domain.enums import Currency, Side
from exchange.domain.events import (
    CashDeposited,
    EscrowReturned,
    Event,
    TradeExecuted,
)
from exchange.domain.record import Record
from exchange.domain.statement import (
    MAX_STATEMENT_LINES,
    Statement,
    StatementAsked,
    StatementLine,
)
from exchange.domain.windows import start_ns
from exchange.domain.withdrawal_events import CashWithdrawn

from .balances import VENUE_ACCOUNT_ID
from .bundle import Projections
from .listings import Listings


class CashMoved(Struct, frozen=True):
    """One event's effect on one account's cash."""

    account_id: int
    purpose: str
    amount: int
    description: str = ""
    currency: Currency = Currency.CNY


Moves = Iterator[CashMoved]


def movements_of(event: Event, listings: Listings) -> Moves:
    """What an event does to cash, account by account; nothing for most, and never 0."""
    describe = _MOVES.get(type(event))
    if describe is not None:
        yield from (moved for moved in describe(event, listings) if moved.amount)


def _deposit(event: CashDeposited, _: Listings) -> Moves:
    words = f"reference {event.external_reference}"
    yield CashMoved(
        event.account_id, "deposit", event.deposit_amount, words, currency=event.currency
    )


def _withdraw(event: CashWithdrawn, _: Listings) -> Moves:
    words = f"reference {event.external_reference}"
    yield CashMoved(
        event.account_id, "withdrawal", -event.withdrawal_amount, words, currency=event.currency
    )


def _trade(event: TradeExecuted, listings: Listings) -> Moves:
    symbol = listings.instruments[event.instrument_id].listed.symbol
    words = f"{event.last_qty} of {symbol} at {_yuan(event.last_price)}, trade {event.trade_id}"
    is_taker_buying = event.taker_side is Side.BUY
    maker_id, taker_id = event.maker_account_id, event.taker_account_id
    buyer_id, seller_id = (taker_id, maker_id) if is_taker_buying else (maker_id, taker_id)
    yield CashMoved(buyer_id, "trade", -event.notional_amount, f"bought {words}")
    yield CashMoved(seller_id, "trade", event.cash_amount, f"sold {words}")
    yield CashMoved(maker_id, "fee", -event.maker_fee_amount, f"as maker of {words}")
    yield CashMoved(taker_id, "fee", -event.taker_fee_amount, f"as taker of {words}")
    fees_amount = event.maker_fee_amount + event.taker_fee_amount
    yield CashMoved(VENUE_ACCOUNT_ID, "fee", fees_amount, words)


def _return_escrow(event: EscrowReturned, _: Listings) -> Moves:
    amount = event.day_amount * (event.end_day - event.start_day)
    words = f"escrow of {event.returned_qty}, trade {event.trade_id}"
    yield CashMoved(event.account_id, "escrow_returned", amount, words)


def _pay(event: m.CashPaid, _: Listings) -> Moves:
    payer_id, payee_id = event.payer_account_id, event.payee_account_id
    yield CashMoved(payer_id, event.purpose, -event.paid_amount, f"to account {payee_id}")
    yield CashMoved(payee_id, event.purpose, event.paid_amount, f"from account {payer_id}")


def _settle(event: m.TradeSettled, _: Listings) -> Moves:
    words = f"{event.purpose} {event.trade_id}"
    price_amount = event.cash_amount + event.escrow_amount
    yield CashMoved(event.buyer_account_id, event.purpose, -price_amount, f"bought by {words}")
    yield CashMoved(event.seller_account_id, event.purpose, event.cash_amount, f"sold by {words}")
    yield CashMoved(event.buyer_account_id, "fee", -event.buyer_fee_amount, words)
    yield CashMoved(event.seller_account_id, "fee", -event.seller_fee_amount, words)
    fees_amount = event.buyer_fee_amount + event.seller_fee_amount
    yield CashMoved(VENUE_ACCOUNT_ID, "fee", fees_amount, words)


def _fund_trust(event: m.TrustFunded, _: Listings) -> Moves:
    words = f"into trust, {event.trust.name.lower()}"
    yield CashMoved(event.account_id, event.purpose, -event.funded_amount, words)


def _release_trust(event: m.TrustReleased, _: Listings) -> Moves:
    words = f"out of trust, {event.trust.name.lower()}"
    yield CashMoved(event.account_id, event.purpose, event.released_amount, words)


def _release_escrow(event: m.EscrowReleased, listings: Listings) -> Moves:
    code = listings.products[event.product_id].code
    words = f"escrow of {code}, day {event.day}"
    yield CashMoved(event.account_id, event.purpose, event.released_amount, words)


_MOVES: Mapping[type[Event], Callable[[Any, Listings], Moves]] = {
    CashDeposited: _deposit,
    CashWithdrawn: _withdraw,
    TradeExecuted: _trade,
    EscrowReturned: _return_escrow,
    m.CashPaid: _pay,
    m.TradeSettled: _settle,
    m.TrustFunded: _fund_trust,
    m.TrustReleased: _release_trust,
    m.EscrowReleased: _release_escrow,
}
CASH_EVENTS = frozenset(_MOVES)
"""Whatever changes what an account has; holds only move it between available and held."""


def _yuan(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


# -- the fold -------------------------------------------------------------------------------------


class StatementFold:
    """
    Makes one statement of records that are shown to it in order, from before its first line on.

    Each record is taken before `projections` take it in, and not after `is_over`: no later one can
    add to the statement.
    """

    def __init__(
        self,
        asked: StatementAsked,
        projections: Projections,
        max_lines: int = MAX_STATEMENT_LINES,
    ) -> None:
        self.is_over = False
        self._asked = asked
        self._projections = projections
        self._max_lines = max_lines
        self._from_ns, self._to_ns = start_ns(asked.from_day), start_ns(asked.to_day)
        self._through_seq = asked.after_seq
        self._opening_amount: int | None = None
        self._lines_amount = 0
        self._lines: list[StatementLine] = []
        self._is_complete = True

    def take(self, record: Record) -> None:
        """The next record; those before the statement add nothing."""
        if record.market_ns < self._from_ns or record.seq <= self._asked.after_seq:
            return
        is_after = record.market_ns >= self._to_ns
        if is_after or len(self._lines) >= self._max_lines:
            self._is_complete, self.is_over = is_after, True
            return
        if self._opening_amount is None:
            self._opening_amount = self._balance_amount()
        self._through_seq = record.seq
        for index, event in enumerate(record.events):
            for moved in movements_of(event, self._projections.listings):
                if (moved.account_id, moved.currency) == self._wallet:
                    self._add(record, index, moved)

    def statement(self) -> Statement:
        """What the records make, once the projections have taken in all that this has."""
        closing_amount, opening_amount = self._balance_amount(), self._opening_amount
        return Statement(
            account_id=self._asked.account_id,
            currency=self._asked.currency.value,
            from_day=self._asked.from_day,
            to_day=self._asked.to_day,
            opening_amount=closing_amount if opening_amount is None else opening_amount,
            closing_amount=closing_amount,
            through_seq=self._through_seq,
            is_complete=self._is_complete,
            lines=self._lines,
        )

    @property
    def _wallet(self) -> tuple[int, Currency]:
        return self._asked.account_id, self._asked.currency

    def _add(self, record: Record, index: int, moved: CashMoved) -> None:
        assert self._opening_amount is not None, "lines follow the opening"
        self._lines_amount += moved.amount
        self._lines.append(
            StatementLine(
                seq=record.seq,
                event_index=index,
                market_ns=record.market_ns,
                purpose=str(moved.purpose),
                description=moved.description,
                amount=moved.amount,
                balance_amount=self._opening_amount + self._lines_amount,
            )
        )

    def _balance_amount(self) -> int:
        """The wallet as the projections have it now."""
        account_id, currency = self._wallet
        balances = self._projections.balances
        if currency is not Currency.CNY:
            return balances.wallet_amounts.get((account_id, currency), 0)
        balance = balances.of(account_id)
        return balance.available_amount + balance.held_amount
