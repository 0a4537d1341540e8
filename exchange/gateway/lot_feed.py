"""
The channel `lots`: what is on offer, its price whenever that falls, and how each lot ends.

Anybody who is no side of the lots that changed is told the same bytes. As with other market data a
reader that is behind is skipped and gets a fresh snapshot once it has read what it had.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from exchange.domain.lending_events import LotOffered
from exchange.domain.lot_prices import lot_price, next_step_ns
from exchange.domain.wire import Message
from exchange.projections import Projections
from exchange.projections.lot_views import ANYBODY, lot_news, lots_page, sees_all_lots
from exchange.projections.lots import GoneLot

from .pages import Pages

if TYPE_CHECKING:
    from .session import Session

LOTS_AT_A_TIME_COUNT = 200
"""Lots that are shown before commits may go on."""
Broadcast = Callable[[set["Session"], list[Message]], None]


class LotFeed:
    """Who follows lots, what has become of these, and when the next price falls."""

    def __init__(self, projections: Projections, broadcast: Broadcast) -> None:
        self._projections = projections
        self._broadcast = broadcast
        self._readers: set[Session] = set()
        self._steps: list[tuple[int, int]] = []
        """A heap of (moment, lot): one entry for each lot whose price falls on and was told."""
        self._pages = Pages(self._tell_page)

    @property
    def has_more(self) -> bool:
        """Something is left for the next interval."""
        lots = self._projections.lots
        return bool(lots.changed or lots.gone or self._pages)

    def join(self, session: "Session") -> None:
        """The first page, the others later."""
        if not self._readers:
            self._begin()
        self._readers.add(session)
        self._pages.begin(session)

    def leave(self, session: "Session") -> None:
        """Nothing more is told."""
        self._readers.discard(session)
        self._pages.forget(session)

    def publish(self) -> None:
        """New lots, prices that fell and ends; of many, the rest next time; and a page."""
        lots = self._projections.lots
        if not self._readers:
            lots.changed.clear()
            lots.gone.clear()
            return
        self._take_steps()
        lot_ids = sorted(lots.changed)[:LOTS_AT_A_TIME_COUNT]
        lots.changed.difference_update(lot_ids)
        standing = [lots.lots[lot_id] for lot_id in lot_ids if lot_id in lots.lots]
        gone = [lots.gone.pop(each) for each in list(lots.gone)[:LOTS_AT_A_TIME_COUNT]]
        for lot in standing:
            self._await_step(lot)
        for (account_id, sees_all), sessions in self._viewers(standing, gone).items():
            news = lot_news(account_id, standing, gone, self._projections, sees_all=sees_all)
            if news.lots or news.gone:
                self._broadcast(sessions, [news])
        self._pages.turn()

    def _begin(self) -> None:
        """Somebody is there to tell: a snapshot has all, and from here on each step is news."""
        lots = self._projections.lots
        lots.changed.clear()
        lots.gone.clear()
        self._steps.clear()
        for lot in lots.lots.values():
            self._await_step(lot)

    def _await_step(self, lot: LotOffered) -> None:
        market_ns = self._projections.venue.market_ns
        if lot_price(lot, market_ns) > lot.floor_price:
            heapq.heappush(self._steps, (next_step_ns(lot, market_ns), lot.lot_id))

    def _take_steps(self) -> None:
        """Lots whose price has fallen since it was told have changed."""
        lots, market_ns = self._projections.lots, self._projections.venue.market_ns
        while self._steps and self._steps[0][0] <= market_ns:
            _, lot_id = heapq.heappop(self._steps)
            if lot_id in lots.lots:
                lots.changed.add(lot_id)

    def _viewers(
        self, standing: Sequence[LotOffered], gone: Sequence[GoneLot]
    ) -> dict[tuple[int, bool], set["Session"]]:
        """The readers by what they see: as a side of one of the lots, of all, or as anybody."""
        lots = [*standing, *(each.offered for each in gone)]
        if not lots:
            return {}
        sides = {self._projections.lots.bank_of(lot) for lot in lots}
        sides |= {lot.buyer_account_id for lot in lots}
        found: dict[tuple[int, bool], set[Session]] = defaultdict(set)
        for session in self._readers:
            account_id = session.account_id
            sees_all = sees_all_lots(account_id, self._projections)
            is_side = account_id in sides and not sees_all
            found[account_id if is_side else ANYBODY, sees_all].add(session)
        return found

    def _tell_page(self, session: "Session", after_id: int) -> int:
        count, account_id = LOTS_AT_A_TIME_COUNT, session.account_id
        message = lots_page(account_id, after_id, count, self._projections)
        session.send(message)
        return message.lots[-1].lot_id if message.left_count else 0
