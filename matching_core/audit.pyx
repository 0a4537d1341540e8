# cython: language_level=3
"""
Is the state sound as a whole?

`check_state` works every total out again from the orders and compares; it costs as much as the
state is large and belongs in tests, in audits, and behind the reading of a snapshot.
"""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .custody cimport Hold
from .errors cimport fail
from .holdings cimport (
    DAY_FUNCTIONS,
    LIEN,
    RESERVED_SALE,
    RESERVED_SUBLET,
    SUBLET_IN,
    SUBLET_OUT,
    TITLE,
    Holding,
    Product,
)
from .links cimport Alternatives, Group, hold_together, reserved_on
from .origins cimport Origin
from .pool cimport IS_LINKED, Order, OrderDetail, policy_of, side_of
from .price_levels cimport Level, PriceLevels
from .state cimport State
from .types cimport (
    BUY,
    CANCEL_BOTH,
    CANCEL_INCOMING,
    CONTINUOUS,
    HALTED,
    NO_SLOT,
    SELL,
    TRUSTS,
    collects,
    ends_on_a_day,
    may_rest,
)

# -- check ----------------------------------------------------------------------------------------


cdef int check_state(State state) except -1:
    """Every invariant; `CoreError` names the first that is broken."""
    cdef Book book
    cdef Product product
    cdef int64_t account_id
    cdef int64_t order_count = 0
    cdef int64_t total_amount = 0
    cdef list held = [0] * state.cash.count
    cdef dict reserved = {}          # of each holding and function: GPUs by day
    cdef int trust
    for book in state.books:
        order_count += _check_side(state, book, BUY, held, reserved)
        order_count += _check_side(state, book, SELL, held, reserved)
        _check_session(state, book)
    if order_count != state.pool.count:
        fail("every open order rests in one queue; open are", state.pool.count)
    state.pool.check()
    _check_links(state, held, reserved)
    _count_holds(state, held, reserved)
    for account_id in range(state.cash.count):
        _check_account(state, account_id)
        if state.cash.available[account_id] < 0:
            fail("available cash is 0 or more; not so for account", account_id)
        if state.cash.held[account_id] != held[account_id]:
            fail("held cash is what orders and holds keep; not so for account", account_id)
        total_amount += state.cash.available[account_id] + state.cash.held[account_id]
    for product in state.products.values():
        total_amount += _check_product(product, reserved)
    for trust in range(TRUSTS):
        if state.trusts[trust] < 0:
            fail("what is in trust is 0 or more; not so in", trust)
        total_amount += state.trusts[trust]
    if total_amount != state.cash.deposits_amount:
        fail("cash, escrow and trusts make up the deposits; they are", total_amount)
    return 0


cdef int _check_session(State state, Book book) except -1:
    cdef int session_state = state.state_of(book)
    if book.is_closed and (book.auction_end_ns or book.bid_levels.length or book.ask_levels.length):
        fail("a closed book has no orders and holds no auction; not so", book.instrument_id)
    if book.auction_end_ns and (book.is_halted or state.session_state != CONTINUOUS):
        fail("a book's own auction interrupts continuous trading; not so", book.instrument_id)
    if collects(session_state) or session_state == HALTED:
        if book.is_uncrossing:
            fail("a book uncrosses when it has collected; not so", book.instrument_id)
    elif book.is_crossed() != book.is_uncrossing:
        fail("the best bid is below the best ask; not so in", book.instrument_id)
    return 0


cdef int64_t _check_side(
    State state, Book book, int side, list held, dict reserved
) except -1:
    """One side of a book and what each of its orders holds; how many orders it has."""
    cdef PriceLevels levels = book.levels_of(side)
    cdef Order* order
    cdef const Level* level = levels.best()
    cdef int32_t slot
    cdef dict offered = {}
    cdef int64_t order_count = book.check_side(side)
    while level != NULL:
        slot = level.head_slot
        while slot != NO_SLOT:
            order = &state.pool.orders[slot]
            _check_order(state, book, slot)
            if order.marks & IS_LINKED:
                _check_linked(state, slot)
            else:
                held[order.account_id] += state.held_amount(slot)
            if side == SELL and not order.marks & IS_LINKED:
                offered[order.account_id] = (
                    offered.get(order.account_id, 0) + state.pool.open_qty(slot)
                )
            slot = order.next_slot
        level = levels.worse(level)
    for account_id, qty in offered.items():
        _count_reserved(
            reserved,
            book.product.product_id,
            account_id,
            book.reserves,
            book.start_day,
            book.end_day,
            qty,
        )
    return order_count


