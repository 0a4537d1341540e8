"""
The trades of a node that may still set its mark, added up by minutes of market time.

What is kept does not grow with the number of trades: a minute is a count, GPU-hours, their worth,
the last price and up to `PAIRS_COUNT` pairs, and the sums over all minutes are kept beside them, so
that to add a trade, to let minutes go and to read the sums takes as long on a busy day as on a
quiet one.

The window moves by whole minutes: a trade counts as long as its minute is no more than the window
before the present one. Marking cycles come at whole minutes, and for them this is the window to the
nanosecond, its last instant included; at any other moment a trade counts up to a minute longer.

Prices are ticks; how many micro-CNY a tick is, who reads says. Minutes, pairs and notes do not
depend on the order in which the trades of a minute came, but for the last price.
"""

from bisect import bisect_left
from enum import StrEnum
from operator import attrgetter

from msgspec import Struct, field
from msgspec.structs import replace

from exchange.domain.risk_parameters import MOST_PAIRS_COUNT, RiskParameters
from exchange.domain.units import NS_PER_MINUTE

MINUTES_PER_HOUR = 60
_number = attrgetter("minute")
PAIRS_COUNT = MOST_PAIRS_COUNT
"""
Pairs that a minute remembers. A mark asks for no more of them than this, so it does not matter who
else traded in a minute that has so many.
"""
FULL_AMOUNT = 1 << 51
"""Price times hours of a minute after which no more of its trades count, so that a day's sums fit
64 bits."""


class TradeNote(StrEnum):
    """Why a trade does not count for a mark, in the order in which it is asked."""

    REJECT_NONPOSITIVE = "REJECT_NONPOSITIVE"
    EXCLUDE_AFFILIATED = "EXCLUDE_AFFILIATED"


class RecentTrade(Struct, frozen=True, gc=False):
    """A trade on the node's own month window."""

    at_ns: int
    trade_id: int
    """Above 0."""
    last_price: int
    traded_hours: int
    """GPU-hours."""
    buyer_id: int
    seller_id: int
    is_affiliated: bool = False

    @property
    def note(self) -> TradeNote | None:
        """Why it does not count; None where it does."""
        if self.last_price <= 0:
            return TradeNote.REJECT_NONPOSITIVE
        return TradeNote.EXCLUDE_AFFILIATED if self.is_affiliated else None

    def pair(self) -> str:
        """The two parties, whichever of them bought."""
        first_id, second_id = self.buyer_id, self.seller_id
        if first_id > second_id:
            first_id, second_id = second_id, first_id
        return f"{first_id}-{second_id}"


class Traded(Struct, frozen=True, kw_only=True):
    """What the trades in the window come to."""

    trades_count: int = 0
    pairs_count: int = 0
    """Different pairs, exact as far as a mark may ask."""
    traded_hours: int = 0
    """GPU-hours."""
    notional_micro: int = 0
    """Micro-CNY: price times hours, over the hours the average price."""
    last_micro: int = 0
    """The youngest price."""
    notes: tuple[TradeNote, ...] = ()
    """Why trades do not count."""


class TradedMinute(Struct, array_like=True):
    """The trades of one minute, added up."""

    minute: int
    """Minutes since 1970."""
    trades_count: int = 0
    traded_hours: int = 0
    notional_amount: int = 0
    """Price times hours."""
    last_price: int = 0
    last_trade_id: int = 0
    """Whose price that is; 0 where it is an average, see `RecentTrades.remove`."""
    pairs: dict[str, int] = field(default_factory=dict)
    """
    Trades of each of the first pairs. One whose trades are all busted keeps its place, or a bust
    could name a trade of another pair from before that one was counted.
    """
    notes: dict[str, int] = field(default_factory=dict)
    """Trades that do not count, by the reason."""


