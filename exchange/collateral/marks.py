"""
The mark of a node: the official price of a GPU-hour in one month, for a class and region.

Seven sources are asked in order and the first that qualifies sets the price: the average of
enough trades, an auction, the last trade, the middle of the quotes, the curve through better
nodes, an outside index, and at last the previous mark, decayed. Guards act around them: trades
at nothing or between affiliates do not count, a last trade cannot lie outside the quotes, and a
price that rises too fast is capped until a second source confirms it. A fall is never held
back: a lender would rather be wrong on that side.

Trades come added up (`recent_trades`), and with them why some do not count.

Choices the pages leave open: two parties are one pair whichever of them bought; a window of a
day includes its last instant; only trades inside the window are noted; quotes, auctions and
index prices that are not above zero are as good as absent; the curve needs a better node on
either side of the month; the previous mark is the last one of level 6 or better, for the decay
and for the cap alike; an index at its basis counts at most the highest price of the venue, so that
no node is marked where nothing could trade, and no pledge beyond what the wire can state.
"""

from enum import IntEnum, StrEnum

from msgspec import Struct

from exchange.collateral.curve import log_linear_micro, months_between
from exchange.collateral.recent_trades import Traded, TradeNote
from exchange.collateral.rounding import E12, divide_half_even, in_model_context, ratio, to_integer
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import MAX_PRICE, MICRO_PER_FEN, NS_PER_SECOND, PPM_WHOLE

NS_PER_HOUR = 3_600 * NS_PER_SECOND
YEAR_DAYS = 365
HIGHEST_MICRO = MAX_PRICE * MICRO_PER_FEN


class MarkLevel(IntEnum):
    """Where a mark came from; the smaller, the better."""

    UNMARKABLE = 0
    """No source qualified: no price, and no eligible value."""
    TRADES = 1
    AUCTION = 2
    LAST_TRADE = 3
    QUOTES = 4
    CURVE = 5
    INDEX = 6
    DECAYED = 7


class MarkNote(StrEnum):
    """What the guards did behind those of trades, listed in the order in which they act."""

    CLAMP_BID = "CLAMP_BID"
    CLAMP_ASK = "CLAMP_ASK"
    UNMARKABLE = "UNMARKABLE"
    UP_MOVE_CAPPED_15PCT_PENDING = "UP_MOVE_CAPPED_15PCT_PENDING"


class RecentAuction(Struct, frozen=True, kw_only=True):
    """The last auction of the node's month window."""

    price_micro: int
    matched_hours: int
    age_ns: int


class MonthMark(Struct, frozen=True, kw_only=True):
    """The mark of another month of the same class and region."""

    month: int
    mark_micro: int
    level: MarkLevel


class IndexQuote(Struct, frozen=True, kw_only=True):
    """An outside price and how the node has stood to it."""

    index_micro: int
    basis_e12: int
    """Moving average of mark over index."""
    age_days_count: int
    """Business days."""


class PreviousMark(Struct, frozen=True, kw_only=True):
    """The node's last mark of level 6 or better."""

    mark_micro: int
    base_micro: int = 0
    """What a rise is measured against; 0 is the mark itself."""
    age_days_count: int
    """Calendar days."""


class MarkInputs(Struct, frozen=True, kw_only=True):
    """Everything one node is marked from at one moment; a price of 0 is an absent quote."""

    month: int
    traded: Traded = Traded()
    """The trades of the window."""
    auction: RecentAuction | None = None
    bid_micro: int = 0
    ask_micro: int = 0
    neighbours: tuple[MonthMark, ...] = ()
    """Marks of other months at this moment, in any order and of any level."""
    index: IndexQuote | None = None
    previous: PreviousMark | None = None
    pledged_hours: int = 0
    """GPU-hours under lien on the node."""
    is_rise_confirmed: bool = False
    """Whether a second source supports a rise beyond the cap."""


class NodeMark(Struct, frozen=True, kw_only=True):
    """A node's price, where it came from and what the guards did."""

    mark_micro: int
    level: MarkLevel
    raw_micro: int
    """Before clamping and capping."""
    notes: tuple[TradeNote | MarkNote, ...]
    """Those of the trades first, as they came with them."""


def mark_node(inputs: MarkInputs, parameters: RiskParameters) -> NodeMark:
    """Marks one node by the first source that qualifies, then guards the result."""
    notes: list[TradeNote | MarkNote] = list(inputs.traded.notes)
    level, raw_micro = _first_source(inputs, parameters)
    mark_micro = raw_micro
    if level is MarkLevel.LAST_TRADE:
        mark_micro = _clamped(raw_micro, inputs, notes)
    if level is MarkLevel.UNMARKABLE:
        notes.append(MarkNote.UNMARKABLE)
    elif inputs.previous and level is not MarkLevel.DECAYED and not inputs.is_rise_confirmed:
        base_micro = inputs.previous.base_micro or inputs.previous.mark_micro
        cap_micro = base_micro * (PPM_WHOLE + parameters.rise_cap_ppm) // PPM_WHOLE
        if mark_micro > cap_micro:
            mark_micro = cap_micro
            notes.append(MarkNote.UP_MOVE_CAPPED_15PCT_PENDING)
    return NodeMark(mark_micro=mark_micro, level=level, raw_micro=raw_micro, notes=tuple(notes))


