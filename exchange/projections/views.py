"""
What the read models show, as the wire's objects: one function for now and for any earlier record.

A `Question` names a view in plain data, so that it can be asked of projections in another process.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from exchange.domain.wire import Balances, Book, Message, Orders, Positions, Trade

from .bundle import Projections

Noun = Literal["orders", "positions", "balances", "book", "trades"]


class Question(Struct, frozen=True, kw_only=True):
    """One view: an account's, or an instrument's."""

    noun: Noun
    account_id: int = 0
    instrument: str = ""
    count: int = 0
    """Levels of a side, or trades, at most."""


def view(question: Question, projections: Projections) -> Message | list[Trade]:
    """The view as of where the projections stand; empty for what did not exist yet."""
    match question.noun:
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
    """An account's orders, positions or balances."""
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
    )


def book_view(instrument: str, depth: int, projections: Projections) -> Book:
    """An instrument's best levels."""
    instrument_id = projections.listings.instrument_ids.get(instrument, 0)
    return Book(
        instrument=instrument,
        seq=projections.at_seq,
        bids=projections.depth.bids(instrument_id, depth) if instrument_id else [],
        asks=projections.depth.asks(instrument_id, depth) if instrument_id else [],
        snapshot=True,
    )


def trades_view(instrument: str, count: int, projections: Projections) -> list[Trade]:
    """An instrument's latest trades, newest first."""
    instrument_id = projections.listings.instrument_ids.get(instrument, 0)
    return projections.trades.latest(instrument_id, count) if instrument_id else []
