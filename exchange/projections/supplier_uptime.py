"""
A supplier's uptime as marks see it, from the read models instead of the state.

What counts of a day is said in `exchange.collateral.uptime`. A supplier that was ended delivers
nothing more, and so its uptime is 0 whatever it delivered.
"""

from exchange.collateral.uptime import DayHours, Uptime, uptime_of, waiting_day
from exchange.domain.units import HOURS_PER_DAY

from .collateral_marks import CollateralMarks
from .deliveries import Day, Deliveries, is_past_disputes


def supplier_uptime(
    supplier_id: int, market_ns: int, seq: int, marks: CollateralMarks, deliveries: Deliveries
) -> Uptime:
    """
    Of the days that are final as of a record, and of those that wait beyond disputes at a moment.

    The latter are as `deliveries` has them: its position must be that of the record.
    """
    supplier = deliveries.suppliers.get(supplier_id)
    final = (
        DayHours(day.day, day.contracted_qty * HOURS_PER_DAY, day.undelivered_hours)
        for day in marks.final_days(supplier_id, seq)
    )
    waiting = (
        waiting_day(day.day, day.contracted_qty, day.ruled_qtys or day.available_qtys)
        for day in _open_days(supplier_id, deliveries)
        if is_past_disputes(day.day, market_ns)
    )
    found = uptime_of([*final, *waiting])
    is_ended = supplier is not None and supplier.is_terminated
    return found._replace(uptime_ppm=0) if is_ended else found


def _open_days(supplier_id: int, deliveries: Deliveries) -> list[Day]:
    """Those of its products that began and are not final."""
    return [
        deliveries.days[product_id, day]
        for product_id, days in deliveries.open_days.items()
        if deliveries.supplier_ids[product_id] == supplier_id
        for day in days
    ]
