# cython: language_level=3
"""
The market's words as C integers, and one C struct for each event that the core writes.

The structs hold the fields of the event of the same name, in its order and as `int64_t` only, so
that an event is encoded as a plain run of integers.
"""

from libc.stdint cimport int64_t

cdef enum:
    NO_SLOT = -1
    VENUE_ACCOUNT_ID = 0           # receives the fees, never trades

    HOURS_PER_DAY = 24
    MAX_PRICE = 16_000_000         # fen per GPU-hour
    MAX_QTY = 10_000_000           # GPUs of one order, grant or lien
    MAX_DAY = 100_000
    MAX_WINDOW_DAYS = 366          # of one instrument; price x hours x qty then fits 63 bits
    MAX_BPS = 10_000

cdef enum:                         # FIX 54
    BUY = 1
    SELL = 2

cdef enum:                         # FIX 59
    DAY = 0
    GTC = 1
    IOC = 3
    FOK = 4
    GTD = 6

cdef enum:                         # FIX 18 as bits
    POST_ONLY = 1
    ALL_OR_NONE = 2

cdef enum:                         # what an order does on meeting one of its own account
    MATCH_OWN = 0                  # they trade
    CANCEL_INCOMING = 1            # it is refused as a whole
    CANCEL_RESTING = 2             # those that it reaches are cancelled, the walk goes on
    CANCEL_BOTH = 3                # it and those that it would meet are cancelled, nothing trades

cdef enum:                         # FIX 625 where it has one: when a book may trade, and how
    PRE_OPEN = 2                   # collects for the opening auction
    CONTINUOUS = 3
    CLOSING_AUCTION = 4            # collects
    CLOSED = 5
    BREAK = 7
    AUCTION = 9                    # of one book, unscheduled: collects
    HALTED = 20                    # one book

cdef enum:                         # what money in trust is kept for
    TRUST_RENT = 0                 # of sublets, until their days are delivered
    TRUST_BOND = 1                 # of suppliers, against what they fail to deliver
    TRUSTS = 2

cdef enum:
    MAX_CLIPS = 1_000              # of one iceberg, so that no plan is endless

cdef enum:                         # why an order ended unfilled
    REQUESTED = 1
    MASS_CANCEL = 2
    UNFILLED = 3
    OWN_ORDER_MET = 7
    UNFUNDED = 8                   # a house member's fee at an auction's price is not there
    LINKED_FILLED = 12             # an order that it is linked to filled

cdef enum:                         # refusals
    REASON_OPEN_ORDERS = 3002
    REASON_UNKNOWN_INSTRUMENT = 4001
    REASON_LOT = 4003
    REASON_PRICE_BAND = 4004
    REASON_WOULD_TAKE = 4005
    REASON_CANNOT_FILL = 4006
    REASON_WINDOW_CLOSED = 4007
    REASON_NEVER_RESTS = 4008
    REASON_WRONG_STATE = 4019
    REASON_EMPTY = 4024
    REASON_MIN_QTY = 4025          # below 0 or above the quantity
    REASON_DISPLAY_QTY = 4026      # below 0, above the quantity, or more than MAX_CLIPS clips
    REASON_ALL_OR_NONE = 4027      # it would rest, or has a display quantity
    REASON_IMMEDIATE = 4029        # it never rests, but is post-only or has a display quantity
    REASON_LINK_PRODUCT = 4030     # another product or mode than the orders that it is linked to
    REASON_LINK_SIDE = 4031
    REASON_LINK_INSTRUMENT = 4032  # one of its group is open there
    REASON_LINK_COUNT = 4033       # its group is full
    REASON_UNKNOWN_ORDER = 4041
    REASON_CASH = 5001
    REASON_TITLE = 5002
    REASON_SELF_MATCH = 5003
    REASON_HALTED = 5004           # the book takes no orders now; the value is its state
    REASON_RENT = 5006             # below the least at which pledged days are let; 0 where none is known

cdef struct Accepted:
    int64_t order_id
    int64_t account_id
    int64_t key_id
    int64_t session_id
    int64_t instrument_id
    int64_t side
    int64_t order_qty
    int64_t limit_price
    int64_t time_in_force
    int64_t exec_inst
    int64_t held_amount            # fen, from available to held; of a linked order, by its group
    int64_t display_qty            # GPUs, the most that is shown at once; 0 for all
    int64_t self_match_policy
    int64_t expire_day             # the order ends at its gate; 0 where it does not by itself
    int64_t link_id                # the account's own; 0 where it is linked to no other

cdef struct Rested:
    int64_t order_id
    int64_t instrument_id
    int64_t side
    int64_t limit_price
    int64_t leaves_qty             # GPUs, hidden and all
    int64_t display_qty

cdef struct Amended:
    int64_t order_id
    int64_t account_id
    int64_t instrument_id
    int64_t order_qty
    int64_t limit_price
    int64_t leaves_qty
    int64_t held_delta_amount      # fen, from available to held; negative when released
    int64_t is_requeued

cdef struct Cancelled:
    int64_t order_id
    int64_t account_id
    int64_t instrument_id
    int64_t side
    int64_t cancelled_qty
    int64_t released_amount        # fen, from held to available
    int64_t cancel_reason

cdef struct Traded:
    int64_t trade_id
    int64_t instrument_id
    int64_t last_price
    int64_t last_qty
    int64_t maker_order_id
    int64_t taker_order_id
    int64_t maker_account_id
    int64_t taker_account_id
    int64_t taker_side
    int64_t notional_amount
    int64_t cash_amount            # fen, to the seller at once
    int64_t escrow_amount          # fen, to the delivery days
    int64_t maker_fee_amount
    int64_t taker_fee_amount
    int64_t maker_released_amount  # fen, held cash that the fill dissolves
    int64_t taker_released_amount  # fen; negative where a primary sale's hold must grow, see money
    int64_t maker_leaves_qty
    int64_t taker_leaves_qty

cdef struct Funded:
    int64_t trade_id
    int64_t product_id
    int64_t start_day
    int64_t end_day
    int64_t sold_qty
    int64_t day_amount             # fen of each day

cdef struct Returned:
    int64_t trade_id
    int64_t product_id
    int64_t account_id
    int64_t start_day
    int64_t end_day
    int64_t returned_qty
    int64_t day_amount             # fen of each day

cdef struct Sublet:
    int64_t sublet_id              # the trade's
    int64_t product_id
    int64_t lessor_account_id
    int64_t lessee_account_id
    int64_t start_day
    int64_t end_day
    int64_t sublet_qty
    int64_t rent_price             # fen per GPU-hour

cdef struct Started:
    int64_t instrument_id
    int64_t end_ns                 # market time
    int64_t reference_price        # fen per GPU-hour, what the band was about; 0 after a halt
    int64_t trigger_price          # the price that was out of reach; 0 after a halt

cdef struct Uncrossed:
    int64_t instrument_id
    int64_t auction_price
    int64_t auction_qty            # GPUs that trade in this record
    int64_t surplus_qty            # GPUs left over at the price; negative on the sell side

cdef inline bint collects(int session_state) noexcept nogil:
    return (
        session_state == PRE_OPEN or session_state == CLOSING_AUCTION or session_state == AUCTION
    )

cdef inline bint ends_on_a_day(int64_t time_in_force) noexcept nogil:
    return time_in_force == DAY or time_in_force == GTD

cdef inline bint may_rest(int64_t time_in_force) noexcept nogil:
    return time_in_force == GTC or ends_on_a_day(time_in_force)
