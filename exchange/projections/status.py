"""
Where a window stands in its life.

    draft ─▶ listed ─▶ open ⇄ halted ─▶ last_day ─▶ expired ─▶ delivering ─▶ settled

A draft is a window that a schedule asks for and that is not listed yet; it has no instrument. A
window is listed until the venue first takes orders, open until its last trading day begins, and
expired once its gate has closed. A halt can come at any time until then and hides what would be
shown without it. From the first day on it is delivered, and settled when all of its days are final:
what was delivered of them can no longer be disputed.

Nothing is stored but what the log says; each status follows from it and from the market's time.
"""

from exchange.domain.enums import InstrumentStatus
from exchange.domain.windows import day_at

from .bundle import Projections


def status_of(instrument_id: int, projections: Projections) -> InstrumentStatus:
    """The status of a window as of where the projections stand."""
    instrument = projections.listings.instruments[instrument_id]
    listed, today = instrument.listed, day_at(projections.venue.market_ns)
    if not instrument.is_open:
        days = (listed.product_id, listed.start_day, listed.end_day)
        if today >= listed.end_day and projections.deliveries.is_final(*days):
            return InstrumentStatus.SETTLED
        is_begun = today >= listed.start_day
        return InstrumentStatus.DELIVERING if is_begun else InstrumentStatus.EXPIRED
    if projections.sessions.books[instrument_id].halt_count:
        return InstrumentStatus.HALTED
    if today >= day_at(listed.gate_closure_ns):
        return InstrumentStatus.LAST_DAY
    return InstrumentStatus.OPEN if instrument.has_opened else InstrumentStatus.LISTED
