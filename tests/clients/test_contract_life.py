"""The example of a contract's life checks itself: what moved otherwise is named."""

import pytest

from clients.examples.moves import TITLE, Move, moves_of
from clients.examples.parties import Differs, require_same

REFUND = Move(7, 3, "shortfall_refund", 240_000)
EXPECTED = {("holder", "shortfall_refund"): 240_000}


def test_what_moved_as_expected_passes() -> None:
    require_same("paid", [("holder", REFUND)], EXPECTED)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([("holder", REFUND._replace(moved=239_999))], "shortfall_refund of holder is 239999, "),
        ([], "shortfall_refund of holder is 0, which should be 240000"),
        ([("holder", REFUND), ("bank", REFUND)], "of bank is 240000, which should be 0"),
    ],
    ids=["a-fen-less", "nothing", "somebody-else-too"],
)
def test_a_fen_that_differs_is_named(found, words) -> None:
    with pytest.raises(Differs, match=words):
        require_same("paid", found, EXPECTED)


def test_a_primary_sale_moves_title_at_once_and_its_price_into_escrow() -> None:
    """The seller has no cash of it, and a move of nothing is none."""
    trade = {
        "type": "trade_executed",
        "maker_account_id": 1,
        "taker_account_id": 2,
        "taker_side": 1,
        "last_qty": 8,
        "cash_amount": 0,
        "escrow_amount": 192_000,
        "maker_fee_amount": 0,
        "taker_fee_amount": 192,
    }
    record = {"seq": 5, "events": [{"type": "order_accepted"}, trade]}
    assert list(moves_of(record)) == [
        Move(5, 1, TITLE, -8),
        Move(5, 2, TITLE, 8),
        Move(5, 2, "into escrow", -192_000),
        Move(5, 2, "fee", -192),
    ]
    texts = [move.text for move in moves_of(record)]
    assert texts == ["-8 GPUs", "+8 GPUs", "-1,920.00 CNY", "-1.92 CNY"]
