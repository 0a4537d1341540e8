"""A lending market with days of two suppliers, whose shares of a bank's pool tell."""

from exchange.domain.commands import DefineProduct
from exchange.domain.enums import ProductKind, Role, Side
from tests.rules.lending import LendingMarket
from tests.scenario import TRADER


def two_suppliers() -> LendingMarket:
    """The trader owns days of a second supplier too: product 2."""
    market = LendingMarket()
    rival = market.admit("rival", Role.SUPPLIER)
    market.do(
        1,
        DefineProduct(
            code="A100-80-SXM.SG2",
            kind=ProductKind.GPU_TIME,
            gpu_class="A100-80-SXM",
            region="SG",
            supplier_account_id=rival,
            lot_qty=1,
        ),
    )
    market.grant("Y27", 1_000, product_id=2)
    market.deposit(rival, 10**12)
    year = market.list_window("Y27", product_id=2)
    market.order(rival, year, Side.SELL, 1_000, 1_000)
    market.order(TRADER, year, Side.BUY, 1_000, 1_000)
    return market
