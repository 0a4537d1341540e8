"""Mistakes in sessions, bands and call auctions, see `mutants`; in `.pyx` files only."""

from tests.core.book_mistakes import Mutant

AUCTION_MISTAKES = (
    Mutant(
        "an auction trades at the younger order's limit",
        (
            (
                "sessions.pyx",
                "book, bid_slot, ask_slot, auction.pairings[index].qty, auction.price",
                "book, bid_slot, ask_slot, auction.pairings[index].qty, "
                "self.pool.orders[ask_slot].limit_price",
            ),
            (
                "sessions.pyx",
                "book, ask_slot, bid_slot, auction.pairings[index].qty, auction.price",
                "book, ask_slot, bid_slot, auction.pairings[index].qty, "
                "self.pool.orders[bid_slot].limit_price",
            ),
        ),
    ),
    Mutant(
        "an auction pairs offers last in, first out",
        (
            ("auction.pyx", "int32_t ask_at = 0", "int32_t ask_at = self.asks.count - 1"),
            (
                "auction.pyx",
                "ask_qty = self.asks.fills[0].qty",
                "ask_qty = self.asks.fills[ask_at].qty",
            ),
            ("auction.pyx", "ask_at += 1", "ask_at -= 1"),
        ),
    ),
    Mutant(
        "an own pair is not ended",
        (("auction.pyx", "bid.account_id != ask.account_id and (", "True or ("),),
    ),
    Mutant(
        "the older of an own pair ends",
        (("auction.pyx", "if bid.order_id > ask.order_id:", "if bid.order_id < ask.order_id:"),),
    ),
    Mutant(
        "hidden quantity does not count in an auction",
        (("auction.pyx", "return level.total_qty + level.hidden_qty", "return level.total_qty"),),
    ),
    Mutant(
        "an auction without a reference rounds the middle up",
        (("auction.pyx", "self.high_price) // 2", "self.high_price + 1) // 2"),),
    ),
    Mutant(
        "of prices with the same volume the surplus does not matter",
        (("auction.pyx", "surplus_qty < self.best_surplus_qty", "False"),),
    ),
    Mutant(
        "the static band ends a tick early",
        (
            (
                "sessions.pyx",
                "limit_price > book.high_limit_price",
                "limit_price >= book.high_limit_price",
            ),
        ),
    ),
    Mutant(
        "the dynamic band is a tick wider",
        (("book.pyx", "reference_price + width_price)", "reference_price + width_price + 1)"),),
    ),
    Mutant(
        "an auction's reference is taken after the fills",
        (
            (
                "venue.pyx",
                "self._start_auction(book, intent.side, reference_price)",
                "self._start_auction(book, intent.side, book.reference_price())",
            ),
        ),
    ),
    Mutant(
        "only an order that rests starts an auction",
        (
            (
                "venue.pyx",
                "if not collects(self.state_of(book)) and book",
                "if rests and not collects(self.state_of(book)) and book",
            ),
        ),
    ),
    Mutant(
        "a halted book uncrosses",
        (
            (
                "state.pyx",
                "session_state != HALTED and not collects(session_state) and",
                "not collects(session_state) and",
            ),
            ("audit.pyx", "if collects(session_state) or session_state == HALTED:", "if True:"),
            ("audit.pyx", "        if book.is_uncrossing:\n", "        if False:\n"),
        ),
    ),
    Mutant(
        "the younger order pays the taker's rate in an auction",
        (
            ("execution.pyx", "taker_bps = self.pool.origin_of(taker_slot).maker_bps", "pass"),
            (
                "ledger.pyx",
                "            self.pool.origin_of(taker_slot).maker_bps\n            if is_auction\n"
                "            else self.pool.origin_of(taker_slot).taker_bps,\n",
                "            self.pool.origin_of(taker_slot).taker_bps,\n",
            ),
        ),
    ),
    Mutant(
        "a house member's fee is not looked for before the auction",
        (("sessions.pyx", "if excess > self.cash.available[account_id]:", "if False:"),),
    ),
    Mutant(
        "a house member's fees are looked at one by one",
        (("sessions.pyx", "drawn[account_id] = excess", "drawn[account_id] = 0"),),
    ),
    Mutant(
        "one record holds a whole auction",
        (("sessions.pyx", "min(<int64_t>auction.count, max_count)", "auction.count"),),
    ),
    Mutant(
        "a book takes orders before it has uncrossed",
        (
            (
                "sessions.pyx",
                "if self.is_catching_up or book.is_uncrossing:",
                "if self.is_catching_up:",
            ),
        ),
    ),
    Mutant(
        "the gate closes a moment late",
        (
            (
                "sessions.pyx",
                "self.market_ns >= book.gate_closure_ns",
                "self.market_ns > book.gate_closure_ns",
            ),
        ),
    ),
    Mutant(
        "an auction outlasts the venue's session",
        (
            (
                "state.pyx",
                "        for book in self.books:\n            book.auction_end_ns = 0\n",
                "        for book in self.books:\n",
            ),
        ),
    ),
)
