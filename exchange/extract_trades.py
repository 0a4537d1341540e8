"""
What an extract tells of trades: those of month windows, which marks are made from, and no name.

A pair of parties is a number, in the order in which they came, and another one in each month; that
two parties are one house is said of the trade. What became of a trade is told of all of them: which
were of month windows is not remembered.
"""

from msgspec import Struct, field

from exchange.domain.desk_events import TradeBusted, TradePriceCorrected
from exchange.domain.enums import TradeSource, TradingMode, WindowKind
from exchange.domain.events import (
    AuctionUncrossed,
    Event,
    InstrumentListed,
    ParticipantAdmitted,
    TradeExecuted,
)
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import month_of

from .extract import TradeFact, TradeKind


class MonthWindow(Struct, frozen=True):
    """A window whose trades a node's mark is made from."""

    product_id: int
    month: int
    hours: int
    """Of one GPU."""


class TradeTeller(Struct):
    """What was learnt so far of windows, houses and pairs."""

    windows: dict[int, MonthWindow] = field(default_factory=dict)
    """By instrument."""
    parties: dict[int, int] = field(default_factory=dict)
    """Of accounts that are one party with another: its last one."""
    pairs: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """Numbers by month and both accounts."""

    def told(self, event: Event) -> TradeFact | None:
        """The fact of an event of the log, where it is one about trades of month windows."""
        match event:
            case InstrumentListed(mode=TradingMode.TITLE, kind=WindowKind.MONTH):
                hours = (event.end_day - event.start_day) * HOURS_PER_DAY
                window = MonthWindow(event.product_id, month_of(event.start_day), hours)
                self.windows[event.instrument_id] = window
            case ParticipantAdmitted():
                self._join(event)
            case TradeExecuted() if event.instrument_id in self.windows:
                return self._trade(event, self.windows[event.instrument_id])
            case AuctionUncrossed() if event.auction_qty and event.instrument_id in self.windows:
                window = self.windows[event.instrument_id]
                return TradeFact(
                    kind=TradeKind.AUCTION,
                    price=event.auction_price,
                    instrument_id=event.instrument_id,
                    product_id=window.product_id,
                    month=window.month,
                )
            case TradeBusted(trade_source=TradeSource.BOOK):
                return TradeFact(TradeKind.BUSTED, event.trade_id)
            case TradePriceCorrected(trade_source=TradeSource.BOOK):
                return TradeFact(TradeKind.REPRICED, event.trade_id, event.corrected_price)
        return None

    def _trade(self, event: TradeExecuted, window: MonthWindow) -> TradeFact:
        first_id, second_id = sorted((event.maker_account_id, event.taker_account_id))
        pair = window.month, first_id, second_id
        return TradeFact(
            kind=TradeKind.TRADE,
            trade_id=event.trade_id,
            price=event.last_price,
            instrument_id=event.instrument_id,
            product_id=window.product_id,
            month=window.month,
            traded_hours=window.hours * event.last_qty,
            pair_number=self.pairs.setdefault(pair, len(self.pairs) + 1),
            is_affiliated=self._party(first_id) == self._party(second_id),
        )

    def _join(self, event: ParticipantAdmitted) -> None:
        """An account is one party with its affiliates, and with whoever is one with these."""
        joined = {self._party(account_id) for account_id in event.affiliate_ids}
        if joined:
            members = [each for each, party in self.parties.items() if party in joined]
            for account_id in (*members, *event.affiliate_ids, event.account_id):
                self.parties[account_id] = event.account_id

    def _party(self, account_id: int) -> int:
        return self.parties.get(account_id, account_id)
