"""
`/v1/melting`, `/v1/loans/{id}/melting` and `/v1/collateral/stress`: how long loans last, and what
is left of them if the market turns.

Valued in another process, some 100 ms a loan, so an answer holds a page of loans, and an account
asks for one at a time: nobody can fill the queue for that process.
"""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

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

ViewT = TypeVar("ViewT")
WORKER: web.AppKey[Worker] = web.AppKey("valuation_worker", Worker)

routes = web.RouteTableDef()


async def valuation_worker(app: web.Application) -> AsyncIterator[None]:
    """Keeps the process that values; the first question starts it."""
    app[WORKER] = Worker()
    yield
    app[WORKER].close()


@routes.get("/v1/melting")
async def melting(request: web.Request) -> web.Response:
    """The loans of a pool, by id: `?after_loan_id=`, `?limit=` of them; JSON or HTML."""
    return await _melting(request, 0)


@routes.get("/v1/loans/{loan_id:[0-9]+}/melting")
async def loan_melting(request: web.Request) -> web.Response:
    """One loan; 404 for those of others."""
    return await _melting(request, known_loan_id(request, identity_of(request)))


@routes.get("/v1/collateral/stress")
async def stress(request: web.Request) -> web.Response:
    """The loans of a pool under each scenario, in pages like melting; JSON or HTML."""
    seq, form = as_of_seq(request), form_of(request, JSON, HTML)
    found = await _valued(request, stress_of, await _secured(request, seq, 0))
    body = msgspec.json.encode(found) if form == JSON else stress_page(found).encode()
    return document_answer(request, body, form, seq)


async def _melting(request: web.Request, loan_id: int) -> web.Response:
    seq, form = as_of_seq(request), form_of(request, JSON, HTML)
    found = await _valued(request, melting_of, await _secured(request, seq, loan_id))
    body = msgspec.json.encode(found) if form == JSON else melting_page(found).encode()
    return document_answer(request, body, form, seq)


async def _valued(
    request: web.Request, model: Callable[[SecuredLoans], ViewT], secured: SecuredLoans
) -> ViewT:
    """What the model says; refuses with `overload` while the account waits for another word."""
    with one_at_a_time(request, identity_of(request).account_id):
        return await request.app[WORKER].run(model, secured)


async def _secured(request: web.Request, seq: int, loan_id: int) -> SecuredLoans:
    """What the model needs of the loans that the account may see."""
    question = Question(
        noun="secured_loans",
        account_id=viewer_of(identity_of(request)),
        loan_id=loan_id,
        after_loan_id=integer_query(request, "after_loan_id", 0),
        count=integer_query(request, "limit", DEFAULT_LOANS_COUNT, 1, MAX_LOANS_COUNT),
    )
    return msgspec.json.decode(await asked(request, question, seq), type=SecuredLoans)
