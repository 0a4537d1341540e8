"""Mistakes for the plain book, see `mutants`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A mistake: for each file, texts that it has once and what replaces them."""

    mistake: str
    edits: tuple[tuple[str, str, str], ...]


BOOK_MISTAKES = (
    Mutant(
        "last in, first out at a level",
        (
            (
                "queues.pxd",
                """        order.prev_slot = level.tail_slot
        order.next_slot = NO_SLOT
        if level.tail_slot == NO_SLOT:
            level.head_slot = slot
        else:
            self.pool.orders[level.tail_slot].next_slot = slot
        level.tail_slot = slot
""",
                """        order.next_slot = level.head_slot
        order.prev_slot = NO_SLOT
        if level.head_slot == NO_SLOT:
            level.tail_slot = slot
        else:
            self.pool.orders[level.head_slot].prev_slot = slot
        level.head_slot = slot
""",
            ),
        ),
    ),
    Mutant(
        "trades are at the taker's price",
        (
            (
                "order_book.pxd",
                "cdef list _planned_fills(self)",
                "cdef list _planned_fills(self, int64_t taker_price)",
            ),
            (
                "order_book.pyx",
                "cdef list _planned_fills(self):",
                "cdef list _planned_fills(self, int64_t taker_price):",
            ),
            ("order_book.pyx", "self._planned_fills()", "self._planned_fills(terms.price)"),
            (
                "order_book.pyx",
                "(maker.order_id, maker.limit_price,",
                "(maker.order_id, taker_price,",
            ),
        ),
    ),
    Mutant(
        "a reduction loses its place",
        (
            (
                "order_book.pyx",
                "            self.reduce(slot, <int32_t>(open_qty - new_qty))\n",
                """            self.reduce(slot, <int32_t>(open_qty - new_qty))
            self.unlink(slot)
            self.append(slot)
""",
            ),
        ),
    ),
    Mutant(
        "a stale best price after a cancel",
        (
            (
                "price_levels.pyx",
                "if slot == self.best_level:",
                "if slot == self.best_level and self.length == 1:",
            ),
        ),
    ),
    Mutant(
        "a filled maker stays in the id map",
        (
            (
                "order_book.pyx",
                """            if self.fill(self.plan.fills[index].maker_slot, self.plan.fills[index].qty) == 0:
                self.pool.remove(self.plan.fills[index].maker_slot)
""",  # noqa: E501
                "            self.fill(\n                self.plan.fills[index].maker_slot, "
                "self.plan.fills[index].qty\n            )\n",
            ),
        ),
    ),
    Mutant(
        "an amendment through the spread rests crossed",
        (
            (
                "order_book.pyx",
                "if not self.is_met(terms.side, terms.price):",
                "if terms.slot != NO_SLOT or not self.is_met(terms.side, terms.price):",
            ),
        ),
    ),
    Mutant(
        "a self-match is decided after fills",
        (
            (
                "plan.pyx",
                "if self.own_count and policy != CANCEL_RESTING:",
                "if self.own_count and policy == CANCEL_INCOMING:",
            ),
        ),
    ),
    Mutant(
        "an iceberg's next clip stays at the front",
        (
            (
                "queues.pyx",
                "        if order.leaves_qty == 0:\n            self._take_out(",
                """        if (
            order.leaves_qty == 0
            and order.marks & IS_ICEBERG
            and self.pool.clips[slot].hidden_qty
        ):
            qty = min(self.pool.clips[slot].display_qty, self.pool.clips[slot].hidden_qty)
            self.pool.clips[slot].hidden_qty -= qty
            level.hidden_qty -= qty
            level.total_qty += qty
            order.leaves_qty = qty
        elif order.leaves_qty == 0:
            self._take_out(""",
            ),
        ),
    ),
    Mutant(
        "a fill-or-kill that falls short fills in part",
        (
            (
                "order_book.pyx",
                "if terms.time_in_force == FOK or terms.is_all_or_none:",
                "if terms.is_all_or_none:",
            ),
        ),
    ),
    Mutant(
        "an auction ignores the reference price",
        (
            (
                "auction.pyx",
                "self.price = min(max(reference_price, self.low_price), self.high_price)",
                "self.price = self.low_price",
            ),
        ),
    ),
    Mutant(
        "a removal leaves a gap in the id map",
        (
            (
                "pool.pxd",
                "if ((at - home) & mask) >= ((at - hole) & mask):",
                "if ((at - home) & mask) > ((at - hole) & mask):",
            ),
        ),
    ),
    Mutant(
        "a batch tells the fills of the one before again",
        (("batch.pyx", "        self.fill_count = 0\n        is_far", "        is_far"),),
    ),
    Mutant(
        "a cancelled clip leaves its hidden quantity on the level",
        (
            (
                "queues.pxd",
                "            level.hidden_qty -= self.pool.clips[slot].hidden_qty\n",
                "",
            ),
        ),
    ),
)
