"""Questions about the past over HTTP: own views only, with a key, one at a time."""

import asyncio

import msgspec

from exchange.domain.wire import Book, Positions

from .conftest import BANK, SUPPLIER, SYMBOL, TRADER, buy, sell


async def test_positions_and_book_as_of_an_earlier_record_are_what_they_were(house):
    before_seq = house.sequencer.seq
    supplier, trader = await house.session(SUPPLIER), await house.session(TRADER)
    await supplier.ask(sell("s", qty=5))
    offered_seq = house.sequencer.seq
    await trader.ask(buy("b", qty=5, price=1_000))
    path = "/v1/accounts/me/positions"
    _, now = await house.get(path, TRADER)
    assert msgspec.convert(now, Positions).positions[0].title[0].qty == 5
    status, then = await house.get(f"{path}?as_of_seq={before_seq}", TRADER)
    assert (status, then["positions"], then["as_of_seq"]) == (200, [], before_seq)
    _, book = await house.get(f"/v1/book/{SYMBOL}?as_of_seq={offered_seq}", BANK)
    assert msgspec.convert(book, Book).asks == [(1_000, 5, 1)]


async def test_the_past_of_a_book_needs_a_key_and_its_present_does_not(house):
    assert (await house.get(f"/v1/book/{SYMBOL}"))[0] == 200
    assert (await house.get(f"/v1/book/{SYMBOL}?as_of_seq=3"))[0] == 401


async def test_a_record_that_is_not_yet_there_cannot_be_asked_about(house):
    status, error = await house.get("/v1/accounts/me/orders?as_of_seq=999999", TRADER)
    assert (status, error["field"]) == (400, "as_of_seq")


async def test_an_account_asks_one_question_about_the_past_at_a_time(house):
    path = "/v1/accounts/me/balances?as_of_seq=3"
    answers = await asyncio.gather(*(house.get(path, key) for key in (TRADER, TRADER, BANK)))
    assert sorted(status for status, _ in answers) == [200, 200, 503]
