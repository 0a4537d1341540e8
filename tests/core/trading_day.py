"""
Random trading days: sessions, halts, bands and auctions around the orders of `side_by_side`.

What a day came to is counted in `reached`, so that a test can say that the random drive leads where
it should.
"""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import rule

from exchange.domain.reasons import Reason
from tests.core.side_by_side import (
    FAR_MINUTE,
    MINUTE_NS,
    WINDOWS,
    SideBySide,
    accounts,
    picks,
    policies,
    quantities,
    sides,
)
from tests.core.venues import BASE_DAY
from tests.reference_sessions import AUCTION_NS, HALTED, PRE_OPEN, SELF_MATCH, UNFUNDED
from tests.reference_state import CONTINUOUS

PRICE_BAND = 9
HIGHEST_PRICE = 2_000
"""No further, for the reference tries every tick."""

windows = st.sampled_from([1, 1, 1, 2, 3, 5, 6, 7, 8])
collected_orders = st.lists(
    st.tuples(
        accounts,
        sides,
        st.integers(1, 6).map(lambda n: 2 * n),
        st.one_of(st.integers(97, 103), st.sampled_from([99, 100, 101, 1, 50])),
        st.sampled_from([0, 0, 2, 4]),
        policies,
    ),
    min_size=3,
    max_size=14,
)
few = st.sampled_from([1, 1, 2, 3, 5, 100])


