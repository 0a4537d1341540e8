"""
The participants' behaviour: one small class each, paced by market time.

* The supplier offers its capacity at what providers ask: around the middle of the field and above.
* Market makers quote both sides around the reference, keep a stock from which they sell, and buy
  what a bank sells cheaply.
* Desks buy what their jobs need, month contracts ahead of time and days on the day before; what is
  too much they sell; on part of what they own they borrow (`lending`).
"""

import random
from collections import Counter

from clients.sdk import new_id
from exchange.domain.enums import TradingMode, WindowKind
from exchange.domain.units import NS_PER_SECOND, PPM_WHOLE
from exchange.domain.windows import Window
from exchange.domain.wire import AmendOrder, SideWord

from .demand import LAST_ORDER_S, LOT_QTY, DemandPlan, DeskOrder
from .lending import Borrower
from .liquidation import BargainHunter
from .market_time import MarketTime
from .participant import Participant, Quote, Slot
from .reference_price import ReferencePrice
from .venue_setup import DESK_COUNT, PRODUCT_CODE, Venue, symbol_of, windows_ahead

HOUR_NS = 3_600 * NS_PER_SECOND
QUOTE_INTERVAL_NS = 4 * HOUR_NS
GATE_SECOND = 16 * 3600
QUOTED_DAYS = 4
QUOTED_MONTHS = 3

SUPPLIER_PERCENTILES = (65, 80)
"""Of the providers' prices: what the offers beyond the first ask; that one is near the index."""
SUPPLIER_MARKUP_PPM = 1_020_000
SUPPLIER_STEP_PPM = 10_000
SUPPLIER_QTY = {
    WindowKind.DAY: 192,
    WindowKind.MONTH: 64,
    WindowKind.QUARTER: 64,
    WindowKind.YEAR: 64,
    WindowKind.STRIP: 64,
}
MAKER_QTY = {
    # Five lots on both sides settle a price where nobody traded.
    WindowKind.DAY: 5 * LOT_QTY,
    WindowKind.MONTH: 5 * LOT_QTY,
    WindowKind.QUARTER: 2 * LOT_QTY,
    WindowKind.YEAR: LOT_QTY,
    WindowKind.STRIP: LOT_QTY,
}
MAKER_STOCK_QTY = 20 * LOT_QTY
RESTOCK_PPM = 1_080_000
PATIENT_PPM, URGENT_PPM, LAST_CALL_PPM = 995_000, 1_050_000, 1_070_000
SURPLUS_PPM = 980_000
ASKED_RENT_PPM, PAID_RENT_PPM = 780_000, 800_000
"""What the use of a month is let and taken for: less than its price, more than half of it."""


def quoted_windows(time: MarketTime) -> list[Window]:
    """What is worth quoting now: the near days and months, and the first of each longer kind."""
    left = {
        WindowKind.DAY: QUOTED_DAYS,
        WindowKind.MONTH: QUOTED_MONTHS,
        WindowKind.QUARTER: 1,
        WindowKind.YEAR: 1,
        WindowKind.STRIP: 1,
    }
    chosen = []
    for window in windows_ahead(time.day):
        if left.get(window.kind, 0) > 0 and not is_about_to_close(window, time):
            left[window.kind] -= 1
            chosen.append(window)
    return chosen


def is_about_to_close(window: Window, time: MarketTime) -> bool:
    """Whether the window's last trading moment is past or less than an hour away."""
    notice_days = 1 if window.kind is WindowKind.DAY else 2
    last_day = window.start_day - notice_days
    is_late = time.second_of_day >= GATE_SECOND - 3600
    return time.day > last_day or (time.day == last_day and is_late)


