"""What the plain book answers."""

from typing import Literal, TypeAlias, final

Status: TypeAlias = Literal["resting", "filled", "cancelled", "rejected"]

@final
class Result:
    """
    What became of one order.

    `status` is "resting" for whatever is left open, also after a partial fill. `leaves_qty` is what
    rests, hidden and all, so 0 for every other status. `reason` is None unless the order was
    rejected, or was cancelled by the book ("unfilled", "self_match").
    """

    @property
    def status(self) -> Status: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def leaves_qty(self) -> int: ...
    @property
    def fills(self) -> list[tuple[int, int, int]]:
        """(maker_order_id, price, qty) of each fill, in order."""

    @property
    def cancelled(self) -> list[int]:
        """The own resting orders that the self-match policy ended, in order."""

@final
class AuctionResult:
    """
    What an auction traded, or would.

    `price` is 0 where nothing crosses. `surplus_qty` is what stays unfilled at the price: positive
    for bids, negative for asks. All fills are at the price.
    """

    @property
    def price(self) -> int: ...
    @property
    def qty(self) -> int: ...
    @property
    def surplus_qty(self) -> int: ...
    @property
    def fills(self) -> list[tuple[int, int, int, int]]:
        """(bid_order_id, ask_order_id, price, qty) of each fill, in order."""

    @property
    def cancelled(self) -> list[int]:
        """Own orders that would have met each other: the younger ones, in order."""
