# cython: language_level=3
"""
A whole venue as bytes, and back; `venue_bytes.pxd` has the format.

Written is everything that a future command could depend on, in an order that follows from the
market and not from slots or hashing: accounts, products, holdings, then books with every queue from
its front. Two venues with the same past have the same bytes, whatever orders came and went in
between. What follows from that is not written and made again on reading: the map of ids, the totals
of levels and escrows, the origins of orders, and the lists of accounts (by queue: who asks for them
gets them sorted).

What is read back is believed in nothing: bytes that no sound venue would write are a `CoreError`,
and the venue that they were read into is to be thrown away. Numbers are bounded where they could
overflow; days and holders, which take memory out of proportion to their bytes, all together; then `check_state` works out every total, and the venue must write the
very bytes that it was read from, so that order and form need no checks of their own.
"""

from libc.stdint cimport INT32_MAX, int8_t, int16_t, int32_t, int64_t

from .audit cimport check_state
from .book cimport Book
from .custody cimport Hold
from .decode cimport IntegerReader
from .encode cimport EventBuffer
from .errors cimport fail
from .holdings cimport DAY_FUNCTIONS, RESERVED_SALE, RESERVED_SUBLET, Holding, Product
from .money cimport MAX_INTEGER
from .origins cimport Origin
from .links cimport Group
from .pool cimport Order, OrderDetail, marks_of, policy_of, side_of
from .price_levels cimport Level, PriceLevels
from .state cimport State
from .types cimport (
    BUY,
    CANCEL_BOTH,
    CANCEL_INCOMING,
    MAX_BPS,
    MAX_DAY,
    MAX_PRICE,
    MAX_QTY,
    NO_SLOT,
    POST_ONLY,
    SELL,
    TRUSTS,
    VENUE_ACCOUNT_ID,
)

cdef enum:
    HOLDER_BYTES = 8               # of a product's list, for each account up to the last holder
    GRANTED_DAY_BYTES = 16
    HELD_DAY_BYTES = 24


