"""
Random sublets, holds and movements around the trading days of `trading_day`.

Movements come as rules of the exchange state them: what cannot be is not asked for. A sale outside
a book is a transfer, its payment, and the escrow of the same days, as they stand in one record.
"""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from exchange.domain.reasons import Reason
from matching_core.venue import Venue
from tests.core.side_by_side import ACCOUNTS, PRODUCTS, accounts, picks, policies, quantities, sides
from tests.core.trading_day import TradingDay
from tests.core.venues import BASE_DAY
from tests.reference_custody import BOND, RENT
from tests.reference_sessions import SELF_MATCH
from tests.reference_venue import ReferenceVenue

SUBLETS = {
    # instrument: product, first day, day after the last, may rest; the use of these days
    21: (1, 0, 6, True),
    22: (1, 2, 4, True),
    23: (2, 0, 2, True),
    24: (1, 1, 5, False),
}
DAYS = range(BASE_DAY, BASE_DAY + 10)
DAY_FUNCTIONS = ("title", "lien", "sublet_out", "sublet_in", "reserved_sale", "reserved_sublet")
MOST_AMOUNT = 1_000_000

sublets = st.sampled_from([21, 21, 21, 22, 22, 23, 24])
products = st.sampled_from(sorted(PRODUCTS))
rents = st.sampled_from([1, 49, 50, 50, 51, 51, 52, 100])
starts = st.integers(0, 7)
lengths = st.integers(1, 5)
shares = st.integers(1, 4)
amounts = st.integers(0, MOST_AMOUNT)


