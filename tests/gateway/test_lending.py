"""Loans over HTTP: each request becomes its command, each refusal is told with its code."""

import pytest

from clients.sdk import ExchangeClient
from exchange.domain.commands import PublishMarks
from exchange.domain.enums import LoanStatus, PledgeStatus
from exchange.domain.lending_events import LoanApplied, LoanRepaid
from exchange.domain.lending_wire import CollateralBody
from exchange.domain.windows import parse_window

from .conftest import AUDITOR, BANK, OPERATOR, OTHER, SUPPLIER, TRADER, buy, sell, token

JUNE = parse_window("M2706")
PRODUCT = "A100-80-SXM.SG1"
DAYS = {
    "product": PRODUCT,
    "start_day": JUNE.start_day,
    "end_day": JUNE.end_day,
    "pledged_qty": 10,
}
REQUEST = {
    "bank_account_id": BANK,
    "principal_amount": 1_000_000,
    "maturity_day": JUNE.end_day - 1,
    "collateral": [DAYS],
}
TERMS = {"principal_amount": 1_000, "interest_ppm": 50_000}


@pytest.fixture
async def market(house):
    """The trader owns a hundred of June, the price is known, and the bank has cash."""
    for key, buyer_id, qty in (("a", TRADER, 100), ("b", OTHER, 800)):
        seller, buyer = await house.session(SUPPLIER), await house.session(buyer_id)
        await seller.ask(sell(f"s{key}", qty))
        await buyer.ask(buy(f"b{key}", qty, 1_000))
    assert (await house.sequencer.execute(PublishMarks())).reason is None
    deposit = {"account_id": BANK, "deposit_amount": 10**9, "external_reference": "in"}
    assert (await house.post("/v1/admin/deposit_cash", deposit, OPERATOR, "in"))[0] == 201
    return house


async def post(house, path: str, body: object, key_id: int) -> dict:
    """What was done, under a key of its own."""
    key = f"k{len(house.records)}"
    status, receipt = await house.post(f"/v1/{path}", body, key_id, key)
    assert status == 201, receipt
    return receipt


async def test_a_loan_goes_from_its_application_to_its_last_fen(market):
    state = market.market.state
    applied = await post(market, "loans", REQUEST, TRADER)
    assert applied["created_id"] == 1
    (asked,) = [e for e in market.events() if isinstance(e, LoanApplied)]
    assert asked.principal_amount == 1_000_000
    assert state.pledges[1].mark.lendable_amount > 1_000
    await post(market, "loans/1/offer", TERMS, BANK)
    await post(market, "loans/1/draw", {}, TRADER)
    assert state.loans[1].status is LoanStatus.DRAWN
    added = await post(market, "loans/1/collateral", {**DAYS, "pledged_qty": 5}, TRADER)
    assert added["created_id"] == 2
    released = await post(market, "pledges/2/release", {"released_qty": 2}, BANK)
    assert released["log_seq"] == state.seq
    assert state.pledges[2].pledged_qty == 3
    new = await post(market, "pledges/2/substitute", {**DAYS, "pledged_qty": 4}, TRADER)
    assert new["created_id"] == 3
    assert state.pledges[2].status is PledgeStatus.RELEASED
    await post(market, "loans/1/repay", {"repaid_amount": 400}, TRADER)
    (repaid,) = [e for e in market.events() if isinstance(e, LoanRepaid)]
    assert repaid.principal_amount == 400
    await post(market, "loans/1/repay", {"repaid_amount": 10**6}, TRADER)
    assert state.loans[1].status is LoanStatus.REPAID


async def test_an_application_is_declined(market):
    await post(market, "loans", REQUEST, TRADER)
    await post(market, "loans/1/decline", {}, BANK)
    assert market.market.state.loans[1].status is LoanStatus.ENDED


