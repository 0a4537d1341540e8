"""
Random orders for the core and the obvious venue at once: what one does the other must do.

A third venue gets nothing but the core's events and must be in the core's state after each.
"""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from matching_core.venue import Venue
from tests.core.venues import BASE_DAY, decode, new_venue, prefixes, rows
from tests.reference_orders import DAY, GTD
from tests.reference_venue import ReferenceVenue

# Product 1: house 1 and 2, odd rates; product 2: house 3, the maker pays more; 4 and 5 strangers.
ACCOUNTS = [1, 2, 3, 4, 5]
PRODUCTS = {1: (1, 1, 3, 7), 2: (3, 2, 25, 10)}
FAR_MINUTE = 10**6
WINDOWS = {
    # instrument: product, first day, day after the last, may rest, minute at which its gate closes
    1: (1, 0, 6, True, FAR_MINUTE),
    2: (1, 2, 4, True, 60),
    3: (1, 3, 8, True, 240),
    4: (1, 1, 5, False, FAR_MINUTE),
    5: (2, 0, 2, True, 480),
    # Without a trade at first.
    6: (1, 0, 3, True, FAR_MINUTE),
    7: (1, 2, 4, True, FAR_MINUTE),
    8: (2, 1, 2, True, FAR_MINUTE),
}
MINUTE_NS = 60 * 10**9

accounts = st.sampled_from(ACCOUNTS)
products = st.sampled_from(sorted(PRODUCTS))
instruments = st.sampled_from([1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 9])
sides = st.sampled_from([1, 2])
quantities = st.one_of(st.integers(1, 9), st.integers(1, 12).map(lambda n: 2 * n))
# Few prices, so that orders meet; some tiny and some far apart, where roundings of fees differ.
prices = st.one_of(st.integers(98, 102), st.sampled_from([1, 2, 3, 50, 1_000]))
policies = st.sampled_from([1, 1, 2, 3])
expire_days = st.integers(0, 3).map(lambda ahead: BASE_DAY + ahead)
picks = st.integers(0, 10**6)
# Few, so that orders are linked; for whoever sends them.
links = st.sampled_from([0, 0, 0, 1, 1, 2])


