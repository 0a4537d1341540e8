"""
What the records of the log moved, in a form that people read and programs add up.

A move is one line: in which record, whose, what, how much. Cash is in fen and positive where it
came in; what the venue keeps (escrow, rent, bond) and title and use of days are moves of their own.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from exchange.domain.enums import Side, Trust

Event = dict[str, Any]
TITLE, USE = "title", "use"
_GPUS = (TITLE, USE)


class Move(NamedTuple):
    """One line: negative where it left."""

    seq: int
    account_id: int
    what: str
    """`title` and `use` are GPUs, all else fen of CNY, in the words of a statement of account."""
    moved: int

    @property
    def text(self) -> str:
        """The number with its unit."""
        if self.what in _GPUS:
            return f"{self.moved:+,} GPUs"
        yuan, fen = divmod(abs(self.moved), 100)
        return f"{'-' if self.moved < 0 else '+'}{yuan:,}.{fen:02d} CNY"


Rows = Iterator[tuple[int, str, int]]
"""(account_id, what, moved)."""


def moves_of(record: Event) -> Iterator[Move]:
    """The moves of a record as the exchange prints it, in the order of its events; none of 0."""
    for event in record["events"]:
        found = _READERS.get(event["type"])
        if found is not None:
            yield from (Move(record["seq"], *row) for row in found(event) if row[2])


def _granted(event: Event) -> Rows:
    yield event["account_id"], TITLE, event["granted_qty"]


def _traded(event: Event) -> Rows:
    """Of a primary sale the price goes to escrow, and nothing to the seller yet."""
    maker, taker = (
        (event[f"{side}_account_id"], event[f"{side}_fee_amount"]) for side in ("maker", "taker")
    )
    buyer, seller = (taker, maker) if event["taker_side"] == Side.BUY else (maker, taker)
    yield seller[0], TITLE, -event["last_qty"]
    yield buyer[0], TITLE, event["last_qty"]
    yield buyer[0], "into escrow", -event["escrow_amount"]
    yield buyer[0], "trade", -event["cash_amount"]
    yield seller[0], "trade", event["cash_amount"]
    yield buyer[0], "fee", -buyer[1]
    yield seller[0], "fee", -seller[1]


def _settled(event: Event) -> Rows:
    """Outside the books; of a sublet only the fees, for its rent goes into trust."""
    buyer_id, seller_id = event["buyer_account_id"], event["seller_account_id"]
    yield buyer_id, "into escrow", -event["escrow_amount"]
    yield buyer_id, event["purpose"], -event["cash_amount"]
    yield seller_id, event["purpose"], event["cash_amount"]
    yield buyer_id, "fee", -event["buyer_fee_amount"]
    yield seller_id, "fee", -event["seller_fee_amount"]


def _let(event: Event) -> Rows:
    yield event["lessor_account_id"], USE, -event["sublet_qty"]
    yield event["lessee_account_id"], USE, event["sublet_qty"]


def _into_trust(event: Event) -> Rows:
    yield event["account_id"], f"into {Trust(event['trust']).name.lower()}", -event["funded_amount"]


def _released(event: Event) -> Rows:
    yield event["account_id"], event["purpose"], event["released_amount"]


def _deposited(event: Event) -> Rows:
    yield event["account_id"], "deposit", event["deposit_amount"]


_READERS: dict[str, Callable[[Event], Rows]] = {
    "capacity_granted": _granted,
    "cash_deposited": _deposited,
    "escrow_released": _released,
    "sublet_granted": _let,
    "trade_executed": _traded,
    "trade_settled": _settled,
    "trust_funded": _into_trust,
    "trust_released": _released,
}
