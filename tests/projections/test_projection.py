"""What holds for every projection: order, checkpoints, digests."""

import msgspec
import pytest

from exchange.domain.commands import PlaceOrder
from exchange.domain.enums import Role, Side
from exchange.domain.events import (
    CalendarPublished,
    EscrowFunded,
    PledgeAccepted,
    PledgeRequested,
    SettlementPricePublished,
)
from exchange.domain.schedule_events import CurvePublished, SettlementCompleted
from exchange.projections import ProjectionGap, Projections
from exchange.projections.bundle import KINDS
from tests.projections.records import (
    BANK,
    JUNE,
    SUPPLIER,
    TRADER,
    Tape,
    accepted,
    admitted,
    granted,
    key,
    listed,
    product,
    rested,
    trade,
    venue,
)


def busy_tape() -> Tape:
    """A log in which every projection has something to say."""
    tape = Tape(Projections())
    tape.add(venue())
    tape.add(admitted(SUPPLIER, Role.SUPPLIER))
    tape.add(admitted(TRADER, Role.TRADER))
    tape.add(key(4, TRADER))
    tape.add(product())
    tape.add(listed())
    tape.add(granted(10))
    tape.add(
        accepted(8, SUPPLIER, Side.SELL, 10, 5),
        rested(8, Side.SELL, 10, 5),
        command=PlaceOrder(
            command_id="s", instrument_id=1, side=Side.SELL, order_qty=10, limit_price=5
        ),
    )
    tape.add(
        accepted(9, TRADER, Side.BUY, 4, 5, 20_000),
        trade((8, SUPPLIER, 6), (9, TRADER, 0), 4, 5, is_primary=True, released=(0, 20_000)),
        command=PlaceOrder(
            command_id="b", instrument_id=1, side=Side.BUY, order_qty=4, limit_price=5
        ),
    )
    tape.add(
        PledgeRequested(
            pledge_id=1,
            account_id=TRADER,
            bank_account_id=BANK,
            product_id=1,
            start_day=JUNE[0],
            end_day=JUNE[1],
            pledged_qty=2,
            loan_id=0,
        )
    )
    tape.add(PledgeAccepted(pledge_id=1))
    tape.add(CalendarPublished(year=2026, version=1, trading_days=[20_781, 20_782]))
    tape.add(EscrowFunded(1, 1, *JUNE, 4, 480))
    tape.add(
        SettlementPricePublished(
            instrument_id=1,
            settlement_price=5,
            low_limit_price=5,
            high_limit_price=5,
            dynamic_bps=0,
            settlement_day=20_780,
        ),
        CurvePublished(
            product_id=1,
            month=202_606,
            settlement_day=20_780,
            rest_notional_amount=9,
            rest_hours=24,
        ),
        SettlementCompleted(settlement_day=20_780, price_count=1),
    )
    return tape


@pytest.mark.parametrize("name", KINDS)
def test_a_missing_record_stops_every_projection(name):
    records = busy_tape().records
    projection = KINDS[name]()
    projection.apply(records[0])
    with pytest.raises(ProjectionGap, match="at seq 1 and cannot take record 3"):
        projection.apply(records[2])
    assert projection.at_seq == 1


@pytest.mark.parametrize("name", KINDS)
def test_a_record_cannot_come_twice(name):
    records = busy_tape().records
    projection = KINDS[name]()
    projection.apply(records[0])
    with pytest.raises(ProjectionGap):
        projection.apply(records[0])


def test_the_bundle_stops_at_a_gap():
    records = busy_tape().records
    bundle = Projections()
    with pytest.raises(ProjectionGap):
        bundle.apply(records[1])
    with pytest.raises(ProjectionGap):
        bundle.apply_all([records[0], records[1], records[3]])
    assert bundle.at_seq == bundle.depth.at_seq == 2


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("cut", [0, 5, 8, 9, 11, 13])
def test_a_projection_restored_anywhere_goes_on_as_one_that_never_stopped(name, cut):
    records = busy_tape().records
    whole, stopped = KINDS[name](), KINDS[name]()
    for record in records:
        whole.apply(record)
    for record in records[:cut]:
        stopped.apply(record)
    resumed = KINDS[name].restore(stopped.checkpoint())
    assert resumed.at_seq == cut
    assert resumed.digest() == stopped.digest()
    for record in records[cut:]:
        resumed.apply(record)
    assert resumed.checkpoint() == whole.checkpoint()


def test_the_bundle_agrees_with_each_projection_alone():
    tape = busy_tape()
    digests = tape.projection.digests()
    for name, kind in KINDS.items():
        alone = kind()
        for record in tape.records:
            alone.apply(record)
        assert alone.digest() == digests[name], name


def test_a_restored_bundle_folds_on_with_the_same_digest():
    tape = busy_tape()
    stopped = Projections()
    for record in tape.records[:8]:
        stopped.apply(record)
    resumed = Projections.restore(stopped.checkpoint())
    for record in tape.records[8:]:
        resumed.apply(record)
    assert resumed.at_seq == len(tape.records)
    assert resumed.digest() == tape.projection.digest()
    assert resumed.orders.of(TRADER) == tape.projection.orders.of(TRADER)
    assert resumed.depth.asks(1, 5) == tape.projection.depth.asks(1, 5) == [(5, 6, 1)]


def test_a_different_history_has_a_different_digest():
    one, other = Tape(Projections()), Tape(Projections())
    one.add(venue())
    other.add(venue())
    assert one.projection.digest() == other.projection.digest()
    one.add(admitted(3, Role.TRADER))
    other.add(admitted(3, Role.BANK))
    assert one.projection.digest() != other.projection.digest()
    assert one.projection.digests()["depth"] == other.projection.digests()["depth"]


def test_a_checkpoint_of_a_build_with_fewer_projections_is_not_read():
    parts = msgspec.msgpack.decode(Projections().checkpoint())
    with pytest.raises(msgspec.ValidationError, match=f"{len(KINDS) - 1} projections"):
        Projections.restore(msgspec.msgpack.encode(parts[:-1]))
