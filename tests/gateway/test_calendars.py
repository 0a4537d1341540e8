"""Calendars over HTTP: what an operator publishes, everybody reads."""

import msgspec

from exchange.calendars import read_calendar, shipped_calendar
from exchange.domain.listing_views import CalendarView, SessionStartView
from tests.gateway.conftest import OPERATOR, TRADER

MAINLAND_2027 = read_calendar(shipped_calendar("mainland_2027"))


async def publish(house, **changes):
    """An operator's command, by its fields' names."""
    body = {**msgspec.to_builtins(MAINLAND_2027), **changes}
    return await house.post(
        "/v1/admin/publish_calendar", body, OPERATOR, f"calendar {len(house.records)}"
    )


async def test_a_published_calendar_is_public(house):
    assert (await house.get("/v1/calendars"))[1] == []
    assert (await publish(house))[0] == 201
    status, found = await house.get("/v1/calendars?year=2027")
    assert status == 200
    (calendar,) = msgspec.convert(found, list[CalendarView])
    assert (calendar.year, calendar.version, calendar.is_provisional) == (2027, 1, True)
    assert calendar.source == MAINLAND_2027.source
    assert calendar.trading_days == MAINLAND_2027.trading_days
    assert calendar.session_starts[1] == SessionStartView(minute=555, session_state="continuous")
    assert (await house.get("/v1/calendars"))[1] == found
    assert (await house.get("/v1/calendars?year=2026"))[1] == []


async def test_the_same_version_is_refused_and_a_higher_one_replaces_it(house):
    await publish(house)
    status, problem = await publish(house, source="again")
    assert (status, problem["name"], problem["limit"]) == (409, "already_exists", 1)
    assert (await publish(house, version=2, is_provisional=False))[0] == 201
    _, ((calendar),) = await house.get("/v1/calendars")
    assert (calendar["version"], calendar["is_provisional"]) == (2, False)


async def test_only_an_operator_publishes_and_a_year_is_a_number(house):
    body = msgspec.to_builtins(MAINLAND_2027)
    status, _ = await house.post("/v1/admin/publish_calendar", body, TRADER, "mine")
    assert status == 403
    assert (await house.get("/v1/calendars?year=next"))[0] == 400
