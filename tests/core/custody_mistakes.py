"""Mistakes in holds, trusts and books of sublets, see `mutants`; in `.pyx` files only."""

from tests.core.book_mistakes import Mutant

CUSTODY_MISTAKES = (
    Mutant(
        "pledged days are let for any rent",
        (
            (
                "venue.pyx",
                "book.rent_floor_price == 0 or intent.limit_price < book.rent_floor_price",
                "book.rent_floor_price == 0",
            ),
        ),
    ),
    Mutant(
        "affiliates let to each other",
        (
            (
                "plan.pyx",
                """                    or queues.parties is not None
                    and queues.parties.are_one(order.account_id, account_id)
""",
                "",
            ),
        ),
    ),
    Mutant(
        "affiliates let to each other in an auction",
        (
            (
                "auction.pyx",
                "queues.parties is None or not queues.parties.are_one"
                "(bid.account_id, ask.account_id)",
                "True",
            ),
        ),
    ),
    Mutant(
        "a hold may be closed twice",
        (("custody.pyx", "        del self.holds[hold_id]\n", ""),),
    ),
    Mutant(
        "a hold gives back a day too few",
        (
            (
                "custody.pyx",
                "hold.which, hold.start_day, hold.end_day, -hold.qty",
                "hold.which, hold.start_day, hold.end_day - 1, -hold.qty",
            ),
        ),
    ),
    Mutant(
        "a hold for a sublet keeps days from a sale",
        (
            (
                "custody.pyx",
                "hold.which = RESERVED_SUBLET if is_sublet else RESERVED_SALE",
                "hold.which = RESERVED_SALE",
            ),
        ),
    ),
    Mutant(
        "a hold for a sublet takes no pledged days",
        (("custody.pyx", "            if is_sublet:\n", "            if False:\n"),),
    ),
    Mutant(
        "whatever leaves a trust is a rent",
        (
            (
                "custody.pyx",
                "self.trusts[trust] -= amount",
                "self.trusts[0] -= amount",
            ),
        ),
    ),
    Mutant(
        "the rent of a trade is not kept in trust",
        (("ledger.pyx", "self.trusts[TRUST_RENT] += rent_amount", "pass"),),
    ),
    Mutant(
        "a day is paid from the next day's escrow",
        (("custody.pyx", "product.release(day, amount)", "product.release(day + 1, amount)"),),
    ),
    Mutant(
        "the fee of a sublet is charged on nothing held",
        (("book.pyx", "return self.is_sublet or self.product", "return self.product"),),
    ),
    Mutant(
        "what is sublet in can be let again",
        (
            (
                "holdings.pyx",
                "least, title[day] - sublet_out[day] - reserved_sale[day] - reserved_sublet[day]",
                "least, title[day] + self.days[SUBLET_IN][day] - sublet_out[day] "
                "- reserved_sale[day] - reserved_sublet[day]",
            ),
        ),
    ),
)
