"""
The exchange over HTTP: what is read by asking, and commands of the slower business.

Every command carries an `Idempotency-Key`, made here unless the caller gives one, so a request
whose answer was lost is sent again as it was, to the same exchange or to a standby that may have
taken over: it happens once wherever it is asked. Requests are repeated only where one of them has
answered before: where none was ever there, they fail once all were tried.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import aiohttp
import msgspec
from msgspec.structs import replace

from exchange.domain.account_wire import SubletRequest, SubletsView, WithdrawalView
from exchange.domain.collateral_views import CollateralMarkView, MarkExplanation
from exchange.domain.delivery_views import (
    BondView,
    CapacityView,
    DeliveryView,
    HolderView,
    SubstitutionView,
)
from exchange.domain.listing_views import (
    CalendarView,
    CascadeView,
    InstrumentView,
    ProductView,
    SettlementPrices,
    WindowView,
)
from exchange.domain.statement import Statement
from exchange.domain.wire import (
    AccountView,
    Balances,
    Book,
    Error,
    Health,
    LogHead,
    Marks,
    Orders,
    ParticipantView,
    PledgeRequest,
    PledgeView,
    Positions,
    Receipt,
    Trade,
)

from .backoff import Backoff
from .continuity import Witness
from .errors import ProtocolError, Unauthorized, Unavailable, error_from

Answer = TypeVar("Answer")
Params = Mapping[str, str | int]
REQUEST_TIMEOUT_S = 30.0
_NO_END = aiohttp.ClientTimeout(total=None, sock_read=REQUEST_TIMEOUT_S)
"""A log may take as long as it likes, as long as it keeps coming."""


class Document(msgspec.Struct, frozen=True):
    """An answer as it came: its bytes, and the headers that say what it is."""

    body: bytes
    headers: dict[str, str]


def new_id() -> str:
    """A fresh id for a command or an order."""
    return uuid4().hex


class HttpClient:
    """The HTTP part of the client; used as an async context manager."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        backoff: Backoff | None = None,
        standby_urls: Sequence[str] = (),
        witness: str = "",
    ) -> None:
        self._urls = [each.rstrip("/") for each in (url, *standby_urls)]
        """The one that answered last first."""
        self._token = token
        self._backoff = backoff or Backoff()
        self._witness = Witness(witness)
        self._open_http: aiohttp.ClientSession | None = None
        self._has_answered = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        if self._open_http is not None:
            await self._open_http.close()
            self._open_http = None

    @property
    def url(self) -> str:
        """Of the exchange that is asked next: the one that answered last, or a standby's."""
        return self._urls[0]

    @property
    def witness(self) -> str:
        """The exchange's last sealed word on its log; what it means is the exchange's business."""
        return self._witness.token

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._open_http is None:
            headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            self._open_http = aiohttp.ClientSession(
                headers=headers, timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
            )
        return self._open_http

    # -- reference data and the market ------------------------------------------------------------

    async def products(self) -> list[ProductView]:
        """Every product."""
        return await self._get("/products", list[ProductView])

    async def instruments(
        self, product: str | None = None, *, kind: str | None = None, status: str | None = None
    ) -> list[InstrumentView]:
        """Listed and expired instruments, of one product or all, of one kind or status or any."""
        params = _given(product=product, kind=kind, status=status)
        return await self._get("/instruments", list[InstrumentView], params)

    async def settlement_prices(self, product: str | None = None) -> SettlementPrices:
        """Settlement prices of open windows and the curves, of one product or all."""
        return await self._get("/settlement_prices", SettlementPrices, _given(product=product))

    async def cascade(self, instrument: str) -> CascadeView:
        """What a window became that traded for the last time."""
        return await self._get(f"/cascades/{instrument}", CascadeView)

    async def calendars(self, year: int | None = None) -> list[CalendarView]:
        """The trading calendars in force, of one year or all."""
        return await self._get("/calendars", list[CalendarView], _given(year=year))

    async def windows(self, product: str) -> list[WindowView]:
        """The windows of a product that are open for trading, with the top of their books."""
        return await self._get("/windows", list[WindowView], {"product": product})

    async def book(
        self, instrument: str, depth: int | None = None, *, as_of_seq: int | None = None
    ) -> Book:
        """The book now, or as the log stood at `as_of_seq`."""
        params = _given(depth=depth, as_of_seq=as_of_seq)
        return await self._get(f"/book/{instrument}", Book, params)

    async def trades(
        self, instrument: str, limit: int | None = None, *, as_of_seq: int | None = None
    ) -> list[Trade]:
        """The latest public trades, now or as the log stood at `as_of_seq`."""
        params = _given(limit=limit, as_of_seq=as_of_seq)
        return await self._get(f"/trades/{instrument}", list[Trade], params)

    async def marks(self, *, as_of_seq: int | None = None) -> Marks:
        """The official price of every node, as the log stood at `as_of_seq`."""
        return await self._get("/marks", Marks, _given(as_of_seq=as_of_seq))

    # -- the own account --------------------------------------------------------------------------

    async def me(self) -> AccountView:
        """Who the token speaks for."""
        return await self._get("/accounts/me", AccountView)

    async def orders(
        self, *, as_of_seq: int | None = None, account_id: int | None = None
    ) -> Orders:
        """Open orders and the latest that ended; operators and auditors may name the account."""
        path = _account_path(account_id, "orders")
        return await self._get(path, Orders, _given(as_of_seq=as_of_seq))

    async def positions(
        self, *, as_of_seq: int | None = None, account_id: int | None = None
    ) -> Positions:
        """Unit-days held, as step functions over delivery days; `account_id` as in `orders`."""
        path = _account_path(account_id, "positions")
        return await self._get(path, Positions, _given(as_of_seq=as_of_seq))

    async def balances(
        self, *, as_of_seq: int | None = None, account_id: int | None = None
    ) -> Balances:
        """Cash in fen, free and held; `account_id` as in `orders`, and 0 is the venue's."""
        path = _account_path(account_id, "balances")
        return await self._get(path, Balances, _given(as_of_seq=as_of_seq))

    async def statement(
        self,
        *,
        from_day: int | None = None,
        to_day: int | None = None,
        currency: str = "CNY",
        account_id: int | None = None,
    ) -> Statement:
        """
        Every movement of cash on the days `[from_day, to_day)` of market time; `account_id` as in
        `balances`.

        The exchange answers in parts, which are put together here.
        """
        path = _account_path(account_id, "statement")
        params = {"currency": currency, **_given(**{"from": from_day, "to": to_day})}
        made = await self._get(path, Statement, params)
        part = made
        while not part.is_complete:
            rest = {**params, "after_seq": part.through_seq}
            part = await self._get(path, Statement, rest)
            made = replace(
                part,
                opening_amount=made.opening_amount,
                lines=[*made.lines, *part.lines],
            )
        return made

    async def participants(self) -> list[ParticipantView]:
        """Every account that was admitted, for operators and auditors."""
        return await self._get("/participants", list[ParticipantView])

    # -- pledges -------------------------------------------------------------------

    async def pledges(self) -> list[PledgeView]:
        """Own pledges; for a bank, those made to it."""
        return await self._get("/pledges", list[PledgeView])

    async def request_pledge(
        self,
        *,
        product: str,
        start_day: int,
        end_day: int,
        pledged_qty: int,
        bank_account_id: int,
        command_id: str | None = None,
    ) -> Receipt:
        """Offers GPUs on every day of `[start_day, end_day)` to a bank; it has yet to accept."""
        body = PledgeRequest(
            product=product,
            start_day=start_day,
            end_day=end_day,
            pledged_qty=pledged_qty,
            bank_account_id=bank_account_id,
        )
        return await self._post("/pledges", body, command_id)

    async def accept_pledge(self, pledge_id: int, command_id: str | None = None) -> Receipt:
        """The bank takes the lien."""
        return await self._post(f"/pledges/{pledge_id}/accept", {}, command_id)

    async def decline_pledge(self, pledge_id: int, command_id: str | None = None) -> Receipt:
        """The bank declines, or the owner withdraws, what is not yet active."""
        return await self._post(f"/pledges/{pledge_id}/decline", {}, command_id)

    # -- sublets ----------------------------------------------------------------------------------

    async def sublets(self) -> SubletsView:
        """Own offers and sublets; for a bank, those that ask its consent or are on its liens."""
        return await self._get("/sublets", SubletsView)

    async def open_sublet(
        self,
        *,
        product: str,
        lessee_account_id: int,
        start_day: int,
        end_day: int,
        sublet_qty: int,
        rent_price: int,
        command_id: str | None = None,
    ) -> Receipt:
        """Offers the use of GPUs on the days `[start_day, end_day)`; `created_id` is the offer."""
        body = SubletRequest(
            product=product,
            lessee_account_id=lessee_account_id,
            start_day=start_day,
            end_day=end_day,
            sublet_qty=sublet_qty,
            rent_price=rent_price,
        )
        return await self._post("/sublets", body, command_id)

    async def accept_sublet(self, offer_id: int, command_id: str | None = None) -> Receipt:
        """The lessee takes the days and pays their rent into trust; `created_id` is the sublet."""
        return await self._post(f"/sublets/offers/{offer_id}/accept", {}, command_id)

    async def decline_sublet(self, offer_id: int, command_id: str | None = None) -> Receipt:
        """The lessee declines, or the lessor withdraws."""
        return await self._post(f"/sublets/offers/{offer_id}/decline", {}, command_id)

    async def consent_to_sublet(self, offer_id: int, command_id: str | None = None) -> Receipt:
        """A pledgee agrees to a rent below the least."""
        return await self._post(f"/sublets/offers/{offer_id}/consent", {}, command_id)

    async def end_sublet(self, sublet_id: int, command_id: str | None = None) -> Receipt:
        """One side's word that a sublet shall end; the other's, within 15 minutes, ends it."""
        return await self._post(f"/sublets/{sublet_id}/end", {}, command_id)

    # -- collateral and keys ----------------------------------------------------------------------

    async def collateral_marks(
        self, *, as_of_seq: int | None = None, instrument: str | None = None
    ) -> list[CollateralMarkView]:
        """Collateral marks with every line of the haircut, as the log stood at `as_of_seq`."""
        params = _given(as_of_seq=as_of_seq, instrument=instrument)
        return await self._get("/collateral/marks", list[CollateralMarkView], params)

    async def explain_mark(
        self, pledge_id: int, *, as_of_seq: int | None = None
    ) -> MarkExplanation:
        """A pledge's mark taken apart: each figure's formula, inputs and records."""
        path = f"/collateral/marks/{pledge_id}/explain"
        return await self._get(path, MarkExplanation, _given(as_of_seq=as_of_seq))

    async def register_key(
        self,
        *,
        account_id: int,
        token_sha256: bytes,
        scopes: Sequence[str],
        command_id: str | None = None,
    ) -> Receipt:
        """A key from its secret's hash: for others by an operator, else one's own."""
        body = {"account_id": account_id, "token_sha256": token_sha256, "scopes": scopes}
        return await self._post("/keys", body, command_id)

    async def revoke_key(self, key_id: int, command_id: str | None = None) -> Receipt:
        """Ends a key and cancels its orders."""
        return await self._post(f"/keys/{key_id}/revoke", {}, command_id)

    # -- capacity, delivery, bonds ----------------------------------------------------------------

    async def capacity(self) -> list[CapacityView]:
        """A supplier's own submissions; all for operators and auditors."""
        return await self._get("/capacity", list[CapacityView])

    async def deliveries(self, product: str | None = None) -> list[DeliveryView]:
        """Delivery days of the last ninety, of one product or of all."""
        return await self._get("/deliveries", list[DeliveryView], _given(product=product))

    async def holders(self, product: str, day: int | None = None) -> list[HolderView]:
        """Who has title of a day, of today without one; for the product's supplier."""
        return await self._get(f"/products/{product}/holders", list[HolderView], _given(day=day))

    async def bonds(self) -> list[BondView]:
        """Suppliers' bonds and standing."""
        return await self._get("/bonds", list[BondView])

    async def substitutions(self) -> list[SubstitutionView]:
        """Other days on offer to the account for some of its own, or by it."""
        return await self._get("/substitutions", list[SubstitutionView])

    async def withdrawals(self) -> list[WithdrawalView]:
        """Cash that the account has asked for and that is not paid; all for operators."""
        return await self._get("/withdrawals", list[WithdrawalView])

    async def supply(
        self, noun: str, command_tag: str, *, command_id: str | None = None, **fields: object
    ) -> Receipt:
        """
        A command about `capacity`, `deliveries`, `bonds`, `withdrawals` or `substitutions`.

        Suppliers submit, read and report, auditors verify, attest and rule, holders dispute.
        """
        return await self._post(f"/{noun}/{command_tag}", fields, command_id)

    # -- the operator's side ----------------------------------------------------------------------

    async def admin(
        self, command_tag: str, *, command_id: str | None = None, **fields: object
    ) -> Receipt:
        """One of the operator's commands by its tag in the log; bytes travel as base64."""
        return await self._post(f"/admin/{command_tag}", fields, command_id)

    async def log_records(
        self, from_seq: int = 1, limit: int | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Records of the log from `from_seq` on, as the exchange prints them."""
        params = {"from_seq": from_seq, **_given(limit=limit)}
        try:
            async with self._http.get(
                f"{self.url}/v1/log", params=params, timeout=_NO_END
            ) as response:
                if response.status != 200:
                    raise await _refusal(response)
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield _decoded(line, dict[str, Any])
                if rest:
                    yield _decoded(rest, dict[str, Any])
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"{self._turn()} stopped sending its log: {error}") from error

    async def log_head(self) -> LogHead:
        """The log's last durable record."""
        return await self._get("/log/head", LogHead)

    async def health(self) -> Health:
        """Whether the exchange serves; an unready one is an answer here, not an error."""
        health: Health = await self._call(
            "GET", "/health/ready", Health, root="", accepted=(200, 503)
        )
        return health

    async def is_live(self) -> bool:
        """Whether the process answers at all."""
        try:
            await self._call("GET", "/health/live", Any, root="", accepted=(200,))
        except Unavailable:
            return False
        return True

    # -- requests ---------------------------------------------------------------------------------

    async def _get(
        self,
        path: str,
        kind: type[Answer],
        params: Params | None = None,
        accepted: tuple[int, ...] = (200,),
    ) -> Answer:
        answer: Answer = await self._call("GET", path, kind, params=params, accepted=accepted)
        return answer

    async def _post(self, path: str, body: object, command_id: str | None) -> Receipt:
        headers = {
            "Idempotency-Key": command_id or new_id(),
            "Content-Type": "application/json",
        }
        if self._witness.token:
            headers["Log-Witness"] = self._witness.token
        encoded = msgspec.json.encode(body)
        accepted = (200, 201)
        receipt: Receipt = await self._call(
            "POST", path, Receipt, headers=headers, data=encoded, accepted=accepted
        )
        self._witness.take(receipt.witness)
        return receipt

    async def _call(
        self,
        method: str,
        path: str,
        kind: Any,
        *,
        root: str = "/v1",
        accepted: tuple[int, ...],
        **options: Any,
    ) -> Any:
        """One request, repeated where it may have an answer, once one of the servers had any."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._backoff.give_up_s
        attempt = 0
        while True:
            try:
                return await self._call_once(method, root + path, kind, accepted, options)
            except Unavailable as error:
                attempt += 1
                wait_s = self._backoff.wait_s(attempt)
                is_hopeless = not self._has_answered and attempt >= len(self._urls)
                if is_hopeless or error.is_final or loop.time() + wait_s > give_up_at:
                    raise
                self._turn()
            await asyncio.sleep(wait_s)

    def _turn(self) -> str:
        """Puts the next exchange first; returns the one that was."""
        left = self._urls.pop(0)
        self._urls.append(left)
        return left

    async def _call_once(
        self, method: str, path: str, kind: Any, accepted: tuple[int, ...], options: dict[str, Any]
    ) -> Any:
        try:
            async with self._http.request(method, f"{self.url}{path}", **options) as response:
                if response.status not in accepted:
                    raise await _refusal(response)
                body = await response.read()
                headers = dict(response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or "time-out"
            raise Unavailable(f"{self.url} cannot be reached: {reason}") from error
        self._has_answered = True
        return Document(body, headers) if kind is Document else _decoded(body, kind)


def _account_path(account_id: int | None, part: str) -> str:
    return f"/accounts/{'me' if account_id is None else account_id}/{part}"


def _given(**params: str | int | None) -> dict[str, str | int]:
    """The parameters that have a value."""
    return {name: value for name, value in params.items() if value is not None}


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"unreadable answer of {len(body)} bytes: {error}") from error


async def _refusal(response: aiohttp.ClientResponse) -> Exception:
    """The exception for an answer that is not a success."""
    body = await response.read()
    try:
        return error_from(msgspec.json.decode(body, type=Error))
    except msgspec.MsgspecError:
        words = f"status {response.status} from {response.url.path}"
    if response.status in (401, 403):
        return Unauthorized(words)
    if response.status >= 500:
        return Unavailable(words)
    return ProtocolError(words)
