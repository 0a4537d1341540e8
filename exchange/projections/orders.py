"""
Own orders, and what happened to them.

Every step of an order has the account's position in the log and the position before it, so that a
client sees a gap at once. The latest steps of each account are kept to be sent again; what is older
than that has to be taken from a snapshot. A step becomes an `Execution` only when somebody reads
it, because most are never read.
"""

from array import array
from collections import deque
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from exchange.domain.enums import CancelReason, OrderStatus, Side, TimeInForce
from exchange.domain.events import (
    Event,
    InstrumentListed,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    TradeExecuted,
)
from exchange.domain.record import Record
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.wire import (
    ExecType,
    Execution,
    OrderView,
    Position,
    SideWord,
    TimeInForceWord,
)

from .projection import Handler, Projection
from .shelf import Rows, Shelf

ENDED_COUNT = 200
"""Ended orders kept per account."""
STEPS_COUNT = 2_000
"""Steps kept per account."""
NO_POSITION: Position = (0, 0)

_SIDE_WORDS: dict[Side, SideWord] = {Side.BUY: "buy", Side.SELL: "sell"}
_TIME_IN_FORCE_WORDS: dict[TimeInForce, TimeInForceWord] = {
    TimeInForce.DAY: "day",
    TimeInForce.GTC: "gtc",
    TimeInForce.GTD: "gtd",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
}
_ID_BYTES = 8
_CANCEL_WORDS = {reason: reason.name.lower() for reason in CancelReason}


class Order(Struct, array_like=True, gc=False):
    """An order with its fills so far."""

    order_id: int
    account_id: int
    client_order_id: str
    instrument_id: int
    side: Side
    time_in_force: TimeInForce
    order_qty: int
    limit_price: int
    leaves_qty: int
    order_status: OrderStatus = OrderStatus.OPEN
    cum_qty: int = 0
    notional_amount: int = 0
    fee_amount: int = 0
    expire_day: int = 0
    display_qty: int = 0
    link_id: int = 0


class Step(Struct, frozen=True, array_like=True, gc=False):
    """Something that happened to an order, with the order as it then was."""

    position: Position
    previous: Position
    order_id: int
    client_order_id: str
    instrument_id: int
    side: Side
    exec_type: ExecType
    order_status: OrderStatus
    order_qty: int
    limit_price: int
    cum_qty: int
    leaves_qty: int
    trade: TradeExecuted | None
    is_maker: bool
    reason: str


class AccountRow(Struct):
    """One account in the checkpoint."""

    account_id: int
    position: Position
    open_ids: memoryview
    """Of its open orders, by age, 8 bytes each in this machine's order."""
    past: memoryview
    """`Past`, encoded: most accounts' is never asked for."""


class Past(Struct, array_like=True):
    """What ended, and the steps that can be sent again."""

    ended: list[Order]
    steps: list[Step]


class OrdersState(Struct):
    """The checkpoint."""

    windows: list[tuple[int, tuple[str, int]]]
    open: Rows
    accounts: list[AccountRow]
    step_fields: tuple[str, ...]
    """Of the steps in each `past`: what has other fields is not read."""


class AccountOrders(Struct):
    """
    One account's orders, and the steps that can be sent again.

    As long as there is a `row`, the collections hold what came after it only.
    """

    ended: deque[Order]
    steps: deque[Step]
    open_ids: set[int] = set()
    client_order_ids: dict[str, int] = {}
    """Open orders by client order id."""
    open_count: int = 0
    position: Position = NO_POSITION
    row: AccountRow | None = None


_PAST = msgspec.msgpack.Decoder(Past)


def _unheard(_account_id: int, _step: Step) -> None:
    """Nobody listens."""


