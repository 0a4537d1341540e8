"""Mistakes in linked orders, see `mutants`; in `.pyx` files only."""

from tests.core.book_mistakes import Mutant

LINK_MISTAKES = (
    Mutant(
        "a fill takes nothing from what the maker is linked to",
        (("execution.pyx", "            self._give_way(maker_slot, qty)\n", ""),),
    ),
    Mutant(
        "a fill takes nothing from what the taker is linked to",
        (("execution.pyx", "            self._give_way(taker_slot, qty)\n", ""),),
    ),
    Mutant(
        "a sibling of the same size stays open",
        (
            (
                "execution.pyx",
                "if self.pool.open_qty(sibling) <= qty:",
                "if self.pool.open_qty(sibling) < qty:",
            ),
        ),
    ),
    Mutant(
        "a group holds the largest of its orders' costs",
        (
            (
                "links.pyx",
                "total_amount += (next_qty - level_qty) * unit_amount",
                "total_amount = max(total_amount, next_qty * unit_amount)",
            ),
        ),
    ),
    Mutant(
        "only one order of a group rounds its fee up",
        (
            (
                "links.pyx",
                "room += 9_999 - group.rows[index].fee_slack",
                "room = 9_999 - group.rows[index].fee_slack",
            ),
        ),
    ),
    Mutant(
        "an order that has ended still counts in its group's fees",
        (
            (
                "links.pyx",
                "if group.rows[index].qty and group.rows[index].bps:",
                "if group.rows[index].bps:",
            ),
        ),
    ),
    Mutant(
        "linked sales reserve their sum",
        (("links.pyx", "qty = max(qty, group.rows[index].qty)", "qty += group.rows[index].qty"),),
    ),
    Mutant(
        "a linked sale reserves a day too many",
        (
            (
                "links.pyx",
                "<= day < group.rows[index].end_day",
                "<= day <= group.rows[index].end_day",
            ),
        ),
    ),
    Mutant(
        "a cancelled order of a group releases all that the group holds",
        (("state.pyx", "held_amount -= self.hold_needed(", "self.hold_needed("),),
    ),
    Mutant(
        "orders that end in one record release as if each were the first",
        (("view.pyx", "            ended.add(slot)\n", ""),),
    ),
    Mutant(
        "a linked order counts its own days only as free",
        (("reserves.pyx", "            free_qty += reserved_on(group, day)\n", ""),),
    ),
    Mutant(
        "a snapshot forgets what is linked",
        (("venue_bytes.pyx", "            state.join(slot, link_id)\n", "            pass\n"),),
    ),
    Mutant(
        "linked orders are on both sides",
        (
            (
                "state.pyx",
                "if side_of(&self.pool.orders[group.slots[0]]) != side:",
                "if False:",
            ),
        ),
    ),
    Mutant(
        "the fee of a linked sale in an auction is taken for one that is linked to none",
        (("sessions.pyx", "if order.marks & IS_LINKED:", "if False:"),),
    ),
    Mutant(
        "a linked purchase is checked without what its group holds",
        (
            (
                "venue.pyx",
                """            intent.own_held_amount = hold_together(
                &self.group, intent.side, book.is_fee_in_cash(account_id)
            )
""",
                "",
            ),
        ),
    ),
)