class SideBySide(RuleBasedStateMachine):
    """Both venues get every command; a third gets the events of the first."""

    max_open_orders = 8

    @initialize()
    def begin(self) -> None:
        self.core = new_venue(max_open_orders=self.max_open_orders)
        self.follower = new_venue(max_open_orders=self.max_open_orders)
        self.reference = ReferenceVenue(BASE_DAY, self.max_open_orders)
        self.next_order_id = 1
        self.used_order_ids: list[int] = []
        for account_id in ACCOUNTS:
            self.everywhere("add_account", account_id)
        for product_id, (supplier_id, lot_qty, maker_bps, taker_bps) in PRODUCTS.items():
            self.everywhere("add_product", product_id, supplier_id, lot_qty, maker_bps, taker_bps)
        self.everywhere("add_to_house", 1, 2)
        for instrument_id, (product_id, start, end, may_rest, minute) in WINDOWS.items():
            days = (BASE_DAY + start, BASE_DAY + end)
            gate_closure_ns = minute * MINUTE_NS
            self.everywhere(
                "add_instrument", instrument_id, product_id, *days, may_rest, gate_closure_ns
            )
        for account_id in ACCOUNTS:
            self.everywhere("deposit", account_id, 3_000_000)
        self.everywhere("grant", 1, 1, BASE_DAY, BASE_DAY + 8, 60)
        self.everywhere("grant", 1, 2, BASE_DAY + 1, BASE_DAY + 7, 20)
        self.everywhere("grant", 2, 3, BASE_DAY, BASE_DAY + 8, 40)
        for seller_id, buyer_id, instrument_id, price in (
            (1, 4, 1, 3),
            (2, 5, 2, 2),
            (1, 5, 3, 50),
            (3, 4, 5, 99),
        ):
            self.place(seller_id, instrument_id, 2, 14, price, 1, 0)
            self.place(buyer_id, instrument_id, 1, 14, price + 1, 1, 0)

    def everywhere(self, name: str, *arguments: object) -> None:
        """What is not a command and cannot be refused."""
        for venue in (self.core, self.follower, self.reference):
            getattr(venue, name)(*arguments)

    def both(self, name: str, *arguments: int) -> None:
        """A command; a refusal changes nothing."""
        before = self.core.snapshot()
        code, events = self.answers(name, *arguments)
        if code:
            assert self.core.refusal == self.reference.refusal
            assert events == []
            assert self.core.snapshot() == before

    def answers(self, name: str, *arguments: int) -> tuple[int, list[tuple]]:
        """The same answer and events of both, and the events alone lead to the same state."""
        answer = getattr(self.core, name)(*arguments)
        assert answer == getattr(self.reference, name)(*arguments)
        events = rows(decode(self.core.take_events()))
        assert events == self.reference.take_events()
        assert self.core.take_trades() == self.reference.take_trades()
        for tag, *fields in events:
            if tag == "auction_started":
                self.follower.start_auction(*fields)
            elif tag != "auction_uncrossed":
                getattr(self.follower, tag)(*fields)
        return answer, events

    # -- commands

    @rule(
        account_id=accounts,
        instrument_id=instruments,
        side=sides,
        qty=quantities,
        price=prices,
        time_in_force=st.sampled_from([1, 1, 1, 1, 3, 4]),
        exec_inst=st.sampled_from([0, 0, 0, 0, 1]),
        policy=policies,
        expire_day=expire_days,
        link_id=links,
    )
    def place(
        self,
        account_id,
        instrument_id,
        side,
        qty,
        price,
        time_in_force,
        exec_inst,
        min_qty=0,
        display_qty=0,
        policy=1,
        expire_day=0,
        link_id=0,
    ):
        order_id = self.next_order_id
        self.next_order_id += 1
        self.used_order_ids.append(order_id)
        self.both(
            "place",
            order_id,
            account_id,
            10 + account_id,
            order_id % 3,
            instrument_id,
            side,
            qty,
            price,
            time_in_force,
            exec_inst,
            min_qty,
            display_qty,
            policy,
            expire_day if time_in_force in (DAY, GTD) else 0,
            link_id,
        )

    @rule(
        account_id=accounts,
        instrument_id=instruments,
        side=sides,
        qty=quantities,
        price=prices,
        time_in_force=st.sampled_from([0, 1, 1, 1, 3, 3, 4, 6]),
        exec_inst=st.sampled_from([0, 0, 0, 1, 2, 2, 3]),
        min_qty=st.sampled_from([0, 0, 0, 1, 2, 3, 8, 30, -1]),
        display_qty=st.sampled_from([0, 0, 1, 2, 2, 3, 4, 8, 30, -1]),
        policy=policies,
        expire_day=expire_days,
        link_id=links,
    )
    def place_with_conditions(self, **terms):
        """Every combination, the bad ones too."""
        self.place(**terms)

    @rule(
        account_id=accounts,
        instrument_id=st.sampled_from([1, 1, 1, 2, 3, 5]),
        side=sides,
        clips=st.integers(2, 6),
        display_qty=st.sampled_from([1, 2, 2, 4]),
        price=st.integers(99, 101),
        policy=policies,
    )
    def place_iceberg(self, account_id, instrument_id, side, clips, display_qty, price, policy):
        qty = clips * display_qty
        self.place(account_id, instrument_id, side, qty, price, 1, 0, 0, display_qty, policy)

    @rule(
        account_id=accounts,
        instrument_id=st.sampled_from([1, 1, 2, 3, 5]),
        side=sides,
        qty=quantities,
        beyond=st.sampled_from([0, 0, 1, 30]),
        time_in_force=st.sampled_from([1, 3, 4]),
        min_qty=st.sampled_from([0, 0, 2, 5]),
        policy=policies,
    )
    def cross(self, account_id, instrument_id, side, qty, beyond, time_in_force, min_qty, policy):
        """An order at the opposite best, or through it."""
        price = self.reference.best(instrument_id, 3 - side) or 100
        price = price + beyond if side == 1 else max(1, price - beyond)
        terms = (account_id, instrument_id, side, qty, price, time_in_force)
        self.place(*terms, 0, min_qty, 0, policy)

    @rule(
        pick=picks,
        qty=quantities,
        time_in_force=st.sampled_from([1, 1, 3, 4]),
        min_qty=st.sampled_from([0, 0, 2]),
        policy=st.sampled_from([1, 2, 2, 3, 3]),
    )
    def meet_own(self, pick, qty, time_in_force, min_qty, policy):
        """An order against one that its own account has open, and those around it."""
        order = self.reference.order(self.some_order(pick)[0])
        if order is not None:
            terms = (order[1], order[4], 3 - order[5], qty, order[7], time_in_force)
            self.place(*terms, 0, min_qty, 0, policy)

    @rule(
        pick=picks,
        qty=st.one_of(st.just(-1), st.just(-1), quantities, st.just(0)),
        price=st.one_of(st.just(-1), prices),
        is_crossing=st.booleans(),
    )
    def amend(self, pick, qty, price, is_crossing):
        order_id, account_id = self.some_order(pick)
        order = self.reference.order(order_id)
        if order is not None and is_crossing:
            price = self.reference.best(order[4], 3 - order[5]) or price
        self.both("amend", order_id, account_id, qty, price)

    @rule(pick=picks, less=st.integers(1, 4))
    def reduce(self, pick, less):
        order_id, account_id = self.some_order(pick)
        order = self.reference.order(order_id)
        if order is not None:
            self.both("amend", order_id, account_id, max(0, order[6] - less), -1)

    @rule(pick=picks)
    def cancel(self, pick):
        self.both("cancel", *self.some_order(pick))

    @rule(
        account_id=accounts,
        instrument_id=st.sampled_from([0, 0, 1, 2, 9]),
        side=st.sampled_from([0, 1, 2]),
        max_count=st.sampled_from([0, 1, 1, 2, 100]),
    )
    def mass_cancel(self, account_id, instrument_id, side, max_count):
        self.both("mass_cancel", account_id, instrument_id, side, max_count)

    def some_order(self, pick: int) -> tuple[int, int]:
        """Mostly an open order and its owner; sometimes an id of the past, or another account."""
        open_ids = sorted(self.reference.orders)
        if open_ids and pick % 7:
            order_id = open_ids[pick % len(open_ids)]
            owner_id = self.reference.orders[order_id].account_id
            return order_id, owner_id if pick % 11 else ACCOUNTS[owner_id % len(ACCOUNTS)]
        return (self.used_order_ids or [1])[pick % max(1, len(self.used_order_ids))], 1

    # -- what other rules of the exchange do

    @rule(account_id=accounts, amount=st.integers(1, 5_000_000))
    def deposit(self, account_id, amount):
        self.everywhere("deposit", account_id, amount)

    @rule(account_id=accounts, kept_amount=st.integers(0, 4_000_000))
    def withdraw(self, account_id, kept_amount):
        available_amount, _ = self.reference.balances(account_id)
        if available_amount > kept_amount:
            self.everywhere("withdraw", account_id, available_amount - kept_amount)

    @rule(
        product_and_account=st.sampled_from([(1, 1), (1, 2), (2, 3)]),
        start=st.integers(0, 7),
        length=st.integers(1, 90),
        qty=quantities,
    )
    def grant(self, product_and_account, start, length, qty):
        day = BASE_DAY + start
        self.everywhere("grant", *product_and_account, day, day + length, qty)

    @rule(
        account_id=accounts,
        product_id=products,
        start=st.integers(0, 7),
        length=st.integers(1, 8),
        share=st.integers(1, 3),
        is_added=st.booleans(),
    )
    def lien(self, account_id, product_id, start, length, share, is_added):
        span = (BASE_DAY + start, BASE_DAY + start + length)
        if is_added:
            free_qty, _ = self.reference.sellable(account_id, product_id, *span)
            if free_qty // share:
                self.everywhere("add_lien", account_id, product_id, *span, free_qty // share)
            return
        for start_day, end_day, qty in self.reference.day_function(account_id, product_id, "lien")[
            :1
        ]:
            self.everywhere("lift_lien", account_id, product_id, start_day, end_day, qty)

    @rule(account_id=accounts, old=st.integers(0, 3), new=st.integers(0, 3))
    def rehome(self, account_id, old, new):
        self.everywhere("rehome_session", old, new, account_id)

    @rule(instrument_id=st.sampled_from([2, 3]), pick=st.integers(0, 9), reason=st.integers(4, 6))
    def expire(self, instrument_id, pick, reason):
        if pick < 9:
            return
        for order_id in self.core.orders_of_instrument(instrument_id, 10**6):
            fields = self.core.cancellation(order_id, reason)
            assert fields == self.reference.cancellation(order_id, reason)
            self.everywhere("order_cancelled", *fields)
        self.everywhere("close_instrument", instrument_id)

    @rule(day=st.integers(0, 3), max_count=st.sampled_from([0, 1, 2, 100]))
    def end_what_is_due(self, day, max_count):
        for order_id in self.core.orders_due(BASE_DAY + day, max_count):
            fields = self.core.cancellation(order_id, 4)
            assert fields == self.reference.cancellation(order_id, 4)
            self.everywhere("order_cancelled", *fields)

    # -- going on from a snapshot

    @rule()
    def restore(self):
        """The core goes on as what its bytes make of it; the follower has all of its past."""
        restored = Venue.restore(self.core.snapshot(), prefixes(), self.max_open_orders)
        assert restored.state_hash() == self.core.state_hash()
        self.core = restored

    # -- what must agree after each

    @invariant()
    def states_agree(self) -> None:
        if not hasattr(self, "core"):
            return
        self.core.check()
        assert self.core.state_hash() == self.follower.state_hash()
        assert view_of(self.core) == view_of(self.reference)


def view_of(venue: Venue | ReferenceVenue) -> list[object]:
    """Everything that can be seen of a venue."""
    seen: list[object] = [venue.balances(account_id) for account_id in [0, *ACCOUNTS]]
    for account_id in ACCOUNTS:
        order_ids = venue.orders_of_account(account_id)
        seen.append((order_ids, venue.open_order_count(account_id)))
        seen += [venue.order(order_id) for order_id in order_ids]
        for product_id in PRODUCTS:
            seen.append(venue.sellable(account_id, product_id, BASE_DAY + 1, BASE_DAY + 9))
            for name in ("title", "lien", "reserved_sale", "sublet_out"):
                seen.append(venue.day_function(account_id, product_id, name))
    seen.append(venue.next_expire_day())
    seen += [venue.orders_due(BASE_DAY + ahead, count) for ahead in (-1, 1, 9) for count in (2, 99)]
    for product_id in PRODUCTS:
        seen += [venue.escrow(product_id), venue.granted(product_id)]
    seen += [venue.market_ns, venue.is_catching_up, venue.session_state, venue.is_uncrossing]
    seen.append(venue.next_auction_end_ns())
    seen += [venue.auctions_due(venue.market_ns + minutes * MINUTE_NS) for minutes in (0, 3)]
    for instrument_id in WINDOWS:
        seen += [venue.book_state(instrument_id), venue.bands(instrument_id)]
        seen += [venue.indication(instrument_id), venue.orders_outside(instrument_id, 99, 101, 3)]
        seen.append(venue.orders_of_instrument(instrument_id, 5))
        for side in (1, 2):
            levels = venue.levels(instrument_id, side, 10)
            seen += [levels, venue.best(instrument_id, side)]
            seen += [venue.queue(instrument_id, side, price) for price, *_ in levels]
    return seen
