# cython: language_level=3
"""
When a book takes orders, how far they reach, and what it does with those that it collected.

    continuous ─ an order would trade beyond the dynamic band ─▶ auction ─ its end ─▶ uncross ─┐
        ▲                                                                                      │
        └──────────────────────────────────────────────────────────────────────────────────────┘
    pre-open, closing auction ─ the venue's next session state ─▶ uncross
    halted ─ resumed ─▶ auction

A book that collects takes orders and matches none, so it may be crossed. When its collecting ends
it first uncrosses, by one price (`auction`), and takes no orders until that is done; where that is
more than one record may hold, several records follow each other at the same price, for what traded
has left both sides alike. A halted book keeps what it has; orders can only be cancelled.

An order trades at once as far as the dynamic band allows. Where its limit and the other side would
lead further, a call auction of five minutes starts with this order in it. All-or-nothing orders
count only what is within reach.

Before an auction trades, the younger of two own orders ends, and so does a sale
whose fee, to be paid in cash, exceeds at the auction's price what its owner has; each end may move the price.
"""

from libc.stdint cimport int32_t, int64_t

from .auction cimport Uncross
from .book cimport Book
from .errors cimport fail
from .execution cimport Execution
from .links cimport Alternatives, fill_together, hold_together
from .money cimport fee_due, slack_after
from .pool cimport IS_LINKED, Order, OrderDetail
from .types cimport (
    BREAK,
    BUY,
    CLOSED,
    HALTED,
    NO_SLOT,
    OWN_ORDER_MET,
    REASON_HALTED,
    REASON_PRICE_BAND,
    REASON_WINDOW_CLOSED,
    SELL,
    UNFUNDED,
    Started,
    Uncrossed,
)

AUCTION_NS = 300 * 10**9
"""How long a book's own auction collects."""