class CustodyDay(TradingDay):
    """Both venues also let use, set cash and days aside, and move them."""

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.next_hold_id = 1
        for instrument_id, (product_id, start, end, may_rest) in SUBLETS.items():
            days = (BASE_DAY + start, BASE_DAY + end)
            self.everywhere(
                "add_instrument", instrument_id, product_id, *days, may_rest, 2**63 - 1, True
            )

    def answers(self, name: str, *arguments: int) -> tuple[int, list[tuple]]:
        answer, events = super().answers(name, *arguments)
        assert self.core.take_sublets() == self.reference.take_sublets()
        for tag, *fields in events:
            if tag == "sublet_opened":
                self.reached["a sublet"] += 1
                self.reached["a sublet in an auction"] += name == "uncross"
                window = (fields[2], fields[1], *fields[4:6])
                pledged_day = self.reference.encumbered_day(*window, 0)
                self.reached["a sublet of pledged days"] += pledged_day != fields[5]
            elif tag == "order_cancelled" and fields[2] in SUBLETS and fields[-1] == SELF_MATCH:
                account_id, instrument_id, side = fields[1:4]
                if name == "uncross":
                    is_own = self._has_opposite(account_id, instrument_id, side)
                    self.reached["affiliates in an auction"] += not is_own
                elif name == "place":
                    self.reached["affiliates"] += account_id != arguments[1]
        if answer == Reason.RENT:
            self.reached["no floor is known"] += self.core.refusal[1] == 0
            self.reached["an amendment below the floor"] += name == "amend"
        return answer, events

    def _has_opposite(self, account_id: int, instrument_id: int, side: int) -> bool:
        return any(
            (order.account_id, order.instrument.instrument_id) == (account_id, instrument_id)
            and order.side != side
            for order in self.reference.orders.values()
        )

    # -- books of sublets

    @rule(
        account_id=accounts,
        instrument_id=sublets,
        side=sides,
        qty=quantities,
        price=rents,
        time_in_force=st.sampled_from([1, 1, 1, 1, 0, 3, 4]),
        exec_inst=st.sampled_from([0, 0, 0, 0, 1]),
        min_qty=st.sampled_from([0, 0, 0, 0, 2]),
        display_qty=st.sampled_from([0, 0, 0, 2]),
        policy=policies,
    )
    def let(self, **terms):
        self.place(**terms, expire_day=BASE_DAY)

    @rule(account_id=accounts, instrument_id=sublets, side=sides, qty=quantities, policy=policies)
    def let_at_the_best(self, account_id, instrument_id, side, qty, policy):
        price = self.reference.best(instrument_id, 3 - side) or 50
        self.place(account_id, instrument_id, side, qty, price, 1, 0, 0, 0, policy)

    @rule(
        pick=picks,
        qty=st.one_of(st.just(-1), quantities),
        price=st.one_of(st.just(-1), rents),
    )
    def amend_sublet(self, pick, qty, price):
        orders = [
            order
            for _, order in sorted(self.reference.orders.items())
            if order.instrument.is_sublet
        ]
        if orders:
            order = orders[pick % len(orders)]
            self.both("amend", order.order_id, order.account_id, qty, price)

    @rule(instrument_id=sublets, price=st.sampled_from([0, 49, 50, 50, 51, 100]))
    def set_rent_floor(self, instrument_id, price):
        self.everywhere("set_rent_floor", instrument_id, price)

    @rule(account_id=accounts, affiliate_id=accounts, pick=st.integers(0, 9))
    def join_party(self, account_id, affiliate_id, pick):
        """Seldom, for it is for ever."""
        if pick == 9:
            self.everywhere("join_party", account_id, affiliate_id)

    # -- holds

    @rule(
        account_id=accounts,
        product_id=st.sampled_from([0, 1, 1, 2]),
        start=starts,
        length=lengths,
        share=shares,
        amount=amounts,
        is_sublet=st.booleans(),
    )
    def open_hold(self, account_id, product_id, start, length, share, amount, is_sublet):
        held_amount = min(amount, self.reference.balances(account_id)[0])
        days: tuple[int, ...] = ()
        if product_id:
            window = (product_id, BASE_DAY + start, BASE_DAY + start + length)
            free_of = self.reference.sublettable if is_sublet else self.reference.sellable
            qty = free_of(account_id, *window)[0] // share
            if qty == 0:
                return
            days = (*window, qty, is_sublet)
        if days or held_amount:
            self.everywhere("open_hold", self.next_hold_id, account_id, held_amount, *days)
            self.next_hold_id += 1

    @rule(pick=picks)
    def close_hold(self, pick):
        hold_ids = list(self.reference.holds)
        if hold_ids:
            self.everywhere("close_hold", hold_ids[pick % len(hold_ids)])

    # -- movements of cash

    @rule(payer_id=accounts, payee_id=st.sampled_from([0, *ACCOUNTS]), amount=amounts)
    def pay(self, payer_id, payee_id, amount):
        paid_amount = min(amount, self.reference.balances(payer_id)[0])
        self.everywhere("pay", payer_id, payee_id, paid_amount)

    @rule(account_id=accounts, trust=st.sampled_from([RENT, BOND]), amount=amounts)
    def fund_trust(self, account_id, trust, amount):
        funded_amount = min(amount, self.reference.balances(account_id)[0])
        self.everywhere("pay_into_trust", account_id, trust, funded_amount)

    @rule(account_id=accounts, trust=st.sampled_from([RENT, BOND]), amount=amounts)
    def release_trust(self, account_id, trust, amount):
        released_amount = min(amount, self.reference.trust_amount(trust))
        self.everywhere("pay_out_of_trust", trust, account_id, released_amount)

    # -- movements of days

    @rule(
        product_id=products,
        seller_id=accounts,
        buyer_id=accounts,
        start=starts,
        length=lengths,
        share=shares,
        price=st.sampled_from([1, 3, 99]),
        fee_amount=st.integers(0, 50),
    )
    def sell_outside(
        self, product_id, seller_id, buyer_id, start, length, share, price, fee_amount
    ):
        """A block: title, its price and fees; escrow where the house sells or buys back."""
        days = (BASE_DAY + start, BASE_DAY + start + length)
        qty = self.reference.sellable(seller_id, product_id, *days)[0] // share
        day_amount = price * 24 * qty
        price_amount = length * day_amount
        house = self.reference.products[product_id].house
        is_primary = seller_id in house and buyer_id not in house
        is_payable = self.reference.balances(buyer_id)[0] >= price_amount + fee_amount
        is_payable &= not is_primary or self.reference.balances(seller_id)[0] >= fee_amount
        if qty == 0 or seller_id == buyer_id or price_amount < fee_amount or not is_payable:
            return
        escrow_amount = price_amount if is_primary else 0
        self.everywhere("transfer_title", product_id, seller_id, buyer_id, *days, qty)
        amounts = (price_amount - escrow_amount, escrow_amount, fee_amount, fee_amount)
        self.everywhere("settle_trade", buyer_id, seller_id, *amounts)
        if is_primary:
            self.everywhere("escrow_funded", 1, product_id, *days, qty, day_amount)
        elif buyer_id in house and seller_id not in house:
            returned = self.core.escrow_shares(product_id, *days, qty)
            assert returned == self.reference.escrow_shares(product_id, *days, qty)
            for start_day, end_day, share_amount in returned:
                terms = (product_id, buyer_id, start_day, end_day, qty, share_amount)
                self.everywhere("escrow_returned", 1, *terms)

    @rule(
        product_id=products,
        lessor_id=accounts,
        lessee_id=accounts,
        start=starts,
        length=lengths,
        share=shares,
    )
    def let_outside(self, product_id, lessor_id, lessee_id, start, length, share):
        days = (BASE_DAY + start, BASE_DAY + start + length)
        qty = self.reference.sublettable(lessor_id, product_id, *days)[0] // share
        if qty and lessor_id != lessee_id:
            self.everywhere("sublet", product_id, lessor_id, lessee_id, *days, qty)

    @rule(product_id=products, lessor_id=accounts, lessee_id=accounts, pick=picks)
    def end_sublet(self, product_id, lessor_id, lessee_id, pick):
        runs_out = self.reference.day_function(lessor_id, product_id, "sublet_out")
        runs_in = self.reference.day_function(lessee_id, product_id, "sublet_in")
        both = [
            (max(one[0], other[0]), min(one[1], other[1]), min(one[2], other[2]))
            for one in runs_out
            for other in runs_in
            if max(one[0], other[0]) < min(one[1], other[1])
        ]
        if both:
            self.everywhere("end_sublet", product_id, lessor_id, lessee_id, *both[pick % len(both)])

    @rule(product_id=products, account_id=accounts, start=starts, length=lengths, share=shares)
    def withdraw_capacity(self, product_id, account_id, start, length, share):
        days = (BASE_DAY + start, BASE_DAY + start + length)
        qty = self.reference.sellable(account_id, product_id, *days)[0] // (2 * share)
        if qty and account_id in self.reference.products[product_id].house:
            self.everywhere("withdraw_capacity", product_id, account_id, *days, qty)

    @rule(product_id=products, start=starts, account_id=accounts, pick=st.integers(0, 9))
    def close_day(self, product_id, start, account_id, pick):
        """A day is paid out, in two parts, and is over once nothing of it is on offer."""
        day = BASE_DAY + start
        *_, escrow_amount = self.reference.day_totals(product_id, day)
        first_amount = escrow_amount * pick // 9
        if pick > 1 or self._is_on_offer(product_id, day):
            return
        self.everywhere("release_escrow", product_id, day, account_id, first_amount)
        self.everywhere("release_escrow", product_id, day, 1, escrow_amount - first_amount)
        self.everywhere("close_day", product_id, day)
        self.reached["a day is over"] += 1

    def _is_on_offer(self, product_id: int, day: int) -> bool:
        return any(
            start_day <= day < end_day
            for account_id in ACCOUNTS
            for name in ("reserved_sale", "reserved_sublet")
            for start_day, end_day, _ in self.reference.day_function(account_id, product_id, name)
        )

    # -- what must agree after each

    @invariant()
    def states_agree(self) -> None:
        super().states_agree()
        if hasattr(self, "next_hold_id"):
            hold_ids = range(1, self.next_hold_id)
            assert custody_of(self.core, hold_ids) == custody_of(self.reference, hold_ids)