class Orders(Projection[OrdersState]):
    """Orders of every account; `listener` hears each step as it is folded."""

    state_type = OrdersState

    def __init__(self) -> None:
        super().__init__()
        self.listener: Callable[[int, Step], None] = _unheard
        self._windows: dict[int, tuple[str, int]] = {}
        """(symbol, hours per GPU) by instrument."""
        self._accounts: dict[int, AccountOrders] = {}
        self._open = Shelf(Order)

    def handle(self) -> Mapping[type[Event], Handler]:
        """An order's life, and the names of what is traded."""
        return {
            InstrumentListed: self._list,
            OrderAccepted: self._accept,
            OrderAmended: self._amend,
            OrderCancelled: self._cancel,
            TradeExecuted: self._trade,
        }

    # -- queries

    def position(self, account_id: int) -> Position:
        """The account's latest execution; (0, 0) before the first."""
        account = self._accounts.get(account_id)
        return NO_POSITION if account is None else account.position

    def since(self, account_id: int, position: Position) -> list[Execution] | None:
        """What came after a position; None where it is too long ago, or not of this history."""
        account = self._accounts.get(account_id)
        last = NO_POSITION if account is None else account.position
        if position == last:
            return []
        if account is None or position > last:
            return None
        self._read(account)
        missed = [step for step in account.steps if step.position > position]
        is_known = bool(missed) and missed[0].previous == position
        return [self.execution(step) for step in missed] if is_known else None

    def execution(self, step: Step) -> Execution:
        """A step as the wire shows it."""
        symbol, hours = self._windows[step.instrument_id]
        trade = step.trade
        if trade is None:
            return Execution(
                position=step.position,
                previous=step.previous,
                order_id=step.order_id,
                client_order_id=step.client_order_id,
                instrument=symbol,
                side=_SIDE_WORDS[step.side],
                exec_type=step.exec_type,
                order_status=step.order_status.value,
                order_qty=step.order_qty,
                limit_price=step.limit_price,
                cum_qty=step.cum_qty,
                leaves_qty=step.leaves_qty,
                reason=step.reason,
            )
        return Execution(
            position=step.position,
            previous=step.previous,
            order_id=step.order_id,
            client_order_id=step.client_order_id,
            instrument=symbol,
            side=_SIDE_WORDS[step.side],
            exec_type=step.exec_type,
            order_status=step.order_status.value,
            order_qty=step.order_qty,
            limit_price=step.limit_price,
            cum_qty=step.cum_qty,
            leaves_qty=step.leaves_qty,
            last_price=trade.last_price,
            last_qty=trade.last_qty,
            notional_amount=trade.notional_amount,
            gpu_hours=trade.last_qty * hours,
            trade_id=trade.trade_id,
            liquidity="maker" if step.is_maker else "taker",
            fee_amount=trade.maker_fee_amount if step.is_maker else trade.taker_fee_amount,
        )

    def of(self, account_id: int) -> list[OrderView]:
        """Open orders by age, then the latest that ended, newest first."""
        account = self._accounts.get(account_id)
        if account is None:
            return []
        self._read(account)
        by_age = [self._open[order_id] for order_id in sorted(account.open_ids)]
        return [self._view(order) for order in (*by_age, *reversed(account.ended))]

    def open_order(self, account_id: int, order_id: int, client_order_id: str) -> Order | None:
        """The account's open order with this id or, where that is 0, this client order id."""
        account = self._accounts.get(account_id)
        if account is None:
            return None
        if order_id == 0:
            if client_order_id not in account.client_order_ids:
                self._read(account)
            order_id = account.client_order_ids.get(client_order_id, 0)
        order = self._open.get(order_id)
        return order if order is not None and order.account_id == account_id else None

    def open_count(self, account_id: int) -> int:
        """How many orders the account has open."""
        account = self._accounts.get(account_id)
        return 0 if account is None else account.open_count

    # -- checkpoint

    def state(self) -> OrdersState:
        """Both tables in the order of their ids."""
        return OrdersState(
            sorted(self._windows.items()),
            self._open.rows(),
            [self._row(account_id) for account_id in sorted(self._accounts)],
            Step.__struct_fields__,
        )

    def load(self, state: OrdersState) -> None:
        """Takes the tables; what an account had is read when it is asked for."""
        if state.step_fields != Step.__struct_fields__:
            raise msgspec.ValidationError(f"steps of {state.step_fields}, this build has others")
        self._windows = dict(state.windows)
        self._open = Shelf(Order, state.open)
        for row in state.accounts:
            account = self._account(row.account_id)
            account.position = row.position
            account.open_count = row.open_ids.nbytes // _ID_BYTES
            account.row = row

    def _row(self, account_id: int) -> AccountRow:
        account = self._accounts[account_id]
        if account.row is not None and account.row.position == account.position:
            return account.row
        self._read(account)
        past = msgspec.msgpack.encode(Past(list(account.ended), list(account.steps)))
        open_ids = array("q", sorted(account.open_ids)).tobytes()
        return AccountRow(account_id, account.position, memoryview(open_ids), memoryview(past))

    def _read(self, account: AccountOrders) -> None:
        """Joins what the checkpoint said of an account to what came after it."""
        row, account.row = account.row, None
        if row is None:
            return
        open_ids = array("q")
        open_ids.frombytes(row.open_ids)
        for order_id in reversed(open_ids):
            order = self._open.get(order_id)
            if order is not None:
                account.open_ids.add(order_id)
                account.client_order_ids.setdefault(order.client_order_id, order_id)
        past = _PAST.decode(row.past)
        account.ended = deque((*past.ended, *account.ended), maxlen=ENDED_COUNT)
        account.steps = deque((*past.steps, *account.steps), maxlen=STEPS_COUNT)

    # -- fold

    def _list(self, event: InstrumentListed, _record: Record, _index: int) -> None:
        hours = (event.end_day - event.start_day) * HOURS_PER_DAY
        self._windows[event.instrument_id] = (event.symbol, hours)

    def _accept(self, event: OrderAccepted, record: Record, index: int) -> None:
        order = Order(
            event.order_id,
            event.account_id,
            record.command.command_id,
            event.instrument_id,
            event.side,
            event.time_in_force,
            event.order_qty,
            event.limit_price,
            event.order_qty,
            expire_day=event.expire_day,
            display_qty=event.display_qty,
            link_id=event.link_id,
        )
        account = self._account(event.account_id)
        account.open_ids.add(event.order_id)
        account.open_count += 1
        account.client_order_ids[order.client_order_id] = event.order_id
        self._open.put(event.order_id, order)
        self._tell(order, "new", record, index)

    def _amend(self, event: OrderAmended, record: Record, index: int) -> None:
        order = self._open[event.order_id]
        order.order_qty = event.order_qty
        order.limit_price = event.limit_price
        order.leaves_qty = event.leaves_qty
        self._tell(order, "replaced", record, index)

    def _cancel(self, event: OrderCancelled, record: Record, index: int) -> None:
        order = self._open[event.order_id]
        is_expired = event.cancel_reason is CancelReason.EXPIRED
        order.order_status = OrderStatus.EXPIRED if is_expired else OrderStatus.CANCELLED
        order.leaves_qty = 0
        self._end(order)
        exec_type: ExecType = "expired" if is_expired else "cancelled"
        self._tell(order, exec_type, record, index, reason=_CANCEL_WORDS[event.cancel_reason])

    def _trade(self, event: TradeExecuted, record: Record, index: int) -> None:
        maker = self._open[event.maker_order_id]
        taker = self._open[event.taker_order_id]
        self._fill(maker, event, event.maker_leaves_qty, event.maker_fee_amount)
        self._fill(taker, event, event.taker_leaves_qty, event.taker_fee_amount)
        self._tell(maker, "trade", record, index, trade=event, is_maker=True)
        self._tell(taker, "trade", record, index, trade=event)

    def _fill(self, order: Order, trade: TradeExecuted, leaves_qty: int, fee_amount: int) -> None:
        order.cum_qty += trade.last_qty
        order.notional_amount += trade.notional_amount
        order.fee_amount += fee_amount
        order.leaves_qty = leaves_qty
        order.order_status = OrderStatus.PARTIALLY_FILLED if leaves_qty else OrderStatus.FILLED
        if leaves_qty == 0:
            self._end(order)

    def _end(self, order: Order) -> None:
        account = self._accounts[order.account_id]
        self._open.pop(order.order_id)
        account.open_ids.discard(order.order_id)
        account.open_count -= 1
        if account.client_order_ids.get(order.client_order_id) == order.order_id:
            del account.client_order_ids[order.client_order_id]
        account.ended.append(order)

    def _tell(
        self,
        order: Order,
        exec_type: ExecType,
        record: Record,
        index: int,
        trade: TradeExecuted | None = None,
        is_maker: bool = False,
        reason: str = "",
    ) -> None:
        account = self._accounts[order.account_id]
        position = (record.seq, index)
        step = Step(
            position,
            account.position,
            order.order_id,
            order.client_order_id,
            order.instrument_id,
            order.side,
            exec_type,
            order.order_status,
            order.order_qty,
            order.limit_price,
            order.cum_qty,
            order.leaves_qty,
            trade,
            is_maker,
            reason,
        )
        account.position = position
        account.steps.append(step)
        self.listener(order.account_id, step)

    def _account(self, account_id: int) -> AccountOrders:
        account = self._accounts.get(account_id)
        if account is None:
            account = self._accounts[account_id] = AccountOrders(
                deque(maxlen=ENDED_COUNT), deque(maxlen=STEPS_COUNT)
            )
        return account

    def _view(self, order: Order) -> OrderView:
        symbol, hours = self._windows[order.instrument_id]
        return OrderView(
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            instrument=symbol,
            side=_SIDE_WORDS[order.side],
            order_status=order.order_status.value,
            order_qty=order.order_qty,
            limit_price=order.limit_price,
            cum_qty=order.cum_qty,
            leaves_qty=order.leaves_qty,
            notional_amount=order.notional_amount,
            gpu_hours=order.cum_qty * hours,
            fee_amount=order.fee_amount,
            time_in_force=_TIME_IN_FORCE_WORDS[order.time_in_force],
            expire_day=order.expire_day,
            display_qty=order.display_qty,
            link_id=order.link_id,
        )
