"""Commands for plain books, packed, and what becomes of them."""

from collections.abc import Iterable
from typing import final

from .order_book import OrderBook

@final
class Books:
    """
    Plain books whose commands come together, packed; `ORDER_BOOK.md` has the formats.

    What has many books and its commands at hand trades at several times the speed of single calls:
    nothing is made for each command, and the memory of the next ones is called for ahead of time.
    The books stay what they are and may be used by themselves in between, from one thread.
    """

    def __init__(self, books: Iterable[OrderBook]) -> None: ...
    def run(self, commands: bytes | bytearray | memoryview) -> tuple[bytes, bytes]:
        """
        Carries out packed commands in their order; their outcomes, and the fills of all of them.

        `ValueError` before anything happens where a book or a side is none.
        """
