"""`/v1/loans` and `/v1/margin_calls` as they are read, now or as of any record."""

import msgspec
from aiohttp import web

from exchange.domain.enums import Role
from exchange.domain.lending_views import Loans
from exchange.projections.loan_views import ALL_ACCOUNTS
from exchange.projections.views import Question, answer

from .answers import integer_query, json_answer, not_found, path_id
from .auth import Identity
from .border import HUB, identity_of
from .history import HISTORY, one_at_a_time

MAX_LOANS_INLINE = 200
"""More are shown by the process that answers about the past: commits must not wait for them."""

routes = web.RouteTableDef()


@routes.get("/v1/loans")
async def loans(request: web.Request) -> web.Response:
    """A borrower's own, a bank's own pool; operators and auditors see all."""
    identity = identity_of(request)
    seq = as_of_seq(request)
    body = await asked(request, Question(noun="loans", account_id=viewer_of(identity)), seq)
    return json_answer(msgspec.Raw(body), as_of_seq=seq)


@routes.get("/v1/loans/{loan_id:[0-9]+}")
async def loan(request: web.Request) -> web.Response:
    """One loan; 404 for those of others."""
    identity = identity_of(request)
    loan_id = known_loan_id(request, identity)
    question = Question(noun="loans", account_id=viewer_of(identity), loan_id=loan_id)
    seq = as_of_seq(request)
    body = await asked(request, question, seq)
    found = msgspec.json.decode(body, type=Loans).loans
    if not found:
        raise not_found("loan", f"{loan_id} as of seq {seq}")
    return json_answer(found[0], as_of_seq=seq)


@routes.get("/v1/margin_calls")
async def margin_calls(request: web.Request) -> web.Response:
    """Calls of the loans that the account may see: those that are open, with `?all` all."""
    viewer, seq = viewer_of(identity_of(request)), as_of_seq(request)
    wants_all = "all" in request.query
    projections = request.app[HUB].projections
    question = Question(noun="margin_calls", account_id=viewer, wants_all=wants_all)
    is_short = not wants_all and len(projections.loans.called_ids(viewer)) <= MAX_LOANS_INLINE
    if is_short and seq == projections.at_seq:
        body = answer(question, projections)
    else:
        body = await asked(request, question, seq)
    return json_answer(msgspec.Raw(body), as_of_seq=seq)


def viewer_of(identity: Identity) -> int:
    """The account whose loans are meant, or all."""
    sees_all = identity.has_role(Role.OPERATOR, Role.AUDITOR)
    return ALL_ACCOUNTS if sees_all else identity.account_id


def known_loan_id(request: web.Request, identity: Identity) -> int:
    """The loan in the path; 404 where there is none, or none that concerns the account."""
    loan_id = path_id(request, "loan_id", "loan")
    found = request.app[HUB].projections.loans.loans.get(loan_id)
    viewer = viewer_of(identity)
    if found is None or (viewer != ALL_ACCOUNTS and not found.is_for(viewer)):
        raise not_found("loan", loan_id)
    return loan_id


def as_of_seq(request: web.Request) -> int:
    """The record asked about, the latest by default."""
    at_seq = request.app[HUB].projections.at_seq
    return integer_query(request, "as_of_seq", at_seq, 1, at_seq)


def has_many_loans(request: web.Request) -> bool:
    """Whether a view of them may be too much to make while commits wait."""
    return len(request.app[HUB].projections.loans.loans) > MAX_LOANS_INLINE


async def asked(request: web.Request, question: Question, seq: int) -> bytes:
    """The answer as of a record, as JSON."""
    projections = request.app[HUB].projections
    if seq == projections.at_seq and (question.loan_id or not has_many_loans(request)):
        return answer(question, projections)
    with one_at_a_time(request, identity_of(request).account_id):
        return await request.app[HISTORY].ask(seq, question)
