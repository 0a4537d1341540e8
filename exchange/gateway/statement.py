"""`/v1/accounts/{me or an id}/statement`: every movement of its cash, as JSON or as CSV."""

from aiohttp import web

from exchange.domain.enums import Currency
from exchange.domain.reasons import Reason
from exchange.domain.statement import StatementAsked, csv_of
from exchange.domain.units import MAX_DAY
from exchange.domain.windows import day_at

from .answers import integer_query, json_answer, problem
from .border import HUB, asked_account_of
from .history import HISTORY, one_at_a_time

routes = web.RouteTableDef()


@routes.get("/v1/accounts/{account_id}/statement")
async def statement(request: web.Request) -> web.StreamResponse:
    """
    The days `?from=` to `?to=` of market time, half-open; all there are where none is named.

    `?currency=` names another wallet than CNY. An answer that is not complete goes on with
    `?after_seq=` its `through_seq`. CSV by `?format=csv` or by `Accept: text/csv`.
    """
    identity, account_id = asked_account_of(request)
    hub = request.app[HUB]
    at_seq = hub.projections.at_seq
    tomorrow = day_at(hub.sequencer.market_ns) + 1
    asked = StatementAsked(
        account_id=account_id,
        currency=_currency(request),
        from_day=integer_query(request, "from", hub.projections.venue.base_day, 0, MAX_DAY),
        to_day=integer_query(request, "to", tomorrow, 0, MAX_DAY),
        after_seq=integer_query(request, "after_seq", 0, 0, at_seq),
    )
    if asked.to_day < asked.from_day:
        words = f"from {asked.from_day} is after to {asked.to_day}"
        raise problem(Reason.SCHEMA, words, "to", asked.to_day, asked.from_day)
    wants_csv = _wants_csv(request)
    with one_at_a_time(request, identity.account_id):
        made = await request.app[HISTORY].statement(asked, at_seq)
    if not wants_csv:
        return json_answer(made, as_of_seq=at_seq)
    body = csv_of(made).encode()
    answer = web.Response(body=body, content_type="text/csv", charset="utf-8")
    answer.headers["As-Of-Seq"] = str(at_seq)
    return answer


def _currency(request: web.Request) -> Currency:
    word = request.query.get("currency", Currency.CNY.value)
    if word not in {currency.value for currency in Currency}:
        raise problem(Reason.SCHEMA, f"there are no wallets in {word[:16]!r}", "currency")
    return Currency(word)


def _wants_csv(request: web.Request) -> bool:
    word = request.query.get("format", "")
    if word not in ("", "json", "csv"):
        raise problem(Reason.SCHEMA, f"format {word[:16]!r} is neither json nor csv", "format")
    return word == "csv" or (not word and "text/csv" in request.headers.get("Accept", ""))