class RecentTrades(Struct):
    """A node's minutes, oldest first, and their sums."""

    minutes: list[TradedMinute] = field(default_factory=list)
    """Those with trades."""
    trades_count: int = 0
    traded_hours: int = 0
    notional_amount: int = 0
    pairs: dict[str, int] = field(default_factory=dict)
    """Minutes in which each pair traded."""
    notes: dict[str, int] = field(default_factory=dict)
    """Minutes in which there were trades that do not count, by the reason."""

    def add(self, trade: RecentTrade) -> TradeNote | None:
        """Takes in a trade, none younger than it before; says why it does not count."""
        number, minutes = trade.at_ns // NS_PER_MINUTE, self.minutes
        if not minutes or minutes[-1].minute != number:
            minutes.append(TradedMinute(number))
        minute, hours = minutes[-1], trade.traded_hours
        if trade.last_price <= 0 or trade.is_affiliated:
            note = trade.note
            assert note is not None, "it has just been found not to count"
            _count(note, minute.notes, self.notes)
            return note
        if minute.notional_amount < FULL_AMOUNT:
            amount = trade.last_price * hours
            minute.trades_count += 1
            minute.traded_hours += hours
            minute.notional_amount += amount
            minute.last_price, minute.last_trade_id = trade.last_price, trade.trade_id
            self.trades_count += 1
            self.traded_hours += hours
            self.notional_amount += amount
            pair, pairs = trade.pair(), minute.pairs
            if pair in pairs or len(pairs) < PAIRS_COUNT:
                _count(pair, pairs, self.pairs)
        return None

    def remove(self, trade: RecentTrade) -> None:
        """
        Takes out again a trade that was added and is busted, as long as its minute is kept.

        Where its price was the minute's last one, that becomes the average of what is left of the
        minute, down to a whole tick. Which trade came before it is not known any more; where one is
        left it is that one's price, and where more are it lies among prices that stand, on the side
        on which a lender would rather be wrong. Where none is left the minute before has the last.
        """
        minute = self._minute_of(trade)
        if minute is None:
            return
        if trade.note is not None:
            _discount(trade.note, minute.notes, self.notes)
        elif minute.notional_amount < FULL_AMOUNT:
            self._change(minute, -1, -trade.traded_hours, -trade.last_price * trade.traded_hours)
            pair = trade.pair()
            if pair in minute.pairs:
                _discount(pair, minute.pairs, self.pairs)
            if minute.last_trade_id in (trade.trade_id, 0):
                _average_last(minute)

    def reprice(self, trade: RecentTrade, corrected_price: int) -> None:
        """Counts a trade that was added at another price, as long as its minute is kept."""
        minute = self._minute_of(trade)
        if minute is None or trade.note is not None or minute.notional_amount >= FULL_AMOUNT:
            return
        self._change(minute, 0, 0, (corrected_price - trade.last_price) * trade.traded_hours)
        if minute.last_trade_id == trade.trade_id:
            minute.last_price = corrected_price
        elif minute.last_trade_id == 0:
            _average_last(minute)

    def expire(self, oldest_minute: int) -> None:
        """Lets the minutes before this one go."""
        expired_count = 0
        for minute in self.minutes:
            if minute.minute >= oldest_minute:
                break
            expired_count += 1
            self.trades_count -= minute.trades_count
            self.traded_hours -= minute.traded_hours
            self.notional_amount -= minute.notional_amount
            for names, minutes in ((minute.pairs, self.pairs), (minute.notes, self.notes)):
                for name, trades_count in names.items():
                    if trades_count:
                        _take_one(name, minutes)
        del self.minutes[:expired_count]

    def traded(self, oldest_minute: int, tick_micro: int) -> Traded:
        """The sums over the minutes from this one on; each note once, whatever it is about."""
        recent = replace(
            self, minutes=self.minutes[:], pairs=self.pairs.copy(), notes=self.notes.copy()
        )
        recent.expire(oldest_minute)
        prices = (minute.last_price for minute in reversed(recent.minutes) if minute.trades_count)
        return Traded(
            trades_count=recent.trades_count,
            pairs_count=len(recent.pairs),
            traded_hours=recent.traded_hours,
            notional_micro=recent.notional_amount * tick_micro,
            last_micro=next(prices, 0) * tick_micro,
            notes=tuple(note for note in TradeNote if note in recent.notes),
        )

    def _minute_of(self, trade: RecentTrade) -> TradedMinute | None:
        """Where the trade was added; None where that is let go."""
        number = trade.at_ns // NS_PER_MINUTE
        index = bisect_left(self.minutes, number, key=_number)
        is_kept = index < len(self.minutes) and self.minutes[index].minute == number
        return self.minutes[index] if is_kept else None

    def _change(self, minute: TradedMinute, count: int, hours: int, amount: int) -> None:
        """Adds to the sums of a minute and of all."""
        for sums in (minute, self):
            sums.trades_count += count
            sums.traded_hours += hours
            sums.notional_amount += amount


def oldest_minute(now_ns: int, parameters: RiskParameters) -> int:
    """The first minute whose trades may set a mark now."""
    return now_ns // NS_PER_MINUTE - parameters.mark_window_hours * MINUTES_PER_HOUR


def _count(name: str, trades: dict[str, int], minutes: dict[str, int]) -> None:
    """One more of a minute's trades; the first of its kind is one more minute with such."""
    trades_count = trades.get(name, 0)
    trades[name] = trades_count + 1
    if trades_count == 0:
        minutes[name] = minutes.get(name, 0) + 1


def _discount(name: str, trades: dict[str, int], minutes: dict[str, int]) -> None:
    """One fewer of a minute's trades; the last of its kind is one minute fewer with such."""
    trades[name] -= 1
    if trades[name] == 0:
        _take_one(name, minutes)


def _take_one(name: str, minutes: dict[str, int]) -> None:
    """One minute fewer; what is in none is not kept."""
    left_count = minutes[name] - 1
    if left_count:
        minutes[name] = left_count
    else:
        del minutes[name]


def _average_last(minute: TradedMinute) -> None:
    """The last price of a minute whose last trade is not known any more."""
    minute.last_trade_id = 0
    minute.last_price = minute.notional_amount // minute.traded_hours if minute.trades_count else 0