def custody_of(venue: Venue | ReferenceVenue, hold_ids: range) -> list[object]:
    """What can be seen of holds, trusts, sublets and days."""
    seen: list[object] = [venue.held_by(hold_id) for hold_id in hold_ids]
    seen += [venue.trust_amount(trust) for trust in (RENT, BOND)]
    seen += [venue.parties_are_one(one, other) for one in ACCOUNTS for other in ACCOUNTS]
    for product_id in PRODUCTS:
        for account_id in ACCOUNTS:
            window = (account_id, product_id, BASE_DAY + 1, BASE_DAY + 5)
            seen += [venue.sublettable(*window), venue.encumbered_day(*window, 1)]
            seen += [venue.day_function(*window[:2], name) for name in DAY_FUNCTIONS]
        seen += [venue.day_totals(product_id, day) for day in DAYS]
        seen += [venue.holders(product_id, day) for day in DAYS]
    for instrument_id in SUBLETS:
        seen += [venue.book_state(instrument_id), venue.bands(instrument_id)]
        seen += [venue.indication(instrument_id), venue.orders_of_instrument(instrument_id, 9)]
        for side in (1, 2):
            levels = venue.levels(instrument_id, side, 10)
            seen.append(levels)
            seen += [venue.queue(instrument_id, side, price) for price, *_ in levels]
    return seen