cdef int _check_linked(State state, int32_t slot) except -1:
    cdef Order* order = &state.pool.orders[slot]
    cdef Group group = state.links.by_slot.get(slot)
    cdef int32_t index
    if group is None or state.links.find(order.account_id, group.link_id) is not group:
        fail("a linked order has a group of its account; not so", order.order_id)
    for index in range(group.count):
        if group.slots[index] == slot:
            return 0
    fail("a group has its orders; not so", order.order_id)


cdef int _check_links(State state, list held, dict reserved) except -1:
    """That groups are of like orders, and what each holds and reserves."""
    cdef Alternatives rows
    cdef Group group
    cdef Book book
    cdef int64_t linked_count = 0
    for group in state.links.groups.values():
        linked_count += group.count
        _check_group(state, group)
        book = state.book_of_slot(group.slots[0])
        state.alternatives_of(group, &rows)
        side = side_of(&state.pool.orders[group.slots[0]])
        held[group.account_id] += hold_together(
            &rows, side, book.is_fee_in_cash(group.account_id)
        )
        if side == SELL:
            _count_group(reserved, book, group.account_id, &rows)
    if linked_count != len(state.links.by_slot):
        fail("every linked order is in one group; they are", len(state.links.by_slot))
    return 0


cdef int _check_group(State state, Group group) except -1:
    cdef Book first = state.book_of_slot(group.slots[0])
    cdef Book book
    cdef Order* order
    cdef int64_t last_id = 0
    cdef int32_t index
    cdef set instrument_ids = set()
    for index in range(group.count):
        order = &state.pool.orders[group.slots[index]]
        book = state.book_of_slot(group.slots[index])
        instrument_ids.add(book.instrument_id)
        if order.order_id <= last_id or not order.marks & IS_LINKED:
            fail("a group has open orders by their ids; not so group", group.link_id)
        if book.product is not first.product or book.is_sublet != first.is_sublet:
            fail("linked orders are of one product; not so group", group.link_id)
        if side_of(order) != side_of(&state.pool.orders[group.slots[0]]):
            fail("linked orders are of one side; not so group", group.link_id)
        last_id = order.order_id
    if len(instrument_ids) != group.count or not group.count:
        fail("linked orders are of one book each; not so group", group.link_id)
    return 0


cdef int _count_group(
    dict reserved, Book book, int64_t account_id, const Alternatives* rows
) except -1:
    cdef int64_t day
    cdef int32_t index
    cdef set days = set()
    for index in range(rows.count):
        days.update(range(rows.rows[index].start_day, rows.rows[index].end_day))
    for day in days:
        _count_reserved(
            reserved,
            book.product.product_id,
            account_id,
            book.reserves,
            day,
            day + 1,
            reserved_on(rows, day),
        )
    return 0


cdef int _check_order(State state, Book book, int32_t slot) except -1:
    cdef Order* order = &state.pool.orders[slot]
    cdef OrderDetail* detail = &state.pool.details[slot]
    cdef const Origin* origin = state.pool.origin_of(slot)
    cdef int64_t open_qty = state.pool.open_qty(slot)
    if not 0 < open_qty <= detail.order_qty:
        fail("leaves are more than 0 and at most the quantity; not so", order.order_id)
    if open_qty % book.product.lot_qty or detail.order_qty % book.product.lot_qty:
        fail("quantities are whole lots; not so", order.order_id)
    if state.pool.display_qty(slot) % book.product.lot_qty:
        fail("clips are whole lots; not so", order.order_id)
    if not CANCEL_INCOMING <= policy_of(order) <= CANCEL_BOTH:
        fail("a self-match policy is 1 to 3; not so", order.order_id)
    if not may_rest(origin.time_in_force):
        fail("an immediate order does not rest; not so", order.order_id)
    if (origin.expire_day != 0) != ends_on_a_day(origin.time_in_force):
        fail("an order for a day or to a date names its day; not so", order.order_id)
    if not 0 <= detail.fee_slack <= 9999:
        fail("a fee slack is 0 to 9999; not so", order.order_id)
    return 0


cdef int _count_reserved(
    dict reserved,
    int64_t product_id,
    int64_t account_id,
    int which,
    int64_t start_day,
    int64_t end_day,
    int64_t qty,
) except -1:
    cdef dict days = reserved.setdefault((product_id, account_id, which), {})
    for day in range(start_day, end_day):
        days[day] = days.get(day, 0) + qty
    return 0


