"""Questions about the past over HTTP: own views only, with a key, one at a time."""

import asyncio

import msgspec

from exchange.domain.proofs import SignedHead
from exchange.domain.wire import Book, Positions

from .conftest import AUDITOR, BANK, OPERATOR, SUPPLIER, SYMBOL, TRADER, buy, sell


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


async def test_signed_heads_are_for_everybody_with_a_key(house):
    heads = [
        SignedHead(
            venue_id="test",
            shard="main",
            epoch=1,
            seq=seq,
            header_hash="00" * 32,
            at_ns=1,
            signature="00" * 64,
            public_key="00" * 32,
        )
        for seq in (5, 9, 20)
    ]
    house.history.heads = heads
    for key in (TRADER, BANK, AUDITOR, OPERATOR):
        status, shown = await house.get("/v1/log/heads", key)
        assert (status, msgspec.convert(shown, list[SignedHead])) == (200, heads)
    assert (await house.get("/v1/log/heads"))[0] == 401
    _, some = await house.get("/v1/log/heads?from_seq=6&limit=1", TRADER)
    assert [head["seq"] for head in some] == [9]
    status, error = await house.get("/v1/log/heads?limit=1001", TRADER)
    assert (status, error["field"]) == (400, "limit")


async def test_a_proof_waits_for_a_signature_and_is_not_for_strangers(house):
    trader = await house.session(TRADER)
    await trader.ask(buy("b"))
    seq = house.sequencer.seq
    for key in (TRADER, AUDITOR, OPERATOR):
        status, error = await house.get(f"/v1/log/proof/{seq}", key)
        assert (status, error["field"]) == (404, "seq")
        assert "signed yet" in error["message"]
    for stranger in (SUPPLIER, BANK):
        status, error = await house.get(f"/v1/log/proof/{seq}", stranger)
        assert (status, error["message"]) == (404, f"there is no record {seq}")
