"""Scripts of delivery for the golden logs: a day that cannot close, one of a thousand payouts."""

from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.enums import Side
from exchange.domain.letting import AcceptSublet, EndSublet, OpenSublet
from exchange.domain.units import NS_PER_DAY
from tests.rules.deliveries import DeliveryMarket
from tests.rules.desk import SPAN, asked, desk_market, pass_time, quoted
from tests.scenario import OTHER, SUPPLIER, TRADER, Market

SUBLETS_COUNT = 500
"""Each brings two payouts where a part of its day was not delivered."""


def postponed() -> Market:
    """A sublet that both sides end; then a supplier's, while a firm quote keeps days of it."""
    market = desk_market()
    week = OpenSublet(
        product_id=1,
        lessee_account_id=OTHER,
        start_day=SPAN["end_day"],
        end_day=SPAN["end_day"] + 2,
        sublet_qty=2,
        rent_price=600,
    )
    market.do(OTHER, AcceptSublet(offer_id=market.do(TRADER, week).seq))
    (sublet_id,) = market.state.sublets
    for side in (TRADER, OTHER):
        market.do(side, EndSublet(sublet_id=sublet_id))
    quoted(market, asked(market))
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    market.do(1, TerminateSupplier(supplier_account_id=SUPPLIER))
    market.drain()
    pass_time(market, NS_PER_DAY)
    market.drain()
    return market


def planned() -> Market:
    """Half of a day that one owner has let in hundreds of parts is not delivered."""
    market = DeliveryMarket(granted_qty=SUBLETS_COUNT)
    market.sell(TRADER, SUBLETS_COUNT)
    for _ in range(SUBLETS_COUNT):
        market.order(TRADER, market.use, Side.SELL, 1, 1_200)
    market.order(OTHER, market.use, Side.BUY, SUBLETS_COUNT, 1_200)
    market.deliver([SUBLETS_COUNT // 2] * 24)
    return market
