"""
The machines that `DOMAIN.md` draws, word by word: what is drawn happens, anything else is refused.

A machine is a table: in a state, a word leads to the next one. Every word is tried in every state;
where the table has no entry it is refused (or, of time, brings nothing) and the state stays.
Windows, capacity and delivery days have tables of their own: `test_life_cycle`, `test_capacity`,
`test_delivery`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from exchange.domain.commands import Command
from exchange.domain.delivery_commands import (
    ReinstateSupplier,
    SuspendSupplier,
    TerminateSupplier,
)
from exchange.domain.delivery_events import DeliveryPostponed
from exchange.domain.desk_commands import (
    AcceptQuote,
    ApproveCorrection,
    ConfirmBlock,
    ConfirmWaiver,
    DeclineBlock,
    DeclineCorrection,
    RecordClaim,
    RequestBust,
    WaiveBand,
    WithdrawQuote,
    WithdrawQuoteRequest,
)
from exchange.domain.enums import Side, TradeSource
from exchange.domain.letting import (
    AcceptSublet,
    DeclineSublet,
    EndSublet,
    OpenSublet,
)
from exchange.domain.movements import DeliveryDayClosed
from exchange.domain.substitution import (
    AcceptSubstitution,
    DeclineSubstitution,
    OfferSubstitution,
)
from exchange.domain.units import NS_PER_DAY, NS_PER_MINUTE
from tests.rules.desk import SPAN, alleged, asked, desk_market, pass_time, quote, quoted, registered
from tests.rules.markets import events_of
from tests.scenario import OTHER, SUPPLIER, TRADER, Market

Word = tuple[int, Command] | int
"""A command and its key, or so many nanoseconds that pass."""
GONE = "gone"


@dataclass(frozen=True)
class Machine:
    """What is drawn, how one is made in each state, and what can be said to it."""

    make: Callable[[Market], int]
    """One in the first state; its id."""
    state_of: Callable[[Market, int], str]
    words: dict[str, Callable[[Market, int], Word]]
    paths: dict[str, list[str]]
    """By state, the words that lead there."""
    moves: dict[tuple[str, str], str]


def say(market: Market, word: Word) -> bool:
    """Says a word; whether it was taken."""
    if isinstance(word, int):
        pass_time(market, word)
        return True
    return market.execute(*word).reason is None


def status_in(table: str) -> Callable[[Market, int], str]:
    """The status that an entry of a table of the state says it has."""

    def status(market: Market, key: int) -> str:
        return str(getattr(market.state, table)[key].status.value)

    return status


def told(table: dict[str, dict[str, str]]) -> dict[tuple[str, str], str]:
    """A table written by state, by (state, word)."""
    return {(state, word): end for state, row in table.items() for word, end in row.items()}


# -- the desk --------------------------------------------------------------------------------------


def last_quote(market: Market, request_id: int) -> int:
    """The latest quote to a request, or none."""
    found = [
        q for q, e in market.state.quotes.items() if e.submitted.quote_request_id == request_id
    ]
    return max(found, default=1)


REQUEST = Machine(
    make=asked,
    state_of=status_in("quote_requests"),
    words={
        "quote": lambda _, key: (SUPPLIER, quote(key, 1_010)),
        "accept": lambda m, key: (OTHER, AcceptQuote(quote_id=last_quote(m, key))),
        "withdraw": lambda _, key: (OTHER, WithdrawQuoteRequest(quote_request_id=key)),
        "time": lambda *_: 30 * NS_PER_MINUTE,
    },
    paths={
        "open": [],
        "quoted": ["quote"],
        "executed": ["quote", "accept"],
        "expired": ["time"],
        "withdrawn": ["withdraw"],
    },
    moves=told(
        {
            "open": {"quote": "quoted", "withdraw": "withdrawn", "time": "expired"},
            "quoted": {"accept": "executed", "withdraw": "withdrawn", "time": "expired"},
        }
    ),
)

QUOTE = Machine(
    make=lambda market: quoted(market, asked(market)),
    state_of=status_in("quotes"),
    words={
        "accept": lambda _, key: (OTHER, AcceptQuote(quote_id=key)),
        "withdraw": lambda _, key: (TRADER, WithdrawQuote(quote_id=key)),
        "request ends": lambda m, key: (
            OTHER,
            WithdrawQuoteRequest(quote_request_id=m.state.quotes[key].submitted.quote_request_id),
        ),
        "time": lambda *_: 5 * NS_PER_MINUTE,
    },
    paths={
        "firm": [],
        "accepted": ["accept"],
        "withdrawn": ["withdraw"],
        "not_taken": ["request ends"],
        "expired": ["time"],
    },
    moves=told(
        {
            "firm": {
                "accept": "accepted",
                "withdraw": "withdrawn",
                "request ends": "not_taken",
                "time": "expired",
            },
            # The request itself stands on without this quote, and may end then.
            "withdrawn": {"request ends": "withdrawn"},
            "expired": {"request ends": "expired"},
        }
    ),
)

BLOCK = Machine(
    make=alleged,
    state_of=status_in("blocks"),
    words={
        "confirm": lambda _, key: (OTHER, ConfirmBlock(block_id=key)),
        "decline": lambda _, key: (OTHER, DeclineBlock(block_id=key)),
        "take back": lambda _, key: (TRADER, DeclineBlock(block_id=key)),
        "confirm own": lambda _, key: (TRADER, ConfirmBlock(block_id=key)),
        "waive": lambda _, key: (1, WaiveBand(block_id=key, note="agreed")),
        "confirm waiver": lambda _, key: (2, ConfirmWaiver(block_id=key)),
        "time": lambda *_: 15 * NS_PER_MINUTE,
    },
    paths={
        "alleged": [],
        "registered": ["confirm"],
        "declined": ["decline"],
        "lapsed": ["time"],
    },
    moves=told(
        {
            "alleged": {
                "confirm": "registered",
                "decline": "declined",
                "take back": "declined",
                "waive": "alleged",
                "time": "lapsed",
            },
        }
    ),
)


def book_bust(market: Market) -> int:
    """A bust that a party of a book's trade has asked for."""
    market.order(TRADER, 1, Side.SELL, 5, 1_000)
    market.order(OTHER, 1, Side.BUY, 5, 1_000)
    trade_id = market.core.next_trade_id - 1
    ask = RequestBust(trade_id=trade_id, note="typo", trade_source=TradeSource.BOOK)
    return market.do(OTHER, ask).seq


