# cython: language_level=3
"""
What rules do to cash and title outside the order path.

Each function takes one fact that a rule has checked and stated in an event, and adds the amounts
that it states. A fact that cannot be (cash or days that are not there, a product that does not
exist) is a `CoreError` and changes nothing.

A hold sets cash and title aside for something that is not an order: a firm quote, a block that
waits for its other side, a sublet on offer. It keeps them as an order does, and gives all back.

Money in trust belongs to nobody's balance: rents of days to come, bonds of suppliers. The escrow
of primary sales is kept by product and delivery day (`holdings`).
"""

from cython cimport final
from libc.stdint cimport int64_t

from .errors cimport fail
from .holdings cimport (
    LIEN,
    RESERVED_SALE,
    RESERVED_SUBLET,
    SUBLET_IN,
    SUBLET_OUT,
    TITLE,
    Holding,
    Product,
)
from .money cimport MAX_INTEGER
from .state cimport State
from .types cimport TRUSTS, VENUE_ACCOUNT_ID


@final
cdef class Hold:
    """Cash and title of one account, set aside for something that is not an order."""


cdef class Custody(State):
    """What rules do to cash and title."""

    # -- cash -------------------------------------------------------------------------------------

    def deposit(self, int64_t account_id, int64_t amount):
        """Money comes in."""
        self.known_account(account_id)
        self.cash.deposit(account_id, amount)

    def withdraw(self, int64_t account_id, int64_t amount):
        """Money goes out, from what is available."""
        self.known_account(account_id)
        self.cash.withdraw(account_id, amount)

    def pay(self, int64_t payer_account_id, int64_t payee_account_id, int64_t amount):
        """Available cash changes hands."""
        self.known_account(payer_account_id)
        self.known_account(payee_account_id)
        self._known_amount(amount)
        self.cash.settle(payer_account_id, 0, -amount)
        self.cash.settle(payee_account_id, 0, amount)

    def settle_trade(
        self,
        int64_t buyer_account_id,
        int64_t seller_account_id,
        int64_t cash_amount,
        int64_t escrow_amount,
        int64_t buyer_fee_amount,
        int64_t seller_fee_amount,
    ):
        """
        Pays for a sale outside a book: cash to the seller, fees to the venue.

        The escrow part leaves the buyer too; `escrow_funded` takes it in, in the same record.
        """
        self.known_account(buyer_account_id)
        self.known_account(seller_account_id)
        self._known_amount(cash_amount)
        self._known_amount(escrow_amount)
        self._known_amount(buyer_fee_amount)
        self._known_amount(seller_fee_amount)
        if self.cash.available[buyer_account_id] < cash_amount + escrow_amount + buyer_fee_amount:
            fail("a buyer pays price and fee from available cash; the price is", cash_amount)
        if self.cash.available[seller_account_id] + cash_amount < seller_fee_amount:
            fail("a seller's fee is covered; it is", seller_fee_amount)
        self.cash.settle(buyer_account_id, 0, -cash_amount - escrow_amount - buyer_fee_amount)
        self.cash.settle(seller_account_id, 0, cash_amount - seller_fee_amount)
        self.cash.settle(VENUE_ACCOUNT_ID, 0, buyer_fee_amount + seller_fee_amount)

    def pay_into_trust(self, int64_t account_id, int trust, int64_t amount):
        """Available cash is kept for a purpose."""
        self.known_account(account_id)
        self._known_amount(amount)
        if not 0 <= trust < TRUSTS:
            fail("money is in trust for a rent, 0, or as a bond, 1", trust)
        self.cash.settle(account_id, 0, -amount)
        self.trusts[trust] += amount

    def pay_out_of_trust(self, int trust, int64_t account_id, int64_t amount):
        """What was kept for a purpose becomes an account's available cash."""
        self.known_account(account_id)
        self._known_amount(amount)
        if not 0 <= trust < TRUSTS:
            fail("money is in trust for a rent, 0, or as a bond, 1", trust)
        if amount > self.trusts[trust]:
            fail("what leaves a trust was in it; it holds", self.trusts[trust])
        self.trusts[trust] -= amount
        self.cash.settle(account_id, 0, amount)

    # -- holds ------------------------------------------------------------------------------------

    def open_hold(
        self,
        int64_t hold_id,
        int64_t account_id,
        int64_t amount,
        int64_t product_id=0,
        int64_t start_day=0,
        int64_t end_day=0,
        int64_t qty=0,
        bint is_sublet=False,
    ):
        """Sets available cash aside, and with a product free days: for a sale, or a sublet."""
        cdef Hold hold = Hold()
        cdef Holding holding = None
        cdef int64_t free_qty
        self.known_account(account_id)
        self._known_amount(amount)
        if hold_id <= 0 or hold_id > MAX_INTEGER or hold_id in self.holds:
            fail("a hold's id is positive, below 2**53 and new", hold_id)
        if product_id:
            holding = self._held_days(account_id, product_id, start_day, end_day, qty)
            if is_sublet:
                free_qty = holding.sublettable(start_day, end_day)
            else:
                free_qty = holding.sellable(start_day, end_day)
            if free_qty < qty:
                fail("a hold sets free title aside; it asks for", qty)
        elif start_day or end_day or qty or is_sublet:
            fail("a hold without a product holds no days; not so", hold_id)
        elif amount == 0:
            fail("a hold holds something; not so", hold_id)
        self.cash.hold(account_id, amount)
        hold.hold_id = hold_id
        hold.account_id = account_id
        hold.held_amount = amount
        hold.product_id = product_id
        hold.start_day = start_day
        hold.end_day = end_day
        hold.qty = qty
        hold.which = RESERVED_SUBLET if is_sublet else RESERVED_SALE
        if holding is not None:
            holding.add(hold.which, start_day, end_day, qty)
        self.holds[hold_id] = hold

    def close_hold(self, int64_t hold_id):
        """Gives back all that a hold has set aside."""
        cdef Hold hold = self.holds.get(hold_id)
        if hold is None:
            fail("there is no hold", hold_id)
        self.cash.hold(hold.account_id, -hold.held_amount)
        if hold.product_id:
            self.product_of(hold.product_id).holding(hold.account_id).add(
                hold.which, hold.start_day, hold.end_day, -hold.qty
            )
        del self.holds[hold_id]

    # -- capacity and title -----------------------------------------------------------------------

    def grant(
        self,
        int64_t product_id,
        int64_t account_id,
        int64_t start_day,
        int64_t end_day,
        int64_t qty,
    ):
        """Creates title, with a member of the product's house."""
        cdef Product product = self.product_of(product_id)
        self.known_days(start_day, end_day)
        self.known_qty(qty)
        if not product.is_house(account_id):
            fail("capacity is granted to the product's house, not to account", account_id)
        product.grant(start_day, end_day, qty)
        product.holding(account_id).add(TITLE, start_day, end_day, qty)

    def withdraw_capacity(
        self,
        int64_t product_id,
        int64_t account_id,
        int64_t start_day,
        int64_t end_day,
        int64_t qty,
    ):
        """Ends title that the product's house has not sold, pledged or offered."""
        cdef Product product = self.product_of(product_id)
        cdef Holding holding = self._held_days(account_id, product_id, start_day, end_day, qty)
        if not holding.is_house or holding.sellable(start_day, end_day) < qty:
            fail("unsold capacity is withdrawn, of the house; it asks for", qty)
        holding.add(TITLE, start_day, end_day, -qty)
        product.ungrant(start_day, end_day, qty)

    def transfer_title(
        self,
        int64_t product_id,
        int64_t seller_account_id,
        int64_t buyer_account_id,
        int64_t start_day,
        int64_t end_day,
        int64_t qty,
    ):
        """
        Free title changes hands outside a book.

        Between the house and a stranger the caller funds or returns the escrow of the same days,
        by `escrow_funded` and `escrow_returned`, in the same record.
        """
        cdef Product product = self.product_of(product_id)
        cdef Holding seller = self._held_days(
            seller_account_id, product_id, start_day, end_day, qty
        )
        self.known_account(buyer_account_id)
        if buyer_account_id == seller_account_id or buyer_account_id == VENUE_ACCOUNT_ID:
            fail("title goes to another participant, not to account", buyer_account_id)
        if seller.sellable(start_day, end_day) < qty:
            fail("title that changes hands is free; it asks for", qty)
        seller.add(TITLE, start_day, end_day, -qty)
        product.holding_or_new(buyer_account_id).add(TITLE, start_day, end_day, qty)

    def add_lien(
        self,
        int64_t account_id,
        int64_t product_id,
        int64_t start_day,
        int64_t end_day,
        int64_t qty,
    ):
        """Pledges free title; what is pledged cannot be sold."""
        cdef Holding holding = self._held_days(account_id, product_id, start_day, end_day, qty)
        if holding.sellable(start_day, end_day) < qty:
            fail("a lien lies on free title; it asks for", qty)
        holding.add(LIEN, start_day, end_day, qty)

    def lift_lien(
        self,
        int64_t account_id,
        int64_t product_id,
        int64_t start_day,
        int64_t end_day,
        int64_t qty,
    ):
        """Frees pledged title."""
        cdef Holding holding = self._held_days(account_id, product_id, start_day, end_day, qty)
        if holding.lowest(LIEN, start_day, end_day) < qty:
            fail("a lien that is lifted is there; it asks for", qty)
        holding.add(LIEN, start_day, end_day, -qty)

    def transfer_pledged(
        self,
        int64_t product_id,
        int64_t seller_account_id,
        int64_t buyer_account_id,
        int64_t start_day,
        int64_t end_day,
        int64_t qty,
    ):
        """
        Pledged title changes hands and its lien is over; the buyer's is free.

        What the seller has let or reserved stays covered by the title that it keeps. With the
        product's house as the buyer the caller returns the escrow, as for `transfer_title`.
        """
        cdef Product product = self.product_of(product_id)
        cdef Holding seller = self._held_days(
            seller_account_id, product_id, start_day, end_day, qty
        )
        self.known_account(buyer_account_id)
        if buyer_account_id == seller_account_id or buyer_account_id == VENUE_ACCOUNT_ID:
            fail("title goes to another participant, not to account", buyer_account_id)
        if seller.is_house:
            fail("the house sells into escrow, not from under a lien; not account", seller_account_id)
        if seller.lowest(LIEN, start_day, end_day) < qty:
            fail("pledged title that is sold is under lien; it asks for", qty)
        if seller.sublettable(start_day, end_day) < qty:
            fail("pledged title that is sold is neither let nor reserved; it asks for", qty)
        seller.add(LIEN, start_day, end_day, -qty)
        seller.add(TITLE, start_day, end_day, -qty)
        product.holding_or_new(buyer_account_id).add(TITLE, start_day, end_day, qty)

    # -- sublets ----------------------------------------------------------------------------------

    def sublet(
        self,
        int64_t product_id,
        int64_t lessor_account_id,
        int64_t lessee_account_id,
        int64_t start_day,
        int64_t end_day,
        int64_t qty,
    ):
        """Grants the use of owned days, liened or not, to another participant."""
        cdef Product product = self.product_of(product_id)
        cdef Holding lessor = self._held_days(
            lessor_account_id, product_id, start_day, end_day, qty
        )
        self.known_account(lessee_account_id)
        if lessee_account_id == lessor_account_id or lessee_account_id == VENUE_ACCOUNT_ID:
            fail("use is granted to another participant, not to account", lessee_account_id)
        if lessor.sublettable(start_day, end_day) < qty:
            fail("a sublet is of free days; it asks for", qty)
        lessor.add(SUBLET_OUT, start_day, end_day, qty)
        product.holding_or_new(lessee_account_id).add(SUBLET_IN, start_day, end_day, qty)

    def end_sublet(
        self,
        int64_t product_id,
        int64_t lessor_account_id,
        int64_t lessee_account_id,
        int64_t start_day,
        int64_t end_day,
        int64_t qty,
    ):
        """The use of days goes back to their owner."""
        cdef Holding lessor = self._held_days(
            lessor_account_id, product_id, start_day, end_day, qty
        )
        cdef Holding lessee = self._held_days(
            lessee_account_id, product_id, start_day, end_day, qty
        )
        if lessor.lowest(SUBLET_OUT, start_day, end_day) < qty:
            fail("a sublet that ends was granted; it asks for", qty)
        if lessee.lowest(SUBLET_IN, start_day, end_day) < qty:
            fail("a sublet that ends was received; it asks for", qty)
        lessor.add(SUBLET_OUT, start_day, end_day, -qty)
        lessee.add(SUBLET_IN, start_day, end_day, -qty)

    # -- delivery ---------------------------------------------------------------------------------

    def release_escrow(self, int64_t product_id, int64_t day, int64_t account_id, int64_t amount):
        """Pays a part of a day's escrow to an account: the supplier, or an owner as a refund."""
        cdef Product product = self.product_of(product_id)
        self.known_account(account_id)
        self.known_days(day, day + 1)
        self._known_amount(amount)
        product.release(day, amount)
        self.cash.settle(account_id, 0, amount)

    def close_day(self, int64_t product_id, int64_t day):
        """A delivery day is final: nobody owns, pledges or uses it any more."""
        cdef Product product = self.product_of(product_id)
        self.known_days(day, day + 1)
        product.close_day(day)

    # -- what the facts share ---------------------------------------------------------------------

    cdef Holding _held_days(
        self, int64_t account_id, int64_t product_id, int64_t start_day, int64_t end_day, int64_t qty
    ):
        cdef Holding holding = self.product_of(product_id).holding(account_id)
        self.known_days(start_day, end_day)
        self.known_qty(qty)
        if holding is None:
            fail("an account without days of the product has none to give", account_id)
        return holding

    cdef int _known_amount(self, int64_t amount) except -1:
        if not 0 <= amount <= MAX_INTEGER:
            fail("an amount is 0 to 2**53 - 1", amount)
        return 0
