"""
What an account has and had, as the API shows it: positions, wallets, sublets, its statement.

As in `wire`: amounts in hundredths of the currency, days delivery day numbers, all integers.
"""

from msgspec import Struct

from .units import Day, Id, Name, Price, Qty


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
    """Cash in another currency than CNY, in its hundredths, that asked for included."""

    currency: str
    available_amount: int


class WithdrawalView(Struct, frozen=True, kw_only=True):
    """Cash that its holder has asked for and that is not paid out."""

    withdrawal_id: int
    account_id: int
    withdrawal_amount: int
    currency: str


# -- sublets --------------------------------------------------------------------------------------


class SubletRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/sublets, by the lessor."""

    product: Name
    lessee_account_id: Id
    start_day: Day
    end_day: Day
    sublet_qty: Qty
    rent_price: Price
    """Fen per GPU-hour."""


class SubletOfferView(Struct, frozen=True, kw_only=True):
    """Days on offer to one participant."""

    offer_id: int
    product: str
    lessor_account_id: int
    lessee_account_id: int
    start_day: int
    end_day: int
    sublet_qty: int
    rent_price: int
    rent_amount: int
    """What the lessee would pay, without its fee."""
    rent_floor_price: int
    encumbered_day: int
    """The first day that reaches into pledged title; 0 where none does."""
    awaited_bank_ids: list[int]
    """Pledgees that have not agreed yet, of those that must."""
    lapse_ns: int


class SubletView(Struct, frozen=True, kw_only=True):
    """Days that are let."""

    sublet_id: int
    product: str
    lessor_account_id: int
    lessee_account_id: int
    start_day: int
    end_day: int
    sublet_qty: int
    rent_price: int
    end_asked_account_id: int
    """The side that wants it to end, 0 where none does; its word counts until `end_lapse_ns`."""
    end_lapse_ns: int


class SubletsView(Struct, frozen=True, kw_only=True):
    """GET /v1/sublets: what concerns an account."""

    as_of_seq: int
    offers: list[SubletOfferView]
    sublets: list[SubletView]
