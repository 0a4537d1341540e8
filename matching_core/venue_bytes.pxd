# cython: language_level=3
"""
A whole venue as bytes, and back.

The bytes are a run of msgpack integers. Each of the structs below is written as its fields in their
order, so a new field is a line here and one each where its row is made and read in `venue_bytes`;
the version goes up with it.

    version, VenueRow
    trusts:    what each holds
    accounts:  count, AccountRow each, from 0 on
    products:  count, then by id: ProductRow, granted, escrow, holdings
               granted    count, (start_day, end_day, qty) each
               escrow     count, (start_day, end_day, sold_qty, day_amount) each
               holdings   by account: account_id, is_house, the runs of six day functions; then -1
    holds:     count, HoldRow each, by id
    books:     count, then by instrument id: BookRow, bids, asks
               a side     count of levels, the best first: price, count, OrderRow each by priority
    links:     count of groups, then by account and link id: account_id, link_id, count, order ids
"""

from libc.stdint cimport int64_t

from .state cimport State

cdef enum:
    SNAPSHOT_VERSION = 5

cdef struct VenueRow:
    int64_t base_day
    int64_t next_trade_id
    int64_t deposits_amount
    int64_t market_ns
    int64_t is_catching_up
    int64_t session_state

cdef struct AccountRow:
    int64_t available_amount
    int64_t held_amount
    int64_t party                  # the lowest account id under the same control

cdef struct HoldRow:
    int64_t hold_id
    int64_t account_id
    int64_t held_amount
    int64_t product_id             # 0 where no days are set aside
    int64_t start_day
    int64_t end_day
    int64_t qty
    int64_t is_sublet

cdef struct ProductRow:
    int64_t product_id
    int64_t supplier_account_id
    int64_t lot_qty
    int64_t maker_bps
    int64_t taker_bps

cdef struct BookRow:
    int64_t instrument_id
    int64_t product_id
    int64_t start_day
    int64_t end_day
    int64_t is_resting_allowed
    int64_t gate_closure_ns
    int64_t is_closed
    int64_t is_halted
    int64_t auction_end_ns
    int64_t last_price
    int64_t settlement_price
    int64_t low_limit_price
    int64_t high_limit_price
    int64_t dynamic_bps
    int64_t is_sublet
    int64_t rent_floor_price

cdef struct OrderRow:
    int64_t order_id
    int64_t account_id
    int64_t key_id
    int64_t session_id
    int64_t order_qty
    int64_t leaves_qty             # on display
    int64_t hidden_qty
    int64_t display_qty            # 0 for an order that shows all
    int64_t self_match_policy
    int64_t time_in_force
    int64_t exec_inst
    int64_t expire_day
    int64_t held_amount            # of a linked order, what it would hold alone
    int64_t fee_slack
    int64_t maker_bps
    int64_t taker_bps

cdef bytes write_venue(State state)
cdef int read_venue(State state, bytes data) except -1
