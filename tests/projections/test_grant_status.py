"""Where granted capacity stands: each state, and what comes before what."""

import pytest

from exchange.domain.capacity_commands import DerateCapacity, WithdrawCapacity
from exchange.domain.delivery_commands import ReinstateSupplier, SuspendSupplier
from exchange.domain.windows import parse_window, start_ns
from exchange.projections import Projections
from exchange.projections.grant_status import status_of
from tests.projections.test_sessions import folded
from tests.scenario import AUDITOR, SUPPLIER, Market, secret_hash

MARCH = parse_window("M2703")
DAYS = {"product_id": 1, "start_day": MARCH.start_day, "end_day": MARCH.end_day}


@pytest.mark.parametrize(
    ("recorded", "left", "is_over", "is_stopped", "is_derated", "told"),
    [
        ("submitted", 0, True, True, True, "submitted"),
        ("verified", 0, False, True, False, "verified"),
        ("rejected", 0, True, False, False, "rejected"),
        ("granted", 8, False, False, False, "granted"),
        ("granted", 8, False, False, True, "derated"),
        ("granted", 8, False, True, False, "suspended"),
        ("granted", 8, False, True, True, "suspended"),
        ("granted", 8, True, True, True, "expired"),
        ("granted", 0, False, True, True, "withdrawn"),
        ("granted", 0, True, False, False, "withdrawn"),
    ],
)
def test_the_last_that_happened_to_a_grant_is_what_is_told(
    recorded, left, is_over, is_stopped, is_derated, told
):
    assert told == status_of(
        recorded,
        left_unit_days=left,
        is_over=is_over,
        is_stopped=is_stopped,
        is_derated=is_derated,
    )


def test_a_grant_is_derated_suspended_withdrawn_and_another_expires():
    market, projections = Market(), Projections()

    def statuses() -> list[str]:
        folded(market, projections)
        deliveries, market_ns = projections.deliveries, market.state.market_ns
        return [deliveries.grant_status(grant, market_ns) for grant in deliveries.grants.values()]

    market.grant("M2703", 10)
    market.grant("M2704", 10)
    assert statuses() == ["granted", "granted"]
    finding = {"derated_qty": 6, "evidence_sha256": secret_hash("finding")}
    market.do(AUDITOR, DerateCapacity(**DAYS, **finding))
    assert statuses() == ["derated", "granted"]
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    assert statuses() == ["suspended", "suspended"]
    market.do(1, ReinstateSupplier(supplier_account_id=SUPPLIER))
    market.do(SUPPLIER, WithdrawCapacity(**DAYS, withdrawn_qty=6))
    assert statuses() == ["withdrawn", "granted"]
    market.advance(start_ns(parse_window("M2704").end_day))
    assert statuses() == ["withdrawn", "expired"]