async def test_a_repeated_application_is_the_first_one(market):
    first = await market.post("/v1/loans", REQUEST, TRADER, "once")
    again = await market.post("/v1/loans", REQUEST, TRADER, "once")
    assert (again[1]["duplicate"], again[1]["created_id"]) == (True, first[1]["created_id"])
    assert len(market.market.state.loans) == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"collateral": []}, 400, 1004),
        ({"collateral": [DAYS] * 21}, 400, 1004),
        ({"collateral": [{**DAYS, "product": "none"}]}, 409, 4011),
        ({"collateral": [{**DAYS, "pledged_qty": 101}]}, 409, 5002),
        ({"collateral": [{**DAYS, "start_day": 1}]}, 409, 4016),
        ({"principal_amount": 0}, 400, 1004),
        ({"maturity_day": JUNE.end_day}, 409, 4016),
        ({"bank_account_id": OTHER}, 409, 4022),
        ({"bank_account_id": 99}, 409, 4010),
        ({"loan_id": 1}, 400, 1004),
    ],
)
async def test_bad_applications_are_refused_with_their_codes(market, change, status, code):
    found, problem = await market.post("/v1/loans", REQUEST | change, TRADER, "bad")
    assert (found, problem["code"]) == (status, code)
    assert market.market.state.loans == {}


@pytest.mark.parametrize(
    ("path", "body", "key_id", "status", "code"),
    [
        ("loans", REQUEST, BANK, 409, 4022),
        ("loans/1/offer", {**TERMS, "principal_amount": 1_000_001}, BANK, 409, 4083),
        ("loans/1/offer", {**TERMS, "interest_ppm": 1_000_001}, BANK, 400, 1004),
        ("loans/1/offer", TERMS, TRADER, 409, 4022),
        ("loans/1/draw", {}, TRADER, 409, 4019),
        ("loans/1/draw", {}, OTHER, 409, 4080),
        ("loans/2/draw", {}, TRADER, 409, 4080),
        ("loans/x/draw", {}, TRADER, 404, 1005),
        ("loans/1/decline", {}, AUDITOR, 409, 4022),
        ("loans/1/repay", {"repaid_amount": 1}, TRADER, 409, 4019),
        ("loans/1/repay", {"repaid_amount": 0}, TRADER, 400, 1004),
        ("loans/1/collateral", DAYS, TRADER, 409, 4019),
        ("pledges/1/substitute", DAYS, TRADER, 409, 4019),
        ("pledges/9/substitute", DAYS, TRADER, 409, 4012),
        ("pledges/1/release", {"released_qty": -1}, BANK, 400, 1004),
        ("pledges/1/release", {"released_qty": 1}, BANK, 409, 4019),
        ("pledges/1/accept", {}, BANK, 409, 4019),
    ],
)
async def test_wrong_turns_are_refused_with_their_codes(market, path, body, key_id, status, code):
    await post(market, "loans", REQUEST, TRADER)
    found, problem = await market.post(f"/v1/{path}", body, key_id, "wrong")
    assert (found, problem["code"]) == (status, code), problem


async def test_a_refusal_names_what_can_be_lent(market):
    await post(market, "loans", {**REQUEST, "principal_amount": 500}, TRADER)
    _, problem = await market.post("/v1/loans/1/offer", TERMS, BANK, "much")
    assert problem["message"] == (
        "offer loan 1: a principal of 1000 fen is above the 500 fen that can be lent"
    )


async def test_the_client_speaks_of_loans_as_the_exchange_does(market):
    url = str(market.client.make_url(""))
    body = CollateralBody(**DAYS)
    async with (
        ExchangeClient(url, token(TRADER)) as trader,
        ExchangeClient(url, token(BANK)) as bank,
    ):
        applied = await trader.apply_for_loan(
            bank_account_id=BANK,
            principal_amount=10_000,
            maturity_day=JUNE.start_day,
            collateral=[body],
        )
        loan_id = applied.created_id
        await bank.offer_loan(loan_id, principal_amount=10_000, interest_ppm=60_000)
        await trader.draw_loan(loan_id)
        added = await trader.add_collateral(loan_id, **DAYS)
        await bank.release_pledge(added.created_id, 4)
        other = await trader.substitute_collateral(added.created_id, **DAYS)
        await bank.release_pledge(other.created_id)
        await trader.repay_loan(loan_id, 10_000)
        second = await trader.apply_for_loan(
            bank_account_id=BANK,
            principal_amount=1,
            maturity_day=JUNE.start_day,
            collateral=[body],
        )
        await trader.decline_loan(second.created_id)
    loans = market.market.state.loans
    assert [loan.status for loan in loans.values()] == [LoanStatus.REPAID, LoanStatus.ENDED]
