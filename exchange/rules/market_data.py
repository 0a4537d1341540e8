"""
What marks are made from, as recorded: trades of the month windows, indices, parameters, history.

A node is one GPU class in one region and one delivery month; its key is `class|region|month`.
"""

from msgspec import Struct, field

from exchange.collateral.recent_trades import RecentTrades
from exchange.collateral.volatility import Volatility
from exchange.domain.events import IndexPricePublished, NodeMarked
from exchange.domain.risk_parameters import RiskParameters


class NodeAuction(Struct, array_like=True):
    """A call auction of one of the node's books."""

    at_ns: int
    instrument_id: int
    auction_price: int
    seq: int
    """Of its last record so far: what else trades at that moment is not of the auction."""
    matched_hours: int = 0
    """GPU-hours; not those of a house with itself."""


class Node(Struct):
    """One node's recorded past."""

    gpu_class: str
    region: str
    month: int
    trades: RecentTrades = field(default_factory=RecentTrades)
    """Added up by minutes, none older than the marking window at the last cycle."""
    auctions: list[NodeAuction] = field(default_factory=list)
    """Oldest first, none older than the marking window at the last cycle."""
    traded_days: list[tuple[int, int]] = field(default_factory=list)
    """(delivery day of the trade, GPU-hours), oldest first, the averaging span only."""
    mark: NodeMarked | None = None
    """As last published."""
    mark_seq: int = 0
    """The record that published it."""
    real_mark_micro: int = 0
    """The last mark of level 1 to 6."""
    base_micro: int = 0
    """
    What a rise is measured against on `base_day`: the last one of the days before, on the first day
    the first of the day.
    """
    base_day: int = 0
    """The last delivery day with such a mark."""
    volatility: Volatility = field(default_factory=Volatility)
    observed_seq: int = 0
    """The record of the last day in it."""
    basis_e12: int = 0


class MarketData(Struct):
    """All nodes, the indices by `class|region`, and the constants in force."""

    nodes: dict[str, Node] = field(default_factory=dict)
    indices: dict[str, IndexPricePublished] = field(default_factory=dict)
    marked_ns: int = 0
    """Market time of the last marking cycle."""
    risk_parameters: RiskParameters | None = None
    risk_parameters_version: int = 0

    def node(self, gpu_class: str, region: str, month: int) -> Node:
        """The node, new where it has no past."""
        key = f"{gpu_class}|{region}|{month}"
        node = self.nodes.get(key)
        if node is None:
            node = self.nodes[key] = Node(gpu_class, region, month)
        return node