class Supplier:
    """Sells the granted capacity."""

    def __init__(
        self, participant: Participant, time: MarketTime, reference: ReferencePrice
    ) -> None:
        self.participant = participant
        self._time = time
        self._reference = reference

    async def run(self) -> None:
        """Reprices every few hours until cancelled."""
        await self.participant.start()
        while True:
            await self.participant.keep_quotes(self._quotes())
            await self._time.next_tick(QUOTE_INTERVAL_NS)

    def _quotes(self) -> dict[Slot, Quote]:
        price = self._reference.at(self._time.day)
        offers = price.offers_micro
        asked_micro = [price.index_micro]
        asked_micro += [offers[len(offers) * p // 100] for p in SUPPLIER_PERCENTILES]
        quotes: dict[Slot, Quote] = {}
        for window in quoted_windows(self._time):
            for level, offer_micro in enumerate(asked_micro):
                markup_ppm = SUPPLIER_MARKUP_PPM + level * SUPPLIER_STEP_PPM
                lowest = self._reference.of_micro(price.index_micro, window, markup_ppm)
                asked = self._reference.of_micro(offer_micro, window, PPM_WHOLE)
                quotes[symbol_of(window), "sell", level] = Quote(
                    max(lowest, asked) + level, SUPPLIER_QTY[window.kind]
                )
        return quotes


class MarketMaker:
    """Quotes both sides and keeps a stock."""

    def __init__(
        self,
        participant: Participant,
        time: MarketTime,
        reference: ReferencePrice,
        half_spread_ppm: int,
        rng: random.Random,
    ) -> None:
        self.participant = participant
        self._time = time
        self._reference = reference
        self._half_spread_ppm = half_spread_ppm
        self._rng = rng
        self._restocked_day = 0
        self._hunter = BargainHunter(participant.client, time, reference, participant.tally)

    async def run(self) -> None:
        """Quotes every few hours until cancelled; restocks once a day before that."""
        await self.participant.start()
        while True:
            await self._restock()
            await self.participant.keep_quotes(self._quotes())
            await self._hunter.look()
            await self._time.next_tick(QUOTE_INTERVAL_NS)

    async def _restock(self) -> None:
        """Takes what the supplier asks, for the near days and for the year that the strip spans."""
        day = self._time.day
        if self._restocked_day == day:
            return
        self._restocked_day = day
        for window in quoted_windows(self._time):
            if window.kind not in (WindowKind.DAY, WindowKind.STRIP):
                continue
            missing_qty = MAKER_STOCK_QTY - self.participant.free_qty(window)
            if 2 * missing_qty > MAKER_STOCK_QTY and not self.participant.is_selling(window):
                limit_price = self._reference.price(window, day, RESTOCK_PPM)
                order_qty = missing_qty // (2 * LOT_QTY) * LOT_QTY
                await self.participant.place(window, "buy", order_qty, limit_price, "ioc")

    def _quotes(self) -> dict[Slot, Quote]:
        """Bids everywhere; asks where the title suffices, every day promised once."""
        day = self._time.day
        windows = quoted_windows(self._time)
        free: Counter[int] = Counter()
        for window in windows:
            free.update(dict.fromkeys(range(window.start_day, window.end_day), 0))
        span = Window(WindowKind.USER_DEFINED, min(free), max(free) + 1)
        free = Counter(self.participant.free_by_day(span))
        for order in self.participant.open_orders.values():
            if order.side == "sell":
                for window in windows:
                    if symbol_of(window) == order.instrument:
                        free.update(
                            dict.fromkeys(range(window.start_day, window.end_day), order.leaves_qty)
                        )
        quotes: dict[Slot, Quote] = {}
        for window in windows:
            tilt_ppm = self._rng.randrange(-2_000, 2_001)
            qty = MAKER_QTY[window.kind]
            bid_ppm = PPM_WHOLE - self._half_spread_ppm + tilt_ppm
            ask_ppm = PPM_WHOLE + self._half_spread_ppm + tilt_ppm
            bid_price = self._reference.price(window, day, bid_ppm)
            quotes[symbol_of(window), "buy", 0] = Quote(bid_price, qty)
            days = range(window.start_day, window.end_day)
            if min(free[d] for d in days) >= qty:
                free.subtract(dict.fromkeys(days, qty))
                ask_price = self._reference.price(window, day, ask_ppm) + 1
                quotes[symbol_of(window), "sell", 0] = Quote(ask_price, qty)
        return quotes


class Desk:
    """Buys for its jobs."""

    def __init__(
        self,
        participant: Participant,
        time: MarketTime,
        reference: ReferencePrice,
        plan: DemandPlan,
        number: int,
        venue: Venue,
    ) -> None:
        self.participant = participant
        self._time = time
        self._reference = reference
        self._plan = plan
        self._number = number
        self._venue = venue
        is_careless = number == DESK_COUNT - 1
        self._borrower = Borrower(participant, time, reference, venue, is_careless=is_careless)
        self._let_months: set[int] = set()

    async def run(self) -> None:
        """A day's orders in their time, what is unfilled at a better price, loans and lettings."""
        await self.participant.start()
        while True:
            day = self._time.day
            begins_at_s = self._time.second_of_day if day > self._venue.first_day else 0
            for number, order in enumerate(self._plan.orders_on(day)):
                if order.desk == self._number and order.at_s >= begins_at_s:
                    await self._time.until_second(day, order.at_s)
                    await self._order(order, is_patient=number % 3 == 0)
                    if order.window.kind is WindowKind.MONTH:
                        await self._borrow()
            await self._time.until_second(day, LAST_ORDER_S)
            await self._last_call(day)
            await self._borrow()
            await self._let(day)
            await self._time.until_second(day + 1, 0)

    async def _order(self, order: DeskOrder, *, is_patient: bool) -> None:
        day = self._time.day
        if is_about_to_close(order.window, self._time) and order.at_s < LAST_ORDER_S - 3600:
            return  # the market ran ahead of us; tomorrow's order is yesterday's
        if order.is_buy:
            factor_ppm = PATIENT_PPM if is_patient else URGENT_PPM
            limit_price = self._reference.price(order.window, day, factor_ppm)
            await self.participant.place(order.window, "buy", order.order_qty, limit_price)
            return
        free_qty = self.participant.free_qty(order.window) // LOT_QTY * LOT_QTY
        if free_qty > 0:
            limit_price = self._reference.price(order.window, day, SURPLUS_PPM)
            sold_qty = min(order.order_qty, free_qty)
            await self.participant.place(order.window, "sell", sold_qty, limit_price)

    async def _last_call(self, day: int) -> None:
        """Patience ends an hour before the gate: tomorrow's jobs run tomorrow."""
        tomorrow = Window(WindowKind.DAY, day + 1, day + 2)
        limit_price = self._reference.price(tomorrow, day, LAST_CALL_PPM)
        symbol = symbol_of(tomorrow)
        await self.participant.send(
            [
                AmendOrder(
                    command_id=new_id(),
                    client_order_id=order.client_order_id,
                    limit_price=limit_price,
                )
                for order in self.participant.open_orders.values()
                if order.side == "buy"
                and order.instrument == symbol
                and order.limit_price < limit_price
            ]
        )

    async def _borrow(self) -> None:
        windows = quoted_windows(self._time)
        await self._borrower.look([w for w in windows if w.kind is WindowKind.MONTH])

    async def _let(self, day: int) -> None:
        """Desks of even number let a lot of each coming month, pledged or not; the others rent."""
        for month in quoted_windows(self._time):
            is_due = month.kind is WindowKind.MONTH and month.start_day not in self._let_months
            if is_due and await self._is_listed(month):
                is_lessor = self._number % 2 == 0
                if is_lessor and self.participant.lettable_qty(month) < LOT_QTY:
                    continue
                self._let_months.add(month.start_day)
                rent_ppm = ASKED_RENT_PPM if is_lessor else PAID_RENT_PPM
                rent_price = self._reference.price(month, day, rent_ppm)
                side: SideWord = "sell" if is_lessor else "buy"
                await self.participant.place(
                    month, side, LOT_QTY, rent_price, mode=TradingMode.SUBLET
                )

    async def _is_listed(self, month: Window) -> bool:
        listed = await self.participant.client.instruments(PRODUCT_CODE)
        symbol = symbol_of(month, TradingMode.SUBLET)
        return any(each.instrument == symbol and each.is_open for each in listed)
