"""
What the demo delivers: its supplier reads and reports each day, its auditor stands for it.

The site is mostly healthy. On some days a rack is down for hours, more than what is unsold can make
good: then part of the escrow goes back to the owners, with damages out of the bond. Who wants to
see another shortfall posts readings of a higher revision before the report.
"""

import hashlib
import random

from clients.errors import ExchangeError
from clients.sdk import ExchangeClient
from clients.supplier_agent import post_readings
from exchange.domain.delivery_views import DeliveryView
from exchange.domain.enums import DeliveryStatus
from exchange.domain.meter_readings import UNKNOWN_QTY, Reading
from exchange.domain.units import HOURS_PER_DAY

from .agents import HOUR_NS
from .market_time import MarketTime
from .summary import Tally
from .venue_setup import GRANTED_QTY, PRODUCT_CODE, Venue, step_id

DOWN_SHARE = 0.06
"""Of the days."""
RACK_QTY = 16
"""GPUs that are down of those that are sold; the supplier has no others in reserve."""


class Delivery:
    """The supplier's metering and the auditor's signature, once a market hour."""

    def __init__(
        self,
        supplier: ExchangeClient,
        auditor: ExchangeClient,
        time: MarketTime,
        venue: Venue,
        tally: Tally,
        seed: int,
    ) -> None:
        self._supplier = supplier
        self._auditor = auditor
        self._time = time
        self._venue = venue
        self._tally = tally
        self._seed = seed

    async def run(self) -> None:
        """Looks after the days that are over until cancelled."""
        while True:
            for day in await self._supplier.deliveries(PRODUCT_CODE):
                if day.day < self._time.day:
                    try:
                        await self._look_after(day)
                    except ExchangeError as error:
                        self._tally.count_refusal(error)
            await self._time.next_tick(HOUR_NS)

    async def _look_after(self, delivery: DeliveryView) -> None:
        product_id, day = self._venue.product_id, delivery.day
        known_qtys, status = delivery.available_qtys, delivery.delivery_status
        hours = [hour for hour in range(HOURS_PER_DAY) if known_qtys[hour] == UNKNOWN_QTY]
        if status == DeliveryStatus.DELIVERING:
            down_hours = self._down_hours(day)
            left_qty = max(0, delivery.contracted_qty - RACK_QTY)
            readings = [
                Reading(day, hour, left_qty if hour in down_hours else GRANTED_QTY)
                for hour in hours
            ]
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

    def _down_hours(self, day: int) -> range:
        """The hours of a day in which a rack is down; the same whoever asks."""
        rng = random.Random(f"site {self._seed} {day - self._venue.first_day}")
        if rng.random() >= DOWN_SHARE:
            return range(0)
        first_hour = rng.randrange(HOURS_PER_DAY - 1)
        return range(first_hour, min(HOURS_PER_DAY, first_hour + rng.randint(1, 8)))
