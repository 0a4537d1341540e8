# cython: language_level=3, boundscheck=False, wraparound=False
"""
Prepared commands, run through `OrderBook` from C: what the core takes without Python around it.

A command is 24 bytes, see `core_flow.py`; `textbook_book.cpp` reads the same ones. The loop calls what
`OrderBook.place` and `cancel` call after they have read their arguments, and makes no `Result`.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from matching_core.order_book cimport OrderBook, Terms
from matching_core.types cimport GTC, MATCH_OWN, NO_SLOT

cdef extern from "Python.h":
    PyObject* PyList_GET_ITEM(list items, Py_ssize_t index)

cdef packed struct Command:
    int64_t order_id
    int32_t book_index
    int32_t price                  # 0 cancels
    int32_t qty
    int32_t side


def run(list books not None, const unsigned char[::1] commands not None, int64_t count):
    """
    Runs the first `count` commands; a checksum of what they filled and cancelled.

    Each command names one of `books` by its index.
    """
    cdef const Command* command = <const Command*>&commands[0]
    cdef const Command* end = command + count
    cdef int64_t done_qty = 0
    cdef PyObject* book            # borrowed from the list
    cdef Terms terms
    if not 0 <= count <= commands.shape[0] // <int64_t>sizeof(Command):
        raise ValueError(f"there are not {count} commands")
    terms.min_qty = terms.display_qty = 0
    terms.account_id = 0
    terms.slot = NO_SLOT
    terms.time_in_force = GTC
    terms.policy = MATCH_OWN
    terms.is_post_only = terms.is_all_or_none = False
    while command < end:
        book = PyList_GET_ITEM(books, command.book_index)
        if command.price == 0:
            done_qty += (<OrderBook>book).cancel_order(command.order_id)
        else:
            terms.order_id = command.order_id
            terms.price = command.price
            terms.qty = command.qty
            terms.side = command.side
            if (<OrderBook>book).plan_order(&terms):
                raise ValueError(f"order {command.order_id} was refused")
            done_qty += command.qty - (<OrderBook>book).apply_order(&terms)
        command += 1
    return done_qty
