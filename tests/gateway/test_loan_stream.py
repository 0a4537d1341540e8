"""The channel `loans`: what a bank and a borrower are told, and nobody else."""

import asyncio

import pytest
from msgspec.structs import replace

from exchange.domain.lending_commands import DeclineLoan, DrawLoan, RepayLoan
from exchange.domain.lending_views import Loans
from exchange.domain.wire import Done, Ping, Pong, Subscribe, Unsubscribe
from exchange.gateway import loan_feed
from exchange.gateway.border import HUB
from tests.gateway.conftest import House, eventually
from tests.rules.lending import APPLICATION, LendingMarket, terms
from tests.scenario import AUDITOR, BANK, OTHER, SUPPLIER, TRADER


@pytest.fixture
async def house(settings):
    """A venue with one loan that waits for its bank."""
    market = LendingMarket()
    market.do(TRADER, APPLICATION)
    venue = House(settings, market)
    await venue.start()
    yield venue
    await venue.stop()


async def do(house, key_id: int, command) -> None:
    """A command by the writer directly."""
    numbered = replace(command, key_id=key_id, command_id=f"w{len(house.records)}")
    outcome = await house.sequencer.execute(numbered)
    assert outcome.reason is None, outcome


async def reader(house, key_id: int):
    """A session that follows loans, and the snapshot it got."""
    socket = await house.session(key_id)
    assert isinstance(await socket.ask(Subscribe(channels=["loans"])), Done)
    return socket, await socket.until(Loans)


async def silent(socket) -> None:
    """Nothing of loans comes to this session."""
    await asyncio.sleep(0.05)
    pong = await socket.ask(Ping())
    while not isinstance(pong, Pong):
        assert not isinstance(pong, Loans), pong
        pong = await socket.receive()


@pytest.mark.parametrize("key_id", [TRADER, BANK, AUDITOR, 1])
async def test_who_has_to_do_with_a_loan_gets_it_first_and_then_every_change(house, key_id):
    socket, snapshot = await reader(house, key_id)
    assert snapshot.snapshot
    assert [loan.loan_status for loan in snapshot.loans] == ["applied"]
    await do(house, BANK, terms(90_000_000))
    told = await next_change(socket)
    assert [loan.loan_status for loan in told.loans] == ["approved"]
    await do(house, TRADER, DrawLoan(loan_id=1))
    told = await next_change(socket)
    assert [(loan.loan_status, loan.owed_amount) for loan in told.loans] == [("drawn", 90_000_000)]
    assert told.loans[0].pledges[0].pledge_status == "active"
    await do(house, TRADER, RepayLoan(loan_id=1, repaid_amount=40_000_000))
    told = await next_change(socket)
    assert told.loans[0].owed_amount == 50_000_000


async def next_change(socket) -> Loans:
    """The next message about loans that is no snapshot."""
    while True:
        told = await socket.until(Loans)
        if not told.snapshot:
            return told


@pytest.mark.parametrize("which", [OTHER, SUPPLIER, "other bank"])
async def test_to_others_there_is_nothing_to_tell(house, which):
    key_id = house.market.other_bank if which == "other bank" else which
    socket, snapshot = await reader(house, key_id)
    assert snapshot.loans == []
    await do(house, BANK, terms(90_000_000))
    await do(house, TRADER, DrawLoan(loan_id=1))
    await silent(socket)


async def test_many_changes_are_told_in_turns_and_none_is_lost(house, monkeypatch):
    monkeypatch.setattr(loan_feed, "LOANS_AT_A_TIME_COUNT", 1)
    socket, _ = await reader(house, BANK)
    for _ in range(3):
        await do(house, TRADER, APPLICATION)
    seen: set[int] = set()
    while seen != {2, 3, 4}:
        told = await next_change(socket)
        assert len(told.loans) == 1
        seen.add(told.loans[0].loan_id)


async def test_a_pool_is_told_in_pages_with_every_loan_once_while_nothing_changes(
    house, monkeypatch
):
    monkeypatch.setattr(loan_feed, "LOANS_AT_A_TIME_COUNT", 2)
    for _ in range(6):
        await do(house, TRADER, APPLICATION)
    for key_id in (BANK, TRADER, AUDITOR):
        socket, first = await reader(house, key_id)
        pages = [first]
        while pages[-1].left_count:
            told = await socket.until(Loans)
            pages += [told] if told.after_loan_id else []
        assert [page.left_count for page in pages] == [5, 3, 1, 0]
        assert [page.snapshot for page in pages] == [True, False, False, False]
        told = [loan.loan_id for page in pages for loan in page.loans]
        assert told == [1, 2, 3, 4, 5, 6, 7]
        await silent(socket)
    socket, nothing = await reader(house, OTHER)
    assert (nothing.loans, nothing.left_count) == ([], 0)


async def test_what_changes_between_two_pages_is_told_as_it_stands_last(house, monkeypatch):
    monkeypatch.setattr(loan_feed, "LOANS_AT_A_TIME_COUNT", 1)
    for _ in range(4):
        await do(house, TRADER, APPLICATION)
    await eventually(lambda: not house.projections.loans.changed)
    socket, first = await reader(house, BANK)
    slow = house.app[HUB].sessions[socket.auth.session_id]
    slow._connection.behind_bytes = lambda: 1
    for loan_id in (1, 5):
        await do(house, BANK, DeclineLoan(loan_id=loan_id))
    await do(house, TRADER, APPLICATION)
    known = {loan.loan_id: loan for loan in first.loans}
    while not {1, 5, 6} <= set(known):
        known |= {loan.loan_id: loan for loan in (await socket.until(Loans)).loans}
    del slow._connection.behind_bytes
    page = first
    while page.left_count:
        told = await socket.until(Loans)
        known |= {loan.loan_id: loan for loan in told.loans}
        page = told if told.after_loan_id else page
    ends = [known[number].loan_status for number in range(1, 7)]
    assert ends == ["ended", "applied", "applied", "applied", "ended", "applied"]


async def test_who_left_between_two_pages_is_told_no_more_of_them(house, monkeypatch):
    monkeypatch.setattr(loan_feed, "LOANS_AT_A_TIME_COUNT", 1)
    for _ in range(3):
        await do(house, TRADER, APPLICATION)
    socket, first = await reader(house, BANK)
    assert first.left_count == 3
    slow = house.app[HUB].sessions[socket.auth.session_id]
    slow._connection.behind_bytes = lambda: 1
    await socket.send(Unsubscribe(channels=["loans"]))
    await socket.until(Done)
    del slow._connection.behind_bytes
    await silent(socket)


async def test_who_left_is_told_nothing_more(house):
    socket, _ = await reader(house, TRADER)
    await socket.send(Unsubscribe(channels=["loans"]))
    await do(house, BANK, DeclineLoan(loan_id=1))
    await silent(socket)
