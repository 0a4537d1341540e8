"""
Who may come in over HTTP: the name they call us by, the page they come from, the key they bring.

There are no cookies and no cross-origin headers, so a page elsewhere can neither read nor act; the
allow-list of Host stops a foreign name that was pointed at this machine.
"""

from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.hdrs import AUTHORIZATION, ORIGIN

from exchange.domain.enums import Role, Scope
from exchange.domain.reasons import Reason, Refused
from exchange.projections.balances import VENUE_ACCOUNT_ID

from .answers import not_found, path_id, problem
from .auth import Identity, Unauthorized, authenticate
from .hub import Hub
from .limits import AccountLimits

HUB: web.AppKey[Hub] = web.AppKey("hub", Hub)
ACCOUNT_ID: web.RequestKey[int] = web.RequestKey("account_id", int)
"""Who asks, once it may act."""
MAX_COMMAND_ID_CHARS = 36
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
}


def require_known_names(request: web.Request, allowed: frozenset[str]) -> None:
    """Serves the names on the allow-list, to pages from there."""
    for header, name in (("Host", request.host), ("Origin", request.headers.get(ORIGIN, ""))):
        if name and _host_of(name) not in allowed:
            raise problem(Reason.SCOPE, f"{header} {name[:128]!r} is not served here", header)


async def secure(_request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers that keep a browser careful."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)


def identity_of(request: web.Request, *roles: Role) -> Identity:
    """
    Who asks, by its bearer token; with `roles`, only who acts in one of them.

    Raises `Unauthorized` where there is no valid token and `Problem` where the role is missing.
    """
    kind, _, token = request.headers.get(AUTHORIZATION, "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthorized(Reason.AUTH_REQUIRED)
    hub = request.app[HUB]
    identity = authenticate(token.strip(), hub.projections.participants, hub.sequencer.market_ns)
    if not identity.participant.is_confirmed:
        raise problem(Reason.SCOPE, f"account {identity.account_id} waits for its confirmation")
    if roles and not identity.has_role(*roles):
        wanted = " or ".join(role.value for role in roles)
        raise problem(Reason.SCOPE, f"account {identity.account_id} is no {wanted}")
    return identity


def asked_account_of(request: web.Request) -> tuple[Identity, int]:
    """
    Who asks, and the account that the path names: `me`, or one by its number.

    Operators and auditors name any, and the venue's own that takes the fees; everybody else only
    their own, and is not told which others there are.
    """
    identity = identity_of(request)
    word = request.match_info["account_id"]
    account_id = identity.account_id if word == "me" else path_id(request, "account_id", "account")
    if account_id == identity.account_id:
        return identity, account_id
    if not identity.has_role(Role.OPERATOR, Role.AUDITOR):
        words = f"account {identity.account_id} is no operator or auditor"
        raise problem(Reason.SCOPE, f"{words}, and reads its own account only")
    accounts = request.app[HUB].projections.participants.accounts
    if account_id != VENUE_ACCOUNT_ID and account_id not in accounts:
        raise not_found("account", account_id)
    return identity, account_id


def acting_identity_of(request: web.Request, *roles: Role) -> Identity:
    """As `identity_of`, for requests that change something: key and rate must allow that."""
    identity = identity_of(request, *roles)
    hub, account_id = request.app[HUB], identity.account_id
    if Scope.TRADE not in identity.scopes:
        hub.count_refusal(account_id, Reason.SCOPE)
        raise problem(Reason.SCOPE, f"key {identity.key_id} may only read")
    if not hub.limits_of(account_id).orders.take(1):
        hub.count_refusal(account_id, Reason.RATE)
        raise Refused(Reason.RATE, 0, hub.settings.orders_per_second_count)
    # Asked again when the command is there: many may come this far at once.
    limits_with_room(hub, account_id)
    request[ACCOUNT_ID] = account_id
    return identity


def limits_with_room(hub: Hub, account_id: int) -> AccountLimits:
    """The account's limits; refuses where no more of its requests may come back refused."""
    limits = hub.limits_of(account_id)
    if not limits.may_be_refused():
        hub.count_refusal(account_id, Reason.RATE)
        raise Refused(Reason.RATE, 0, hub.settings.refusals_per_second_count)
    return limits


def command_id_of(request: web.Request) -> str:
    """The Idempotency-Key, without which nothing is done."""
    command_id = request.headers.get("Idempotency-Key", "")
    is_plain = command_id.isascii() and command_id.isprintable()
    if not is_plain or not 1 <= len(command_id) <= MAX_COMMAND_ID_CHARS:
        raise problem(
            Reason.SCHEMA,
            f"Idempotency-Key has {len(command_id)} characters and needs 1 to "
            f"{MAX_COMMAND_ID_CHARS}, printable ASCII",
            "Idempotency-Key",
            len(command_id),
            MAX_COMMAND_ID_CHARS,
        )
    return command_id


@lru_cache(maxsize=256)
def _host_of(name: str) -> str:
    """
    The host of a Host or Origin header, without port and brackets; empty where it is bad.

    Remembered, for taking a name apart costs more than finding out who asks.
    """
    try:
        return urlsplit(name if "://" in name else f"//{name}").hostname or ""
    except ValueError:
        return ""
