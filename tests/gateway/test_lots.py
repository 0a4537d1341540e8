"""Liquidations over HTTP, through the client that banks and buyers use."""

import hashlib

import pytest

from clients.sdk import ExchangeClient, Refused
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_MINUTE
from tests.rules.lending import YUAN
from tests.rules.liquidations import END, PRICE, LiquidationMarket
from tests.rules.markets import day

from .conftest import AUDITOR, BANK, OPERATOR, OTHER, TRADER, House, token

FIRST = day("2027-01-01")
BILLS = hashlib.sha256(b"bills").hexdigest()
ALL = {"pledge_id": 1, "start_day": FIRST, "end_day": END, "lot_qty": 100}
FALLING = {"start_price": 900, "floor_price": 700, "step_price": 30, "step_minutes_count": 15}


@pytest.fixture
async def house(settings):
    """A venue whose first loan is in default."""
    market = LiquidationMarket(is_enforced=False)
    market.price(4 * YUAN)
    venue = House(settings, market)
    await venue.start()
    yield venue
    await venue.stop()


def client(house: House, key_id: int) -> ExchangeClient:
    """The SDK, over real sockets."""
    return ExchangeClient(str(house.client.make_url("/")), token(key_id))


async def test_a_bank_enforces_offers_and_withdraws_and_a_stranger_buys(house):
    market = house.market
    async with client(house, BANK) as bank, client(house, market.buyer) as buyer:
        await bank.enforce_loan(1, evidence_sha256=BILLS, costs_amount=1_000)
        first = await bank.offer_lot(**ALL, **FALLING)
        assert first.created_id == first.log_seq
        await bank.withdraw_lot(first.created_id)
        lot_id = (await bank.offer_lot(**ALL, **FALLING)).created_id
        with pytest.raises(Refused) as refused:
            await buyer.buy_lot(lot_id, limit_price=899)
        assert refused.value.code == Reason.LOT_PRICE
        assert "900 fen is above the limit of 899 fen" in str(refused.value)
        await buyer.buy_lot(lot_id, limit_price=900)
        assert (await buyer.lots()).lots == []
        (held,) = (await buyer.positions()).positions
        assert [(run.start_day, run.end_day, run.qty) for run in held.title] == [(FIRST, END, 100)]


async def test_the_public_sees_a_lot_and_its_price_but_neither_bank_nor_borrower(house):
    async with client(house, BANK) as bank:
        await bank.enforce_loan(1, evidence_sha256=BILLS)
        await bank.offer_lot(**ALL, **FALLING)
        (own,) = (await bank.lots()).lots
    assert (own.loan_id, own.pledge_id, own.buyer_account_id) == (1, 1, 0)
    status, body = await house.get("/v1/lots", OTHER)
    (seen,) = body["lots"]
    now_ns = house.market.state.market_ns
    assert (status, body["market_ns"]) == (200, now_ns)
    assert (seen["loan_id"], seen["pledge_id"]) == (0, 0)
    assert (seen["lot_price"], seen["floor_price"], seen["mode"]) == (900, 700, "title")
    assert seen["notional_amount"] == 900 * 24 * 90 * 100
    assert seen["next_step_ns"] == now_ns + 15 * NS_PER_MINUTE
    assert seen["end_ns"] == now_ns + 8 * 15 * NS_PER_MINUTE
    for everybody in (OPERATOR, AUDITOR):
        (whole,) = (await house.get("/v1/lots", everybody))[1]["lots"]
        assert whole["loan_id"] == 1
    assert (await house.get("/v1/lots"))[0] == 401


async def test_a_block_shows_to_its_two_sides_alone(house):
    buyer = house.market.buyer
    async with client(house, BANK) as bank:
        await bank.enforce_loan(1, evidence_sha256=BILLS)
        await bank.offer_lot(**ALL, start_price=PRICE, floor_price=PRICE, buyer_account_id=buyer)
    assert len((await house.get("/v1/lots", buyer))[1]["lots"]) == 1
    assert len((await house.get("/v1/lots", BANK))[1]["lots"]) == 1
    for nobody in (OTHER, TRADER):
        assert (await house.get("/v1/lots", nobody))[1]["lots"] == []


async def test_what_is_not_ones_own_does_not_exist(house):
    other_bank = house.market.other_bank
    evidence = {"evidence_sha256": BILLS}
    for key_id, path, body, code in (
        (other_bank, "/v1/loans/1/enforce", evidence, Reason.UNKNOWN_LOAN),
        (BANK, "/v1/loans/9/enforce", evidence, Reason.UNKNOWN_LOAN),
        (
            other_bank,
            "/v1/lots",
            {**ALL, "start_price": 1, "floor_price": 1},
            Reason.UNKNOWN_PLEDGE,
        ),
        (BANK, "/v1/lots/9/withdraw", {}, Reason.UNKNOWN_LOT),
        (OTHER, "/v1/lots/9/buy", {"limit_price": 1}, Reason.UNKNOWN_LOT),
    ):
        status, error = await house.post(path, body, key_id, f"{key_id} {path}")
        assert (status, error["code"]) == (409, code), path


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/loans/1/enforce", {"evidence_sha256": "no hash"}),
        ("/v1/loans/1/enforce", {"evidence_sha256": BILLS, "costs_amount": -1}),
        ("/v1/lots", {**ALL, "start_price": 0, "floor_price": 0}),
        ("/v1/lots", {**ALL, "start_price": 1, "floor_price": 1, "mode": "rent"}),
        ("/v1/lots", {**ALL, "start_price": 1, "floor_price": 1, "step_minutes_count": 1_441}),
        ("/v1/lots/1/buy", {}),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_before_the_rules_see_it(house, path, body):
    count = len(house.records)
    status, error = await house.post(path, body, BANK, "once")
    assert (status, error["code"]) == (400, Reason.SCHEMA)
    assert len(house.records) == count
