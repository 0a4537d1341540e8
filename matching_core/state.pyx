# cython: language_level=3
"""
What the order path knows, and the facts that reach it from other rules.

Accounts, products, instruments, sessions and bands come from rules that have checked them; a fact
that cannot be is a `CoreError` and changes nothing. What rules do to cash and title is in
`custody`, what orders and trades do to them in `ledger`.
"""

from libc.stdint cimport INT64_MAX, int32_t, int64_t

from .book cimport Book
from .cash cimport Cash
from .errors cimport fail
from .holdings cimport Holding, Product
from .links cimport (
    MAX_LINKED,
    Alternative,
    Alternatives,
    Group,
    Links,
    fill_together,
    hold_together,
    row_of,
)
from .money cimport MAX_INTEGER, fee_due
from .origins cimport Origin
from .parties cimport Parties
from .pool cimport IS_LINKED, Order, Pool, book_index_of, side_of
from .types cimport (
    AUCTION,
    BREAK,
    BUY,
    CONTINUOUS,
    HALTED,
    MAX_BPS,
    MAX_DAY,
    MAX_QTY,
    MAX_PRICE,
    MAX_WINDOW_DAYS,
    PRE_OPEN,
    REASON_LINK_COUNT,
    REASON_LINK_INSTRUMENT,
    REASON_LINK_PRODUCT,
    REASON_LINK_SIDE,
    SELL,
    VENUE_ACCOUNT_ID,
    Started,
    collects,
)


cdef int64_t MAX_MARKET_NS = <int64_t>1 << 62  # in the year 2116; an auction's end is later


cdef int64_t hold_of(
    Book book, int side, bint is_fee_in_cash, int64_t bps, int64_t price, int64_t qty, int64_t slack
) except -1:
    cdef int64_t notional = book.notional(price, qty)
    if side == BUY:
        return notional + fee_due(notional, bps, slack)
    return fee_due(notional, bps, slack) if is_fee_in_cash else 0


