"""MARK: one node at one moment."""

from collections.abc import Iterable
from datetime import date
from itertools import count
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.inputs import Inputs, NotUnderstood, decimal_of, inputs_of
from exchange.collateral.marks import (
    NS_PER_HOUR,
    IndexQuote,
    MarkInputs,
    MarkLevel,
    MonthMark,
    PreviousMark,
    RecentAuction,
    mark_node,
)
from exchange.collateral.recent_trades import RecentTrade, RecentTrades, Traded, oldest_minute
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import NS_PER_MINUTE, NS_PER_SECOND
from exchange.domain.windows import add_months, day_of, month_of, start_ns

FIRST_OF_MONTH = date(2027, 6, 1)
"""A case names no month; this is the node's."""
NOW_NS = start_ns(day_of(FIRST_OF_MONTH))
"""A whole minute, as marking cycles are at."""
CURVE_NAMES = ("curve", "curve_px", "neighbours", "neighbors")


def mark_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """Price, level and notes; a node without a price has no level either."""
    mark = mark_node(
        MarkInputs(
            month=month_of(day_of(FIRST_OF_MONTH)),
            traded=_traded(inputs, parameters),
            auction=_auction(inputs.part("auction")),
            bid_micro=inputs.integer("bid", 0),
            ask_micro=inputs.integer("ask", 0),
            neighbours=_neighbours(inputs),
            index=_index(inputs.part("index")),
            previous=_previous(inputs),
            pledged_hours=inputs.integer("pledged_gpuh", 0),
            is_rise_confirmed=inputs.flag("confirmed"),
        ),
        parameters,
    )
    return {
        "px": mark.mark_micro or None,
        "level": int(mark.level) or None,
        "notes": [str(note) for note in mark.notes],
    }


def _traded(inputs: Inputs, parameters: RiskParameters) -> Traded:
    """The trades added up in the order of time, with a note for each that does not count."""
    recent, notes = RecentTrades(), []
    oldest = oldest_minute(NOW_NS, parameters)
    for trade in sorted(_trades(inputs.items("trades")), key=attrgetter("at_ns")):
        note = recent.add(trade)
        if note is not None and trade.at_ns // NS_PER_MINUTE >= oldest:
            notes.append(note)
    return replace(recent.traded(oldest, tick_micro=1), notes=tuple(notes))


def _trades(found: Iterable[Any]) -> Iterable[RecentTrade]:
    """Parties are numbered as they appear; a pair is written `buyer-seller`. A tick is 1 micro."""
    numbers, trade_ids = count(1), count(1)
    parties: dict[str, int] = {}
    for each in found:
        trade = inputs_of(each, "trades")
        buyer, dash, seller = trade.text("pair").partition("-")
        if not dash:
            raise NotUnderstood(f"pair {buyer!r} is not like a-b")
        for party in (buyer, seller):
            if party not in parties:
                parties[party] = next(numbers)
        yield RecentTrade(
            at_ns=NOW_NS - int(trade.decimal("age_s", "0") * NS_PER_SECOND),
            trade_id=next(trade_ids),
            last_price=trade.integer("px"),
            traded_hours=trade.integer("qty"),
            buyer_id=parties[buyer],
            seller_id=parties[seller],
            is_affiliated=trade.flag("affiliated"),
        )


def _auction(auction: Inputs | None) -> RecentAuction | None:
    if auction is None:
        return None
    return RecentAuction(
        price_micro=auction.integer("px"),
        matched_hours=auction.integer("qty"),
        age_ns=int(auction.decimal("age_h", "0") * NS_PER_HOUR),
    )


def _index(index: Inputs | None) -> IndexQuote | None:
    if index is None:
        return None
    return IndexQuote(
        index_micro=index.integer("px"),
        basis_e12=index.e12("basis", "1"),
        age_days_count=index.integer("age_bd", 0),
    )


def _previous(inputs: Inputs) -> PreviousMark | None:
    if not inputs.has("prev_px"):
        return None
    return PreviousMark(
        mark_micro=inputs.integer("prev_px"), age_days_count=inputs.integer("prev_age_d", 0)
    )


def _neighbours(inputs: Inputs) -> tuple[MonthMark, ...]:
    """
    What the curve runs between: pairs of months away, signed, and price; or its price itself.

    Between two equal neighbours every month has their price.
    """
    name = next((each for each in CURVE_NAMES if inputs.has(each)), "")
    if not name:
        return ()
    found = inputs.value(name)
    if isinstance(found, dict):
        found = found["px"] if "px" in found else list(map(list, found.items()))
    pairs = found if isinstance(found, list) else [[-1, found], [1, found]]
    return tuple(_neighbour(pair, name) for pair in pairs)


def _neighbour(pair: object, name: str) -> MonthMark:
    if not isinstance(pair, list) or len(pair) != 2:
        raise NotUnderstood(f"{name} {pair!r} is no pair of months away and price")
    away, price_micro = (int(decimal_of(each, name)) for each in pair)
    month = month_of(day_of(add_months(FIRST_OF_MONTH, away)))
    return MonthMark(month=month, mark_micro=price_micro, level=MarkLevel.QUOTES)