cdef class Sessions(Execution):
    """The session of each book, its bands, and its call auctions."""

    def __cinit__(self, *args, **kwargs):
        self.auction = Uncross()

    # -- commands ---------------------------------------------------------------------------------

    def uncross(self, int64_t max_count):
        """
        Uncrosses books that have collected, in order of listing, for up to `max_count` steps.

        A step is a trade or an order that ends before it; a book that is not done goes on with
        the next call. How many steps there were; 0 where no book waits.
        """
        cdef Book book
        cdef int64_t count = 0
        if max_count <= 0:
            fail("uncrossing takes at least one step, not", max_count)
        for book in self.books:
            while book.is_uncrossing and count < max_count:
                count += self._uncross(book, max_count - count)
        return count

    @property
    def is_uncrossing(self):
        """Whether a book has collected and must uncross before it trades on."""
        cdef Book book
        for book in self.books:
            if book.is_uncrossing:
                return True
        return False

    @property
    def refusal(self):
        """Value, limit and day of the last refusal."""
        return self.refused_value, self.refused_limit, self.refused_day

    # -- queries ----------------------------------------------------------------------------------

    def book_state(self, int64_t instrument_id):
        """A book's own session state: halted, in an auction of its own, or the venue's."""
        return self.state_of(self.book_of(instrument_id))

    def next_auction_end_ns(self):
        """Market time at which the next auction of a single book ends, 0 where none runs."""
        cdef Book book
        cdef int64_t next_ns = 0
        for book in self.books:
            if book.auction_end_ns and (next_ns == 0 or book.auction_end_ns < next_ns):
                next_ns = book.auction_end_ns
        return next_ns

    def auctions_due(self, int64_t market_ns):
        """The instruments whose own auction ends by then, in order of listing."""
        cdef Book book
        cdef list instrument_ids = []
        for book in self.books:
            if 0 < book.auction_end_ns <= market_ns:
                instrument_ids.append(book.instrument_id)
        return instrument_ids

    def bands(self, int64_t instrument_id):
        """(settlement price, low and high limit price, dynamic bps, last price); 0 for none."""
        cdef Book book = self.book_of(instrument_id)
        return (
            book.settlement_price,
            book.low_limit_price,
            book.high_limit_price,
            book.dynamic_bps,
            book.last_price,
        )

    def indication(self, int64_t instrument_id):
        """(price, volume, surplus) at which a book would uncross now; 0 where nothing crosses."""
        cdef Book book = self.book_of(instrument_id)
        self.auction.find_price(book, book.reference_price())
        return self.auction.price, self.auction.volume_qty, self.auction.surplus_qty

    # -- checks -----------------------------------------------------------------------------------

    cdef int _check_session(self, Book book) noexcept:
        """Whether the book takes orders now: 0, or why not."""
        cdef int session_state = self.state_of(book)
        if self.market_ns >= book.gate_closure_ns:
            return self._refuse(REASON_WINDOW_CLOSED, self.market_ns, book.gate_closure_ns, 0)
        if book.is_closed:
            return self._refuse(REASON_WINDOW_CLOSED, book.instrument_id, 0, 0)
        if self.is_catching_up or book.is_uncrossing:
            return self._refuse(REASON_HALTED, session_state, book.instrument_id, 0)
        if session_state == CLOSED or session_state == BREAK or session_state == HALTED:
            return self._refuse(REASON_HALTED, session_state, book.instrument_id, 0)
        return 0

    cdef int _check_band(self, Book book, int64_t limit_price) noexcept:
        """Whether a limit lies within the static band: 0, or the refusal with the end it passes."""
        if limit_price < book.low_limit_price:
            return self._refuse(REASON_PRICE_BAND, limit_price, book.low_limit_price, 0)
        if limit_price > book.high_limit_price:
            return self._refuse(REASON_PRICE_BAND, limit_price, book.high_limit_price, 0)
        return 0

    cdef int _refuse(self, int reason, int64_t value, int64_t limit, int64_t day) noexcept:
        self.refused_value = value
        self.refused_limit = limit
        self.refused_day = day
        return reason

    # -- auctions ---------------------------------------------------------------------------------

    cdef int _start_auction(self, Book book, int side, int64_t reference_price) except -1:
        """An order of this side reaches further than the dynamic band: the book collects."""
        cdef Started started = Started(
            book.instrument_id,
            self.market_ns + AUCTION_NS,
            reference_price,
            book.levels_of(BUY + SELL - side).best_price,
        )
        self.events.write(self.started_prefix, <const int64_t*>&started, 4)
        return self.apply_started(&started)

    cdef int64_t _uncross(self, Book book, int64_t max_count) except -1:
        """One order that must end first, or up to so many trades; how many steps those were."""
        cdef Uncross auction = self.auction
        cdef Uncrossed uncrossed
        cdef int32_t slot, index, count, bid_slot, ask_slot
        auction.plan(book, book.reference_price())
        if auction.own_slot != NO_SLOT:
            self._cancel(auction.own_slot, OWN_ORDER_MET)
            return 1
        slot = self._unfunded_slot(book)
        if slot != NO_SLOT:
            self._cancel(slot, UNFUNDED)
            return 1
        count = <int32_t>min(<int64_t>auction.count, max_count)
        uncrossed = Uncrossed(book.instrument_id, auction.price, 0, auction.surplus_qty)
        for index in range(count):
            uncrossed.auction_qty += auction.pairings[index].qty
        self.events.write(self.uncrossed_prefix, <const int64_t*>&uncrossed, 4)
        for index in range(count):
            bid_slot = auction.pairings[index].bid_slot
            ask_slot = auction.pairings[index].ask_slot
            if self.pool.orders[bid_slot].order_id < self.pool.orders[ask_slot].order_id:
                self._trade_one(
                    book, bid_slot, ask_slot, auction.pairings[index].qty, auction.price
                )
            else:
                self._trade_one(
                    book, ask_slot, bid_slot, auction.pairings[index].qty, auction.price
                )
        return count

    cdef int32_t _unfunded_slot(self, Book book) except? -2:
        """
        The first sale whose fee, to be paid in cash, its owner cannot pay, or `NO_SLOT`.

        Only fees above what the orders hold draw on available cash; what these trades pay their
        sellers is not counted on.
        """
        cdef dict sold = {}
        cdef dict drawn = {}
        cdef int32_t index, slot
        cdef int64_t account_id, excess
        for index in range(self.auction.count):
            slot = self.auction.pairings[index].ask_slot
            if book.is_fee_in_cash(self.pool.orders[slot].account_id):
                sold[slot] = sold.get(slot, 0) + self.auction.pairings[index].qty
        for slot, qty in sold.items():
            account_id = self.pool.orders[slot].account_id
            excess = drawn.get(account_id, 0) + max(0, self._fee_excess(book, slot, qty))
            if excess > self.cash.available[account_id]:
                return slot
            drawn[account_id] = excess
        return NO_SLOT

    cdef int64_t _fee_excess(self, Book book, int32_t slot, int64_t qty) except? -1:
        """What a sale of so much with its fee in cash draws beyond its hold; fees are cumulative."""
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        cdef int64_t maker_bps = self.pool.origin_of(slot).maker_bps
        cdef int64_t notional = book.notional(self.auction.price, qty)
        cdef int64_t fee = fee_due(notional, maker_bps, detail.fee_slack)
        cdef int64_t slack = slack_after(detail.fee_slack, fee, notional, maker_bps)
        if order.marks & IS_LINKED:
            return self._linked_fee_excess(book, slot)
        return fee + self.hold_needed(
            slot, order.limit_price, self.pool.open_qty(slot) - qty, slack
        ) - self.held_amount(slot)

    cdef int64_t _linked_fee_excess(self, Book book, int32_t slot) except? -1:
        """The same of a linked sale, whose siblings end on the way: fill by fill, the most."""
        cdef Order* order = &self.pool.orders[slot]
        cdef int64_t maker_bps = self.pool.origin_of(slot).maker_bps
        cdef int64_t slack = self.pool.details[slot].fee_slack
        cdef int64_t drawn = 0
        cdef int64_t excess = 0
        cdef int64_t held_amount, needed, notional, fee
        cdef Alternatives group
        cdef int32_t index
        self.alternatives_of(self.links.of(slot), &group)
        held_amount = hold_together(&group, SELL, True)
        for index in range(self.auction.count):
            if self.auction.pairings[index].ask_slot != slot:
                continue
            notional = book.notional(self.auction.price, self.auction.pairings[index].qty)
            fee = fee_due(notional, maker_bps, slack)
            slack = slack_after(slack, fee, notional, maker_bps)
            fill_together(&group, slot, self.auction.pairings[index].qty, slack)
            needed = hold_together(&group, SELL, True)
            drawn += fee + needed - held_amount
            held_amount = needed
            excess = max(excess, drawn)
        return excess
