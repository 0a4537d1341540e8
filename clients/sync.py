"""The client for programs without an event loop: the asynchronous one on a thread of its own."""

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from exchange.domain.wire import Receipt

from .backoff import Backoff
from .exchange_client import ExchangeClient
from .frames import Encoding
from .subscriptions import Subscription, Update

P = ParamSpec("P")
Result = TypeVar("Result")


def _waiting(
    method: Callable[Concatenate[ExchangeClient, P], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate["SyncExchangeClient", P], Result]:
    """The same call, returning when it is done."""

    @functools.wraps(method)
    def call(client: "SyncExchangeClient", /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return client.run(method(client.exchange, *args, **kwargs))

    return call


class SyncExchangeClient:
    """
    `ExchangeClient` with blocking calls; used as a context manager.

    Safe to call from several threads; callbacks run on the client's own thread.
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
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="exchange-client", daemon=True
        )
        self._thread.start()
        self.exchange = ExchangeClient(
            url,
            token,
            encoding=encoding,
            cancel_on_disconnect=cancel_on_disconnect,
            backoff=backoff,
            standby_urls=standby_urls,
            witness=witness,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs any call of `exchange` on the client's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Closes the connections and ends the thread."""
        if not self._loop.is_closed():
            self.run(self.exchange.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def updates(self, subscription: Subscription) -> Iterator[Update]:
        """A subscription's updates, each waited for."""
        while True:
            try:
                yield self.run(subscription.next())
            except StopAsyncIteration:
                return

    def log_records(self, from_seq: int = 1, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Records of the log from `from_seq` on."""
        records = self.exchange.log_records(from_seq, limit)
        try:
            while True:
                record = self.run(_next_of(records))
                if record is None:
                    return
                yield record
        finally:
            self.run(_closed(records))

    def admin(
        self, command_tag: str, *, command_id: str | None = None, **fields: object
    ) -> Receipt:
        """One of the operator's commands by its tag in the log."""
        return self.run(self.exchange.admin(command_tag, command_id=command_id, **fields))

    def supply(
        self, noun: str, command_tag: str, *, command_id: str | None = None, **fields: object
    ) -> Receipt:
        """A command about `capacity`, `deliveries` or `bonds`, by its tag in the log."""
        return self.run(self.exchange.supply(noun, command_tag, command_id=command_id, **fields))

    connect = _waiting(ExchangeClient.connect)
    logout = _waiting(ExchangeClient.logout)
    place = _waiting(ExchangeClient.place)
    place_many = _waiting(ExchangeClient.place_many)
    amend = _waiting(ExchangeClient.amend)
    cancel = _waiting(ExchangeClient.cancel)
    mass_cancel = _waiting(ExchangeClient.mass_cancel)
    ping = _waiting(ExchangeClient.ping)
    follow = _waiting(ExchangeClient.follow)
    follow_book = _waiting(ExchangeClient.follow_book)
    follow_trades = _waiting(ExchangeClient.follow_trades)
    follow_orders = _waiting(ExchangeClient.follow_orders)
    follow_positions = _waiting(ExchangeClient.follow_positions)
    follow_balances = _waiting(ExchangeClient.follow_balances)
    follow_marks = _waiting(ExchangeClient.follow_marks)
    products = _waiting(ExchangeClient.products)
    instruments = _waiting(ExchangeClient.instruments)
    settlement_prices = _waiting(ExchangeClient.settlement_prices)
    cascade = _waiting(ExchangeClient.cascade)
    calendars = _waiting(ExchangeClient.calendars)
    windows = _waiting(ExchangeClient.windows)
    book = _waiting(ExchangeClient.book)
    trades = _waiting(ExchangeClient.trades)
    marks = _waiting(ExchangeClient.marks)
    me = _waiting(ExchangeClient.me)
    orders = _waiting(ExchangeClient.orders)
    positions = _waiting(ExchangeClient.positions)
    balances = _waiting(ExchangeClient.balances)
    participants = _waiting(ExchangeClient.participants)
    pledges = _waiting(ExchangeClient.pledges)
    request_pledge = _waiting(ExchangeClient.request_pledge)
    accept_pledge = _waiting(ExchangeClient.accept_pledge)
    decline_pledge = _waiting(ExchangeClient.decline_pledge)
    release_pledge = _waiting(ExchangeClient.release_pledge)
    apply_for_loan = _waiting(ExchangeClient.apply_for_loan)
    offer_loan = _waiting(ExchangeClient.offer_loan)
    decline_loan = _waiting(ExchangeClient.decline_loan)
    draw_loan = _waiting(ExchangeClient.draw_loan)
    repay_loan = _waiting(ExchangeClient.repay_loan)
    add_collateral = _waiting(ExchangeClient.add_collateral)
    substitute_collateral = _waiting(ExchangeClient.substitute_collateral)
    enforce_loan = _waiting(ExchangeClient.enforce_loan)
    lots = _waiting(ExchangeClient.lots)
    offer_lot = _waiting(ExchangeClient.offer_lot)
    withdraw_lot = _waiting(ExchangeClient.withdraw_lot)
    buy_lot = _waiting(ExchangeClient.buy_lot)
    statement = _waiting(ExchangeClient.statement)
    sublets = _waiting(ExchangeClient.sublets)
    open_sublet = _waiting(ExchangeClient.open_sublet)
    accept_sublet = _waiting(ExchangeClient.accept_sublet)
    decline_sublet = _waiting(ExchangeClient.decline_sublet)
    consent_to_sublet = _waiting(ExchangeClient.consent_to_sublet)
    end_sublet = _waiting(ExchangeClient.end_sublet)
    capacity = _waiting(ExchangeClient.capacity)
    deliveries = _waiting(ExchangeClient.deliveries)
    holders = _waiting(ExchangeClient.holders)
    bonds = _waiting(ExchangeClient.bonds)
    withdrawals = _waiting(ExchangeClient.withdrawals)
    substitutions = _waiting(ExchangeClient.substitutions)
    desk = _waiting(ExchangeClient.desk)
    quote_requests = _waiting(ExchangeClient.quote_requests)
    quotes = _waiting(ExchangeClient.quotes)
    blocks = _waiting(ExchangeClient.blocks)
    corrections = _waiting(ExchangeClient.corrections)
    desk_trades = _waiting(ExchangeClient.desk_trades)
    request_quote = _waiting(ExchangeClient.request_quote)
    submit_quote = _waiting(ExchangeClient.submit_quote)
    accept_quote = _waiting(ExchangeClient.accept_quote)
    withdraw_quote = _waiting(ExchangeClient.withdraw_quote)
    withdraw_quote_request = _waiting(ExchangeClient.withdraw_quote_request)
    propose_block = _waiting(ExchangeClient.propose_block)
    confirm_block = _waiting(ExchangeClient.confirm_block)
    decline_block = _waiting(ExchangeClient.decline_block)
    allocate_block = _waiting(ExchangeClient.allocate_block)
    request_bust = _waiting(ExchangeClient.request_bust)
    request_correction = _waiting(ExchangeClient.request_correction)
    follow_desk = _waiting(ExchangeClient.follow_desk)
    follow_desk_trades = _waiting(ExchangeClient.follow_desk_trades)
    register_key = _waiting(ExchangeClient.register_key)
    revoke_key = _waiting(ExchangeClient.revoke_key)
    collateral_marks = _waiting(ExchangeClient.collateral_marks)
    loans = _waiting(ExchangeClient.loans)
    loan = _waiting(ExchangeClient.loan)
    margin_calls = _waiting(ExchangeClient.margin_calls)
    borrowing_base = _waiting(ExchangeClient.borrowing_base)
    borrowing_base_document = _waiting(ExchangeClient.borrowing_base_document)
    melting = _waiting(ExchangeClient.melting)
    stress = _waiting(ExchangeClient.stress)
    follow_loans = _waiting(ExchangeClient.follow_loans)
    follow_lots = _waiting(ExchangeClient.follow_lots)
    explain_mark = _waiting(ExchangeClient.explain_mark)
    log_head = _waiting(ExchangeClient.log_head)
    health = _waiting(ExchangeClient.health)
    is_live = _waiting(ExchangeClient.is_live)


async def _next_of(records: Any) -> dict[str, Any] | None:
    record: dict[str, Any] | None = await anext(records, None)
    return record


async def _closed(records: Any) -> None:
    await records.aclose()
