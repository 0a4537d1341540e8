"""
What the read models show, as the wire's objects: one function for now and for any earlier record.

A `Question` names a view in plain data, so that it can be asked of projections in another process.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from exchange.domain.certificates import BorrowingBase
from exchange.domain.enums import SessionState
from exchange.domain.lending_views import MarginCallView
from exchange.domain.wire import (
    Balances,
    Book,
    Indication,
    Message,
    Orders,
    Positions,
    SessionWord,
    Trade,
    WalletView,
)

from .borrowing_base import borrowing_base_view
from .bundle import Projections
from .desk_views import desk_view
from .indication import indication_of
from .loan_views import calls_view, loans_view
from .secured import SecuredLoans, secured_view
from .sessions import COLLECTING

Noun = Literal[
    "orders",
    "positions",
    "balances",
    "desk",
    "book",
    "trades",
    "loans",
    "margin_calls",
    "borrowing_base",
    "secured_loans",
]
_SESSION_WORDS: dict[SessionState, SessionWord] = {
    SessionState.PRE_OPEN: "pre_open",
    SessionState.CONTINUOUS: "continuous",
    SessionState.CLOSING_AUCTION: "closing_auction",
    SessionState.CLOSED: "closed",
    SessionState.BREAK: "break",
    SessionState.AUCTION: "auction",
    SessionState.HALTED: "halted",
}


class Question(Struct, frozen=True, kw_only=True):
    """One view: an account's, or an instrument's."""

    noun: Noun
    account_id: int = 0
    instrument: str = ""
    count: int = 0
    """Levels of a side, trades or loans, at most."""
    loan_id: int = 0
    wants_all: bool = False
    """Margin calls that are over too."""
    after_loan_id: int = 0
    bank_account_id: int = 0
    borrower_account_id: int = 0


def view(
    question: Question, projections: Projections
) -> Message | list[Trade] | list[MarginCallView] | BorrowingBase | SecuredLoans:
    """The view as of where the projections stand; empty for what did not exist yet."""
    match question.noun:
        case "loans":
            return loans_view(question.account_id, projections, question.loan_id)
        case "margin_calls":
            return calls_view(question.account_id, projections, wants_all=question.wants_all)
        case "borrowing_base":
            return borrowing_base_view(
                question.bank_account_id, question.borrower_account_id, projections
            )
        case "secured_loans":
            return secured_view(
                question.account_id,
                projections,
                loan_id=question.loan_id,
                after_loan_id=question.after_loan_id,
                count=question.count,
            )
        case "book":
            return book_view(question.instrument, question.count, projections)
        case "trades":
            return trades_view(question.instrument, question.count, projections)
        case private:
            return private_view(private, question.account_id, projections)


def answer(question: Question, projections: Projections) -> bytes:
    """The view as JSON."""
    return msgspec.json.encode(view(question, projections))


def private_view(noun: str, account_id: int, projections: Projections) -> Message:
    """An account's orders, positions, balances or desk."""
    if noun == "desk":
        return desk_view(account_id, projections)
    if noun == "orders":
        return Orders(
            as_of_seq=projections.at_seq,
            account_id=account_id,
            position=projections.orders.position(account_id),
            orders=projections.orders.of(account_id),
        )
    if noun == "positions":
        return Positions(
            as_of_seq=projections.at_seq,
            account_id=account_id,
            positions=projections.positions.of(account_id),
        )
    balance = projections.balances.of(account_id)
    return Balances(
        as_of_seq=projections.at_seq,
        account_id=account_id,
        available_amount=balance.available_amount,
        held_amount=balance.held_amount,
        wallets=[
            WalletView(currency=currency.value, available_amount=amount)
            for currency, amount in projections.balances.wallets_of(account_id).items()
        ],
    )


def book_view(instrument: str, depth: int, projections: Projections) -> Book:
    """An instrument's best levels."""
    instrument_id = projections.listings.instrument_ids.get(instrument, 0)
    if not instrument_id:
        return Book(instrument=instrument, seq=projections.at_seq, bids=[], asks=[], snapshot=True)
    return Book(
        instrument=instrument,
        seq=projections.at_seq,
        bids=projections.depth.bids(instrument_id, depth),
        asks=projections.depth.asks(instrument_id, depth),
        snapshot=True,
        session_state=session_word(instrument_id, projections),
        indication=indication_view(instrument_id, projections),
    )


def session_word(instrument_id: int, projections: Projections) -> SessionWord:
    """A book's session state as the wire says it."""
    return _SESSION_WORDS[projections.sessions.state_of(instrument_id)]


def indication_view(instrument_id: int, projections: Projections) -> Indication | None:
    """The indication of a book that collects, None of one that does not."""
    if projections.sessions.state_of(instrument_id) not in COLLECTING:
        return None
    book = projections.sessions.books[instrument_id]
    bids, asks = projections.depth.crossing(instrument_id)
    return indication_of(bids, asks, book.reference_price, book.auction_end_ns)


def trades_view(instrument: str, count: int, projections: Projections) -> list[Trade]:
    """An instrument's latest trades, newest first."""
    instrument_id = projections.listings.instrument_ids.get(instrument, 0)
    return projections.trades.latest(instrument_id, count) if instrument_id else []