class TradingDay(SideBySide):
    """Both venues are led through sessions, too."""

    max_open_orders = 20

    def __init__(self) -> None:
        super().__init__()
        self.reached: Counter[str] = Counter()

    # -- when books may trade

    @rule(session_state=st.sampled_from([2, 2, 3, 3, 3, 4, 5, 7]))
    def change_session(self, session_state):
        self.everywhere("set_session", session_state)

    @rule(
        seconds=st.sampled_from([0, 60, 299, 300, 301, 1_800]),
        is_catching_up=st.sampled_from([False] * 7 + [True]),
        ends_auctions=st.sampled_from([True, True, True, False]),
    )
    def step_clock(self, seconds, is_catching_up, ends_auctions):
        market_ns = self.reference.market_ns + seconds * 10**9
        self.everywhere("set_clock", market_ns, is_catching_up)
        if ends_auctions:
            for instrument_id in self.reference.auctions_due(market_ns):
                self.everywhere("end_auction", instrument_id)

    @rule(account_id=accounts, before_ns=st.sampled_from([0, 1]))
    def reach_a_gate(self, account_id, before_ns):
        """An order at the very moment, or in the last one."""
        gates = [
            (instrument.gate_closure_ns - before_ns, instrument_id)
            for instrument_id, instrument in self.reference.instruments.items()
            if instrument.gate_closure_ns - before_ns > self.reference.market_ns
        ]
        market_ns, instrument_id = min(gates)
        if market_ns < FAR_MINUTE * MINUTE_NS - 1:
            self.everywhere("set_clock", market_ns, False)
            self.place(account_id, instrument_id, 1, 2, 100, 1, 0)

    @rule(instrument_id=windows)
    def halt(self, instrument_id):
        self.everywhere("halt", instrument_id)
        is_crossed = self.core.indication(instrument_id)[1] > 0
        self.reached["a crossed book halted"] += is_crossed

    @rule(pick=picks, has_auction=st.booleans())
    def resume(self, pick, has_auction):
        halted = [i for i in WINDOWS if self.reference.book_state(i) == HALTED]
        if halted:
            instrument_id = halted[pick % len(halted)]
            self.everywhere("resume", instrument_id)
            if has_auction:
                self.start_auction(instrument_id, AUCTION_NS)

    @rule(instrument_id=windows, ahead_ns=st.sampled_from([1, MINUTE_NS, AUCTION_NS]))
    def start_auction(self, instrument_id, ahead_ns):
        instrument = self.reference.instruments[instrument_id]
        is_continuous = self.reference.book_state(instrument_id) == CONTINUOUS
        if is_continuous and not instrument.is_closed:
            end_ns = self.reference.market_ns + ahead_ns
            self.everywhere("start_auction", instrument_id, end_ns, 0, 0)

    @rule(
        instrument_id=windows,
        price=st.integers(98, 102),
        width_price=st.sampled_from([0, 1, 2, 3, 5, 60, 900]),
        dynamic_bps=st.sampled_from([0, 1, 100, 199, 200, 300]),
        ends_orders=st.booleans(),
    )
    def publish_settlement_price(self, instrument_id, price, width_price, dynamic_bps, ends_orders):
        low_price, high_price = max(1, price - width_price), price + width_price
        self.everywhere("set_bands", instrument_id, price, low_price, high_price, dynamic_bps)
        outside = self.core.orders_outside(instrument_id, low_price, high_price, 99)
        assert outside == self.reference.orders_outside(instrument_id, low_price, high_price, 99)
        if ends_orders:
            for order_id in outside:
                fields = self.core.cancellation(order_id, PRICE_BAND)
                self.everywhere("order_cancelled", *fields)

    # -- orders at the bands

    @rule(
        account_id=accounts,
        instrument_id=windows,
        side=sides,
        qty=quantities,
        is_high=st.booleans(),
        beyond=st.sampled_from([-1, 0, 1]),
    )
    def place_at_the_static_band(self, account_id, instrument_id, side, qty, is_high, beyond):
        _, low_price, high_price, *_ = self.reference.bands(instrument_id)
        price = high_price + beyond if is_high else low_price - beyond
        if 0 < price <= HIGHEST_PRICE:
            self.place(account_id, instrument_id, side, qty, price, 1, 0)

    @rule(
        account_id=accounts,
        instrument_id=windows,
        side=sides,
        qty=st.integers(1, 12).map(lambda n: 2 * n),
        beyond=st.sampled_from([-1, 0, 0, 1, 2, 30]),
        time_in_force=st.sampled_from([1, 1, 3, 3, 4, 0]),
        exec_inst=st.sampled_from([0, 0, 0, 1]),
        policy=policies,
    )
    def place_at_the_dynamic_band(
        self, account_id, instrument_id, side, qty, beyond, time_in_force, exec_inst, policy
    ):
        """An order to the edge of the band, a little short of it, or further."""
        sign = 1 if side == 1 else -1
        edge = self.reference.instruments[instrument_id].reach(side, 200 if side == 1 else 1)
        terms = (max(1, edge + sign * beyond), time_in_force, exec_inst, 0, 0, policy, BASE_DAY)
        self.place(account_id, instrument_id, side, qty, *terms)

    @rule(
        maker_id=accounts,
        taker_id=accounts,
        instrument_id=windows,
        side=sides,
        qty=st.integers(1, 6).map(lambda n: 2 * n),
        time_in_force=st.sampled_from([1, 1, 3, 3, 4]),
        policy=policies,
        is_amended=st.booleans(),
    )
    def leave_the_dynamic_band(
        self, maker_id, taker_id, instrument_id, side, qty, time_in_force, policy, is_amended
    ):
        """One opposite order at the edge, one beyond it, and then an order that wants both."""
        sign = 1 if side == 1 else -1
        edge = self.reference.instruments[instrument_id].reach(side, 200 if side == 1 else 1)
        for price in (edge, edge + sign):
            self.place(maker_id, instrument_id, 3 - side, 2, max(1, price), 1, 0)
        far = max(1, edge + 2 * sign)
        if is_amended:
            self.place(taker_id, instrument_id, side, qty, max(1, edge - 2 * sign), 1, 0)
            self.both("amend", self.next_order_id - 1, taker_id, -1, far)
        else:
            terms = (far, time_in_force, 0, 0, 0, policy)
            self.place(taker_id, instrument_id, side, qty, *terms)

    # -- auctions

    @rule(max_count=few)
    def uncross(self, max_count):
        self.answers("uncross", max_count)

    @rule(
        instrument_id=windows,
        orders=collected_orders,
        max_count=few,
        kept_amount=st.sampled_from([None, None, 0, 3, 20]),
    )
    def hold_auction(self, instrument_id, orders, max_count, kept_amount):
        """Orders of one book meet in a pre-open, where sellers may have no cash left."""
        if self.reference.book_state(instrument_id) == HALTED:
            self.everywhere("resume", instrument_id)
        self.everywhere("set_session", PRE_OPEN)
        self.everywhere("set_clock", self.reference.market_ns, False)
        for account_id, side, qty, price, display_qty, policy in orders:
            terms = (price, 1, 0, 0, min(qty, display_qty), policy)
            self.place(account_id, instrument_id, side, qty, *terms)
        if kept_amount is not None:
            for account_id in (1, 2, 3):
                self.withdraw(account_id, kept_amount)
        self.everywhere("set_session", CONTINUOUS)
        self.uncross_to_the_end(max_count)

    @rule(max_count=few)
    def uncross_to_the_end(self, max_count):
        """However many calls it takes, a book trades at one price."""
        price_of: dict[int, int] = {}
        while self.core.is_uncrossing:
            count, events = self.answers("uncross", max_count)
            assert 0 < count <= max_count
            for tag, *fields in events:
                if tag == "auction_uncrossed":
                    instrument_id, price, *_ = fields
                    assert price_of.setdefault(instrument_id, price) == price

    # -- what it came to

    def answers(self, name: str, *arguments: int) -> tuple[int, list[tuple]]:
        icebergs = {i for i, order in self.reference.orders.items() if order.display_qty}
        unpriced = {i for i in WINDOWS if not self.reference.instruments[i].reference_price}
        answer, events = super().answers(name, *arguments)
        if name == "uncross":
            self._count_uncrossing(events, icebergs)
            self.reached["an auction without a reference"] += any(
                tag == "auction_uncrossed" and fields[0] in unpriced for tag, *fields in events
            )
        elif answer:
            self.reached[Reason(answer).name] += 1
            self.reached["a gate"] += answer == Reason.WINDOW_CLOSED and self.core.refusal[1] > 0
        elif any(tag == "auction_started" for tag, *_ in events):
            is_resting = events[-1][0] == "order_rested"
            self.reached["a breach by a resting order"] += is_resting
            self.reached["a breach by an immediate order"] += not is_resting
            self.reached["a breach by an amendment"] += name == "amend"
            self.reached["a breach after fills"] += events[1][0] == "trade_executed"
        return answer, events

    def _count_uncrossing(self, events: list[tuple], icebergs: set[int]) -> None:
        for tag, *fields in events:
            if tag == "order_cancelled":
                self.reached["an own pair"] += fields[-1] == SELF_MATCH
                self.reached["an unfunded sale"] += fields[-1] == UNFUNDED
            elif tag == "trade_executed":
                self.reached["an iceberg in an auction"] += not icebergs.isdisjoint(fields[4:6])
            elif tag == "auction_uncrossed":
                self.reached["a surplus of bids"] += fields[-1] > 0
                self.reached["a surplus of offers"] += fields[-1] < 0
                still = self.reference.indication(fields[0])[0] == fields[1]
                self.reached["an auction of several calls"] += still and self.core.is_uncrossing
