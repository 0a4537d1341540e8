"""Mistakes in what a venue keeps of its orders, see `mutants`; in `.pyx` files only."""

from tests.core.book_mistakes import Mutant

ORIGIN_MISTAKES = (
    Mutant(
        "an order that ends is still counted by its origin",
        (("origins.pyx", "row.order_count -= 1", "pass"),),
    ),
    Mutant(
        "the row of an origin with one order is given away",
        (
            (
                "origins.pyx",
                "            if self.rows[index].order_count:\n",
                "            if self.rows[index].order_count > 1:\n",
            ),
        ),
    ),
    Mutant(
        "sessions of the same key are one origin",
        (("origins.pyx", "one.session_id == other.session_id", "True"),),
    ),
    Mutant(
        "an order that comes late to a day does not end with it",
        (("pool.pyx", "if 0 < origin.expire_day <= self.endings_day:", "if False:"),),
    ),
    Mutant(
        "a fill may dissolve any part of a hold",
        (
            (
                "ledger.pyx",
                "            slot, order.limit_price, leaves_qty, slack\n        ):\n",
                "            slot, order.limit_price, leaves_qty, slack\n        ) and False:\n",
            ),
        ),
    ),
)
