"""
The end of a demo market: nobody trades any more, and what was paid for days to come goes back.

What stands in the books is cancelled; the operator suspends the supplier and ends it. The exchange
then makes every day to come final with nothing delivered, so that its escrow returns to the owners
and its rents to who paid them, while the days that have begun are delivered and paid as ever.
"""

from collections.abc import Iterable

from clients.sdk import ExchangeClient, new_id
from exchange.domain.wire import MassCancel

from .agents import HOUR_NS
from .market_time import MarketTime
from .participant import Participant
from .venue_setup import PRODUCT_CODE, Venue

CLOSED = "closed"


async def wind_up(
    operator: ExchangeClient,
    supplier: ExchangeClient,
    participants: Iterable[Participant],
    time: MarketTime,
    venue: Venue,
) -> None:
    """Returns when every day is paid and closed; needs the meters and the auditor at work."""
    for participant in participants:
        await participant.send([MassCancel(command_id=new_id())])
    supplier_id = venue.supplier_account_id
    (bond,) = await operator.bonds()
    if not bond.is_suspended:
        await operator.supply("deliveries", "suspend_supplier", supplier_account_id=supplier_id)
    await operator.supply("deliveries", "terminate_supplier", supplier_account_id=supplier_id)
    while any(day.delivery_status != CLOSED for day in await supplier.deliveries(PRODUCT_CODE)):
        await time.next_tick(HOUR_NS)
