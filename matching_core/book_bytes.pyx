# cython: language_level=3
"""
A plain book as bytes: a header, then 32 bytes for each order, queue by queue, little-endian.

The bytes are canonical. They follow from the market, level by level from the best and each queue
from its front, and not from slots or hashing, so two books that would act alike have the same. What
is read back is believed in nothing: bytes that no book would write are a `ValueError`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcmp, memcpy

from .pool cimport BOOK_SHIFT, IS_ICEBERG, IS_LINKED, IS_QUEUED, IS_SELL, Order, Pool
from .price_levels cimport Level, PriceLevels
from .queues cimport Queues
from .types cimport MAX_CLIPS, NO_SLOT

cdef enum:
    MAX_OPEN_QTY = 0x7FFFFFFF

cdef const char* MAGIC = b"OrdBook1"


cdef bytes write_book(Queues queues, bint is_collecting):
    """The whole book as canonical bytes."""
    cdef Header header
    cdef PriceLevels levels
    cdef const Level* level
    cdef bytes data = PyBytes_FromStringAndSize(
        NULL, sizeof(Header) + queues.pool.count * sizeof(Row)
    )
    cdef char* out = PyBytes_AS_STRING(data)
    cdef Row* rows = <Row*>(out + sizeof(Header))
    cdef int32_t slot
    cdef int64_t count = 0
    memcpy(&header.magic, MAGIC, 8)
    header.is_collecting = is_collecting
    for levels in (queues.bid_levels, queues.ask_levels):
        level = levels.best()
        while level != NULL:
            slot = level.head_slot
            while slot != NO_SLOT:
                _write_row(queues.pool, slot, &rows[count])
                slot = queues.pool.orders[slot].next_slot
                count += 1
            level = levels.worse(level)
        if levels is queues.bid_levels:
            header.bid_count = count
    header.ask_count = count - header.bid_count
    memcpy(out, &header, sizeof(Header))
    return data


cdef void _write_row(Pool pool, int32_t slot, Row* row) noexcept:
    cdef const Order* order = &pool.orders[slot]
    row.order_id = order.order_id
    row.price = order.limit_price
    row.leaves_qty = order.leaves_qty
    row.account_id = order.account_id
    row.marks = order.marks
    row.hidden_qty = row.display_qty = 0
    if order.marks & IS_ICEBERG:
        row.hidden_qty = pool.clips[slot].hidden_qty
        row.display_qty = pool.clips[slot].display_qty


cdef bint read_book(Queues queues, bytes data) except -1:
    """Fills empty queues from a book's bytes; whether the book was collecting."""
    cdef Header header
    cdef Row row
    cdef const char* source = PyBytes_AS_STRING(data)
    cdef int64_t size = PyBytes_GET_SIZE(data)
    cdef int64_t header_size = sizeof(Header)
    cdef int64_t row_size = sizeof(Row)
    cdef int64_t count = (size - header_size) // row_size
    cdef int64_t index
    if size < header_size or size != header_size + count * row_size:
        raise ValueError(f"a snapshot is a header and rows; {size} bytes are not")
    memcpy(&header, source, sizeof(Header))
    if memcmp(&header.magic, MAGIC, 8) or not 0 <= header.is_collecting <= 1:
        raise ValueError("these bytes are not the snapshot of an order book")
    if not 0 <= header.bid_count <= count or header.ask_count != count - header.bid_count:
        raise ValueError(f"a snapshot has the orders that it counts; this one has {count}")
    for index in range(count):
        memcpy(&row, source + header_size + index * row_size, sizeof(Row))
        if (row.marks & IS_SELL) != (index >= header.bid_count):
            raise ValueError(f"bids come before asks; not so at order {row.order_id}")
        _read_row(queues, &row)
    if queues.is_crossed() and not header.is_collecting:
        raise ValueError("the best bid is below the best ask; not so in this snapshot")
    if write_book(queues, header.is_collecting) != data:
        raise ValueError("a snapshot lists its levels from the best; this one does not")
    return header.is_collecting


cdef int _read_row(Queues queues, const Row* row) except -1:
    """Appends an order as it rested; the queues come in their order."""
    cdef Pool pool = queues.pool
    cdef int64_t open_qty = <int64_t>row.leaves_qty + row.hidden_qty
    cdef int32_t slot
    if row.order_id <= 0 or pool.find(row.order_id) != NO_SLOT:
        raise ValueError(f"order ids are positive and rest once; not so {row.order_id}")
    if row.price <= 0 or row.leaves_qty <= 0 or row.hidden_qty < 0 or open_qty > MAX_OPEN_QTY:
        raise ValueError(f"price and quantity of order {row.order_id} are out of bounds")
    if row.marks >> BOOK_SHIFT or row.marks & IS_LINKED or not row.marks & IS_QUEUED:
        raise ValueError(f"order {row.order_id} does not rest in this book")
    if row.marks & IS_ICEBERG:
        if row.leaves_qty > row.display_qty or open_qty > <int64_t>row.display_qty * MAX_CLIPS:
            raise ValueError(f"order {row.order_id} shows more than its display quantity")
    elif row.hidden_qty or row.display_qty:
        raise ValueError(f"order {row.order_id} is no iceberg and hides something")
    slot = pool.add(row.order_id, row.account_id)
    pool.orders[slot].limit_price = row.price
    pool.orders[slot].leaves_qty = row.leaves_qty
    pool.orders[slot].marks = row.marks & ~<uint32_t>(IS_QUEUED | IS_ICEBERG)
    if row.marks & IS_ICEBERG:
        pool.show(slot, row.display_qty)
    queues.append(slot)
    return queues.hide(slot, row.hidden_qty) if row.hidden_qty else 0
