# cython: language_level=3
"""
Prepared commands for plain books: limit orders and cancels, carried out in their order.

Many books do not fit the caches, and what a command touches lies in a dozen places of which one
leads to the next: the book, its pool and sides, the id map, the order, the nodes above its price,
the level, the neighbour in the queue. One after the other, each is waited for. So commands are
taken in groups, and before a group is carried out all of it goes those ways together, step by step,
and only calls for the memory of the next step: the waiting overlaps. Nothing is decided by it. An
order that is not there yet, because its own group brings it, has no way to go.

What cannot be meant (a book or a side that is none) is a `ValueError` before anything happens.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cython cimport final
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc

from .order_book cimport OrderBook, Terms
from .plan cimport Plan
from .pool cimport Order, Pool, side_of
from .price_levels cimport NO_LEVEL, Level, PriceLevels
from .types cimport BUY, GTC, MATCH_OWN, NO_SLOT, SELL

cdef extern from "Python.h":
    PyObject* PyTuple_GET_ITEM(tuple items, Py_ssize_t index)

cdef extern from *:
    """
    /* A function that only prefetches looks to gcc as if it did nothing, and its calls are dropped.
       The empty statement says that it does something. */
    #define call_for(memory) do { __builtin_prefetch(memory); __asm__ volatile (""); } while (0)
    """
    void call_for(const void* memory) noexcept nogil


@final
cdef class Books:
    """Plain books whose commands come together."""

    def __cinit__(self, books):
        cdef Plan plan = Plan()
        self.books = tuple(books)
        for book in self.books:
            if not isinstance(book, OrderBook):
                raise TypeError(f"a batch is for order books, not for {book!r}")
            (<OrderBook>book).plan = plan

    def __dealloc__(self):
        free(self.fills)

    def run(self, const unsigned char[::1] commands not None):
        """Carries out packed commands; their outcomes and all fills, packed."""
        cdef int64_t count = commands.shape[0] // <int64_t>sizeof(Command)
        cdef const Command* command
        cdef const Command* end
        cdef Outcome* outcome
        cdef Terms terms = _plain_terms()
        cdef PyObject* book
        cdef bint is_far
        cdef bytes outcomes = PyBytes_FromStringAndSize(NULL, count * sizeof(Outcome))
        if commands.shape[0] % sizeof(Command):
            raise ValueError(f"a command is 24 bytes; {commands.shape[0]} are no whole number")
        if count == 0:
            return b"", b""
        command = <const Command*>&commands[0]
        end = command + count
        outcome = <Outcome*>PyBytes_AS_STRING(outcomes)
        self._require_commands(command, count)
        self.fill_count = 0
        is_far = self._is_far()
        while command < end:
            if is_far and (end - command) % GROUP_COUNT == 0:
                self._call_for(command)
            book = PyTuple_GET_ITEM(self.books, command.book_index)
            outcome[0] = Outcome(0, 0, 0, 0)
            if command.price == 0:
                outcome.done_qty = <int32_t>(<OrderBook>book).cancel_order(command.order_id)
            else:
                self._place(<OrderBook>book, command, &terms, outcome)
            command += 1
            outcome += 1
        return outcomes, PyBytes_FromStringAndSize(
            <char*>self.fills, self.fill_count * sizeof(MakerFill)
        )

    cdef int _require_commands(self, const Command* commands, int64_t count) except -1:
        cdef int64_t books_count = len(self.books)
        cdef int64_t index
        for index in range(count):
            if not 0 <= commands[index].book_index < books_count:
                raise ValueError(f"command {index} is for book {commands[index].book_index}")
            if commands[index].price and not BUY <= commands[index].side <= SELL:
                raise ValueError(f"command {index} has side {commands[index].side}")
        return 0

    cdef int _place(
        self, OrderBook book, const Command* command, Terms* terms, Outcome* outcome
    ) except -1:
        terms.order_id = command.order_id
        terms.price = command.price
        terms.qty = command.qty
        terms.side = command.side
        outcome.reason = book.plan_order(terms)
        if outcome.reason:
            return 0
        if book.plan.count:
            outcome.fill_count = book.plan.count
            self._note_fills(book)
        outcome.leaves_qty = <int32_t>book.apply_order(terms)
        outcome.done_qty = command.qty - outcome.leaves_qty
        return 0

    cdef int _note_fills(self, OrderBook book) except -1:
        cdef int64_t wanted = self.fill_count + book.plan.count
        cdef const Order* maker
        cdef MakerFill* fills
        cdef int32_t index
        if wanted > self.fill_capacity:
            fills = <MakerFill*>realloc(self.fills, 2 * wanted * sizeof(MakerFill))
            if fills == NULL:
                raise MemoryError
            self.fills = fills
            self.fill_capacity = 2 * wanted
        for index in range(book.plan.count):
            maker = &book.pool.orders[book.plan.fills[index].maker_slot]
            self.fills[self.fill_count] = MakerFill(
                maker.order_id, maker.limit_price, book.plan.fills[index].qty
            )
            self.fill_count += 1
        return 0

    # -- memory -----------------------------------------------------------------------------------

    cdef bint _is_far(self) noexcept:
        """Whether the books are so many or so large that calling for them is worth its time."""
        cdef int64_t order_count = 0
        cdef OrderBook book
        if len(self.books) > NEAR_BOOKS:
            return True
        for book in self.books:
            order_count += book.pool.count
        return order_count > NEAR_ORDERS

    cdef void _call_for(self, const Command* commands) noexcept:
        """Brings what a group of commands will touch into the caches, a step of all at a time."""
        cdef Trail[GROUP_COUNT] trails
        cdef int index
        for index in range(GROUP_COUNT):
            trails[index].book = PyTuple_GET_ITEM(self.books, commands[index].book_index)
            _call_for_object(trails[index].book)
        for index in range(GROUP_COUNT):
            _call_for_book(<OrderBook>trails[index].book)
        for index in range(GROUP_COUNT):
            _call_for_sides(<OrderBook>trails[index].book, commands[index].order_id)
        for index in range(GROUP_COUNT):
            _call_for_rows(<OrderBook>trails[index].book, &commands[index])
        for index in range(GROUP_COUNT):
            _find_price(&trails[index], &commands[index])
        for index in range(GROUP_COUNT):
            _call_for_node(&trails[index], 6)
        for index in range(GROUP_COUNT):
            _call_for_node(&trails[index], 0)
        for index in range(GROUP_COUNT):
            _call_for_level(&trails[index])
        for index in range(GROUP_COUNT):
            _call_for_queue(&trails[index], &commands[index])
        for index in range(GROUP_COUNT):
            _call_for_maker(&trails[index])


cdef Terms _plain_terms() noexcept:
    """Those of a limit order without conditions, good till cancelled, of nobody in particular."""
    cdef Terms terms
    terms.order_id = terms.price = terms.qty = 0
    terms.min_qty = terms.display_qty = 0
    terms.account_id = 0
    terms.slot = NO_SLOT
    terms.side = BUY
    terms.time_in_force = GTC
    terms.policy = MATCH_OWN
    terms.is_post_only = terms.is_all_or_none = False
    return terms


# -- calling for memory, step by step -------------------------------------------------------------


cdef inline void _call_for_object(const PyObject* item) noexcept nogil:
    call_for(item)
    call_for(<const char*>item + 64)


cdef inline void _call_for_book(OrderBook book) noexcept:
    _call_for_object(<const PyObject*>book.pool)


cdef inline void _call_for_sides(OrderBook book, int64_t order_id) noexcept:
    call_for(&book.pool.table[book.pool._home(order_id)])
    _call_for_object(<const PyObject*>book.bid_levels)
    _call_for_object(<const PyObject*>book.ask_levels)


cdef inline void _call_for_rows(OrderBook book, const Command* command) noexcept:
    """The orders where the map is looked into; for a new one also the row that it would have."""
    cdef int64_t at = book.pool._home(command.order_id)
    _call_for_entry(book, at)
    _call_for_entry(book, (at + 1) & book.pool.table_mask)
    if command.price != 0:
        call_for(&book.pool.orders[book.pool.next_slot()])


cdef inline void _call_for_entry(OrderBook book, int64_t at) noexcept:
    if book.pool.table[at] != NO_SLOT:
        call_for(&book.pool.orders[book.pool.table[at]])


cdef inline void _find_price(Trail* trail, const Command* command) noexcept:
    """
    Where a command goes: to its own price, or to the best of the other side if it would trade.

    A cancel goes to the price of its order, whose neighbours are called for.
    """
    cdef PyObject* book = trail.book
    cdef const Order* order
    cdef int32_t slot
    cdef int side = command.side
    trail.price = command.price
    trail.is_taking = False
    if command.price == 0:
        slot = (<OrderBook>book).pool.find(command.order_id)
        if slot != NO_SLOT:
            order = &(<OrderBook>book).pool.orders[slot]
            side = side_of(order)
            trail.price = order.limit_price
            _call_for_order(trail, order.prev_slot)
            _call_for_order(trail, order.next_slot)
    elif (<OrderBook>book).is_met(side, command.price):
        side = BUY + SELL - side
        trail.is_taking = True
    if side == BUY:
        trail.levels = <PyObject*>(<OrderBook>book).bid_levels
    else:
        trail.levels = <PyObject*>(<OrderBook>book).ask_levels
    if trail.is_taking:
        trail.price = (<PriceLevels>trail.levels).best_price
    trail.node = (<PriceLevels>trail.levels).root
    if (<PriceLevels>trail.levels).tiers != 3:
        trail.node = (<PriceLevels>trail.levels)._third_tier(trail.price)
    call_for(_child(trail, 12))


cdef inline void _call_for_order(const Trail* trail, int32_t slot) noexcept:
    if slot != NO_SLOT:
        call_for(&(<OrderBook>trail.book).pool.orders[slot])


cdef inline const int32_t* _child(const Trail* trail, int shift) noexcept:
    """Where the way goes on from its node; nowhere leads to nowhere, so it need not be asked."""
    return &(<PriceLevels>trail.levels).nodes[trail.node].children[(trail.price >> shift) & 63]


cdef inline void _call_for_node(Trail* trail, int shift) noexcept:
    """A node further, the one for six bits of the price from `shift` on."""
    trail.node = _child(trail, shift + 6)[0]
    call_for(_child(trail, shift))
    if shift == 0:
        call_for(&(<PriceLevels>trail.levels).used[trail.node])


cdef inline void _call_for_level(Trail* trail) noexcept:
    """The level at the price, or the row of the one that will be opened there."""
    trail.node = _child(trail, 0)[0]
    if trail.node == NO_LEVEL:
        call_for(&(<PriceLevels>trail.levels).levels[(<PriceLevels>trail.levels).next_row()])
    else:
        call_for(&(<PriceLevels>trail.levels).levels[trail.node])


cdef inline void _call_for_queue(const Trail* trail, const Command* command) noexcept:
    """The order behind which a new one goes, or the first that it meets."""
    cdef const Level* level = &(<PriceLevels>trail.levels).levels[trail.node]
    if trail.node == NO_LEVEL:
        return
    if trail.is_taking:
        _call_for_order(trail, level.head_slot)
    elif command.price != 0:
        _call_for_order(trail, level.tail_slot)


cdef inline void _call_for_maker(const Trail* trail) noexcept:
    """Of an order that is met its entry in the map, and the level behind its own."""
    cdef const Level* level = &(<PriceLevels>trail.levels).levels[trail.node]
    cdef PyObject* book = trail.book
    if trail.is_taking:
        call_for(
            &(<OrderBook>book).pool.table[
                (<OrderBook>book).pool._home(
                    (<OrderBook>book).pool.orders[level.head_slot].order_id
                )
            ]
        )
        call_for((<PriceLevels>trail.levels).worse(level))
