"""
What the obvious venue does to orders: trades, with fees and escrow or rent, rests and cancels.

Fees are the difference of two rounded totals; escrow is kept for each day on its own. Events are
tuples of their tag and fields.
"""

from exchange.domain.units import HOURS_PER_DAY
from tests.reference_custody import RENT, ReferenceCustody
from tests.reference_orders import BUY

LINKED_FILLED = 12


class ReferenceTrades(ReferenceCustody):
    """Carries out what was decided."""

    def take_events(self):
        taken, self.events = self.events, []
        return taken

    def take_trades(self):
        taken, self.trades = self.trades, []
        return taken

    def take_sublets(self):
        taken, self.sublets = self.sublets, []
        return taken

    def _trade_one(self, maker, taker, qty, price, taker_bps):
        instrument = taker.instrument
        product = instrument.product
        seller, buyer = (maker, taker) if taker.side == BUY else (taker, maker)
        notional = instrument.notional(price, qty)
        is_from_house = seller.account_id in product.house
        is_to_house = buyer.account_id in product.house
        is_primary = is_from_house and not is_to_house
        # A rent goes in trust, not to the days' escrow, but like it not to the seller.
        escrow_amount = notional if is_primary or instrument.is_sublet else 0
        for order in (maker, taker):
            self._give_way(order, qty)
        fees, released = {}, {}
        for order, bps in ((maker, product.maker_bps), (taker, taker_bps)):
            held_before = self.held_with(order)
            fees[order.order_id] = order.charge(notional, bps)
            order.leaves_qty -= qty
            released[order.order_id] = held_before - self.held_with(order)
            received = -notional if order is buyer else notional - escrow_amount
            self.available[order.account_id] += (
                received + released[order.order_id] - fees[order.order_id]
            )
            self.available[0] += fees[order.order_id]
            if order.arrival:
                order.shown_qty -= qty
                if order.shown_qty == 0:
                    self._queue_up(order)
            if order.leaves_qty == 0:
                del self.orders[order.order_id]
        instrument.last_price = price
        if not instrument.is_sublet:
            days = (instrument.start_day, instrument.end_day)
            self.transfer_title(product.product_id, seller.account_id, buyer.account_id, *days, qty)
        trade_id = self.next_trade_id
        self.next_trade_id += 1
        self.events.append(
            (
                "trade_executed",
                trade_id,
                instrument.instrument_id,
                price,
                qty,
                maker.order_id,
                taker.order_id,
                maker.account_id,
                taker.account_id,
                taker.side,
                notional,
                notional - escrow_amount,
                escrow_amount,
                fees[maker.order_id],
                fees[taker.order_id],
                released[maker.order_id],
                released[taker.order_id],
                maker.leaves_qty,
                taker.leaves_qty,
            )
        )
        self.trades.append(
            (
                instrument.instrument_id,
                price,
                qty,
                maker.account_id,
                taker.account_id,
            )
        )
        if instrument.is_sublet:
            parties = (seller.account_id, buyer.account_id)
            self._open_sublet(trade_id, instrument, *parties, qty, price)
        elif escrow_amount:
            self._fund_escrow(trade_id, instrument, price, qty)
        elif is_to_house and not is_from_house:
            self._return_escrow(trade_id, instrument, buyer.account_id, qty)

    def _give_way(self, order, qty):
        """A fill takes as much from every order that the filled one is linked to."""
        for sibling in self.group_of(order):
            if sibling is order:
                continue
            if sibling.leaves_qty <= qty:
                self._cancel(sibling, LINKED_FILLED)
            else:
                self._reduce(sibling, qty)

    def _reduce(self, order, qty):
        held_before = self.held_with(order)
        order.order_qty -= qty
        order.leaves_qty -= qty
        order.shown_qty = min(order.shown_qty, order.leaves_qty)
        held_delta_amount = self.held_with(order) - held_before
        self.available[order.account_id] -= held_delta_amount
        self.events.append(
            (
                "order_amended",
                order.order_id,
                order.account_id,
                order.instrument.instrument_id,
                order.order_qty,
                order.limit_price,
                order.leaves_qty,
                held_delta_amount,
                0,
            )
        )

    def _fund_escrow(self, trade_id, instrument, price, qty):
        days = (instrument.start_day, instrument.end_day)
        terms = (instrument.product.product_id, *days, qty, price * HOURS_PER_DAY * qty)
        self.escrow_funded(trade_id, *terms)
        self.events.append(("escrow_funded", trade_id, *terms))

    def _return_escrow(self, trade_id, instrument, account_id, qty):
        product_id, days = instrument.product.product_id, (instrument.start_day, instrument.end_day)
        for start_day, end_day, day_amount in self.escrow_shares(product_id, *days, qty):
            terms = (product_id, account_id, start_day, end_day, qty, day_amount)
            self.escrow_returned(trade_id, *terms)
            self.events.append(("escrow_returned", trade_id, *terms))

    def _open_sublet(self, trade_id, instrument, lessor_id, lessee_id, qty, price):
        days = (instrument.start_day, instrument.end_day)
        terms = (instrument.product.product_id, lessor_id, lessee_id, *days, qty)
        self.sublet(*terms)
        self.trusts[RENT] += instrument.notional(price, qty)
        self.events.append(("sublet_opened", trade_id, *terms, price))
        self.sublets.append((trade_id, *terms, price))

    def _queue_up(self, order):
        self.arrivals += 1
        order.arrival = self.arrivals
        order.shown_qty = order.clip_of(order.leaves_qty)

    def _rest(self, order):
        self._queue_up(order)
        self.events.append(
            (
                "order_rested",
                order.order_id,
                order.instrument.instrument_id,
                order.side,
                order.limit_price,
                order.leaves_qty,
                order.display_qty,
            )
        )

    def _cancel(self, order, reason):
        fields = self.cancellation(order.order_id, reason)
        self.order_cancelled(*fields)
        self.events.append(("order_cancelled", *fields))