cdef int _count_holds(State state, list held, dict reserved) except -1:
    cdef Hold hold
    for hold in state.holds.values():
        held[hold.account_id] += hold.held_amount
        if hold.product_id:
            _count_reserved(
                reserved,
                hold.product_id,
                hold.account_id,
                hold.which,
                hold.start_day,
                hold.end_day,
                hold.qty,
            )
    return 0


cdef int _check_account(State state, int64_t account_id) except -1:
    cdef int32_t slot = state.pool.first_of_account(account_id)
    cdef int32_t prev_slot = NO_SLOT
    cdef int64_t count = 0
    while slot != NO_SLOT:
        if state.pool.orders[slot].order_id == 0:
            fail("an account's list holds open orders; not so for account", account_id)
        if state.pool.orders[slot].account_id != account_id:
            fail("an account's list holds its own orders; not so for account", account_id)
        if state.pool.details[slot].account_prev_slot != prev_slot:
            fail("an account's list is linked both ways; not so for account", account_id)
        count += 1
        prev_slot = slot
        slot = state.pool.details[slot].account_next_slot
    if count != state.pool.open_count(account_id):
        fail("an account's list is as long as its count; not so for account", account_id)
    return 0


cdef int64_t _check_product(Product product, dict reserved) except -1:
    """A product's days over all its holders; returns its escrow."""
    cdef Holding holding
    cdef int64_t account_id, day, index, length
    cdef int64_t escrow_amount = 0
    cdef int which
    length = product.length
    for holding in product.holdings:
        if holding is not None:
            length = max(length, holding.length)
    cdef list title = [0] * length
    cdef list strangers = [0] * length
    cdef list sublet = [0] * length
    for account_id in range(len(product.holdings)):
        holding = product.holdings[account_id]
        if holding is None:
            continue
        _check_holding(holding)
        for which in (RESERVED_SALE, RESERVED_SUBLET):
            _check_reserved(
                holding, which, reserved.get((product.product_id, account_id, which), {})
            )
        for index in range(holding.length):
            title[index] += holding.days[TITLE][index]
            sublet[index] += holding.days[SUBLET_OUT][index] - holding.days[SUBLET_IN][index]
            if not holding.is_house:
                strangers[index] += holding.days[TITLE][index]
    for index in range(length):
        day = product.base_day + index
        if title[index] != (product.granted[index] if index < product.length else 0):
            fail("titles sum to what was granted; not so on day", day)
        if sublet[index] != 0:
            fail("what is sublet out is sublet in; not so on day", day)
        if strangers[index] != (product.sold[index] if index < product.length else 0):
            fail("what strangers own is what the escrow counts as sold; not so on day", day)
    for index in range(product.length):
        day = product.base_day + index
        if product.escrow[index] < 0 or (product.escrow[index] and not product.sold[index]):
            fail("a day's escrow is 0 or more, and 0 where nothing is sold; not so on day", day)
        escrow_amount += product.escrow[index]
    if escrow_amount != product.escrow_amount:
        fail("a product's escrow is the sum over its days; it is", product.escrow_amount)
    return escrow_amount


cdef int _check_holding(Holding holding) except -1:
    cdef int64_t index, day, reserved_sale, reserved_sublet, title
    cdef int which
    for index in range(holding.length):
        day = holding.base_day + index
        for which in range(DAY_FUNCTIONS):
            if holding.days[which][index] < 0:
                fail("no function of a holding is below 0; one is on day", day)
        title = holding.days[TITLE][index]
        reserved_sale = holding.days[RESERVED_SALE][index]
        reserved_sublet = holding.days[RESERVED_SUBLET][index]
        if holding.days[LIEN][index] + reserved_sale > title:
            fail("lien and reserved sales are owned; not so on day", day)
        if holding.days[SUBLET_OUT][index] + reserved_sublet + reserved_sale > title:
            fail("sublets and reserved sales are owned; not so on day", day)
    return 0


cdef int _check_reserved(Holding holding, int which, dict reserved) except -1:
    """What open sells and holds set aside is what one function of the holding says."""
    cdef int64_t index, day
    cdef int64_t reserved_days = 0
    for index in range(holding.length):
        day = holding.base_day + index
        if holding.days[which][index] != reserved.get(day, 0):
            fail("open sells and holds reserve the days that they cover; not so on day", day)
        reserved_days += holding.days[which][index] != 0
    if reserved_days != len(reserved):
        fail("every open sell and hold reserves its days; they are", len(reserved))
    return 0
