"""
`/v1/borrowing_base`: the availability certificate of a bank's pool, or of one borrower's loans.

As of a record it has the same bytes for ever, signature included; so a document that is asked for
again is taken from those made lately. A large one is written by the process that values, and signed
here: the key stays.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import msgspec
from aiohttp import web

from exchange.domain.certificates import (
    CSV,
    HTML,
    JSON,
    BorrowingBase,
    DocumentSignature,
    canonical_json,
    csv_of,
    unsigned,
)
from exchange.domain.enums import Role
from exchange.domain.reasons import Reason
from exchange.projections.views import Question

from .answers import integer_query, problem
from .auth import Identity
from .border import identity_of
from .documents import document_answer, form_of
from .lending_pages import certificate_page
from .loan_views import as_of_seq, asked, has_many_loans
from .melting import WORKER

KEPT_COUNT = 16


class Signer(Protocol):
    """The venue's key."""

    def sign_document(self, unsigned: DocumentSignature) -> DocumentSignature:
        """The same with the venue's signature."""


class Document(msgspec.Struct, frozen=True):
    """A certificate in one form."""

    body: bytes
    signature: DocumentSignature


class _Place(msgspec.Struct, frozen=True):
    """Of a certificate."""

    venue_id: str
    as_of_seq: int


Run = Callable[..., Awaitable[bytes]]
"""Here, or in another process."""
SIGNER: web.AppKey[Signer | None] = web.AppKey("signer")
Documents = dict[tuple[int, int, int, str], Document]
DOCUMENTS: web.AppKey[Documents] = web.AppKey("documents", dict)
"""By (as_of_seq, bank, borrower, media type)."""

routes = web.RouteTableDef()


async def kept_documents(app: web.Application) -> AsyncIterator[None]:
    """Keeps the documents made lately."""
    app[DOCUMENTS] = {}
    yield


@routes.get("/v1/borrowing_base")
async def borrowing_base(request: web.Request) -> web.Response:
    """
    A bank's pool, with `?borrower=` one borrower's part of it; to a borrower the own loans, with
    `?bank=` those by one bank; operators and auditors may ask for any. Now or `?as_of_seq=`; JSON,
    CSV or HTML by `?format=` or `Accept`.
    """
    identity = identity_of(request)
    bank_id, borrower_id = _sides(request, identity)
    media_type = form_of(request, JSON, CSV, HTML)
    key = (as_of_seq(request), bank_id, borrower_id, media_type)
    documents = request.app[DOCUMENTS]
    found = documents.get(key)
    if found is None:
        question = Question(
            noun="borrowing_base", bank_account_id=bank_id, borrower_account_id=borrower_id
        )
        body = await asked(request, question, key[0])
        run = request.app[WORKER].run if has_many_loans(request) else _at_once
        found = documents[key] = await _document(body, media_type, request.app[SIGNER], run)
        if len(documents) > KEPT_COUNT:
            del documents[next(iter(documents))]
    return document_answer(request, found.body, media_type, key[0], found.signature)


def _sides(request: web.Request, identity: Identity) -> tuple[int, int]:
    """Whose loans to whom, 0 for all; refuses those of others."""
    bank_id, borrower_id = integer_query(request, "bank", 0), integer_query(request, "borrower", 0)
    own_id = identity.account_id
    if identity.has_role(Role.OPERATOR, Role.AUDITOR):
        return bank_id, borrower_id
    if identity.has_role(Role.BANK) and borrower_id != own_id:
        if bank_id not in (0, own_id):
            raise problem(Reason.SCOPE, f"bank {bank_id}'s pool is its own business", "bank")
        return own_id, borrower_id
    if borrower_id not in (0, own_id):
        words = f"borrower {borrower_id}'s loans are shown to itself and to its banks"
        raise problem(Reason.SCOPE, words, "borrower")
    return bank_id, own_id


async def _document(body: bytes, media_type: str, signer: Signer | None, run: Run) -> Document:
    """The certificate in a form, signed where the venue has a key."""

    def signed(document: bytes, kind: str) -> DocumentSignature:
        venue = msgspec.json.decode(body, type=_Place)
        plain = unsigned(document, kind, venue.as_of_seq, venue.venue_id)
        return plain if signer is None else signer.sign_document(plain)

    if media_type == CSV:
        table: bytes = await run(_as_csv, body)
        return Document(table, signed(table, CSV))
    canonical: bytes = await run(_as_json, body)
    of_json = signed(canonical, JSON)
    if media_type == HTML:
        page: bytes = await run(_as_page, body, of_json)
        return Document(page, signed(page, HTML))
    envelope = {"certificate": msgspec.Raw(canonical), "signed": of_json}
    return Document(msgspec.json.encode(envelope), of_json)


async def _at_once(write: Callable[..., bytes], *arguments: Any) -> bytes:
    return write(*arguments)


def _as_csv(body: bytes) -> bytes:
    return csv_of(msgspec.json.decode(body, type=BorrowingBase)).encode()


def _as_json(body: bytes) -> bytes:
    return canonical_json(msgspec.json.decode(body, type=BorrowingBase))


def _as_page(body: bytes, of_json: DocumentSignature) -> bytes:
    return certificate_page(msgspec.json.decode(body, type=BorrowingBase), of_json).encode()
