# cython: language_level=3
"""
What can be asked of a venue: orders, queues, balances, holdings, escrow, the state as a whole.

Queries change nothing but one thing: `rehome_session`, which moves orders between sessions and
touches neither money, title nor priority.
"""

from libc.stdint cimport int32_t, int64_t

from .audit cimport check_state
from .book cimport Book
from .custody cimport Hold
from .errors cimport fail
from .holdings cimport LIEN, RESERVED_SUBLET, SUBLET_IN, SUBLET_OUT, TITLE, Holding, Product
from .ledger cimport Ledger
from .links cimport Alternatives, hold_together, row_of
from .origins cimport Origin
from .pool cimport IS_LINKED, Order, policy_of, side_of
from .price_levels cimport Level, PriceLevels
from .types cimport BUY, MAX_PRICE, MAX_QTY, NO_SLOT, SELL, TRUSTS, Cancelled
from .venue_bytes cimport write_venue

from hashlib import sha256

from .errors import CoreError

_DAY_FUNCTIONS = (
    "title",
    "lien",
    "sublet_out",
    "sublet_in",
    "reserved_sale",
    "reserved_sublet",
)


cdef class View(Ledger):
    """The queries of a venue."""

    def cancellation(self, int64_t order_id, int64_t cancel_reason):
        """The fields of the `OrderCancelled` that would end an open order; changes nothing."""
        cdef Cancelled cancelled = self._cancellation(self._slot_of(order_id), cancel_reason)
        return (
            cancelled.order_id,
            cancelled.account_id,
            cancelled.instrument_id,
            cancelled.side,
            cancelled.cancelled_qty,
            cancelled.released_amount,
            cancelled.cancel_reason,
        )

    @property
    def has_links(self):
        """Whether any open order is linked."""
        return len(self.links.groups) > 0

    def releases(self, list order_ids):
        """What each of these open orders gives up, in fen, if they end one after another."""
        cdef set ended = set()
        cdef list released_amounts = []
        cdef int64_t order_id
        cdef int32_t slot
        for order_id in order_ids:
            slot = self._slot_of(order_id)
            if slot in ended:
                fail("an order that ends is open until then; not so", order_id)
            released_amounts.append(self._released_after(slot, ended))
            ended.add(slot)
        return released_amounts

    def order(self, int64_t order_id):
        """
        An open order, or None.

        (order_id, account_id, key_id, session_id, instrument_id, side, order_qty, limit_price,
        time_in_force, exec_inst, leaves_qty, held_amount, display_qty, self_match_policy,
        expire_day, link_id); `held_amount` of a linked order is that of its group.
        """
        cdef int32_t slot = self.pool.find(order_id)
        if slot == NO_SLOT:
            return None
        cdef Order* order = &self.pool.orders[slot]
        cdef const Origin* origin = self.pool.origin_of(slot)
        return (
            order.order_id,
            order.account_id,
            origin.key_id,
            origin.session_id,
            self.book_of_slot(slot).instrument_id,
            side_of(order),
            self.pool.details[slot].order_qty,
            order.limit_price,
            origin.time_in_force,
            origin.exec_inst,
            self.pool.open_qty(slot),
            self.held_amount(slot),
            self.pool.display_qty(slot),
            policy_of(order),
            origin.expire_day,
            self.links.of(slot).link_id if order.marks & IS_LINKED else 0,
        )

    def session_of(self, int64_t order_id):
        """The session of an open order."""
        return self.pool.origin_of(self._slot_of(order_id)).session_id

    def key_of(self, int64_t order_id):
        """The key that placed an open order."""
        return self.pool.origin_of(self._slot_of(order_id)).key_id

    def rehome_session(
        self, int64_t old_session_id, int64_t new_session_id, int64_t account_id
    ):
        """Moves an account's open orders from one session to another."""
        self.known_account(account_id)
        if new_session_id < 0:
            fail("ids are 0 or more", new_session_id)
        cdef int32_t slot = self.pool.first_of_account(account_id)
        cdef Origin origin
        while slot != NO_SLOT:
            origin = self.pool.origin_of(slot)[0]
            if origin.session_id == old_session_id:
                origin.session_id = new_session_id
                self.pool.come_from(slot, &origin)
            slot = self.pool.details[slot].account_next_slot

    def orders_of_account(self, int64_t account_id):
        """The ids of an account's open orders, ascending."""
        self.known_account(account_id)
        return self._orders_of_account(account_id, 0, 0)

    def orders_of_instrument(self, int64_t instrument_id, int64_t max_count):
        """The lowest ids of an instrument's open orders, ascending."""
        cdef Book book = self.book_of(instrument_id)
        cdef list order_ids = []
        cdef PriceLevels levels
        cdef const Level* level
        if max_count < 0:
            fail("a count is 0 or more", max_count)
        for levels in (book.bid_levels, book.ask_levels):
            level = levels.best()
            while level != NULL:
                order_ids += book.ids_at(BUY if levels is book.bid_levels else SELL, level.price)
                level = levels.worse(level)
        order_ids.sort()
        return order_ids[:max_count]

    def orders_outside(
        self,
        int64_t instrument_id,
        int64_t low_limit_price,
        int64_t high_limit_price,
        int64_t max_count,
    ):
        """The lowest ids of an instrument's open orders with limits outside a band, ascending."""
        cdef Book book = self.book_of(instrument_id)
        cdef list order_ids = []
        cdef PriceLevels levels
        cdef const Level* level
        for levels in (book.bid_levels, book.ask_levels):
            level = levels.best()
            while level != NULL:
                if not low_limit_price <= level.price <= high_limit_price:
                    order_ids += book.ids_at(BUY if levels is book.bid_levels else SELL, level.price)
                level = levels.worse(level)
        order_ids.sort()
        return order_ids[:max_count]

    def next_expire_day(self):
        """The first day at whose gate an open order ends, 0 if none does."""
        return self.pool.origins.next_expire_day()

    def orders_due(self, int64_t day, int64_t max_count):
        """
        The ids of open orders that end by the gate of a day.

        Earlier days come first, then the lowest ids.
        """
        if max_count < 0:
            fail("a count is 0 or more", max_count)
        return self.pool.orders_due(day, max_count)

    def open_order_count(self, int64_t account_id):
        """How many orders an account has open."""
        self.known_account(account_id)
        return self.pool.open_count(account_id)

    def best(self, int64_t instrument_id, int64_t side):
        """The best price of a side, 0 where it is empty."""
        self._require_side(side)
        return self.book_of(instrument_id).levels_of(<int>side).best_price

    def levels(self, int64_t instrument_id, int64_t side, int64_t depth):
        """The best `depth` levels of a side as (price, displayed qty, count), the best first."""
        self._require_side(side)
        return self.book_of(instrument_id).rows(<int>side, depth)

    def queue(self, int64_t instrument_id, int64_t side, int64_t price):
        """The order ids at a price, in time priority."""
        self._require_side(side)
        if not 0 < price <= MAX_PRICE:
            fail("a price is 1 to 16_000_000 fen", price)
        return self.book_of(instrument_id).ids_at(<int>side, price)

    def balances(self, int64_t account_id):
        """An account's cash as (available, held), in fen."""
        self.known_account(account_id)
        return self.cash.available[account_id], self.cash.held[account_id]

    @property
    def deposits_amount(self):
        """Deposits less withdrawals of all accounts, in fen."""
        return self.cash.deposits_amount

    def sellable(
        self, int64_t account_id, int64_t product_id, int64_t start_day, int64_t end_day
    ):
        """What is free to sell or pledge over a window, and the first day that allows no more."""
        cdef Holding holding = self.product_of(product_id).holding(self._account(account_id))
        cdef int64_t free_qty
        self.known_days(start_day, end_day)
        if holding is None:
            return 0, start_day
        free_qty = holding.sellable(start_day, end_day)
        return free_qty, holding.binding_day(start_day, end_day, free_qty)

    def sublettable(
        self, int64_t account_id, int64_t product_id, int64_t start_day, int64_t end_day
    ):
        """What is free to sublet over a window, and the first day that allows no more."""
        cdef Holding holding = self.product_of(product_id).holding(self._account(account_id))
        cdef int64_t free_qty
        self.known_days(start_day, end_day)
        if holding is None:
            return 0, start_day
        free_qty = holding.sublettable(start_day, end_day)
        return free_qty, holding.sublet_binding_day(start_day, end_day, free_qty)

    def encumbered_day(
        self,
        int64_t account_id,
        int64_t product_id,
        int64_t start_day,
        int64_t end_day,
        int64_t qty,
    ):
        """The first day on which letting so much more reaches into pledged title, else the end."""
        cdef Holding holding = self.product_of(product_id).holding(self._account(account_id))
        self.known_days(start_day, end_day)
        if not 0 <= qty <= MAX_QTY:
            fail("a quantity is 0 to 10_000_000 GPUs", qty)
        return end_day if holding is None else holding.encumbered_day(start_day, end_day, qty)

    def holders(self, int64_t product_id, int64_t day):
        """
        Who has anything on a day, by account id.

        (account_id, is_house, title, lien, sublet_out, sublet_in) of each.
        """
        cdef Product product = self.product_of(product_id)
        cdef Holding holding
        cdef int64_t account_id
        cdef list holders = []
        self.known_days(day, day + 1)
        for account_id in range(len(product.holdings)):
            holding = product.holdings[account_id]
            if holding is not None and (holding.value(TITLE, day) or holding.value(SUBLET_IN, day)):
                holders.append(
                    (
                        account_id,
                        holding.is_house,
                        holding.value(TITLE, day),
                        holding.value(LIEN, day),
                        holding.value(SUBLET_OUT, day),
                        holding.value(SUBLET_IN, day),
                    )
                )
        return holders

    def day_totals(self, int64_t product_id, int64_t day):
        """What is granted and sold of a day, in GPUs, and its escrow in fen."""
        cdef Product product = self.product_of(product_id)
        cdef int64_t index = day - product.base_day
        self.known_days(day, day + 1)
        if index >= product.length:
            return 0, 0, 0
        return product.granted[index], product.sold[index], product.escrow[index]

    def escrow_shares(self, int64_t product_id, int64_t start_day, int64_t end_day, int64_t qty):
        """
        What `qty` GPUs of each day have in escrow, rounded down, all of it with the last of them.

        (start_day, end_day, day_amount) of each run of days with the same amount.
        """
        cdef Product product = self.product_of(product_id)
        cdef list runs = []
        cdef int64_t day, day_amount, run_start
        self.known_days(start_day, end_day)
        self.known_qty(qty)
        run_start = start_day
        for day in range(start_day, end_day):
            day_amount = product.escrow_share(day, qty)
            if day + 1 == end_day or product.escrow_share(day + 1, qty) != day_amount:
                runs.append((run_start, day + 1, day_amount))
                run_start = day + 1
        return runs

    def parties_are_one(self, int64_t account_id, int64_t other_id):
        """Whether two accounts are under the same control."""
        self.known_account(account_id)
        self.known_account(other_id)
        return self.parties.are_one(account_id, other_id)

    def trust_amount(self, int trust):
        """What is kept for a purpose, in fen: rents, 0, or bonds, 1."""
        if not 0 <= trust < TRUSTS:
            fail("money is in trust for a rent, 0, or as a bond, 1", trust)
        return self.trusts[trust]

    def held_by(self, int64_t hold_id):
        """
        A hold, or None.

        (account_id, held_amount, product_id, start_day, end_day, qty, is_sublet)
        """
        cdef Hold hold = self.holds.get(hold_id)
        if hold is None:
            return None
        return (
            hold.account_id,
            hold.held_amount,
            hold.product_id,
            hold.start_day,
            hold.end_day,
            hold.qty,
            hold.which == RESERVED_SUBLET,
        )

    def is_house(self, int64_t product_id, int64_t account_id):
        """Whether an account counts as the product's supplier."""
        return self.product_of(product_id).is_house(self._account(account_id))

    def day_function(self, int64_t account_id, int64_t product_id, str name):
        """A step function of a holding as (start_day, end_day, qty) where it is not 0."""
        cdef Holding holding = self.product_of(product_id).holding(self._account(account_id))
        if name not in _DAY_FUNCTIONS:
            raise CoreError(f"there is no day function {name!r}")
        return [] if holding is None else holding.runs(_DAY_FUNCTIONS.index(name))

    def escrow(self, int64_t product_id):
        """A product's escrow as (start_day, end_day, sold_qty, day_amount), not both 0."""
        return self.product_of(product_id).escrow_runs()

    def granted(self, int64_t product_id):
        """A product's granted capacity as (start_day, end_day, qty) where it is not 0."""
        return self.product_of(product_id).granted_runs()

    def snapshot(self):
        """The whole state as canonical bytes: equal states give equal bytes."""
        return write_venue(self)

    def state_hash(self):
        """SHA-256 of the snapshot."""
        return sha256(write_venue(self)).digest()

    def check(self):
        """Verifies every invariant between commands; `CoreError` names the first that is broken."""
        check_state(self)

    # -- what queries share -----------------------------------------------------------------------

    cdef Cancelled _cancellation(self, int32_t slot, int64_t reason) except *:
        cdef Order* order = &self.pool.orders[slot]
        return Cancelled(
            order.order_id,
            order.account_id,
            self.book_of_slot(slot).instrument_id,
            side_of(order),
            self.pool.open_qty(slot),
            self.released_by_end(slot),
            reason,
        )

    cdef int64_t _released_after(self, int32_t slot, set ended) except? -1:
        """What an order gives up when it ends after others."""
        cdef Order* order = &self.pool.orders[slot]
        cdef bint is_fee_in_cash
        cdef int64_t held_amount
        cdef Alternatives group
        cdef int32_t index
        if not order.marks & IS_LINKED:
            return self.held_amount(slot)
        self.alternatives_of(self.links.of(slot), &group)
        is_fee_in_cash = self.book_of_slot(slot).is_fee_in_cash(order.account_id)
        for index in range(group.count):
            if group.rows[index].slot in ended:
                group.rows[index].qty = 0
        held_amount = hold_together(&group, side_of(order), is_fee_in_cash)
        row_of(&group, slot).qty = 0
        return held_amount - hold_together(&group, side_of(order), is_fee_in_cash)

    cdef list _orders_of_account(self, int64_t account_id, int64_t instrument_id, int64_t side):
        cdef list order_ids = []
        cdef int32_t slot = self.pool.first_of_account(account_id)
        while slot != NO_SLOT:
            if (side == 0 or side_of(&self.pool.orders[slot]) == side) and (
                instrument_id == 0 or self.book_of_slot(slot).instrument_id == instrument_id
            ):
                order_ids.append(self.pool.orders[slot].order_id)
            slot = self.pool.details[slot].account_next_slot
        order_ids.sort()
        return order_ids

    cdef int64_t _account(self, int64_t account_id) except -1:
        self.known_account(account_id)
        return account_id

    cdef int _require_side(self, int64_t side) except -1:
        if side != BUY and side != SELL:
            fail("a side is 1 or 2", side)
        return 0
