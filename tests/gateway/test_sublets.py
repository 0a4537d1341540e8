"""Sublets over HTTP and the websocket."""

import pytest

from exchange.domain.account_wire import SubletsView
from exchange.domain.enums import TradingMode
from exchange.domain.windows import parse_window
from exchange.domain.wire import Ack, Error

from .conftest import AUDITOR, BANK, OPERATOR, OTHER, SUPPLIER, SYMBOL, TRADER, buy, sell

JUNE = parse_window("M2706")
WEEK = {"start_day": JUNE.start_day + 6, "end_day": JUNE.start_day + 13}
REQUEST = {
    "product": "A100-80-SXM.SG1",
    "lessee_account_id": OTHER,
    "sublet_qty": 4,
    "rent_price": 600,
    **WEEK,
}


async def own_ten(house) -> None:
    """The trader owns ten of June."""
    seller, buyer = await house.session(SUPPLIER), await house.session(TRADER)
    await seller.ask(sell("s", 10))
    await buyer.ask(buy("b", 10, 1_000))


async def test_days_are_offered_taken_and_ended_by_both(house):
    await own_ten(house)
    status, offered = await house.post("/v1/sublets", REQUEST, TRADER, "open")
    assert status == 201
    offer_id = offered["created_id"]
    _, view = await house.get("/v1/sublets", OTHER)
    (offer,) = view["offers"]
    assert (offer["offer_id"], offer["rent_amount"]) == (offer_id, 600 * 24 * 7 * 4)
    assert set(view) == set(SubletsView.__struct_fields__)
    for nobody in (SUPPLIER, BANK):
        assert (await house.get("/v1/sublets", nobody))[1]["offers"] == []
    for everybody in (OPERATOR, AUDITOR):
        assert len((await house.get("/v1/sublets", everybody))[1]["offers"]) == 1
    path = f"/v1/sublets/offers/{offer_id}"
    status, taken = await house.post(f"{path}/accept", {}, OTHER, "accept")
    assert status == 201
    _, again = await house.post(f"{path}/accept", {}, OTHER, "accept")
    assert (again["duplicate"], again["created_id"]) == (True, taken["created_id"])
    sublet_id = taken["created_id"]
    _, view = await house.get("/v1/sublets", TRADER)
    assert view["offers"] == []
    assert [sublet["sublet_id"] for sublet in view["sublets"]] == [sublet_id]
    _, held = await house.get("/v1/accounts/me/positions", OTHER)
    assert held["positions"][0]["usable"] == [[WEEK["start_day"], WEEK["end_day"], 4]]
    assert (await house.post(f"/v1/sublets/{sublet_id}/end", {}, TRADER, "end"))[0] == 201
    _, view = await house.get("/v1/sublets", OTHER)
    assert view["sublets"][0]["end_asked_account_id"] == TRADER
    assert (await house.post(f"/v1/sublets/{sublet_id}/end", {}, OTHER, "end"))[0] == 201
    assert (await house.get("/v1/sublets", TRADER))[1]["sublets"] == []


async def pledge(house, start_day: int, end_day: int) -> int:
    """The bank has a lien on six of the trader's ten; the pledge's id."""
    days = {"start_day": start_day, "end_day": end_day}
    asked = {"product": "A100-80-SXM.SG1", "pledged_qty": 6, "bank_account_id": BANK, **days}
    status, receipt = await house.post("/v1/pledges", asked, TRADER, f"p{start_day}")
    assert status == 201, receipt
    pledge_id = receipt["created_id"]
    status, receipt = await house.post(f"/v1/pledges/{pledge_id}/accept", {}, BANK, f"{pledge_id}")
    assert status == 201, receipt
    return pledge_id


async def let_ids(house, key_id: int) -> list[int]:
    """The sublets that an account sees."""
    _, view = await house.get("/v1/sublets", key_id)
    return [sublet["sublet_id"] for sublet in view["sublets"]]


async def test_a_pledgee_sees_what_is_let_of_days_under_its_lien_and_no_other(house):
    await own_ten(house)
    _, offered = await house.post("/v1/sublets", REQUEST, TRADER, "open")
    path = f"/v1/sublets/offers/{offered['created_id']}/accept"
    _, taken = await house.post(path, {}, OTHER, "accept")
    assert await let_ids(house, BANK) == []
    await pledge(house, JUNE.start_day, WEEK["start_day"])
    assert await let_ids(house, BANK) == []
    pledge_id = await pledge(house, WEEK["end_day"] - 1, JUNE.end_day)
    for key_id in (BANK, TRADER, OTHER, OPERATOR):
        assert await let_ids(house, key_id) == [taken["created_id"]]
    assert await let_ids(house, SUPPLIER) == []
    status, _ = await house.post(f"/v1/pledges/{pledge_id}/release", {}, BANK, "release")
    assert status == 201
    assert await let_ids(house, BANK) == []


async def test_an_offer_is_declined_and_others_know_of_none(house):
    await own_ten(house)
    _, offered = await house.post("/v1/sublets", REQUEST, TRADER, "open")
    path = f"/v1/sublets/offers/{offered['created_id']}"
    status, problem = await house.post(f"{path}/consent", {}, BANK, "consent")
    assert (status, problem["code"]) == (409, 4060)
    status, problem = await house.post(f"{path}/accept", {}, SUPPLIER, "accept")
    assert (status, problem["code"]) == (409, 4022)
    assert (await house.post(f"{path}/decline", {}, OTHER, "decline"))[0] == 201
    status, problem = await house.post(f"{path}/accept", {}, OTHER, "late")
    assert (status, problem["code"]) == (409, 4060)
    assert (await house.post("/v1/sublets/offers/x/accept", {}, OTHER, "x"))[0] == 404


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"product": "none"}, 409, 4011),
        ({"sublet_qty": 0}, 400, 1004),
        ({"rent_price": 0}, 400, 1004),
        ({"more": 1}, 400, 1004),
        ({"lessee_account_id": TRADER}, 409, 4020),
        ({"end_day": WEEK["start_day"]}, 409, 4016),
    ],
)
async def test_a_bad_offer_is_refused_with_its_reason(house, change, status, code):
    found, problem = await house.post("/v1/sublets", REQUEST | change, TRADER, "open")
    assert (found, problem["code"]) == (status, code)


async def test_an_order_for_the_use_of_days_goes_to_the_book_of_sublets(house):
    await own_ten(house)
    session = await house.session(TRADER)
    refusal = await session.ask(sell("early", 4, 600, mode="sublet"))
    assert isinstance(refusal, Error)
    assert (refusal.code, refusal.name) == (4001, "unknown_instrument")
    assert refusal.message.startswith(f"sell 4 of {SYMBOL}.SUB: ")
    body = {"product_id": 1, "kind": "month", "mode": TradingMode.SUBLET}
    days = {"start_day": JUNE.start_day, "end_day": JUNE.end_day}
    assert (await house.post("/v1/admin/list_instrument", body | days, OPERATOR, "l"))[0] == 201
    assert isinstance(await session.ask(sell("offer", 4, 600, mode="sublet")), Ack)
    _, book = await house.get(f"/v1/book/{SYMBOL}.SUB")
    assert book["asks"] == [[600, 4, 1]]
    lessee = await house.session(OTHER)
    assert isinstance(await lessee.ask(buy("rent", 4, 600, mode="sublet")), Ack)
    _, view = await house.get("/v1/sublets", OTHER)
    assert [sublet["sublet_qty"] for sublet in view["sublets"]] == [4]
    _, listed = await house.get("/v1/instruments")
    assert [one["mode"] for one in listed] == ["title", "sublet"]