def is_rise_confirmed(inputs: MarkInputs, parameters: RiskParameters) -> bool:
    """
    Whether a source of another kind supports what the first one says.

    Trades, auctions and the last trade are one kind, quotes and the outside index one each; the
    curve and the decayed mark tell nothing of their own. A second source supports a price that lies
    no further above it than a rise may go by itself.
    """
    level, price_micro = _first_source(inputs, parameters)
    if level is MarkLevel.LAST_TRADE:
        price_micro = _clamped(price_micro, inputs, [])
    others = {
        MarkLevel.QUOTES: _middle_micro(inputs, parameters),
        MarkLevel.INDEX: _index_micro(inputs, parameters),
    }
    most_ppm = PPM_WHOLE + parameters.rise_cap_ppm
    return any(
        other_micro * most_ppm >= price_micro * PPM_WHOLE
        for kind, other_micro in others.items()
        if kind is not level and other_micro
    )


def next_basis_e12(
    basis_e12: int | None, mark_micro: int, index_micro: int, parameters: RiskParameters
) -> int:
    """
    The basis after one more day on which node and index both had a price, half to even.

    The first day is the basis itself; later ones weigh 2 / (span + 1).
    """
    today_e12 = divide_half_even(mark_micro * E12, index_micro)
    if basis_e12 is None:
        return today_e12
    span = parameters.basis_days_count
    return divide_half_even(2 * today_e12 + (span - 1) * basis_e12, span + 1)


def _first_source(inputs: MarkInputs, parameters: RiskParameters) -> tuple[MarkLevel, int]:
    """The best level that has a price, with that price."""
    if price_micro := _average_micro(inputs, parameters):
        return MarkLevel.TRADES, price_micro
    if price_micro := _auction_micro(inputs, parameters):
        return MarkLevel.AUCTION, price_micro
    if inputs.traded.last_micro:
        return MarkLevel.LAST_TRADE, inputs.traded.last_micro
    if price_micro := _middle_micro(inputs, parameters):
        return MarkLevel.QUOTES, price_micro
    if price_micro := _curve_micro(inputs):
        return MarkLevel.CURVE, price_micro
    if price_micro := _index_micro(inputs, parameters):
        return MarkLevel.INDEX, price_micro
    if price_micro := _decayed_micro(inputs, parameters):
        return MarkLevel.DECAYED, price_micro
    return MarkLevel.UNMARKABLE, 0


def is_deep(hours: int, pledged_hours: int, parameters: RiskParameters) -> bool:
    """Whether a quantity is large enough to re-mark what is pledged on the node."""
    pledged_share = pledged_hours * parameters.mark_pledged_ppm
    return hours >= parameters.mark_floor_hours and hours * PPM_WHOLE >= pledged_share


def _average_micro(inputs: MarkInputs, parameters: RiskParameters) -> int:
    """Volume-weighted average of enough trades between enough pairs, else 0."""
    traded = inputs.traded
    if traded.trades_count < parameters.mark_trades_count:
        return 0
    if traded.pairs_count < parameters.mark_pairs_count:
        return 0
    if not is_deep(traded.traded_hours, inputs.pledged_hours, parameters):
        return 0
    return divide_half_even(traded.notional_micro, traded.traded_hours)


def _auction_micro(inputs: MarkInputs, parameters: RiskParameters) -> int:
    """The price of a recent and deep auction, else 0."""
    auction = inputs.auction
    if auction is None or auction.age_ns > parameters.mark_window_hours * NS_PER_HOUR:
        return 0
    if not is_deep(auction.matched_hours, inputs.pledged_hours, parameters):
        return 0
    return max(0, auction.price_micro)


def _middle_micro(inputs: MarkInputs, parameters: RiskParameters) -> int:
    """The middle of quotes that are narrow enough, else 0."""
    bid_micro, ask_micro = inputs.bid_micro, inputs.ask_micro
    if bid_micro <= 0 or ask_micro < bid_micro:
        return 0
    twice_middle = bid_micro + ask_micro
    if 2 * (ask_micro - bid_micro) * PPM_WHOLE > parameters.quote_width_ppm * twice_middle:
        return 0
    return divide_half_even(twice_middle, 2)


def _curve_micro(inputs: MarkInputs) -> int:
    """Log-linear between the nearest better nodes on either side, else 0."""
    nodes = [
        (months_between(inputs.month, node.month), node.mark_micro)
        for node in inputs.neighbours
        if MarkLevel.UNMARKABLE < node.level <= MarkLevel.QUOTES
    ]
    before = max((node for node in nodes if node[0] < 0), default=None)
    after = min((node for node in nodes if node[0] > 0), default=None)
    if before is None or after is None:
        return 0
    return log_linear_micro(-before[0], after[0] - before[0], before[1], after[1])


def _index_micro(inputs: MarkInputs, parameters: RiskParameters) -> int:
    """The outside index at the node's basis while it is fresh, else 0."""
    index = inputs.index
    if index is None or index.age_days_count > parameters.index_days_count:
        return 0
    price_micro = divide_half_even(index.index_micro * index.basis_e12, E12)
    return min(HIGHEST_MICRO, max(0, price_micro))


@in_model_context
def _decayed_micro(inputs: MarkInputs, parameters: RiskParameters) -> int:
    """The previous mark after the time it has gone unrenewed, half to even; 0 without one."""
    if inputs.previous is None:
        return 0
    years = ratio(inputs.previous.age_days_count, YEAR_DAYS)
    decay = (-ratio(parameters.stale_decay_ppm) * years).exp()
    return to_integer(inputs.previous.mark_micro * decay)


def _clamped(price_micro: int, inputs: MarkInputs, notes: list[TradeNote | MarkNote]) -> int:
    """The last trade brought between bid and ask, whichever of them stand."""
    if price_micro < inputs.bid_micro:
        notes.append(MarkNote.CLAMP_BID)
        return inputs.bid_micro
    if 0 < inputs.ask_micro < price_micro:
        notes.append(MarkNote.CLAMP_ASK)
        return inputs.ask_micro
    return price_micro
