"""Hand-made records: what a projection is fed, without an engine."""

from exchange.domain.commands import AdvanceClock, Command
from exchange.domain.enums import (
    CancelReason,
    ExecInst,
    ProductKind,
    Role,
    Scope,
    Side,
    TimeInForce,
    WindowKind,
)
from exchange.domain.events import (
    CapacityGranted,
    Event,
    InstrumentListed,
    KeyRegistered,
    OrderAccepted,
    OrderCancelled,
    OrderRested,
    ParticipantAdmitted,
    ProductDefined,
    TradeExecuted,
    VenueCreated,
)
from exchange.domain.record import Record
from exchange.domain.windows import start_ns

FIRST_DAY = 20_780
SUPPLIER, TRADER, BANK = 3, 4, 5
JUNE = (FIRST_DAY + 10, FIRST_DAY + 40)
"""Thirty days, 720 hours."""


class Tape:
    """Numbers records and feeds them to a projection, as the log would."""

    def __init__(self, projection) -> None:
        self.projection = projection
        self.records: list[Record] = []

    def add(self, *events: Event, command: Command | None = None) -> Record:
        """The next record."""
        record = Record(
            len(self.records) + 1,
            start_ns(FIRST_DAY),
            command or AdvanceClock(market_ns=0),
            events,
        )
        self.records.append(record)
        self.projection.apply(record)
        return record


def venue() -> VenueCreated:
    """Genesis."""
    return VenueCreated(
        venue_id="test",
        base_day=FIRST_DAY,
        market_ns=start_ns(FIRST_DAY),
        is_always_open=True,
        head_public_key=b"",
        command_id_retention_ns=1,
    )


def admitted(account_id: int, role: Role, is_confirmed: bool = True) -> ParticipantAdmitted:
    """An account."""
    return ParticipantAdmitted(
        account_id=account_id,
        name=f"account {account_id}",
        roles=[role],
        affiliate_ids=[],
        proposer_account_id=1,
        is_confirmed=is_confirmed,
    )


def key(key_id: int, account_id: int, token_sha256: bytes = bytes(32)) -> KeyRegistered:
    """A key."""
    return KeyRegistered(
        key_id=key_id,
        account_id=account_id,
        token_sha256=token_sha256,
        scopes=[Scope.READ, Scope.TRADE],
        expires_ns=0,
    )


def product() -> ProductDefined:
    """Product 1."""
    return ProductDefined(
        product_id=1,
        code="A100.SG1",
        kind=ProductKind.GPU_TIME,
        gpu_class="A100",
        region="SG",
        supplier_account_id=SUPPLIER,
        lot_qty=1,
        maker_bps=10,
        taker_bps=20,
    )


def listed(instrument_id: int = 1, days: tuple[int, int] = JUNE) -> InstrumentListed:
    """An instrument of product 1."""
    return InstrumentListed(
        instrument_id=instrument_id,
        product_id=1,
        symbol=f"A100.SG1:W{instrument_id}",
        kind=WindowKind.MONTH,
        start_day=days[0],
        end_day=days[1],
        gate_closure_ns=start_ns(days[0]),
    )


def granted(qty: int, days: tuple[int, int] = JUNE) -> CapacityGranted:
    """Title for the supplier."""
    return CapacityGranted(
        grant_id=1,
        product_id=1,
        account_id=SUPPLIER,
        start_day=days[0],
        end_day=days[1],
        granted_qty=qty,
        operator_account_id=1,
        auditor_account_id=2,
        evidence_sha256=bytes(32),
    )


def accepted(
    order_id: int,
    account_id: int,
    side: Side,
    qty: int,
    price: int,
    held_amount: int = 0,
    instrument_id: int = 1,
    time_in_force: TimeInForce = TimeInForce.GTC,
) -> OrderAccepted:
    """An order that passed its checks."""
    return OrderAccepted(
        order_id,
        account_id,
        1,
        0,
        instrument_id,
        side,
        qty,
        price,
        time_in_force,
        ExecInst.NONE,
        held_amount,
    )


def rested(order_id: int, side: Side, qty: int, price: int, instrument_id: int = 1) -> OrderRested:
    """An order in its queue."""
    return OrderRested(order_id, instrument_id, side, price, qty)


def cancelled(
    order_id: int,
    account_id: int,
    side: Side,
    qty: int,
    released_amount: int = 0,
    reason: CancelReason = CancelReason.REQUESTED,
) -> OrderCancelled:
    """An order that ended unfilled."""
    return OrderCancelled(order_id, account_id, 1, side, qty, released_amount, reason)


def trade(
    maker: tuple[int, int, int],
    taker: tuple[int, int, int],
    qty: int,
    price: int,
    taker_side: Side = Side.BUY,
    *,
    is_primary: bool = False,
    fees: tuple[int, int] = (0, 0),
    released: tuple[int, int] = (0, 0),
    trade_id: int = 1,
) -> TradeExecuted:
    """A fill over 720 hours; parties are (order, account, leaves)."""
    notional_amount = qty * price * 720
    return TradeExecuted(
        trade_id,
        1,
        price,
        qty,
        maker[0],
        taker[0],
        maker[1],
        taker[1],
        taker_side,
        notional_amount,
        0 if is_primary else notional_amount,
        notional_amount if is_primary else 0,
        fees[0],
        fees[1],
        released[0],
        released[1],
        maker[2],
        taker[2],
    )
