"""
`/v1/melting`, `/v1/loans/{id}/melting` and `/v1/collateral/stress`: how long loans last, and what
is left of them if the market turns.

Valued in another process, and an account asks for one at a time: nobody can fill the queue for that
process. Melting takes some 25 ms a loan, so it answers for a page of loans; stress adds up the
whole pool, whichever loans are shown, since ten thousand take some ten seconds together.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from aiohttp import web

from exchange.domain.certificates import HTML, JSON
from exchange.projections.secured import SecuredLoans, melting_of, stress_of
from exchange.projections.views import Question

from .answers import integer_query
from .border import identity_of
from .documents import document_answer, form_of
from .history import one_at_a_time
from .lending_pages import melting_page, stress_page
from .loan_views import as_of_seq, asked, known_loan_id, viewer_of
from .worker import Worker

MAX_LOANS_COUNT = 100
DEFAULT_LOANS_COUNT = 50
MAX_STRESSED_COUNT = 1_000
"""Loans shown with their scenarios."""
MAX_POOL_COUNT = 10_000
"""Loans that stress adds up."""

WORKER: web.AppKey[Worker] = web.AppKey("valuation_worker", Worker)

routes = web.RouteTableDef()


async def valuation_worker(app: web.Application) -> AsyncIterator[None]:
    """Keeps the process that values; the first question starts it."""
    app[WORKER] = Worker()
    yield
    app[WORKER].close()


@routes.get("/v1/melting")
async def melting(request: web.Request) -> web.Response:
    """A page of a pool's loans, by id: `?limit=` behind `?after_loan_id=`; JSON or HTML."""
    return await _melting(request, 0)


@routes.get("/v1/loans/{loan_id:[0-9]+}/melting")
async def loan_melting(request: web.Request) -> web.Response:
    """One loan; 404 for those of others."""
    return await _melting(request, known_loan_id(request, identity_of(request)))


@routes.get("/v1/collateral/stress")
async def stress(request: web.Request) -> web.Response:
    """A pool under each scenario, and a page of its loans like melting's; JSON or HTML."""
    seq, form = as_of_seq(request), form_of(request, JSON, HTML)
    page = _page(request, MAX_STRESSED_COUNT)
    question = Question(
        noun="secured_loans", account_id=viewer_of(identity_of(request)), count=MAX_POOL_COUNT
    )
    secured = await asked(request, question, seq)
    return document_answer(
        request, await _valued(request, _stressed, secured, form, *page), form, seq
    )


async def _melting(request: web.Request, loan_id: int) -> web.Response:
    seq, form = as_of_seq(request), form_of(request, JSON, HTML)
    after_loan_id, count = _page(request, MAX_LOANS_COUNT)
    question = Question(
        noun="secured_loans",
        account_id=viewer_of(identity_of(request)),
        loan_id=loan_id,
        after_loan_id=after_loan_id,
        count=count,
    )
    secured = await asked(request, question, seq)
    return document_answer(request, await _valued(request, _melted, secured, form), form, seq)


def _page(request: web.Request, most_count: int) -> tuple[int, int]:
    """Behind which loan it begins, and how many it may hold."""
    after_loan_id = integer_query(request, "after_loan_id", 0)
    return after_loan_id, integer_query(request, "limit", DEFAULT_LOANS_COUNT, 1, most_count)


async def _valued(
    request: web.Request, write: Callable[..., bytes], secured: bytes, *arguments: Any
) -> bytes:
    """The document; refuses with `overload` while the account waits for another one."""
    with one_at_a_time(request, identity_of(request).account_id):
        return await request.app[WORKER].run(write, secured, *arguments)


def _melted(secured: bytes, form: str) -> bytes:
    found = melting_of(msgspec.json.decode(secured, type=SecuredLoans))
    return msgspec.json.encode(found) if form == JSON else melting_page(found).encode()


def _stressed(secured: bytes, form: str, after_loan_id: int, count: int) -> bytes:
    found = stress_of(msgspec.json.decode(secured, type=SecuredLoans), after_loan_id, count)
    return msgspec.json.encode(found) if form == JSON else stress_page(found).encode()