def desk_bust(market: Market) -> int:
    """A bust that a party of a block has asked for."""
    return market.do(OTHER, RequestBust(trade_id=registered(market) + 1, note="typo")).seq


def correction(make: Callable[[Market], int]) -> Machine:
    """The machine of busts, whatever made the trade."""
    return Machine(
        make=make,
        state_of=status_in("corrections"),
        words={
            "first approves": lambda _, key: (1, ApproveCorrection(correction_id=key)),
            "second approves": lambda _, key: (2, ApproveCorrection(correction_id=key)),
            "decline": lambda _, key: (2, DeclineCorrection(correction_id=key, note="no")),
            "claim": lambda _, key: (
                2,
                RecordClaim(correction_id=key, claim_amount=1, note="no"),
            ),
            "time": lambda *_: 60 * NS_PER_MINUTE,
        },
        paths={
            "requested": [],
            "approved": ["first approves"],
            "done": ["first approves", "second approves"],
            "declined": ["decline"],
            "claimed": ["claim"],
        },
        moves=told(
            {
                "requested": {
                    "first approves": "approved",
                    "second approves": "approved",
                    "decline": "declined",
                    "claim": "claimed",
                },
                "approved": {
                    "second approves": "done",
                    "decline": "declined",
                    "claim": "claimed",
                },
            }
        ),
    )


# -- sublets and substitutions ---------------------------------------------------------------------


def standing_in(table: str) -> Callable[[Market, int], str]:
    """Whether an entry is there: what is over leaves no trace in the state."""

    def status(market: Market, key: int) -> str:
        return "stands" if key in getattr(market.state, table) else GONE

    return status


def sublet_offer(market: Market) -> int:
    """The trader's offer of a lot to the other."""
    terms = OpenSublet(product_id=1, lessee_account_id=OTHER, sublet_qty=10, rent_price=600, **SPAN)
    return market.do(TRADER, terms).seq


def sublet(market: Market) -> int:
    """A sublet that was taken."""
    market.do(OTHER, AcceptSublet(offer_id=sublet_offer(market)))
    return market.events[0].sublet_id


def end_of(market: Market, sublet_id: int) -> str:
    """Whether a sublet runs, and whether one side wants it to end."""
    if sublet_id not in market.state.sublets:
        return GONE
    asked_for = market.state.sublet_ends.get(sublet_id)
    is_asked = asked_for is not None and asked_for.lapse_ns > market.state.market_ns
    return "end asked" if is_asked else "let"


SUBLET_OFFER = Machine(
    make=sublet_offer,
    state_of=standing_in("sublet_offers"),
    words={
        "accept": lambda _, key: (OTHER, AcceptSublet(offer_id=key)),
        "accept own": lambda _, key: (TRADER, AcceptSublet(offer_id=key)),
        "decline": lambda _, key: (OTHER, DeclineSublet(offer_id=key)),
        "take back": lambda _, key: (TRADER, DeclineSublet(offer_id=key)),
        "time": lambda *_: 15 * NS_PER_MINUTE,
    },
    paths={"stands": [], GONE: ["decline"]},
    moves=told({"stands": dict.fromkeys(("accept", "decline", "take back", "time"), GONE)}),
)

SUBLET = Machine(
    make=sublet,
    state_of=end_of,
    words={
        "lessor ends": lambda _, key: (TRADER, EndSublet(sublet_id=key)),
        "lessee ends": lambda _, key: (OTHER, EndSublet(sublet_id=key)),
        "stranger ends": lambda _, key: (SUPPLIER, EndSublet(sublet_id=key)),
        "time": lambda *_: 15 * NS_PER_MINUTE,
    },
    paths={"let": [], "end asked": ["lessor ends"], GONE: ["lessor ends", "lessee ends"]},
    moves=told(
        {
            "let": {"lessor ends": "end asked", "lessee ends": "end asked"},
            "end asked": {"lessee ends": GONE, "time": "let"},
        }
    ),
)


