"""
When the obvious venue takes orders, and how a book uncrosses that has collected some.

Whether a book is uncrossing is no fact of its own here: it is crossed, and neither collects nor is
halted.
"""

from collections import Counter
from dataclasses import replace

from exchange.domain.reasons import Reason
from tests.reference_auction import auction_price, pairs_at
from tests.reference_orders import BUY, SELL, held_together
from tests.reference_trades import ReferenceTrades

PRE_OPEN, CLOSING_AUCTION, CLOSED, BREAK, AUCTION, HALTED = 2, 4, 5, 7, 9, 20
COLLECTING = (PRE_OPEN, CLOSING_AUCTION, AUCTION)
SELF_MATCH, UNFUNDED = 7, 8
AUCTION_NS = 300 * 10**9


class Refusal(Exception):
    """A command was refused."""


def require(condition, reason, value=0, limit=0, day=0):
    """Refuses the command unless `condition` holds."""
    if not condition:
        raise Refusal(reason, value, limit, day)


class ReferenceSessions(ReferenceTrades):
    """The session of each book, its bands, and its call auctions."""

    # -- queries

    @property
    def is_uncrossing(self):
        return any(map(self._uncrosses, self.instruments.values()))

    def book_state(self, instrument_id):
        return self._state_of(self.instruments[instrument_id])

    def next_auction_end_ns(self):
        ends = [each.auction_end_ns for each in self.instruments.values() if each.auction_end_ns]
        return min(ends, default=0)

    def auctions_due(self, market_ns):
        return [
            instrument_id
            for instrument_id, instrument in self.instruments.items()
            if instrument.auction_end_ns and instrument.auction_end_ns <= market_ns
        ]

    def bands(self, instrument_id):
        instrument = self.instruments[instrument_id]
        return (
            instrument.settlement_price,
            instrument.low_limit_price,
            instrument.high_limit_price,
            instrument.dynamic_bps,
            instrument.last_price,
        )

    def indication(self, instrument_id):
        instrument = self.instruments[instrument_id]
        return auction_price(*self._sides(instrument), instrument.reference_price)

    def _sides(self, instrument):
        return self._queue_of_side(instrument, BUY), self._queue_of_side(instrument, SELL)

    def _state_of(self, instrument):
        if instrument.is_halted:
            return HALTED
        return AUCTION if instrument.auction_end_ns else self.session_state

    def _collects(self, instrument):
        return self._state_of(instrument) in COLLECTING

    def _uncrosses(self, instrument):
        bids, asks = self._sides(instrument)
        is_crossed = bool(bids and asks) and bids[0].limit_price >= asks[0].limit_price
        return is_crossed and self._state_of(instrument) not in (*COLLECTING, HALTED)

    # -- checks

    def _require_open(self, instrument):
        instrument_id, gate_closure_ns = instrument.instrument_id, instrument.gate_closure_ns
        is_open = self.market_ns < gate_closure_ns
        require(is_open, Reason.WINDOW_CLOSED, self.market_ns, gate_closure_ns)
        require(not instrument.is_closed, Reason.WINDOW_CLOSED, instrument_id)
        state = self._state_of(instrument)
        is_busy = self.is_catching_up or self._uncrosses(instrument)
        is_shut = state in (CLOSED, BREAK, HALTED)
        require(not is_busy and not is_shut, Reason.HALTED, state, instrument_id)

    def _is_own(self, instrument, account_id, other_id):
        """Whether orders of two accounts do not trade: of one account, of a sublet of one party."""
        if instrument.is_sublet:
            return self.parties_are_one(account_id, other_id)
        return account_id == other_id

    def _require_within_band(self, instrument, limit_price):
        low_price, high_price = instrument.low_limit_price, instrument.high_limit_price
        require(limit_price >= low_price, Reason.PRICE_BAND, limit_price, low_price)
        require(limit_price <= high_price, Reason.PRICE_BAND, limit_price, high_price)

    # -- auctions

    def _start_auction(self, instrument, reference_price, trigger_price):
        end_ns = self.market_ns + AUCTION_NS
        fields = (instrument.instrument_id, end_ns, reference_price, trigger_price)
        self.start_auction(*fields)
        self.events.append(("auction_started", *fields))

    def uncross(self, max_count):
        """How many trades there were and orders that ended before any."""
        count = 0
        for instrument in self.instruments.values():
            while self._uncrosses(instrument) and count < max_count:
                count += self._uncross(instrument, max_count - count)
        return count

    def _uncross(self, instrument, max_count):
        bids, asks = self._sides(instrument)
        price, volume_qty, surplus_qty = self.indication(instrument.instrument_id)
        pairs = pairs_at(price, bids, asks)
        assert sum(qty for *_, qty in pairs) == volume_qty
        for bid, ask, _ in pairs:
            if self._is_own(instrument, bid.account_id, ask.account_id):
                self._cancel(max(bid, ask, key=lambda order: order.order_id), SELF_MATCH)
                return 1
        unfunded = self._unfunded(price, pairs)
        if unfunded is not None:
            self._cancel(unfunded, UNFUNDED)
            return 1
        traded = pairs[:max_count]
        traded_qty = sum(qty for *_, qty in traded)
        self.events.append(
            ("auction_uncrossed", instrument.instrument_id, price, traded_qty, surplus_qty)
        )
        for bid, ask, qty in traded:
            older, younger = sorted((bid, ask), key=lambda order: order.order_id)
            self._trade_one(older, younger, qty, price, instrument.product.maker_bps)
        return len(traded)

    def _unfunded(self, price, pairs):
        """The first sale, in the order of allocation, whose fee is held and cannot be paid."""
        drawn_amount = Counter()
        for ask_id in dict.fromkeys(ask.order_id for _, ask, _ in pairs):
            ask = self.orders[ask_id]
            if not ask.is_fee_held:
                continue
            fills = [(price, qty) for _, other, qty in pairs if other is ask]
            bps = ask.instrument.product.maker_bps
            drawn_amount[ask.account_id] += self._drawn_beyond_hold(ask, fills, bps)
            if drawn_amount[ask.account_id] > self.available[ask.account_id]:
                return ask
        return None

    def _drawn_beyond_hold(self, order, fills, bps, house=()):
        """
        How far the balance of a seller that holds its fee falls below 0 while its sale fills.

        A fill takes as much from all orders of its group; `house` are the fills that pay at once.
        """
        group = [replace(each) for each in self.group_of(order) if each.order_id != order.order_id]
        order = replace(order)
        group.append(order)
        balance = lowest = 0
        for index, (price, qty) in enumerate(fills):
            held_before = held_together(group)
            notional = order.instrument.notional(price, qty)
            balance -= order.charge(notional, bps)
            for each in group:
                each.leaves_qty = max(0, each.leaves_qty - qty)
            balance += held_before - held_together(group)
            balance += notional if index in house else 0
            lowest = min(lowest, balance)
        return -lowest
