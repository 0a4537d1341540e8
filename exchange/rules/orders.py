"""
The order path's doorway to the core.

An order's own checks (lot, means, self-match, what it would trade) are the core's, beside the
book; what only the rules know is checked here first: whose order it is, whether a supplier sells
its own product (its days, never their use) and may, and whether the gate is open at this moment. A
core function has planned and applied when it returns; its events wait in the core, already encoded.

A day order ends at 16:00 at the site on the delivery day that runs when it is placed; after that
hour there is no such moment left, and it is refused. A good-till-date order names its day, the
window's last trading day at most. What is due is ended by the clock.
"""

from exchange.domain.commands import AmendOrder, CancelOrder, MassCancel, PlaceOrder
from exchange.domain.enums import Role, Side, TimeInForce, TradingMode
from exchange.domain.events import InstrumentListed
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.windows import day_at, last_gated_day

from .state import Seen, State
from .suppliers import require_on_sale

# Python finds a member by its class in 75 ns, by a name of the module in 3.
_TRADER, _DAY, _GTD = Role.TRADER, TimeInForce.DAY, TimeInForce.GTD
_SUBLET, _SELL = TradingMode.SUBLET, Side.SELL
_NO_IDS: dict[str, Seen] = {}
_ACCOUNT_ID, _INSTRUMENT_ID, _SIDE = 1, 4, 5
"""Their places in what the core tells of an order."""
MASS_CANCEL_LIMIT = 1_000
"""Equal to the cap of open orders per account, so that one record always suffices."""


def place(command: PlaceOrder, state: State, account_id: int) -> None:
    """Places an order; its id is the sequence number of this record."""
    instrument = _require_tradable(command.instrument_id, state, account_id)
    if instrument.mode is _SUBLET and command.side is _SELL:
        is_house = state.core.is_house(instrument.product_id, account_id)
        require(not is_house, Reason.SUPPLIER_LETS, account_id)
    if state.stopped_suppliers:
        require_on_sale(instrument.product_id, account_id, command.side, state)
    refusal = state.core.place(
        state.seq + 1,
        account_id,
        command.key_id,
        command.session_id,
        command.instrument_id,
        command.side,
        command.order_qty,
        command.limit_price,
        command.time_in_force,
        command.exec_inst,
        command.min_qty,
        command.display_qty,
        command.self_match_policy,
        _expire_day(command, instrument, state),
        command.link_id,
    )
    if refusal:
        raise _refused(refusal, state)


def amend(command: AmendOrder, state: State, account_id: int) -> None:
    """Changes an own open order, inside the window's trading time."""
    order_id = _order_id(command, state, account_id)
    require(
        command.order_qty is not None or command.limit_price is not None, Reason.EMPTY, order_id
    )
    order = state.core.order(order_id)
    if order is not None and order[_ACCOUNT_ID] == account_id:
        instrument = _require_tradable(order[_INSTRUMENT_ID], state, account_id)
        if state.stopped_suppliers:
            require_on_sale(instrument.product_id, account_id, Side(order[_SIDE]), state)
    refusal = state.core.amend(
        order_id,
        account_id,
        -1 if command.order_qty is None else command.order_qty,
        -1 if command.limit_price is None else command.limit_price,
    )
    if refusal:
        raise _refused(refusal, state)


def cancel(command: CancelOrder, state: State, account_id: int) -> None:
    """Cancels an own open order; always possible, whatever the session of the market."""
    refusal = state.core.cancel(_order_id(command, state, account_id), account_id)
    if refusal:
        raise _refused(refusal, state)


def mass_cancel(command: MassCancel, state: State, account_id: int) -> None:
    """Cancels the account's open orders, or those of an instrument or a side, oldest first."""
    side = 0 if command.side is None else command.side
    refusal = state.core.mass_cancel(account_id, command.instrument_id, side, MASS_CANCEL_LIMIT)
    if refusal:
        raise _refused(refusal, state)


def _expire_day(command: PlaceOrder, instrument: InstrumentListed, state: State) -> int:
    """The day at whose gate the order ends, 0 for none; refuses one that is over or too late."""
    time_in_force = command.time_in_force
    if time_in_force is _GTD:
        expire_day = command.expire_day
        last_day = day_at(instrument.gate_closure_ns)
        require(expire_day <= last_day, Reason.EXPIRE_DAY, expire_day, last_day, expire_day)
    elif command.expire_day:
        raise Refused(Reason.EXPIRE_DAY, command.expire_day)
    elif time_in_force is not _DAY:
        return 0
    else:
        expire_day = day_at(state.market_ns)
    first_day = last_gated_day(state.market_ns) + 1
    require(expire_day >= first_day, Reason.EXPIRE_DAY, expire_day, first_day, expire_day)
    return expire_day


def _require_tradable(instrument_id: int, state: State, account_id: int) -> InstrumentListed:
    instrument = state.instruments.get(instrument_id)
    if instrument is None:
        raise Refused(Reason.UNKNOWN_INSTRUMENT, instrument_id)
    if _TRADER not in state.participants[account_id].roles:
        product = state.products[instrument.product_id]
        is_own = product.supplier_account_id == account_id and instrument.mode is not _SUBLET
        require(is_own, Reason.WRONG_ROLE, account_id)
    return instrument


def _order_id(command: AmendOrder | CancelOrder, state: State, account_id: int) -> int:
    """The order that a command names, by its id or by the client order id it was placed with."""
    if command.order_id:
        return command.order_id
    entry = state.seen.get(account_id, _NO_IDS).get(command.orig_client_order_id)
    if entry is None or type(entry.read()) is not PlaceOrder:
        raise Refused(Reason.UNKNOWN_ORDER)
    return entry.seq


def _refused(refusal: int, state: State) -> Refused:
    """What to raise for the core's answer."""
    value, limit, day = state.core.refusal
    return Refused(Reason(refusal), value, limit, day)
