"""
Random exclusive orders around the days of `custody_day`: groups that fill, shrink and end.

They come in overlapping windows, of title and of use, on both sides and with hidden quantity; they
are amended, and meet in books that trade, collect or are halted.
"""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from exchange.domain.reasons import Reason
from tests.core.custody_day import SUBLETS, CustodyDay
from tests.core.side_by_side import ACCOUNTS, accounts, picks, quantities, sides
from tests.reference_sessions import HALTED, PRE_OPEN, UNFUNDED
from tests.reference_state import CONTINUOUS
from tests.reference_trades import LINKED_FILLED

KEY_REVOKED = 5
TITLES = [1, 2, 3, 6, 7]
"""Windows of product 1 in which orders may rest; so may those of `USES`."""
USES = [21, 22]
REFUSALS = (Reason.LINK_PRODUCT, Reason.LINK_SIDE, Reason.LINK_INSTRUMENT, Reason.LINK_COUNT)

Part = tuple[int, int, int]
"""(quantity, price, display quantity)."""
parts = st.lists(
    st.tuples(quantities, st.integers(97, 103), st.sampled_from([0, 0, 0, 2])),
    min_size=2,
    max_size=4,
)
link_ids = st.integers(1, 3)


class LinkedDay(CustodyDay):
    """Both venues also take orders that are linked, in any state of their books."""

    @rule(
        account_id=accounts,
        side=sides,
        first=st.integers(0, 4),
        parts=parts,
        link_id=link_ids,
        time_in_force=st.sampled_from([1, 1, 1, 3, 4]),
    )
    def place_linked(self, account_id, side, first, parts, link_id, time_in_force):
        """Orders on overlapping windows, some of which meet what is there; the last at once."""
        for offset, (qty, price, display_qty) in enumerate(parts):
            instrument_id = TITLES[(first + offset) % len(TITLES)]
            is_last = offset + 1 == len(parts)
            in_force = time_in_force if is_last else 1
            shown_qty = min(qty, display_qty) if in_force == 1 else 0
            terms = (price, in_force, 0, 0, shown_qty, 1, 0, link_id)
            self.place(account_id, instrument_id, side, qty, *terms)

    @rule(
        account_id=accounts,
        side=sides,
        qtys=st.tuples(quantities, quantities),
        rents=st.tuples(*[st.sampled_from([1, 49, 50, 51])] * 2),
        link_id=link_ids,
    )
    def let_linked(self, account_id, side, qtys, rents, link_id):
        for instrument_id, qty, rent in zip(USES, qtys, rents, strict=True):
            terms = (rent, 1, 0, 0, 0, 1, 0, link_id)
            self.place(account_id, instrument_id, side, qty, *terms)

    @rule(account_id=accounts, pick=picks, qty=quantities)
    def meet_linked(self, account_id, pick, qty):
        """An order against one that is linked."""
        linked = [order for order in self.reference.orders.values() if order.link_id]
        if linked:
            order = linked[pick % len(linked)]
            terms = (3 - order.side, qty, order.limit_price, 1 if pick % 3 else 3, 0)
            self.place(account_id, order.instrument.instrument_id, *terms)

    @rule(
        pick=picks,
        qty=st.one_of(st.just(-1), quantities),
        price=st.one_of(st.just(-1), st.integers(97, 103), st.sampled_from([1, 50])),
    )
    def amend_linked(self, pick, qty, price):
        linked = [order for order in self.reference.orders.values() if order.link_id]
        if linked:
            order = linked[pick % len(linked)]
            self.both("amend", order.order_id, order.account_id, qty, price)

    @rule(
        groups=st.lists(
            st.tuples(accounts, sides, st.integers(0, 4), parts, link_ids), min_size=2, max_size=6
        ),
        halted_id=st.sampled_from([0, 0, 1, 2, 3]),
        max_count=st.sampled_from([1, 2, 5, 100]),
        kept_amount=st.sampled_from([None, None, 0, 20]),
    )
    def hold_linked_auctions(self, groups, halted_id, max_count, kept_amount):
        """Several books collect linked orders and uncross in turn; one may be halted."""
        for instrument_id in TITLES:
            if self.reference.book_state(instrument_id) == HALTED:
                self.everywhere("resume", instrument_id)
        self.everywhere("set_session", PRE_OPEN)
        self.everywhere("set_clock", self.reference.market_ns, False)
        for account_id, side, first, orders, link_id in groups:
            self.place_linked(account_id, side, first, orders, link_id, 1)
        if kept_amount is not None:
            for account_id in (1, 2):
                self.withdraw(account_id, kept_amount)
        if halted_id:
            self.everywhere("halt", halted_id)
        self.everywhere("set_session", CONTINUOUS)
        self.uncross_to_the_end(max_count)

    @rule(pick=picks)
    def end_one_after_another(self, pick):
        """What several orders release in one record, whether or not they are linked."""
        open_ids = self.reference.orders_of_account(ACCOUNTS[pick % len(ACCOUNTS)])
        open_ids.sort(key=lambda order_id: (order_id * pick) % 11)
        released_amounts = self.core.releases(open_ids)
        assert released_amounts == self.reference.releases(open_ids)
        if pick % 3:
            return
        for order_id, released_amount in zip(open_ids, released_amounts, strict=True):
            fields = self.core.cancellation(order_id, KEY_REVOKED)
            assert fields[5] == released_amount
            self.everywhere("order_cancelled", *fields)

    # -- what it came to

    def answers(self, name: str, *arguments: int) -> tuple[int, list[tuple]]:
        linked = {i for i, order in self.reference.orders.items() if order.link_id}
        icebergs = {i for i in linked if self.reference.orders[i].display_qty}
        states = {i: self.reference.book_state(i) for i in self.reference.instruments}
        answer, events = super().answers(name, *arguments)
        if answer in REFUSALS:
            self.reached["an unlike order"] += 1
        is_trading = any(tag == "trade_executed" for tag, *_ in events)
        for tag, *fields in events if is_trading else []:
            if tag == "order_cancelled" and fields[-1] == LINKED_FILLED:
                self._count_sibling("ends", name, states[fields[2]], fields)
                self.reached["a linked iceberg ends"] += fields[0] in icebergs
            elif tag == "order_amended" and fields[0] in linked and not fields[-1]:
                self._count_sibling("shrinks", name, states[fields[2]], fields)
                self.reached["a linked iceberg shrinks"] += fields[0] in icebergs
        self.reached["an unfunded linked sale"] += sum(
            tag == "order_cancelled" and fields[-1] == UNFUNDED and fields[0] in linked
            for tag, *fields in events
        )
        return answer, events

    def _count_sibling(self, what: str, name: str, state: int, fields: list[int]) -> None:
        self.reached[f"a sibling {what}"] += 1
        self.reached[f"a sibling {what} in an auction"] += name == "uncross"
        self.reached[f"a sibling {what} while halted"] += state == HALTED
        self.reached[f"a sibling {what} after an amendment"] += name == "amend"
        self.reached[f"a sibling of use {what}"] += fields[2] in SUBLETS