cdef bytes write_venue(State state):
    """The whole state as canonical bytes."""
    cdef EventBuffer out = EventBuffer()
    cdef int trust
    cdef VenueRow row = VenueRow(
        state.base_day,
        state.next_trade_id,
        state.cash.deposits_amount,
        state.market_ns,
        state.is_catching_up,
        state.session_state,
    )
    out.number(SNAPSHOT_VERSION)
    out.numbers(<const int64_t*>&row, sizeof(VenueRow) // sizeof(int64_t))
    for trust in range(TRUSTS):
        out.number(state.trusts[trust])
    _write_accounts(out, state)
    out.number(len(state.products))
    for product_id in sorted(state.products):
        _write_product(out, state.products[product_id])
    _write_holds(out, state)
    out.number(len(state.books))
    for instrument_id in sorted(state.books_by_id):
        _write_book(out, state, state.books_by_id[instrument_id])
    _write_links(out, state)
    return out.take()[1]


cdef int read_venue(State state, bytes data) except -1:
    """Fills a new state from a venue's bytes."""
    cdef IntegerReader source = IntegerReader(data)
    cdef VenueRow row
    cdef int trust
    cdef int64_t version = source.number()
    if version != SNAPSHOT_VERSION:
        fail("a snapshot of another version is not read; it is of version", version)
    source.numbers(<int64_t*>&row, sizeof(VenueRow) // sizeof(int64_t))
    if not 0 <= row.base_day < MAX_DAY:
        fail("the base day is a day number", row.base_day)
    if not 0 < row.next_trade_id <= MAX_INTEGER + 1:
        fail("a trade id is positive and below 2**53", row.next_trade_id)
    if not 0 <= row.deposits_amount <= MAX_INTEGER:
        fail("all cash is 0 to 2**53 - 1", row.deposits_amount)
    state.base_day = row.base_day
    state.next_trade_id = row.next_trade_id
    state.cash.deposits_amount = row.deposits_amount
    state.set_clock(row.market_ns, row.is_catching_up != 0)
    state.set_session(row.session_state)
    for trust in range(TRUSTS):
        state.trusts[trust] = source.number()
        if not 0 <= state.trusts[trust] <= row.deposits_amount:
            fail("what is in trust is a part of all cash; not so in", trust)
    _read_accounts(source, state)
    for _ in range(source.count()):
        _read_product(source, state)
    for _ in range(source.count()):
        _read_hold(source, state)
    for _ in range(source.count()):
        _read_book(source, state)
    _read_links(source, state)
    source.finish()
    check_state(state)
    if write_venue(state) != data:
        fail("a snapshot is in the order and form in which it is written; its bytes are", len(data))
    return 0


# -- accounts -------------------------------------------------------------------------------------


cdef int _write_accounts(EventBuffer out, State state) except -1:
    cdef AccountRow row
    cdef int64_t account_id
    out.number(state.cash.count)
    for account_id in range(state.cash.count):
        row = AccountRow(
            state.cash.available[account_id],
            state.cash.held[account_id],
            state.parties.party[account_id],
        )
        out.numbers(<const int64_t*>&row, sizeof(AccountRow) // sizeof(int64_t))
    return 0


cdef int _read_accounts(IntegerReader source, State state) except -1:
    cdef AccountRow row
    cdef int64_t account_id
    cdef int64_t left_amount = state.cash.deposits_amount
    cdef int64_t count = source.count()
    if not 0 < count <= INT32_MAX:
        fail("the venue's own account is the first of less than 2**31", count)
    for account_id in range(count):
        source.numbers(<int64_t*>&row, sizeof(AccountRow) // sizeof(int64_t))
        if not 0 <= row.available_amount <= left_amount:
            fail("available cash is a part of all cash; not so for account", account_id)
        left_amount -= row.available_amount
        if not 0 <= row.held_amount <= left_amount:
            fail("held cash is a part of all cash; not so for account", account_id)
        left_amount -= row.held_amount
        if not 0 <= row.party <= account_id:
            fail("a party is named by its lowest account; not so that of", account_id)
        if account_id != VENUE_ACCOUNT_ID:
            state.add_account(account_id)
        state.parties.party[account_id] = <int32_t>row.party
        state.cash.available[account_id] = row.available_amount
        state.cash.held[account_id] = row.held_amount
    return 0


# -- products and who holds them ------------------------------------------------------------------


cdef int _write_product(EventBuffer out, Product product) except -1:
    cdef ProductRow row = ProductRow(
        product.product_id,
        product.supplier_account_id,
        product.lot_qty,
        product.maker_bps,
        product.taker_bps,
    )
    out.numbers(<const int64_t*>&row, sizeof(ProductRow) // sizeof(int64_t))
    _write_runs(out, product.granted_runs())
    _write_runs(out, product.escrow_runs())
    return _write_holdings(out, product)


cdef int _read_product(IntegerReader source, State state) except -1:
    cdef ProductRow row
    cdef Product product
    source.numbers(<int64_t*>&row, sizeof(ProductRow) // sizeof(int64_t))
    source.claim(HOLDER_BYTES * state.cash.count)
    state.add_product(
        row.product_id, row.supplier_account_id, row.lot_qty, row.maker_bps, row.taker_bps
    )
    product = state.product_of(row.product_id)
    _read_granted(source, product)
    _read_escrow(source, product)
    return _read_holdings(source, product, state.cash.count)


cdef int _write_runs(EventBuffer out, list runs) except -1:
    out.number(len(runs))
    for run in runs:
        for value in run:
            out.number(value)
    return 0


cdef int _read_granted(IntegerReader source, Product product) except -1:
    cdef int64_t[3] run
    cdef int64_t next_day = product.base_day
    for _ in range(source.count()):
        source.numbers(run, 3)
        _require_run(run, next_day, MAX_DAY)
        if not 0 < run[2] <= INT32_MAX:
            fail("the capacity granted for a day fits 31 bits", run[2])
        source.claim(GRANTED_DAY_BYTES * (run[1] - next_day))
        product.grant(run[0], run[1], run[2])
        next_day = run[1]
    return 0


cdef int _read_escrow(IntegerReader source, Product product) except -1:
    cdef int64_t[4] run
    cdef int64_t next_day = product.base_day
    for _ in range(source.count()):
        source.numbers(run, 4)
        _require_run(run, next_day, product.base_day + product.length)
        if not 0 <= run[2] <= INT32_MAX:
            fail("what is sold of a day fits 31 bits", run[2])
        if not 0 <= run[3] <= MAX_INTEGER // (run[1] - run[0]):
            fail("a day's escrow is a part of less than 2**53 fen", run[3])
        product.fund(run[0], run[1], run[2], run[3])
        next_day = run[1]
    return 0


cdef int _write_holdings(EventBuffer out, Product product) except -1:
    cdef Holding holding
    cdef int64_t account_id
    cdef int which
    for account_id in range(len(product.holdings)):
        holding = product.holdings[account_id]
        if holding is None or not holding.is_house and holding.is_empty():
            continue
        out.number(account_id)
        out.number(holding.is_house)
        for which in range(DAY_FUNCTIONS):
            _write_runs(out, holding.runs(which))
    return out.number(-1)


cdef int _read_holdings(IntegerReader source, Product product, int64_t account_count) except -1:
    cdef Holding holding
    cdef int64_t last_id = -1
    cdef int64_t account_id = source.number()
    cdef int which
    while account_id != -1:
        if not last_id < account_id < account_count:
            fail("a product's holders are accounts, the lowest id first; not so", account_id)
        last_id = account_id
        source.claim(HELD_DAY_BYTES * product.length)
        holding = product.holding_or_new(account_id)
        holding.is_house = source.number() == 1
        for which in range(DAY_FUNCTIONS):
            _read_day_function(source, product, holding, which)
        account_id = source.number()
    return 0


cdef int _read_day_function(
    IntegerReader source, Product product, Holding holding, int which
) except -1:
    cdef int64_t[3] run
    cdef int64_t next_day = product.base_day
    for _ in range(source.count()):
        source.numbers(run, 3)
        # Nothing is held beyond the days granted, for which memory was claimed.
        _require_run(run, next_day, product.base_day + product.length)
        if not 0 < run[2] <= INT32_MAX:
            fail("what is held of a day fits 31 bits", run[2])
        holding.add(which, run[0], run[1], run[2])
        next_day = run[1]
    return 0


cdef int _require_run(const int64_t* run, int64_t first_day, int64_t end_day) except -1:
    """A run of days lies behind the one before it and within what there can be."""
    if not first_day <= run[0] < run[1] <= end_day:
        fail("runs of days follow each other and end in time; not so from day", run[0])
    return 0


# -- holds ----------------------------------------------------------------------------------------


cdef int _write_holds(EventBuffer out, State state) except -1:
    cdef HoldRow row
    cdef Hold hold
    out.number(len(state.holds))
    for hold_id in sorted(state.holds):
        hold = state.holds[hold_id]
        row = HoldRow(
            hold.hold_id,
            hold.account_id,
            hold.held_amount,
            hold.product_id,
            hold.start_day,
            hold.end_day,
            hold.qty,
            hold.which == RESERVED_SUBLET,
        )
        out.numbers(<const int64_t*>&row, sizeof(HoldRow) // sizeof(int64_t))
    return 0


cdef int _read_hold(IntegerReader source, State state) except -1:
    """Cash and days that a hold keeps are in the balances and holdings already."""
    cdef HoldRow row
    cdef Hold hold = Hold()
    cdef Product product
    source.numbers(<int64_t*>&row, sizeof(HoldRow) // sizeof(int64_t))
    if not 0 < row.hold_id <= MAX_INTEGER or row.hold_id in state.holds:
        fail("a hold's id is positive, below 2**53 and new", row.hold_id)
    if not VENUE_ACCOUNT_ID < row.account_id < state.cash.count:
        fail("a hold is an account's; not so", row.hold_id)
    if not 0 <= row.held_amount <= state.cash.deposits_amount:
        fail("what a hold keeps is a part of all cash; not so", row.hold_id)
    if row.product_id:
        product = state.product_of(row.product_id)
        state.known_days(row.start_day, row.end_day)
        state.known_qty(row.qty)
        if row.end_day > product.base_day + product.length:
            fail("a hold keeps days that were granted; not so", row.hold_id)
    elif row.start_day or row.end_day or row.qty or row.is_sublet or not row.held_amount:
        fail("a hold keeps cash, or days of a product; not so", row.hold_id)
    hold.hold_id = row.hold_id
    hold.account_id = row.account_id
    hold.held_amount = row.held_amount
    hold.product_id = row.product_id
    hold.start_day = row.start_day
    hold.end_day = row.end_day
    hold.qty = row.qty
    hold.which = RESERVED_SUBLET if row.is_sublet else RESERVED_SALE
    state.holds[row.hold_id] = hold
    return 0


# -- books and their queues -----------------------------------------------------------------------


cdef int _write_book(EventBuffer out, State state, Book book) except -1:
    cdef PriceLevels levels
    cdef const Level* level
    cdef BookRow row = BookRow(
        book.instrument_id,
        book.product.product_id,
        book.start_day,
        book.end_day,
        book.is_resting_allowed,
        book.gate_closure_ns,
        book.is_closed,
        book.is_halted,
        book.auction_end_ns,
        book.last_price,
        book.settlement_price,
        book.low_limit_price,
        book.high_limit_price,
        book.dynamic_bps,
        book.is_sublet,
        book.rent_floor_price,
    )
    out.numbers(<const int64_t*>&row, sizeof(BookRow) // sizeof(int64_t))
    for levels in (book.bid_levels, book.ask_levels):
        out.number(levels.length)
        level = levels.best()
        while level != NULL:
            _write_queue(out, state, level)
            level = levels.worse(level)
    return 0


cdef int _read_book(IntegerReader source, State state) except -1:
    cdef BookRow row
    cdef Book book
    cdef int side
    source.numbers(<int64_t*>&row, sizeof(BookRow) // sizeof(int64_t))
    state.add_instrument(
        row.instrument_id,
        row.product_id,
        row.start_day,
        row.end_day,
        row.is_resting_allowed,
        row.gate_closure_ns,
        row.is_sublet != 0,
    )
    if row.rent_floor_price:
        state.set_rent_floor(row.instrument_id, row.rent_floor_price)
    book = state.book_of(row.instrument_id)
    _read_session(state, book, &row)
    for side in (BUY, SELL):
        for _ in range(source.count()):
            _read_queue(source, state, book, side)
    return state.note_state(book)


cdef int _read_session(State state, Book book, const BookRow* row) except -1:
    """A book's bands, and whether it trades; what its state follows from is bounded."""
    if row.settlement_price:
        state.set_bands(
            row.instrument_id,
            row.settlement_price,
            row.low_limit_price,
            row.high_limit_price,
            row.dynamic_bps,
        )
    if not 0 <= row.last_price <= MAX_PRICE:
        fail("a last price is 1 to 16_000_000 fen, or 0", row.last_price)
    if row.auction_end_ns < 0 or row.is_halted and row.auction_end_ns:
        fail("an auction ends at a time, and none runs while halted; not so", row.instrument_id)
    book.is_closed = row.is_closed
    book.is_halted = row.is_halted
    book.auction_end_ns = row.auction_end_ns
    book.last_price = row.last_price
    return 0


cdef int _write_queue(EventBuffer out, State state, const Level* level) except -1:
    cdef OrderRow row
    cdef int32_t slot = level.head_slot
    out.number(level.price)
    out.number(level.count)
    while slot != NO_SLOT:
        row = _row_of(state, slot)
        out.numbers(<const int64_t*>&row, sizeof(OrderRow) // sizeof(int64_t))
        slot = state.pool.orders[slot].next_slot
    return 0


cdef int _read_queue(IntegerReader source, State state, Book book, int side) except -1:
    cdef OrderRow row
    cdef int64_t price = source.number()
    if not 0 < price <= MAX_PRICE:
        fail("a price is 1 to 16_000_000 fen", price)
    for _ in range(source.count()):
        source.numbers(<int64_t*>&row, sizeof(OrderRow) // sizeof(int64_t))
        _require_order(state, &row)
        _rest(state, book, side, <int32_t>price, &row)
    return 0


cdef OrderRow _row_of(State state, int32_t slot) except *:
    cdef const Order* order = &state.pool.orders[slot]
    cdef const OrderDetail* detail = &state.pool.details[slot]
    cdef const Origin* origin = state.pool.origin_of(slot)
    cdef OrderRow row
    row.order_id = order.order_id
    row.account_id = order.account_id
    row.key_id = origin.key_id
    row.session_id = origin.session_id
    row.order_qty = detail.order_qty
    row.leaves_qty = order.leaves_qty
    row.hidden_qty = state.pool.open_qty(slot) - order.leaves_qty
    row.display_qty = state.pool.display_qty(slot)
    row.self_match_policy = policy_of(order)
    row.time_in_force = origin.time_in_force
    row.exec_inst = origin.exec_inst
    row.expire_day = origin.expire_day
    row.held_amount = state.hold_alone(
        slot, order.limit_price, state.pool.open_qty(slot), detail.fee_slack
    )
    row.fee_slack = detail.fee_slack
    row.maker_bps = origin.maker_bps
    row.taker_bps = origin.taker_bps
    return row


cdef int _rest(State state, Book book, int side, int32_t price, const OrderRow* row) except -1:
    """Puts an order at the end of its queue, as it stood there."""
    cdef int32_t slot = state.pool.add(row.order_id, <int32_t>row.account_id)
    cdef Order* order = &state.pool.orders[slot]
    cdef OrderDetail* detail = &state.pool.details[slot]
    cdef Origin origin = Origin(
        session_id=row.session_id,
        key_id=row.key_id,
        expire_day=<int32_t>row.expire_day,
        maker_bps=<int16_t>row.maker_bps,
        taker_bps=<int16_t>row.taker_bps,
        time_in_force=<int8_t>row.time_in_force,
        exec_inst=<int8_t>row.exec_inst,
        order_count=0,
    )
    order.limit_price = price
    order.leaves_qty = <int32_t>row.leaves_qty
    order.marks = marks_of(
        book.index, side, <int>row.self_match_policy, row.exec_inst & POST_ONLY
    )
    detail.order_qty = <int32_t>row.order_qty
    detail.fee_slack = <int16_t>row.fee_slack
    state.pool.come_from(slot, &origin)
    if row.display_qty:
        state.pool.show(slot, <int32_t>row.display_qty)
    book.append(slot)
    if row.hidden_qty:
        book.hide(slot, <int32_t>row.hidden_qty)
    if state.held_amount(slot) != row.held_amount:
        fail("an order holds what its rest needs; not so", row.order_id)
    return 0


# -- links ----------------------------------------------------------------------------------------


cdef int _write_links(EventBuffer out, State state) except -1:
    cdef Group group
    cdef int32_t index
    out.number(len(state.links.groups))
    for key in sorted(state.links.groups):
        group = state.links.groups[key]
        out.number(group.account_id)
        out.number(group.link_id)
        out.number(group.count)
        for index in range(group.count):
            out.number(state.pool.orders[group.slots[index]].order_id)
    return 0


cdef int _read_links(IntegerReader source, State state) except -1:
    """Groups of orders that rest, each of which goes with those before it."""
    cdef int64_t account_id, link_id, order_id, value, limit
    cdef int32_t slot
    cdef Book book
    for _ in range(source.count()):
        account_id, link_id = source.number(), source.number()
        if not 0 < link_id <= MAX_INTEGER:
            fail("a link id is positive and below 2**53; not so", link_id)
        for _ in range(source.count()):
            order_id = source.number()
            slot = state.pool.find(order_id)
            if slot == NO_SLOT or state.pool.orders[slot].account_id != account_id:
                fail("a linked order is an open one of its account; not so", order_id)
            if slot in state.links.by_slot:
                fail("an order is in one group; not so", order_id)
            book = state.book_of_slot(slot)
            side = side_of(&state.pool.orders[slot])
            if state.misfit(book, side, account_id, link_id, &value, &limit):
                fail("linked orders are alike, of one book each, and 8 at most; not so", order_id)
            state.join(slot, link_id)
    return 0


cdef int _require_order(State state, const OrderRow* row) except -1:
    """What an order's place in memory needs; what it must agree with, `check_state` looks at."""
    if not 0 < row.order_id <= MAX_INTEGER or state.pool.find(row.order_id) != NO_SLOT:
        fail("an order id is positive, below 2**53 and rests once", row.order_id)
    if not VENUE_ACCOUNT_ID < row.account_id < state.cash.count:
        fail("an order is an account's; not so", row.order_id)
    if not 0 < row.order_qty <= MAX_QTY:
        fail("a quantity is 1 to 10_000_000 GPUs; not so", row.order_id)
    if not 0 < row.leaves_qty <= row.order_qty:
        fail("an order shows some of its quantity; not so", row.order_id)
    if not 0 <= row.hidden_qty <= row.order_qty - row.leaves_qty:
        fail("what is hidden is a part of the quantity; not so", row.order_id)
    # More than the order has, where it was amended to less.
    if not 0 <= row.display_qty <= MAX_QTY:
        fail("a display quantity is 0 to 10_000_000 GPUs; not so", row.order_id)
    if row.leaves_qty > row.display_qty and (row.display_qty or row.hidden_qty):
        fail("an iceberg shows its display quantity at most; not so", row.order_id)
    if not CANCEL_INCOMING <= row.self_match_policy <= CANCEL_BOTH:
        fail("a self-match policy is 1 to 3; not so", row.order_id)
    if not 0 <= row.time_in_force < 128 or not 0 <= row.exec_inst < 128:
        fail("conditions of an order are small numbers; not so", row.order_id)
    if not 0 <= row.expire_day <= MAX_DAY:
        fail("an expire day is a day number, or 0; not so", row.order_id)
    if not 0 <= row.held_amount <= state.cash.deposits_amount:
        fail("what an order holds is a part of all cash; not so", row.order_id)
    if not 0 <= row.fee_slack <= 9999:
        fail("a fee slack is 0 to 9999; not so", row.order_id)
    if not 0 <= row.maker_bps <= MAX_BPS or not 0 <= row.taker_bps <= MAX_BPS:
        fail("a rate is 0 to 10_000 basis points; not so", row.order_id)
    return 0
