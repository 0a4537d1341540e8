"""`/v1/calendars`: on which days and at which minutes the venue trades. Public."""

from aiohttp import web

from exchange.domain.events import CalendarPublished
from exchange.domain.listing_views import CalendarView, SessionStartView

from .answers import integer_query, json_answer
from .border import HUB

routes = web.RouteTableDef()


@routes.get("/v1/calendars")
async def calendars(request: web.Request) -> web.Response:
    """The calendars in force, of all years or of one (`?year=`)."""
    projections = request.app[HUB].projections
    year = integer_query(request, "year", 0, 1, 9_999)
    views = [
        calendar_view(calendar)
        for _, calendar in sorted(projections.calendars.by_year.items())
        if year in (0, calendar.year)
    ]
    return json_answer(views, as_of_seq=projections.at_seq)


def calendar_view(calendar: CalendarPublished) -> CalendarView:
    """A calendar as the wire shows it."""
    return CalendarView(
        year=calendar.year,
        version=calendar.version,
        is_provisional=calendar.is_provisional,
        source=calendar.source,
        trading_days=calendar.trading_days,
        session_starts=[
            SessionStartView(minute=start.minute, session_state=start.session_state.name.lower())
            for start in calendar.session_starts
        ],
    )
