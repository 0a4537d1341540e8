"""
HTTP answers: views as JSON, refusals as problem+json with the codes of the wire.

The server's middleware has what handlers raise turned into problems, so that no handler does.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.hdrs import IF_NONE_MATCH

from exchange.domain.reasons import Reason, Refused
from exchange.domain.wire import Error, error_of

from .auth import Unauthorized
from .codec import schema_error
from .refusals import error_of_refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_STATUSES = {
    Reason.TOO_BIG: 413,
    Reason.NOT_FOUND: 404,
    Reason.SCOPE: 403,
    Reason.RATE: 429,
    Reason.OPEN_ORDERS: 429,
    Reason.COMMAND_IDS: 429,
    Reason.SUBSCRIPTIONS: 429,
    Reason.DESK_ITEMS: 429,
    Reason.INTERNAL_ERROR: 500,
}
_STATUSES_OF_THOUSAND = {1: 400, 2: 401, 3: 503, 4: 409, 5: 409, 9: 503}


class Problem(Exception):
    """An answer other than success."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.error = error


EXPECTED: tuple[type[Exception], ...] = (
    *(Problem, Refused, msgspec.DecodeError, UnicodeDecodeError, RecursionError),
    *(web.HTTPRequestEntityTooLarge, web.HTTPNotFound, web.HTTPMethodNotAllowed),
)
"""What handlers raise and clients are told of."""


def problem(
    reason: Reason, message: str, field: str = "", value: int = 0, limit: int = 0
) -> Problem:
    """A problem that no rule has words for."""
    return Problem(error_of(reason, message, field=field, value=value, limit=limit))


def is_held(request: web.Request, etag: str) -> bool:
    """Whether the client says that it has the answer of this tag, or (`*`) any at all."""
    tags = ", ".join(request.headers.getall(IF_NONE_MATCH, []))
    # A proxy that compresses weakens the tag, which is then W/ and the same in quotes.
    return etag in tags or tags.strip() == "*"


def not_found(thing: str, name: object) -> Problem:
    """There is no such thing, or not for this account."""
    return problem(Reason.NOT_FOUND, f"there is no {thing} {name}")


def status_of(reason: Reason) -> int:
    """The HTTP status that goes with a reason."""
    return _STATUSES.get(reason, _STATUSES_OF_THOUSAND[reason // 1_000])


def json_answer(body: Any, status: int = 200, as_of_seq: int | None = None) -> web.Response:
    """A view, or a list of them, as JSON; `as_of_seq` goes into a header."""
    response = web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/json"
    )
    if as_of_seq is not None:
        response.headers["As-Of-Seq"] = str(as_of_seq)
    return response


def problem_answer(error: Error) -> web.Response:
    """An error as problem+json."""
    response = web.Response(
        status=status_of(Reason(error.code)),
        body=msgspec.json.encode(error),
        content_type="application/problem+json",
    )
    if response.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def answer_to(raised: Exception, request: web.Request) -> web.Response:
    """The answer that one of `EXPECTED` is."""
    match raised:
        case Problem():
            return problem_answer(raised.error)
        case Unauthorized():
            return problem_answer(error_of_refusal(raised, field="Authorization"))
        case Refused():
            return problem_answer(error_of_refusal(raised))
        case msgspec.ValidationError():
            return problem_answer(schema_error(raised))
        case web.HTTPRequestEntityTooLarge():
            return problem_answer(error_of(Reason.TOO_BIG, raised.text or "body is too large"))
        case web.HTTPException():
            message = f"{request.method} {request.path} is not served"
            answer = problem_answer(error_of(Reason.NOT_FOUND, message))
            answer.set_status(raised.status)
            return answer
    return problem_answer(error_of(Reason.BAD_FRAME, f"body cannot be read: {raised}"))


def integer_query(
    request: web.Request, name: str, default: int, low: int = 0, high: int = 2**53 - 1
) -> int:
    """A query parameter that is an integer within bounds."""
    word = request.query.get(name)
    if word is None:
        return default
    is_number = word.isascii() and word.isdigit() and len(word) <= 16
    if not is_number or not low <= int(word) <= high:
        raise problem(
            Reason.SCHEMA, f"{name} {word[:32]!r} is not an integer from {low} to {high}", name
        )
    return int(word)


def path_id(request: web.Request, name: str, thing: str) -> int:
    """An id in the path; what is no number is no such thing either."""
    word = request.match_info[name]
    if not (word.isascii() and word.isdigit() and len(word) <= 16):
        raise not_found(thing, repr(word[:32]))
    return int(word)
