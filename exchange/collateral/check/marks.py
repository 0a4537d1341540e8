"""MARK: one node at one moment."""

from collections.abc import Iterable
from itertools import count
from typing import Any

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
    RecentTrade,
    mark_node,
)
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import NS_PER_SECOND

MONTH, MONTH_BEFORE, MONTH_AFTER = 2027_06, 2027_05, 2027_07
"""A case names no month; these are the node's and its neighbours'."""


def mark_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """Price, level and notes; a node without a price has no level either."""
    mark = mark_node(
        MarkInputs(
            month=MONTH,
            trades=tuple(_trades(inputs.items("trades"))),
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


def _trades(found: Iterable[Any]) -> Iterable[RecentTrade]:
    """Parties are numbered as they appear; a pair is written `buyer-seller`."""
    numbers = count(1)
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
            price_micro=trade.integer("px"),
            traded_hours=trade.integer("qty"),
            age_ns=int(trade.decimal("age_s", "0") * NS_PER_SECOND),
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
    """A price that the curve already gave: between two equal neighbours it is the same."""
    given = next((name for name in ("curve", "curve_px") if inputs.has(name)), "")
    if not given:
        return ()
    found = inputs.value(given)
    if isinstance(found, dict):
        found = inputs_of(found, given).value("px")
    price_micro = int(decimal_of(found, given))
    return tuple(
        MonthMark(month=month, mark_micro=price_micro, level=MarkLevel.QUOTES)
        for month in (MONTH_BEFORE, MONTH_AFTER)
    )
