"""
What an account has and had, as the API shows it: positions, wallets, sublets, its statement.

As in `wire`: amounts in hundredths of the currency, days delivery day numbers, all integers.
"""

from msgspec import Struct


class Run(Struct, frozen=True, array_like=True):
    """A step of a day function: `qty` GPUs on every day of `[start_day, end_day)`."""

    start_day: int
    end_day: int
    qty: int


class ProductPosition(Struct, frozen=True, kw_only=True):
    """An account's step functions in one product; days with nothing are left out."""

    product: str
    title: list[Run]
    lien: list[Run]
    reserved_sale: list[Run]
    sublet_out: list[Run] = []
    sublet_in: list[Run] = []
    reserved_sublet: list[Run] = []
    usable: list[Run] = []
    """Owned and not let, or received."""
    sellable: list[Run] = []
    """Free to sell or to pledge."""
    sublettable: list[Run] = []
    """Free to let: owned days under a lien too."""


class WalletView(Struct, frozen=True, kw_only=True):
    """Cash in another currency than CNY, in its hundredths; nothing holds it."""

    currency: str
    available_amount: int
