"""
Answers in more than one form: JSON, CSV or a page, with an ETag and, where it has one, a signature.

A page needs nothing but itself: no script, no font, no picture from anywhere. Its one style sheet
is allowed by its hash.
"""

import base64
import hashlib

import msgspec
from aiohttp import web

from exchange.domain.certificates import CSV, HTML, JSON, DocumentSignature
from exchange.domain.reasons import Reason

from .answers import is_held, problem
from .page import STYLE

_WORDS = {"json": JSON, "csv": CSV, "html": HTML}
SIGNATURE_HEADER = "Document-Signature"
"""A `DocumentSignature` as JSON; in a header, so that every form of the document can have one."""
_STYLE_SHA256 = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_SHA256}'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)


def form_of(request: web.Request, *served: str) -> str:
    """The media type that is wanted: by `?format=`, else by `Accept`, else JSON."""
    words = [word for word, media_type in _WORDS.items() if media_type in served]
    word = request.query.get("format", "")
    if word:
        if word not in words:
            known = " or ".join(words)
            raise problem(Reason.SCHEMA, f"format {word[:16]!r} is not {known}", "format")
        return _WORDS[word]
    accepted = request.headers.get("Accept", "")
    return next((kind for kind in served if kind != JSON and kind in accepted), JSON)


def document_answer(
    request: web.Request,
    body: bytes,
    media_type: str,
    seq: int,
    signature: DocumentSignature | None = None,
) -> web.Response:
    """The document, or 304 where the client has it."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if is_held(request, etag):
        response = web.Response(status=304)
    else:
        charset = None if media_type == JSON else "utf-8"
        response = web.Response(body=body, content_type=media_type, charset=charset)
    response.headers["ETag"] = etag
    response.headers["As-Of-Seq"] = str(seq)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept, Authorization"
    if media_type == HTML:
        response.headers["Content-Security-Policy"] = PAGE_POLICY
    if signature is not None:
        response.headers[SIGNATURE_HEADER] = msgspec.json.encode(signature).decode("ascii")
    return response