cdef class State:
    """Reference data, balances and open orders of one venue."""

    def __cinit__(self, int64_t base_day, *args, **kwargs):
        if not 0 <= base_day < MAX_DAY:
            fail("the base day is a day number", base_day)
        self.base_day = base_day
        self.next_trade_id = 1
        self.session_state = CONTINUOUS
        self.pool = Pool()
        self.cash = Cash()
        self.cash.add_account(VENUE_ACCOUNT_ID)
        self.parties = Parties()
        self.parties.add()
        self.links = Links()
        self.products = {}
        self.books = []
        self.books_by_id = {}
        self.holds = {}

    # -- reference data ---------------------------------------------------------------------------

    def add_account(self, int64_t account_id):
        """Opens an account; ids are dense, and 0, the venue's own, exists from the start."""
        self.cash.add_account(account_id)
        self.parties.add()

    def join_party(self, int64_t account_id, int64_t affiliate_id):
        """Two accounts are under the same control, with all that either is affiliated to."""
        self.known_account(account_id)
        self.known_account(affiliate_id)
        if account_id == VENUE_ACCOUNT_ID or affiliate_id == VENUE_ACCOUNT_ID:
            fail("the venue's own account is nobody's affiliate; not so", affiliate_id)
        self.parties.join(account_id, affiliate_id)

    def add_product(
        self,
        int64_t product_id,
        int64_t supplier_account_id,
        int64_t lot_qty,
        int64_t maker_bps,
        int64_t taker_bps,
    ):
        """Defines a product; its supplier is the first of its house."""
        self.known_account(supplier_account_id)
        if product_id <= 0 or product_id > MAX_INTEGER or product_id in self.products:
            fail("a product id is positive and new", product_id)
        if not 0 < lot_qty <= MAX_QTY:
            fail("a lot is 1 to 10_000_000 GPUs", lot_qty)
        if not 0 <= maker_bps <= MAX_BPS:
            fail("a rate is 0 to 10_000 basis points", maker_bps)
        if not 0 <= taker_bps <= MAX_BPS:
            fail("a rate is 0 to 10_000 basis points", taker_bps)
        cdef Product product = Product(
            product_id, supplier_account_id, lot_qty, maker_bps, taker_bps, self.base_day
        )
        product.holding_or_new(supplier_account_id).is_house = True
        self.products[product_id] = product

    def add_to_house(self, int64_t product_id, int64_t account_id):
        """Counts an account as the supplier, while it holds nothing of the product."""
        cdef Product product = self.product_of(product_id)
        self.known_account(account_id)
        cdef Holding holding = product.holding(account_id)
        if holding is not None and not holding.is_house and not holding.is_empty():
            fail("an account joins a house while it holds nothing", account_id)
        product.holding_or_new(account_id).is_house = True

    def add_instrument(
        self,
        int64_t instrument_id,
        int64_t product_id,
        int64_t start_day,
        int64_t end_day,
        bint is_resting_allowed,
        int64_t gate_closure_ns=INT64_MAX,
        bint is_sublet=False,
    ):
        """Opens a delivery window of up to 366 days for trading: its title, or its use."""
        cdef Product product = self.product_of(product_id)
        self.known_days(start_day, end_day)
        if end_day - start_day > MAX_WINDOW_DAYS:
            fail("an instrument's window is at most 366 days", end_day - start_day)
        if instrument_id <= 0 or instrument_id > MAX_INTEGER or instrument_id in self.books_by_id:
            fail("an instrument id is positive and new", instrument_id)
        cdef Book book = Book(
            self.pool,
            len(self.books),
            product,
            instrument_id,
            start_day,
            end_day,
            is_resting_allowed,
            gate_closure_ns,
            self.parties if is_sublet else None,
        )
        self.books.append(book)
        self.books_by_id[instrument_id] = book

    def move_gate(self, int64_t instrument_id, int64_t gate_closure_ns):
        """Orders are refused from another moment on."""
        self.book_of(instrument_id).gate_closure_ns = gate_closure_ns

    def close_instrument(self, int64_t instrument_id):
        """Refuses orders from now on; those that were open have ended before."""
        cdef Book book = self.book_of(instrument_id)
        if book.bid_levels.length or book.ask_levels.length:
            fail("a book closes when its last order has ended; not so", instrument_id)
        book.is_closed = True
        book.auction_end_ns = 0
        self.note_state(book)

    # -- when a book may trade --------------------------------------------------------------------

    def set_clock(self, int64_t market_ns, bint is_catching_up):
        """Market time moves on; while it catches up, orders are refused."""
        if market_ns < self.market_ns:
            fail("market time does not go back to", market_ns)
        if market_ns > MAX_MARKET_NS:
            fail("market time is up to 2**62, not", market_ns)
        self.market_ns = market_ns
        self.is_catching_up = is_catching_up

    def set_session(self, int64_t session_state):
        """The venue's session state; auctions of single books end with a change."""
        cdef Book book
        if not PRE_OPEN <= session_state <= BREAK:
            fail("a venue's session state is 2 to 5 or 7", session_state)
        self.session_state = <int>session_state
        for book in self.books:
            book.auction_end_ns = 0
            self.note_state(book)

    def halt(self, int64_t instrument_id):
        """Stops a book: it takes no orders, and what it collected does not uncross."""
        cdef Book book = self.book_of(instrument_id)
        book.is_halted = True
        book.auction_end_ns = 0
        self.note_state(book)

    def resume(self, int64_t instrument_id):
        """Lifts a halt."""
        cdef Book book = self.book_of(instrument_id)
        if not book.is_halted:
            fail("what resumes was halted; not so", instrument_id)
        book.is_halted = False
        self.note_state(book)

    def start_auction(
        self,
        int64_t instrument_id,
        int64_t end_ns,
        int64_t reference_price,
        int64_t trigger_price,
    ):
        """Takes in one `AuctionStarted`: the book collects until the auction ends."""
        cdef Started event = Started(instrument_id, end_ns, reference_price, trigger_price)
        self.apply_started(&event)

    def end_auction(self, int64_t instrument_id):
        """Takes in one `AuctionEnded`; a crossed book uncrosses before it trades on."""
        cdef Book book = self.book_of(instrument_id)
        if not book.auction_end_ns:
            fail("an auction that ends was started; not so in", instrument_id)
        book.auction_end_ns = 0
        self.note_state(book)

    def set_bands(
        self,
        int64_t instrument_id,
        int64_t settlement_price,
        int64_t low_limit_price,
        int64_t high_limit_price,
        int64_t dynamic_bps,
    ):
        """A settlement price and the bands around it."""
        cdef Book book = self.book_of(instrument_id)
        if not 0 < low_limit_price <= settlement_price <= high_limit_price <= MAX_PRICE:
            fail("a band lies around its settlement price, which is", settlement_price)
        if not 0 <= dynamic_bps <= MAX_BPS:
            fail("a dynamic band is 0 to 10_000 basis points", dynamic_bps)
        book.settlement_price = settlement_price
        book.low_limit_price = low_limit_price
        book.high_limit_price = high_limit_price
        book.dynamic_bps = dynamic_bps

    def set_rent_floor(self, int64_t instrument_id, int64_t rent_floor_price):
        """The least rent at which pledged days are let in a book of sublets; 0 for at none."""
        cdef Book book = self.book_of(instrument_id)
        if not book.is_sublet or not 0 <= rent_floor_price <= MAX_PRICE:
            fail("a book of sublets has a least rent, 1 to 16_000_000 fen or 0; not", rent_floor_price)
        book.rent_floor_price = rent_floor_price

    cdef int apply_started(self, const Started* event) except -1:
        cdef Book book = self.book_of(event.instrument_id)
        if event.end_ns <= self.market_ns:
            fail("an auction ends after now, not at", event.end_ns)
        if book.is_closed or self.state_of(book) != CONTINUOUS:
            fail("a book's own auction interrupts continuous trading; not so", event.instrument_id)
        book.auction_end_ns = event.end_ns
        return self.note_state(book)

    cdef int state_of(self, Book book) noexcept:
        """A book's own session state: halted, in an auction of its own, or the venue's."""
        if book.is_halted:
            return HALTED
        if book.auction_end_ns:
            return AUCTION
        return self.session_state

    cdef int note_state(self, Book book) except -1:
        cdef int session_state = self.state_of(book)
        book.is_uncrossing = (
            session_state != HALTED and not collects(session_state) and book.is_crossed()
        )
        return 0

    # -- queries ----------------------------------------------------------------------------------

    cdef Product product_of(self, int64_t product_id):
        cdef Product product = self.products.get(product_id)
        if product is None:
            fail("there is no product", product_id)
        return product

    cdef Book book_of(self, int64_t instrument_id):
        cdef Book book = self.books_by_id.get(instrument_id)
        if book is None:
            fail("there is no instrument", instrument_id)
        return book

    cdef Book book_of_slot(self, int32_t slot):
        return <Book>self.books[book_index_of(&self.pool.orders[slot])]

    cdef int known_account(self, int64_t account_id) except -1:
        if not 0 <= account_id < self.cash.count:
            fail("there is no account", account_id)
        return 0

    cdef int known_days(self, int64_t start_day, int64_t end_day) except -1:
        if start_day < self.base_day or start_day >= MAX_DAY:
            fail("a window starts between the base day and day 100_000", start_day)
        if end_day <= start_day or end_day > MAX_DAY:
            fail("a window ends after its start, by day 100_000", end_day)
        return 0

    cdef int64_t held_amount(self, int32_t slot) except -1:
        """What an open order holds, in fen; a linked one, with all of its group."""
        return self.hold_needed(
            slot,
            self.pool.orders[slot].limit_price,
            self.pool.open_qty(slot),
            self.pool.details[slot].fee_slack,
        )

    cdef int64_t hold_needed(
        self, int32_t slot, int64_t limit_price, int64_t leaves_qty, int64_t slack
    ) except -1:
        """What it holds where so much of it is left, with its own frozen rates."""
        cdef Order* order = &self.pool.orders[slot]
        cdef Book book
        cdef Alternatives group
        cdef Alternative* row
        if not order.marks & IS_LINKED:
            return self.hold_alone(slot, limit_price, leaves_qty, slack)
        book = self.book_of_slot(slot)
        self.alternatives_of(self.links.of(slot), &group)
        row = row_of(&group, slot)
        row.unit_amount = book.notional(limit_price, 1)
        row.qty = leaves_qty
        row.fee_slack = slack
        return hold_together(&group, side_of(order), book.is_fee_in_cash(order.account_id))

    cdef int64_t hold_alone(
        self, int32_t slot, int64_t limit_price, int64_t leaves_qty, int64_t slack
    ) except -1:
        """The same of an order that is linked to none, or as if it were."""
        cdef Order* order = &self.pool.orders[slot]
        cdef const Origin* origin = self.pool.origin_of(slot)
        cdef Book book = self.book_of_slot(slot)
        return hold_of(
            book,
            side_of(order),
            side_of(order) == SELL and book.is_fee_in_cash(order.account_id),
            max(origin.maker_bps, origin.taker_bps),
            limit_price,
            leaves_qty,
            slack,
        )

    cdef int64_t released_by_end(self, int32_t slot) except -1:
        """What an open order gives up when it ends: all that it holds, or its part in its group."""
        cdef int64_t held_amount = self.held_amount(slot)
        if self.pool.orders[slot].marks & IS_LINKED:
            held_amount -= self.hold_needed(slot, self.pool.orders[slot].limit_price, 0, 0)
        return held_amount

    cdef int64_t hold_after_fill(self, int32_t slot, int64_t qty, int64_t slack) except -1:
        """What an open order holds once it has filled by so much, and its siblings gave way."""
        cdef Order* order = &self.pool.orders[slot]
        cdef Book book
        cdef Alternatives group
        if order.marks & IS_LINKED:
            book = self.book_of_slot(slot)
            self.alternatives_of(self.links.of(slot), &group)
            fill_together(&group, slot, qty, slack)
            return hold_together(&group, side_of(order), book.is_fee_in_cash(order.account_id))
        return self.hold_needed(slot, order.limit_price, self.pool.open_qty(slot) - qty, slack)

    # -- linked orders ----------------------------------------------------------------------------

    cdef Alternative alternative_of(self, int32_t slot) except *:
        """What an open order is to a group."""
        cdef const Origin* origin = self.pool.origin_of(slot)
        cdef Book book = self.book_of_slot(slot)
        return Alternative(
            slot,
            book.notional(self.pool.orders[slot].limit_price, 1),
            self.pool.open_qty(slot),
            self.pool.details[slot].fee_slack,
            max(origin.maker_bps, origin.taker_bps),
            book.start_day,
            book.end_day,
        )

    cdef int alternatives_of(self, Group group, Alternatives* found) except -1:
        """The orders of a group, by id; none of None."""
        cdef int32_t index
        found.count = 0
        if group is not None:
            for index in range(group.count):
                found.rows[index] = self.alternative_of(group.slots[index])
            found.count = group.count
        return 0

    cdef int misfit(
        self,
        Book book,
        int side,
        int64_t account_id,
        int64_t link_id,
        int64_t* value,
        int64_t* limit,
    ) except -1:
        """Why an order does not go with those that are open under its link id, or 0."""
        cdef Group group = self.links.find(account_id, link_id)
        cdef Book other
        cdef int32_t index
        if group is None:
            return 0
        other = self.book_of_slot(group.slots[0])
        value[0], limit[0] = book.instrument_id, other.instrument_id
        if other.product is not book.product or other.is_sublet != book.is_sublet:
            return REASON_LINK_PRODUCT
        if side_of(&self.pool.orders[group.slots[0]]) != side:
            value[0], limit[0] = side, BUY + SELL - side
            return REASON_LINK_SIDE
        for index in range(group.count):
            if self.book_of_slot(group.slots[index]) is book:
                limit[0] = self.pool.orders[group.slots[index]].order_id
                return REASON_LINK_INSTRUMENT
        if group.count == MAX_LINKED:
            value[0], limit[0] = MAX_LINKED + 1, MAX_LINKED
            return REASON_LINK_COUNT
        return 0

    cdef int join(self, int32_t slot, int64_t link_id) except -1:
        """Links an open order to those of its account under the same id."""
        cdef Order* order = &self.pool.orders[slot]
        cdef Group group = self.links.find(order.account_id, link_id)
        cdef int32_t place = 0
        if group is not None:
            while (
                place < group.count
                and self.pool.orders[group.slots[place]].order_id < order.order_id
            ):
                place += 1
        self.links.join(order.account_id, link_id, slot, place)
        order.marks |= IS_LINKED
        return 0

    cdef int known_qty(self, int64_t qty) except -1:
        if not 0 < qty <= MAX_QTY:
            fail("a quantity is 1 to 10_000_000 GPUs", qty)
        return 0
