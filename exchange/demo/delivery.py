"""
What the demo delivers: its supplier reads and reports each day, its auditor stands for it.

The site is healthy, so every sold hour is delivered and the escrow of the days flows to the
supplier. Who wants to see a shortfall posts readings of a higher revision before the report.
"""

import hashlib

from clients.errors import ExchangeError
from clients.sdk import ExchangeClient
from clients.supplier_agent import post_readings
from exchange.domain.enums import DeliveryStatus
from exchange.domain.meter_readings import UNKNOWN_QTY, Reading
from exchange.domain.units import HOURS_PER_DAY

from .agents import HOUR_NS
from .market_time import MarketTime
from .summary import Tally
from .venue_setup import GRANTED_QTY, PRODUCT_CODE, Venue, step_id


class Delivery:
    """The supplier's metering and the auditor's signature, once a market hour."""

    def __init__(
        self,
        supplier: ExchangeClient,
        auditor: ExchangeClient,
        time: MarketTime,
        venue: Venue,
        tally: Tally,
    ) -> None:
        self._supplier = supplier
        self._auditor = auditor
        self._time = time
        self._venue = venue
        self._tally = tally

    async def run(self) -> None:
        """Looks after the days that are over until cancelled."""
        while True:
            for day in await self._supplier.deliveries(PRODUCT_CODE):
                if day.day < self._time.day:
                    try:
                        await self._look_after(day.day, day.delivery_status, day.available_qtys)
                    except ExchangeError as error:
                        self._tally.count_refusal(error)
            await self._time.next_tick(HOUR_NS)

    async def _look_after(self, day: int, status: str, available_qtys: list[int]) -> None:
        product_id = self._venue.product_id
        hours = [hour for hour in range(HOURS_PER_DAY) if available_qtys[hour] == UNKNOWN_QTY]
        if status == DeliveryStatus.DELIVERING:
            readings = [Reading(day, hour, GRANTED_QTY) for hour in hours]
            await post_readings(self._supplier, product_id, readings)
            await self._supplier.supply(
                "deliveries",
                "report_delivery",
                command_id=step_id(f"report {day}"),
                product_id=product_id,
                day=day,
            )
        elif status == DeliveryStatus.REPORTED:
            await self._auditor.supply(
                "deliveries",
                "attest_delivery",
                command_id=step_id(f"attest {day}"),
                rulings=[[hour, GRANTED_QTY] for hour in hours],
                evidence_sha256=hashlib.sha256(b"a healthy site").hexdigest(),
                product_id=product_id,
                day=day,
            )
