"""The asynchronous client: HTTP as inherited, and the websocket session for trading."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import cast

from exchange.domain.wire import (
    Ack,
    AmendOrder,
    AuthOk,
    CancelOrder,
    MassCancel,
    ModeWord,
    Ping,
    PlaceOrder,
    Pong,
    Request,
    SelfMatchPolicyWord,
    SideWord,
    TimeInForceWord,
)

from .backoff import Backoff
from .bank import BankClient
from .desk import DeskClient
from .errors import ExchangeError, Unauthorized
from .frames import Encoding
from .lending import LendingClient
from .liquidation import LiquidationClient
from .rest import new_id
from .session import Reply, Session
from .subscriptions import Callback, Subscription


class ExchangeClient(DeskClient, LendingClient, LiquidationClient, BankClient):
    """
    Everything an account does, over HTTP and one websocket session.

    Where `standby_urls` are given, both parts go to whichever of the exchanges answers.

    The session opens with the first call that needs it, or by `connect`. It connects again by
    itself, sends what is unanswered again under the same ids, and resumes its subscriptions; it
    ends with `ProtocolError` if the exchange knows less than it has already told us. A program that
    is to notice this across its own restarts keeps `witness` and gives it to its next client.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        encoding: Encoding = "json",
        cancel_on_disconnect: bool = False,
        backoff: Backoff | None = None,
        standby_urls: Sequence[str] = (),
        witness: str = "",
    ) -> None:
        super().__init__(url, token, backoff=backoff, standby_urls=standby_urls, witness=witness)
        self._encoding = encoding
        self._cancel_on_disconnect = cancel_on_disconnect
        self._session: Session | None = None
        self._opening = asyncio.Lock()

    @property
    def session(self) -> Session | None:
        """The websocket session, once open."""
        return self._session

    async def connect(self) -> AuthOk:
        """Opens the session; one that has failed is followed by a new one."""
        session = await self._connected()
        assert session.auth is not None
        return session.auth

    async def close(self) -> None:
        """Closes the session without a logout, then HTTP."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        await super().close()

    async def logout(self) -> None:
        """Ends the session and keeps its orders, whatever `cancel_on_disconnect` says."""
        if self._session is not None:
            await self._session.logout()
            self._session = None

    async def _connected(self) -> Session:
        async with self._opening:
            if self._session is None or self._session.failure is not None:
                if not self._token:
                    raise Unauthorized("the websocket needs a token")
                session = Session(
                    self._http,
                    [_websocket_of(url) for url in self._urls],
                    self._token,
                    encoding=self._encoding,
                    cancel_on_disconnect=self._cancel_on_disconnect,
                    backoff=self._backoff,
                    witness=self._witness,
                )
                try:
                    await session.open()
                except BaseException:
                    await session.close()
                    raise
                self._session = session
            return self._session

    # -- orders -----------------------------------------------------------------------------------

    async def place(
        self,
        instrument: str,
        side: SideWord,
        *,
        order_qty: int,
        limit_price: int,
        time_in_force: TimeInForceWord = "gtc",
        expire_day: int = 0,
        post_only: bool = False,
        all_or_none: bool = False,
        min_qty: int = 0,
        display_qty: int = 0,
        self_match_policy: SelfMatchPolicyWord = "cancel_incoming",
        mode: ModeWord = "title",
        client_order_id: str | None = None,
        valid_until_ns: int = 0,
    ) -> Ack:
        """
        A limit order; returns once it is durable, its fills follow as executions.

        `expire_day` is a delivery day number, and goes with `gtd` alone. With `mode="sublet"` it
        trades the use of the days, in the book `<instrument>.SUB`.
        """
        order = PlaceOrder(
            client_order_id=client_order_id or new_id(),
            instrument=instrument,
            side=side,
            order_qty=order_qty,
            limit_price=limit_price,
            time_in_force=time_in_force,
            post_only=post_only,
            valid_until_ns=valid_until_ns,
            expire_day=expire_day,
            all_or_none=all_or_none,
            min_qty=min_qty,
            display_qty=display_qty,
            self_match_policy=self_match_policy,
            mode=mode,
        )
        return cast(Ack, await self._ask(order))

    async def place_many(self, orders: Iterable[PlaceOrder]) -> list[Ack | ExchangeError]:
        """
        Places orders without waiting in between, up to 64 in a frame.

        The answers stand in the order of the orders; a refusal is an answer like another.
        """
        session = await self._connected()
        replies = [session.submit(order) for order in orders]
        answers = await asyncio.gather(*replies, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, ExchangeError):
                raise answer
        return cast(list[Ack | ExchangeError], answers)

    async def submit(self, request: Request) -> "asyncio.Future[Reply]":
        """Sends a request and returns at once; the future holds its reply."""
        return (await self._connected()).submit(request)

    async def amend(
        self,
        *,
        client_order_id: str = "",
        order_id: int = 0,
        order_qty: int | None = None,
        limit_price: int | None = None,
        command_id: str | None = None,
        valid_until_ns: int = 0,
    ) -> Ack:
        """Changes an open order, named by either id; `order_qty` counts what is filled too."""
        request = AmendOrder(
            command_id=command_id or new_id(),
            client_order_id=client_order_id,
            order_id=order_id,
            order_qty=order_qty,
            limit_price=limit_price,
            valid_until_ns=valid_until_ns,
        )
        return cast(Ack, await self._ask(request))

    async def cancel(
        self,
        *,
        client_order_id: str = "",
        order_id: int = 0,
        command_id: str | None = None,
        valid_until_ns: int = 0,
    ) -> Ack:
        """Takes an open order, named by either id, out of its book."""
        request = CancelOrder(
            command_id=command_id or new_id(),
            client_order_id=client_order_id,
            order_id=order_id,
            valid_until_ns=valid_until_ns,
        )
        return cast(Ack, await self._ask(request))

    async def mass_cancel(
        self,
        *,
        instrument: str = "",
        side: SideWord | None = None,
        command_id: str | None = None,
        valid_until_ns: int = 0,
    ) -> Ack:
        """Cancels all own orders, or those of an instrument or a side."""
        request = MassCancel(
            command_id=command_id or new_id(),
            instrument=instrument,
            side=side,
            valid_until_ns=valid_until_ns,
        )
        return cast(Ack, await self._ask(request))

    async def ping(self) -> Pong:
        """Market time and the log's position."""
        return cast(Pong, await self._ask(Ping()))

    async def _ask(self, request: Request) -> Reply:
        return await (await self._connected()).ask(request)

    # -- channels ---------------------------------------------------------------------------------

    async def follow(self, *channels: str, callback: Callback | None = None) -> Subscription:
        """Any channels of the wire in one subscription."""
        return await (await self._connected()).follow(channels, callback)

    async def follow_book(
        self, instrument: str, depth: int = 10, callback: Callback | None = None
    ) -> Subscription:
        """A snapshot, then the levels that change."""
        return await self.follow(f"book:{instrument}:{depth}", callback=callback)

    async def follow_trades(
        self, instrument: str, callback: Callback | None = None
    ) -> Subscription:
        """Public trades."""
        return await self.follow(f"trades:{instrument}", callback=callback)

    async def follow_orders(self, callback: Callback | None = None) -> Subscription:
        """Own orders: a snapshot, then executions without a hole."""
        return await self.follow("orders", callback=callback)

    async def follow_positions(self, callback: Callback | None = None) -> Subscription:
        """Own unit-days."""
        return await self.follow("positions", callback=callback)

    async def follow_balances(self, callback: Callback | None = None) -> Subscription:
        """Own cash."""
        return await self.follow("balances", callback=callback)

    async def follow_desk(self, callback: Callback | None = None) -> Subscription:
        """All of the desk that concerns the account, anew whenever something changed."""
        return await self.follow("desk", callback=callback)

    async def follow_desk_trades(self, callback: Callback | None = None) -> Subscription:
        """The desk's trades as they become public."""
        return await self.follow("desk_trades", callback=callback)

    async def follow_loans(self, callback: Callback | None = None) -> Subscription:
        """
        Loans that concern the account: all, then each as its marks, step, calls or lots move.

        Many come in pages with changes in between: `snapshot` marks the first, `after_loan_id` the
        others, and the last has no `left_count`. A loan is as it was told last.
        """
        return await self.follow("loans", callback=callback)

    async def follow_lots(self, callback: Callback | None = None) -> Subscription:
        """
        Lots on offer: all, then new ones, those whose price fell, and those that are `gone`.

        Many come in pages as loans do, behind `after_lot_id`.
        """
        return await self.follow("lots", callback=callback)

    async def follow_marks(self, callback: Callback | None = None) -> Subscription:
        """Official prices as they are published."""
        return await self.follow("marks", callback=callback)


def _websocket_of(url: str) -> str:
    return f"{url.rstrip('/').replace('http', 'ws', 1)}/v1/ws"