def substitution(market: Market) -> int:
    """The supplier's offer of later days for some of the trader's."""
    offer = OfferSubstitution(
        holder_account_id=TRADER,
        product_id=1,
        substituted_qty=10,
        other_product_id=1,
        other_start_day=SPAN["end_day"] + 30,
        **SPAN,
    )
    return market.do(SUPPLIER, offer).seq


SUBSTITUTION = Machine(
    make=substitution,
    state_of=standing_in("substitutions"),
    words={
        "accept": lambda _, key: (TRADER, AcceptSubstitution(substitution_id=key)),
        "stranger accepts": lambda _, key: (OTHER, AcceptSubstitution(substitution_id=key)),
        "decline": lambda _, key: (TRADER, DeclineSubstitution(substitution_id=key)),
        "take back": lambda _, key: (SUPPLIER, DeclineSubstitution(substitution_id=key)),
        "time": lambda *_: NS_PER_DAY,
    },
    paths={"stands": [], GONE: ["accept"]},
    moves=told({"stands": dict.fromkeys(("accept", "decline", "take back", "time"), GONE)}),
)


# -- suppliers -------------------------------------------------------------------------------------


def standing(market: Market, supplier_id: int) -> str:
    """Whether a supplier sells."""
    found = market.state.standings.get(supplier_id)
    if found is None or not (found.is_suspended or found.is_terminated):
        return "selling"
    return "terminated" if found.is_terminated else "suspended"


SUPPLIERS = Machine(
    make=lambda market: SUPPLIER,
    state_of=standing,
    words={
        "suspend": lambda _, key: (1, SuspendSupplier(supplier_account_id=key)),
        "reinstate": lambda _, key: (1, ReinstateSupplier(supplier_account_id=key)),
        "terminate": lambda _, key: (1, TerminateSupplier(supplier_account_id=key)),
    },
    paths={"selling": [], "suspended": ["suspend"], "terminated": ["suspend", "terminate"]},
    moves=told(
        {
            "selling": {"suspend": "suspended"},
            "suspended": {"reinstate": "selling", "terminate": "terminated"},
        }
    ),
)


MACHINES: dict[str, Machine] = {
    "request": REQUEST,
    "quote": QUOTE,
    "block": BLOCK,
    "bust at the desk": correction(desk_bust),
    "bust in a book": correction(book_bust),
    "sublet offer": SUBLET_OFFER,
    "sublet": SUBLET,
    "substitution": SUBSTITUTION,
    "supplier": SUPPLIERS,
}
CASES: list[Any] = [
    pytest.param(machine, state, word, id=f"{name}: {state}, {word}")
    for name, machine in MACHINES.items()
    for state in machine.paths
    for word in machine.words
]


def brought_to(machine: Machine, state: str) -> tuple[Market, int]:
    """A market with one of these in a state."""
    market = desk_market()
    key = machine.make(market)
    for word in machine.paths[state]:
        assert say(market, machine.words[word](market, key)), word
    assert machine.state_of(market, key) == state
    return market, key


@pytest.mark.parametrize(("machine", "state", "word"), CASES)
def test_what_is_drawn_happens_and_anything_else_is_refused(machine, state, word):
    market, key = brought_to(machine, state)
    is_taken = say(market, machine.words[word](market, key))
    expected = machine.moves.get((state, word))
    assert machine.state_of(market, key) == (state if expected is None else expected)
    assert is_taken == (expected is not None or word == "time")


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_every_state_of_a_machine_is_reached_and_every_end_is_one_of_its_states(machine):
    assert set(machine.moves.values()) <= set(machine.paths)
    assert {state for state, _ in machine.moves} <= set(machine.paths)


# -- a day that cannot close -----------------------------------------------------------------------


def test_a_cancelled_day_that_somebody_still_has_on_offer_closes_a_day_later():
    """A terminated supplier's days are final at once, but a firm quote may still keep some."""
    market = desk_market()
    quoted(market, asked(market))
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    market.do(1, TerminateSupplier(supplier_account_id=SUPPLIER))
    market.drain()
    postponed = events_of(market, DeliveryPostponed)
    kept_days = range(SPAN["start_day"], SPAN["end_day"])
    assert [event.day for event in postponed] == list(kept_days)
    now_ns = market.state.market_ns
    assert {event.due_ns for event in postponed} == {now_ns + NS_PER_DAY}
    closed = {event.day for event in events_of(market, DeliveryDayClosed)}
    assert closed.isdisjoint(kept_days)
    pass_time(market, NS_PER_DAY)
    market.drain()
    closed = {event.day for event in events_of(market, DeliveryDayClosed)}
    assert closed >= set(kept_days)
    assert market.core.escrow(1) == []
    market.assert_replays()
