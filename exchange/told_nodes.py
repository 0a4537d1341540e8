"""
Node marks computed again from what an extract tells: trades without names, indices, parameters.

    trades, indices, parameters ─▶ ToldNodes ─▶ a cycle's marks and observations, by its own rules

Two inputs of a cycle are nobody's to tell. Best bid and ask are those that the marks themselves
state. GPU-hours pledged to other banks, at which a trade or an auction may be too small to count,
are not told: where a mark comes out only if it was too small, it is counted as stated.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from exchange.collateral.recent_trades import RecentTrade
from exchange.domain.events import Event, MarksPublished, NodeMarked, NodeObserved
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import day_at, month_of
from exchange.rules.market_data import Node
from exchange.rules.marks import NodeName, name_of, node_marks, pledged_hours
from exchange.rules.noted_trades import add_auction, add_noted, remove_noted, reprice_noted
from exchange.rules.state import State

from .extract import ToldRecord, TradeFact, TradeKind

_TOO_DEEP_HOURS = 10**18
"""Pledged GPU-hours at which no quantity is enough."""
Published = NodeMarked | NodeObserved


class NodeDiffers(Exception):
    """What a cycle published is not what its rules make; says of which node, and what."""


class ToldNodes:
    """Before a record: what its marking cycle saw; on the state that is told."""

    def __init__(self, state: State) -> None:
        self.marks_count = 0
        """Node marks that came out again."""
        self.depths_stated_count = 0
        """Of these, how many only if some quantity was too small for what is pledged."""
        self._state = state
        self._trades: dict[int, tuple[RecentTrade, TradeFact]] = {}
        """Those that may still be in a sum, oldest first."""

    def take_trades(self, record: ToldRecord) -> None:
        """The trades of the next record enter the nodes' sums."""
        self._state.seq = record.seq
        for fact in record.trades:
            self._take(fact)

    def check(self, events: Sequence[Event]) -> None:
        """Computes a cycle again from its record's events; raises `NodeDiffers`."""
        published = next((e for e in events if isinstance(e, MarksPublished)), None)
        told = [event for event in events if isinstance(event, Published)]
        if published is None:
            if told:
                raise NodeDiffers(f"{_text(told[0])} is of no marking cycle")
            return
        stated = {name_of(event): event for event in told if isinstance(event, NodeMarked)}
        if self._state.market_data.risk_parameters is None:
            raise LookupError("the first risk parameters")
        nodes = self._nodes(stated)
        quotes = [_quote(stated.get(name_of(node), node.mark)) for node in nodes]
        again = self._again(nodes, quotes, told)
        _require_same(told, again)
        if (published.node_count, published.changed_count) != (len(nodes), len(stated)):
            raise NodeDiffers(f"{published} is of {len(nodes)} nodes and {len(stated)} changes")
        self.marks_count += len(stated)
        self._forget()

    def _again(
        self, nodes: Sequence[Node], quotes: Sequence[tuple[int, int]], told: Sequence[Published]
    ) -> list[Event]:
        """What the rules publish; of a node for which it fits, as if no quantity were enough."""
        hours = pledged_hours(self._state)
        again = node_marks(nodes, quotes, hours, self._state)
        odd = _odd(told, again)
        if not odd:
            return again
        deep = hours | dict.fromkeys(odd, _TOO_DEEP_HOURS)
        fitting = odd - _odd(told, node_marks(nodes, quotes, deep, self._state))
        self.depths_stated_count += sum(
            isinstance(event, NodeMarked) and name_of(event) in fitting for event in told
        )
        hours |= dict.fromkeys(fitting, _TOO_DEEP_HOURS)
        return node_marks(nodes, quotes, hours, self._state)

    def _nodes(self, stated: dict[NodeName, NodeMarked]) -> list[Node]:
        """All that have a past and whose month is not over, with those marked first."""
        this_month = month_of(day_at(self._state.market_ns))
        known = {name_of(node): node for node in self._state.market_data.nodes.values()}
        found = {name: known.get(name) or Node(*name) for name in {*known, *stated}}
        return [node for _, node in sorted(found.items()) if node.month >= this_month]

    def _take(self, fact: TradeFact) -> None:
        if fact.kind in (TradeKind.BUSTED, TradeKind.REPRICED):
            self._correct(fact)
            return
        market_ns, node = self._state.market_ns, self._node(fact)
        if fact.kind is TradeKind.AUCTION:
            add_auction((market_ns, fact.instrument_id, fact.price), node, self._state.seq)
            return
        noted = RecentTrade(
            market_ns,
            fact.trade_id,
            fact.price,
            fact.traded_hours,
            fact.pair_number,
            0,
            fact.is_affiliated,
        )
        self._trades[fact.trade_id] = noted, fact
        add_noted(noted, day_at(market_ns), node, self._state.seq)

    def _correct(self, correction: TradeFact) -> None:
        """A trade that is in no sum any more, or was none of a month's, is not known."""
        known = self._trades.get(correction.trade_id)
        if known is None:
            return
        noted, fact = known
        if correction.kind is TradeKind.BUSTED:
            remove_noted(noted, fact.instrument_id, self._node(fact))
            del self._trades[fact.trade_id]
            return
        reprice_noted(noted, fact.instrument_id, correction.price, self._node(fact))
        self._trades[fact.trade_id] = replace(noted, last_price=correction.price), fact

    def _node(self, fact: TradeFact) -> Node:
        product = self._state.products[fact.product_id]
        return self._state.market_data.node(product.gpu_class, product.region, fact.month)

    def _forget(self) -> None:
        """Trades from before the longest span that a cycle sums up."""
        parameters = self._state.market_data.risk_parameters
        assert parameters is not None, "the cycle was computed with them"
        oldest_ns = self._state.market_ns - (parameters.adv_days_count + 1) * NS_PER_DAY
        while self._trades:
            trade_id, (noted, _) = next(iter(self._trades.items()))
            if noted.at_ns >= oldest_ns:
                break
            del self._trades[trade_id]


def _quote(mark: NodeMarked | None) -> tuple[int, int]:
    return (0, 0) if mark is None else (mark.bid_micro, mark.ask_micro)


def _only_in_one(told: Sequence[Published], again: Sequence[Event]) -> list[Published]:
    made = [event for event in again if isinstance(event, Published)]
    return [e for e in told if e not in made] + [e for e in made if e not in told]


def _odd(told: Sequence[Published], again: Sequence[Event]) -> set[NodeName]:
    """The nodes of which the two are not the same."""
    return {name_of(event) for event in _only_in_one(told, again)}


def _require_same(told: Sequence[Published], again: Sequence[Event]) -> None:
    for event in _only_in_one(told, again):
        raise NodeDiffers(f"{_text(event)}: {_difference(event, told, again)}")


def _difference(event: Published, told: Sequence[Event], again: Sequence[Event]) -> str:
    """By the first field, where both have one of the node."""
    pair = [
        next((e for e in events if type(e) is type(event) and name_of(e) == name_of(event)), None)
        for events in (told, again)
    ]
    stated, made = pair
    if stated is None or made is None:
        return "it is recorded and comes out as none" if made is None else "it was left out"
    for name in stated.__struct_fields__:
        one, other = getattr(stated, name), getattr(made, name)
        if one != other:
            return f"{name} is recorded as {one!r} and comes out as {other!r}"
    return "it stands in another order"


def _text(event: Published) -> str:
    return f"{type(event).__name__} of {event.gpu_class} {event.region} {event.month}"
