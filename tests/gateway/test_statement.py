"""Statements over HTTP."""

import msgspec
import pytest

from clients.rest import HttpClient
from exchange.domain.statement import Statement

from .conftest import OPERATOR, OTHER, SUPPLIER, TRADER, bearer, buy, sell, token

PATH = "/v1/accounts/me/statement"


async def trade(house) -> None:
    """The trader buys ten of June."""
    seller, buyer = await house.session(SUPPLIER), await house.session(TRADER)
    await seller.ask(sell("s", 10))
    await buyer.ask(buy("b", 10, 1_000))


async def test_an_account_reads_every_movement_of_its_cash_with_its_record(house):
    await trade(house)
    status, made = await house.get(PATH, TRADER)
    assert status == 200
    assert [line["purpose"] for line in made["lines"]] == ["deposit", "trade", "fee"]
    amounts = [line["amount"] for line in made["lines"]]
    assert made["opening_amount"] + sum(amounts) == made["closing_amount"]
    _, balance = await house.get("/v1/accounts/me/balances", TRADER)
    assert made["closing_amount"] == balance["available_amount"] + balance["held_amount"]
    assert set(made) == set(Statement.__struct_fields__)


async def test_days_and_currency_are_chosen(house):
    today = house.projections.venue.base_day
    _, tomorrow = await house.get(f"{PATH}?from={today + 1}&to={today + 9}", TRADER)
    assert tomorrow["lines"] == []
    assert tomorrow["opening_amount"] == tomorrow["closing_amount"] == 10**13
    body = {
        "account_id": TRADER,
        "deposit_amount": 700,
        "external_reference": "offshore",
        "currency": "CNH",
    }
    assert (await house.post("/v1/admin/deposit_cash", body, OPERATOR, "d"))[0] == 201
    _, offshore = await house.get(f"{PATH}?currency=CNH", TRADER)
    assert [line["amount"] for line in offshore["lines"]] == [700]
    _, balance = await house.get("/v1/accounts/me/balances", TRADER)
    assert balance["wallets"] == [{"currency": "CNH", "available_amount": 700}]
    _, others = await house.get("/v1/accounts/me/balances", OTHER)
    assert others.get("wallets", []) == []


@pytest.mark.parametrize(("query", "headers"), [("?format=csv", {}), ("", {"Accept": "text/csv"})])
async def test_it_comes_as_csv_where_that_is_asked_for(house, query, headers):
    await trade(house)
    sent = bearer(TRADER) | headers
    async with house.client.get(f"{PATH}{query}", headers=sent) as response:
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert int(response.headers["As-Of-Seq"]) == house.projections.at_seq
        rows = (await response.text()).splitlines()
    assert rows[0].startswith("market_date,seq,event_index,market_ns,purpose")
    assert len(rows) == 1 + 1 + 3 + 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?from=9&to=8", "to"),
        ("?from=x", "from"),
        ("?currency=USD", "currency"),
        ("?format=xml", "format"),
        ("?after_seq=99999", "after_seq"),
    ],
)
async def test_a_bad_question_names_the_parameter(house, query, field):
    status, problem = await house.get(f"{PATH}{query}", TRADER)
    assert (status, problem["code"], problem["field"]) == (400, 1004, field)


async def test_a_long_statement_comes_in_parts_which_the_sdk_puts_together(house):
    await trade(house)
    whole = (await house.get(PATH, TRADER))[1]
    house.history.max_statement_lines = 1
    _, first = await house.get(PATH, TRADER)
    assert (first["is_complete"], len(first["lines"])) == (False, 1)
    _, second = await house.get(f"{PATH}?after_seq={first['through_seq']}", TRADER)
    assert second["opening_amount"] == first["closing_amount"]
    async with HttpClient(str(house.client.make_url("")), token(TRADER)) as client:
        made = await client.statement()
    assert msgspec.to_builtins(made)["lines"] == whole["lines"]
    assert (made.opening_amount, made.is_complete) == (0, True)
    assert made.closing_amount == whole["closing_amount"]


async def test_a_statement_is_for_whoever_has_a_key(house):
    assert (await house.get(PATH))[0] == 401
