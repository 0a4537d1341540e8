"""The matcher on its own: one book without accounts, cash or title."""

from typing import Literal, TypeAlias, final

from .errors import CoreError as CoreError
from .results import AuctionResult, Result

__all__ = ["CoreError", "OrderBook"]

Side: TypeAlias = Literal["buy", "sell"] | int
TimeInForce: TypeAlias = Literal["gtc", "ioc", "fok"] | int
SelfMatchPolicy: TypeAlias = (
    Literal["none", "cancel_incoming", "cancel_resting", "cancel_both"] | int
)

@final
class OrderBook:
    """
    One book in price-time priority; `ORDER_BOOK.md` explains it by examples.

    What the market says no to is a `Result` with a reason, and leaves no trace. Wrong types,
    unknown words and integers beyond 64 bits (accounts: 32 bits) are exceptions, and change nothing
    either. Prices and quantities are 1 to 2**31 - 1. Not thread-safe.
    """

    def __init__(self, *, is_collecting: bool = False) -> None:
        """`is_collecting` begins with a call auction: orders only collect until `auction`."""

    @property
    def is_collecting(self) -> bool:
        """Whether the book collects for an auction, and so may be crossed."""

    def place(
        self,
        order_id: int,
        side: Side,
        price: int,
        qty: int,
        *,
        time_in_force: TimeInForce = "gtc",
        account: int = 0,
        post_only: bool = False,
        all_or_none: bool = False,
        min_qty: int = 0,
        display_qty: int = 0,
        self_match_policy: SelfMatchPolicy = "none",
    ) -> Result:
        """
        A new order: trades what it can at once, then rests or ends.

        Ids are unique among open orders, and should count up: in an auction the higher id counts
        as the younger order.
        """

    def amend(self, order_id: int, price: int | None = None, qty: int | None = None) -> Result:
        """
        Changes a resting order's price, its open quantity, or both; quantity 0 cancels it.

        Less at the same price keeps its place, as does no change at all. Everything else leaves the
        queue and comes in again, and may trade. A refused amendment leaves the order as it was.
        """

    def cancel(self, order_id: int) -> int:
        """Ends an order; the open quantity that this removes, hidden and all, 0 where unknown."""

    def mass_cancel(self, account: int | None = None, side: Side | None = None) -> list[int]:
        """
        Ends every order of an account, a side, or both; their ids, ascending.

        Takes time with the most orders that were ever open at once.
        """

    def open_auction(self) -> None:
        """Stops trading: from now on orders collect, and may cross, until `auction`."""

    def auction(self, reference_price: int) -> AuctionResult:
        """
        Uncrosses the book at one price, and goes on in continuous trading.

        Of two own orders that would trade with each other the younger is cancelled first.
        """

    def indicative(self, reference_price: int) -> AuctionResult:
        """What `auction` would find now, before any cancellation among own orders; no fills."""

    def bids(self, depth: int = 0) -> list[tuple[int, int, int]]:
        """The best `depth` bid levels as (price, displayed qty, order count); 0 for all."""

    def asks(self, depth: int = 0) -> list[tuple[int, int, int]]:
        """The best `depth` ask levels as (price, displayed qty, order count); 0 for all."""

    def queue(self, side: Side, price: int) -> list[int]:
        """The order ids at a price, in the order in which they would trade."""

    def open_qty(self, order_id: int) -> int:
        """What is left of an order, hidden and all; 0 where unknown."""

    def __len__(self) -> int: ...
    def __contains__(self, order_id: int) -> bool: ...
    def snapshot(self) -> bytes:
        """The whole book as canonical bytes: books that would act alike give equal bytes."""

    @staticmethod
    def restore(data: bytes) -> OrderBook:
        """The book of a snapshot; `ValueError` where the bytes are none."""

    def state_hash(self) -> bytes:
        """SHA-256 of the snapshot."""

    def check(self) -> None:
        """Verifies every invariant; `CoreError` names the first that is broken."""
