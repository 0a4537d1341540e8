"""
The order path on plain integers: books, unit-day holdings, cash.

`OrderBook` is the matcher on its own, `Books` several of them; `venue.Venue` adds accounts, title
and money, and is what the exchange runs on. The other modules are their parts and are seen from
Cython only. The package knows no clock, no randomness, no files and none of our messages, so the
same calls give the same state and the same bytes everywhere.
"""

from .batch import Books
from .order_book import OrderBook
from .results import AuctionResult, Result

__all__ = ["AuctionResult", "Books", "OrderBook", "Result"]
