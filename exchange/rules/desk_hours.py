"""
When the OTC desk is open: 08:30 to 18:00 at the site on trading days.

Nothing firm outlives the desk's day: what would stand longer ends at its close. A venue that is
always open has no close.
"""

from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import NS_PER_MINUTE
from exchange.domain.windows import date_of, day_at, start_ns

from .state import State

DESK_OPENS_NS = (8 * 60 + 30) * NS_PER_MINUTE
DESK_CLOSES_NS = 18 * 60 * NS_PER_MINUTE


def require_desk_open(state: State) -> None:
    """Refuses outside the desk's hours, and while the clock catches up with what is due."""
    assert state.venue is not None, "the desk follows genesis"
    session_state = state.core.session_state
    require(not state.core.is_catching_up, Reason.HALTED, session_state)
    if state.venue.is_always_open:
        return
    today = day_at(state.market_ns)
    calendar = state.calendars.get(date_of(today).year)
    if calendar is None:
        raise Refused(Reason.NO_CALENDAR, date_of(today).year, 0, today)
    opens_ns = start_ns(today) + DESK_OPENS_NS
    closes_ns = start_ns(today) + DESK_CLOSES_NS
    require(today in calendar.trading_days, Reason.DESK_CLOSED, state.market_ns, 0, today)
    require(state.market_ns >= opens_ns, Reason.DESK_CLOSED, state.market_ns, opens_ns, today)
    require(state.market_ns < closes_ns, Reason.DESK_CLOSED, state.market_ns, closes_ns, today)


def expires_ns(lifetime_ns: int, latest_ns: int, state: State) -> int:
    """When something that lives so long from now ends: with the desk's day or `latest_ns` first."""
    assert state.venue is not None, "the desk follows genesis"
    wanted_ns = min(state.market_ns + lifetime_ns, latest_ns)
    if state.venue.is_always_open:
        return wanted_ns
    return min(wanted_ns, start_ns(day_at(state.market_ns)) + DESK_CLOSES_NS)


def require_lifetime(lifetime_ns: int, longest_ns: int) -> None:
    """Refuses less than a minute and more than the longest."""
    require(lifetime_ns >= NS_PER_MINUTE, Reason.LIFETIME, lifetime_ns, NS_PER_MINUTE)
    require(lifetime_ns <= longest_ns, Reason.LIFETIME, lifetime_ns, longest_ns)
